"""What a check is."""

import inspect
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from tracegen.findings.rows import Rows
from tracegen.traces.chat import Chat


class Check(NamedTuple):
    """One line of the table: a check over one row, or over all rows of a dataset.

    The docstring of its function is its page: the reason in the first line, then `Example:` and `To do:`.
    """

    name: str
    level: Literal["error", "warning"]
    find: Callable[[Chat], Iterator[str]] | None = None
    """Of a check over one row: yields a message for each place where it strikes."""
    find_over: Callable[[Rows], Iterator[tuple[int, str]]] | None = None
    """Of a check over a dataset: yields the place of each row that it strikes, counted from 0 and rising, and a message."""

    @property
    def reason(self) -> str:
        """Why the check exists, in a sentence."""
        return self._paragraphs()[0]

    @property
    def example(self) -> str:
        """A row that it strikes, in a sentence."""
        return self._labelled("Example: ")

    @property
    def advice(self) -> str:
        """What to do about it."""
        return self._labelled("To do: ")

    def _paragraphs(self) -> list[str]:
        text = inspect.cleandoc((self.find or self.find_over).__doc__ or "")
        return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]

    def _labelled(self, label: str) -> str:
        return next((text.removeprefix(label) for text in self._paragraphs() if text.startswith(label)), "")
