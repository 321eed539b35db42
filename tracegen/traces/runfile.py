"""The run file: one SQLite database that holds everything a run was given, asked and answered.

    meta        what made the run (settings, versions); never a key
    input       the dataset as of the last start, a line each: the id of its row, or why it is none
    rows        every row that was ever part of the run
    events      what the teacher said and what the tool returned, in order, for each row
    traces      the research of the rows that are finished
    support     how much of what its desired output needs each trace shows (`tracegen.traces.ratings`)
    superseded  events and traces of rows that were researched anew: paid for, so kept
    batches     the files of a batch service, and how far each is (`tracegen.traces.batches`)
    requests    the requests in these files, and what became of each

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
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self

from filelock import FileLock

from tracegen.errors import BusyError, InputError, OutputError
from tracegen.jsonl import dump
from tracegen.records import Rejected, Row, Source, Trace, Usage
from tracegen.traces.database import check_format, closing_on_error, connect, explained, lock, prepare
from tracegen.traces.usage import SUMS, summed

EventKind = Literal["response", "return", "failure", "further", "enough"]
QUIRKS = "quirks"
"""Note of what was learned of the endpoint."""
Statement = tuple[str, tuple[Any, ...]]
"""A statement in SQL, and its values."""
_OUTCOMES = ("traces", "support")
"""The tables of what a row has come to."""


class Event(NamedTuple):
    """Something that was answered about a row."""

    kind: EventKind
    body: str
    """The record as JSON: a Response, a ToolReturn, a Failure, a Further or an Enough."""


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
        self._waiting: list[tuple[Statement, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    @classmethod
    def create_or_resume(cls, path: Path, settings: dict[str, Any], about: dict[str, Any]) -> Self:
        """Open a run file for writing, new or existing.

        `settings` must equal those of an existing file; `about` is for people (versions, addresses) and may differ.
        Raises BusyError where another process has it open, SettingsError where the settings differ, OutputError where it
        cannot be written.
        """
        held = lock(path)
        try:
            with explained(path):
                connection = connect(path)
                with closing_on_error(connection):
                    prepare(connection, path, settings, about)
        except BaseException:
            held.release()
            raise
        return cls(path, connection, held)

    @classmethod
    def open_existing(cls, path: Path) -> Self:
        """Open an existing run file for writing, with the settings that it has.

        Raises InputError where there is none, BusyError where another process has it open.
        """
        with cls.open_run(path) as run:
            meta = run.meta()
        return cls.create_or_resume(path, meta["settings"], meta.get("about", {}))

    @classmethod
    def open_run(cls, path: Path) -> Self:
        """Open an existing run file for reading, also while a run is going on.

        Raises InputError where there is none.
        """
        if not path.is_file():
            raise InputError(f"There is no run file {path}. `tracegen generate` makes one beside its output.")
        with explained(path):
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=30
            )
            with closing_on_error(connection):
                check_format(connection, path)
        return cls(path, connection, None)

    def copy_to(self, path: Path) -> None:
        """Write a copy, as of the last transaction, to a file that does not exist. Raises OutputError where it cannot."""
        with explained(path), contextlib.closing(sqlite3.connect(path)) as copy:
            self._connection.backup(copy)

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

    @cached_property
    def format(self) -> int:
        """Version of the tables."""
        return int(self.meta()["format"])

    def meta(self) -> dict[str, Any]:
        """Return what made the run."""
        with explained(self.path):
            return {key: json.loads(value) for key, value in self._connection.execute("SELECT key, value FROM meta")}

    def spent(self) -> Usage:
        """Return what all answers so far have cost, those of other inputs and those that were set aside among them."""
        query = f"""SELECT {SUMS} FROM (SELECT kind, body FROM events UNION ALL SELECT kind, body FROM superseded)
                    WHERE kind IN ('response', 'late')"""
        return summed(self._fetch(query, ())[0])

    def spent_in_batches(self) -> Usage:
        """Return the part of `spent` that batches of a service have answered; without rows that were set aside since."""
        query = f"""SELECT {SUMS} FROM requests JOIN batches ON batches.key = requests.batch AND batches.via = 'service'
                    JOIN events ON events.row_id = requests.row_id AND events.seq = requests.seq
                    WHERE requests.outcome = 'answered'"""
        return summed(self._fetch(query, ())[0])

    def set_input(self, lines: Iterable[tuple[Row | Rejected, str]]) -> None:
        """Make these lines, each with its text in the dataset, the input of the run. Rows known already keep their research."""
        with explained(self.path), self._connection:
            self._connection.execute("BEGIN")
            self._connection.execute("DELETE FROM input")
            remaining = iter(lines)
            while page := list(itertools.islice(remaining, 256)):
                self._connection.executemany("INSERT INTO input VALUES (?, ?, ?, ?)", (_input_line(*entry) for entry in page))
                rows = ((line.id, line.model_dump_json()) for line, _ in page if isinstance(line, Row))
                self._connection.executemany("INSERT OR IGNORE INTO rows VALUES (?, ?)", rows)

    def counts(self) -> dict[str, int]:
        """Return how many lines the input has: `lines`, `rows`, `finished`, `rejected` (lines that are no row)."""
        query = """SELECT count(*), count(input.row_id), count(traces.row_id)
                   FROM input LEFT JOIN traces ON traces.row_id = input.row_id"""
        with explained(self.path):
            lines, rows, finished = self._connection.execute(query).fetchone()
        return {"lines": lines, "rows": rows, "finished": finished, "rejected": lines - rows}

    def open_rows(self) -> Iterator[Row]:
        """Yield the rows of the input whose research is not finished, in the order of the input."""
        query = """SELECT input.line, rows.row FROM input JOIN rows ON rows.id = input.row_id
                   WHERE input.line > ? AND input.row_id NOT IN (SELECT row_id FROM traces) ORDER BY input.line LIMIT 256"""
        line = 0
        while page := self._fetch(query, (line,)):
            for line, row in page:
                with explained(self.path):
                    read = _row_on(line, row)
                yield read

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

    def row(self, row_id: str) -> Row:
        """Return a row of the input by its id."""
        ((line, row),) = self._fetch(
            "SELECT input.line, rows.row FROM input JOIN rows ON rows.id = input.row_id WHERE rows.id = ?", (row_id,)
        )
        with explained(self.path):
            return _row_on(line, row)

    def results(self) -> Iterator[Result]:
        """Yield the lines of the input in order, with what became of them."""
        query = """SELECT input.line, input.raw, rows.row, input.reason, traces.trace
                   FROM input LEFT JOIN rows ON rows.id = input.row_id LEFT JOIN traces ON traces.row_id = input.row_id
                   WHERE input.line > ? ORDER BY input.line LIMIT 256"""
        line = 0
        while page := self._fetch(query, (line,)):
            for line, raw, row, reason, trace in page:
                with explained(self.path):
                    read_row = None if row is None else _row_on(line, row)
                    read_trace = None if trace is None else Trace.model_validate_json(trace)
                yield Result(line, raw, read_row, reason, read_trace)

    def sources(self, call_id: str) -> dict[str, tuple[Source, ...]]:
        """Return where the passages came from, by call id, for all calls of the research that this call is part of."""
        page = self._fetch("SELECT trace FROM traces WHERE instr(trace, ?) LIMIT 1", (call_id,))
        hops = Trace.model_validate_json(page[0][0]).hops if page else ()
        return {hop.call.id: hop.returned.sources for hop in hops}

    async def record(self, row_id: str, seq: int, event: Event) -> None:
        """Write an event; when this returns it is on disk. Raises OutputError where it cannot be written."""
        await self.submit(row_id, seq, event)

    def submit(self, row_id: str, seq: int, event: Event) -> asyncio.Future[None]:
        """Start to write an event; the future is done when it is on disk, and has an OutputError where it cannot be written.

        A row that is told to go on is open again: what it had come to is taken away.
        """
        gone = [forgetting(table, row_id) for table in _OUTCOMES] if event.kind == "further" else []
        return self._enqueue(recording(row_id, seq, event), *gone)

    async def finish(self, row_id: str, trace: Trace, *more: Statement) -> None:
        """Write the finished research of a row, and `more` in the same transaction; when this returns it is on disk."""
        await self.submit_trace(row_id, trace, *more)

    def submit_trace(self, row_id: str, trace: Trace, *more: Statement) -> asyncio.Future[None]:
        """Start to write the finished research of a row, and `more` in the same transaction; the future is that of `submit`."""
        statement = "INSERT OR REPLACE INTO traces (row_id, ended, hops, trace) VALUES (?, ?, ?, ?)"
        return self._enqueue((statement, (row_id, trace.ended, len(trace.hops), trace.model_dump_json())), *more)

    async def forget(self, row_id: str) -> None:
        """Set aside what was answered about a row, so that the next start asks again; of one that failed, the failure alone."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._forget, row_id)

    def set_aside(self, row_ids: list[str], *more: Statement) -> None:
        """Move what is known about rows to `superseded`: they are open again. `more` is done in the same transaction."""
        self._thread.submit(self._set_aside, row_ids, more).result()

    def remember(self, key: str, value: Any) -> None:
        """Write a note about the run as a whole, a JSON value; None takes it away."""
        statement = ("DELETE FROM meta WHERE key = ?", (key,)) if value is None else remembering(key, value)
        self.do([statement])

    def do(self, statements: Iterable[Statement]) -> None:
        """Do these statements in one transaction."""
        self._thread.submit(self._commit, list(statements)).result()

    def fetch(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the result of a query, as of the last transaction."""
        return self._fetch(query, values)

    async def write(self, *statements: Statement) -> None:
        """Do these statements in one transaction; when this returns it is on disk."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._commit, list(statements))

    async def _write(self, statement: Statement) -> None:
        await self._enqueue(statement)

    def _enqueue(self, *statements: Statement) -> asyncio.Future[None]:
        """Start to do these statements, all in one transaction."""
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        # What fails is raised where the first of several is awaited; asyncio would complain of the others, with a traceback.
        done.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._waiting += [(statement, done) for statement in statements]
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

    def _commit(self, statements: list[Statement]) -> None:
        with explained(self.path), self._connection:
            self._connection.execute("BEGIN")
            for text, same in itertools.groupby(statements, key=itemgetter(0)):
                self._connection.executemany(text, (values for _, values in same))

    def _forget(self, row_id: str) -> None:
        with explained(self.path), self._connection:
            self._connection.execute("BEGIN")
            last = "SELECT seq, kind FROM events WHERE row_id = ? ORDER BY seq DESC LIMIT 1"
            found = self._connection.execute(last, (row_id,)).fetchone()
            _set_aside_row(self._connection, row_id, found[0] if found and found[1] == "failure" else 0)

    def _set_aside(self, row_ids: list[str], more: tuple[Statement, ...]) -> None:
        with explained(self.path), self._connection:
            self._connection.execute("BEGIN")
            for row_id in row_ids:
                _set_aside_row(self._connection, row_id)
            for text, values in more:
                self._connection.execute(text, values)

    def _fetch(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        # In the writer's thread, so that a reader never sees a transaction of the same connection half done.
        with explained(self.path):
            return self._thread.submit(lambda: self._connection.execute(query, values).fetchall()).result()


def _input_line(line: Row | Rejected, raw: str) -> tuple[int, str | None, str | None, str]:
    return (line.line, line.id, None, raw) if isinstance(line, Row) else (line.line, None, line.reason, raw)


def _row_on(line: int, text: str) -> Row:
    """Return a row as it stands in the input of now: the dataset may have been put in another order."""
    row = Row.model_validate_json(text)
    return row if row.line == line else row.model_copy(update={"line": line})


def recording(row_id: str, seq: int, event: Event) -> Statement:
    """Return the statement that writes an event."""
    return "INSERT INTO events (row_id, seq, kind, body) VALUES (?, ?, ?, ?)", (row_id, seq, event.kind, event.body)


def forgetting(table: str, row_id: str) -> Statement:
    """Return the statement that takes away what a table has about a row."""
    return f"DELETE FROM {table} WHERE row_id = ?", (row_id,)


def remembering(key: str, value: Any) -> Statement:
    """Return the statement that writes a note about the run."""
    return "INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, dump(value))


def _set_aside_row(connection: sqlite3.Connection, row_id: str, since: int = 0) -> None:
    """Set aside the events of a row from a number on, and its trace."""
    attempt = connection.execute("SELECT coalesce(max(attempt), 0) + 1 FROM superseded WHERE row_id = ?", (row_id,)).fetchone()[
        0
    ]
    connection.execute(
        "INSERT INTO superseded SELECT row_id, ?, seq, kind, body, at FROM events WHERE row_id = ? AND seq >= ?",
        (attempt, row_id, since),
    )
    # The trace comes after its last event.
    last = connection.execute("SELECT coalesce(max(seq), -1) FROM events WHERE row_id = ?", (row_id,)).fetchone()[0]
    connection.execute(
        "INSERT INTO superseded SELECT row_id, ?, ?, 'trace', trace, at FROM traces WHERE row_id = ?",
        (attempt, last + 1, row_id),
    )
    connection.execute("UPDATE requests SET outcome = 'set aside' WHERE row_id = ? AND seq >= ?", (row_id, since))
    connection.execute("DELETE FROM events WHERE row_id = ? AND seq >= ?", (row_id, since))
    for table in _OUTCOMES:
        connection.execute(*forgetting(table, row_id))
