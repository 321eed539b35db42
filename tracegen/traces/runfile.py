"""The run file: one SQLite database that holds everything a run was given, asked and answered.

    meta    what made the run (settings, versions); never a key
    input   the dataset as of the last start, a line each: the id of its row, or why it is none
    rows    every row that was ever part of the run
    events  what the teacher said and what the tool returned, in order, for each row
    traces  the research of the rows that are finished

An event is on disk before its future is done, so whoever awaits `record` before sending the next request loses at most the
requests in flight, also by kill -9. Events that arrive while a transaction is being written go into the next one together.
The file is in WAL mode and opens in any SQLite tool, also while a run is going on.
"""

import asyncio
import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from filelock import FileLock, Timeout

from tracegen.errors import BusyError, InputError, OutputError, SettingsError
from tracegen.jsonl import dump
from tracegen.records import Rejected, Row, Source, Trace, Usage

FORMAT = 1
"""Version of the tables below."""

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE input (line INTEGER PRIMARY KEY, row_id TEXT, reason TEXT, raw TEXT NOT NULL);
CREATE TABLE rows (id TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (row_id TEXT, seq INTEGER, kind TEXT NOT NULL, body TEXT NOT NULL,
                     at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (row_id, seq)) WITHOUT ROWID;
CREATE TABLE traces (row_id TEXT PRIMARY KEY, ended TEXT NOT NULL, hops INTEGER NOT NULL, trace TEXT NOT NULL,
                     at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID;
"""

EventKind = Literal["response", "return", "failure"]
_Statement = tuple[str, tuple[Any, ...]]


class Event(NamedTuple):
    """Something that was answered about a row."""

    kind: EventKind
    body: str
    """The record as JSON: a Response, a ToolReturn or a Failure."""


class Result(NamedTuple):
    """A line of the input, and what became of it so far."""

    line: int
    raw: str
    """The line as it stood in the dataset."""
    row: Row | None
    """The row, or None where the line is none."""
    reason: str | None
    """Why the line is no row."""
    trace: Trace | None
    """The finished research, or None."""


class RunFile:
    """An open run file. Use as a context manager; one process at a time may have it open for writing."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: FileLock | None) -> None:
        """Wrap an open connection; use `create_or_resume` or `open_run` instead."""
        self.path = path
        self._connection = connection
        self._lock = lock
        # SQLite's own writes happen in one thread, so that an fsync never stops the event loop.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="runfile")
        self._waiting: list[tuple[_Statement, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    @classmethod
    def create_or_resume(cls, path: Path, settings: dict[str, Any], about: dict[str, Any]) -> Self:
        """Open a run file for writing, new or existing.

        `settings` must equal those of an existing file; `about` is for people (versions, addresses) and may differ.
        Raises BusyError where another process has it open, SettingsError where the settings differ, OutputError where it
        cannot be written.
        """
        lock = _lock(path)
        try:
            with _explained(path):
                connection = _connect(path)
                _prepare(connection, path, settings, about)
        except BaseException:
            lock.release()
            raise
        return cls(path, connection, lock)

    @classmethod
    def open_run(cls, path: Path) -> Self:
        """Open an existing run file for reading, also while a run is going on.

        Raises InputError where there is none.
        """
        if not path.is_file():
            raise InputError(f"There is no run file {path}. `tracegen generate` makes one beside its output.")
        with _explained(path):
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=30
            )
            _check_format(connection, path)
        return cls(path, connection, None)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file and let others have it. What was recorded is on disk already."""
        self._thread.shutdown()
        if self._lock is not None:
            # Back to one plain file, which can be copied alone and opened in a read-only folder; not while others read it.
            with contextlib.suppress(sqlite3.DatabaseError):
                self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def meta(self) -> dict[str, Any]:
        """Return what made the run."""
        with _explained(self.path):
            return {key: json.loads(value) for key, value in self._connection.execute("SELECT key, value FROM meta")}

    def remember(self, key: str, value: Any) -> None:
        """Keep something that was learned, for the next start and for people; `meta` gives it back."""
        self._fetch("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, dump(value)))

    def spent(self) -> Usage:
        """Return what all answers so far have cost, those of rows that are no part of the input any more among them."""
        query = """SELECT count(*), coalesce(sum(json_extract(body, '$.usage.prompt_tokens')), 0),
                          coalesce(sum(json_extract(body, '$.usage.completion_tokens')), 0)
                   FROM events WHERE kind = 'response'"""
        ((requests, prompt_tokens, completion_tokens),) = self._fetch(query, ())
        return Usage(requests=requests, prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)

    def researched(self) -> tuple[int, int]:
        """Return how many rows are researched, and how many hops they have."""
        ((rows, hops),) = self._fetch("SELECT count(*), coalesce(sum(hops), 0) FROM traces", ())
        return rows, hops

    def seconds_per_row(self) -> float:
        """Return the mean time between the first and the last answer of a researched row, pauses between starts left out."""
        query = """SELECT avg(seconds) FROM (
                     SELECT (julianday(max(at)) - julianday(min(at))) * 86400.0 * count(*) / max(count(*) - 1, 1) AS seconds
                     FROM events WHERE row_id IN (SELECT row_id FROM traces) GROUP BY row_id) WHERE seconds < 3600"""
        ((seconds,),) = self._fetch(query, ())
        return seconds or 0.0

    def set_input(self, lines: Iterable[tuple[Row | Rejected, str]]) -> None:
        """Make these lines, each with its text in the dataset, the input of the run. Rows known already keep their research."""
        with _explained(self.path), self._connection:
            self._connection.execute("BEGIN")
            self._connection.execute("DELETE FROM input")
            for line, raw in lines:
                row_id, reason = (line.id, None) if isinstance(line, Row) else (None, line.reason)
                self._connection.execute("INSERT INTO input VALUES (?, ?, ?, ?)", (line.line, row_id, reason, raw))
                if isinstance(line, Row):
                    self._connection.execute("INSERT OR IGNORE INTO rows VALUES (?, ?)", (line.id, line.model_dump_json()))

    def counts(self) -> dict[str, int]:
        """Return how many lines the input has: `lines`, `rows`, `finished`, `rejected` (lines that are no row)."""
        query = """SELECT count(*), count(input.row_id), count(traces.row_id)
                   FROM input LEFT JOIN traces ON traces.row_id = input.row_id"""
        with _explained(self.path):
            lines, rows, finished = self._connection.execute(query).fetchone()
        return {"lines": lines, "rows": rows, "finished": finished, "rejected": lines - rows}

    def open_rows(self) -> Iterator[Row]:
        """Yield the rows of the input whose research is not finished, in the order of the input."""
        query = """SELECT input.line, rows.row FROM input JOIN rows ON rows.id = input.row_id
                   WHERE input.line > ? AND input.row_id NOT IN (SELECT row_id FROM traces) ORDER BY input.line LIMIT 256"""
        line = 0
        while page := self._fetch(query, (line,)):
            for line, row in page:  # noqa: B007 - the last line is where the next page starts
                yield Row.model_validate_json(row)

    def started_rows(self) -> set[str]:
        """Return the ids of the rows about which something was answered, but whose research is not finished."""
        query = "SELECT DISTINCT row_id FROM events WHERE row_id NOT IN (SELECT row_id FROM traces)"
        return {row_id for (row_id,) in self._fetch(query, ())}

    def has_hops(self) -> bool:
        """Return whether any finished research made a call: whether this teacher is known to use the tool."""
        return bool(self._fetch("SELECT 1 FROM traces WHERE hops > 0 LIMIT 1", ()))

    def events(self, row_id: str) -> list[Event]:
        """Return what was answered about a row, in order."""
        page = self._fetch("SELECT kind, body FROM events WHERE row_id = ? ORDER BY seq", (row_id,))
        return [Event(kind, body) for kind, body in page]

    def results(self) -> Iterator[Result]:
        """Yield the lines of the input in order, with what became of them."""
        query = """SELECT input.line, input.raw, rows.row, input.reason, traces.trace
                   FROM input LEFT JOIN rows ON rows.id = input.row_id LEFT JOIN traces ON traces.row_id = input.row_id
                   WHERE input.line > ? ORDER BY input.line LIMIT 256"""
        line = 0
        while page := self._fetch(query, (line,)):
            for line, raw, row, reason, trace in page:
                yield Result(
                    line,
                    raw,
                    None if row is None else Row.model_validate_json(row),
                    reason,
                    None if trace is None else Trace.model_validate_json(trace),
                )

    def sources(self, call_id: str) -> dict[str, tuple[Source, ...]]:
        """Return where the passages came from, by call id, for all calls of the research that this call is part of."""
        page = self._fetch("SELECT trace FROM traces WHERE instr(trace, ?) LIMIT 1", (call_id,))
        hops = Trace.model_validate_json(page[0][0]).hops if page else ()
        return {hop.call.id: hop.returned.sources for hop in hops}

    async def record(self, row_id: str, seq: int, event: Event) -> None:
        """Write an event; when this returns it is on disk. Raises OutputError where it cannot be written."""
        await self.submit(row_id, seq, event)

    def submit(self, row_id: str, seq: int, event: Event) -> asyncio.Future[None]:
        """Start to write an event; the future is done when it is on disk, and has an OutputError where it cannot be written."""
        statement = "INSERT INTO events (row_id, seq, kind, body) VALUES (?, ?, ?, ?)"
        return self._enqueue((statement, (row_id, seq, event.kind, event.body)))

    async def finish(self, row_id: str, trace: Trace) -> None:
        """Write the finished research of a row; when this returns it is on disk."""
        await self.submit_trace(row_id, trace)

    def submit_trace(self, row_id: str, trace: Trace) -> asyncio.Future[None]:
        """Start to write the finished research of a row; the future is that of `submit`."""
        statement = "INSERT INTO traces (row_id, ended, hops, trace) VALUES (?, ?, ?, ?)"
        return self._enqueue((statement, (row_id, trace.ended, len(trace.hops), trace.model_dump_json())))

    async def forget(self, row_id: str) -> None:
        """Drop what was answered about a row, so that the next start asks again."""
        await self._write(("DELETE FROM events WHERE row_id = ?", (row_id,)))
        await self._write(("DELETE FROM traces WHERE row_id = ?", (row_id,)))

    async def _write(self, statement: _Statement) -> None:
        await self._enqueue(statement)

    def _enqueue(self, statement: _Statement) -> asyncio.Future[None]:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        self._waiting.append((statement, done))
        if self._writer is None or self._writer.done():
            self._writer = loop.create_task(self._write_waiting())
        return done

    async def _write_waiting(self) -> None:
        """Write what waits, in one transaction after the other, until nothing waits."""
        loop = asyncio.get_running_loop()
        while self._waiting:
            batch, self._waiting = self._waiting, []
            failure: Exception | None = None
            try:
                await loop.run_in_executor(self._thread, self._commit, [statement for statement, _ in batch])
            except (OutputError, InputError, BusyError) as error:
                failure = error
            for _, done in batch:
                if done.done():
                    continue
                if failure is None:
                    done.set_result(None)
                else:
                    done.set_exception(failure)

    def _commit(self, statements: list[_Statement]) -> None:
        with _explained(self.path), self._connection:
            self._connection.execute("BEGIN")
            for text, same in itertools.groupby(statements, key=itemgetter(0)):
                self._connection.executemany(text, (values for _, values in same))

    def _fetch(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        # In the writer's thread, so that a reader never sees a transaction of the same connection half done.
        with _explained(self.path):
            return self._thread.submit(lambda: self._connection.execute(query, values).fetchall()).result()


def _lock(path: Path) -> FileLock:
    lock = FileLock(f"{path}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BusyError(
            f"Another process is writing the run file {path}. Wait until it is done, or choose another -o."
        ) from None
    except OSError as error:
        raise OutputError(f"Cannot write beside {path}: {error.strerror}. Choose another place with -o.") from None
    return lock


def _connect(path: Path) -> sqlite3.Connection:
    # Autocommit: transactions are begun by hand. Used by one thread at a time, though not always by the same.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path, settings: dict[str, Any], about: dict[str, Any]) -> None:
    """Make the tables of a new file, or check that an existing one was made with the same settings."""
    is_new = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if is_new:
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            meta = [("format", dump(FORMAT)), ("settings", dump(settings))]
            connection.executemany("INSERT INTO meta VALUES (?, ?)", meta)
        else:
            _check_format(connection, path)
            _check_settings(connection, path, settings)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('about', ?)", (dump(about),))


def _check_format(connection: sqlite3.Connection, path: Path) -> None:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"meta", "input", "rows", "events", "traces"} <= tables:
        raise InputError(f"{path} is a database, but not a run file of tracegen. Give the .run.db file beside an output.")
    found = json.loads(connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0])
    if found != FORMAT:
        raise InputError(
            f"The run file {path} has format {found}, this version of tracegen reads {FORMAT}. "
            "Use the version that made it, or start a new run with another -o."
        )


def _check_settings(connection: sqlite3.Connection, path: Path, settings: dict[str, Any]) -> None:
    text = connection.execute("SELECT value FROM meta WHERE key = 'settings'").fetchone()[0]
    before = json.loads(text)
    now = json.loads(dump(settings))
    differing = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if differing:
        changes = "; ".join(f"{key} was {_shown(before.get(key))}, now {_shown(now.get(key))}" for key in differing)
        raise SettingsError(
            f"The run file {path} was made with other settings: {changes}. Run with the settings of the first time to go on, "
            "or give another -o for a new run."
        )


def _shown(value: Any) -> str:
    text = dump(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into sentences, here alone."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "full" in text:
            reason = "the disk is full. What was answered before is kept: free some space and run again to go on."
        elif "readonly" in text or "unable to open" in text:
            reason = f"{text}. Check the folder and its permissions, or choose another place with -o."
        elif "not a database" in text or "malformed" in text:
            raise InputError(f"{path} is not a run file, or a damaged one ({text}). Choose another -o.") from None
        elif "locked" in text:
            raise BusyError(f"{path} is in use by another program ({text}). Close it and run again.") from None
        else:
            reason = f"{text}. What was answered before is kept: run again to go on."
        raise OutputError(f"Cannot use the run file {path}: {reason}") from None
