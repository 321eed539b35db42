"""The files of a generation, written in passes, so that memory does not grow with the documentation.

1. cut     documents -> chunks.jsonl, vectors.sha256; what did not change is copied
2. embed   texts without a vector -> vectors.npy, lengths.npy, a window at a time
3. store   chunks.jsonl, vectors.npy -> bm25/, chroma/
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracegen.corpus import chunk_document, embedded_text
from tracegen.index import store
from tracegen.index.cache import EmbeddingCache
from tracegen.index.embedder import WINDOW, Embedder, Vectors
from tracegen.index.previous import Previous, read_digests
from tracegen.index.scan import Scan, read_all
from tracegen.records import Chunk, Document, Skipped

Progress = Callable[[str, int, int], None]
"""Called with a stage (`reading`, `embedding`, `storing`), what is done and how much there is."""

COPIED_ROWS = 16
"""Vectors copied at a time, in the order of the file that they are read from: each may bring 2 MB of it into memory.

So much Linux 6.18 maps for one that is read. They count in the resident memory, though it can have them back (2026-11).
"""


class Cut(NamedTuple):
    """What came of reading and cutting."""

    documents: dict[str, str]
    """Path of each document to its digest, in the order of the chunks."""
    counts: dict[str, int]
    """Path of each document to the number of its chunks."""
    embedded_as: dict[str, str]
    """As in the manifest."""
    skipped: list[Skipped]
    """What was left out."""
    removed: int
    """Chunks of the last build that are gone."""

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return sum(self.counts.values())


def cut(scan: Scan, folder: Path, embedder: Embedder, budget: int, previous: Previous | None, report: Progress) -> Cut:
    """Write the chunks of all documents and the digests of their texts; `previous` is where unchanged ones come from."""
    documents: dict[str, str] = {}
    counts: dict[str, int] = {}
    embedded_as: dict[str, str] = {}
    former_paths = scan.former_paths() if previous else {}
    skipped: list[Skipped] = []
    removed = 0
    with (folder / store.CHUNKS).open("wb") as lines, (folder / store.TEXT_DIGESTS).open("wb") as digests:
        for found, read in read_all(scan):
            if isinstance(read, Skipped):
                skipped.append(read)
                continue
            if read is None and previous:
                written = previous.lines(found.path)
                lines.write(written)
                digests.write(previous.digests_of(found.path))
                documents[found.path] = previous.manifest.documents[found.path]
                if found.path in previous.manifest.embedded_as:
                    embedded_as[found.path] = previous.manifest.embedded_as[found.path]
            elif read is not None:
                former = former_paths.get(found.path)
                before = previous.texts_of(former) if previous and former else []
                written, as_before = _write_chunks(read, lines, digests, embedder, budget, before)
                if as_before and previous and former:
                    embedded_as[found.path] = previous.manifest.embedded_as.get(former, former)
                documents[found.path] = read.sha256
                removed += len(_ids(previous.lines(found.path)) - _ids(written)) if previous else 0
            counts[found.path] = written.count(b"\n")
            report("reading", len(documents), len(scan.files))
    gone = (previous.manifest.documents.keys() - documents.keys()) if previous else set()
    removed += sum(previous.manifest.document_chunks[path] for path in gone) if previous else 0
    return Cut(documents, counts, embedded_as, skipped, removed)


def _write_chunks(
    document: Document,
    lines: BinaryIO,
    digests: BinaryIO,
    embedder: Embedder,
    budget: int,
    before: Sequence[tuple[str, bytes]],
) -> tuple[bytes, bool]:
    """Write a document's chunks and the digests of what is embedded of them.

    Of a document without a title its name is embedded, too. Where it was renamed, `before` has the texts of its chunks and the
    digests of what was embedded of them by that name: they stay, so that a new name embeds nothing.
    Returns the lines of the chunks, and whether a digest is not the chunk's own.
    """
    chunks = chunk_document(document, count_tokens=embedder.count_tokens, max_tokens=budget)
    written = b"".join(f"{chunk.model_dump_json()}\n".encode() for chunk in chunks)
    own = [f"{hashlib.sha256(embedded_text(chunk).encode()).hexdigest()}\n".encode() for chunk in chunks]
    used = own
    if [chunk.text for chunk in chunks] == [text for text, _ in before]:
        used = [digest for _, digest in before]
    lines.write(written)
    digests.writelines(used)
    return written, used != own


def _ids(lines: bytes) -> set[str]:
    return {Chunk.model_validate_json(line).id for line in lines.splitlines()}


def read_chunks(folder: Path) -> Iterator[Chunk]:
    """Yield the chunks of a generation in order."""
    with (folder / store.CHUNKS).open("rb") as lines:
        yield from map(Chunk.model_validate_json, lines)


# --- embedding -----------------------------------------------------------------------------------------------------------


class _Target:
    """The vectors and lengths that are being written; the vectors are mapped anew each time, so that they leave memory."""

    def __init__(self, folder: Path, count: int, dimension: int) -> None:
        self.file = folder / store.VECTORS
        store.reserve_vectors(self.file, count, dimension)
        self.lengths = np.zeros(count, dtype=np.int32)

    def put(
        self, rows: Sequence[int] | NDArray[np.int64], lengths: Sequence[int] | NDArray[np.int32], vectors: Vectors
    ) -> None:
        mapped = np.load(self.file, mmap_mode="r+", allow_pickle=False)
        mapped[rows] = vectors
        self.lengths[rows] = lengths


def embed(folder: Path, embedder: Embedder, previous: Previous | None, cache: EmbeddingCache, report: Progress) -> int:
    """Write the vectors and lengths of all texts, and return how many had to be embedded: those without a vector, each once.

    `previous` is where vectors of the same model are taken from.
    """
    digests = read_digests(folder)
    # Each text at its first row; what comes again is copied at the end.
    texts, first_rows, inverse = np.unique(digests, return_index=True, return_inverse=True)
    target = _Target(folder, len(digests), embedder.dimension)
    known = np.zeros(len(texts), dtype=bool)
    if previous:
        known |= _copy_known(texts, first_rows, previous, target)
    known |= _copy_cached(texts, first_rows, ~known, cache, target)
    new_rows = np.sort(first_rows[~known])
    _embed_rows(folder, new_rows, digests, embedder, cache, target, report)
    again = np.flatnonzero(first_rows[inverse] != np.arange(len(digests)))
    again = again[np.argsort(first_rows[inverse[again]])]
    for rows in _windows(again, COPIED_ROWS):
        source = first_rows[inverse[rows]]
        target.put(rows, target.lengths[source], np.load(target.file, mmap_mode="r", allow_pickle=False)[source])
    np.save(folder / store.LENGTHS, target.lengths)
    return len(new_rows)


def _copy_known(
    texts: NDArray[np.bytes_], first_rows: NDArray[np.int64], previous: Previous, target: _Target
) -> NDArray[np.bool_]:
    """Copy the vectors that the last build has, and return which texts these are."""
    known, their_rows = np.unique(previous.digests(), return_index=True)
    places = np.minimum(np.searchsorted(known, texts), max(len(known) - 1, 0))
    there: NDArray[np.bool_] = known[places] == texts
    lengths = previous.lengths()
    found = np.flatnonzero(there)
    found = found[np.argsort(their_rows[places[found]])]
    for window in _windows(found, COPIED_ROWS):
        rows = their_rows[places[window]]
        target.put(first_rows[window], lengths[rows], previous.vectors()[rows])
    return there


def _copy_cached(
    texts: NDArray[np.bytes_], first_rows: NDArray[np.int64], wanted: NDArray[np.bool_], cache: EmbeddingCache, target: _Target
) -> NDArray[np.bool_]:
    """Copy the wanted vectors that a build which did not end well has left, and return which texts these are."""
    there = wanted & np.isin(texts, cache.digests())
    for window in _windows(np.flatnonzero(there), WINDOW):
        found = cache.get([bytes(texts[i]) for i in window])
        lengths, vectors = zip(*(found[bytes(texts[i])] for i in window), strict=True)
        target.put(first_rows[window], lengths, np.stack(vectors))
    return there


def _embed_rows(
    folder: Path,
    rows: NDArray[np.int64],
    digests: NDArray[np.bytes_],
    embedder: Embedder,
    cache: EmbeddingCache,
    target: _Target,
    report: Progress,
) -> None:
    """Embed the texts of some rows, given in order, a window at a time."""
    chunks, at = read_chunks(folder), 0
    for window in _windows(rows, WINDOW):
        texts = []
        for row in window:
            chunk = next(islice(chunks, int(row) - at, None))
            at = int(row) + 1
            texts.append(embedded_text(chunk))
        done = int(np.searchsorted(rows, window[0]))
        vectors = embedder.embed_documents(texts, partial(_report_window, report, done, len(rows)))
        lengths = [embedder.count_tokens(text) for text in texts]
        cache.put([bytes(digests[row]) for row in window], lengths, vectors)
        target.put(window, lengths, vectors)


def _report_window(report: Progress, before: int, total: int, done: int, _: int) -> None:
    report("embedding", before + done, total)


def _windows(values: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


# --- the whole -----------------------------------------------------------------------------------------------------------


def index_id(folder: Path, head: str) -> str:
    """Return the id of the chunks in a folder, made as `head` says."""
    digest = hashlib.sha256(f"{head}\n".encode())
    with (folder / store.CHUNKS).open("rb") as lines:
        for line in lines:
            digest.update(line)
    return digest.hexdigest()[:16]
