"""The default model run by onnxruntime, against sentence-transformers: the same vectors, and `supports` in doubt says no."""

import gc
import json
import shutil
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tracegen.errors import EmbedderError
from tracegen.index import models
from tracegen.index.bert_graph import WEIGHTS
from tracegen.index.embedder import SentenceEmbedder, Vectors
from tracegen.index.int8 import LARGEST, known_ranges, rounded
from tracegen.index.onnx_bert import TOGETHER, OnnxBert, measure_ranges, supports
from tracegen.index.onnx_file import FLOAT, INT64, Graph

SENTENCE = "A fold applies the function to each element from the left and carries `std.foldl(f, arr, 0)` along."
WORDS = SENTENCE.split()
TEXTS = [
    "",
    " ",
    "\n\t\x00",
    "fold",
    *(" ".join((WORDS * 20)[:count]) for count in (2, 3, 5, 8, 13, 40, 90, 100, 140, 180, 300)),
    " ".join(WORDS * 500)[:60_000],  # 10,000 words and more
    "x" * 5_000,
    "Größe café naïve ÅÄÖ ﬁ ΣΊΣΥΦΟΣ İstanbul straße",
    "日本語のテキスト 中文字符 한국어 العربية עברית हिन्दी",
    "🙂🚀 a\u0301 \u200b\ufeff\u202e zero width; lone \ud800 surrogate",
    "[CLS] [PAD] [PAD] [SEP] [MASK] <s> </s>",
    "local f(x) = { a: x, ['b' + x]:: [i * 2 for i in std.range(0, 9) if i % 2 == 0] };",
]


@pytest.fixture(scope="module")
def folder() -> Path:
    found = models.find_model(models.DEFAULT_MODEL)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def bert(folder: Path) -> OnnxBert:
    return OnnxBert(models.DEFAULT_MODEL, folder, models.FLOAT32)


@pytest.fixture(scope="module")
def reference(folder: Path) -> SentenceEmbedder:
    return SentenceEmbedder(models.DEFAULT_MODEL, folder)


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the model's folder that the test may change, all but the weights."""
    copied = tmp_path / "model"
    shutil.copytree(folder, copied, ignore=shutil.ignore_patterns(WEIGHTS))
    (copied / WEIGHTS).symlink_to(folder / WEIGHTS)
    return copied


def assert_same(found: Vectors, expected: Vectors, within: float) -> None:
    assert found.dtype == np.float32
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < within
    assert np.abs(np.linalg.norm(found, axis=-1) - 1).max() < 1e-6


# --- the same as sentence-transformers -----------------------------------------------------------------------------------


def test_its_facts_are_those_of_sentence_transformers(bert: OnnxBert, reference: SentenceEmbedder) -> None:
    def facts(embedder: OnnxBert | SentenceEmbedder) -> tuple[Any, ...]:
        return embedder.name, embedder.fingerprint, embedder.max_tokens, embedder.dimension

    assert facts(bert) == facts(reference)
    assert facts(bert)[2:] == (254, 384)


def test_documents_get_the_vectors_of_sentence_transformers(bert: OnnxBert, reference: SentenceEmbedder) -> None:
    found, expected = bert.embed_documents(TEXTS), reference.embed_documents(TEXTS)
    assert_same(found, expected, within=1e-6)
    assert (found * expected).sum(axis=1).min() > 0.99999


def test_queries_get_the_vectors_of_sentence_transformers(bert: OnnxBert, reference: SentenceEmbedder) -> None:
    for text in TEXTS:
        assert_same(bert.embed_queries([text])[0], reference.embed_queries([text])[0], within=1e-6)


def test_tokens_are_counted_as_sentence_transformers_does(bert: OnnxBert, reference: SentenceEmbedder) -> None:
    assert [bert.count_tokens(text) for text in TEXTS] == [reference.count_tokens(text) for text in TEXTS]


def test_a_longer_text_is_cut_off_at_max_tokens(bert: OnnxBert) -> None:
    whole = "a " * bert.max_tokens
    assert bert.count_tokens(whole) == bert.max_tokens
    assert np.array_equal(bert.embed_queries([whole])[0], bert.embed_queries([whole + "b"])[0])
    assert not np.array_equal(bert.embed_queries([whole])[0], bert.embed_queries(["a " * (bert.max_tokens - 1) + "b"])[0])


# --- whatever else runs --------------------------------------------------------------------------------------------------


def test_a_vector_does_not_depend_on_the_other_texts(bert: OnnxBert) -> None:
    alone = np.array([bert.embed_queries([text])[0] for text in TEXTS])
    assert np.array_equal(bert.embed_documents(TEXTS), alone)
    assert np.array_equal(bert.embed_documents(TEXTS[::-1])[::-1], alone)
    assert np.array_equal(bert.embed_documents([TEXTS[3]] * 20), alone[[3] * 20])


def test_a_query_has_the_same_bits_in_every_thread_and_in_another_embedder(bert: OnnxBert, folder: Path) -> None:
    fresh = OnnxBert("another", folder, models.FLOAT32)
    found: dict[int, list[Vectors]] = {}
    busy = threading.Thread(target=bert.embed_documents, args=(TEXTS,))
    askers = [threading.Thread(target=lambda n=n: found.update({n: [fresh._embed(text) for text in TEXTS]})) for n in range(6)]
    for thread in (busy, *askers):
        thread.start()
    for thread in (busy, *askers):
        thread.join()
    expected = np.array([bert.embed_queries([text])[0] for text in TEXTS])
    assert len(found) == 6
    assert all(np.array_equal(np.array(vectors), expected) for vectors in found.values())


def test_a_query_is_remembered_and_cannot_be_changed(bert: OnnxBert) -> None:
    vector = bert.embed_queries(["remember me"])[0]
    assert bert.embed_queries(["remember me"])[0] is vector
    with pytest.raises(ValueError, match="read-only"):
        vector[0] = 1


def test_progress_tells_the_texts_done_and_in_all(bert: OnnxBert) -> None:
    told: list[tuple[int, int]] = []
    texts = [f"text {number}" for number in range(300)]
    vectors = bert.embed_documents(texts, lambda done, total: told.append((done, total)))
    assert told == [(256, 300), (300, 300)]
    assert_same(vectors[[0, 255, 256, 299]], bert.embed_documents([texts[place] for place in (0, 255, 256, 299)]), within=1e-6)


def test_no_texts_have_no_vectors(bert: OnnxBert) -> None:
    assert bert.embed_documents([]).shape == (0, 384)


def test_torch_is_not_loaded(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tracegen.index.onnx_bert import OnnxBert, supports\n"
        f"folder = Path({str(folder)!r}); assert supports(folder); OnnxBert('any', folder).embed_queries(['any'])\n"
        "print(*{'torch', 'transformers', 'sentence_transformers', 'chromadb'} & set(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


# --- int8 ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [OnnxBert, SentenceEmbedder])
def test_an_embedder_that_nobody_has_is_let_go_at_once(kind: type[OnnxBert | SentenceEmbedder], folder: Path) -> None:
    embedder = kind("any", folder)
    embedder.embed_queries(["a query"])
    embedder.embed_documents(["a document"])
    gone = weakref.ref(embedder)
    gc.collect()
    gc.disable()  # which does not know that there are 100 MB behind a few objects
    try:
        del embedder
        assert gone() is None
    finally:
        gc.enable()


@pytest.fixture(scope="module")
def int8(folder: Path) -> OnnxBert:
    return OnnxBert(models.DEFAULT_MODEL, folder, models.INT8)


def test_int8_vectors_are_near_those_of_float32(bert: OnnxBert, int8: OnnxBert) -> None:
    found, expected = int8.embed_documents(TEXTS), bert.embed_documents(TEXTS)
    cosines = (found * expected).sum(axis=1)
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-6
    # Measured: 0.986 at least, of texts without words, 0.995 in the mean. Never float32's own: it would not be int8 then.
    assert cosines.min() > 0.975
    assert cosines.mean() > 0.99
    assert cosines.max() < 0.9999


def test_an_int8_vector_has_the_same_bits_alone_among_others_and_in_another_embedder(int8: OnnxBert, folder: Path) -> None:
    alone = np.array([int8.embed_queries([text])[0] for text in TEXTS])
    assert np.array_equal(int8.embed_documents(TEXTS), alone)
    assert np.array_equal(int8.embed_documents(TEXTS[::-1])[::-1], alone)
    assert np.array_equal(OnnxBert("another", folder, models.INT8).embed_documents(TEXTS), alone)


@pytest.mark.parametrize("precision", models.PRECISIONS)
def test_a_query_among_others_has_the_bits_it_has_alone(folder: Path, precision: str) -> None:
    texts = [" ".join((WORDS * 3)[start : start + count]) for count in (1, 2, 3, 7, 20, 40) for start in range(TOGETHER + 3)]
    embedder = OnnxBert("any", folder, precision)
    alone = {text: embedder._embed(text) for text in texts[::9]}
    for order in (texts, texts[::-1], texts[::2]):
        together = dict(zip(order, embedder._embed_queries(order), strict=True))
        for text in alone.keys() & together.keys():
            assert np.array_equal(together[text], alone[text])


def test_the_ranges_of_the_default_model_are_what_they_are_measured_to_be(folder: Path) -> None:
    known = known_ranges(models.fingerprint(folder))
    assert known is not None
    # float16 has eleven binary digits; float32 on other processors differs by far less.
    assert np.allclose(measure_ranges(folder), known, rtol=2e-3, atol=1e-3)


def test_the_ranges_of_another_model_are_measured_when_it_is_loaded(copy: Path, folder: Path, bert: OnnxBert) -> None:
    def doubled(weights: bytearray, begin: int, end: int) -> None:
        weights[begin:end] = (2 * np.frombuffer(weights[begin:end], dtype="<f4")).tobytes()

    altered(copy, folder, "embeddings.LayerNorm.weight", doubled)
    found, expected = (OnnxBert("other", copy, precision).embed_documents(TEXTS) for precision in models.PRECISIONS)
    assert (expected * bert.embed_documents(TEXTS)).sum(axis=1).mean() < 0.95  # another model indeed
    assert (found * expected).sum(axis=1).mean() > 0.98


def altered(copy: Path, folder: Path, name: str, change: Callable[[bytearray, int, int], None]) -> None:
    weights = bytearray((folder / WEIGHTS).read_bytes())
    length = int.from_bytes(weights[:8], "little")
    begin, end = json.loads(weights[8 : 8 + length])[name]["data_offsets"]
    change(weights, 8 + length + begin, 8 + length + end)
    (copy / WEIGHTS).unlink()
    (copy / WEIGHTS).write_bytes(weights)


def test_int8_has_a_fingerprint_of_its_own_that_tells_the_precision(bert: OnnxBert, int8: OnnxBert) -> None:
    assert int8.fingerprint == f"{bert.fingerprint}-int8.2"
    assert [models.precision_of(one.fingerprint) for one in (bert, int8)] == [models.FLOAT32, models.INT8]
    assert [models.short(one.fingerprint) for one in (bert, int8)] == ["53aa51172d14", "53aa51172d14-int8.2"]
    assert (int8.dimension, int8.max_tokens) == (bert.dimension, bert.max_tokens)


def test_a_row_of_weights_that_are_all_zero_stays_zero_in_int8(copy: Path, folder: Path) -> None:
    def no_first_row(weights: bytearray, begin: int, end: int) -> None:
        weights[begin : begin + 4 * 384] = bytes(4 * 384)

    altered(copy, folder, "encoder.layer.0.intermediate.dense.weight", no_first_row)
    found, expected = (OnnxBert("pruned", copy, precision).embed_queries([SENTENCE])[0] for precision in models.PRECISIONS)
    assert found @ expected > 0.98


@given(
    arrays(np.float32, array_shapes(min_dims=2, max_dims=3), elements=st.floats(-1e6, 1e6, width=32)),
    st.sampled_from([LARGEST, 127]),
)
def test_rounded_weights_are_small_whole_numbers_within_half_a_step(weights: Vectors, largest: int) -> None:
    codes, scales = rounded(weights, largest)
    assert np.array_equal(codes, np.rint(codes))
    assert np.abs(codes).max() <= largest
    steps = scales[..., None].astype(np.float64)
    assert (np.abs(codes * steps - weights) <= 0.5001 * steps).all()


def test_int8_is_loaded_without_a_second_copy_of_the_weights(folder: Path) -> None:
    script = (
        "import resource, sys; from pathlib import Path; import onnxruntime; from tracegen.index.onnx_bert import OnnxBert\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024)\n"
        f"before = peak(); OnnxBert('any', Path({str(folder)!r}), 'int8').embed_queries(['any']); print(peak() - before)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    # 42 MB of linear layers in float32 are 11 in int8. Measured: 40 MB more at the peak; 240 with the floats in the graph.
    assert int(run.stdout) < (folder / WEIGHTS).stat().st_size


# --- which models are understood -----------------------------------------------------------------------------------------


def changed(file: Path, change: Callable[[Any], Any]) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(change(content) or content), encoding="utf-8")


def test_the_default_model_is_understood(folder: Path, copy: Path) -> None:
    assert supports(folder)
    assert supports(copy)


@pytest.mark.parametrize("precision", models.PRECISIONS)
def test_a_linked_file_of_weights_is_found(copy: Path, folder: Path, precision: str) -> None:
    found, expected = (OnnxBert("any", place, precision).embed_queries(["fold"])[0] for place in (copy, folder))
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("config_sentence_transformers.json", {"prompts": {"query": "", "document": ""}, "default_prompt_name": None}),
        ("config_sentence_transformers.json", {"model_type": "SentenceTransformer", "similarity_fn_name": "cosine"}),
        ("config.json", {"dtype": "float32", "is_decoder": False, "use_cache": False}),
        ("sentence_bert_config.json", {"max_seq_length": 512}),
        ("tokenizer.json", {"truncation": None, "padding": None}),
    ],
)
def test_what_changes_nothing_is_understood(copy: Path, file: str, settings: dict[str, Any]) -> None:
    changed(copy / file, lambda content: content.update(settings))
    assert supports(copy)


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("config.json", {"model_type": "roberta"}),
        ("config.json", {"hidden_act": "gelu_new"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("config.json", {"is_decoder": True}),
        ("config.json", {"dtype": "bfloat16"}),
        ("config.json", {"torch_dtype": "float16"}),
        ("config.json", {"hidden_size": 768}),
        ("config.json", {"vocab_size": 30523}),
        ("config.json", {"num_hidden_layers": 7}),
        ("config.json", {"num_attention_heads": 7}),
        ("config.json", {"max_position_embeddings": 128}),
        ("sentence_bert_config.json", {"max_seq_length": 1024}),
        ("sentence_bert_config.json", {"max_seq_length": None}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
        ("sentence_bert_config.json", {"unpad_inputs": True}),
        ("config_sentence_transformers.json", {"prompts": {"query": "query: "}}),
        ("config_sentence_transformers.json", {"prompts": {"passage": ""}, "default_prompt_name": "passage"}),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False}),
        ("1_Pooling/config.json", {"pooling_mode": "cls"}),
        ("tokenizer_config.json", {"do_lower_case": False}),
        ("tokenizer_config.json", {"tokenizer_class": "XLMRobertaTokenizer"}),
        ("tokenizer.json", {"normalizer": None}),
        ("tokenizer.json", {"added_tokens": []}),
    ],
)
def test_an_altered_setting_is_not_understood(copy: Path, file: str, settings: dict[str, Any]) -> None:
    changed(copy / file, lambda content: content.update(settings))
    assert not supports(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda modules: modules[:1],
        lambda modules: [*modules, {"type": "sentence_transformers.models.Dense", "path": "3_Dense"}],
        lambda modules: [modules[0], {"type": "sentence_transformers.models.Dense", "path": "3_Dense"}, modules[2]],
        lambda modules: [{**modules[0], "type": "somebody.Transformer"}, *modules[1:]],
        lambda modules: [{**modules[0], "path": "0_Transformer"}, *modules[1:]],
        lambda _: {"not": "a list"},
    ],
)
def test_other_modules_are_not_understood(copy: Path, change: Callable[[Any], Any]) -> None:
    changed(copy / "modules.json", change)
    assert not supports(copy)


@pytest.mark.parametrize("file", ["config.json", "modules.json", "tokenizer.json", "tokenizer_config.json", WEIGHTS])
def test_a_missing_or_broken_file_is_not_understood(copy: Path, file: str) -> None:
    (copy / file).unlink()
    assert not supports(copy)
    (copy / file).write_bytes(b"\xff{")
    assert not supports(copy)


def test_weights_that_are_cut_off_are_not_understood(copy: Path, folder: Path) -> None:
    (copy / WEIGHTS).unlink()
    (copy / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-4])
    assert not supports(copy)


@pytest.fixture
def another(folder: Path, tmp_path: Path) -> Path:
    """Return a folder with the same model that nobody has loaded."""
    (tmp_path / "another").symlink_to(folder)
    return tmp_path / "another"


def test_what_onnxruntime_cannot_load_is_our_error(another: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = Graph(another / WEIGHTS)
    graph.op("NoSuchOperator", "ids", output="vectors")
    broken = graph.encode({"ids": (INT64, 2)}, {"vectors": (FLOAT, 2)})
    monkeypatch.setattr("tracegen.index.onnx_bert.bert", lambda *_: broken)
    with pytest.raises(EmbedderError, match="NoSuchOperator"):
        OnnxBert("broken", another).embed_queries(["any"])[0]


def test_a_model_is_loaded_once_and_leaves_memory_with_the_last_who_has_it(another: Path) -> None:
    one, other = OnnxBert("one", another), OnnxBert("other", another)
    one.embed_queries(["any"])
    loaded = weakref.ref(one._session)
    assert other._session is loaded()
    del one
    assert loaded() is not None
    del other
    gc.collect()
    assert loaded() is None
