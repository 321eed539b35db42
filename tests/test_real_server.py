"""End to end against a chat server that nobody here wrote.

    TRACEGEN_TEST_BASE_URL=http://127.0.0.1:18082/v1 scripts/test -m real_server

TRACEGEN_TEST_DATASET and TRACEGEN_TEST_DOCS name a case of your own, such as a language's documentation and rows about it;
without them it is the sample, which a fresh clone has. TRACEGEN_TEST_INDEX names an index in the place of documentation.
TRACEGEN_TEST_ROWS says how many rows (default: 100; a smaller dataset is repeated), TRACEGEN_TEST_MODEL which model (default:
`any`, for servers with one), TRACEGEN_TEST_API another API (`responses`). Whatever the model says, clever or nonsense: every
row ends with a reason, nothing hangs, and there is no traceback.
"""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, read_jsonl
from tracegen.traces.runfile import RunFile

# Read here: the tests' environment is cleaned of such names.
BASE_URL = os.environ.get("TRACEGEN_TEST_BASE_URL")
MODEL = os.environ.get("TRACEGEN_TEST_MODEL", "any")
DATASET = Path(os.environ.get("TRACEGEN_TEST_DATASET", ROOT / "examples/train.jsonl"))
DOCS, INDEX = os.environ.get("TRACEGEN_TEST_DOCS"), os.environ.get("TRACEGEN_TEST_INDEX")
ROWS = int(os.environ.get("TRACEGEN_TEST_ROWS", "100"))
API = os.environ.get("TRACEGEN_TEST_API", "chat")
LIMIT_S = 7200

pytestmark = [
    pytest.mark.real_server,
    pytest.mark.timeout(0),
    pytest.mark.skipif(not BASE_URL, reason="TRACEGEN_TEST_BASE_URL is not set"),
]


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own."""
    command = [sys.executable, "-m", "tracegen", *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset of so many rows; a smaller one is repeated."""
    lines = DATASET.read_text(encoding="utf-8").splitlines()
    path = tmp_path_factory.mktemp("real") / "train.jsonl"
    path.write_text("".join(f"{line}\n" for line in itertools.islice(itertools.cycle(lines), ROWS)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Path:
    """Return the index that was named, or that of the documentation that was, or that of the sample."""
    if INDEX is not None:
        return Path(INDEX)
    if DOCS is None:
        return Path(request.getfixturevalue("sample_index"))
    from tracegen.index import build_index

    path = tmp_path_factory.mktemp("docs") / "index"
    build_index([Path(DOCS)], path)
    return path


def generate(rows: Path, output: Path, index: Path, *words: object) -> subprocess.CompletedProcess[str]:
    options = ["--index", index, "--teacher", MODEL, "--base-url", BASE_URL, "--max-tokens", 200, "--api", API]
    return run("generate", rows, "-o", output, *options, *words)


def test_every_row_ends_with_a_reason(rows: Path, tmp_path: Path, index: Path) -> None:
    output = tmp_path / "out.jsonl"
    ended = generate(rows, output, index)
    assert "Traceback" not in ended.stderr
    assert ended.returncode in (0, 3)
    examples, rejected = read_jsonl(output), read_jsonl(tmp_path / "out.rejected.jsonl")
    assert len(examples) + len(rejected) == ROWS
    assert all(row["reason"] for row in rejected)
    desired = {row["messages"][-1]["content"] for row in read_jsonl(rows)}  # type: ignore[index]
    assert all(row["messages"][-1]["content"] in desired for row in examples)  # type: ignore[index]
    with RunFile.open_run(tmp_path / "out.run.db") as made:
        assert made.counts()["finished"] == ROWS
    again = generate(rows, output, index)
    assert f"{ROWS} rows were finished before" in again.stderr
    assert "0 answers of the teacher" in again.stderr


def test_killed_in_the_middle_it_goes_on(rows: Path, tmp_path: Path, index: Path) -> None:
    output = tmp_path / "out.jsonl"
    first = generate(rows, output, index, "--budget", "20000tokens")
    assert (first.returncode, "Traceback" in first.stderr) == (4, False)
    second = generate(rows, output, index, "--limit", 8)
    assert second.returncode in (0, 3)


def test_a_wrong_path_is_a_sentence(rows: Path, tmp_path: Path, index: Path) -> None:
    options = ["--index", index, "--teacher", MODEL, "--base-url", f"{str(BASE_URL).removesuffix('/v1')}/nowhere"]
    ended = run("generate", rows, "-o", tmp_path / "out.jsonl", *options)
    assert ended.returncode == 1
    assert ended.stderr.startswith(("Error:", "Teacher:"))
    assert "Traceback" not in ended.stderr
