"""Prints docs/cli.md: the --help text of every command, as a terminal of 100 columns shows it."""

from click.testing import CliRunner

from tracegen.cli import COMMANDS, group

HEAD = """# Command line

Made by `scripts/docs` from the programs' own help; do not edit by hand.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 done but with rejected rows, 4 the budget is reached, 5 answers of a
batch are pending, 130 interrupted, 143 or 129 ended by SIGTERM or SIGHUP.
"""


def help_text(*words: str) -> str:
    """Return what `tracegen WORDS --help` prints."""
    result = CliRunner().invoke(group, [*words, "--help"], prog_name="tracegen", terminal_width=100)
    return result.output.rstrip()


def reference() -> str:
    """Return the whole page."""
    sections = [("tracegen", help_text())] + [(f"tracegen {name}", help_text(name)) for name in COMMANDS]
    return HEAD + "".join(f"\n## {title}\n\n```text\n{text}\n```\n" for title, text in sections)


if __name__ == "__main__":
    print(reference(), end="")
