"""Rows that stand for all others."""

import math
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tracegen.dataset.select import most_varied

Floats = NDArray[np.float32]
PROBLEMS = st.tuples(st.integers(1, 9), st.integers(0, 10_000), st.booleans())


class Problem(NamedTuple):
    vectors: Floats
    labels: list[int]
    quality: Floats


def problem(rows: int, seed: int, rated: bool) -> Problem:
    """Return vectors of length 1, some of them copies, a topic and a quality of each."""
    random = np.random.default_rng(seed)
    vectors = random.normal(size=(rows, 4)).astype(np.float32)
    vectors = vectors[random.integers(0, rows, rows)]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    quality = random.random(rows).astype(np.float32) if rated else np.ones(rows, dtype=np.float32)
    return Problem(vectors, random.integers(0, 3, rows).tolist(), quality)


def value(given: Problem, chosen: list[int]) -> float:
    """Return coverage and diversity of chosen rows, each as a share of that of all."""
    everything = list(range(len(given.labels)))
    return sum(_reached(given, chosen, part) / _reached(given, everything, part) for part in (0, 1))


def _reached(given: Problem, chosen: list[int], part: int) -> float:
    if part == 0:
        benefit = np.maximum(given.vectors @ given.vectors[chosen].T, 0) * given.quality[chosen]
        return float(benefit.max(axis=1, initial=0).sum())
    return sum(math.sqrt(sum(float(given.quality[j]) for j in chosen if given.labels[j] == topic)) for topic in range(3))


@given(PROBLEMS, st.integers(1, 9))
def test_each_choice_is_a_best_one(given: tuple[int, int, bool], best: int) -> None:
    rows = problem(*given)
    chosen = most_varied(*rows, best)
    assert len(chosen) == len(set(chosen)) == min(best, len(rows.labels))
    for number, position in enumerate(chosen):
        before = chosen[:number]
        others = [value(rows, [*before, other]) for other in range(len(rows.labels)) if other not in before]
        assert value(rows, [*before, position]) == pytest.approx(max(others), abs=1e-5)


@given(PROBLEMS, st.integers(1, 4))
def test_the_choice_is_at_least_as_good_as_promised(given: tuple[int, int, bool], best: int) -> None:
    rows = problem(*given)
    best = min(best, len(rows.labels))
    optimum = max(value(rows, list(each)) for each in combinations(range(len(rows.labels)), best))
    assert value(rows, most_varied(*rows, best)) >= (1 - 1 / math.e) * optimum - 1e-5


@given(PROBLEMS, st.integers(1, 9), st.integers(1, 9))
def test_a_smaller_choice_begins_a_larger_one(given: tuple[int, int, bool], one: int, other: int) -> None:
    rows = problem(*given)
    small, large = sorted((one, other))
    assert most_varied(*rows, large)[:small] == most_varied(*rows, small)


def test_one_of_each_topic_and_the_better_of_equals() -> None:
    vectors, labels = np.repeat(np.eye(3, dtype=np.float32), [4, 2, 3], axis=0), [0, 0, 0, 0, 1, 1, 2, 2, 2]
    assert most_varied(vectors, labels, np.ones(9, dtype=np.float32), 3) == [0, 6, 4]
    quality = np.array([0.5, 1, 0.5, 0.5, 0.1, 0.2, 1, 1, 1], dtype=np.float32)
    assert most_varied(vectors, labels, quality, 3) == [1, 6, 5]
    assert most_varied(vectors[:0], [], quality[:0], 3) == []
    assert most_varied(vectors, labels, np.zeros(9, dtype=np.float32), 2) == [0, 1]
