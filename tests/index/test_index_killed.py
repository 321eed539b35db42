"""Builds that are killed or run out of disk: the old index or the new one, never half of one."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LIMIT_S, ROOT
from tests.index.conftest import FakeEmbedder
from tracegen.index import build_index, open_index

# Kills itself with SIGKILL at the n-th call of a function that a build makes.
KILLED = """
import importlib, os, signal, sys
from pathlib import Path
from tests.index.conftest import FakeEmbedder
from tracegen.index import build_index

docs, path, module, name, call = sys.argv[1:]
target = importlib.import_module(module)
original, calls = getattr(target, name), 0

def killing(*arguments, **options):
    global calls
    calls += 1
    if calls == int(call):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments, **options)

setattr(target, name, killing)
build_index([Path(docs)], Path(path), embedder=FakeEmbedder())
"""

FULL = """
import resource, sys
from pathlib import Path
from tests.index.conftest import FakeEmbedder
from tracegen.errors import OutputError
from tracegen.index import build_index
import chromadb

docs, path, limit = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
try:
    build_index([Path(docs)], Path(path), embedder=FakeEmbedder())
except OutputError as error:
    print(error)
"""


def _run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S)


@pytest.mark.parametrize(
    ("module", "name", "call", "outcome"),
    [
        ("tracegen.index.chroma", "_verify", 1, "old"),
        ("tracegen.index.writing", "embed", 1, "old"),
        ("numpy", "save", 1, "old"),
        ("os", "fsync", 8, "old"),
        ("os", "replace", 1, "old"),  # the first is that of the manifest, the second that of CURRENT
        ("os", "replace", 2, "old"),
        ("shutil", "rmtree", 1, "new"),
    ],
)
def test_a_killed_build_leaves_the_old_index_or_the_new(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, module: str, name: str, call: int, outcome: str
) -> None:
    path = tmp_path / "index"
    first = build_index([docs], path, embedder=embedder)
    (docs / "more.md").write_text("# More\n\nA page that came later.\n")
    assert _run(KILLED, docs, path, module, name, call).returncode == -9
    with open_index(path, embedder=embedder) as index:
        assert (index.id == first.id) is (outcome == "old")
        assert len(index.search("arrays", k=100)) == len(index)

    again = build_index([docs], path, embedder=embedder)
    assert again.changed is (outcome == "old")
    with open_index(path, embedder=embedder) as index:
        assert index.search("a page that came later")[0].chunk.path == "more.md"
    if again.changed:
        assert len(list(path.glob("gen-*"))) == 1


@pytest.mark.parametrize("limit", [100, 8_000, 150_000])
def test_a_full_disk_is_a_sentence_and_the_old_index_stays(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, limit: int
) -> None:
    path = tmp_path / "index"
    first = build_index([docs], path, embedder=embedder)
    (docs / "more.md").write_text("# More\n\nA page that came later.\n")
    run = _run(FULL, docs, path, limit)
    assert run.returncode == 0, run.stderr
    assert "Free some space" in run.stdout
    assert len(list(path.glob("gen-*"))) == 1
    with open_index(path, embedder=embedder) as index:
        assert index.id == first.id
