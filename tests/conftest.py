"""What all tests share: an environment without anybody's keys, the sample's index, and a fake endpoint."""

import contextlib
import json
import os
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings

from bench.endpoint import Endpoint, start

if TYPE_CHECKING:
    from tracegen.pipeline import Summary

ROOT = Path(__file__).parent.parent
LIMIT_S = 900
"""A process or an answer that takes longer hangs. However busy the machine is, no test is about time."""

# No test asserts a time, hypothesis neither. Its examples are the same in every run, or a commit passes here and fails there:
# `pytest -m hypothesis --hypothesis-profile explore` looks for new ones, and for more than ten minutes have room for.
settings.register_profile(
    "tracegen", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, max_examples=60
)
settings.register_profile("explore", settings.get_profile("tracegen"), derandomize=False, max_examples=1000)
settings.load_profile("tracegen")

# Where the suite runs in the background of a script, Ctrl-C is ignored, and so it would be by every program that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test may reach a model hub; the packaged weights are enough.
os.environ["HF_HUB_OFFLINE"] = "1"


@contextlib.contextmanager
def database(file: str | Path, **options: Any) -> Iterator[sqlite3.Connection]:
    """Open a SQLite file, commit what was done, and close it, which sqlite3's own context manager does not."""
    with contextlib.closing(sqlite3.connect(file, **options)) as opened, opened:
        yield opened


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the keys, addresses, proxies and window of whoever runs the tests out of them."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "TRACEGEN_")) or name.lower().endswith("_proxy") or name in ("COLUMNS", "LINES"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def loaded_model() -> Iterator[None]:
    """Keep the default model in memory, which all who load it share: else hundreds of tests would each wait for it."""
    from tracegen.index import load_embedder

    kept = load_embedder()
    kept.embed_queries(["any"])
    yield
    del kept


@pytest.fixture(scope="session")
def sample_index(tmp_path_factory: pytest.TempPathFactory, loaded_model: None) -> Path:
    """Return the index of a small part of the sample documentation, made once, with the real model."""
    from tracegen.index import build_index

    path = tmp_path_factory.mktemp("sample") / "index"
    pages = sorted((ROOT / "docs_corpus/std").glob("strings-*.md"))
    build_index([*pages, ROOT / "docs_corpus/language/strings.md"], path)
    return path


@pytest.fixture(scope="session")
def endpoint_process() -> Iterator[Endpoint]:
    """Return a fake endpoint, a process of its own."""
    with start(hops=3) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def slow_process() -> Iterator[Endpoint]:
    """Return an endpoint that takes its time, so that there is always something in flight; its counts are not at zero."""
    with start(latency_ms=100) as endpoint:
        yield endpoint


@pytest.fixture
def endpoint(endpoint_process: Endpoint) -> Endpoint:
    """Return the fake endpoint with its counts at zero and no fault set."""
    endpoint_process.reset()
    endpoint_process.fault(None)
    return endpoint_process


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Return a dataset of eight rows of the sample."""
    path = tmp_path / "train.jsonl"
    lines = (ROOT / "examples/train.jsonl").read_text(encoding="utf-8").splitlines()[:8]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def research(dataset: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint) -> Callable[..., "Summary"]:
    """Return a function that generates from the dataset with the fake endpoint as teacher."""
    from tracegen.pipeline import generate

    def run(**options: Any) -> "Summary":
        defaults = {"teacher": "scripted", "base_url": endpoint.base_url, "index": sample_index}
        return generate(dataset, tmp_path / "out.jsonl", **{**defaults, **options})

    return run


def read_jsonl(path: Path) -> list[dict[str, object]]:
    """Return the lines of a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


class Ended(NamedTuple):
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def tracegen(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Return a function that runs the command line in this process, as `tracegen WORDS` would."""
    from tracegen.cli import main

    def run(*words: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["tracegen", *map(str, words)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return Ended(code, *capfd.readouterr())

    return run
