"""Nothing is told to anybody: indexing and searching open no connection."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import LIMIT_S, ROOT

# Every look-up of a name and every connection of the process is written down, through Python's own audit events.
WATCHED = """
import sys
from pathlib import Path

seen = []
watched = ("socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda event, args: seen.append((event, args[1:])) if event in watched else None)

from tracegen.index import build_index, load_embedder, open_index
docs, path = map(Path, sys.argv[1:])
build_index([docs], path)
with open_index(path) as index:
    index.search("arrays")

import chromadb
from chromadb.config import Settings
from huggingface_hub import constants
from tracegen.index import chroma
client = chromadb.PersistentClient(path / "other", chroma.settings())
client.create_collection("other", embedding_function=None).add(ids=["a"], embeddings=[[1.0, 2.0]])
print(seen, constants.HF_HUB_DISABLE_TELEMETRY, chroma.settings().anonymized_telemetry, Settings().anonymized_telemetry)
"""


def test_indexing_and_searching_open_no_connection(docs: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WATCHED, str(docs), str(tmp_path / "index")]
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout == "[] True False False\n"
