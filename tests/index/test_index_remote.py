"""A Chroma server in a process of its own: what is sent, what comes back, and what can be wrong."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import chromadb
import numpy as np
import pytest

from tests.conftest import Ended
from tests.index.conftest import FakeEmbedder
from tracegen.errors import BusyError, SettingsError, StoreError
from tracegen.index import build_index, open_index, store
from tracegen.index import remote as remote_module
from tracegen.index.copies import local_copy
from tracegen.index.remote import LENGTHS, MANIFEST, WRITING, collection_name, publish
from tracegen.index.status import read_remote_status, read_status


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start `chroma run` and return its address."""
    port, folder = _free_port(), tmp_path_factory.mktemp("chroma")
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--host", "127.0.0.1", "--port", str(port), "--path", "."]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        while not _answers(port):
            assert process.poll() is None, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def client(server: str) -> Any:
    """Return Chroma's own client of a server without collections."""
    client = chromadb.HttpClient("127.0.0.1", int(server.rsplit(":", 1)[1]))
    for collection in client.list_collections():
        client.delete_collection(collection.name)
    return client


def _collection(client: Any, name: str = "docs") -> Any:
    return client.get_collection(name, embedding_function=None)


def _everything(collection: Any) -> dict[str, tuple[Any, ...]]:
    got = collection.get(include=["documents", "metadatas", "embeddings"])
    rows = zip(got["documents"], got["metadatas"], np.round(got["embeddings"], 5).tolist(), strict=True)
    return dict(zip(got["ids"], rows, strict=True))


def test_the_server_has_what_the_folder_has(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, server: str, client: Any
) -> None:
    summary = build_index([docs], tmp_path / "index", embedder=embedder)
    done = publish(tmp_path / "index", server, "docs")
    assert (done.written, done.deleted, done.unchanged) == (summary.chunks, 0, 0)
    local = chromadb.PersistentClient(store.current_generation(tmp_path / "index") / "chroma")
    try:
        assert _everything(_collection(client)) == _everything(_collection(local, "chunks"))
    finally:
        local.close()  # type: ignore[attr-defined]
    assert _collection(client)._model.configuration_json["hnsw"]["space"] == "cosine"


def test_only_what_changed_is_sent_and_what_is_gone_is_deleted(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, server: str, client: Any
) -> None:
    first = build_index([docs], tmp_path / "index", embedder=embedder)
    publish(tmp_path / "index", server, "docs")
    again = publish(tmp_path / "index", server, "docs")
    assert (again.written, again.deleted, again.unchanged) == (0, 0, first.chunks)
    (docs / "imports.txt").unlink()
    (docs / "more.md").write_text("# More\n\nA page that came later.\n")
    second = build_index([docs], tmp_path / "index", embedder=embedder)
    done = publish(tmp_path / "index", server, "docs")
    assert (done.written, done.deleted) == (1, 1)
    fresh = publish(tmp_path / "index", server, "other")
    assert fresh.written == second.chunks
    assert _everything(_collection(client)) == _everything(_collection(client, "other"))


def test_a_copy_elsewhere_gives_the_same_returns(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, server: str, client: Any
) -> None:
    # A heading that looks like a path, parts of one section, and many of them.
    words = " ".join(f"word{n}" for n in range(900))
    (docs / "long.md").write_text(f"# A > B\n\n{words}\n\n## C > D\n\n{words}\n")
    path, queries = tmp_path / "index", ["arrays", "word7", "relative path", "A > B", "escape character"]
    build_index([docs], path, embedder=embedder)
    publish(path, server, "docs")
    for change in ("", "# Arrays\n\nOther text.\n"):
        if change:
            (docs / "arrays.md").write_text(change)
            build_index([docs], path, embedder=embedder)
            publish(path, server, "docs")
        copy = local_copy(server, folder=tmp_path / "copy")
        with open_index(path, embedder=embedder) as here, open_index(copy, embedder=embedder) as there:
            assert there.id == here.id
            for query in queries:
                assert there.call(query) == here.call(query)
                assert [hit.chunk for hit in there.search(query, k=50)] == [hit.chunk for hit in here.search(query, k=50)]


def test_a_copy_is_fetched_once(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, server: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    publish(tmp_path / "index", server, "docs")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = local_copy(server, "docs")
    assert path.is_relative_to(tmp_path / "cache")
    monkeypatch.setattr("tracegen.index.copies.download", lambda *_: pytest.fail("it is here already"))
    assert local_copy(server, "docs") == path


@pytest.mark.parametrize("when", ["sending", "finishing"])
def test_an_upload_that_was_cut_off_is_noticed_and_mended(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, server: str, client: Any, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    def cut_off(*arguments: object) -> None:
        raise KeyboardInterrupt

    build_index([docs], tmp_path / "index", embedder=embedder)
    with monkeypatch.context() as patched:
        patched.setattr(remote_module, "_finish" if when == "finishing" else "_send", cut_off)
        with pytest.raises(KeyboardInterrupt):
            publish(tmp_path / "index", server, "docs")
    with pytest.raises(StoreError, match=r"The collection docs on .* is not whole"):
        local_copy(server, "docs", tmp_path / "copy")
    done = publish(tmp_path / "index", server, "docs")
    assert done.written + done.unchanged == _collection(client).count()
    local_copy(server, "docs", tmp_path / "copy")


def test_rows_that_somebody_changed_are_noticed(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, server: str, client: Any
) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    publish(tmp_path / "index", server, "docs")
    collection = _collection(client)
    first = collection.get(limit=1)["ids"]
    collection.delete(ids=first)
    with pytest.raises(StoreError, match="is not whole"):
        local_copy(server, "docs", tmp_path / "copy")
    assert publish(tmp_path / "index", server, "docs").written == 1
    collection.update(ids=first, documents=["something else"], embeddings=[embedder.embed_queries(["something else"])[0]])
    with pytest.raises(StoreError, match="is not what was written there"):
        local_copy(server, "docs", tmp_path / "copy")


def test_two_who_write_at_once_are_told(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, server: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    send = remote_module._send

    def disturbed(*arguments: Any) -> None:
        send(*arguments)
        _collection(client).modify(metadata={WRITING: "another"})

    monkeypatch.setattr(remote_module, "_send", disturbed)
    with pytest.raises(BusyError, match="Another process wrote the collection docs"):
        publish(tmp_path / "index", server, "docs")


def test_the_wrong_collection_is_a_sentence(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, server: str, client: Any
) -> None:
    with pytest.raises(StoreError, match="There are 0 indexes on"):
        local_copy(server, folder=tmp_path / "copy")
    build_index([docs], tmp_path / "index", embedder=embedder)
    for name in ("one", "two"):
        publish(tmp_path / "index", server, name)
    with pytest.raises(StoreError, match=r"There are 2 indexes on .*Those there are: one, two\."):
        local_copy(server, folder=tmp_path / "copy")
    with pytest.raises(StoreError, match=r"no index in the collection three on .*Those there are: one, two\."):
        local_copy(server, "three", tmp_path / "copy")
    with pytest.raises(SettingsError, match="cannot be called"):
        publish(tmp_path / "index", server, "a b")
    client.create_collection("foreign", embedding_function=None).add(ids=["a"], embeddings=[[1.0, 2.0]])
    with pytest.raises(SettingsError, match=r"The collection foreign on .* is not tracegen's"):
        publish(tmp_path / "index", server, "foreign")
    other = FakeEmbedder("tests/other", "0" * 64, dimension=16)
    build_index([docs], tmp_path / "other", embedder=other)
    with pytest.raises(SettingsError, match="was built with the model tests/fake"):
        publish(tmp_path / "other", server, "one")
    kept = json.loads(_collection(client, "one").metadata[MANIFEST]) | {"format": 1}
    _collection(client, "one").modify(metadata=_collection(client, "one").metadata | {MANIFEST: json.dumps(kept)})
    with pytest.raises(StoreError, match="another version of tracegen"):
        local_copy(server, "one", tmp_path / "copy")


def test_where_an_index_cannot_be_sent_it_is_not_built(
    tracegen: Callable[..., Ended], docs: Path, tmp_path: Path, server: str, client: Any
) -> None:
    client.create_collection("foreign", embedding_function=None).add(ids=["a"], embeddings=[[1.0, 2.0]])
    nobody = f"http://127.0.0.1:{_free_port()}"
    for url, name, says in (
        (server, "a b", "A collection cannot be called 'a b': a name has 3 to 512 of"),
        (server, "-docs", "A collection cannot be called '-docs'"),
        (server, "", "A collection cannot be called ''"),
        (server, "foreign", "is not tracegen's"),
        (nobody, "docs", "No Chroma server answers"),
        ("here", "docs", "no address of a Chroma server"),
    ):
        ended = tracegen("index", docs, "--index", tmp_path / "index", "--chroma-url", url, "--collection", name)
        assert ended.code == (1 if url == nobody else 2)
        assert says in ended.err
    assert not (tmp_path / "index").exists()


def test_the_status_of_a_collection_that_lacks_rows_is_a_sentence(
    tracegen: Callable[..., Ended], docs: Path, tmp_path: Path, embedder: FakeEmbedder, server: str, client: Any
) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    publish(tmp_path / "index", server, "docs")
    _collection(client).delete(ids=_collection(client).get(limit=1)["ids"])
    ended = tracegen("index", "--status", "--chroma-url", server)
    assert ended.code == 1
    assert "is not whole" in ended.err


def test_a_collection_of_an_older_version_gets_its_lengths(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, server: str, client: Any
) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    publish(tmp_path / "index", server, "docs")
    _, whole = read_remote_status(server, "docs")
    assert whole.lengths == tuple(sorted(read_status(tmp_path / "index").lengths or ()))
    kept = _collection(client).metadata
    _collection(client).modify(metadata={name: value for name, value in kept.items() if name != LENGTHS})
    assert read_remote_status(server, "docs")[1].lengths is None
    again = publish(tmp_path / "index", server, "docs")
    assert (again.written, again.deleted) == (0, 0)
    assert read_remote_status(server, "docs")[1] == whole


def test_no_server_is_a_sentence(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    url = f"http://127.0.0.1:{_free_port()}"
    with pytest.raises(StoreError, match=re.escape(f"No Chroma server answers at {url}")):
        publish(tmp_path / "index", url, "docs")
    for wrong in ("localhost:8000", "here", f"{url}/some/path", f"{url}?tenant=one"):
        with pytest.raises(SettingsError, match="no address of a Chroma server"):
            local_copy(wrong)


@pytest.mark.parametrize(("folder", "name"), [("docs", "docs"), ("My docs (v2)", "My-docs-v2"), ("a", "docs-a"), ("…", "docs")])
def test_a_folder_names_its_collection(tmp_path: Path, folder: str, name: str) -> None:
    assert collection_name(tmp_path / folder) == name
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9._-]+[a-zA-Z0-9]", name)


def test_the_commands_take_the_server(
    tracegen: Callable[..., Ended], tmp_path: Path, server: str, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    docs = tmp_path / "zorp"
    docs.mkdir()
    (docs / "page.md").write_text("# Loops\n\nA loop is written `loop i from 1 to 3 { }` in Zorp.\n")
    ended = tracegen("index", docs, "--index", tmp_path / "index", "--chroma-url", server)
    assert ended.code == 0
    assert f"Collection zorp on {server}: 1 chunk sent, 0 deleted, 0 unchanged" in ended.err
    here = tracegen("search", "loop", "--index", tmp_path / "index")
    there = tracegen("search", "loop", "--chroma-url", server, "--collection", "zorp")
    assert there.out == here.out != ""
    for words in ([], ["--collection", "zorp"]):
        status = tracegen("index", "--status", "--chroma-url", server, "--index", tmp_path / "none", *words)
        assert status.code == 0, status.err
        assert status.out.startswith(f"Collection zorp on {server}: ")
        assert "tokens per chunk" in status.out
    local = json.loads(tracegen("index", "--status", "--json", "--index", tmp_path / "index").out)
    on_server = json.loads(tracegen("index", "--status", "--json", "--chroma-url", server).out)
    # What it takes is not known there.
    assert on_server == local | {"bytes": None}
    assert local["tokens_histogram"]
    data = tmp_path / "rows.jsonl"
    messages = [
        {"role": "user", "content": "Write a loop in Zorp."},
        {"role": "assistant", "content": "loop i from 1 to 3 { }"},
    ]
    data.write_text(json.dumps({"messages": messages}) + "\n")
    ended = tracegen("generate", data, "-o", tmp_path / "out.jsonl", "--chroma-url", server)
    assert ended.code == 0, ended.err
    assert "loop i from" in (tmp_path / "out.jsonl").read_text()
    assert tracegen("search", "loop", "--collection", "zorp").code == 2
    assert tracegen("index", docs, "--collection", "zorp").code == 2
