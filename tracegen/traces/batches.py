"""The batches of a run: the files that a batch service answers, which requests are in each, and how far each is.

prepared    the requests are chosen; nothing has left this machine, so a restart begins it anew
uploaded    the file is at the service; whether the batch was submitted is not known until its key was looked for there
submitted   the service works on it, and has to be paid for it
collected   what it answered is in the events, what it did not is asked again
"""

import json
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

from tracegen.jsonl import dump
from tracegen.traces.runfile import Event, RunFile, Statement, recording

State = Literal["prepared", "uploaded", "submitted", "collected"]
Outcome = Literal["answered", "refused", "failed", "expired", "missing", "not sent", "too long"]
"""What became of a request: `answered` and `refused` (for good, with a failure in the events) are final, the others are asked
again, `too long` in a shorter form. `set aside` in the file: its row was chosen to be researched anew."""
MAY_LEAVE_OUT = "returns_to_leave_out"
"""Name among a request's fields, never sent, of the number of returns whose text may still be left out of it."""

_FIELDS = """key, wave, part, via, state, requests, bytes, file_id, batch_id, status, note, answered, failed,
             prepared_at, submitted_at, collected_at"""


class Batch(NamedTuple):
    """One file of requests."""

    key: str
    """Unique name; the service keeps it with the batch, so that it can be found again."""
    wave: int
    """Number of the wave, counted from 1."""
    part: int
    """Number of the file in its wave, counted from 1."""
    via: str
    """`service` or `folder`."""
    state: State
    """How far it is."""
    requests: int
    """Lines of the file."""
    bytes: int
    """Size of the file."""
    file_id: str | None
    """Id of the uploaded file."""
    batch_id: str | None
    """Id of the submitted batch."""
    status: str | None
    """What the service last said of it, in its words."""
    note: str | None
    """What went wrong with the batch as a whole, or None."""
    answered: int
    """Requests that were answered."""
    failed: int
    """Requests that were not, or were refused."""
    prepared_at: str
    """UTC."""
    submitted_at: str | None
    """UTC."""
    collected_at: str | None
    """UTC."""


class Request(NamedTuple):
    """One line of the file of a batch."""

    row_id: str
    """The row it is about."""
    seq: int
    """The number of the event that its answer will be."""
    sent: dict[str, Any]
    """The fields of its body besides messages and tools."""
    outcome: str | None = None
    """What became of it; None while it is out."""

    @property
    def custom_id(self) -> str:
        """The name by which its answer is known again."""
        return f"{self.row_id}.{self.seq}"


def all_batches(run: RunFile) -> list[Batch]:
    """Return the batches of a run in the order of their making."""
    if run.meta()["format"] < 2:
        return []
    return [Batch(*values) for values in run.fetch(f"SELECT {_FIELDS} FROM batches ORDER BY wave, part")]


def batches_out(run: RunFile) -> list[Batch]:
    """Return the batches that are not collected."""
    return [batch for batch in all_batches(run) if batch.state != "collected"]


def rows_out(run: RunFile) -> set[str]:
    """Return the ids of the rows that wait for an answer of a batch."""
    query = """SELECT row_id FROM requests WHERE outcome IS NULL
               AND batch IN (SELECT key FROM batches WHERE state != 'collected')"""
    return {row_id for (row_id,) in run.fetch(query)}


def requests_of(run: RunFile, key: str) -> dict[str, Request]:
    """Return the requests of a batch by their custom id."""
    found = run.fetch("SELECT row_id, seq, sent, outcome FROM requests WHERE batch = ?", key)
    requests = (Request(row_id, seq, json.loads(sent), outcome) for row_id, seq, sent, outcome in found)
    return {request.custom_id: request for request in requests}


def tries(run: RunFile, row_id: str, seq: int) -> int:
    """Return how many batches have not answered a request, though they were sent."""
    query = "SELECT count(*) FROM requests WHERE row_id = ? AND seq = ? AND outcome IN ('failed', 'expired', 'missing')"
    return int(run.fetch(query, row_id, seq)[0][0])


def times_too_long(run: RunFile, row_id: str) -> int:
    """Return how many requests of a row were refused because they were too long."""
    query = "SELECT count(*) FROM requests WHERE row_id = ? AND outcome = 'too long'"
    return int(run.fetch(query, row_id)[0][0])


async def add_batch(run: RunFile, key: str, wave: int, part: int, via: str, size: int, requests: Iterable[Request]) -> None:
    """Write a prepared batch with its requests."""
    lines: list[Statement] = [
        (
            "INSERT INTO requests (batch, custom_id, row_id, seq, sent) VALUES (?, ?, ?, ?, ?)",
            (key, request.custom_id, request.row_id, request.seq, dump(request.sent)),
        )
        for request in requests
    ]
    batch = (
        "INSERT INTO batches (key, wave, part, via, state, requests, bytes) VALUES (?, ?, ?, ?, 'prepared', ?, ?)",
        (key, wave, part, via, len(lines), size),
    )
    await run.write(batch, *lines)


async def drop_batch(run: RunFile, key: str) -> None:
    """Take away a batch that never left this machine."""
    await run.write(("DELETE FROM requests WHERE batch = ?", (key,)), ("DELETE FROM batches WHERE key = ?", (key,)))


async def set_uploaded(run: RunFile, key: str, file_id: str) -> None:
    """Write that the file is at the service: from now on the batch may be submitted."""
    statement = "UPDATE batches SET state = 'uploaded', file_id = ?, uploaded_at = CURRENT_TIMESTAMP WHERE key = ?"
    await run.write((statement, (file_id, key)))


async def set_submitted(run: RunFile, key: str, batch_id: str) -> None:
    """Write that the service has the batch."""
    statement = "UPDATE batches SET state = 'submitted', batch_id = ?, submitted_at = CURRENT_TIMESTAMP WHERE key = ?"
    await run.write((statement, (batch_id, key)))


async def set_status(run: RunFile, key: str, status: str) -> None:
    """Write what the service says of a batch."""
    await run.write(("UPDATE batches SET status = ? WHERE key = ?", (status, key)))


async def set_collected(run: RunFile, key: str, *, rest: Outcome, note: str | None) -> None:
    """Write that all there is of a batch has been taken; requests still without an outcome get `rest`."""
    counts = """(SELECT count(*) FROM requests WHERE batch = batches.key AND outcome {} 'answered')"""
    await run.write(
        ("UPDATE requests SET outcome = ? WHERE batch = ? AND outcome IS NULL", (rest, key)),
        (
            f"UPDATE batches SET state = 'collected', note = ?, answered = {counts.format('=')}, "
            f"failed = {counts.format('!=')}, collected_at = CURRENT_TIMESTAMP WHERE key = ?",
            (note, key),
        ),
    )


def taking(key: str, request: Request, outcome: Outcome, event: Event | None, detail: str | None = None) -> list[Statement]:
    """Return the statements that write what became of a request; an event makes its row go on."""
    statements: list[Statement] = [
        (
            "UPDATE requests SET outcome = ?, detail = ? WHERE batch = ? AND custom_id = ?",
            (outcome, detail, key, request.custom_id),
        )
    ]
    return statements if event is None else [recording(request.row_id, request.seq, event), *statements]


def keeping_late(request: Request, event: Event) -> Statement:
    """Return the statement that keeps an answer for which its row does not wait any more: it was paid for."""
    values = (request.row_id, request.seq, event.body)
    return "INSERT OR IGNORE INTO superseded VALUES (?, 0, ?, 'late', ?, CURRENT_TIMESTAMP)", values
