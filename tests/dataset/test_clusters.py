"""Clusters of embedded prompts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.dataset import clusters
from tracegen.dataset.clusters import cluster
from tracegen.index import load_embedder
from tracegen.index.embedder import Vectors

PROMPTS = [
    "sort an array of numbers in ascending order",
    "sort the numbers of a list from small to large",
    "how do I sort an array of numbers in descending order",
    "write a Kubernetes Deployment for the web server",
    "a Kubernetes Service and Deployment for the web shop",
    "encrypt a text with the Caesar cipher",
]


def around(centres: list[int], spread: float, seed: int = 1) -> Vectors:
    """Return vectors of length 1 near the axes of the given numbers."""
    vectors = np.random.default_rng(seed).normal(0, spread, (len(centres), 32)).astype(np.float32)
    vectors[np.arange(len(centres)), centres] += 1
    normal: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return normal


def test_prompts_of_one_topic_are_in_one_cluster_and_the_largest_is_number_0() -> None:
    found = cluster(load_embedder(precision="float32").embed_documents(PROMPTS))
    assert found.labels == (0, 0, 0, 1, 1, 2)
    assert found.shares == pytest.approx((3 / 6, 2 / 6, 1 / 6))
    assert found.effective == pytest.approx(np.exp(1.0114), rel=1e-3)


@pytest.mark.parametrize("rows", [0, 1, 2, 5])
def test_few_rows(rows: int) -> None:
    found = cluster(around(list(range(rows)), 0.01))
    assert found.labels == tuple(range(rows))
    assert found.effective == pytest.approx(rows)


def test_the_same_prompt_many_times_is_one_cluster() -> None:
    found = cluster(around([3] * 50, 0.0))
    assert (found.labels, found.shares) == ((0,) * 50, (1.0,))
    assert found.effective == pytest.approx(1)


def test_vectors_without_length_are_rows_too() -> None:
    assert cluster(np.zeros((3, 8), dtype=np.float32)).labels == (0, 1, 2)


def test_of_many_rows_a_sample_is_clustered_and_the_others_join(monkeypatch: pytest.MonkeyPatch) -> None:
    centres = [0] * 60 + [1] * 30 + [2] * 10
    vectors = around(centres, 0.05)
    whole = cluster(vectors)
    assert whole.labels == tuple(centres)
    monkeypatch.setattr(clusters, "LARGEST", 40)
    assert cluster(vectors) == whole
    assert cluster(vectors, seed=7) == whole


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.floats(0, 0.5), st.integers(0, 9))
def test_shares_and_labels_agree(centres: list[int], spread: float, seed: int) -> None:
    found = cluster(around(centres, spread, seed))
    counts = [found.labels.count(number) for number in range(len(found.shares))]
    assert sum(counts) == len(centres)
    assert counts == sorted(counts, reverse=True)
    assert found.shares == pytest.approx([count / len(centres) for count in counts])
    assert 1 - 1e-9 <= found.effective <= len(counts) + 1e-9
    assert cluster(around(centres, spread, seed)) == found
