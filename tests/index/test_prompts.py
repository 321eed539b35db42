"""Models that want other words before a query than before a document: a tiny one with random weights, made here."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from tracegen.errors import StoreError
from tracegen.index import Embedder, build_index, load_embedder, open_index
from tracegen.index.embedder import SentenceEmbedder

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "find", "title", "text", *(f"w{number}" for number in range(50))]
LONGEST = 40
"""Tokens that the model reads, special ones among them."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model of two layers without prompts."""
    folder = tmp_path_factory.mktemp("plain")
    tokenizer = Tokenizer(models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    make: Any = PreTrainedTokenizerFast
    make(tokenizer_object=tokenizer, model_max_length=LONGEST, **special).save_pretrained(folder / "bert")
    settings: dict[str, Any] = dict(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=LONGEST, initializer_range=1.0,
    )  # fmt: skip
    torch.manual_seed(0)
    BertModel(BertConfig(**settings)).save_pretrained(folder / "bert")
    bert = Transformer(str(folder / "bert"), max_seq_length=LONGEST)
    SentenceTransformer(modules=[bert, Pooling(32)], device="cpu").save(str(folder / "model"))
    return folder / "model"


def prompted(plain: Path, folder: Path, prompts: dict[str, str]) -> Path:
    """Return a copy of the model with prompts of its own."""
    SentenceTransformer(str(plain), device="cpu", prompts=prompts).save(str(folder))
    saved = json.loads((folder / "config_sentence_transformers.json").read_text())["prompts"]
    assert saved.items() >= prompts.items()
    return folder


def alone(plain: Path, text: str) -> Any:
    """Return the vector of just this text."""
    return SentenceTransformer(str(plain), device="cpu").encode(text, prompt="", normalize_embeddings=True)


@pytest.mark.parametrize("for_documents", ["document", "passage"])
def test_queries_and_documents_get_their_prompts(plain: Path, tmp_path: Path, for_documents: str) -> None:
    folder = prompted(plain, tmp_path / "model", {"query": "find w1 ", for_documents: "title text "})
    embedder = load_embedder(str(folder))
    assert isinstance(embedder, SentenceEmbedder)
    assert np.allclose(embedder.embed_queries(["w7 w8"])[0], alone(plain, "find w1 w7 w8"), atol=1e-5)
    assert np.allclose(embedder.embed_documents(["w7 w8"])[0], alone(plain, "title text w7 w8"), atol=1e-5)
    assert not np.allclose(embedder.embed_queries(["w7 w8"])[0], alone(plain, "w7 w8"), atol=0.01)


@pytest.mark.parametrize("for_documents", ["document", "passage"])
def test_what_is_read_is_less_by_the_prompt(plain: Path, tmp_path: Path, for_documents: str) -> None:
    folder = prompted(plain, tmp_path / "model", {"query": "find ", for_documents: "title text "})
    embedder = load_embedder(str(folder))
    assert embedder.max_tokens == LONGEST - 2 - 2
    longest = ["w1"] * embedder.max_tokens
    # The last word of the longest text counts, one more does not.
    whole, other, beyond = embedder.embed_documents(
        [" ".join(words) for words in (longest, [*longest[1:], "w2"], [*longest, "w2"])]
    )
    assert not np.allclose(whole, other, atol=1e-3)
    assert np.allclose(whole, beyond, atol=1e-4)


def test_other_prompts_are_another_model(plain: Path, tmp_path: Path) -> None:
    """The same weights with another prompt give other vectors: an index must not be searched with them."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "page.md").write_text("# w1\n\nw2 w3 w4 w5\n")
    one = prompted(plain, tmp_path / "one", {"query": "find ", "document": "title "})
    other = prompted(plain, tmp_path / "other", {"query": "find ", "document": "text "})
    same = prompted(plain, tmp_path / "same", {"query": "find ", "document": "title "})
    build_index([tmp_path / "docs"], tmp_path / "index", model=str(one))
    with open_index(tmp_path / "index", model=str(same)) as index:
        assert len(index.search("w2")) == 1
    with pytest.raises(StoreError, match="built with the model"):
        open_index(tmp_path / "index", model=str(other))


def test_a_model_without_prompts_is_known_by_its_weights_alone(plain: Path, real_embedder: Embedder) -> None:
    assert load_embedder(str(plain)).fingerprint != real_embedder.fingerprint
    assert np.allclose(load_embedder(str(plain)).embed_queries(["w7"])[0], alone(plain, "w7"), atol=1e-5)
