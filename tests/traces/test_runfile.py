"""The run file: durable at once, resumable, exclusive, and explicit about settings."""

import asyncio
import gc
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ended, database
from tracegen.errors import BusyError, InputError, OutputError, SettingsError
from tracegen.records import Message, Rejected, Response, Row, Trace, Usage
from tracegen.traces.database import FORMAT, explained
from tracegen.traces.runfile import Event, RunFile
from tracegen.traces.status import run_status

SETTINGS: dict[str, Any] = {"teacher": "builtin", "max_hops": 8}


def row(number: int, text: str = "") -> Row:
    turns = (Message(role="user", content=text or f"prompt {number}"), Message(role="assistant", content="out"))
    return Row(id=f"row{number}-1", line=number, messages=turns)


def open_run(path: Path, **settings: Any) -> RunFile:
    return RunFile.create_or_resume(path, {**SETTINGS, **settings}, {"versions": {}})


def test_events_survive_closing_and_come_back_in_order(tmp_path: Path) -> None:
    async def write(run: RunFile) -> None:
        await asyncio.gather(*(run.record("row1-1", seq, Event("return", f'{{"n": {seq}}}')) for seq in range(50)))

    path = tmp_path / "a.run.db"
    with open_run(path) as run:
        run.set_input([(row(1), "{}")])
        asyncio.run(write(run))
    with open_run(path) as run:
        assert [json.loads(event.body)["n"] for event in run.events("row1-1")] == list(range(50))
        assert run.started_rows() == {"row1-1"}


def test_a_recorded_event_is_visible_to_another_connection_at_once(tmp_path: Path) -> None:
    """What another connection sees is committed, so it survives kill -9."""

    async def write(run: RunFile) -> None:
        for seq in range(5):
            await run.record("row1-1", seq, Event("response", "{}"))
            with database(path) as other:
                assert other.execute("SELECT count(*) FROM events").fetchone()[0] == seq + 1

    path = tmp_path / "a.run.db"
    with open_run(path) as run:
        asyncio.run(write(run))


def test_finished_rows_are_not_open_any_more(tmp_path: Path) -> None:
    path = tmp_path / "a.run.db"
    with open_run(path) as run:
        run.set_input([(row(number), "{}") for number in (1, 2, 3)])
        asyncio.run(run.finish("row2-1", Trace(hops=(), ended="no_calls", detail="none")))
        assert [open_row.id for open_row in run.open_rows()] == ["row1-1", "row3-1"]
        assert run.counts() == {"lines": 3, "rows": 3, "finished": 1, "rejected": 0}


def test_results_follow_the_input_over_many_pages(tmp_path: Path) -> None:
    """A page holds 256 rows; none is lost or repeated between two."""
    path = tmp_path / "a.run.db"
    lines: list[tuple[Row | Rejected, str]] = [(row(number), f'"raw {number}"') for number in range(1, 700)]
    lines[300] = (Rejected(line=301, reason="x.jsonl:301: not JSON", row="{"), "{")
    with open_run(path) as run:
        run.set_input(lines)
        results = list(run.results())
        assert [result.line for result in results] == list(range(1, 700))
        assert results[300].row is None
        assert results[300].reason == "x.jsonl:301: not JSON"
        assert len(list(run.open_rows())) == 698


def test_a_new_input_keeps_the_research_of_rows_it_still_has(tmp_path: Path) -> None:
    path = tmp_path / "a.run.db"
    with open_run(path) as run:
        run.set_input([(row(1), "{}"), (row(2), "{}")])
        asyncio.run(run.finish("row2-1", Trace(hops=(), ended="answered")))
        moved = row(2).model_copy(update={"line": 1})
        run.set_input([(moved, "{}"), (row(3).model_copy(update={"line": 2}), "{}")])
        first, second = run.results()
        assert first.trace is not None
        assert second.trace is None


def test_other_settings_are_refused_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.run.db"
    open_run(path).close()
    with pytest.raises(SettingsError, match=r"max_hops was 8, now 4.*another -o"):
        open_run(path, max_hops=4)
    open_run(path).close()


def test_only_one_process_may_write(tmp_path: Path) -> None:
    path = tmp_path / "a.run.db"
    code = (
        "import sys\nfrom pathlib import Path\nfrom tracegen.traces.runfile import RunFile\n"
        "run = RunFile.create_or_resume(Path(sys.argv[1]), {}, {})\nprint('open', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        link = tmp_path / "link.run.db"
        link.symlink_to(path)
        for name in (path, link):
            with pytest.raises(BusyError, match="Another process is writing"):
                open_run(name)
        other.kill()
    with RunFile.create_or_resume(path, {}, {}):
        pass  # the lock of a killed process holds nobody up


def test_it_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.run.db"
    with open_run(path) as run:
        run.set_input([(row(1), "{}")])
        with RunFile.open_run(path) as reader:
            assert reader.counts()["rows"] == 1
            assert reader.meta()["settings"] == SETTINGS


def test_a_closed_run_file_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.run.db"
    with open_run(path) as run:
        run.set_input([(row(1), "{}")])
    assert {file.name for file in tmp_path.iterdir()} <= {"a.run.db", "a.run.db.lock"}


def test_no_key_and_no_other_file_is_taken_for_a_run_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no run file"):
        RunFile.open_run(tmp_path / "none.run.db")
    (tmp_path / "text.run.db").write_text("not a database, but long enough to be looked at as one " * 20)
    with pytest.raises(InputError, match="not a run file"):
        RunFile.open_run(tmp_path / "text.run.db")
    with database(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE meta (x)")
    with pytest.raises(InputError, match="not a run file of tracegen"):
        RunFile.open_run(tmp_path / "other.db")


def test_another_format_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.run.db"
    open_run(path).close()
    with database(path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    with pytest.raises(InputError, match="format 99"):
        open_run(path)


def test_a_full_disk_is_a_sentence_and_leaves_the_file_good(tmp_path: Path) -> None:
    """SQLite's own limit of pages gives the error of a full disk."""

    async def fill(run: RunFile) -> None:
        for seq in range(1000):
            await run.record("row1-1", seq, Event("return", "x" * 10_000))

    path = tmp_path / "a.run.db"
    with open_run(path) as run:
        run.set_input([(row(1), "{}")])
        run._connection.execute("PRAGMA max_page_count = 60")
        with pytest.raises(OutputError, match=r"disk is full.*is kept"):
            asyncio.run(fill(run))
        before = len(run.events("row1-1"))
    with open_run(path) as run:
        assert len(run.events("row1-1")) == before > 0
        asyncio.run(run.record("row1-1", before, Event("return", "x")))


def test_a_disk_or_a_limit_that_takes_no_more_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a.run.db: disk I/O error.*ulimit -f"), explained(tmp_path / "a.run.db"):
        raise sqlite3.OperationalError("disk I/O error")


def test_asyncio_has_nothing_to_add_to_the_sentence_about_a_full_disk(tmp_path: Path) -> None:
    """An answer and its returns are written together, and fail together; only the first of them is waited for."""
    complaints = list[Any]()

    async def fill(run: RunFile) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        for seq in range(0, 1000, 2):
            for written in [run.submit("row1-1", seq + n, Event("return", "x" * 10_000)) for n in range(2)]:
                await written

    with open_run(tmp_path / "a.run.db") as run:
        run._connection.execute("PRAGMA max_page_count = 60")
        with pytest.raises(OutputError, match="disk is full"):
            asyncio.run(fill(run))
    gc.collect()
    assert complaints == []


def test_forgotten_rows_are_open_again(tmp_path: Path) -> None:
    async def work(run: RunFile) -> None:
        await run.record("row1-1", 0, Event("response", "{}"))
        await run.finish("row1-1", Trace(hops=(), ended="no_calls"))
        await run.forget("row1-1")

    with open_run(tmp_path / "a.run.db") as run:
        run.set_input([(row(1), "{}")])
        asyncio.run(work(run))
        assert [open_row.id for open_row in run.open_rows()] == ["row1-1"]
        assert run.events("row1-1") == []


FORMAT_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE input (line INTEGER PRIMARY KEY, row_id TEXT, reason TEXT, raw TEXT NOT NULL);
CREATE TABLE rows (id TEXT PRIMARY KEY, row TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE events (row_id TEXT, seq INTEGER, kind TEXT NOT NULL, body TEXT NOT NULL,
                     at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (row_id, seq)) WITHOUT ROWID;
CREATE TABLE traces (row_id TEXT PRIMARY KEY, ended TEXT NOT NULL, hops INTEGER NOT NULL, trace TEXT NOT NULL,
                     at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID;
INSERT INTO meta VALUES ('format', '1'), ('settings', '{"teacher": "builtin", "max_hops": 8}'), ('about', '{}');
INSERT INTO input VALUES (1, 'row1-1', NULL, '{}'), (2, 'row2-1', NULL, '{}');
INSERT INTO rows VALUES ('row1-1', '{"id": "row1-1", "line": 1, "messages":
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}');
INSERT INTO rows VALUES ('row2-1', '{"id": "row2-1", "line": 2, "messages":
    [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}');
INSERT INTO events (row_id, seq, kind, body) VALUES ('row1-1', 0, 'response', '{}'), ('row2-1', 0, 'response', '{}');
INSERT INTO traces (row_id, ended, hops, trace) VALUES ('row1-1', 'no_calls', 0, '{"hops": [], "ended": "no_calls"}');
"""
"""A run file as version 0.1.0 made it: one row finished, one in the middle."""


def test_what_was_estimated_counts_and_is_told_apart(tmp_path: Path) -> None:
    async def work(run: RunFile) -> None:
        usage = Usage(requests=1, prompt_tokens=100, estimated_prompt_tokens=0, estimated_completion_tokens=7)
        await run.record("row1-1", 0, Event("response", Response(usage=usage).model_dump_json()))
        await run.record(
            "row1-1", 1, Event("response", '{"usage": {"requests": 1, "prompt_tokens": 20}}')
        )  # of an older version

    with open_run(tmp_path / "a.run.db") as run:
        run.set_input([(row(1), "{}")])
        asyncio.run(work(run))
        assert run.spent() == run_status(run).usage
        assert run.spent() == Usage(requests=2, prompt_tokens=120, estimated_completion_tokens=7)
        assert run.spent().tokens == (120, 7)


@pytest.fixture
def old_run(tmp_path: Path) -> Path:
    path = tmp_path / "old.run.db"
    connection = sqlite3.connect(path)
    connection.executescript(FORMAT_1)
    connection.close()
    return path


def test_an_old_run_file_is_read_as_it_is(old_run: Path) -> None:
    before = old_run.read_bytes()
    with RunFile.open_run(old_run) as run:
        assert [result.trace is not None for result in run.results()] == [True, False]
    assert old_run.read_bytes() == before


def test_an_old_run_file_goes_on(old_run: Path) -> None:
    with open_run(old_run) as run:
        assert run.format == FORMAT
        assert [open_row.id for open_row in run.open_rows()] == ["row2-1"]
        assert run.started_rows() == {"row2-1"}
        run.set_aside(["row1-1"])
        assert run.counts()["finished"] == 0
    with open_run(old_run) as run:
        assert run.fetch("SELECT count(*) FROM superseded") == [(2,)]


def test_an_old_run_file_with_other_settings_is_left_as_it_is(old_run: Path) -> None:
    with pytest.raises(SettingsError, match="max_hops"):
        open_run(old_run, max_hops=3)
    with RunFile.open_run(old_run) as run:
        assert run.format == 1


def test_rows_stand_where_the_dataset_of_now_has_them(tmp_path: Path) -> None:
    with open_run(tmp_path / "a.run.db") as run:
        run.set_input([(row(1), "{}"), (row(2), "{}")])
        run.set_input([(row(2).model_copy(update={"line": 1}), "{}")])
        assert [(open_row.id, open_row.line) for open_row in run.open_rows()] == [("row2-1", 1)]


def test_what_was_set_aside_was_paid_all_the_same(tmp_path: Path) -> None:
    async def work(run: RunFile) -> None:
        answer = '{"usage": {"requests": 1, "prompt_tokens": 100, "completion_tokens": 7}}'
        await run.record("row1-1", 0, Event("response", answer))
        await run.forget("row1-1")
        await run.record("row1-1", 0, Event("response", answer))

    with open_run(tmp_path / "a.run.db") as run:
        run.set_input([(row(1), "{}")])
        asyncio.run(work(run))
        spent = run.spent()
        assert (spent.requests, spent.prompt_tokens, spent.completion_tokens) == (2, 200, 14)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE meta SET value = 'x{' WHERE key = 'settings'",
        "UPDATE meta SET value = 'x{' WHERE key = 'format'",
        "UPDATE meta SET value = CAST(x'ff' AS TEXT) WHERE key = 'settings'",
        "UPDATE rows SET row = '{\"id\": 1'",
        "UPDATE events SET body = '{\"x' WHERE seq = 1",
        "UPDATE events SET kind = 'unheard-of' WHERE seq = 1",
    ],
)
def test_a_run_file_with_damaged_values_is_named(
    dataset: Path, tmp_path: Path, sample_index: Path, tracegen: Callable[..., Ended], damage: str
) -> None:
    words = ["generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "--teacher", "builtin", "--limit", 2]
    assert tracegen(*words).code == 0
    connection = sqlite3.connect(tmp_path / "out.run.db", isolation_level=None)
    connection.execute("DELETE FROM traces")
    connection.execute(damage)
    connection.close()
    ended = tracegen(*words)
    assert ended.code == 1
    assert re.search(r"Error: The run file .*(is damaged: .* Put a copy|does not fit this version)", ended.err)
    assert "Traceback" not in ended.err
