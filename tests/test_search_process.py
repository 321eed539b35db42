"""Searches in processes of their own: the same returns, and an end for each of them, however either side ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import tracegen.searcher
from bench.endpoint import Endpoint
from tests.conftest import LIMIT_S, ROOT, Ended, read_jsonl
from tests.index.conftest import FakeEmbedder
from tracegen.errors import StoreError
from tracegen.index import build_index, open_index
from tracegen.index.search import Elsewhere
from tracegen.records import ToolReturn
from tracegen.search_process import NotStartedError, SearchProcess
from tracegen.searcher import Searcher

QUERIES = [
    "join strings",
    "std.strReplace",
    "",
    "  ",
    "half a \ud83d smile",
    "why " * 2000,
    "\0",
    "trim whitespace\nfrom both ends",
]


FEW_APART = 48
"""Rows that are worth processes of their own here: what is tested is that they start, answer and end."""
FEW_ARE_ENOUGH = f"import tracegen.searcher; tracegen.searcher.ROWS_APART = {FEW_APART}; "
COMMAND = [sys.executable, "-P", "-c", FEW_ARE_ENOUGH + "from tracegen.cli import main; main()"]


@contextmanager
def search_process(index: Path, **changed: str) -> Iterator[SearchProcess]:
    """Give a process that searches an index."""
    with open_index(index) as opened:
        assert opened.elsewhere
        elsewhere = opened.elsewhere._replace(**changed)
    process = SearchProcess(elsewhere)
    try:
        yield process
    finally:
        process.close()


async def answer(process: SearchProcess, queries: list[Any]) -> list[ToolReturn]:
    return await asyncio.wait_for(process.search(queries), LIMIT_S)


def is_there(pid: int) -> bool:
    """Return whether a process of somebody else's is there, and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def test_it_returns_what_the_index_returns_alone_and_together(sample_index: Path) -> None:
    with open_index(sample_index) as index, search_process(sample_index) as process:
        expected = [index.call(query) for query in QUERIES]
        assert await answer(process, QUERIES) == expected
        assert [(await answer(process, [query]))[0] for query in QUERIES] == expected


async def test_two_batches_at_once_each_get_their_own_returns(sample_index: Path) -> None:
    with open_index(sample_index) as index, search_process(sample_index) as process:
        first, second = process.search(["trim"]), process.search(["join", "split"])
        assert process.load == 2
        assert await second == [index.call("join"), index.call("split")]
        assert await first == [index.call("trim")]
        assert process.load == 0


async def test_killed_it_says_so_for_what_waits_and_for_all_that_comes(sample_index: Path) -> None:
    with search_process(sample_index) as process:
        await answer(process, ["trim"])
        os.kill(process.pid, signal.SIGSTOP)
        waiting = process.search(["join"])
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(StoreError, match=r"signal 9.*not enough memory.*start again"):
            await asyncio.wait_for(waiting, LIMIT_S)
        with pytest.raises(StoreError, match="signal 9"):
            await answer(process, ["split"])


async def test_an_index_that_was_built_anew_meanwhile_is_not_searched(sample_index: Path) -> None:
    with search_process(sample_index, id="0123456789abcdef") as process:
        for _ in range(2):
            with pytest.raises(NotStartedError, match="ended with exit code 1"):
                await answer(process, ["trim"])


async def test_an_error_is_that_of_the_search_with_its_sentence(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# Trimming\n\nTrims whitespace from both ends.\n", encoding="utf-8")
    build_index([docs], tmp_path / "index")
    with search_process(tmp_path / "index") as process:
        assert (await answer(process, ["trim"]))[0].sources
        [chunks] = (tmp_path / "index").glob("gen-*/chunks.jsonl")
        chunks.write_bytes(b"?" * chunks.stat().st_size)
        with open_index(tmp_path / "index") as index, pytest.raises(StoreError) as expected:
            index.call("whitespace")
    with search_process(tmp_path / "index") as process, pytest.raises(StoreError) as found:
        await answer(process, ["whitespace"])
    assert str(found.value) == str(expected.value)


async def test_what_nobody_foresaw_comes_with_its_traceback(sample_index: Path) -> None:
    with search_process(sample_index) as process:
        with pytest.raises(RuntimeError, match=r"(?s)a search failed:.*Traceback.*AttributeError"):
            await answer(process, [7])
        assert (await answer(process, ["trim"]))[0].sources


async def test_closed_while_it_searches_it_ends_at_once(sample_index: Path) -> None:
    with search_process(sample_index) as process:
        await answer(process, ["trim"])
        os.kill(process.pid, signal.SIGSTOP)  # so that it does not answer before
        waiting = process.search(["join"])
    assert waiting.cancelled()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


async def test_stopped_it_is_told_of_once_and_ends_with_the_others(sample_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracegen.searcher, "SILENT_S", 0.2)
    said: asyncio.Queue[str] = asyncio.Queue()
    with open_index(sample_index) as index, Searcher(index) as search:
        search.expect(tracegen.searcher.ROWS_APART)
        search.news = said.put_nowait
        await asyncio.gather(*(search(f"trim {number}") for number in range(64)))
        while not said.empty():
            said.get_nowait()  # a busy machine
        search._told.clear()
        stopped = search._processes[0]
        os.kill(stopped.pid, signal.SIGSTOP)
        waiting = [asyncio.ensure_future(search(f"join {number}")) for number in range(64)]
        sentence = await asyncio.wait_for(said.get(), LIMIT_S)
        while f"kill -CONT {stopped.pid}." not in sentence:
            sentence = await asyncio.wait_for(said.get(), LIMIT_S)
        search._watch()
        assert said.empty()
        search.give_up()
        returns = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), LIMIT_S)
        assert any(isinstance(returned, StoreError) for returned in returns)


async def test_only_many_conversations_have_processes_of_their_own(sample_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_index(sample_index) as index:
        with Searcher(index) as search:
            search.expect(tracegen.searcher.ROWS_APART - 1)
            assert not search._processes
        with Searcher(index) as search:
            search.expect(tracegen.searcher.ROWS_APART)
            search.expect(tracegen.searcher.ROWS_APART)
            processes = search._processes
            assert len(processes) == min(index.searches_at_once, tracegen.searcher.MOST_PROCESSES)
            returns = await asyncio.gather(*(search(f"{query} {number}") for number in range(8) for query in QUERIES))
            assert returns == [index.call(f"{query} {number}") for number in range(8) for query in QUERIES]
        for process in processes:
            with pytest.raises(ProcessLookupError):
                os.kill(process.pid, 0)

        def no_more(*_: object, **__: object) -> None:
            raise BlockingIOError(11, "Resource temporarily unavailable")

        monkeypatch.setattr(subprocess, "Popen", no_more)
        with Searcher(index) as search:
            search.expect(tracegen.searcher.ROWS_APART)
            assert await search("trim") == index.call("trim")


@pytest.mark.parametrize("reason", ["another index", "no Python", "no module"])
async def test_processes_that_cannot_start_are_done_without(
    sample_index: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    if reason == "no Python":
        monkeypatch.setattr(sys, "executable", "/bin/false")
    if reason == "no module":
        monkeypatch.setattr("tracegen.search_process.START", "raise SystemExit(3)")
    with open_index(sample_index) as index:
        if reason == "another index" and index.elsewhere:
            index.elsewhere = index.elsewhere._replace(id="0123456789abcdef")
        with Searcher(index) as search:
            search.expect(tracegen.searcher.ROWS_APART)
            assert search._processes
            queries = [f"trim {number}" for number in range(100)]
            returns = await asyncio.wait_for(asyncio.gather(*map(search, queries)), LIMIT_S)
            assert returns == [index.call(query) for query in queries]
            assert not search._processes
            assert search._free == index.searches_at_once


async def test_it_starts_whatever_is_in_the_path(sample_index: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", [tmp_path, *sys.path])
    with search_process(sample_index) as process:
        assert (await answer(process, ["trim"]))[0].sources


async def test_an_answer_that_is_cut_off_is_none(sample_index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cut_off = (
        """import sys; q = sys.stdin.readline(); q = sys.stdin.readline(); print('{"number": 1, "re', end="", flush=True)"""
    )
    monkeypatch.setattr("tracegen.search_process.START", cut_off)
    with search_process(sample_index) as process, pytest.raises(StoreError, match="ended with exit code 0"):
        await answer(process, ["trim"])


def test_no_process_where_another_one_could_not_open_the_index(sample_index: Path, tmp_path: Path) -> None:
    with open_index(sample_index) as index:
        assert index.elsewhere == Elsewhere(str(sample_index), None, None, index.id)
    own = FakeEmbedder()
    build_index([ROOT / "docs_corpus/language/strings.md"], tmp_path / "index", embedder=own)
    with open_index(tmp_path / "index", embedder=own) as index:
        assert index.elsewhere is None


# --- a run with its processes ----------------------------------------------------------------------------------------------


@pytest.fixture
def many_rows(tmp_path: Path) -> Path:
    """Return a dataset with as many rows as are worth a process."""
    path = tmp_path / "many.jsonl"
    messages = [{"role": "user", "content": ""}, {"role": "assistant", "content": "std.join"}]
    with path.open("w", encoding="utf-8") as file:
        for number in range(FEW_APART + 4):
            messages[0]["content"] = f"Write function {number}: it joins strings."
            file.write(json.dumps({"messages": messages}) + "\n")
    return path


def words(dataset: Path, output: Path, index: Path, endpoint: Endpoint) -> list[str]:
    options = ["-o", output, "--index", index, "--teacher", "scripted", "--base-url", endpoint.base_url, "--concurrency", 16]
    return ["generate", *map(str, [dataset, *options])]


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_run_gives_the_same_file_with_and_without_them(
    many_rows: Path,
    tmp_path: Path,
    sample_index: Path,
    endpoint: Endpoint,
    tracegen: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tracegen.searcher.ROWS_APART", FEW_APART)
    assert tracegen(*words(many_rows, tmp_path / "apart.jsonl", sample_index, endpoint)).code == 0
    endpoint.reset()
    monkeypatch.setattr("tracegen.searcher.ROWS_APART", 10**9)
    assert tracegen(*words(many_rows, tmp_path / "threads.jsonl", sample_index, endpoint)).code == 0
    assert (tmp_path / "apart.jsonl").read_bytes() == (tmp_path / "threads.jsonl").read_bytes()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked up in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_however_a_run_ends_its_processes_end_too(
    many_rows: Path, tmp_path: Path, sample_index: Path, slow_process: Endpoint, number: signal.Signals
) -> None:
    slow_process.reset()
    command = [*COMMAND, *words(many_rows, tmp_path / "out.jsonl", sample_index, slow_process)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None and slow_process.counts().requests < 40:
            time.sleep(0.02)
        children = children_of(process.pid)
        assert children
        process.send_signal(number)
        _, said = process.communicate(timeout=LIMIT_S)
    assert "Traceback" not in said
    deadline = time.monotonic() + LIMIT_S
    while any(map(is_there, children)):
        assert time.monotonic() < deadline, "they hang"
        time.sleep(0.02)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked up in /proc")
def test_a_run_whose_searches_hang_says_so_and_ends_at_ctrl_c(
    many_rows: Path, tmp_path: Path, sample_index: Path, slow_process: Endpoint
) -> None:
    slow_process.reset()
    impatient = FEW_ARE_ENOUGH + (
        "import tracegen.research, tracegen.searcher; tracegen.research.DRAIN_S = 36000; tracegen.searcher.SILENT_S = 1; "
        "from tracegen.cli import main; main()"
    )
    command = [sys.executable, "-P", "-c", impatient, *words(many_rows, tmp_path / "out.jsonl", sample_index, slow_process)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and slow_process.counts().requests < 40:
            time.sleep(0.02)
        children = children_of(process.pid)
        for child in children:
            os.kill(child, signal.SIGSTOP)
        assert process.stderr
        assert any("has not answered for 1 s" in line for line in process.stderr)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert not any(map(is_there, children))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="children are looked up in /proc")
def test_when_they_are_killed_at_work_the_run_stops_with_a_sentence_and_pays_nothing_twice(
    many_rows: Path, tmp_path: Path, sample_index: Path, slow_process: Endpoint
) -> None:
    slow_process.reset()
    output = tmp_path / "out.jsonl"
    command = [*COMMAND, *words(many_rows, output, sample_index, slow_process)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None and slow_process.counts().requests < 80:
            time.sleep(0.02)
        for child in children_of(process.pid):
            os.kill(child, signal.SIGKILL)
        _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 1
    assert "The process that searches the index was ended by signal 9" in said
    assert "Traceback" not in said
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False, timeout=LIMIT_S).returncode == 0
    assert slow_process.counts().requests == 4 * len(read_jsonl(many_rows))
    assert len(read_jsonl(output)) == len(read_jsonl(many_rows))


def test_files_of_the_folder_it_is_started_in_are_not_taken_for_modules(
    many_rows: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint
) -> None:
    for name in ("json.py", "select.py", "tracegen.py"):
        (tmp_path / name).write_text("raise SystemExit('not meant')", encoding="utf-8")
    command = [*COMMAND, *words(many_rows, tmp_path / "out.jsonl", sample_index, endpoint)]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    assert ran.returncode == 0
    assert "not meant" not in ran.stderr


def test_a_program_that_calls_it_at_its_top_level_is_run_once(
    many_rows: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys, tracegen; {FEW_ARE_ENOUGH}\nprint('once')\n"
        f"tracegen.generate({str(many_rows)!r}, {str(tmp_path / 'out.jsonl')!r}, index={str(sample_index)!r}, "
        f"teacher='scripted', base_url={endpoint.base_url!r})\n",
        encoding="utf-8",
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_S
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "once\n", "")
    assert len(read_jsonl(tmp_path / "out.jsonl")) == len(read_jsonl(many_rows))
