"""How often a row was seen before: counted on disk, so that a million rows need no more memory than a thousand."""

import sqlite3
from types import TracebackType
from typing import Self

CACHE_KB = 4096


class Repetitions:
    """Counts by digest, in a database that SQLite keeps in a temporary file and takes away at the end. A context manager."""

    def __init__(self) -> None:
        """Start with nothing seen."""
        # An empty name is a private file of SQLite's own; nothing of it has to survive.
        self._counts = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        for setting in (f"cache_size = -{CACHE_KB}", "journal_mode = OFF", "synchronous = OFF"):
            self._counts.execute(f"PRAGMA {setting}")
        self._counts.execute("CREATE TABLE seen (digest INTEGER PRIMARY KEY, count INTEGER NOT NULL)")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Forget all."""
        self._counts.close()

    def count(self, digest: str) -> int:
        """Count a digest of 16 hex digits, and return how often it was counted, this time among them."""
        number = int(digest, 16) - 2**63  # SQLite's integers have a sign
        statement = "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count"
        ((count,),) = self._counts.execute(statement, (number,)).fetchall()
        return int(count)
