"""`tracegen export`: run file -> training file."""

from pathlib import Path
from typing import Any

import click

from tracegen.cli.choosing import choice_options, read_choice
from tracegen.cli.options import quiet_option


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--target", type=click.Choice(["openai", "hf"]), default="openai", show_default=True, help="Format of the examples."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, allow_dash=True), required=True, help="File to write, or - for stdout."
)
@choice_options
@quiet_option
def command(run: Path, target: str, output: Path, quiet: bool, **options: Any) -> None:
    """Write the examples of RUN, a run file, in the format of a trainer. Asks nothing and costs nothing.

    openai: OpenAI's format, which Azure, Together and Fireworks take too. hf: TRL's and Axolotl's, arguments as objects. With a
    file as output, the rejected rows are written beside it.
    """
    from tracegen.exporting import chosen_outcomes, export, judge_examples
    from tracegen.jsonl import dump
    from tracegen.pipeline import rejected_path
    from tracegen.targets import TARGETS
    from tracegen.traces.runfile import RunFile

    choice = read_choice(options)
    with RunFile.open_run(run) as opened:
        if str(output) == "-":
            for outcome in chosen_outcomes(opened, judge_examples(opened, choice)):
                if outcome.example is not None:
                    click.echo(dump(TARGETS[target](outcome.example)))
            return
        exported = export(opened, TARGETS[target], output, rejected_path(output), choice)
    if not quiet:
        unfinished = f", {exported.unfinished} not finished yet" if exported.unfinished else ""
        note = f"{output}: {exported.examples} examples for {target}; {exported.rejected} rejected{unfinished}"
        click.echo(note, err=True)
        for reason, count in exported.reasons.most_common():
            click.echo(f"  rejected because of {reason}: {count}", err=True)
        if choice.keep_failed_searches is not None:
            click.echo(f"  failed searches kept in {exported.kept_failed}, left out of {exported.without_failed}", err=True)
