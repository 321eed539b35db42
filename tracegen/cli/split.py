"""`tracegen split`: a training file and a validation file that share nothing."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracegen.cli.options import EXIT_WITH_REJECTED, quiet_option
from tracegen.cli.progress import Bar
from tracegen.wording import counted, verb

if TYPE_CHECKING:
    from tracegen.splitting import Leak, Part, Split

LEAKS_SHOWN = 20
CLUSTERS_SHOWN = 5


@click.command("split", short_help="Hold rows out for validation, with no near-duplicate on both sides.")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "--valid",
    "share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the rows to hold out.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed gives another split.")
@click.option(
    "--train-output", "train", type=click.Path(path_type=Path), default=None, help="[default: NAME.train.jsonl beside DATASET]"
)
@click.option(
    "--valid-output", "valid", type=click.Path(path_type=Path), default=None, help="[default: NAME.valid.jsonl beside DATASET]"
)
@click.option("--model", default=None, help="Embedding model that tells topics apart.  [default: all-MiniLM-L6-v2]")
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    default=None,
    help="Run file of finished examples.  [default: NAME.run.db beside DATASET, if there is one]",
)
@click.option(
    "--check",
    type=click.Path(path_type=Path),
    default=None,
    metavar="VALID",
    help="Split nothing: say which lines of VALID nearly stand in DATASET. Exit code 1 where there are some.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    dataset: Path,
    share: float,
    seed: int,
    train: Path | None,
    valid: Path | None,
    model: str | None,
    run: Path | None,
    check: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Split DATASET, rows or finished examples, into a training file and a validation file.

    Near-duplicates of prompts or outputs, and variants of one row, stay on one side. The validation file has its share of each
    topic and of short and long rows. Lines are copied as they stand; the same DATASET and seed give the same files.
    """
    from tracegen.jsonl import dump
    from tracegen.splitting import check_split, split

    if check is not None:
        leaks = check_split(dataset, check)
        if as_json:
            click.echo(dump([leak._asdict() for leak in leaks]))
        elif not quiet or leaks:
            click.echo(_leaks_text(leaks, dataset, check), err=not leaks)
        ctx.exit(1 if leaks else 0)
    with Bar(quiet=quiet, unit="prompt") as bar:
        found = split(
            dataset,
            train,
            valid,
            share=share,
            seed=seed,
            model=model,
            run=run,
            progress=lambda done, total: bar.show("embedding", done, total),
        )
    if as_json:
        click.echo(dump(_as_json(found)))
    if not quiet:
        click.echo(_summary_text(found, dataset), err=True)
    if found.unusable:
        ctx.exit(EXIT_WITH_REJECTED)


def _leaks_text(leaks: "list[Leak]", train: Path, valid: Path) -> str:
    if not leaks:
        return f"No line of {valid} nearly stands in {train}."
    words = {"row": "is, or is a variant of,", "prompt": "has nearly the prompt of", "output": "has nearly the output of"}
    lines = [
        f"{valid}:{leak.valid_line} {words[leak.kind]} {train}:{', '.join(map(str, leak.train_lines[:5]))}"
        + (f" and {len(leak.train_lines) - 5:,} more" if len(leak.train_lines) > 5 else "")
        for leak in leaks[:LEAKS_SHOWN]
    ]
    if len(leaks) > LEAKS_SHOWN:
        lines.append(f"... and {counted(len(leaks) - LEAKS_SHOWN, 'more line')} (--json shows all)")
    lines.append(
        f"{counted(len(leaks), 'line')} of {valid} {verb(len(leaks), 'leak')}: leave out what leaks, or split both files anew, "
        "joined."
    )
    return "\n".join(lines)


def _summary_text(found: "Split", dataset: Path) -> str:
    rows = found.train + found.valid
    lines = [
        f"{counted(rows, 'row')}, {rows - found.groups:,} of them kept with an earlier near-duplicate or "
        "with the row they are variants of.",
        f"  train  {found.train:>6}  {1 - found.share:6.1%}  {found.outputs[0]}",
        f"  valid  {found.valid:>6}  {found.share:6.1%}  {found.outputs[1]}",
        f"  held out of the {counted(len(found.clusters), 'topic')}: {_parts_text(found.clusters)}",
        f"  held out of the quarters by length: {_parts_text(found.quarters)}",
        f"  largest deviation from an even share: {found.deviation:.1f} rows",
    ]
    if found.unusable:
        first = found.unusable[0]
        lines.append(f"  left out: {counted(len(found.unusable), 'line')}, the first {dataset}:{first.line}: {first.reason}")
    return "\n".join(lines)


def _parts_text(parts: "tuple[Part, ...]") -> str:
    shown = ", ".join(f"{part.valid} of {part.rows}" for part in parts[:CLUSTERS_SHOWN])
    rest = parts[CLUSTERS_SHOWN:]
    if not rest:
        return shown
    return f"{shown}, and {sum(part.valid for part in rest)} of {sum(part.rows for part in rest)} in smaller ones"


def _as_json(found: "Split") -> dict[str, object]:
    return {
        "train": {"path": str(found.outputs[0]), "rows": found.train},
        "valid": {"path": str(found.outputs[1]), "rows": found.valid},
        "groups": found.groups,
        "clusters": [part._asdict() for part in found.clusters],
        "quarters": [part._asdict() for part in found.quarters],
        "deviation": found.deviation,
        "unusable": [line._asdict() for line in found.unusable],
    }
