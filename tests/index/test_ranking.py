"""The order of the chunks that a query finds: fusion, and the best of many, held against the plainest way to work them out."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.index.conftest import FakeEmbedder
from tracegen.index import build_index
from tracegen.index.embedder import Vectors
from tracegen.index.lexical import Lexical, query_words
from tracegen.index.names import DEFINED, SPOKEN_OF, query_names
from tracegen.index.ranking import (
    COMMON_NAME,
    DEFINITION,
    DENSE_WEIGHT,
    IN_HEADING,
    NAMES_WEIGHT,
    SAMPLED,
    SCORE_DIGITS,
    THIN,
    WORDS_WEIGHT,
    Scores,
    _best,
    _low_bar,
    _shares,
    rank,
)
from tracegen.index.sidecar import Sidecar, read_sidecar

WORDS = (
    "map",
    "std.map",
    "the",
    "array",
    "`text`",
    "fold",
    "std.fold",
    "|>",
    "calls",
    "=",
    "values",
    "snake_case",
    "std.join",
    "std.sort",
    "xs.sort",
)


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Sidecar:
    """Build an index of names that are defined, spoken of and mentioned, some in all pages, with thin pages among them."""
    root = tmp_path_factory.mktemp("ranking")
    (root / "docs").mkdir()
    for number, name in enumerate(("fold", "map", "text", "array", "join", "sort")):
        more = "See std.map, snake_case and a |> b. " * (number % 3) + "Calls `std.fold` = all values of the array. " * (
            number % 2
        )
        # Of the pages of a name one mentions it more often than the other one.
        page = (
            f"# std.{name}\n\nCall `std.{name}` with an array. {more}\n\n## Why std.{name}\n\n{more}It calls std.{name} anew.\n"
        )
        (root / "docs" / f"{name}.md").write_text(page)
        (root / "docs" / f"more-{name}.md").write_text(
            f"# More\n\nThere is more to say of std.{name}, and of what it calls, too.\n"
        )
        (root / "docs" / f"list-{name}.md").write_text(f"# All about {name}\n\n[The {name}]({name}.md)\n")
    build_index([root / "docs"], root / "index", embedder=FakeEmbedder())
    return read_sidecar(Path(root / "index"))


@given(
    scores=st.lists(st.sampled_from([-np.inf, 0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=40),
    count=st.integers(1, 10),
    above=st.sampled_from([-np.inf, 0.0, 0.25]),
)
def test_the_best_are_those_of_a_stable_sort(scores: list[float], count: int, above: float) -> None:
    expected = sorted((i for i, score in enumerate(scores) if score > above), key=lambda i: (-scores[i], i))[:count]
    assert _best(np.array(scores, dtype=np.float32), count, above=above).tolist() == expected


@given(
    seed=st.integers(0, 1 << 16),
    size=st.integers(1, 6000),
    values=st.integers(1, 400),
    count=st.integers(1, 150),
    rising=st.booleans(),
)
@settings(max_examples=60)
def test_the_best_of_many_are_those_of_a_stable_sort(seed: int, size: int, values: int, count: int, rising: bool) -> None:
    """With few values nearly all are equal; where they rise, what is sampled of them may say too much."""
    drawn = np.random.default_rng(seed).geometric(1 / values, size=size)
    scores = np.array(np.sort(drawn) if rising else drawn, dtype=np.float32)
    scores[:: seed % 7 + 2] = -np.inf
    for above in (-np.inf, float(np.median(scores))):
        stable = np.argsort(-scores, kind="stable")
        assert _best(scores, count, above=above).tolist() == stable[scores[stable] > above][:count].tolist()


def test_the_best_are_found_where_the_sample_misleads() -> None:
    scores = np.zeros(5 * SAMPLED, dtype=np.float32)
    scores[::5] = np.arange(SAMPLED)
    # Of every fifth score, those that are looked at, 38 reach a bar that 150 are expected to reach.
    assert _low_bar(scores, 100) == SAMPLED - 38
    assert _best(scores, 100, above=-np.inf).tolist() == list(range(5 * (SAMPLED - 1), 5 * (SAMPLED - 101), -5))


@given(words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=6), count=st.integers(1, 8), only=st.integers(1, 255))
def test_a_ranking_is_the_plain_sum_of_its_parts(sidecar: Sidecar, words: list[str], count: int, only: int) -> None:
    query = " ".join(words)
    [vector] = FakeEmbedder().embed_queries([query])
    may = np.array([bool(only >> number % 8 & 1) for number in range(sidecar.manifest.chunks)])
    ranking = rank(sidecar, query, vector, count, None if may.all() else may)
    dense, lexical, scores, bonus = _plain_ranking(sidecar, query, vector, may)
    assert ranking.scores.tolist() == scores.tolist()
    ranks, word_ranks = _plain_ranks(dense, count, -np.inf), _plain_ranks(lexical, count, 0)
    best = _plain_ranks(scores, count, -np.inf)
    assert [found.number for found in ranking.found] == list(best)
    assert [*ranking.found[:2], *ranking.found[2:]] == list(ranking.found)
    for found in ranking.found:
        number = found.number
        assert found.score == float(np.round(np.float64(scores[number]), SCORE_DIGITS))
        assert (found.dense_rank, found.dense_score) == (ranks.get(number), float(dense[number]))
        assert (found.lexical_rank, found.lexical_score) == (word_ranks.get(number), float(lexical[number]))
        assert found.bonus == float(bonus[number])


def test_a_name_with_another_owner_is_found_where_it_stands_alone(sidecar: Sidecar) -> None:
    for query, path, bonus in (("xs.sort", "sort.md", DEFINITION), ("std.sort", "sort.md", DEFINITION), ("xs.none", None, 0)):
        [vector] = FakeEmbedder().embed_queries([query])
        best = rank(sidecar, query, vector, 3).found[0]
        assert best.bonus == bonus
        assert path is None or sidecar.chunk(best.number).path == path
    [vector] = FakeEmbedder().embed_queries(["a xs.sort of mine"])
    assert not any(found.bonus for found in rank(sidecar, "a xs.sort of mine", vector, 30).found)


def _plain_ranking(
    sidecar: Sidecar, query: str, vector: Vectors, may: NDArray[np.bool_]
) -> tuple[Scores, Scores, Scores, Scores]:
    """Return dense and lexical scores of all chunks, the fused ones and the bonus, each part for all chunks by bm25s itself."""

    def bm25(lexical: Lexical, words: list[str]) -> Scores:
        scores: Scores = lexical._bm25.get_scores_from_ids(lexical._bm25.get_tokens_ids(words))
        return np.where(may, scores, np.float32(0))

    names, asked = sidecar.names, query_names(query)
    dense = np.where(may, np.vecdot(sidecar.vectors, vector), np.float32(-np.inf))
    words = bm25(sidecar.words, query_words(query))
    mentioned = bm25(names, [name for name in asked.mentioned if names.frequency(name) <= max(1, COMMON_NAME * len(names))])
    marked = [mark + name for mark in (DEFINED, SPOKEN_OF) for name in asked.wanted]
    wanted = [asked.last] if asked.last and names.texts_with(marked) is None else asked.wanted
    defined, spoken_of = (bm25(names, [mark + name for name in wanted]) > 0 for mark in (DEFINED, SPOKEN_OF))
    bonus = np.where(defined, DEFINITION, np.where(spoken_of, IN_HEADING, 0)).astype(np.float32)
    fused = DENSE_WEIGHT * _shares(dense) + WORDS_WEIGHT * _shares(words) + NAMES_WEIGHT * _shares(mentioned)
    return dense, words, np.round(np.where(sidecar.catalogue.thin, THIN * fused, fused) + bonus, SCORE_DIGITS), bonus


def _plain_ranks(scores: Scores, count: int, above: float) -> dict[int, int]:
    order = sorted((i for i in range(len(scores)) if scores[i] > above), key=lambda i: (-scores[i], i))
    return {number: place for place, number in enumerate(order[:count], start=1)}


@given(scores=st.lists(st.floats(-1, 100, width=32), min_size=1))
def test_shares_keep_the_order_and_the_best_of_them_is_1(scores: list[float]) -> None:
    shares = _shares(np.array(scores, dtype=np.float32)).tolist()
    assert all(one >= other for (_, one), (_, other) in pairwise(sorted(zip(scores, shares, strict=True), reverse=True)))
    assert max(scores) <= 0 or max(shares) == 1


def test_weights_come_to_less_than_a_name() -> None:
    assert sum((DENSE_WEIGHT, WORDS_WEIGHT, NAMES_WEIGHT)) == pytest.approx(1)
    assert min(DEFINITION - IN_HEADING, IN_HEADING) >= 1
