"""Numbers, names and paths as words of a sentence."""

import shlex
from collections.abc import Sequence
from pathlib import Path

NAMED = 5
"""Terms, words or pages named in a sentence."""


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: `1 row`, `1,200 rows`; the plural is given where it is not the noun with an s."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def of(part: int, whole: int, noun: str = "row") -> str:
    """Return a part with its share: `3 of 113 rows (3%)`."""
    share = part / whole if whole else 0.0
    return f"{part:,} of {counted(whole, noun)} ({'<1%' if 0 < share < 0.005 else f'{share:.0%}'})"


def are(number: int) -> str:
    """Return `is` or `are`."""
    return "is" if number == 1 else "are"


def were(number: int) -> str:
    """Return `was` or `were`."""
    return "was" if number == 1 else "were"


def have(number: int) -> str:
    """Return `has` or `have`."""
    return "has" if number == 1 else "have"


def do(number: int) -> str:
    """Return `does` or `do`."""
    return "does" if number == 1 else "do"


def verb(number: int, word: str) -> str:
    """Return a verb as it goes with a number of things: `needs` or `need`."""
    return f"{word}s" if number == 1 else word


def listed(names: Sequence[str], total: int | None = None) -> str:
    """Return the first few names, and how many more there are; `total` where the others were left out before."""
    more = (len(names) if total is None else total) - len(names[:NAMED])
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more else "")


def named_lines(lines: Sequence[int], most: int = 12) -> str:
    """Return the lines of rows: `lines 3, 17, 20 and 4 more`."""
    more = f" and {len(lines) - most:,} more" if len(lines) > most else ""
    return f"{'line' if len(lines) == 1 else 'lines'} {', '.join(map(str, lines[:most]))}{more}"


def in_shell(path: Path | str) -> str:
    """Return a path as it stands in a command that is to be pasted."""
    return shlex.quote(str(path))
