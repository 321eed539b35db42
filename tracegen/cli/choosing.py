"""The options by which findings have consequences, for every command that writes examples."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from tracegen.findings.choice import Choice

F = TypeVar("F", bound=Callable[..., Any])

error_option = click.option(
    "--error",
    multiple=True,
    metavar="CHECK",
    help="Fail where one of these checks (docs/findings.md) strikes, naming the rows; may be repeated, or have commas.",
)


def choice_options(command: F) -> F:
    """Add --drop, --error and --keep-failed-searches."""
    options = [
        click.option(
            "--drop",
            multiple=True,
            metavar="CHECK",
            help="Leave out the rows that one of these checks (docs/findings.md) strikes: they are rejected, with the reason.",
        ),
        error_option,
        click.option(
            "--keep-failed-searches",
            type=click.FloatRange(0, 1),
            default=None,
            metavar="SHARE",
            help="Largest share of the examples that keep a search that failed before one that did not; of the others the "
            "failed hops are left out.  [default: all keep them]",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_choice(options: dict[str, Any]) -> "Choice":
    """Take the options out of a command's, and return what they mean. Raises SettingsError where there is no such check."""
    from tracegen.findings.choice import choose

    return choose(options.pop("drop"), options.pop("error"), options.pop("keep_failed_searches"))
