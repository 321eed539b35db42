"""Options about rows whose support is too low: to search on, and what becomes of those that stay short."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

min_support_option = click.option(
    "--min-support",
    type=click.FloatRange(0, 1),
    default=None,
    metavar="SHARE",
    help="Rows with less retrievable support than this, such as 0.8, are short: see --below, docs/support.md.",
)
below_option = click.option(
    "--below",
    type=click.Choice(["keep", "drop", "reject"]),
    default="keep",
    show_default=True,
    help="What becomes of rows below --min-support: kept, left out, or put among the rejected ones with the reason.",
)
language_option = click.option(
    "--language", default=None, help="Language of the outputs, where Pygments knows it; else a general rule reads them."
)


def searching_on_options(command: F) -> F:
    """Add the options to a command that researches."""
    options = [
        click.option(
            "--min-support",
            type=click.FloatRange(0, 1),
            default=None,
            metavar="SHARE",
            help="Rows with less retrievable support than this, such as 0.8, are searched on, finished ones too: the teacher "
            "is told to look again, but not what is missing. See docs/support.md.",
        ),
        click.option(
            "--guide", is_flag=True, help="Rows that are still short: the teacher is told which topics are missing, no names."
        ),
        click.option(
            "--further-hops",
            type=click.IntRange(min=1),
            default=4,
            show_default=True,
            help="Most calls after each of both, beyond --max-hops.",
        ),
        below_option,
        language_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command
