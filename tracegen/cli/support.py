"""`tracegen support`: how much of what each desired output needs is visible in what was retrieved."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.judging import ask_judge, judge_options, judge_page, judgement_json
from tracegen.cli.options import index_option, quiet_option
from tracegen.cli.progress import Bar
from tracegen.cli.searching_on import language_option
from tracegen.wording import counted, verb

if TYPE_CHECKING:
    from tracegen.proof import RatedRow
    from tracegen.traces.ratings import Rating
    from tracegen.traces.runfile import RunFile

ROWS_SHOWN = 20
TERMS_SHOWN = 6


@click.command("support", short_help="Rate how much of what each desired output needs its trace shows.")
@click.argument("run", type=click.Path(path_type=Path))
@index_option
@language_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each row, with all its terms.")
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(path_type=Path),
    default=None,
    help="Write a table with a line for each row; - is standard output.",
)
@click.option("--all", "all_rows", is_flag=True, help="Show every row, not only the least supported ones.")
@judge_options
@quiet_option
def command(
    run: Path,
    index: Path,
    language: str | None,
    as_json: bool,
    csv_file: Path | None,
    all_rows: bool,
    quiet: bool,
    **judge: Any,
) -> None:
    """Rate how much of what each desired output needs is shown in its trace: the least supported rows first.

    RUN is a run file; what is measured is stored in it, for `inspect` and `export`. A term of the output (a name, operator,
    flag, rare word) is given in the prompt, shown in a return, documented in the index but not shown, or undocumented.
    docs/support.md has the formula and its limits. No model is asked unless --judge names one, with the options after it: what
    that one answers is kept in the run file, never asked twice.
    """
    from tracegen.jsonl import dump
    from tracegen.proof import make_rater, rate_run, write_csv

    with _opened(run, quiet) as (opened, store), Bar(quiet=quiet, unit="row") as progress:
        total = opened.counts()["lines"]
        rows = []
        for number, row in enumerate(rate_run(opened, make_rater(opened, index, language), store=store), start=1):
            rows.append(row)
            progress.show("support", number, total)
    with Bar(quiet=quiet, unit="row") as progress:
        verdict = ask_judge(run, {row.line: row.rating.support.support for row in rows if row.rating}, judge, progress)
    if csv_file is not None:
        write_csv(rows, csv_file)
        if not quiet:
            click.echo(f"{csv_file}: {counted(len(rows), 'row')}", err=True)
    elif as_json:
        judged = {each.case.line: each for each in verdict.judged} if verdict else {}
        for row in rows:
            if row.rating is not None:
                said = {"judge": judgement_json(judged.get(row.line))} if verdict else {}
                leaks = [leak.model_dump(mode="json") for leak in row.rating.leaks]
                click.echo(dump({"line": row.line, **row.rating.support.model_dump(mode="json"), "leaks": leaks, **said}))
    else:
        click.echo(_page(rows, all_rows))
    if verdict:
        click.echo(f"\n{judge_page(verdict, judge['judge'])}", err=as_json)


@contextlib.contextmanager
def _opened(path: Path, quiet: bool) -> "Iterator[tuple[RunFile, bool]]":
    """Open a run file for storing what is measured or, where that cannot be, for reading."""
    from tracegen.errors import BusyError, OutputError
    from tracegen.traces.runfile import RunFile

    try:
        run, store = RunFile.open_existing(path), True
    except (BusyError, OutputError) as error:
        run, store = RunFile.open_run(path), False
        if not quiet:
            click.echo(f"Nothing is stored: {error}", err=True)
    with run:
        yield run, store


def _page(rows: "list[RatedRow]", all_rows: bool) -> str:
    found = [(row.line, row.rating) for row in rows if row.rating is not None and row.rating.support.support is not None]
    rated = sorted(found, key=lambda row: (row[1].support.support or 0, row[0]))
    if not rated:
        return "No finished row needs anything that its prompt does not give."
    high = sum(1 for _, rating in rated if (rating.support.retrievable or 0) > 0.8)
    mean = sum(rating.support.support or 0 for _, rating in rated) / len(rated)
    lines = [
        f"{counted(len(rows), 'row')}, {len(rated):,} of them {verb(len(rated), 'need')} something that the prompt does not "
        "give.",
        f"support: {mean:.2f} on average; retrievable support above 0.8: {counted(high, 'row')}, {high / len(rated):.0%}",
        *_further(rows),
        "",
        "  line  support  retrievable  not shown (undocumented ones with !, those only mentioned with ~)",
    ]
    shown = rated if all_rows else rated[:ROWS_SHOWN]
    lines += [_line(line, rating) for line, rating in shown]
    if len(shown) < len(rated):
        lines.append(f"  ... and {counted(len(rated) - len(shown), 'better one')} (--all shows them)")
    return "\n".join(lines)


def _further(rows: "list[RatedRow]") -> list[str]:
    on = sum(bool(row.trace and row.trace.further) for row in rows)
    ratings = [row.rating for row in rows if row.rating is not None]
    if not on:
        return []
    left_in, refused = sum(rating.left_in() for rating in ratings), sum(rating.refused() for rating in ratings)
    return [f"searched on: {counted(on, 'row')}; leaks in examples: {left_in}, leaking queries refused: {refused}"]


def _line(line: int, rating: "Rating") -> str:
    support = rating.support
    retrievable = "     -" if support.retrievable is None else f"{support.retrievable:6.2f}"
    missing = [(term.weight, f"{term.text}!") for term in support.of("undocumented")]
    missing += [(term.weight, term.text) for term in support.of("documented")]
    missing += [(term.weight, f"{term.text}~") for term in support.of("shown") if term.share < 1]
    missing.sort(key=lambda each: (-each[0], each[1]))
    names = ", ".join(name for _, name in missing[:TERMS_SHOWN])
    more = f", +{len(missing) - TERMS_SHOWN}" if len(missing) > TERMS_SHOWN else ""
    return f"  {line:>4}  {support.support:7.2f}  {retrievable:>11}  {names}{more}".rstrip()
