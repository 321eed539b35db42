"""The texts of rows, as the checks compare them."""

from collections.abc import Iterable

from tracegen.records import Row


def asked(row: Row) -> str:
    """Return what was asked: the user and assistant turns before the desired output, without the system prompt."""
    return "\n\n".join(message.content for message in row.prompt if message.role in ("user", "assistant"))


def instructions(row: Row) -> str:
    """Return the system prompt, or "" where there is none."""
    return "\n\n".join(message.content for message in row.prompt if message.role in ("system", "developer"))


def squeezed(text: str) -> str:
    """Return the text with all white space collapsed: what is the same to a reader."""
    return " ".join(text.split())


def first_lines(rows: Iterable[Row], most: int = 10) -> tuple[int, ...]:
    """Return the lines of the first few rows."""
    return tuple(sorted(row.line for row in rows)[:most])
