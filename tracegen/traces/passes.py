"""Search again where it is short: what a teacher is told after it stopped, when its row's support is too low.

First a nudge, which does not say what is missing; then, where that is wanted, a guide, which names topics of the documentation
(`tracegen.traces.topics`). Either is given once, so that a run that is started again asks for nothing twice.
"""

from collections import Counter
from functools import cached_property
from typing import Literal

from tracegen.records import Enough, Further, Trace
from tracegen.traces.ratings import Rater, Rating
from tracegen.traces.runfile import RunFile
from tracegen.traces.splice import KEPT_ENDINGS
from tracegen.traces.topics import Contents

FURTHER_HOPS = 4
"""Most calls after a nudge, and after a guide, where nothing else is said."""

MIN_SUPPORT = "min_support"
"""Where the run file keeps the support below which rows are short, as of the last start."""


class Passes:
    """Decides whether the research of a row goes on, and with which words."""

    def __init__(
        self, rater: Rater, min_support: float, *, nudge: str, guide: str | None = None, max_hops: int = FURTHER_HOPS
    ) -> None:
        """Let rows go on whose retrievable support is below `min_support`, with at most `max_hops` more calls each time.

        `nudge` and `guide` are the texts; `{topics}` in the guide is where the topics go. Without a guide there is none.
        """
        self._rater, self.min_support = rater, min_support
        self._nudge, self._guide, self.max_hops = nudge, guide, max_hops

    @property
    def guides(self) -> bool:
        """Whether rows that are short after a nudge are told topics."""
        return self._guide is not None

    @cached_property
    def _contents(self) -> Contents:
        return Contents(self._rater.vocabulary, self._rater.places)

    def further(self, trace: Trace, rating: Rating) -> Further | None:
        """Return what the teacher is told next, or None where its research is at its end."""
        retrievable = rating.support.retrievable
        kind = None if retrievable is None else self.next_kind(trace, retrievable)
        if kind is None or retrievable is None:
            return None
        further = Further(
            kind="nudge", message=self._nudge.strip(), max_hops=self.max_hops, after=len(trace.hops), retrievable=retrievable
        )
        if kind == "nudge" or self._guide is None:
            return further
        topics = self.topics(rating)
        if not topics:
            return None
        message = self._guide.strip().replace("{topics}", "\n".join(f"- {topic}" for topic in topics))
        return further.model_copy(update={"kind": "guide", "message": message, "topics": topics})

    def next_kind(self, trace: Trace, retrievable: float) -> Literal["nudge", "guide"] | None:
        """Return what kind of words makes a row with this support go on, or None where its research is at its end."""
        if retrievable >= self.min_support or trace.ended not in KEPT_ENDINGS:
            return None
        if not trace.hops or (trace.further and trace.detail):
            # A row that is to be answered without a search, or one where searching on has failed.
            return None
        # What ended early because it was enough then may be gone on with when more is wanted.
        done = {further.kind for further in (trace.further[:-1] if trace.enough else trace.further)}
        if not done:
            return "nudge"
        return None if self._guide is None or "guide" in done else "guide"

    def enough(self, rating: Rating) -> Enough | None:
        """Return what ends searching on, or None where the support is not enough yet."""
        retrievable = rating.support.retrievable
        return Enough(retrievable=retrievable) if retrievable is not None and retrievable >= self.min_support else None

    def topics(self, rating: Rating) -> tuple[str, ...]:
        """Return the topics that lead to what a row lacks."""
        hidden = [term for term in rating.support.terms if term.status in ("documented", "undocumented")]
        return self._contents.topics(rating.lacking(), hidden)

    def short_rows(self, run: RunFile) -> list[str]:
        """Return the ids of the finished rows of the input whose stored support is too low, in the order of the input."""
        query = """SELECT input.row_id FROM input JOIN support ON support.row_id = input.row_id
                   JOIN traces ON traces.row_id = input.row_id WHERE retrievable < ? AND hops > 0 ORDER BY input.line"""
        return [row_id for (row_id,) in run.fetch(query, self.min_support)]

    def count_next(self, run: RunFile) -> Counter[str]:
        """Return how many finished rows go on with which kind of words, by their stored support."""
        kinds = Counter[str]()
        for row_id in self.short_rows(run):
            query = "SELECT trace, retrievable FROM traces JOIN support USING (row_id) WHERE row_id = ?"
            ((trace, retrievable),) = run.fetch(query, row_id)
            if kind := self.next_kind(Trace.model_validate_json(trace), retrievable):
                kinds[kind] += 1
        return kinds
