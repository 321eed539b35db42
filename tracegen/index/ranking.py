"""A query to chunks in order: exact nearest neighbours, words and names, fused by their scores."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from tracegen.index.embedder import Vectors
from tracegen.index.lexical import Lexical, query_words
from tracegen.index.names import DEFINED, SPOKEN_OF, query_names
from tracegen.index.sidecar import Sidecar

# A convex combination of scores, each as a share of the best one's (Bruch, Gai and Ingber, ACM TOIS 2023), instead of
# reciprocal rank fusion: how far the first is ahead of the second, ranks do not tell. Figures in docs/retrieval.md.
DENSE_WEIGHT = 0.4
WORDS_WEIGHT = 0.24
NAMES_WEIGHT = 0.36
CANDIDATES = 100
SCORE_DIGITS = 5

DEFINITION = 2.0
"""What the score of a chunk has more whose section has a name of the query as its heading: more than the rest can come to."""
IN_HEADING = 1.0
"""And where the name is a part of the heading."""
COMMON_NAME = 0.2
"""A name in a larger share of the chunks, such as `=`, says nothing."""
THIN = 0.5
"""What the score of a thin chunk is multiplied with."""
SAMPLED = 512
"""From so many scores, about, it is estimated how large the best ones are."""
SPARE = 8
"""And so many more of them are taken, lest the estimate be too high: with 100,000 scores it is that of the 1,500 best."""
MANY = 16
"""With so many times as many scores as are wanted they are not all put in order."""

Scores = NDArray[np.float32]


class Found(NamedTuple):
    """A chunk that a query found, and why."""

    number: int
    """Its place in the order of the documentation."""
    score: float
    """The fused score, at most 1, and the bonus; larger is better."""
    dense_rank: int | None
    """Place among the nearest embeddings, from 1."""
    dense_score: float
    """Cosine similarity."""
    lexical_rank: int | None
    """Place among the BM25 results of the words, from 1."""
    lexical_score: float
    """BM25 score of the words."""
    bonus: float
    """What the score has more because the section has a name of the query in its heading: DEFINITION, IN_HEADING or 0."""


class _Founds(Sequence[Found]):
    """The best chunks, given by number and score, with what the parts of the ranking say of all; few of them are looked at."""

    def __init__(self, numbers: list[int], scores: list[float], dense: "_Part", words: "_Part", bonus: Scores | None) -> None:
        self._numbers = numbers
        self._scores = scores
        self._dense = dense
        self._words = words
        self._bonus = bonus

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> Found: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Found]: ...

    def __getitem__(self, place: int | slice) -> Found | Sequence[Found]:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        number, dense, words = self._numbers[place], self._dense, self._words
        return Found(
            number,
            self._scores[place],
            dense.ranks.get(number),
            dense.scores.item(number),
            words.ranks.get(number),
            words.scores.item(number),
            0.0 if self._bonus is None else self._bonus.item(number),
        )


class _Part(NamedTuple):
    """What one of the searches behind a ranking says."""

    scores: Scores
    """The scores of all chunks."""
    ranks: Mapping[int, int]
    """The places of its best chunks, from 1."""


class Ranking(NamedTuple):
    """What a query finds."""

    found: Sequence[Found]
    """The best chunks, best first, equally good ones in the order of the documentation."""
    scores: Scores
    """The scores of all chunks, shape (n,); -inf for one that may not be found."""


def rank(sidecar: Sidecar, query: str, vector: Vectors, count: int, only: NDArray[np.bool_] | None = None) -> Ranking:
    """Return the chunks that a query finds.

    `vector` is the query's embedding. Each of the searches gives its best `count` chunks; `only` is true of those that may be
    found. There is at least one chunk for every one that may be found, up to `count`.
    """
    # Not `@`: BLAS takes all cores for it, and their threads spin while they wait; a search beside other work took three times
    # the CPU. This is no slower alone either (100,000 chunks: 5 ms, and 12 with one thread of OpenBLAS, 2026-11).
    dense: Scores = np.vecdot(sidecar.vectors, vector)
    words = sidecar.words.scores(query_words(query))
    asked = query_names(query)
    names, named = _name_scores(sidecar.names, asked.mentioned), _named(sidecar.names, asked.wanted)
    if named is None and asked.last:
        named = _named(sidecar.names, [asked.last])
    if only is not None:
        left_out = ~only
        np.copyto(dense, -np.inf, where=left_out)
        for scores in (words, names):
            if scores is not None:
                np.copyto(scores, 0, where=left_out)
    fused = DENSE_WEIGHT * _shares(dense)
    fused += WORDS_WEIGHT * _shares(words)
    if names is not None:
        fused += NAMES_WEIGHT * _shares(names)
    np.copyto(fused, THIN * fused, where=sidecar.catalogue.thin)
    if named is not None:
        fused += named
    # A product of the same vectors differs in its last bits from machine to machine: what differs by less is equal.
    np.round(fused, SCORE_DIGITS, out=fused)
    best = _best(fused, count, above=-np.inf)
    found = _Founds(
        best.tolist(),
        np.round(fused[best].astype(np.float64), SCORE_DIGITS).tolist(),
        _Part(dense, _ranks(_best(dense, count, above=-np.inf))),
        _Part(words, _ranks(_best(words, count, above=0))),
        named,
    )
    return Ranking(found, fused)


def _shares(scores: Scores) -> Scores:
    """Return scores as shares of the best one, or as they are where none is above 0."""
    best = float(scores.max())
    return scores / best if best > 0 else scores


def _name_scores(names: Lexical, mentioned: Sequence[str]) -> Scores | None:
    """Return the scores of the chunks that mention names of the query; None where no chunk does."""
    telling = [name for name in mentioned if 0 < names.frequency(name) <= max(1, COMMON_NAME * len(names))]
    return names.scores(telling) if telling else None


def _named(names: Lexical, wanted: Sequence[str]) -> Scores | None:
    """Return what the scores of the chunks have more whose heading has a name of the query; None where there is no such one."""
    spoken_of = names.texts_with([SPOKEN_OF + name for name in wanted])
    defined = names.texts_with([DEFINED + name for name in wanted])
    if spoken_of is None and defined is None:
        return None
    named = np.zeros(len(names), dtype=np.float32)
    for texts, bonus in ((spoken_of, IN_HEADING), (defined, DEFINITION)):
        if texts is not None:
            named[texts] = bonus
    return named


def _best(scores: Scores, count: int, *, above: float) -> NDArray[np.intp]:
    """Return the positions of the largest scores, largest first, of equal ones the first first; only those above a value."""
    bar = _low_bar(scores, count)
    positions = np.flatnonzero(scores >= bar if bar > above else scores > above)
    if len(positions) < count and bar > above:  # it was too high
        positions = np.flatnonzero(scores > above)
    values = -scores[positions]
    if len(values) > MANY * count:
        # Of the negative scores the smallest: where nearly all of 100,000 scores are the same, numpy 2.4 takes 8 ms for the
        # largest and 0.3 for the smallest (2026-11).
        threshold = np.partition(values, count - 1)[count - 1]
        better = np.flatnonzero(values < threshold)
        # A word of every chunk gives them all one score: of those only as many as are needed are put in order.
        equal = np.flatnonzero(values == threshold)[: count - len(better)]
        kept = np.sort(np.concatenate([better, equal]))
        positions, values = positions[kept], values[kept]
    return positions[np.argsort(values, kind="stable")[:count]]


def _low_bar(scores: Scores, count: int) -> float:
    """Return what somewhat more than `count` of the scores reach, most likely, going by some of them."""
    step = max(1, len(scores) // SAMPLED)
    some = np.sort(scores[::step])
    return float(some[-min(len(some), 3 * count // 2 // step + SPARE)])


def _ranks(positions: NDArray[np.intp]) -> Mapping[int, int]:
    return dict(zip(positions.tolist(), range(1, len(positions) + 1), strict=True))
