"""Thirty builds of one index killed at random moments: each leaves the old index or the new one, whole."""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import LIMIT_S, ROOT
from tests.index.conftest import FakeEmbedder
from tracegen.index import build_index, open_index, store

KILLS = 30

# One process that has loaded everything forks the builds: starting each anew would take a second. It opens nothing itself,
# so that no thread is lost in the fork. A build is killed after a random share of the time
# that the last whole one has taken.
KILLING = """
import json, os, random, signal, sys, time
from pathlib import Path
import bm25s, chromadb, chromadb.api.rust
from tests.index.conftest import FakeEmbedder
from tracegen.index import build_index, chroma, open_index, store

# Chroma flushes its files all the time, not every 250 rows: many of the kills hit a flush.
chroma.BATCH_SIZE = 2
chroma.SPACE["hnsw"] |= {"batch_size": 2, "sync_threshold": 2}
docs, path, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
chance = random.Random(20261120)

def forked(work, kill_after=None):
    began = time.monotonic()
    child = os.fork()
    if not child:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, time.monotonic() - began

def build():
    build_index([docs], path, embedder=FakeEmbedder())

def check():
    embedder = FakeEmbedder()
    with open_index(path, embedder=embedder) as index:
        found = {hit.chunk.id for hit in index.search("page", k=1000)}
        assert len(found) == len(index)
        revision = index.search("revision", k=1)[0].chunk.text
    client = chromadb.PersistentClient(store.current_generation(path) / "chroma")
    collection = client.get_collection("chunks", embedding_function=None)
    everything = collection.get(include=["embeddings", "documents"])
    assert set(everything["ids"]) == found and len(everything["embeddings"]) == len(found)
    assert collection.query(query_embeddings=[embedder.embed_queries(["page"])[0]], n_results=3)["ids"][0]
    assert {text for text in everything["documents"] if "revision" in text} == {revision}
    print(json.dumps({"revision": revision.split()[-1]}), flush=True)

def write(number):
    (docs / "arrays.md").write_text(f"# Page\\n\\nThis is revision {number}\\n")
    (docs / f"new-{number}.md").write_text(f"# New {number}\\n\\nA page of the number {number}.\\n")
    (docs / f"new-{number - 3}.md").unlink(missing_ok=True)

code, usual = forked(build)
assert code == 0
number = killed = 0
while killed < kills and number < 10 * kills:
    number += 1
    write(number)
    code, took = forked(build, chance.random() * usual)
    assert code in (0, -signal.SIGKILL), code
    print(json.dumps({"number": number, "killed": code != 0}), flush=True)
    assert forked(check)[0] == 0
    killed += code != 0
    if code == 0:
        usual = took
    elif killed % 8 == 0:
        code, usual = forked(build)
        assert code == 0
"""


def test_builds_killed_at_random_moments(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    path = tmp_path / "index"
    (docs / "arrays.md").write_text("# Page\n\nThis is revision 0\n")
    command = [sys.executable, "-c", KILLING, str(docs), str(path), str(KILLS)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert run.returncode == 0, run.stderr
    lines = [json.loads(line) for line in run.stdout.splitlines()]
    builds, states = lines[::2], lines[1::2]
    # Never one from before the last whole build, and never one that was not written yet.
    last = 0
    for build, state in zip(builds, states, strict=True):
        last = max(last, int(state["revision"]))
        assert int(state["revision"]) == last <= build["number"]
    assert sum(build["killed"] for build in builds) == KILLS

    summary = build_index([docs], path, embedder=embedder)
    fresh = build_index([docs], tmp_path / "fresh", embedder=FakeEmbedder())
    assert summary.id == fresh.id
    with open_index(path, embedder=embedder) as index:
        assert index.search("revision", k=1)[0].chunk.text.endswith(f"revision {builds[-1]['number']}")
    left = {entry.name for entry in path.iterdir()}
    assert left == {store.CURRENT, store.LOCK, store.current_generation(path).name}
