"""Batches and the status of a run, as a user sees them."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.batch_endpoint import BatchEndpoint, start_batch
from tests.conftest import ROOT, Ended
from tracegen.waves import driver

Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def batch_process() -> Iterator[BatchEndpoint]:
    with start_batch(hops=2) as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(batch_process: BatchEndpoint, monkeypatch: pytest.MonkeyPatch) -> BatchEndpoint:
    monkeypatch.setattr(driver.BatchOptions, "poll_s", (0.0, 0.0))
    batch_process.reset()
    return batch_process


@pytest.fixture
def words(dataset: Path, tmp_path: Path, sample_index: Path, endpoint: BatchEndpoint) -> list[object]:
    """Return the command that generates from the dataset by way of the endpoint."""
    where = ["--index", sample_index, "--teacher", "scripted", "--base-url", endpoint.base_url]
    return ["generate", dataset, "-o", tmp_path / "out.jsonl", *where]


def test_batch_writes_what_the_normal_path_writes(
    tracegen: Run, words: list[object], tmp_path: Path, endpoint: BatchEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = tracegen(*words, "--batch", "--batch-poll", 0.05, "--batch-requests", 5)
    assert ended.code == 0, ended.err
    assert "Wave 1, file 1: 5 requests, batch batch_0001" in ended.err
    assert "Wave 3, file 2: completed, 2 of 2 answered" in ended.err
    assert endpoint.counts().requests == 3  # the first row
    other = tmp_path / "other.jsonl"
    assert tracegen(*words, "-o", other).code == 0
    assert (tmp_path / "out.jsonl").read_bytes() == other.read_bytes()


def test_status_shows_rows_endings_and_batches(
    tracegen: Run, words: list[object], tmp_path: Path, endpoint: BatchEndpoint
) -> None:
    run_file = tmp_path / "out.run.db"
    endpoint.batch_fault("stuck", times=1)
    pending = tracegen(*words, "--batch", "--no-wait")
    assert pending.code == 5
    assert "7 requests are out in 1 batch (batch_0001)" in pending.err
    assert not (tmp_path / "out.jsonl").exists()
    status = tracegen("status", run_file)
    assert status.code == 0
    assert "in a batch           7" in status.out
    assert "wave 1, file 1: 7 requests" in status.out
    assert "in_progress, batch_0001" in status.out

    refused = tracegen(*words)
    assert refused.code == 2
    assert "--cancel-batches" in refused.err
    assert tracegen(*words, "--batch", "--batch-poll", 0.05, "--cancel-batches").code == 0
    value = json.loads(tracegen("status", run_file, "--json").out)
    assert value["finished"] == 8
    assert value["endings"] == {"answered": 8}
    assert value["usage"]["requests"] == 8 * 3
    assert value["batches"][0]["status"] == "cancelled"
    assert "finished             8" in tracegen("status", run_file).out


def test_status_of_a_run_without_batches(tracegen: Run, words: list[object], tmp_path: Path) -> None:
    assert tracegen(*words, "--limit", 2).code == 0
    assert tracegen(*words, "--limit", 2, "--redo", 1).code == 0
    status = tracegen("status", tmp_path / "out.run.db").out
    assert "Answers  9," in status
    assert "3 of them for research that was done anew" in status
    assert "Batches" not in status


def test_files_say_what_to_do(tracegen: Run, words: list[object], tmp_path: Path) -> None:
    ended = tracegen(*words, "--batch-files", tmp_path / "files")
    assert ended.code == 5
    (path,) = (tmp_path / "files").iterdir()
    assert f"{path} -> {path.name.replace('requests', 'answers')}" in ended.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--batch", "--batch-files", "x"], "exclude each other"),
        (["--no-wait"], "--no-wait needs --batch"),
        (["--batch-files", "x", "--finish-sync"], "normal path"),
    ],
)
def test_options_that_contradict_each_other(tracegen: Run, words: list[object], options: list[str], sentence: str) -> None:
    ended = tracegen(*words, *options)
    assert ended.code == 2
    assert sentence in ended.err


def test_the_built_in_researcher_needs_no_batch(tracegen: Run, words: list[object]) -> None:
    ended = tracegen(*words, "--teacher", "builtin", "--batch")
    assert ended.code == 2
    assert "--teacher MODEL" in ended.err


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_ended_while_it_waits_it_goes_on(
    tracegen: Run, words: list[object], endpoint: BatchEndpoint, how: signal.Signals
) -> None:
    endpoint.batch_fault("stuck", times=1)
    command = [sys.executable, "-m", "tracegen", *map(str, words), "--batch"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "batch batch_0001" in line:
                break
        process.send_signal(how)
        said = process.stderr.read()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "go on at the service" in said
        assert "run the same command again" in said
        assert "Traceback" not in said
    assert tracegen(*words, "--batch", "--batch-poll", 0.05, "--cancel-batches").code == 0
    asked = endpoint.asked()
    assert len(asked) == len(set(asked)) == 8 * 3


def test_batches_are_not_for_the_other_api(tracegen: Run, words: list[object], endpoint: BatchEndpoint) -> None:
    refused = tracegen(*words, "--batch", "--api", "responses")
    assert (refused.code, endpoint.counts().requests) == (2, 0)
    assert "leave out --api responses" in refused.err
