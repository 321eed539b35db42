"""What judge models said about the rows of a run, in a table of the run file: every answer is paid for, so every one is kept.

    judgements   row_id, judge (the model), asked (a digest of all that was asked: prompt, settings, row and trace), attempt,
                 score and stated (None where the answer has none), weighted, form (the answer, or why there is none), tokens

A row that was researched anew, a changed prompt or another model is another question; old answers stay, and count as spent.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from filelock import FileLock

from tracegen.errors import InputError
from tracegen.records import Usage
from tracegen.traces.database import check_format, connect, explained, lock

_TOKENS = "prompt_tokens", "completion_tokens", "estimated_prompt_tokens", "estimated_completion_tokens"
_TABLE = """
CREATE TABLE IF NOT EXISTS judgements (
    row_id TEXT, judge TEXT, asked TEXT, attempt INTEGER, score REAL, stated INTEGER, weighted INTEGER NOT NULL DEFAULT 0,
    form TEXT NOT NULL, final INTEGER NOT NULL DEFAULT 0, prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0, at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (row_id, judge, asked, attempt)) WITHOUT ROWID
"""


class Judgement(NamedTuple):
    """One answer of a judge."""

    score: float | None
    """1 to 5, or None where the answer has none."""
    stated: int | None
    """The whole number that stands there."""
    weighted: bool
    """Whether `score` is weighted by the probabilities of tokens."""
    form: str
    """The answer, or why there is none."""
    final: bool = False
    """Whether asking again is no use: it was refused because of the row, or answered with a score."""
    usage: Usage = Usage()
    """What it cost."""


class Judgements:
    """The answers in a run file, open for writing. Use as a context manager."""

    def __init__(self, path: Path, connection: sqlite3.Connection, held: FileLock) -> None:
        """Wrap an open connection; use `open_file` instead."""
        self.path = path
        self._connection = connection
        self._lock = held

    @classmethod
    def open_file(cls, path: Path) -> Self:
        """Open the answers in an existing run file, and make the table where it is missing.

        Raises InputError where there is no run file, BusyError where another process writes it, OutputError where nobody can.
        """
        if not path.is_file():
            raise InputError(f"There is no run file {path}. `tracegen generate` makes one beside its output.")
        held = lock(path)
        try:
            with explained(path):
                connection = connect(path)
                check_format(connection, path)
                connection.execute(_TABLE)
                there = {column for _, column, *_ in connection.execute("PRAGMA table_info(judgements)")}
                for name in _TOKENS:
                    if name not in there:  # as a version before made it
                        connection.execute(f"ALTER TABLE judgements ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0")
        except BaseException:
            held.release()
            raise
        return cls(path, connection, held)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the file; what was recorded is on disk already."""
        with explained(self.path):
            self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        self._lock.release()

    def record(self, row_id: str, judge: str, asked: str, attempt: int, judgement: Judgement) -> None:
        """Write an answer; when this returns it is on disk. Raises OutputError where it cannot be written."""
        names = ("row_id", "judge", "asked", "attempt", "score", "stated", "weighted", "form", "final", *_TOKENS)
        tokens = (getattr(judgement.usage, name) for name in _TOKENS)
        values = (row_id, judge, asked, attempt, *judgement[:-1], *tokens)
        with explained(self.path):
            self._connection.execute(
                f"INSERT INTO judgements ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", values
            )

    def answers(self, row_id: str, judge: str, asked: str) -> list[Judgement]:
        """Return the answers to a question, in order."""
        query = f"""SELECT score, stated, weighted, form, final, {", ".join(_TOKENS)} FROM judgements
                    WHERE row_id = ? AND judge = ? AND asked = ? ORDER BY attempt"""
        with explained(self.path):
            rows = self._connection.execute(query, (row_id, judge, asked)).fetchall()
        return [Judgement(row[0], row[1], bool(row[2]), row[3], bool(row[4]), _usage(1, row[5:])) for row in rows]

    def spent(self, judge: str) -> Usage:
        """Return what all answers of a judge have cost, those to questions that are no longer asked among them."""
        sums = ", ".join(f"coalesce(sum({name}), 0)" for name in _TOKENS)
        query = f"SELECT count(*), {sums} FROM judgements WHERE judge = ? AND {' + '.join(_TOKENS)} > 0"
        with explained(self.path):
            requests, *tokens = self._connection.execute(query, (judge,)).fetchone()
        return _usage(requests, tokens)


def _usage(requests: int, tokens: Sequence[int]) -> Usage:
    return Usage(requests=requests, **dict(zip(_TOKENS, tokens, strict=True)))
