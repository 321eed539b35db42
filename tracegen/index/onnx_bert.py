"""The default model without torch: a BERT with mean pooling, run by onnxruntime on the weights as they lie on disk.

    ids, positions -> embeddings -> layers x (attention, feed-forward) -> pooling -> vector of length 1

The vectors are those of sentence-transformers (within 1e-6, see the tests), so an index made one way is searched the other way.
Only models that are understood in full are run like this, see `supports`; sentence-transformers runs all others.

The graph is written anew in every process, in a few milliseconds: it holds no weights, only their places in
model.safetensors, which onnxruntime maps into memory. Only int8 holds its integers: they are made here, a layer at a time.
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

import numpy as np

from tracegen.errors import EmbedderError
from tracegen.index import models
from tracegen.index.embedder import QUERY_CACHE, WINDOW, Vectors, well_formed
from tracegen.index.onnx_file import FLOAT, INT64, Graph
from tracegen.lru import LRUCache

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

WEIGHTS = "model.safetensors"
INT8_LARGEST = 64
"""Largest weight in int8. On x86-64 without VNNI onnxruntime adds two products with uint8 in 16 bits (VPMADDUBSW, see its page
"Quantize ONNX Models"): 2 x 64 x 255 still fits, with 127 the sum would be cut off there and the vectors be others. It costs
little: with all layers so, the mean cosine to float32 was 0.9926 instead of 0.9936 (2026-11)."""
BLOCK = 256
"""Numbers in a row that have one scale, where it is not one for a whole text."""


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

    @property
    def queries_at_once(self) -> int:
        """Number of threads that are worth embedding queries at the same time: a query keeps a core busy for milliseconds.

        They are embedded one by one, and a core is left for what asks. In micro-batches of 8 queries of 10 to 16 tokens took
        15 % less CPU in int8, 28 % less in float32 (2026-11), but in int8 all texts of a batch would share their scales.
        """
        return min(8, max(2, (os.cpu_count() or 2) - 1))

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

    def embed_query(self, text: str) -> Vectors:
        """Return the query's vector of length 1, shape (dimension,); the last few thousand queries are remembered."""
        return self._remembered.get(text, self._embed_query)

    def _embed_query(self, text: str) -> Vectors:
        vector = self._embed(text)
        vector.setflags(write=False)  # it is shared by all who ask the same
        return vector

    def _embed(self, text: str) -> Vectors:
        """Return the vector of a text: alone and on one thread it has the same bits every time, in int8 too.

        There the scale of the activations follows from all that is multiplied at once: from this text alone.
        """
        ids = self._tokenizer.encode(well_formed(text)).ids
        inputs = {"ids": np.array([ids], dtype=np.int64), "positions": np.arange(len(ids), dtype=np.int64)}
        vector: Vectors = np.asarray(self._session.run(["vectors"], inputs)[0], dtype=np.float32)[0]
        return vector


def _load(folder: Path, precision: str) -> "InferenceSession":
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as errors

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    # Of the file itself: a hub cache holds links to it, and onnxruntime follows none that leave the folder.
    weights = (folder / WEIGHTS).resolve()
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights.parent))
    try:
        return onnxruntime.InferenceSession(_bert(folder, precision), options, providers=["CPUExecutionProvider"])
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
        return _settings_agree(folder) and _modules_agree(folder) and bool(_bert(folder))
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


# --- the graph -----------------------------------------------------------------------------------------------------------


def _bert(folder: Path, precision: str = models.FLOAT32) -> bytes:
    """Return the model as an ONNX file, as in Devlin et al. 2018 (arXiv 1810.04805) and transformers' modeling_bert.py.

    With int8 the linear layers multiply integers: weights with a scale for each output, activations with one for each text.
    The activations inside a feed-forward layer are few large ones among many small ones: there each BLOCK has a scale.
    Raises ValueError or KeyError where the weights are not what config.json says.
    """
    config = _read(folder / "config.json")
    size, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    if size % heads:
        raise ValueError(f"{size} dimensions cannot be shared among {heads} heads")
    graph = Graph(folder / WEIGHTS)
    op, weight = graph.op, graph.weight

    def linear(x: str, name: str, rows: int, columns: int) -> str:
        bias = weight(f"{name}.bias", rows)
        if precision == models.FLOAT32:
            # Transposed once, when the session is made.
            return op("Add", op("MatMul", x, op("Transpose", weight(f"{name}.weight", rows, columns), perm=[1, 0])), bias)
        # The operators are onnxruntime's own; an empty name stands for zero points where they are as usual.
        floats = graph.read(f"{name}.weight", rows, columns)
        if columns == inner and inner % BLOCK == 0:
            # It costs a fifth more and halves the distance to float32: cosine 0.9964 instead of 0.9926 (2026-11).
            codes, scales = _rounded(floats.reshape(rows, columns // BLOCK, BLOCK), largest=127)
            names = graph.values(f"{name}.codes", (codes + 128).astype(np.uint8)), graph.values(f"{name}.scales", scales)
            # Accuracy level 4: the activations are in int8.
            sizes: dict[str, Any] = {"K": columns, "N": rows, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
            return op("MatMulNBits", x, *names, "", "", bias, domain="com.microsoft", **sizes)
        codes, scales = _rounded(floats, largest=INT8_LARGEST)
        names = graph.values(f"{name}.codes", codes.astype(np.int8).T), graph.values(f"{name}.scales", scales)
        return op("DynamicQuantizeMatMul", x, *names, "", bias, domain="com.microsoft")

    def norm(x: str, name: str) -> str:
        scale, shift = weight(f"{name}.LayerNorm.weight", size), weight(f"{name}.LayerNorm.bias", size)
        return op("LayerNormalization", x, scale, shift, axis=-1, epsilon=float(config["layer_norm_eps"]))

    words = weight("embeddings.word_embeddings.weight", config["vocab_size"], size)
    places = weight("embeddings.position_embeddings.weight", config["max_position_embeddings"], size)
    types = weight("embeddings.token_type_embeddings.weight", config["type_vocab_size"], size)
    first_type = op("Gather", types, op("Constant", value_int=0))
    x = op("Add", op("Add", op("Gather", words, "ids"), first_type), op("Gather", places, "positions"))
    x = norm(x, "embeddings")
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}"
        attended = (linear(x, f"{name}.attention.self.{part}", size, size) for part in ("query", "key", "value"))
        # onnxruntime's own operator (docs/ContribOperators.md): no bias, and no mask, for a text is alone and without padding.
        y = op("MultiHeadAttention", *attended, domain="com.microsoft", num_heads=heads)
        x = norm(op("Add", linear(y, f"{name}.attention.output.dense", size, size), x), f"{name}.attention.output")
        y = op("Gelu", linear(x, f"{name}.intermediate.dense", inner, size))
        x = norm(op("Add", linear(y, f"{name}.output.dense", size, inner), x), f"{name}.output")
    # The sum of the tokens: divided by their number or not, it becomes the same vector of length 1.
    pooled = op("Einsum", x, equation="bth->bh")
    op("LpNormalization", pooled, output="vectors", axis=-1, p=2)
    return graph.encode({"ids": (INT64, 2), "positions": (INT64, 1)}, {"vectors": (FLOAT, 2)})


def _rounded(weights: Vectors, largest: int) -> tuple[Vectors, Vectors]:
    """Return weights as whole numbers of at most `largest`, and for each last axis of them the scale that they stand for."""
    scales = np.maximum(np.abs(weights).max(axis=-1), np.float32(1e-30)) / np.float32(largest)  # never zero
    return np.rint(weights / scales[..., None]), scales
