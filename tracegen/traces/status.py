"""How a run stands: its rows by state, how research ended, what it cost, and its batches."""

from typing import Any, NamedTuple

from tracegen.records import Usage
from tracegen.traces.batches import Batch, all_batches, rows_out
from tracegen.traces.runfile import RunFile
from tracegen.traces.usage import SUMS, summed


class RunStatus(NamedTuple):
    """How a run stands."""

    settings: dict[str, Any]
    """What made it: teacher, index, ..."""
    lines: int
    """Lines of the dataset."""
    unusable: int
    """Lines that are no row."""
    finished: int
    """Rows whose research is finished."""
    waiting: int
    """Rows that wait for an answer of a batch."""
    started: int
    """Rows in the middle, which go on at the next start."""
    untouched: int
    """Rows that nothing was asked about."""
    endings: dict[str, int]
    """How many rows ended how."""
    usage: Usage
    """All answers that are in the run file, those of rows that were researched anew among them."""
    superseded: int
    """Answers of research that was done anew."""
    batches: list[Batch]
    """The batches in the order of their making."""


def run_status(run: RunFile) -> RunStatus:
    """Return how a run stands, also while it is going on."""
    counts = run.counts()
    waiting = rows_out(run) if all_batches(run) else set[str]()
    started = {row_id for (row_id,) in run.fetch(_STARTED)} - waiting
    is_old = run.meta()["format"] < 2
    superseded = 0 if is_old else int(run.fetch("SELECT count(*) FROM superseded WHERE kind IN ('response', 'late')")[0][0])
    return RunStatus(
        settings=run.meta()["settings"],
        lines=counts["lines"],
        unusable=counts["rejected"],
        finished=counts["finished"],
        waiting=len(waiting),
        started=len(started),
        untouched=counts["rows"] - counts["finished"] - len(waiting) - len(started),
        endings=dict(run.fetch(_ENDINGS)),
        usage=_usage(run, "events", "kind = 'response'") + (Usage() if is_old else _usage(run, "superseded", _WAS_RESPONSE)),
        superseded=superseded,
        batches=all_batches(run),
    )


_STARTED = """SELECT DISTINCT events.row_id FROM events JOIN input ON input.row_id = events.row_id
              WHERE events.row_id NOT IN (SELECT row_id FROM traces)"""
_ENDINGS = """SELECT ended, count(*) FROM traces JOIN input ON input.row_id = traces.row_id
              GROUP BY ended ORDER BY count(*) DESC, ended"""
_WAS_RESPONSE = "kind IN ('response', 'late')"


def _usage(run: RunFile, table: str, condition: str) -> Usage:
    return summed(run.fetch(f"SELECT {SUMS} FROM {table} WHERE {condition}")[0])
