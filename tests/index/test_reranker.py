"""A second look by a cross-encoder: a tiny one with random weights, made here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from tests.index.conftest import FakeEmbedder
from tracegen.corpus import embedded_text
from tracegen.errors import EmbedderError
from tracegen.index import build_index, open_index
from tracegen.index.reranker import RERANKED, Reranker, load_reranker

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(100))]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a cross-encoder of two layers."""
    folder = tmp_path_factory.mktemp("cross-encoder")
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    make: Any = PreTrainedTokenizerFast
    make(tokenizer_object=tokenizer, model_max_length=64, **special).save_pretrained(folder)
    settings: dict[str, Any] = dict(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=64, num_labels=1, initializer_range=1.0,
    )  # fmt: skip
    BertForSequenceClassification(BertConfig(**settings)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def index_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("reranked")
    (root / "docs").mkdir()
    for page in range(40):
        words = " ".join(f"w{(page * number) % 97}" for number in range(2, 20))
        (root / "docs" / f"page{page:02}.md").write_text(f"# name{page}\n\nTopic {words}.\n")
    build_index([root / "docs"], root / "index", embedder=FakeEmbedder())
    return root / "index"


def _reorders(model: Path, index_path: Path) -> tuple[list[str], list[str]]:
    with open_index(index_path, embedder=FakeEmbedder()) as plain:
        before = [hit.chunk.path for hit in plain.search("topic w4 w6", k=40)]
    with open_index(index_path, embedder=FakeEmbedder(), rerank=str(model)) as index:
        return before, [hit.chunk.path for hit in index.search("topic w4 w6", k=40)]


def test_the_best_are_put_in_the_order_of_the_model(model: Path, index_path: Path) -> None:
    before, after = _reorders(model, index_path)
    assert sorted(after[:RERANKED]) == sorted(before[:RERANKED])
    assert after[:RERANKED] != before[:RERANKED]
    assert after[RERANKED:] == before[RERANKED:]
    with open_index(index_path, embedder=FakeEmbedder()) as plain:
        texts = {hit.chunk.path: embedded_text(hit.chunk) for hit in plain.search("topic w4 w6", k=RERANKED)}
    said = CrossEncoder(str(model), device="cpu").predict([("topic w4 w6", text) for text in texts.values()])
    expected = [path for _, path in sorted(zip(-np.asarray(said), texts, strict=True))]
    assert after[:5] == expected[:5]


def test_answers_that_are_nearly_sure_keep_their_order(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def logits(self: Any, pairs: list[Any], **options: Any) -> Any:
        return np.array([18.0, 18.5, -18.0, -40.0, 40.0], dtype=np.float32)[: len(pairs)]

    monkeypatch.setattr(CrossEncoder, "predict", logits)
    likely = Reranker("x", model).likely("query", list("abcde"))
    assert [int(place) for place in np.argsort(likely)] == [3, 2, 0, 1, 4]
    assert likely.min() > 0
    assert likely.max() < 1


def test_a_name_of_the_query_stays_first_and_the_same_query_gives_the_same(model: Path, index_path: Path) -> None:
    with open_index(index_path, embedder=FakeEmbedder(), rerank=str(model)) as index:
        hits = index.search("what is in `name7` on w1")
        assert hits[0].chunk.path == "page07.md"
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert index.search("what is in `name7` on w1") == hits
        assert index.search("topic", path="none/*") == []


def test_the_tool_says_which_model_it_was(model: Path, index_path: Path) -> None:
    with open_index(index_path, embedder=FakeEmbedder(), rerank=str(model)) as index:
        assert index.tool.rerank is not None
        assert index.tool.rerank.startswith(f"{model} ")
        assert "rerank" not in json.dumps(index.tool.definition)
    with open_index(index_path, embedder=FakeEmbedder()) as plain:
        assert plain.tool.rerank is None


def test_a_model_that_cannot_be_had_is_a_sentence(tmp_path: Path, model: Path, index_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"take the reranking model from.*--rerank"):
        open_index(index_path, embedder=FakeEmbedder(), rerank=str(tmp_path / "none"))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with (
        open_index(index_path, embedder=FakeEmbedder(), rerank=str(tmp_path)) as index,
        pytest.raises(EmbedderError, match="cannot load the reranking model in"),
    ):
        index.search("topic")


def test_no_embedding_model_is_advised_in_the_place_of_a_reranker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for name in ("owner/nowhere", "no good name", str(tmp_path / "missing")):
        with pytest.raises(EmbedderError, match=r"reranking model .*--rerank.*: then nothing is reranked") as caught:
            load_reranker(name)
        assert "MiniLM" not in str(caught.value)
    with pytest.raises(EmbedderError, match=r"There is no reranking model in.* Give the folder of a cross-encoder\."):
        load_reranker(str(tmp_path))


def test_a_model_without_one_score_is_refused(model: Path, index_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def two(self: Any, pairs: list[Any], **options: Any) -> Any:
        return np.zeros((len(pairs), 2))

    monkeypatch.setattr(CrossEncoder, "predict", two)
    with (
        open_index(index_path, embedder=FakeEmbedder(), rerank=str(model)) as index,
        pytest.raises(EmbedderError, match="gives no score for a text"),
    ):
        index.search("topic")
    assert Reranker("x", model).id.startswith("x ")
