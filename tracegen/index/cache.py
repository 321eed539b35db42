"""Vectors of a build that is not done: what was embedded before a kill is not embedded again.

One SQLite file in the index's folder. A build that ends well removes it: its generation has the vectors then.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tracegen.errors import OutputError
from tracegen.index.embedder import Vectors

_TABLE = """
CREATE TABLE IF NOT EXISTS embedding (
    fingerprint TEXT,       -- of the model
    digest BLOB,            -- sha256 of the text, as hex
    tokens INTEGER,         -- length of the text
    vector BLOB,            -- float32, little endian
    PRIMARY KEY (fingerprint, digest)
) WITHOUT ROWID
"""
_AT_ONCE = 500
_VECTOR = np.dtype("<f4")


class EmbeddingCache:
    """The vectors that one model has made of texts, by the digests of these."""

    def __init__(self, database: sqlite3.Connection, fingerprint: str, dimension: int) -> None:
        self._database = database
        self._fingerprint = fingerprint
        self._dimension = dimension

    def digests(self) -> NDArray[np.bytes_]:
        """Return the digests of the texts that there are, sorted, as hex."""
        rows = self._database.execute(
            "SELECT digest FROM embedding WHERE fingerprint = ? AND length(vector) = ? ORDER BY digest",
            (self._fingerprint, self._dimension * _VECTOR.itemsize),
        )
        return np.fromiter((row[0] for row in rows), dtype="S64")

    def put(self, digests: Sequence[bytes], tokens: Sequence[int], vectors: Vectors) -> None:
        """Keep some vectors, all of them or none; they are on disk when this returns."""
        rows = zip(digests, tokens, (vector.astype(_VECTOR).tobytes() for vector in vectors), strict=True)
        with self._database:
            self._database.executemany(
                "INSERT OR REPLACE INTO embedding VALUES (?, ?, ?, ?)", ((self._fingerprint, *row) for row in rows)
            )

    def get(self, digests: Sequence[bytes]) -> dict[bytes, tuple[int, Vectors]]:
        """Return length and vector of each of the texts that is there."""
        found: dict[bytes, tuple[int, Vectors]] = {}
        for start in range(0, len(digests), _AT_ONCE):
            part = digests[start : start + _AT_ONCE]
            marks = ",".join("?" * len(part))
            query = f"SELECT digest, tokens, vector FROM embedding WHERE fingerprint = ? AND digest IN ({marks})"
            for digest, tokens, vector in self._database.execute(query, (self._fingerprint, *part)):
                found[digest] = (tokens, np.frombuffer(vector, dtype=_VECTOR))
        return found


@contextmanager
def open_cache(file: Path, fingerprint: str, dimension: int) -> Iterator[EmbeddingCache]:
    """Open the cache; one that cannot be read is replaced by an empty one.

    Raises OutputError where it cannot be written.
    """
    try:
        database = _connect(file)
        try:
            yield EmbeddingCache(database, fingerprint, dimension)
        finally:
            database.close()
    except sqlite3.Error as error:
        raise OutputError(
            f"Cannot keep embeddings in {file}: {error}. Free some space or choose another place with --index, then run again."
        ) from None


def _connect(file: Path) -> sqlite3.Connection:
    try:
        return _opened(file)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # no space, no permission: a new file would not help
            raise
        remove_cache(file)
        return _opened(file)


def _opened(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(file)
    try:
        database.execute(_TABLE)
        database.execute("SELECT fingerprint, digest, tokens, vector FROM embedding LIMIT 1").fetchone()
    except sqlite3.Error:
        database.close()
        raise
    return database


def remove_cache(file: Path) -> None:
    """Remove the cache, where there is one."""
    for name in (file.name, f"{file.name}-journal"):
        file.with_name(name).unlink(missing_ok=True)
