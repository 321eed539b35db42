"""Researching again what failed or was chosen: what was paid for is kept, and an interrupted choice is not chosen twice."""

import asyncio
from pathlib import Path

import pytest

from tests.traces.test_runfile import open_run, row
from tracegen.errors import SettingsError
from tracegen.records import Ending, Rejected, Trace
from tracegen.traces.again import FAILED, forget_choice, read_endings, read_line_numbers, set_aside_chosen
from tracegen.traces.runfile import Event, RunFile

ENDINGS: list[Ending] = ["answered", "error", "length", "max_hops", "refused", "no_calls"]


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """Return a run in which line 1 was answered, line 2 failed and so on; line 7 is no row, line 8 is open."""

    async def research(run: RunFile) -> None:
        for number, ending in enumerate(ENDINGS, start=1):
            for seq in range(3):
                await run.record(f"row{number}-1", seq, Event("response", f'"{ending} {seq}"'))
            await run.finish(f"row{number}-1", Trace(hops=(), ended=ending))

    path = tmp_path / "a.run.db"
    with open_run(path) as run:
        lines = [(row(number), "{}") for number in range(1, 7)]
        run.set_input([*lines, (Rejected(line=7, reason="bad", row={}), "{}"), (row(8), "{}")])
        asyncio.run(research(run))
    return path


def open_lines(run: RunFile) -> list[int]:
    return [open_row.line for open_row in run.open_rows()]


@pytest.mark.parametrize(
    ("retry", "redo", "lines"),
    [
        ("failed", None, [2, 3, 5, 6, 8]),
        ("error,length", None, [2, 3, 8]),
        ("max_hops", None, [4, 8]),
        (None, "1,4-5", [1, 4, 5, 8]),
        ("error", "1", [1, 2, 8]),
        (None, None, [8]),
    ],
)
def test_what_is_chosen_is_open_again(run_file: Path, retry: str | None, redo: str | None, lines: list[int]) -> None:
    with open_run(run_file) as run:
        chosen = set_aside_chosen(run, retry, redo)
        assert open_lines(run) == lines
        assert chosen == len(lines) - 1


def test_what_was_paid_for_is_kept(run_file: Path) -> None:
    for attempt in (1, 2):
        with open_run(run_file) as run:
            assert set_aside_chosen(run, "error", None) == 1
            assert run.events("row2-1") == []
            kept = run.fetch("SELECT seq, kind FROM superseded WHERE row_id = 'row2-1' AND attempt = ? ORDER BY seq", attempt)
            assert kept == [(0, "response"), (1, "response"), (2, "response"), (3, "trace")]
            asyncio.run(finish_again(run))
            forget_choice(run)


async def finish_again(run: RunFile) -> None:
    for seq in range(3):
        await run.record("row2-1", seq, Event("response", "{}"))
    await run.finish("row2-1", Trace(hops=(), ended="error"))


def test_an_interrupted_choice_goes_on_and_a_finished_one_is_made_anew(run_file: Path) -> None:
    with open_run(run_file) as run:
        assert set_aside_chosen(run, None, "2") == 1
        asyncio.run(finish_again(run))
    with open_run(run_file) as run:  # the same words after an interruption
        assert set_aside_chosen(run, None, "2") == 0
        assert open_lines(run) == [8]
        forget_choice(run)
        assert set_aside_chosen(run, None, "2") == 1


def test_forgotten_rows_are_kept_too(run_file: Path) -> None:
    with open_run(run_file) as run:
        asyncio.run(run.forget("row6-1"))
        assert run.fetch("SELECT count(*) FROM superseded") == [(4,)]


def test_failed_is_every_ending_without_an_example() -> None:
    assert set(FAILED) == {"error", "length", "refused", "no_calls"}
    assert read_endings(" failed , max_hops") == {*FAILED, "max_hops"}
    assert read_line_numbers("3, 5-7,3") == {3, 5, 6, 7}


@pytest.mark.parametrize(
    ("retry", "redo", "sentence"),
    [
        ("broken", None, "no research ends in broken"),
        (None, "7", "line 7 of the dataset holds no row"),
        (None, "99", "line 99"),
        (None, "2,x", "'x' is no line number"),
        (None, "1-99999999999", "'1-99999999999' are no lines that a dataset has"),
        (None, "9" * 5000, "are no lines that a dataset has"),
        (None, "45-40", "'45-40' are no lines that a dataset has"),
        (None, "2-", "no line number"),
    ],
)
def test_a_choice_that_names_nothing_changes_nothing(
    run_file: Path, retry: str | None, redo: str | None, sentence: str
) -> None:
    with open_run(run_file) as run:
        with pytest.raises(SettingsError, match=sentence):
            set_aside_chosen(run, retry, redo)
        assert open_lines(run) == [8]
