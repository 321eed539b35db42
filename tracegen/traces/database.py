"""The database under a run file: its tables, their versions, its lock, and SQLite's errors as sentences."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tracegen.errors import BusyError, InputError, OutputError, SettingsError
from tracegen.jsonl import dump
from tracegen.wording import in_shell

FORMAT = 4
"""Version of the tables: those of `_FIRST`, and what `_STEPS` add. Older files are brought to it when opened for writing."""

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE input (line INTEGER PRIMARY KEY, row_id TEXT, reason TEXT, raw TEXT NOT NULL);
CREATE TABLE rows (id TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (row_id TEXT, seq INTEGER, kind TEXT NOT NULL, body TEXT NOT NULL,
                     at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (row_id, seq)) WITHOUT ROWID;
CREATE TABLE traces (row_id TEXT PRIMARY KEY, ended TEXT NOT NULL, hops INTEGER NOT NULL, trace TEXT NOT NULL,
                     at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID;
"""

_STEPS = {
    1: """
CREATE TABLE superseded (row_id TEXT, attempt INTEGER, seq INTEGER, kind TEXT NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL,
                         PRIMARY KEY (row_id, attempt, seq)) WITHOUT ROWID;
CREATE TABLE batches (key TEXT PRIMARY KEY, wave INTEGER NOT NULL, part INTEGER NOT NULL, via TEXT NOT NULL,
                      state TEXT NOT NULL, requests INTEGER NOT NULL, bytes INTEGER NOT NULL, file_id TEXT, batch_id TEXT,
                      status TEXT, note TEXT, answered INTEGER NOT NULL DEFAULT 0, failed INTEGER NOT NULL DEFAULT 0,
                      prepared_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, uploaded_at TEXT, submitted_at TEXT,
                      collected_at TEXT) WITHOUT ROWID;
CREATE TABLE requests (batch TEXT, custom_id TEXT, row_id TEXT NOT NULL, seq INTEGER NOT NULL, sent TEXT NOT NULL,
                       outcome TEXT, detail TEXT,
                       PRIMARY KEY (batch, custom_id)) WITHOUT ROWID;
CREATE INDEX requests_of_rows ON requests (row_id, seq);
""",
    2: """
CREATE TABLE support (row_id TEXT PRIMARY KEY, measure INTEGER NOT NULL, index_id TEXT NOT NULL, language TEXT NOT NULL,
                      first_call TEXT, support REAL, retrievable REAL, rating TEXT NOT NULL,
                      at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID;
CREATE INDEX support_of_calls ON support (first_call);
""",
    3: "",  # the same tables, but a usage in them may be estimated, which a version before takes for damage
}
"""What each format adds to the one before, by the number of that one."""


def lock(path: Path) -> FileLock:
    """Return the lock of a run file, held. Raises BusyError where another process has it."""
    held = FileLock(f"{path.resolve()}.lock")  # one for all links to it
    try:
        held.acquire(timeout=0)
    except Timeout:
        raise BusyError(
            f"Another process is writing the run file {path}. Wait until it is done, or choose another -o."
        ) from None
    except OSError as error:
        raise OutputError(f"Cannot write beside {path}: {error.strerror}. Choose another place with -o.") from None
    return held


def connect(path: Path) -> sqlite3.Connection:
    """Open a database for writing."""
    # Autocommit: transactions are begun by hand. Used by one thread at a time, though not always by the same.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
    with closing_on_error(connection):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextlib.contextmanager
def closing_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Close a connection where the block fails, which is about to hand it over."""
    with contextlib.ExitStack() as stack:
        stack.callback(connection.close)
        yield
        stack.pop_all()


def prepare(connection: sqlite3.Connection, path: Path, settings: dict[str, Any], about: dict[str, Any]) -> None:
    """Make the tables of a new file, or check that an existing one was made with the same settings."""
    is_new = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if is_new:
            for statement in _FIRST.split(";"):
                connection.execute(statement)
            connection.executemany("INSERT INTO meta VALUES (?, ?)", [("format", "1"), ("settings", dump(settings))])
            _migrate(connection, 1)
        else:
            found = check_format(connection, path)
            _check_settings(connection, path, settings)
            _migrate(connection, found)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('about', ?)", (dump(about),))


def check_format(connection: sqlite3.Connection, path: Path) -> int:
    """Return the format of a run file. Raises InputError where it is none, or made by a newer version."""
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not {"meta", "input", "rows", "events", "traces"} <= tables:
        raise InputError(f"{path} is a database, but not a run file of tracegen. Give the .run.db file beside an output.")
    found = int(json.loads(connection.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()[0]))
    if found > FORMAT:
        raise InputError(
            f"The run file {path} has format {found}, made by a newer version of tracegen; this one reads up to {FORMAT}. "
            "Upgrade tracegen, or start a new run with another -o."
        )
    return found


def _migrate(connection: sqlite3.Connection, found: int) -> None:
    """Bring an older run file to the present format, step by step; nothing that it holds is changed."""
    for step in range(found, FORMAT):
        for statement in _STEPS[step].split(";"):
            connection.execute(statement)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'format'", (dump(FORMAT),))


def _check_settings(connection: sqlite3.Connection, path: Path, settings: dict[str, Any]) -> None:
    text = connection.execute("SELECT value FROM meta WHERE key = 'settings'").fetchone()[0]
    before = json.loads(text)
    now = json.loads(dump(settings))
    differing = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if differing:
        changes = "; ".join(f"{key} was {_shown(before.get(key))}, now {_shown(now.get(key))}" for key in differing)
        raise SettingsError(
            f"The run file {path} was made with other settings: {changes}. Run with the settings of the first time to go on, "
            f"or give another -o for a new run. What is finished can be had in any case: "
            f"tracegen export {in_shell(path)} -o FILE"
        )


def _shown(value: Any) -> str:
    text = dump(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors, and those of values that cannot be read, into sentences, here alone."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        text = str(error)
        if "full" in text:
            reason = "the disk is full. What was answered before is kept: free some space and run again to go on."
        elif "readonly" in text or "unable to open" in text:
            reason = f"{text}. Check the folder and its permissions, or choose another place with -o."
        elif "Could not decode" in text:
            raise damaged(path, error) from None
        elif "I/O" in text:
            advice = (
                "What was answered before is kept: look after the disk, or a limit of file sizes (ulimit -f), and run again."
            )
            reason = f"{text}. {advice}"
        elif "not a database" in text or "malformed" in text:
            advice = "Give the .run.db file beside an output or, where that is damaged, start anew with another -o."
            raise InputError(f"{path} is not a run file, or a damaged one ({text}). {advice}") from None
        elif "locked" in text:
            raise BusyError(f"{path} is in use by another program ({text}). Close it and run again.") from None
        else:
            reason = f"{text}. What was answered before is kept: run again to go on."
        raise OutputError(f"Cannot use the run file {path}: {reason}") from None
    except ValueError as error:
        raise damaged(path, error) from None


def damaged(path: Path, error: Exception) -> InputError:
    """Return the error for a run file that holds what nobody has written there."""
    text = " ".join(str(error).split())
    return InputError(
        f"The run file {path} is damaged: something in it cannot be read ({text[:120]}). Put a copy of it in its place, or "
        "start anew with another -o."
    )
