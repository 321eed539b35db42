"""`tracegen variants`: messy versions of prompts, and a dose of rows that need no search or find nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.asking import asking_options, budget_options, pace_options, read_asking
from tracegen.cli.options import EXIT_WITH_REJECTED, index_option, quiet_option
from tracegen.cli.progress import Bar
from tracegen.cli.stopping import run_stoppable
from tracegen.cli.usage import tokens_text
from tracegen.wording import counted, have

if TYPE_CHECKING:
    from tracegen.varying import Varied


@click.command("variants", short_help="Add messy versions of prompts, with the same desired outputs.")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="File of all rows, old and new, such as messy.jsonl."
)
@click.option(
    "--kinds",
    default=None,
    metavar="KIND,KIND",
    help="Some of typos, terse, rambling, premise; with --teacher also syntax, error, context.  [default: all]",
)
@click.option("--per-row", type=click.IntRange(min=0), default=1, show_default=True, help="Variants of each row.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Another seed gives other variants.")
@click.option(
    "--no-search",
    type=click.FloatRange(0, 0.5),
    default=0.0,
    show_default=True,
    help="Share of the output that is answered from the prompt alone, without a search.",
)
@click.option(
    "--nothing-found",
    type=click.FloatRange(0, 0.5),
    default=0.0,
    show_default=True,
    help="Share of the output that asks about names which the index does not have.",
)
@click.option(
    "--not-documented",
    default=None,
    metavar="TEXT",
    help="Desired output of those, with {name} in it.  [default: The documentation does not mention `{name}`.]",
)
@index_option
@click.option("--teacher", default=None, metavar="MODEL", help="Model that writes the variants.  [default: rules, offline]")
@click.option("--base-url", default=None, help="Address of the endpoint.  [default: OPENAI_BASE_URL, else OpenAI's own]")
@click.option(
    "--prompt", type=click.Path(path_type=Path), default=None, help="File with the model's system prompt, instead of ours."
)
@pace_options
@asking_options
@budget_options
@quiet_option
@click.pass_context
def command(ctx: click.Context, /, dataset: Path, output: Path, quiet: bool, **options: Any) -> None:
    """Write the rows of DATASET, each followed by its prompt in other words with the same desired output.

    What the desired output takes from a prompt stays in its variants: code, names, numbers. Each variant names its row in the
    field `variant_of`, and `tracegen split` keeps both on one side. A model's answers are kept beside the output
    (.variants.db): started again with the same words, nothing is asked twice.
    """
    from tracegen.varying import variants_async

    options["asking"] = read_asking(options)
    if options["kinds"] is not None:
        options["kinds"] = [kind.strip() for kind in options["kinds"].split(",") if kind.strip()]
    if options["not_documented"] is None:
        del options["not_documented"]
    with Bar(quiet=quiet, unit="variant") as bar:
        found = run_stoppable(
            variants_async(dataset, output, progress=lambda done, total: bar.show("asking", done, total), **options)
        )
    if not quiet:
        click.echo(_summary_text(found), err=True)
    if found.unusable:
        ctx.exit(EXIT_WITH_REJECTED)


def _summary_text(found: "Varied") -> str:
    made = ", ".join(f"{count} {kind}" for kind, count in sorted(found.made.items())) or "none"
    lines = [
        f"{counted(found.rows + found.made.total(), 'row')}  {found.output}",
        f"  of the dataset  {found.rows}",
        f"  made            {found.made.total()}: {made}",
    ]
    if found.bare:
        lines.append(
            f"  {counted(found.bare, 'row')} {have(found.bare)} fewer variants than wanted: nothing else in them may be changed"
        )
    lines += [f"  {kind}: {count} fewer than wanted, see docs/datasets.md" for kind, count in sorted(found.missing.items())]
    lines += [f"  left out, {reason}: {count}" for reason, count in found.refused.most_common()]
    usage = found.usage
    if usage.requests:
        lines.append(f"  this start      {counted(usage.requests, 'answer')}, {tokens_text(usage)}")
    if found.unusable:
        lines.append(f"  left out: {counted(len(found.unusable), 'line')}, the first {found.unusable[0]}")
    return "\n".join(lines)
