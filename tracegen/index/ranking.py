"""A query to chunks in order: exact nearest neighbours, words and names, fused by their scores."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracegen.index.embedder import Vectors
from tracegen.index.lexical import Lexical, query_words
from tracegen.index.names import DEFINED, SPOKEN_OF, query_names, wanted_names
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


class Ranking(NamedTuple):
    """What a query finds."""

    found: list[Found]
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
    names = _name_scores(sidecar.names, query_names(query))
    named = _named(sidecar.names, wanted_names(query))
    if only is not None:
        dense = np.where(only, dense, -np.inf).astype(np.float32)
        words, names, named = (np.where(only, scores, 0) for scores in (words, names, named))
    fused = DENSE_WEIGHT * _shares(dense) + WORDS_WEIGHT * _shares(words) + NAMES_WEIGHT * _shares(names)
    # A product of the same vectors differs in its last bits from machine to machine: what differs by less is equal.
    fused = np.round(np.where(sidecar.catalogue.thin, THIN * fused, fused) + named, SCORE_DIGITS)
    dense_ranks = _ranks(_best(dense, count, above=-np.inf))
    word_ranks = _ranks(_best(words, count, above=0))
    best = _best(fused, count, above=-np.inf)
    numbers = best.tolist()
    columns = (
        numbers,
        np.round(fused[best].astype(np.float64), SCORE_DIGITS).tolist(),
        [dense_ranks.get(number) for number in numbers],
        dense[best].tolist(),
        [word_ranks.get(number) for number in numbers],
        words[best].tolist(),
        named[best].tolist(),
    )
    return Ranking([Found(*values) for values in zip(*columns, strict=True)], fused)


def _shares(scores: Scores) -> Scores:
    """Return scores as shares of the best one, or as they are where none is above 0."""
    best = float(scores.max())
    return scores / best if best > 0 else scores


def _name_scores(names: Lexical, wanted: Sequence[str]) -> Scores:
    """Return the scores of the chunks that mention names of the query."""
    return names.scores([name for name in wanted if names.frequency(name) <= max(1, COMMON_NAME * len(names))])


def _named(names: Lexical, wanted: Sequence[str]) -> Scores:
    """Return what the scores of the chunks have more whose heading has a name of the query."""
    defined = names.scores([DEFINED + name for name in wanted]) > 0
    spoken_of = names.scores([SPOKEN_OF + name for name in wanted]) > 0
    return np.where(defined, DEFINITION, np.where(spoken_of, IN_HEADING, 0)).astype(np.float32)


def _best(scores: Scores, count: int, *, above: float) -> NDArray[np.intp]:
    """Return the positions of the largest scores, largest first, of equal ones the first first; only those above a value."""
    if len(scores) <= count:
        positions = np.flatnonzero(scores > above)
    else:
        # Of the negative scores the smallest: where nearly all of 100,000 scores are the same, numpy 2.4 takes 8 ms for the
        # largest and 0.3 for the smallest (2026-11).
        threshold = -np.partition(-scores, count - 1)[count - 1]
        larger = np.flatnonzero(scores > max(threshold, above))
        # A word of every chunk gives them all one score: of those only as many as are needed are put in order.
        equal = np.flatnonzero(scores == threshold)[: count - len(larger)] if threshold > above else larger[:0]
        positions = np.sort(np.concatenate([larger, equal]))
    return positions[np.argsort(-scores[positions], kind="stable")]


def _ranks(positions: NDArray[np.intp]) -> Mapping[int, int]:
    return {position: rank for rank, position in enumerate(positions.tolist(), start=1)}
