"""Clusters and map of the prompts, with the real embedding model."""

import pytest

from tests.doctor.conftest import row
from tracegen.doctor import variety
from tracegen.doctor.records import Variety
from tracegen.index import Embedder, load_embedder

TOPICS = {
    "port": [
        "Open a network port and listen on it.",
        "Close the network port again.",
        "Which network port is open on this host?",
    ],
    "bread": ["Bake bread with rye flour.", "How long does the bread stay in the oven?", "Bread without yeast, please."],
}


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return load_embedder(precision="float32")


def examine(prompts: list[str], embedder: Embedder) -> Variety:
    return variety.examine_variety([row(line, prompt, "x") for line, prompt in enumerate(prompts, start=1)], embedder, seed=0)


def test_topics_are_told_apart_and_named(embedder: Embedder) -> None:
    found = examine([*TOPICS["port"], *TOPICS["bread"]], embedder)
    by_line = {point.line: point.cluster for point in found.points}
    assert len({by_line[line] for line in (1, 2, 3)}) == len({by_line[line] for line in (4, 5, 6)}) == 1
    assert by_line[1] != by_line[4]
    assert [set(cluster.words) & set(TOPICS) for cluster in found.clusters] == [{"port"}, {"bread"}]
    assert found.largest_share == 0.5
    assert found.effective == pytest.approx(2)


def test_one_topic_is_one_cluster(embedder: Embedder) -> None:
    found = examine([f"Bake bread with {grain} flour." for grain in ("rye", "wheat", "spelt", "oat")], embedder)
    assert (len(found.clusters), found.largest_share) == (1, 1)
    assert found.effective == pytest.approx(1)


@pytest.mark.parametrize("prompts", [["alone"], ["the same", "the same", "the same"], ["?", "!", "…"], ["", "日本語の質問"]])
def test_odd_prompts_have_a_map_too(prompts: list[str], embedder: Embedder) -> None:
    found = examine(prompts, embedder)
    assert [point.line for point in found.points] == list(range(1, len(prompts) + 1))
    assert sum(cluster.rows for cluster in found.clusters) == len(prompts)
    assert sum(cluster.share for cluster in found.clusters) == pytest.approx(1)


def test_of_many_rows_a_sample_is_embedded(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variety, "EMBEDDED", 4)
    prompts = [*TOPICS["port"], *TOPICS["bread"]]
    found = examine(prompts, embedder)
    assert found.embedded == len(found.points) == 4
    assert found == examine(prompts, embedder)
