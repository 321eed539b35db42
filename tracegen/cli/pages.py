"""Pages on standard output: as wide as the terminal, and in characters that it can write."""

import os
import shutil
import sys

import click

ASCII = str.maketrans({"▌": "|", "█": "#", "…": "...", **dict(zip("▁▂▃▄▅▆▇", ".:-=+*%", strict=True))})
"""What stands for the pages' own marks where the output cannot write them."""


def page_width() -> int:
    """Return how many columns a page has: 80 where it does not go to a terminal."""
    if not sys.stdout.isatty():
        return 80
    return min(max(shutil.get_terminal_size().columns, 40), 120)


def print_page(text: str) -> None:
    """Print a page; colours are left out where NO_COLOR is set, or the output is no terminal."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.translate(ASCII).encode(encoding, errors="backslashreplace").decode(encoding)
    click.echo(text, color=False if os.environ.get("NO_COLOR") else None)
