"""The store of record: a Chroma collection that any Chroma client opens.

    generation = Path("docs.index", Path("docs.index/CURRENT").read_text().strip())
    client = chromadb.PersistentClient(generation / "chroma")
    collection = client.get_collection("chunks", embedding_function=None)

Ids are those of the chunks, documents their texts, embeddings those of the index's model. Metadatas are their path, title,
headings (joined by " > ", and as JSON in `headings_json`), anchor, lines, and the number of the chunk in its document, `part`.
The space is cosine. Opening it writes into the folder; searches of tracegen do not open it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tracegen.errors import OutputError
from tracegen.index.embedder import Vectors
from tracegen.index.memory import give_back
from tracegen.records import Chunk

COLLECTION = "chunks"
# Chroma holds 10 kB for each row that is not flushed. With 250 rows at a time, each flushed, 15,000 rows need 153 MB instead of
# the 172 of 500 rows and a flush every 1,000, for a tenth more of its time; 100 are no better (384 numbers a row, 2026-11).
BATCH_SIZE = 250
SPACE = {"hnsw": {"space": "cosine", "sync_threshold": BATCH_SIZE}}
"""Of a new collection: Chroma's own default is squared distance.

Wherever a collection is opened, `embedding_function=None` has to be said: Chroma would attach a model and download it.
A process killed while Chroma 1.5.9 flushes its HNSW files may leave them unreadable for ever. Here it may: a
folder that is half written never counts, see tracegen.index.store, and is never written again once it does. Flushed rows
still cost 2.3 kB each, of which 1.7 are what its graph holds of each: it is always in memory as a whole (2026-11).
"""
UNFLUSHED = {"hnsw": {"space": "cosine", "sync_threshold": 1_000_000}}
"""Of a new collection on a server, which is written in place: the threshold is never reached, so no kill can hit a flush."""
# What Chroma normalises again may differ in the last digits.
TOLERANCE = 1e-5


Chunks = Callable[[], Iterable[Chunk]]
"""Gives all chunks in order, each time it is called: they are not held in memory."""
AllVectors = Callable[[], Vectors]
"""Gives their vectors, shape (n, dimension), mapped anew each time it is called: what was read leaves memory again."""


def write_collection(
    folder: Path, chunks: Chunks, vectors: AllVectors, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write chunks and their vectors into a new Chroma folder, and read them back.

    Raises OutputError where Chroma cannot write, or gives back something else.
    """
    from chromadb.errors import ChromaError

    try:
        _write(folder, chunks, vectors, progress)
        give_back()
        _verify(folder, chunks, vectors)
        give_back()
    except ChromaError as error:
        raise OutputError(
            f"Chroma cannot store the index in {folder}: {error}. "
            "Free some space or choose another place with --index, then run again."
        ) from error


def exists(folder: Path) -> bool:
    """Return whether there is a Chroma folder; it is not opened, which would write into it."""
    return (folder / "chroma.sqlite3").is_file()


def _write(folder: Path, chunks: Chunks, vectors: AllVectors, progress: Callable[[int, int], None] | None) -> None:
    client = _open(folder)
    try:
        collection = client.create_collection(COLLECTION, configuration=SPACE, embedding_function=None)
        for start, batch in batches(chunks()):
            every = vectors()
            collection.add(**rows(batch, every[start : start + len(batch)]))
            if progress:
                progress(start + len(batch), len(every))
    finally:
        client.close()


class Part(NamedTuple):
    """A chunk and its place."""

    chunk: Chunk
    """The chunk."""
    number: int
    """Number among the chunks of its document, from 0."""


def batches(chunks: Iterable[Chunk]) -> Iterator[tuple[int, list[Part]]]:
    """Yield the chunks, given in order, in batches, each with the number of its first one."""
    parts = (Part(*each) for _, same in groupby(chunks, key=attrgetter("path")) for each in _numbered(same))
    start = 0
    while batch := list(islice(parts, BATCH_SIZE)):
        yield start, batch
        start += len(batch)


def _numbered(chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, int]]:
    return ((chunk, number) for number, chunk in enumerate(chunks))


def rows(parts: Sequence[Part], vectors: Vectors) -> dict[str, Any]:
    """Return chunks and their vectors as the arguments of Chroma's `add` and `upsert`."""
    return {
        "ids": [part.chunk.id for part in parts],
        "documents": [part.chunk.text for part in parts],
        "metadatas": [metadata(part) for part in parts],
        "embeddings": np.asarray(vectors),
    }


def metadata(part: Part) -> dict[str, Any]:
    """Return all there is to know of a chunk beside its id and text: plain values as they are, others as JSON as well."""
    fields = part.chunk.model_dump(mode="json", exclude={"id", "text"}, exclude_none=True)
    plain = {name: value for name, value in fields.items() if isinstance(value, (str, int, float, bool))}
    others = {f"{name}_json": json.dumps(value) for name, value in fields.items() if name not in plain}
    return {**plain, "headings": " > ".join(part.chunk.headings), **others, "part": part.number}


def chunk_of(chunk_id: str, text: str, stored: dict[str, Any]) -> Chunk:
    """Return the chunk of a row. Raises ValueError where the row holds something else."""
    names = Chunk.model_fields.keys() - {"id", "text"}
    plain = {name: stored[name] for name in names if name in stored}
    others = {name: json.loads(stored[f"{name}_json"]) for name in names if f"{name}_json" in stored}
    return Chunk.model_validate({"id": chunk_id, "text": text, **plain, **others})


def _verify(folder: Path, chunks: Chunks, vectors: AllVectors) -> None:
    """Read everything back through a new client: Chroma may lose rows and still count them."""
    client = _open(folder)
    try:
        collection = client.get_collection(COLLECTION, embedding_function=None)
        count = collection.count()
        for start, batch in batches(chunks()):
            stored = collection.get(limit=len(batch), offset=start, include=["embeddings"])
            every = vectors()
            same_ids = stored["ids"] == [part.chunk.id for part in batch]
            if not same_ids or not np.allclose(
                np.asarray(stored["embeddings"]), every[start : start + len(batch)], atol=TOLERANCE
            ):
                raise OutputError(
                    f"Chroma gives back other rows than were stored in {folder} (chunks {start + 1} to {start + len(batch)} of "
                    f"{len(every)}, {count} counted). Check the disk, then run again; the index that was there is untouched."
                )
    finally:
        client.close()


def _open(folder: Path) -> Any:
    """Return a client; its own type does not know `close`."""
    import chromadb

    return chromadb.PersistentClient(folder, settings())


def settings() -> Any:
    """Return the settings of every client: no telemetry. Chroma 1.5.9 has none any more, whatever is set (2026-11)."""
    from chromadb.config import Settings

    return Settings(anonymized_telemetry=False)
