"""Embeddings from an OpenAI-compatible endpoint, through the real SDK, with the wire replaced."""

import asyncio
import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import httpx2
import numpy as np
import openai
import pytest

from tracegen.errors import EmbedderError, SettingsError, StoreError
from tracegen.index import Embedder, build_index, endpoint, load_embedder, open_index, store
from tracegen.index.endpoint import EndpointEmbedder, agree, fingerprint, read_embeddings

KEY = "sk-secret-of-the-tests"
MODEL = "openai:text-embedding-3-small"


class Server:
    """An embeddings endpoint that notes its requests; `answer` replaces what it says, `noise` and `salt` its vectors."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.keys: set[str] = set()
        self.answer: Callable[[], httpx2.Response] | None = None
        self.noise, self.salt, self.dimension = 0.0, "", 48

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        self.requests.append(body)
        self.keys.add(request.headers["authorization"])
        if self.answer:
            return self.answer()
        # Backwards: the index says which is which.
        data = [{"index": n, "embedding": self._vector(text)} for n, text in enumerate(body["input"])][::-1]
        return httpx2.Response(200, json={"object": "list", "model": body["model"], "data": data})

    def _vector(self, text: str) -> list[float]:
        vector = np.zeros(self.dimension)
        for word in text.lower().split():
            seed = int.from_bytes(hashlib.sha256((self.salt + word).encode()).digest()[:8])
            vector += np.random.default_rng(seed).normal(size=self.dimension)
        noise = np.random.default_rng(len(self.requests)).normal(size=self.dimension)
        return [float(value) for value in vector + self.noise * noise]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server, client = Server(), openai.AsyncOpenAI
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setattr(endpoint, "MAX_RETRIES", 1)

    def connected(**options: Any) -> openai.AsyncOpenAI:
        return client(**options | {"http_client": httpx2.AsyncClient(transport=httpx2.MockTransport(server))})

    monkeypatch.setattr(openai, "AsyncOpenAI", connected)
    return server


def test_an_index_is_built_and_searched(server: Server, docs: Path, tmp_path: Path) -> None:
    summary = build_index([docs], tmp_path / "index", model=MODEL)
    assert summary.embedded == summary.chunks
    with open_index(tmp_path / "index") as index:
        assert index.manifest.model == MODEL
        assert index.manifest.dimension == 48
        assert index.search("std.foldl")[0].chunk.path == "arrays.md"
    assert {request["model"] for request in server.requests} == {"text-embedding-3-small"}
    assert server.keys == {f"Bearer {KEY}"}
    manifest = (store.current_generation(tmp_path / "index") / store.MANIFEST).read_text()
    assert KEY not in manifest


def test_nearly_the_same_vectors_are_the_same_model(server: Server, docs: Path, tmp_path: Path) -> None:
    build_index([docs], tmp_path / "index", model=MODEL)
    server.noise = 1e-3
    with open_index(tmp_path / "index") as index:
        assert index.search("arrays")
    (docs / "more.md").write_text("# More\n\nA page that came later.\n")
    assert build_index([docs], tmp_path / "index", model=MODEL).embedded == 1


def test_a_model_that_changed_behind_its_name_is_noticed(server: Server, docs: Path, tmp_path: Path) -> None:
    build_index([docs], tmp_path / "index", model=MODEL)
    server.salt = "another model"
    with pytest.raises(StoreError, match="was built with the model openai:text-embedding-3-small"):
        open_index(tmp_path / "index")
    with pytest.raises(SettingsError, match=r"not with openai:other\. Use --model openai:text-embedding-3-small"):
        build_index([docs], tmp_path / "index", model="openai:other")


def test_vectors_are_of_length_one_in_the_order_of_the_texts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "BATCH_TOKENS", 12)
    monkeypatch.setattr(endpoint, "BATCH_TEXTS", 3)
    embedder = load_embedder(MODEL)
    texts = ["one", "two", "three", "four", "five words in one text", "six " * 30, "", "lone \ud800 surrogate"]
    seen: list[tuple[int, int]] = []
    vectors = embedder.embed_documents(texts, lambda done, total: seen.append((done, total)))
    for text, vector in list(zip(texts, vectors, strict=True))[:6]:
        assert np.allclose(vector, embedder.embed_queries([text])[0])
    assert np.allclose(np.linalg.norm(vectors[:6], axis=1), 1, atol=1e-5)
    assert seen[-1] == (8, 8)
    assert all(len(request["input"]) <= 3 for request in server.requests)
    assert embedder.embed_documents([]).shape[0] == 0
    before = len(server.requests)
    embedder.embed_queries(["one"])
    assert len(server.requests) == before


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda: httpx2.Response(401, json={"error": {"message": f"bad key {KEY}"}}), r"bad key \*\*\*\. Check OPENAI_API_KEY"),
        (lambda: httpx2.Response(404, json={"error": {"message": "no such model"}}), "Check the model's name and the address"),
        (
            lambda: httpx2.Response(429, json={"error": {"message": "slow"}}, headers={"retry-after": "0"}),
            "Wait, or raise the quota",
        ),
        (lambda: httpx2.Response(500, text="oops", headers={"retry-after": "0"}), "status 500: oops"),
        (lambda: httpx2.Response(200, text="<html>"), "no embeddings"),
        (lambda: httpx2.Response(200, json={"data": []}), "0 vectors for 1 texts"),
        (lambda: httpx2.Response(200, json={"data": [{"index": 0}]}), "a vector is missing"),
    ],
)
def test_what_goes_wrong_is_a_sentence_without_the_key(
    server: Server, answer: Callable[[], httpx2.Response], message: str
) -> None:
    server.answer = answer
    with pytest.raises(EmbedderError, match=message) as caught:
        load_embedder(MODEL).embed_queries(["anything"])
    assert KEY not in str(caught.value)


def test_without_key_and_address_nothing_is_sent(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(EmbedderError, match="set OPENAI_API_KEY, or give --embeddings-url"):
        load_embedder(MODEL)
    assert load_embedder(MODEL, embeddings_url="http://localhost:1/v1").embed_queries(["word"])[0].shape == (48,)
    for url in ("localhost:8000", "http://me:secret@localhost/v1"):
        with pytest.raises(EmbedderError, match="address for embeddings is none") as caught:
            load_embedder(MODEL, embeddings_url=url)
        assert "secret" not in str(caught.value)


def test_an_endpoint_that_fails_once_is_asked_again(server: Server) -> None:
    def once() -> httpx2.Response:
        server.answer = None
        return httpx2.Response(503, headers={"retry-after": "0"})

    server.answer = once
    assert load_embedder(MODEL).embed_queries(["word"])[0].shape == (48,)


def test_queries_go_together_in_one_request(server: Server) -> None:
    embedder = EndpointEmbedder(MODEL)
    queries = [f"query {number}" for number in range(embedder.queries_together)]
    embedder.embed_queries(queries[:1])
    vectors = embedder.embed_queries(queries)
    assert [len(request["input"]) for request in server.requests] == [1, len(queries) - 1]
    for query, vector in zip(queries[::50], vectors[::50], strict=True):
        assert np.array_equal(vector, load_embedder(MODEL).embed_queries([query])[0])
        assert not vector.flags.writeable


def test_requests_that_hang_can_be_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    began = Event()

    async def hang(request: httpx2.Request) -> httpx2.Response:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    embedder = EndpointEmbedder(
        MODEL, url="http://server/v1", http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(hang))
    )
    with ThreadPoolExecutor() as pool:
        queries = [pool.submit(embedder.embed_queries, [f"query {number}"]) for number in range(3)]
        assert began.wait(30)
        embedder.give_up()
        for query in queries:
            with pytest.raises(EmbedderError, match="were given up"):
                query.result()
    for ask in (embedder.embed_queries, embedder.embed_documents):
        with pytest.raises(EmbedderError, match="were given up"):
            ask(["later"])


def test_a_query_that_is_too_long_is_cut_off(server: Server) -> None:
    embedder = load_embedder(MODEL)
    embedder.embed_queries(["word " * 50_000])
    assert server.requests[-1]["input"] == ["word " * embedder.max_tokens]
    embedder.embed_queries(["short enough"])
    assert server.requests[-1]["input"] == ["short enough"]


def test_fingerprints_agree_about_one_model_only() -> None:
    random = np.random.default_rng(0)
    vector = random.normal(size=1536)
    vector /= np.linalg.norm(vector)
    mine = fingerprint("small", vector.astype(np.float32))
    assert len(mine) == 64
    assert agree(mine, fingerprint("small", (vector + random.normal(size=1536) * 1e-4).astype(np.float32)))
    assert not agree(mine, fingerprint("large", vector.astype(np.float32)))
    assert not agree(mine, fingerprint("small", -vector.astype(np.float32)))
    assert not agree(mine, "")


def test_an_endpoint_may_leave_the_index_out() -> None:
    assert read_embeddings({"data": [{"embedding": [0, 2]}, {"embedding": [3, 0]}]}, 2).tolist() == [[0, 1], [1, 0]]
    with pytest.raises(ValueError, match=r"different lengths|inhomogeneous"):
        read_embeddings({"data": [{"embedding": [0, 2]}, {"embedding": [3]}]}, 2)


def test_it_is_an_embedder(server: Server) -> None:
    embedder: Embedder = EndpointEmbedder(MODEL)
    assert embedder.max_tokens == 8191
    assert embedder.count_tokens("std.foldl 的 word") == 5
