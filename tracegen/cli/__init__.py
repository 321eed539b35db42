"""The command line: one file per command, and the only place that prints.

The command modules import their stage inside the function, so that `tracegen --help` loads click alone.
"""

import logging
import os
import sys
from importlib import import_module
from typing import NoReturn

import click

import tracegen
from tracegen.cli.stopping import INTERRUPTED, end_like_ctrl_c, exit_code
from tracegen.errors import AnswersPending, BudgetError, SettingsError, TracegenError

COMMANDS = (
    "index", "search", "doctor", "split", "select", "variants", "generate", "status", "inspect", "support", "export", "serve",
)  # fmt: skip
"""The commands in the order of their use; `index` lives in `tracegen/cli/index.py`, and so on."""

_EXIT_CODES = {SettingsError: 2, BudgetError: 4}
"""Of the errors that do not just mean failed."""


class _Group(click.Group):
    """The group of all commands, each loaded when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"tracegen.cli.{cmd_name}").command
        return command


@click.group(
    cls=_Group,
    context_settings={"auto_envvar_prefix": "TRACEGEN", "help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(tracegen.__version__, prog_name="tracegen")
def group() -> None:
    """Turn prompt -> output rows into rows that teach a model to look things up in your documentation.

    Every option can also be set by an environment variable: --index of generate is TRACEGEN_GENERATE_INDEX. Keys and addresses
    are those of the OpenAI SDK: OPENAI_API_KEY, OPENAI_BASE_URL.
    """


def main() -> NoReturn:
    """Run the command line and exit.

    0 done, 1 failed, 2 wrong usage or settings, 3 done but with rejected rows, 4 the budget is reached, 5 answers of a batch
    are pending, 130 interrupted, 143 or 129 ended by SIGTERM or SIGHUP, which stop a run as Ctrl-C does.
    """
    end_like_ctrl_c()
    try:
        code = group.main(prog_name="tracegen", standalone_mode=False)
    except AnswersPending as pending:
        click.echo(str(pending), err=True)
        code = 5
    except TracegenError as error:
        click.echo(f"Error: {error}", err=True)
        code = next((number for kind, number in _EXIT_CODES.items() if isinstance(error, kind)), 1)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        # Whoever presses Ctrl-C again and again is not to read about asyncio's unfinished tasks.
        logging.getLogger("asyncio").disabled = True
        click.echo(INTERRUPTED, err=True, nl=False)
        code = exit_code()
    except BrokenPipeError:
        # The reader, such as `head`, has gone. Python must not complain about it when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    sys.exit(code if isinstance(code, int) else 0)
