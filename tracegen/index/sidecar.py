"""The files beside Chroma's, written by a build and read by a search: chunks, vectors, words, names, catalogue.

Vectors and chunks are mapped into memory, so that opening a large index is quick and several processes share it.
"""

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import ValidationError

from tracegen.corpus import mark_duplicates
from tracegen.errors import StoreError
from tracegen.index import store
from tracegen.index.catalogue import Catalogue, ChunkLines
from tracegen.index.embedder import Vectors
from tracegen.index.lexical import Lexical, tokenize
from tracegen.index.names import chunk_names
from tracegen.index.postings import write_lexical
from tracegen.index.store import Manifest
from tracegen.records import Chunk


class Sidecar(NamedTuple):
    """A generation's files for searching."""

    folder: Path
    """Where they lie."""
    manifest: Manifest
    """What it was built from."""
    lines: ChunkLines
    """The chunks as JSON, read and parsed when they are found."""
    vectors: Vectors
    """Shape (n, dimension), one row for each chunk."""
    words: Lexical
    """BM25 of the chunks' words."""
    names: Lexical
    """BM25 of the exact names in them, see tracegen.index.names."""
    catalogue: Catalogue
    """Section and document of each chunk."""

    def chunk(self, number: int) -> Chunk:
        """Return a chunk. Raises StoreError where its line is damaged."""
        try:
            return Chunk.model_validate_json(self.lines[number])
        except ValidationError as error:
            raise StoreError(
                f"The index holds a chunk that cannot be read ({error.errors()[0]['msg']}). Build it again: tracegen index DOCS"
            ) from None


def write_search_files(folder: Path, chunks: Callable[[], Iterable[Chunk]]) -> None:
    """Write the files of a generation that follow from its chunks alone; `chunks` gives these anew. Raises OSError."""
    with (folder / store.CHUNKS).open("rb") as file:
        Catalogue.of(mark_duplicates(chunks), [len(line) for line in file]).save(folder / store.CATALOGUE)
    write_lexical(folder / store.BM25, map(_words, chunks()))
    write_lexical(folder / store.NAMES, map(chunk_names, chunks()))


def _words(chunk: Chunk) -> list[str]:
    # The section's own heading counts twice: of 335 functions of the gleam library asked for by name, 89 % came first instead
    # of 87 % (2026-11).
    return tokenize("\n".join((chunk.path, *chunk.headings, *chunk.headings[-1:], chunk.text)))


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
        catalogue = Catalogue.load(generation / store.CATALOGUE)
        lines = ChunkLines(generation / store.CHUNKS, catalogue.offsets)
        vectors: Vectors = np.load(generation / store.VECTORS, mmap_mode="r", allow_pickle=False).view(np.ndarray)
        words, names = Lexical.load(generation / store.BM25), Lexical.load(generation / store.NAMES)
    except (OSError, ValueError, KeyError, TypeError, EOFError, IndexError, zipfile.BadZipFile) as error:
        raise store.damaged(path, str(error)) from None
    sizes = {len(lines), len(vectors), len(words), len(names), len(catalogue.sections), len(catalogue.documents)}
    if sizes != {manifest.chunks} or vectors.shape != (manifest.chunks, manifest.dimension):
        raise store.damaged(path, f"its files have sizes {sorted(sizes)} and {vectors.shape} instead of {manifest.chunks}")
    return Sidecar(generation, manifest, lines, vectors, words, names, catalogue)
