"""The default model without torch: a BERT with mean pooling, run by onnxruntime on the weights as they lie on disk.

The vectors are those of sentence-transformers (within 1e-6, see the tests), so an index made one way is searched the other way.
Only models that are understood in full are run like this, see `supports`; sentence-transformers runs all others.

The graph is written anew in every process, in a few milliseconds: it holds no weights, only their places in
model.safetensors, which onnxruntime maps into memory. Only int8 holds its integers: they are made by us, a layer at a time.
Written as operators on the weights they come to the same, but onnxruntime has all float copies at once then: 240 MB more to
load the default model instead of 40. Making a session takes 0.1 s of CPU (2026-11).
"""

import hashlib
import json
import os
import struct
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import numpy as np

from tracegen.errors import EmbedderError
from tracegen.index import int8, models
from tracegen.index.bert_graph import WEIGHTS, FloatLinears, bert, layer_names, read_shape
from tracegen.index.embedder import QUERY_CACHE, WINDOW, Vectors, well_formed
from tracegen.lru import LRUCache

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

TOGETHER = 16
"""Queries that go through the model together at most, in int8: more gain nothing. In float32 the last bits of a vector would
depend on how many there are."""
BATCH = 32
"""Queries that are worth searching for together, at most: so many have some of each length. With 16 there are 6 % fewer
conversations a second, with 48 as many (2026-11)."""

_SESSIONS: "WeakValueDictionary[tuple[Path, str], InferenceSession]" = WeakValueDictionary()
_LOADING = Lock()


class OnnxBert:
    """A BERT model in a folder that `supports` is true of, in a precision of `models`, by default the usual one of its weights.

    Safe to use from several threads.
    """

    def __init__(self, name: str, folder: Path, precision: str | None = None) -> None:
        weights = models.fingerprint(folder)
        precision = precision or models.usual_precision(weights)
        self.name = name
        self.fingerprint = models.at_precision(weights, precision)
        self.dimension: int = _read(folder / "config.json")["hidden_size"]
        self._limit: int = _read(folder / "sentence_bert_config.json")["max_seq_length"]
        self.max_tokens = self._limit - 2  # [CLS] and [SEP]
        self.queries_together = BATCH
        self._together = TOGETHER if precision == models.INT8 else 1
        # A query keeps a core busy for milliseconds. With one thread for them two cores did 100 conversations/s, with two 130,
        # with three 119 (2026-11).
        self.batches_at_once = max(2, min(8, (os.cpu_count() or 2) - 1))
        self._folder = folder
        self._precision = precision
        self._lock = Lock()
        self._remembered: LRUCache[str, Vectors] = LRUCache(QUERY_CACHE)

    @cached_property
    def _loaded(self) -> "InferenceSession":
        return _load(self._folder, self._precision)

    @property
    def _session(self) -> "InferenceSession":
        with self._lock:  # many conversations begin at once: one of them loads
            return self._loaded

    # Two tokenizers, because one must not be changed while other threads use it ("Already borrowed").
    @cached_property
    def _counter(self) -> "Tokenizer":
        return _load_tokenizer(self._folder)

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        tokenizer = _load_tokenizer(self._folder)
        tokenizer.enable_truncation(self._limit)
        return tokenizer

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text, without special tokens and however long it is."""
        return len(self._counter.encode(well_formed(text), add_special_tokens=False).ids)

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return one vector of length 1 for each text, shape (n, dimension); progress gets texts done and in all."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        # One text at a time, on a thread for each core: of batches of 8, with texts of like length, a CPU second makes 3,900
        # tokens, of single ones 4,180, for padding and larger intermediate results cost more than a batch saves (2026-11).
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for start in range(0, len(texts), WINDOW):
                end = min(start + WINDOW, len(texts))
                for place, vector in enumerate(pool.map(self._embed, texts[start:end]), start):
                    vectors[place] = vector
                if progress:
                    progress(end, len(texts))
        return vectors

    def embed_queries(self, texts: Sequence[str]) -> list[Vectors]:
        """Return the vector of length 1 of each query, shape (dimension,); the last few thousand queries are remembered.

        Those of one length go through the model together, which takes less CPU for each, and gives each the bits that it has
        alone.
        """
        return self._remembered.get_all(texts, self._embed_queries)

    def _embed_queries(self, texts: Sequence[str]) -> list[Vectors]:
        ids = [self._ids(text) for text in texts]
        found: dict[int, Vectors] = {}
        for length in sorted({len(one) for one in ids}):
            places = [place for place, one in enumerate(ids) if len(one) == length]
            for start in range(0, len(places), self._together):
                group = places[start : start + self._together]
                vectors = self._run([ids[place] for place in group])
                vectors.setflags(write=False)  # they are shared by all who ask the same
                found.update(zip(group, vectors, strict=True))
        return [found[place] for place in range(len(texts))]

    def _embed(self, text: str) -> Vectors:
        vector: Vectors = self._run([self._ids(text)])[0]
        return vector

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(well_formed(text)).ids
        return ids

    def _run(self, ids: Sequence[Sequence[int]]) -> Vectors:
        """Return the vectors of texts with the same number of tokens, shape (texts, dimension), each as it is alone."""
        inputs = {"ids": np.array(ids, dtype=np.int64), "positions": np.arange(len(ids[0]), dtype=np.int64)}
        return np.asarray(self._session.run(["vectors"], inputs)[0], dtype=np.float32)


def measure_ranges(folder: Path) -> Vectors:
    """Return how large what goes into each linear layer gets, see `tracegen.index.int8.Ranges`; a second of CPU."""
    linears, shape = FloatLinears(), read_shape(folder)
    names = [name for layer in layer_names(shape) for name in int8.measured_at(layer)]
    session = _session(folder, bert(folder, linears, names))
    tokenizer = _load_tokenizer(folder)
    tokenizer.enable_truncation(shape.places)
    largest = [np.zeros(1, dtype=np.float32)] * len(names)
    for text in int8.calibration_texts():
        ids = np.array([tokenizer.encode(text).ids], dtype=np.int64)
        inputs = {"ids": ids, "positions": np.arange(ids.shape[1], dtype=np.int64)}
        found = session.run([linears.inputs[name] for name in names], inputs)
        largest = [np.maximum(one, np.abs(values[0]).max(axis=0)) for one, values in zip(largest, found, strict=True)]
    return np.concatenate(largest).reshape(shape.layers, -1)


def _load(folder: Path, precision: str) -> "InferenceSession":
    """Return the model, which is shared by all who have it loaded and leaves memory with the last of them."""
    weights = models.fingerprint(folder)
    key = (folder, models.at_precision(weights, precision))
    with _LOADING:
        session = _SESSIONS.get(key)
        if session is None:
            _SESSIONS[key] = session = _session(folder, _graph(folder, weights, precision))
        return session


def _graph(folder: Path, weights: str, precision: str) -> bytes:
    if precision == models.FLOAT32:
        return bert(folder, FloatLinears())
    ranges = int8.known_ranges(weights)
    return bert(folder, int8.Int8Linears(folder, measure_ranges(folder) if ranges is None else ranges))


def _session(folder: Path, graph: bytes) -> "InferenceSession":
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    # Of the file itself: a hub cache holds links to it, and onnxruntime follows none that leave the folder.
    weights = (folder / WEIGHTS).resolve()
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights.parent))
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except (errors.Fail, errors.InvalidArgument, errors.InvalidGraph, errors.NotImplemented, errors.RuntimeException) as error:
        raise EmbedderError(
            f"onnxruntime {onnxruntime.__version__} cannot load the model in {folder}: {error}. "
            "Get the model again, or another onnxruntime (pip install --upgrade onnxruntime)."
        ) from error


def _load_tokenizer(folder: Path) -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


# --- which models are understood -----------------------------------------------------------------------------------------

# What a setting may be; None is its absence.
UNDERSTOOD: dict[str, dict[str, tuple[Any, ...]]] = {
    "config.json": {
        "model_type": ("bert",),
        "hidden_act": ("gelu",),
        "position_embedding_type": (None, "absolute"),
        "is_decoder": (None, False),
        "add_cross_attention": (None, False),
        "dtype": (None, "float32"),
        "torch_dtype": (None, "float32"),
        "quantization_config": (None,),
    },
    # sentence-transformers 6.2 makes the tokenizer of these and the vocabulary, whatever else tokenizer.json says.
    "tokenizer_config.json": {
        "tokenizer_class": ("BertTokenizer", "BertTokenizerFast"),
        "do_lower_case": (None, True),
        "tokenize_chinese_chars": (None, True),
        "strip_accents": (None,),
        "truncation_side": (None, "right"),
    },
}
TOKENIZER_SHA256 = "66854eac0051205f3bc495b01f6e3db009bf68ae4357305b44d34019134e42f7"
"""Digest of the tokenizer of an uncased BERT, the default model's: JSON with sorted keys, without truncation and padding."""
MODULES = ["Transformer", "Pooling", "Normalize"]  # the last may be missing: every vector is normalised anyway


def supports(folder: Path) -> bool:
    """Say whether the model in a folder is understood in full, each setting and each weight, and may be run as OnnxBert."""
    try:
        return _settings_agree(folder) and _modules_agree(folder) and bool(bert(folder, FloatLinears()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, struct.error):
        return False


def _settings_agree(folder: Path) -> bool:
    for file, expected in UNDERSTOOD.items():
        settings = _read(folder / file)
        if any(settings.get(key) not in allowed for key, allowed in expected.items()):
            return False
    tokenizer = {key: value for key, value in _read(folder / "tokenizer.json").items() if key not in ("truncation", "padding")}
    return hashlib.sha256(json.dumps(tokenizer, sort_keys=True).encode()).hexdigest() == TOKENIZER_SHA256


def _modules_agree(folder: Path) -> bool:
    """Say whether a text goes through BERT and mean pooling, with nothing before, between and after them."""
    modules = _read(folder / "modules.json")
    kinds = [module["type"].rpartition(".")[2] for module in modules if module["type"].startswith("sentence_transformers.")]
    text = _read(folder / "sentence_bert_config.json")
    pooling = _read(folder / modules[1]["path"] / "config.json")
    whole = folder / "config_sentence_transformers.json"
    prompts = _read(whole) if whole.exists() else {}
    prompts.update(prompts.pop("prompts", None) or {})
    return (
        len(kinds) == len(modules)
        and kinds in (MODULES, MODULES[:2])
        and modules[0]["path"] == ""
        and 2 < text["max_seq_length"] <= _read(folder / "config.json")["max_position_embeddings"]
        and _switched_on(text, "max_seq_length") == {}
        and _switched_on(prompts, "__version__", "similarity_fn_name") in ({}, {"model_type": "SentenceTransformer"})
        and _switched_on(pooling, "word_embedding_dimension", "embedding_dimension", "include_prompt")
        in ({"pooling_mode_mean_tokens": True}, {"pooling_mode": "mean"})
    )


def _switched_on(settings: dict[str, Any], *harmless: str) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if value and key not in harmless}


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
