"""The proof of a run: the support of every row, from its run file and the index. Joins traces and index."""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tracegen.errors import StoreError
from tracegen.jsonl import replacing
from tracegen.records import Trace
from tracegen.traces.ratings import Rater, Rating
from tracegen.traces.runfile import RunFile
from tracegen.traces.support import Status

STATUSES: tuple[Status, ...] = ("given", "shown", "documented", "undocumented")


class RatedRow(NamedTuple):
    """A line of the dataset, and what its trace has of what its desired output needs."""

    line: int
    """Line in the dataset, counted from 1."""
    row_id: str | None
    """Id of the row, None where the line is none."""
    trace: Trace | None
    """Its finished research, or None."""
    rating: Rating | None
    """Its rating, None where there is no trace."""


def make_rater(run: RunFile, index: Path, language: str | None = None) -> Rater:
    """Return what rates the rows of a run. Needs no embedding model.

    Raises StoreError where the index is not the one that the run was researched with.
    """
    from tracegen.index.sidecar import read_sidecar

    sidecar = read_sidecar(index)
    wanted = run.meta()["settings"]["index"]
    if sidecar.manifest.id != wanted:
        raise StoreError(
            f"The run was researched with the index {wanted}, not with {sidecar.manifest.id} in {index}. Name its index with "
            "--index, or build it again from the same documentation."
        )
    return Rater(lambda: map(sidecar.chunk, range(len(sidecar.lines))), sidecar.manifest.id, language)


def rate_run(run: RunFile, rater: Rater, *, store: bool) -> Iterator[RatedRow]:
    """Yield every line of the dataset with its rating; those that are not stored are made and, with `store`, stored."""
    for result, rating in rater.rate_run(run, store=store):
        yield RatedRow(result.line, result.row.id if result.row else None, result.trace, rating)


def write_csv(rows: Iterable[RatedRow], path: Path) -> None:
    """Write a report with a line for each row. Raises OutputError where it cannot be written."""
    with replacing(path) as file:
        writer: Any = None
        for row in rows:
            columns = columns_of(row)
            if writer is None:
                writer = csv.DictWriter(file, list(columns))
                writer.writeheader()
            writer.writerow(columns)


def columns_of(row: RatedRow) -> dict[str, Any]:
    """Return a row of the report: names of columns, and values."""
    trace, rating = row.trace, row.rating
    terms = {status: [term.text for term in rating.support.of(status)] if rating else [] for status in STATUSES}
    outcomes = [leak.outcome for leak in rating.leaks] if rating else []
    return {
        "line": row.line,
        "id": row.row_id,
        "ending": trace.ended if trace else None,
        "hops": len(trace.good_hops) if trace else None,
        "further": " ".join(further.kind for further in trace.further) if trace else None,
        "support": _figure(rating.support.support if rating else None),
        "retrievable": _figure(rating.support.retrievable if rating else None),
        **{status: len(terms[status]) if rating else None for status in STATUSES},
        "leaks": outcomes.count("left in") if rating else None,
        "leaks_refused": outcomes.count("refused") if rating else None,
        "known_queries": outcomes.count("known") if rating else None,
        **{f"{status}_terms": " ".join(terms[status]) for status in STATUSES},
    }


def _figure(share: float | None) -> str | None:
    return None if share is None else f"{share:.4f}"
