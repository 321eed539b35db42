"""Ratings: the support of each row of a run, with its leaks, made where its research ends and kept in the run file.

A stored rating is good for one version of the measure, one index and one language; others are made anew. Whatever changes the
trace of a row takes its rating away, in the same transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock
from typing import NamedTuple

from tracegen.lru import LRUCache
from tracegen.records import Chunk, Hop, Record, Row, Trace
from tracegen.traces.leaks import Leak, leaking_terms, leaks_of, passages_of
from tracegen.traces.runfile import Result, RunFile, Statement
from tracegen.traces.support import MEASURE, Passage, Support, Term, Vocabulary, passage_of, rate
from tracegen.traces.terms import terms_of

ROWS_AT_ONCE = 64
"""Ratings stored in one transaction, where many are made."""
TOP = 0.8
"""Retrievable support from which on a row counts as well supported, where nothing else is said."""


class Rating(Record):
    """What the desired output of a row needs, and what its trace has of that."""

    support: Support
    """How much of it the trace shows, with all terms."""
    leaks: tuple[Leak, ...]
    """Queries that hold what only the desired output has."""

    def lacking(self) -> tuple[Term, ...]:
        """Return the terms that the documentation has more of than the trace: not shown, or only mentioned."""
        return tuple(term for term in self.support.terms if term.status == "documented" or 0 < term.share < 1)

    def refused(self) -> int:
        """Return how many leaking queries were refused."""
        return sum(leak.outcome == "refused" for leak in self.leaks)

    def left_in(self) -> int:
        """Return how many leaking queries are in the example."""
        return sum(leak.outcome == "left in" for leak in self.leaks)

    def is_below(self, least: float) -> bool:
        """Return whether retrievable support is less than `least`; a row that needs nothing documented is not."""
        return self.support.retrievable is not None and self.support.retrievable < least


class Place(NamedTuple):
    """Where a chunk stands."""

    path: str
    headings: tuple[str, ...]
    """Title and heading path, from the document down to the section."""
    size: int
    """Characters of its text."""


class Rater:
    """Rates rows against the documentation that they were researched in. May be used by several threads."""

    def __init__(self, chunks: Callable[[], Iterable[Chunk]], index_id: str, language: str | None = None) -> None:
        """Prepare; the chunks are read when the first row is rated.

        Raises SettingsError where `language` is one that Pygments does not know.
        """
        terms_of("", language)
        self._chunks = chunks
        self._lock = Lock()
        self._read: tuple[Vocabulary, list[Place]] | None = None
        self._needs: LRUCache[Row, tuple[Term, ...]] = LRUCache(1024)
        self.index_id = index_id
        self.language = language

    @property
    def vocabulary(self) -> Vocabulary:
        """What the documentation shows."""
        return self._documentation()[0]

    @property
    def places(self) -> list[Place]:
        """Where each chunk stands, by its number."""
        return self._documentation()[1]

    def _documentation(self) -> tuple[Vocabulary, list[Place]]:
        with self._lock:
            if self._read is None:
                places: list[Place] = []
                self._read = Vocabulary(_noting(self._chunks(), places)), places
        return self._read

    def rate(self, row: Row, trace: Trace) -> Rating:
        """Return the rating of a row; where none can be found, there is no support to speak of."""
        prompt = prompt_of(row)
        support = rate(row.desired_output, prompt, passages_of(trace.hops), self.vocabulary, self.language)
        if not row.is_rated:
            support = support.model_copy(update={"support": None, "retrievable": None})
        only = [term for term in support.terms if term.status != "given"]
        return Rating(support=support, leaks=leaks_of(trace, only, prompt))

    def leaks(self, row: Row, hops: Sequence[Hop], query: str) -> bool:
        """Return whether a query, asked after these hops, holds what only the desired output of the row has."""
        return bool(leaking_terms(query, self._needs.get(row, self._find_needs), [prompt_of(row), *passages_of(hops)]))

    def _find_needs(self, row: Row) -> tuple[Term, ...]:
        terms = rate(row.desired_output, prompt_of(row), [], self.vocabulary, self.language).terms
        return tuple(term for term in terms if term.status != "given")

    # --- in the run file -------------------------------------------------------------------------------------------------

    def storing(self, row: Row, trace: Trace, rating: Rating) -> Statement:
        """Return the statement that stores the rating of a row."""
        first = trace.good_hops[0].call.id if trace.good_hops else None
        support = rating.support
        values = (row.id, MEASURE, self.index_id, self.language or "", first, support.support, support.retrievable)
        statement = (
            "INSERT OR REPLACE INTO support (row_id, measure, index_id, language, first_call, support, retrievable, rating) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        )
        return statement, (*values, rating.model_dump_json())

    def stored(self, run: RunFile) -> set[str]:
        """Return the ids of the rows whose stored rating is one that this rater would make."""
        if run.format < 3:
            return set()
        query = "SELECT row_id FROM support WHERE measure = ? AND index_id = ? AND language = ?"
        return {row_id for (row_id,) in run.fetch(query, MEASURE, self.index_id, self.language or "")}

    def rate_missing(self, run: RunFile) -> None:
        """Rate and store the finished rows of the input that have no rating, or one that this rater would not make."""
        finished = {row_id for (row_id,) in run.fetch("SELECT row_id FROM traces WHERE row_id IN (SELECT row_id FROM input)")}
        if finished - self.stored(run):
            for _ in self.rate_run(run, store=True):
                pass

    def rate_run(self, run: RunFile, *, store: bool) -> Iterator[tuple[Result, Rating | None]]:
        """Yield every line of the input, in its order, with the rating of its row; None where that is not finished.

        Those that are not stored are made and, with `store`, stored.
        """
        stored, made = self.stored(run), list[Statement]()
        for result in run.results():
            if result.row is None or result.trace is None:
                yield result, None
                continue
            known = read_rating(run, result.row.id) if result.row.id in stored else None
            rating = known or self.rate(result.row, result.trace)
            if known is None:
                made.append(self.storing(result.row, result.trace, rating))
            if store and len(made) >= ROWS_AT_ONCE:
                run.do(made)
                made = []
            yield result, rating
        if store and made:
            run.do(made)


def prompt_of(row: Row) -> Passage:
    """Return the prompt of a row as the measure sees it."""
    return passage_of("\n".join(message.content for message in row.prompt))


def read_rating(run: RunFile, row_id: str) -> Rating | None:
    """Return the stored rating of a row, or None where there is none."""
    if run.format < 3:
        return None
    found = run.fetch("SELECT rating FROM support WHERE row_id = ?", row_id)
    return Rating.model_validate_json(found[0][0]) if found else None


def stored_supports(run: RunFile) -> dict[str, float | None] | None:
    """Return the stored support of the finished rows of the input by id; None where some have none of this measure."""
    if run.format < 3:
        return None
    query = """SELECT traces.row_id, support.row_id IS NULL, support.support
               FROM traces JOIN input ON input.row_id = traces.row_id
               LEFT JOIN support ON support.row_id = traces.row_id AND measure = ?"""
    found = run.fetch(query, MEASURE)
    return None if any(is_missing for _, is_missing, _ in found) else {row_id: support for row_id, _, support in found}


def rating_of_call(run: RunFile, call_id: str) -> Rating | None:
    """Return the stored rating of the row whose example begins with this call, or None."""
    if run.format < 3:
        return None
    found = run.fetch("SELECT rating FROM support WHERE first_call = ?", call_id)
    return Rating.model_validate_json(found[0][0]) if found else None


def figures_by_call(run: RunFile) -> dict[str, tuple[float | None, int, int]]:
    """Return by the first call of each example: retrievable support, leaks left in, and leaking queries refused.

    Those are left out that another version of the measure has made.
    """
    if run.format < 3:
        return {}
    leaks = "(SELECT count(*) FROM json_each(rating, '$.leaks') WHERE json_extract(value, '$.outcome') = '{}')"
    query = f"""SELECT first_call, retrievable, {leaks.format("left in")}, {leaks.format("refused")}
                FROM support WHERE measure = ? AND first_call IS NOT NULL"""
    return {call: (retrievable, left_in, refused) for call, retrievable, left_in, refused in run.fetch(query, MEASURE)}


def _noting(chunks: Iterable[Chunk], places: list[Place]) -> Iterator[Chunk]:
    for chunk in chunks:
        headings = chunk.headings if chunk.headings[:1] == (chunk.title,) else (chunk.title, *chunk.headings)
        places.append(Place(chunk.path, headings, len(chunk.text)))
        yield chunk


class Figures(NamedTuple):
    """What the ratings of a run come to."""

    rated: int
    """Rows with a rating."""
    needing: int
    """Those of them that need something documented."""
    retrievable: float
    """Mean retrievable support of these, 0 where there are none."""
    above: int
    """Those whose retrievable support is above `TOP`."""
    searched_on: int
    """Rows whose teacher was told to search on."""
    known: int
    """Queries with terms of the desired output alone, before a teacher was told to search on."""
    refused: int
    """Such queries afterwards, which were refused."""
    left_in: int
    """Such queries afterwards that are in examples."""


def figures(run: RunFile) -> Figures:
    """Return what the stored ratings of the rows of the input come to."""
    if run.format < 3:
        return Figures(0, 0, 0.0, 0, 0, 0, 0, 0)
    own = "FROM support JOIN input ON input.row_id = support.row_id"
    query = f"SELECT count(*), count(retrievable), avg(retrievable), coalesce(sum(retrievable > ?), 0) {own}"
    ((rated, needing, mean, above),) = run.fetch(query, TOP)
    leaks = f"SELECT json_extract(each.value, '$.outcome'), count(*) {own}, json_each(rating, '$.leaks') AS each GROUP BY 1"
    counts = dict(run.fetch(leaks))
    further = "SELECT count(DISTINCT row_id) FROM events WHERE kind = 'further' AND row_id IN (SELECT row_id FROM input)"
    return Figures(
        rated=rated,
        needing=needing,
        retrievable=mean or 0.0,
        above=above,
        searched_on=run.fetch(further)[0][0],
        known=counts.get("known", 0),
        refused=counts.get("refused", 0),
        left_in=counts.get("left in", 0),
    )
