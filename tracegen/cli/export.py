"""`tracegen export`: run file -> training file."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.choosing import choice_options, read_choice
from tracegen.cli.options import quiet_option
from tracegen.cli.searching_on import below_option, min_support_option
from tracegen.wording import counted

if TYPE_CHECKING:
    from tracegen.traces.below import Below


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--target", type=click.Choice(["openai", "hf"]), default="openai", show_default=True, help="Format of the examples."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, allow_dash=True), required=True, help="File to write, or - for stdout."
)
@click.option(
    "--reasoning",
    is_flag=True,
    help="Write what a thinking teacher thought before a call, too, as reasoning_content; left out without.",
)
@min_support_option
@below_option
@choice_options
@quiet_option
def command(
    run: Path,
    target: str,
    output: Path,
    reasoning: bool,
    min_support: float | None,
    below: "Below",
    quiet: bool,
    **options: Any,
) -> None:
    """Write the examples of RUN, a run file, in the format of a trainer. Asks nothing and costs nothing.

    openai: OpenAI's format, which Azure, Together and Fireworks take too. hf: TRL's and Axolotl's, arguments as objects. With a
    file as output, the rejected rows are written beside it. Which rows are short follows from the support stored in the run.
    """
    from tracegen.exporting import chosen_outcomes, export, judge_examples
    from tracegen.jsonl import dump
    from tracegen.pipeline import rejected_path
    from tracegen.targets import TARGETS, WithReasoning
    from tracegen.traces.below import choose_floor
    from tracegen.traces.runfile import RunFile

    floor, choice = choose_floor(min_support, below), read_choice(options)
    write = WithReasoning(TARGETS[target]) if reasoning else TARGETS[target]
    with RunFile.open_run(run) as opened:
        if str(output) == "-":
            for outcome in chosen_outcomes(opened, judge_examples(opened, choice, floor), floor):
                if outcome.example is not None:
                    click.echo(dump(write(outcome.example)))
            return
        exported = export(opened, write, output, rejected_path(output), choice, floor)
    if not quiet:
        unfinished = f", {exported.unfinished:,} not finished yet" if exported.unfinished else ""
        dropped = f", {exported.dropped:,} dropped because of their support" if exported.dropped else ""
        note = f"{output}: {counted(exported.examples, 'example')} for {target}; {exported.rejected:,} rejected"
        click.echo(note + dropped + unfinished, err=True)
        if isinstance(write, WithReasoning):
            click.echo(f"  with what the teacher thought: {counted(write.calls, 'call')}", err=True)
        for reason, count in exported.reasons.most_common():
            click.echo(f"  rejected because of {reason}: {count}", err=True)
        if choice.keep_failed_searches is not None:
            click.echo(f"  failed searches kept in {exported.kept_failed}, left out of {exported.without_failed}", err=True)
