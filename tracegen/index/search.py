"""Search: a query -> chunks in order (tracegen.index.ranking) -> passages (tracegen.index.passages) -> the tool's return.

Only the files beside Chroma's are read: a search needs no chromadb, works on a read-only folder, and in many processes at once.
"""

import asyncio
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import NamedTuple, Self

from tracegen.errors import StoreError
from tracegen.index import models, tool
from tracegen.index.embedder import Embedder, Remote, load_embedder, well_formed
from tracegen.index.passages import find_passages
from tracegen.index.ranking import CANDIDATES, rank
from tracegen.index.reader import Reader
from tracegen.index.reranker import Reranker, load_reranker
from tracegen.index.sidecar import Sidecar, read_sidecar
from tracegen.records import Chunk, Hit, Tool, ToolReturn
from tracegen.wording import in_shell

CANDIDATES_EACH = 4
"""Chunks that a passage asked for is chosen from, where more are asked for than usual."""


def open_index(
    path: Path | str,
    *,
    embedder: Embedder | None = None,
    model: str | None = None,
    embeddings_url: str | None = None,
    rerank: str | None = None,
) -> "Index":
    """Open an index for searching; `model` is where its embedding model is taken from, by default what it was built with.

    `embeddings_url` is where a model behind an endpoint is asked; `rerank` is a cross-encoder, a folder or a name on the hub,
    which puts what was found in a new order.
    Raises StoreError where there is none, it is damaged or it was built with another model; EmbedderError where the model
    cannot be had.
    """
    sidecar = read_sidecar(Path(path))
    manifest = sidecar.manifest
    elsewhere = None if embedder else Elsewhere(str(Path(path).absolute()), model, rerank, manifest.id)
    if embedder is None:
        embedder = load_embedder(model or manifest.model, embeddings_url=embeddings_url, known=manifest.fingerprint)
    return _open(Path(path), sidecar, embedder, rerank, elsewhere)


async def open_index_async(path: Path, *, embeddings_url: str | None = None, rerank: str | None = None) -> "Index":
    """Open an index as `open_index` does, while the event loop goes on; cancelled, it waits for no endpoint."""
    sidecar = read_sidecar(path)
    embedder = load_embedder(sidecar.manifest.model, embeddings_url=embeddings_url, known=sidecar.manifest.fingerprint)
    elsewhere = Elsewhere(str(path.absolute()), None, rerank, sidecar.manifest.id)
    try:
        return await asyncio.to_thread(_open, path, sidecar, embedder, rerank, elsewhere)
    except asyncio.CancelledError:
        if isinstance(embedder, Remote):
            embedder.give_up()
        raise


def _open(path: Path, sidecar: Sidecar, embedder: Embedder, rerank: str | None, elsewhere: "Elsewhere | None") -> "Index":
    """Return an index, once the model has told that it is the one it was built with."""
    manifest = sidecar.manifest
    if not models.is_current(manifest.fingerprint):
        raise StoreError(
            f"The index {path} was built by another version of tracegen (weights {models.short(manifest.fingerprint)}). "
            f"Build it again: tracegen index DOCS --index {in_shell(path)}"
        )
    if embedder.fingerprint != manifest.fingerprint:
        raise StoreError(
            f"The index {path} was built with the model {manifest.model} (weights {models.short(manifest.fingerprint)}), "
            f"not with {embedder.name} (weights {models.short(embedder.fingerprint)}). Use the same model, "
            f"or delete the folder and build it again: tracegen index DOCS --index {in_shell(path)}"
        )
    return Index(sidecar, embedder, load_reranker(rerank) if rerank else None, elsewhere)


class Elsewhere(NamedTuple):
    """What another process needs to open the same index."""

    path: str
    """The index."""
    model: str | None
    """Where its model is taken from, if not from where it was built with."""
    rerank: str | None
    """The cross-encoder."""
    id: str
    """The index's id: it may be built anew at any time."""

    def open(self) -> "Index":
        """Open it. Raises StoreError where it cannot be opened, or is another one by now."""
        index = open_index(self.path, model=self.model, rerank=self.rerank)
        if index.id != self.id:
            raise StoreError(f"The index {self.path} is another one by now.")
        return index


class Costs(NamedTuple):
    """What searches cost."""

    searches: int = 0
    """Number of searches."""
    embed_s: float = 0.0
    """Seconds until their queries were vectors, loading the model and waiting for it among them."""
    search_s: float = 0.0
    """Seconds for the rest: ranking, reading chunks, joining passages."""


class Index:
    """An open index. Safe to use from several threads where its embedder is; a context manager."""

    def __init__(
        self, sidecar: Sidecar, embedder: Embedder, reranker: Reranker | None = None, elsewhere: Elsewhere | None = None
    ) -> None:
        self.manifest = sidecar.manifest
        self.elsewhere = None if isinstance(embedder, Remote) else elsewhere
        """How another process opens the same index; None where it cannot, or its model calculates somewhere else anyway."""
        # What is stored is what was asked for; how hits are rendered is this program's doing.
        update = {"rendering": tool.RENDERING, "rerank": reranker.id if reranker else None}
        self.tool: Tool = sidecar.manifest.tool.model_copy(update=update)
        self._reranker = reranker
        self._sidecar: Sidecar | None = sidecar
        self._readers: tuple[Reader, Reader] | None = (Reader(sidecar), Reader(sidecar, embedder.count_tokens))
        self._embedder = embedder
        self._costs = Costs()
        self._lock = Lock()

    @property
    def id(self) -> str:
        """16 hex digits that follow from documents, cutting and model: the same id gives the same returns."""
        return self.manifest.id

    def __len__(self) -> int:
        return self.manifest.chunks

    @property
    def searches_at_once(self) -> int:
        """Number of threads that are worth searching at the same time."""
        return self._embedder.batches_at_once

    @property
    def queries_together(self) -> int:
        """Number of queries that are worth embedding together, at most."""
        return self._embedder.queries_together

    def prepare(self, queries: Sequence[str]) -> None:
        """Embed some queries together, in less time than one by one: searches for them find their vectors made.

        Raises EmbedderError.
        """
        started = time.perf_counter()
        self._embedder.embed_queries([query for query in map(_as_searched, queries) if query])
        self._count(0, time.perf_counter() - started, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the memory; searching afterwards raises ValueError."""
        self._sidecar = self._readers = None

    def give_up(self) -> None:
        """Make searches that wait for a model behind an endpoint fail now, in whatever thread, and all later ones."""
        if isinstance(self._embedder, Remote):
            self._embedder.give_up()

    def chunks(self) -> Iterator[Chunk]:
        """Yield all chunks, in the order of the documentation."""
        if self._sidecar is None:
            raise ValueError("the index is closed")
        for number in range(len(self._sidecar.lines)):
            yield self._sidecar.chunk(number)

    def search(self, query: str, k: int | None = None, *, path: str | None = None) -> list[Hit]:
        """Return the k best passages, best first; equally good ones in the order of the documentation.

        Without `k` it is the tool's. Each is of another section, and none repeats a better one. There are fewer than k only
        where there is not more that is different: whether they answer is for the reader to say. `path` keeps to some
        documents: `std/*.md`, or a folder.
        Raises ValueError for a query without any character, and for k below 1.
        """
        query = _as_searched(query)
        if not query:
            raise ValueError("The query is empty.")
        k = self.tool.k if k is None else k
        if k < 1:
            raise ValueError(f"k is {k}, but has to be at least 1.")
        if self._sidecar is None or self._readers is None:
            raise ValueError("The index is closed.")
        sidecar, (in_chars, in_tokens) = self._sidecar, self._readers
        started = time.perf_counter()
        [vector] = self._embedder.embed_queries([query])
        embedded = time.perf_counter()
        only = sidecar.catalogue.originals() if path is None else sidecar.catalogue.below(path)
        ranked, scores = rank(sidecar, query, vector, max(CANDIDATES, CANDIDATES_EACH * k), only)
        if self._reranker:
            ranked = self._reranker.rerank(query, ranked, sidecar)
        if self.tool.max_tokens:
            reader, room = in_tokens, min(self.tool.max_tokens, k * tool.PASSAGE_TOKENS)
        else:
            reader, room = in_chars, min(self.tool.max_chars or sys.maxsize, k * tool.PASSAGE_CHARS)
        hits = find_passages(ranked, scores, reader, k, room)
        self._count(1, embedded - started, time.perf_counter() - embedded)
        return hits

    @property
    def costs(self) -> "Costs":
        """What the searches since opening cost, in all threads."""
        return self._costs

    def _count(self, searches: int, embed_s: float, search_s: float) -> None:
        with self._lock:
            so_far = self._costs
            self._costs = Costs(so_far.searches + searches, so_far.embed_s + embed_s, so_far.search_s + search_s)

    def call(self, query: str) -> ToolReturn:
        """Return what the tool gives back for a query: the text the model sees, and where it came from.

        An empty query is the model's mistake: it gets a return that says so.
        """
        if not query.strip():
            return ToolReturn(text=tool.EMPTY_QUERY, error=True)
        return self.returned(self.search(query))

    def call_all(self, queries: Sequence[str]) -> Iterator[ToolReturn]:
        """Yield what `call` returns for some queries, which are embedded together before the first. Raises EmbedderError."""
        if len(queries) > 1:
            self.prepare(queries)
        yield from map(self.call, queries)

    def returned(self, hits: Sequence[Hit]) -> ToolReturn:
        """Return the tool's return for some hits."""
        shown = tool.within_budget(hits, self.tool, self._embedder.count_tokens)
        return ToolReturn(text=tool.render(shown, self.tool.nothing_found), sources=tuple(hit.source() for hit in shown))


def _as_searched(query: str) -> str:
    return well_formed(query).strip()
