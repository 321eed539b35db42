"""Research again: rows that failed, or chosen ones. What they cost before is kept in the run file.

What is chosen is noted with it, in one transaction, until the run has come to its end: so a run with `--redo 17` that was
interrupted and is started with the same words goes on, instead of paying for line 17 once more.
"""

from typing import get_args

from tracegen.errors import SettingsError
from tracegen.records import Ending
from tracegen.traces.runfile import RunFile, remembering
from tracegen.traces.splice import KEPT_ENDINGS

FAILED = tuple(ending for ending in get_args(Ending) if ending not in KEPT_ENDINGS)
"""The endings that make no example: `failed` means them all, since each may end otherwise when it is asked again."""
_NOTE = "again"
_DIGITS = 8
"""Digits of a line number that no dataset reaches: a slip of the finger is not to fill the memory."""


def set_aside_chosen(run: RunFile, retry: str | None, redo: str | None) -> int:
    """Open the rows that are to be researched again, and return how many.

    `retry` names endings (`failed`, or some of them: `error,length`), `redo` lines of the dataset (`17,23,40-45`).
    Raises SettingsError where they name none that there is.
    """
    if retry is None and redo is None:
        return 0
    endings, lines = read_endings(retry or ""), read_line_numbers(redo or "")
    words = {"retry": sorted(endings), "redo": sorted(lines)}
    if run.meta().get(_NOTE) == words:
        return 0
    rows = {row_id for line in sorted(lines) for row_id in _row_on(run, line)} | _finished_so(run, endings)
    run.set_aside(sorted(rows), remembering(_NOTE, words))
    return len(rows)


def forget_choice(run: RunFile) -> None:
    """Note that what was chosen is done, so that the same words choose anew."""
    if _NOTE in run.meta():
        run.remember(_NOTE, None)


def read_endings(text: str) -> set[str]:
    """Return the endings that `--retry` names. Raises SettingsError where there is no such ending."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    if wrong := names - {"failed", *get_args(Ending)}:
        raise SettingsError(
            f"--retry {text}: no research ends in {', '.join(sorted(wrong))}. Give `failed`, or some of {', '.join(FAILED)}."
        )
    return names - {"failed"} | (set(FAILED) if "failed" in names else set())


def read_line_numbers(text: str) -> set[int]:
    """Return the line numbers that `--redo` names. Raises SettingsError where they are none."""
    numbers: set[int] = set()
    for part in filter(None, (part.strip() for part in text.split(","))):
        first, dash, last = part.partition("-")
        if not (first.isascii() and first.isdigit() and (not dash or (last.isascii() and last.isdigit()))):
            raise SettingsError(
                f"--redo {text}: {part!r} is no line number. Give lines of the dataset, such as 17,23 or 40-45."
            )
        lines = range(int(first[:_DIGITS]), int((last or first)[:_DIGITS]) + 1)
        if not lines or max(len(first), len(last)) >= _DIGITS:
            raise SettingsError(f"--redo {text}: {part!r} are no lines that a dataset has. Give the smaller number first.")
        numbers.update(lines)
    return numbers


def _row_on(run: RunFile, line: int) -> list[str]:
    found = [row_id for (row_id,) in run.fetch("SELECT row_id FROM input WHERE line = ?", line) if row_id is not None]
    if not found:
        raise SettingsError(f"--redo {line}: line {line} of the dataset holds no row of this run. Is it beyond --limit?")
    return found


def _finished_so(run: RunFile, endings: set[str]) -> set[str]:
    query = "SELECT traces.row_id, ended FROM traces JOIN input ON input.row_id = traces.row_id"
    return {row_id for row_id, ended in run.fetch(query) if ended in endings}
