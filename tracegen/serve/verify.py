"""The searches of a run made again, to see whether what is served is what was trained on."""

import difflib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from tracegen.errors import InputError
from tracegen.index import Index
from tracegen.jsonl import dump
from tracegen.records import Example, Hop, Tool
from tracegen.traces.runfile import RunFile
from tracegen.traces.splice import splice

DIFFERENCES_SHOWN = 5
DIFF_LINES = 8
SHOWN_CHARS = 120

Progress = Callable[[int, int], None]
"""Called with the lines of the dataset done, and how many there are."""


class Difference(NamedTuple):
    """A return that is not what it was."""

    line: int
    """Line of its row in the dataset."""
    query: str
    """What was searched."""
    diff: tuple[str, ...]
    """The first lines that differ: `-` as trained on, `+` as served now."""


class Verification(NamedTuple):
    """What came of making the searches of a run again."""

    rows: int
    """Examples whose searches were made."""
    returns: int
    """Searches made."""
    differing: int
    """Returns with another text."""
    differing_rows: int
    """Examples with such a return."""
    first: tuple[Difference, ...]
    """The first of them."""
    settings: tuple[str, ...]
    """What the run was made with and what is served now, where that differs: a line each."""
    same_definition: bool
    """Whether name, description and schema of the tool are those of the run."""

    @property
    def same(self) -> bool:
        """Whether a model sees what it was trained on: the definition, and every return."""
        return self.same_definition and not self.differing


def verify(run: RunFile, index: Index, progress: Progress = lambda done, total: None) -> Verification:
    """Make the searches of a run's examples again, those whose return is an error aside, and compare the texts.

    Raises InputError where the run has no example.
    """
    settings = run.meta()["settings"]
    trained = Tool.model_validate(settings["tool"])
    rows = returns = differing = differing_rows = 0
    first: list[Difference] = []
    for line, hops in _hops(run, trained, progress):
        changed = [(hop, now) for hop in hops if (now := index.call(_query(hop)).text) != hop.returned.text]
        rows += 1
        returns += len(hops)
        differing += len(changed)
        differing_rows += bool(changed)
        room = DIFFERENCES_SHOWN - len(first)
        first += [Difference(line, _query(hop), _diff(hop.returned.text, now)) for hop, now in changed[:room]]
    if not rows:
        raise InputError(
            f"The run {run.path} has no example yet: there is nothing to compare. Let `tracegen generate` finish it."
        )
    return Verification(
        rows=rows,
        returns=returns,
        differing=differing,
        differing_rows=differing_rows,
        first=tuple(first),
        settings=tuple(_settings(settings, trained, index)),
        same_definition=trained.definition == index.tool.definition,
    )


def _hops(run: RunFile, tool: Tool, progress: Progress) -> Iterator[tuple[int, tuple[Hop, ...]]]:
    """Yield line and hops of each example of a run."""
    total = run.counts()["lines"]
    for done, result in enumerate(run.results(), start=1):
        if result.row is not None and result.trace is not None:
            example = splice(result.row, result.trace, tool)
            if isinstance(example, Example):
                yield result.line, example.hops
        progress(done, total)


def _query(hop: Hop) -> str:
    return str(hop.call.arguments["query"])


def _diff(before: str, now: str) -> tuple[str, ...]:
    """Return the first lines that differ."""
    _, _, *diff = difflib.unified_diff(before.split("\n"), now.split("\n"), lineterm="", n=0)  # two lines for names of files
    lines = [line[:SHOWN_CHARS] for line in diff if not line.startswith("@@")]
    more = len(lines) - DIFF_LINES
    return (*lines[:DIFF_LINES], *([f"... and {more} more lines"] if more > 0 else []))


def _settings(settings: dict[str, Any], trained: Tool, index: Index) -> Iterator[str]:
    """Yield what the run was made with and what is served now, where that differs."""
    if settings.get("index") != index.id:
        yield f"index: {settings.get('index')} when trained, {index.id} now: other documentation, chunks or embedding model"
    for field in Tool.model_fields:
        before, now = getattr(trained, field), getattr(index.tool, field)
        if before != now:
            yield f"tool, {field}: {_shown(before)} when trained, {_shown(now)} now"


def _shown(value: Any) -> str:
    text = dump(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 3]}..."
