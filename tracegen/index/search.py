"""Search: exact nearest neighbours and BM25, fused by reciprocal rank.

Only the files beside Chroma's are read: a search needs no chromadb, works on a read-only folder, and in many processes at once.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from tracegen.errors import StoreError
from tracegen.index import store, tool
from tracegen.index.embedder import Embedder, Vectors, load_embedder, well_formed
from tracegen.index.lexical import Lexical
from tracegen.index.store import Manifest
from tracegen.records import Chunk, Hit, Tool, ToolReturn

# Reciprocal rank fusion, Cormack, Clarke and Buettcher, SIGIR 2009, with k = 10 where they have 60: about two points of
# recall@5 more on the documentation of three languages (2026-11). 100 candidates of each list are 1 to 3 points better than 30.
RRF_K = 10
CANDIDATES = 100


class Sidecar(NamedTuple):
    """A generation's files for searching, in memory."""

    folder: Path
    """Where they lie."""
    manifest: Manifest
    """What it was built from."""
    lines: list[bytes]
    """The chunks as JSON, parsed when they are found."""
    vectors: Vectors
    """Shape (n, dimension), one row for each chunk."""
    lexical: Lexical
    """BM25 of the same chunks."""


def open_index(path: Path | str, *, embedder: Embedder | None = None, model: str | None = None) -> "Index":
    """Open an index for searching; `model` is where its embedding model is taken from, by default what it was built with.

    Raises StoreError where there is none, it is damaged or it was built with another model; EmbedderError where the model
    cannot be had.
    """
    sidecar = read_sidecar(Path(path))
    manifest = sidecar.manifest
    if embedder is None:
        embedder = load_embedder(model or manifest.model)
    if embedder.fingerprint != manifest.fingerprint:
        raise StoreError(
            f"The index {path} was built with the model {manifest.model} (weights {manifest.fingerprint[:12]}), not with "
            f"{embedder.name} (weights {embedder.fingerprint[:12]}). Use the same model, "
            f"or delete the folder and build it again: tracegen index DOCS --index {path}"
        )
    return Index(sidecar, embedder)


def read_sidecar(path: Path) -> Sidecar:
    """Read the generation that counts.

    Raises StoreError where there is none, or it is damaged.
    """
    generation = store.current_generation(path)
    try:
        return _read_generation(path, generation)
    except StoreError:
        # A build may have replaced it while it was read.
        replaced = store.current_generation(path)
        if replaced == generation:
            raise
        return _read_generation(path, replaced)


def _read_generation(path: Path, generation: Path) -> Sidecar:
    manifest = store.read_manifest(path, generation)
    try:
        lines = (generation / store.CHUNKS).read_bytes().splitlines()
        vectors: Vectors = np.load(generation / store.VECTORS, allow_pickle=False)
        lexical = Lexical.load(generation / store.BM25)
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise store.damaged(path, str(error)) from None
    found = (len(lines), vectors.shape, len(lexical))
    expected = (manifest.chunks, (manifest.chunks, manifest.dimension), manifest.chunks)
    if found != expected:
        raise store.damaged(path, f"its files have sizes {found} instead of {expected}")
    return Sidecar(generation, manifest, lines, vectors, lexical)


class Index:
    """An open index. Safe to use from several threads where its embedder is; a context manager."""

    def __init__(self, sidecar: Sidecar, embedder: Embedder) -> None:
        self.manifest = sidecar.manifest
        # What is stored is what was asked for; how hits are rendered is this program's doing.
        self.tool: Tool = sidecar.manifest.tool.model_copy(update={"rendering": tool.RENDERING})
        self._sidecar: Sidecar | None = sidecar
        self._embedder = embedder

    @property
    def id(self) -> str:
        """16 hex digits that follow from documents, cutting and model: the same id gives the same returns."""
        return self.manifest.id

    def __len__(self) -> int:
        return self.manifest.chunks

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the memory; searching afterwards raises ValueError."""
        self._sidecar = None

    def search(self, query: str, k: int | None = None) -> list[Hit]:
        """Return the k best chunks, best first; equally good ones in the order of the documentation.

        Without `k` it is the tool's. There are always k, or all chunks where there are fewer: whether they answer is for the
        reader to say.
        Raises ValueError for a query without any character, and for k below 1.
        """
        query = well_formed(query).strip()
        if not query:
            raise ValueError("The query is empty.")
        k = self.tool.k if k is None else k
        if k < 1:
            raise ValueError(f"k is {k}, but has to be at least 1.")
        if self._sidecar is None:
            raise ValueError("The index is closed.")
        _, _, lines, vectors, lexical = self._sidecar
        dense = vectors @ self._embedder.embed_query(query)
        words = lexical.scores(query)
        candidates = max(k, CANDIDATES)
        dense_ranks = _ranks(_best(dense, candidates))
        word_ranks = _ranks([i for i in _best(words, candidates) if words[i] > 0])
        fused = {i: _fuse(dense_ranks.get(i), word_ranks.get(i)) for i in dense_ranks | word_ranks}
        best = sorted(fused, key=lambda i: (-fused[i], i))[:k]
        return [
            Hit(
                chunk=_chunk(lines[i]),
                rank=rank,
                score=fused[i],
                dense_rank=dense_ranks.get(i),
                dense_score=float(dense[i]),
                lexical_rank=word_ranks.get(i),
                lexical_score=float(words[i]),
            )
            for rank, i in enumerate(best, start=1)
        ]

    def call(self, query: str) -> ToolReturn:
        """Return what the tool gives back for a query: the text the model sees, and where it came from.

        An empty query is the model's mistake: it gets a return that says so.
        """
        if not query.strip():
            return ToolReturn(text=tool.EMPTY_QUERY, error=True)
        hits = tool.within_budget(self.search(query), self.tool, self._embedder.count_tokens)
        return ToolReturn(text=tool.render(hits, self.tool.nothing_found), sources=tuple(hit.source() for hit in hits))


def _best(scores: NDArray[np.float32], count: int) -> list[int]:
    """Return the positions of the largest scores, largest first, of equal ones the first first."""
    if len(scores) > count:
        threshold = np.partition(scores, -count)[-count]
        positions = np.flatnonzero(scores >= threshold)
    else:
        positions = np.arange(len(scores))
    order = np.argsort(-scores[positions], kind="stable")[:count]
    return [int(i) for i in positions[order]]


def _ranks(positions: Sequence[int]) -> dict[int, int]:
    return {position: rank for rank, position in enumerate(positions, start=1)}


def _fuse(*ranks: int | None) -> float:
    return sum(1 / (RRF_K + rank) for rank in ranks if rank is not None)


def _chunk(line: bytes) -> Chunk:
    try:
        return Chunk.model_validate_json(line)
    except ValidationError as error:
        raise StoreError(
            f"The index holds a chunk that cannot be read ({error.errors()[0]['msg']}). Build it again: tracegen index DOCS"
        ) from None
