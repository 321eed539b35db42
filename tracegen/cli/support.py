"""`tracegen support`: how much of what each desired output needs is visible in what was retrieved."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.judging import ask_judge, judge_options, judge_page, judgement_json
from tracegen.cli.options import index_option, quiet_option
from tracegen.cli.progress import Bar

if TYPE_CHECKING:
    from tracegen.proof import RowSupport
    from tracegen.traces.support import Support

ROWS_SHOWN = 20
TERMS_SHOWN = 6


@click.command("support", short_help="Rate how much of what each desired output needs its trace shows.")
@click.argument("run", type=click.Path(path_type=Path))
@index_option
@click.option(
    "--language", default=None, help="Language of the outputs, where Pygments knows it; else a general rule reads them."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON line for each row, with all its terms.")
@click.option("--all", "all_rows", is_flag=True, help="Show every row, not only the least supported ones.")
@judge_options
@quiet_option
def command(run: Path, index: Path, language: str | None, as_json: bool, all_rows: bool, quiet: bool, **judge: Any) -> None:
    """Rate how much of what each desired output needs is shown in its trace: the least supported rows first.

    RUN is a run file. A term of the output (a name, operator, flag, rare word) is given in the prompt, shown in a return,
    documented in the index but not shown, or undocumented. docs/support.md has the formula and its limits. No model is asked
    unless --judge names one, with the options after it: what that one answers is kept in the run file, never asked twice.
    """
    from tracegen.jsonl import dump
    from tracegen.proof import rate_run
    from tracegen.traces.runfile import RunFile

    with RunFile.open_run(run) as opened, Bar(quiet=quiet, unit="row") as progress:
        total = opened.counts()["finished"]
        rows = []
        for number, row in enumerate(rate_run(opened, index, language), start=1):
            rows.append(row)
            progress.show("support", number, total)
    with Bar(quiet=quiet, unit="row") as progress:
        verdict = ask_judge(run, {row.line: row.support.support for row in rows}, judge, progress)
    if as_json:
        judged = {each.case.line: each for each in verdict.judged} if verdict else {}
        for row in rows:
            said = {"judge": judgement_json(judged.get(row.line))} if verdict else {}
            click.echo(dump({"line": row.line, **row.support.model_dump(mode="json"), **said}))
    else:
        click.echo(_page(rows, all_rows))
    if verdict:
        click.echo(f"\n{judge_page(verdict, judge['judge'])}", err=as_json)


def _page(rows: "list[RowSupport]", all_rows: bool) -> str:
    rated = sorted((row for row in rows if row.support.support is not None), key=lambda row: (row.support.support, row.line))
    if not rated:
        return "No finished row needs anything that its prompt does not give."
    high = sum(1 for row in rated if (row.support.retrievable or 0) > 0.8)
    mean = sum(row.support.support or 0 for row in rated) / len(rated)
    lines = [
        f"{len(rows)} rows, {len(rated)} of them need something that the prompt does not give.",
        f"support: {mean:.2f} on average; retrievable support above 0.8: {high} rows, {high / len(rated):.0%}",
        "",
        "  line  support  retrievable  not shown (undocumented ones with !, those only mentioned with ~)",
    ]
    shown = rated if all_rows else rated[:ROWS_SHOWN]
    lines += [_line(row.line, row.support) for row in shown]
    if len(shown) < len(rated):
        lines.append(f"  ... and {len(rated) - len(shown)} better ones (--all shows them)")
    return "\n".join(lines)


def _line(line: int, support: "Support") -> str:
    retrievable = "     -" if support.retrievable is None else f"{support.retrievable:6.2f}"
    missing = [(term.weight, f"{term.text}!") for term in support.of("undocumented")]
    missing += [(term.weight, term.text) for term in support.of("documented")]
    missing += [(term.weight, f"{term.text}~") for term in support.of("shown") if term.share < 1]
    missing.sort(key=lambda each: (-each[0], each[1]))
    names = ", ".join(name for _, name in missing[:TERMS_SHOWN])
    more = f", +{len(missing) - TERMS_SHOWN}" if len(missing) > TERMS_SHOWN else ""
    return f"  {line:>4}  {support.support:7.2f}  {retrievable:>11}  {names}{more}".rstrip()
