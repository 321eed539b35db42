"""The index as the last build left it: what the next one takes over without reading, cutting or embedding it again."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracegen.errors import StoreError
from tracegen.index import models, store
from tracegen.index.embedder import Vectors
from tracegen.index.store import Manifest
from tracegen.records import Chunk

DIGEST_LINE = np.dtype([("digest", "S64"), ("end", "S1")])
"""A line of the file of text digests."""


class _Place(NamedTuple):
    """Where a document's chunks are."""

    rows: slice
    """Of the vectors."""
    start: int
    """Offset of the first byte in the file of chunks."""
    end: int
    """Offset behind the last byte."""


class Previous:
    """A generation whose files are all there. Nothing but its manifest is in memory until it is asked for."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._places: dict[str, _Place] | None = None

    def lines(self, path: str) -> bytes:
        """Return the lines of a document's chunks; none where there is no such document."""
        place = self._all_places().get(path)
        if place is None:
            return b""
        with (self.folder / store.CHUNKS).open("rb") as file:
            file.seek(place.start)
            return file.read(place.end - place.start)

    def digests_of(self, path: str) -> bytes:
        """Return the lines of the digests of a document's texts."""
        rows = self._all_places()[path].rows
        with (self.folder / store.TEXT_DIGESTS).open("rb") as file:
            file.seek(rows.start * DIGEST_LINE.itemsize)
            return file.read((rows.stop - rows.start) * DIGEST_LINE.itemsize)

    def texts_of(self, path: str) -> list[tuple[str, bytes]]:
        """Return the text of each chunk of a document, and the line of the digest of what was embedded of it."""
        texts = [Chunk.model_validate_json(line).text for line in self.lines(path).splitlines()]
        return list(zip(texts, self.digests_of(path).splitlines(keepends=True), strict=True))

    def digests(self) -> NDArray[np.bytes_]:
        """Return the digests of all texts, shape (n,)."""
        return read_digests(self.folder)

    def vectors(self) -> Vectors:
        """Return all vectors, shape (n, dimension), mapped from the file: only what is used comes into memory."""
        vectors: Vectors = np.load(self.folder / store.VECTORS, mmap_mode="r", allow_pickle=False)
        return vectors

    def lengths(self) -> NDArray[np.int32]:
        """Return the tokens of all texts, shape (n,)."""
        lengths: NDArray[np.int32] = np.load(self.folder / store.LENGTHS, allow_pickle=False)
        return lengths

    def is_whole(self) -> bool:
        """Return whether the files fit together, so that they can be taken over."""
        count = self.manifest.chunks
        try:
            shapes = (self.vectors().shape, self.lengths().shape, self.digests().shape)
            lines = sum(place.rows.stop - place.rows.start for place in self._all_places().values())
        except (OSError, ValueError, EOFError):
            return False
        return (*shapes, lines) == ((count, self.manifest.dimension), (count,), (count,), count)

    def _all_places(self) -> dict[str, _Place]:
        if self._places is None:
            self._places = {}
            row = offset = 0
            with (self.folder / store.CHUNKS).open("rb") as lines:
                for path, count in self.manifest.document_chunks.items():
                    size = sum(len(line) for _, line in zip(range(count), lines, strict=False))
                    self._places[path] = _Place(slice(row, row + count), offset, offset + size)
                    row, offset = row + count, offset + size
        return self._places


def read_digests(folder: Path) -> NDArray[np.bytes_]:
    """Return the digests of the texts of a generation, shape (n,)."""
    digests: NDArray[np.bytes_] = np.fromfile(folder / store.TEXT_DIGESTS, dtype=DIGEST_LINE)["digest"]
    return digests


def read_previous(path: Path) -> Previous | None:
    """Return the index as it is, or None where there is none that can be used."""
    try:
        folder = store.current_generation(path)
        return Previous(folder, store.read_manifest(path, folder))
    except StoreError:
        return None


def read_fingerprint(path: Path, model: str) -> str:
    """Return what the manifest of an index says its model's fingerprint is, though nothing else of the index may be of use.

    It is empty where there is none, or the index was built with a model of another name.
    """
    try:
        manifest = json.loads((store.current_generation(path) / store.MANIFEST).read_bytes())
        name, fingerprint = manifest["model"], manifest["fingerprint"]
        return fingerprint if name == model and models.precision_of(fingerprint) in models.PRECISIONS else ""
    except (StoreError, OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
