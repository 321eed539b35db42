"""`tracegen select`: the most varied, best supported rows."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracegen.cli.options import EXIT_WITH_REJECTED, index_option, quiet_option
from tracegen.cli.progress import Bar
from tracegen.wording import counted

if TYPE_CHECKING:
    from tracegen.selecting import Group, Selection


@click.command("select", short_help="Select the most varied, best supported rows.")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option("--best", type=click.IntRange(min=1), required=True, metavar="N", help="So many rows.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    required=True,
    help="File of the selected rows, such as best.jsonl; - is standard output.",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    default=None,
    help="Run file that knows the rows' support.  [default: NAME.run.db beside DATASET, if there is one]",
)
@index_option
@click.option("--no-support", is_flag=True, help="Select for variety alone, whatever the run file knows.")
@click.option("--language", default=None, help="Language of the outputs for the support, as in `tracegen support`.")
@click.option("--model", default=None, help="Embedding model that tells prompts apart.  [default: all-MiniLM-L6-v2]")
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    dataset: Path,
    best: int,
    output: Path,
    run: Path | None,
    index: Path,
    no_support: bool,
    language: str | None,
    model: str | None,
    quiet: bool,
) -> None:
    """Select rows of DATASET, rows or finished examples, that stand for all others, and whose traces show what they need.

    The output is in the order of choice: its first N lines are what --best N gives. Lines are copied as they stand.
    """
    from tracegen.selecting import select

    with Bar(quiet=quiet, unit="prompt") as bar:
        found = select(
            dataset,
            output,
            best,
            run=run,
            index=index,
            by_support=not no_support,
            model=model,
            language=language,
            progress=lambda done, total: bar.show("embedding", done, total),
        )
    if not quiet:
        click.echo(_summary_text(found, dataset, no_support=no_support), err=True)
    if found.unusable:
        ctx.exit(EXIT_WITH_REJECTED)


def _summary_text(found: "Selection", dataset: Path, *, no_support: bool) -> str:
    lines = [
        f"{found.chosen.rows:,} of {counted(found.all.rows, 'row')}  {found.output}",
        f"  selected  {_group_text(found.chosen)}",
        f"  all       {_group_text(found.all)}",
    ]
    if found.all.support is None and not no_support:
        lines.append("  Selected for variety alone: no run file knows these rows. --run names one.")
    if found.unusable:
        first = found.unusable[0]
        lines.append(f"  left out: {counted(len(found.unusable), 'line')}, the first {dataset}:{first.line}: {first.reason}")
    return "\n".join(lines)


def _group_text(group: "Group") -> str:
    support = "" if group.support is None else f", mean support {group.support:.2f}"
    return f"as varied as {group.topics:.1f} equal topics{support}"
