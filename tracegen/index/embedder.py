"""Text to vectors, by any sentence-transformers model, on the CPU; the default model goes through onnxruntime, see onnx_bert.

The model is loaded when it is first needed, not when the embedder is made: an index opens in a moment.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tracegen.errors import EmbedderError, SettingsError
from tracegen.index import models
from tracegen.index.models import DEFAULT_MODEL
from tracegen.lru import LRUCache

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]

# Small batches are the fastest on a CPU: 21.6 chunks/s on one core with 8, 18.8 with 32 (all-MiniLM-L6-v2, 178 tokens each).
BATCH_SIZE = 8
# Texts handed over at once: sentence-transformers sorts them by length, so that a batch has little padding, and the
# progress in between is even, as it would not be with one sort of everything.
WINDOW = 256
QUERY_CACHE = 4096
QUERY_BATCH = 32


class Embedder(Protocol):
    """What turns text into vectors. Its two embedding methods differ because models may have a prompt for each."""

    @property
    def name(self) -> str:
        """Canonical name of the model: `owner/name` or an absolute path."""

    @property
    def fingerprint(self) -> str:
        """Digest of the weights, with the precision if it is not float32; where equal, vectors can be compared."""

    @property
    def max_tokens(self) -> int:
        """Tokens of a text that the model reads, special tokens and prompt not counted; what is beyond is not seen."""

    @property
    def dimension(self) -> int:
        """Length of a vector."""

    @property
    def queries_together(self) -> int:
        """Number of queries that are worth embedding together, at most."""

    @property
    def batches_at_once(self) -> int:
        """Number of threads that are worth embedding queries at the same time."""

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text, without special tokens and however long it is."""

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return one vector of length 1 for each text, shape (n, dimension); progress gets texts done and in all."""

    def embed_queries(self, texts: Sequence[str]) -> Sequence[Vectors]:
        """Return the vector of length 1 of each query, shape (dimension,).

        It is the same for the same text, whatever else is asked at the time; where sentence-transformers or an endpoint
        embeds several together its last bits may differ.
        """


@runtime_checkable
class Remote(Protocol):
    """What an embedder has that waits for somebody else."""

    def give_up(self) -> None:
        """Make all requests that are under way fail now, in whatever thread, and all later ones."""


def load_embedder(
    model: str = DEFAULT_MODEL, *, embeddings_url: str | None = None, known: str = "", precision: str | None = None
) -> Embedder:
    """Find a model and return its embedder.

    `model` is a folder, a name on the hub, or `openai:NAME` for a model behind an OpenAI-compatible endpoint, which is at
    `embeddings_url`, or else OPENAI_BASE_URL, or else OpenAI's own; `known` is the fingerprint of the index it is for. A folder
    comes first; then, for the default model, the packaged weights of tracegen[offline]; then the hub's cache; then the hub.
    `precision` is float32 or int8, by default that of `known`, or else what `models.usual_precision` says.
    Raises EmbedderError where it cannot be had, or not in the int8 asked for; never another model. SettingsError for another
    precision.
    """
    from tracegen.index import endpoint, onnx_bert  # here, because they import this module

    name = models.canonical_name(model)
    if precision not in (None, *models.PRECISIONS):
        raise SettingsError(f"There is no precision {precision}. Give one of {', '.join(models.PRECISIONS)}.")
    is_endpoint = name.startswith(models.ENDPOINT)
    folder = None if is_endpoint else models.resolve_model(name)
    if folder and onnx_bert.supports(folder):
        return onnx_bert.OnnxBert(name, folder, precision or (models.precision_of(known) if known else None))
    if precision == models.INT8:
        why = (
            "an endpoint runs it"
            if is_endpoint
            else "tracegen itself runs BERT models with mean pooling only, and this is none"
        )
        raise EmbedderError(
            f"The model {name} cannot be had in {precision}: {why}. Build the index without --precision {precision}, "
            f"or with the default model, {DEFAULT_MODEL}."
        )
    if folder is None:
        return endpoint.EndpointEmbedder(name, url=embeddings_url, known=known)
    return SentenceEmbedder(name, folder)


class SentenceEmbedder:
    """A sentence-transformers model in a folder. Safe to use from several threads."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.fingerprint = models.fingerprint(folder)
        self.queries_together, self.batches_at_once = QUERY_BATCH, 1
        self._folder = folder
        # One thread at a time: tokenizers are not safe in several ("Already borrowed").
        self._lock = RLock()
        self._remembered: LRUCache[str, Vectors] = LRUCache(QUERY_CACHE)

    @cached_property
    def _model(self) -> "SentenceTransformer":
        with self._lock:
            return _load(self._folder)

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        """A copy of the model's tokenizer that never truncates nor pads."""
        from tokenizers import Tokenizer

        tokenizer = self._model.tokenizer
        backend = tokenizer if isinstance(tokenizer, Tokenizer) else getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise EmbedderError(f"The model {self.name} has no fast tokenizer. Choose another one with --model.")
        copy = Tokenizer.from_str(backend.to_str())
        copy.no_truncation()
        copy.no_padding()
        return copy

    @cached_property
    def _document_prompt(self) -> str:
        """What the model wants before a document.

        encode_document knows these names too, but stops at an empty `document`, which every loaded model has
        (sentence-transformers 6.2): documents of models with `passage` would get none.
        """
        prompts = self._model.prompts
        return next((prompt for name in ("document", "passage", "corpus") if (prompt := prompts.get(name))), "")

    @cached_property
    def max_tokens(self) -> int:
        """Tokens of a text that the model reads, special tokens and prompt not counted."""
        length = self._model.max_seq_length
        # Models without attention read any length.
        limit = int(length) if length and np.isfinite(length) else 1_000_000
        return limit - self._tokenizer.num_special_tokens_to_add(False) - self.count_tokens(self._document_prompt)

    @cached_property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self._model.get_embedding_dimension() or 0)

    def count_tokens(self, text: str) -> int:
        """Return the number of tokens of a text, without special tokens and however long it is."""
        return len(self._tokenizer.encode(well_formed(text), add_special_tokens=False).ids)

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return one vector of length 1 for each text, shape (n, dimension); progress gets texts done and in all."""
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for start in range(0, len(texts), WINDOW):
            window = [well_formed(text) for text in texts[start : start + WINDOW]]
            with self._lock:
                vectors[start : start + len(window)] = self._model.encode_document(
                    window,
                    prompt=self._document_prompt,
                    batch_size=BATCH_SIZE,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            if progress:
                progress(start + len(window), len(texts))
        return vectors

    def embed_queries(self, texts: Sequence[str]) -> list[Vectors]:
        """Return the vector of length 1 of each query, shape (dimension,); the last few thousand queries are remembered."""
        return self._remembered.get_all([well_formed(text) for text in texts], self._embed_queries)

    def _embed_queries(self, texts: Sequence[str]) -> list[Vectors]:
        with self._lock, one_thread():
            said = self._model.encode_query(
                list(texts), batch_size=QUERY_BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        vectors: Vectors = np.asarray(said, dtype=np.float32)
        vectors.setflags(write=False)  # they are shared by all who ask the same
        return list(vectors)


def well_formed(text: str) -> str:
    """Return the text with lone surrogates replaced: they cannot be encoded, so no tokenizer and no file takes them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _load(folder: Path) -> "SentenceTransformer":
    # Tokenizers warn at every later fork of the process otherwise, and read it at each use: it has to stay.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import_torch()
    from safetensors import SafetensorError
    from sentence_transformers import SentenceTransformer

    try:
        with quiet():
            return SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, SafetensorError) as error:
        raise EmbedderError(
            f"sentence-transformers cannot load the model in {folder}: {error}. Get it again, or choose another with --model."
        ) from error


def import_torch() -> None:
    """Import torch with threads that sleep while they wait, where nobody chose otherwise.

    Its OpenMP reads the setting once, when it is loaded. By default waiting threads spin: beside other work on two cores that
    was 3.6 chunks/s at 8 per CPU second, against 13 at 22 with sleeping ones (2026-11).
    """
    chosen = "OMP_WAIT_POLICY" in os.environ
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import_module("torch")
    finally:
        if not chosen:
            del os.environ["OMP_WAIT_POLICY"]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep transformers from drawing bars and reports while a model loads; its settings are put back afterwards."""
    logging: Any = import_module("transformers.utils.logging")
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread: with two on two busy cores, a query's 99th percentile was 740 ms instead of 27."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
