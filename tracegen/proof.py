"""The proof of a run: the support of every row, from its run file and the index. Joins traces and index."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tracegen.errors import StoreError
from tracegen.records import Chunk
from tracegen.traces.runfile import RunFile
from tracegen.traces.support import Support, Vocabulary, support_of


class RowSupport(NamedTuple):
    """The support of one row."""

    line: int
    """Line in the dataset, counted from 1."""
    support: Support
    """How much of what its desired output needs its trace shows."""


def rate_run(run: RunFile, index: Path, language: str | None = None) -> Iterator[RowSupport]:
    """Yield the support of the finished rows of a run, in the order of the dataset.

    Needs no embedding model. Raises StoreError where the index is not the one that the run was researched with.
    """
    from tracegen.index.sidecar import read_sidecar

    sidecar = read_sidecar(index)
    wanted = run.meta()["settings"]["index"]
    if sidecar.manifest.id != wanted:
        raise StoreError(
            f"The run was researched with the index {wanted}, not with {sidecar.manifest.id} in {index}. Name its index with "
            "--index, or build it again from the same documentation."
        )
    vocabulary = Vocabulary(Chunk.model_validate_json(line) for line in sidecar.lines)
    for result in run.results():
        if result.row is not None and result.trace is not None:
            yield RowSupport(result.line, support_of(result.row, result.trace, vocabulary, language))
