"""One run, killed fifty times at random moments: no row is lost or done twice, and no recorded answer is asked for again."""

import json
import multiprocessing
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from bench.batch_endpoint import BatchEndpoint, start_batch
from tests.conftest import ROOT

KILLS = 50
ROWS = 60
CONCURRENCY = 8
REQUESTS_PER_ROW = 4
EVENTS_PER_ROW = 7
SEED = 20_261_120

Start = Callable[[Path], BaseProcess]


def run_command_line(words: list[str]) -> None:
    """Be the process `tracegen WORDS`."""
    from tracegen.cli import main

    sys.argv = ["tracegen", *words]
    main()


@pytest.fixture(scope="module")
def slow_endpoint() -> Iterator[BatchEndpoint]:
    """Return an endpoint that takes its time, so that there is always something in flight."""
    with start_batch(hops=3, latency_ms=40) as endpoint:
        yield endpoint


@pytest.fixture
def start(tmp_path: Path, sample_index: Path, slow_endpoint: BatchEndpoint) -> Start:
    """Return a function that starts `tracegen generate` for an output as a process of its own.

    The processes are forked from one that has loaded the libraries; each opens its own index, run file and connections.
    """
    dataset = tmp_path / "many.jsonl"
    lines = (ROOT / "examples/train.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    dataset.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    context = multiprocessing.get_context("forkserver")
    ours = ["tracegen.pipeline", "tracegen.index.search", "tracegen.teacher.chat"]
    libraries = ["chromadb", "openai", "onnxruntime", "tqdm", "bm25s", "tokenizers", "genai_prices.data", "httpcore2"]
    context.set_forkserver_preload(ours + libraries)

    def run(output: Path) -> BaseProcess:
        words = [dataset, "-o", output, "--index", sample_index, "--base-url", slow_endpoint.base_url]
        command = ["generate", *map(str, words), "--teacher", "scripted", "--concurrency", str(CONCURRENCY), "-q"]
        process = context.Process(target=run_command_line, args=(command,))
        process.start()
        return process

    return run


class Recorded:
    """What a run file holds, read by a connection of its own."""

    def __init__(self, run_file: Path) -> None:
        self.run_file = run_file

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        if not self.run_file.exists():
            return []
        connection = sqlite3.connect(f"file:{self.run_file}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:  # the tables are not made yet
            return []
        finally:
            connection.close()

    def events(self) -> int:
        return sum(count for (count,) in self.rows("SELECT count(*) FROM events"))

    def answers(self) -> set[tuple[str, int]]:
        """Return the requests whose answer is recorded, as the endpoint names them."""
        query = """SELECT rows.row, count(*) FROM events JOIN rows ON rows.id = events.row_id
                   WHERE kind = 'response' GROUP BY rows.id"""
        found: set[tuple[str, int]] = set()
        for row, count in self.rows(query):
            found |= {(json.loads(row)["messages"][-2]["content"], hop) for hop in range(count)}
        return found


def kill_at_a_random_moment(process: BaseProcess, recorded: Recorded, chance: random.Random, most: int) -> None:
    """Kill a process after some more events, or at some moment of its start."""
    wanted = recorded.events() + chance.randint(0, most)
    if chance.random() < 0.2:
        process.join(chance.uniform(0, 0.3))
    while process.is_alive() and recorded.events() < wanted:
        time.sleep(0.004)
    process.join(chance.uniform(0, 0.03))
    assert process.is_alive()
    process.kill()
    process.join()


def test_fifty_kills_at_random_moments_of_one_run(tmp_path: Path, start: Start, slow_endpoint: BatchEndpoint) -> None:
    undisturbed, disturbed = tmp_path / "undisturbed.jsonl", tmp_path / "disturbed.jsonl"
    whole = start(undisturbed)
    whole.join()
    assert whole.exitcode == 0

    recorded = Recorded(tmp_path / "disturbed.run.db")
    chance = random.Random(SEED)
    asked_in_all = 0
    needed = ROWS * REQUESTS_PER_ROW

    def check_what_was_asked(before: set[tuple[str, int]]) -> int:
        asked = slow_endpoint.asked()
        assert not before & set(asked), "an answer that was recorded was asked for again"
        return len(asked)

    for kills_left in range(KILLS, 0, -1):
        before = recorded.answers()
        slow_endpoint.reset()
        # However late the kill comes, an answer is left for each kill after it: the run is not over before.
        answers = needed - len(before) - kills_left
        slow_endpoint.stall(after=answers)
        most = min(answers, (ROWS * EVENTS_PER_ROW - recorded.events()) // (kills_left + 1))
        kill_at_a_random_moment(start(disturbed), recorded, chance, most)
        asked_in_all += check_what_was_asked(before)
        assert not disturbed.exists()

    before = recorded.answers()
    slow_endpoint.reset()
    last = start(disturbed)
    last.join()
    assert last.exitcode == 0
    asked_in_all += check_what_was_asked(before)

    assert len(recorded.answers()) == needed
    assert needed < asked_in_all <= needed + KILLS * CONCURRENCY
    assert recorded.rows("SELECT count(*), count(DISTINCT row_id) FROM traces") == [(ROWS, ROWS)]
    assert recorded.rows("SELECT DISTINCT count(*), max(seq) + 1 FROM events GROUP BY row_id") == [(EVENTS_PER_ROW,) * 2]
    assert disturbed.read_bytes() == undisturbed.read_bytes()
    assert (tmp_path / "disturbed.rejected.jsonl").read_bytes() == (tmp_path / "undisturbed.rejected.jsonl").read_bytes()
    assert not list(tmp_path.glob(".*.part"))
