"""A cross-encoder made for the benchmark: what it learns from, and that it learns."""

import json
from pathlib import Path

import pytest
import torch

from bench.train_reranker import OTHERS, Example, Trained, all_examples, examples_of
from tests.index.conftest import FakeEmbedder, paragraph
from tracegen.index.reranker import Reranker

COLOURS = ("red", "blue", "green", "gold", "black")
TOPICS = ("Walking through trees", "Sorting many values", "Opening a file", "Closing every door", "Reading the clock")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number, topic in enumerate(TOPICS):
        body = f"{topic} is explained here. {paragraph(number, words=120)}"
        (folder / f"page{number}.md").write_text(
            f"# Page {number}\n\n{paragraph(number + 20, words=120)}\n\n## {topic}\n\n{body}\n"
        )
    twice = f"# Two pages\n\n{paragraph(30, words=120)}\n\n## Opening a file\n\n{paragraph(31, words=120)}\n"
    (folder / "twice.md").write_text(f"{twice}\n## Notes\n\n{paragraph(32, words=120)}\n")
    return folder


def test_a_heading_asks_for_its_section_and_is_in_no_text(docs: Path) -> None:
    found = {one.query: one.texts for one in examples_of(docs, FakeEmbedder())}
    # One that is there twice has no section of its own, and one word says too little.
    assert set(found) >= set(TOPICS) - {"Opening a file"}
    assert "Opening a file" not in found
    assert "Notes" not in found
    for number, topic in enumerate(TOPICS):
        if topic in found:
            right, *others = found[topic]
            assert paragraph(number, words=120) in right
            assert len(others) >= OTHERS
            assert not any(topic.lower() in text.lower() for text in found[topic])
            assert not any(paragraph(number, words=120) in text for text in others)


def test_examples_are_kept(docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.train_reranker.load_embedder", FakeEmbedder)
    kept = tmp_path / "examples.jsonl"
    made = all_examples([docs], kept)
    assert len(made) == len(kept.read_text().splitlines()) > OTHERS
    assert json.loads(kept.read_text().splitlines()[0])["query"] == made[0].query
    assert all_examples([], kept) == made


def test_what_is_learned_is_what_the_search_loads(tmp_path: Path) -> None:
    def example(colour: str) -> Example:
        return Example(f"the {colour} one", [f"it is {colour}", *(f"it is {other}" for other in COLOURS if other != colour)])

    trained, untouched = Trained(), Trained()
    trained.train([*map(example, COLOURS)], steps=2)
    trained.save(tmp_path / "model")
    pairs = [(f"the {colour} one", "it is red") for colour in COLOURS]
    loaded = Reranker("trained", tmp_path / "model")._model.predict(pairs)
    with torch.no_grad():
        ours, before = (torch.sigmoid(model.scores(pairs)).numpy() for model in (trained, untouched))
    assert loaded == pytest.approx(ours, abs=1e-4)
    assert loaded != pytest.approx(before, abs=1e-3)
