"""Interrupted and started again: it ends with the same files and repeats no answered request."""

import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.endpoint import Endpoint
from bench.endpoint import start as start_endpoint
from tests.conftest import LIMIT_S, ROOT, database
from tracegen.cli.stopping import SAME_S

ROWS = 20
CONCURRENCY = 8


@pytest.fixture
def many_rows(tmp_path: Path) -> Path:
    """Return a dataset of some rows, each different."""
    path = tmp_path / "many.jsonl"
    lines = (ROOT / "examples/train.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def start(dataset: Path, output: Path, index: Path, endpoint: Endpoint, *more: str) -> subprocess.Popen[str]:
    """Start `tracegen generate` as a process of its own."""
    words = ["generate", dataset, "-o", output, "--index", index, "--teacher", "scripted", "--base-url", endpoint.base_url]
    command = [sys.executable, "-m", "tracegen", *map(str, words), "--concurrency", str(CONCURRENCY), *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def events(run_file: Path) -> int:
    """Return how many events a run file holds, 0 where there is none yet."""
    if not run_file.exists():
        return 0
    with database(f"file:{run_file}?mode=ro", uri=True, timeout=30) as run:
        try:
            return int(run.execute("SELECT count(*) FROM events").fetchone()[0])
        except sqlite3.OperationalError:  # the tables are not made yet
            return 0


def wait_for_events(process: subprocess.Popen[str], run_file: Path, wanted: int) -> None:
    """Wait until so many events are recorded, or the process has ended."""
    while process.poll() is None and events(run_file) < wanted:
        time.sleep(0.01)


def test_stopped_it_keeps_what_is_in_flight_and_says_how_to_go_on(
    many_rows: Path, tmp_path: Path, sample_index: Path, slow_process: Endpoint
) -> None:
    output, run_file = tmp_path / "out.jsonl", tmp_path / "out.run.db"
    slow_process.reset()
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # below nohup it is ignored, and by whatever is started too
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
        before = slow_process.counts().answered
        with start(many_rows, output, sample_index, slow_process) as process:
            wait_for_events(process, run_file, events(run_file) + 20)
            process.send_signal(number)
            _, said = process.communicate(timeout=LIMIT_S)
        assert process.returncode == code
        assert "waiting for the answers on their way" in said
        assert "run the same command again" in said
        assert "Traceback" not in said
        assert before < slow_process.counts().answered < ROWS * 4
    with start(many_rows, output, sample_index, slow_process) as process:
        assert process.wait() == 0
    assert len(output.read_text(encoding="utf-8").splitlines()) == ROWS
    assert (slow_process.counts().requests, slow_process.counts().repeated) == (ROWS * 4, 0)


def test_ctrl_c_again_stops_at_once(many_rows: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint) -> None:
    endpoint.fault("hang")
    with start(many_rows, tmp_path / "out.jsonl", sample_index, endpoint) as process:
        while process.poll() is None and endpoint.counts().requests == 0:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        said = iter(process.stderr.readline, "")
        assert any("Ctrl-C again" in line for line in said)
        time.sleep(SAME_S)  # it would count as the same one before
        for _ in range(3):
            process.send_signal(signal.SIGINT)
        rest = "".join(said)
    assert process.returncode in (130, -signal.SIGINT)
    assert "Interrupted." in rest
    assert "Traceback" not in rest
    assert "never retrieved" not in rest


def test_stopped_for_longer_than_the_time_limit_nothing_is_asked_twice(
    many_rows: Path, tmp_path: Path, sample_index: Path, slow_process: Endpoint
) -> None:
    output, run_file = tmp_path / "out.jsonl", tmp_path / "out.run.db"
    slow_process.reset()
    with start(many_rows, output, sample_index, slow_process, "--timeout", "4") as process:
        wait_for_events(process, run_file, 20)
        process.send_signal(signal.SIGSTOP)
        time.sleep(9)
        process.send_signal(signal.SIGCONT)
        assert process.wait() == 0
    assert (slow_process.counts().requests, slow_process.counts().repeated) == (ROWS * 4, 0)


def test_ctrl_c_again_and_again_stops_at_once(many_rows: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint) -> None:
    for answers, pause_s in ((20, 0.003), (10, 0.02), (10, 0.1)):
        endpoint.reset()
        endpoint.stall(after=answers)
        with start(many_rows, tmp_path / "out.jsonl", sample_index, endpoint) as process:
            while process.poll() is None and endpoint.counts().requests <= answers:
                time.sleep(0.01)
            while process.poll() is None:
                process.send_signal(signal.SIGINT)
                time.sleep(pause_s)
            _, said = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 130
        assert "run the same command again" in said
        assert "Traceback" not in said
    endpoint.stall(None)
    with start(many_rows, tmp_path / "out.jsonl", sample_index, endpoint) as process:
        assert process.wait() == 0


@pytest.fixture(scope="module")
def embedded_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Endpoint]]:
    """Return an index whose model is behind an endpoint, and that endpoint."""
    from tracegen.index import build_index

    path = tmp_path_factory.mktemp("embedded") / "index"
    with start_endpoint(latency_ms=20) as endpoint:
        build_index([ROOT / "docs_corpus/language"], path, model="openai:any", embeddings_url=endpoint.base_url)
        yield path, endpoint


def interrupt(process: subprocess.Popen[str], endpoint: Endpoint, embeddings: int) -> str:
    """Press Ctrl-C once, when so many requests for embeddings are made; return what the process says until it ends."""
    while process.poll() is None and endpoint.counts().embeddings < embeddings:
        time.sleep(0.01)
    time.sleep(0.3)  # whatever still goes on comes to wait, too
    asked = endpoint.counts().embeddings
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=LIMIT_S)
    # Who waits for an endpoint that hangs, until a time limit is over, asks once more.
    assert endpoint.counts().embeddings == asked
    assert process.returncode == 130
    assert "run the same command again" in said
    assert "Traceback" not in said
    return said


def test_one_ctrl_c_is_enough_while_searches_hang(
    many_rows: Path, tmp_path: Path, embedded_index: tuple[Path, Endpoint]
) -> None:
    index, endpoint = embedded_index
    output, url = tmp_path / "out.jsonl", ("--embeddings-url", endpoint.base_url)
    endpoint.reset()
    endpoint.stall_embeddings(after=4)
    with start(many_rows, output, index, endpoint, *url) as process:
        said = interrupt(process, endpoint, 5)
    assert "waiting for the answers on their way" in said
    assert 0 < endpoint.counts().answered == endpoint.counts().requests < ROWS * 4
    endpoint.stall_embeddings(None)
    with start(many_rows, output, index, endpoint, *url) as process:
        assert process.wait() == 0
    assert len(output.read_text(encoding="utf-8").splitlines()) == ROWS
    assert (endpoint.counts().requests, endpoint.counts().repeated) == (ROWS * 4, 0)


@pytest.mark.parametrize(
    ("words", "answered"),
    [
        ("generate ROWS -o OUT --index INDEX --teacher scripted --base-url URL", 0),  # while the index is opened
        ("generate ROWS -o OUT --index INDEX --teacher scripted --base-url URL --estimate", 1),
        ("generate ROWS -o OUT --index INDEX --teacher builtin", 1),
        ("search lists --index INDEX", 0),
        ("search lists --index INDEX", 1),
        ("index DOCS --index NEW --model openai:any", 0),
        ("index DOCS --index NEW --model openai:any", 1),
        ("doctor ROWS --index INDEX", 1),
        ("doctor ROWS --index INDEX", 5),  # while it searches
    ],
)
def test_one_ctrl_c_is_enough_while_embeddings_hang(
    many_rows: Path, tmp_path: Path, embedded_index: tuple[Path, Endpoint], words: str, answered: int
) -> None:
    index, endpoint = embedded_index
    places = {"ROWS": many_rows, "OUT": tmp_path / "out.jsonl", "INDEX": index, "NEW": tmp_path / "new"}
    places |= {"DOCS": ROOT / "docs_corpus/language"}
    given = [str(places.get(word, word)).replace("URL", endpoint.base_url) for word in words.split()]
    endpoint.reset()
    endpoint.stall_embeddings(after=answered)
    command = [sys.executable, "-m", "tracegen", *given, "--embeddings-url", endpoint.base_url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        interrupt(process, endpoint, answered + 1)


def test_two_at_once_the_second_says_so(many_rows: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint) -> None:
    output, run_file = tmp_path / "out.jsonl", tmp_path / "out.run.db"
    endpoint.stall(after=ROWS)
    with start(many_rows, output, sample_index, endpoint) as first:
        wait_for_events(first, run_file, 1)
        first.send_signal(signal.SIGSTOP)
        with start(many_rows, output, sample_index, endpoint) as second:
            _, said = second.communicate(timeout=LIMIT_S)
        first.kill()
    assert second.returncode == 1
    assert "Another process is writing the run file" in said


def test_without_stderr_and_stdin_it_works_all_the_same(many_rows: Path, tmp_path: Path, sample_index: Path) -> None:
    output = tmp_path / "out.jsonl"
    words = ["generate", many_rows, "-o", output, "--index", sample_index, "--teacher", "builtin", "--limit", "3"]
    command = shlex.join([sys.executable, "-m", "tracegen", *map(str, words)])
    assert subprocess.run(["sh", "-c", f"{command} <&- 2>&-"], cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0
    assert len(output.read_text(encoding="utf-8").splitlines()) == 3
