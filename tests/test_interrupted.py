"""Killed, interrupted, started again: it ends with the same files and repeats no answered request."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.endpoint import Endpoint
from tests.conftest import LIMIT_S, ROOT

ROWS = 30
CONCURRENCY = 8


@pytest.fixture
def many_rows(tmp_path: Path) -> Path:
    """Return a dataset of some rows, each different."""
    path = tmp_path / "many.jsonl"
    lines = (ROOT / "examples/train.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def start(dataset: Path, output: Path, index: Path, endpoint: Endpoint) -> subprocess.Popen[str]:
    """Start `tracegen generate` as a process of its own."""
    words = ["generate", dataset, "-o", output, "--index", index, "--teacher", "scripted", "--base-url", endpoint.base_url]
    command = [sys.executable, "-m", "tracegen", *map(str, words), "--concurrency", str(CONCURRENCY)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def events(run_file: Path) -> int:
    """Return how many events a run file holds, 0 where there is none yet."""
    if not run_file.exists():
        return 0
    with sqlite3.connect(f"file:{run_file}?mode=ro", uri=True, timeout=30) as run:
        try:
            return int(run.execute("SELECT count(*) FROM events").fetchone()[0])
        except sqlite3.OperationalError:  # the tables are not made yet
            return 0


def wait_for_events(process: subprocess.Popen[str], run_file: Path, wanted: int) -> None:
    """Wait until so many events are recorded, or the process has ended."""
    while process.poll() is None and events(run_file) < wanted:
        time.sleep(0.01)


def test_killed_again_and_again_it_ends_with_the_same_files(
    many_rows: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint
) -> None:
    whole = tmp_path / "whole.jsonl"
    with start(many_rows, whole, sample_index, endpoint) as process:
        assert process.wait() == 0
    needed = endpoint.counts().requests
    assert needed == ROWS * 4

    endpoint.reset()
    killed = tmp_path / "killed.jsonl"
    run_file = tmp_path / "killed.run.db"
    kills = 4
    chance = random.Random(7)
    for _ in range(kills):
        # However late the kill comes, the run is not over: it needs more answers than it gets until then.
        most = needed // kills - 1
        endpoint.stall(after=most)
        wanted = events(run_file) + chance.randint(1, most)
        with start(many_rows, killed, sample_index, endpoint) as process:
            wait_for_events(process, run_file, wanted)
            assert process.poll() is None
            process.kill()
    assert not killed.exists()  # a half-finished run writes no output
    endpoint.stall(None)
    with start(many_rows, killed, sample_index, endpoint) as process:
        assert process.wait() == 0
    assert killed.read_bytes() == whole.read_bytes()
    # What was in flight at a kill is asked again; nothing else is.
    assert needed <= endpoint.counts().requests <= needed + kills * CONCURRENCY
    assert endpoint.counts().repeated <= kills * CONCURRENCY


def test_ctrl_c_says_how_to_go_on(many_rows: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint) -> None:
    output, run_file = tmp_path / "out.jsonl", tmp_path / "out.run.db"
    endpoint.stall(after=ROWS)
    with start(many_rows, output, sample_index, endpoint) as process:
        wait_for_events(process, run_file, 10)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 130
    assert "run the same command again" in said
    assert "Traceback" not in said
    endpoint.stall(None)
    with start(many_rows, output, sample_index, endpoint) as process:
        assert process.wait() == 0
    assert len(output.read_text(encoding="utf-8").splitlines()) == ROWS


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
