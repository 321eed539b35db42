"""Support in the summary of a file whose run is known: joined by the id of a row's first call."""

from array import array
from collections.abc import Iterable, Iterator
from statistics import fmean
from typing import Any

from tracegen.jsonl import Line
from tracegen.review.accumulate import Top
from tracegen.review.figures import ShortRow, Supported
from tracegen.traces.below import TERMS_NAMED
from tracegen.traces.chat import read_chat
from tracegen.traces.ratings import TOP, Rating, figures_by_call, rating_of_call
from tracegen.traces.runfile import RunFile

SHOWN_ROWS = 10
"""Number of least supported rows."""
STEPS = 5
"""Bars of the distribution."""


class Watch:
    """Reads along while a file is summarised, and says at the end what the support of its rows comes to."""

    def __init__(self, run: RunFile, least: float | None) -> None:
        """Take an open run; rows below `least` are short, below `TOP` where that is None."""
        self._run, self._least = run, TOP if least is None else least
        self._figures = figures_by_call(run)
        self._shares = array("d")
        self._rated = self._short = self._left_in = self._refused = 0
        self._top: Top[tuple[int, str]] = Top(SHOWN_ROWS)

    def along(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield the lines as they are."""
        for line in lines:
            call = first_call(line.value)
            if call in self._figures:
                self._add(line.number, str(call))
            yield line

    def supported(self) -> Supported | None:
        """Return what there is to say, None where no row of the file is of the run, or none is rated."""
        if not self._rated:
            return None
        counts = [0] * STEPS
        for share in self._shares:
            counts[min(STEPS - 1, int(share * STEPS))] += 1
        return Supported(
            rated=self._rated,
            needing=len(self._shares),
            mean=fmean(self._shares) if self._shares else 0.0,
            above=sum(share > TOP for share in self._shares),
            histogram=tuple(counts),
            least=self._least,
            below=self._short,
            leaks=self._left_in,
            refused=self._refused,
            short=tuple(short_row(line, rating_of_call(self._run, call)) for line, call in self._top),
        )

    def _add(self, number: int, call: str) -> None:
        retrievable, left_in, refused = self._figures[call]
        self._rated += 1
        self._left_in += left_in
        self._refused += refused
        if retrievable is None:
            return
        self._shares.append(retrievable)
        if retrievable < self._least:
            self._short += 1
            self._top.add(-retrievable, (number, call))


def first_call(row: Any) -> str | None:
    """Return the id of the first call of a chat row, or None."""
    if not isinstance(row, dict):
        return None
    return next((call.id for turn in read_chat(row).turns for call in turn.calls if call.id), None)


def short_row(line: int, rating: Rating | None) -> ShortRow:
    """Return what is shown of a row that is short."""
    support = rating.support if rating else None
    return ShortRow(
        line=line,
        retrievable=(support.retrievable or 0.0) if support else 0.0,
        support=(support.support or 0.0) if support else 0.0,
        missing=tuple(term.text for term in rating.lacking()[:TERMS_NAMED]) if rating else (),
    )
