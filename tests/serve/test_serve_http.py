"""Plain HTTP: the definition, calls well-formed and not, and how the process starts and stops."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bench.endpoint import Endpoint
from tests.conftest import LIMIT_S, ROOT
from tests.serve.conftest import serving
from tracegen.errors import SettingsError, StoreError
from tracegen.index import Index
from tracegen.index.tool import DEFAULT_TOOL
from tracegen.records import Message, RawCall, Response, Row, ToolReturn
from tracegen.searcher import Searcher
from tracegen.serve.answer import SearchFunction, Served
from tracegen.serve.http import MAX_BODY_BYTES, http_app, is_loopback, listen
from tracegen.teacher.loop import Ask, Loop

PAGE = (ROOT / "docs/serve.md").read_text(encoding="utf-8")


def get(url: str, headers: dict[str, str] | None = None) -> httpx2.Response:
    return httpx2.get(url, headers=headers, timeout=LIMIT_S)


def call(address: str, body: Any) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx2.post(f"{address}/call", content=content, timeout=LIMIT_S)


def test_the_definition_is_that_of_examples(address: str) -> None:
    assert get(f"{address}/tools").json() == [DEFAULT_TOOL.definition]


def test_health_says_what_is_served(address: str, index: Index) -> None:
    health = get(f"{address}/health").json()
    assert (health["status"], health["tool"], health["index"]) == ("ok", "search_docs", index.id)


@pytest.mark.parametrize("query", ["std.join", "a string, split at ümlauts \U0001f642"])
def test_a_call_gives_the_text_of_the_index(address: str, index: Index, query: str) -> None:
    expected = {"content": index.call(query).text}
    arguments = {"query": query}
    for given in (arguments, json.dumps(arguments), json.dumps(json.dumps(arguments))):
        response = call(address, {"name": "search_docs", "arguments": given})
        assert (response.status_code, response.json()) == (200, expected)


def loop_answer(name: str, arguments: str) -> str:
    """Return what the teacher loop answers to a malformed call."""
    row = Row(id="1", line=1, messages=(Message(role="user", content="p"), Message(role="assistant", content="o")))
    loop = Loop(row, DEFAULT_TOOL, max_hops=8, prompt=None)
    loop.take_response(Response(calls=(RawCall(name=name, arguments=arguments),)))
    step = loop.step()
    assert isinstance(step, Ask)
    return str(step.messages[-1]["content"])


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("search", '{"query": "a"}'),
        ("\ud800\x1b", '{"query": "a"}'),
        ("search_docs", "not JSON"),
        ("search_docs", ""),
        ("search_docs", "[" * 100_000),
        ("search_docs", "null"),
        ("search_docs", '["query"]'),
        ("search_docs", '{"query": 5}'),
        ("search_docs", '{"query": " \\n"}'),
        ("search_docs", json.dumps({"query": "x" * 5000})),
    ],
)
def test_a_malformed_call_is_answered_as_in_training(address: str, name: str, arguments: str) -> None:
    response = call(address, {"name": name, "arguments": arguments})
    assert (response.status_code, response.json()) == (200, {"content": loop_answer(name, arguments)})
    assert response.json()["content"].startswith("Error: ")


def test_a_call_without_arguments_is_answered_as_in_training(address: str) -> None:
    expected = {"content": loop_answer("search_docs", "null")}
    assert call(address, {"name": "search_docs"}).json() == expected
    assert call(address, {"name": "search_docs", "arguments": [1, float("nan")]}).json() == expected


@pytest.mark.parametrize("body", [b"", b"nope", b"\xff", b"[" * 100_000, b"[]", b'"a"', b"{}", b'{"name": 5}'])
def test_a_request_that_is_no_call_is_refused_with_a_sentence(address: str, body: bytes) -> None:
    response = call(address, body)
    assert response.status_code == 400
    assert response.json()["error"].startswith("Cannot read the request: the body ")


def test_other_requests_have_other_answers(address: str) -> None:
    assert get(f"{address}/call").status_code == 405
    assert get(f"{address}/").status_code == 404
    assert call(address, b" " * (MAX_BODY_BYTES + 1)).status_code == 413
    assert get(f"{address}/tools", headers={"Host": "rebound.example"}).status_code == 400
    assert get(f"{address}/health", headers={"Host": "localhost:1"}).status_code == 200


# --- the app -------------------------------------------------------------------------------------------------------------


def client(search: SearchFunction) -> httpx2.AsyncClient:
    app = http_app(Served(DEFAULT_TOOL, search, "0" * 16, "1"), "127.0.0.1")
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, timeout=LIMIT_S, base_url="http://127.0.0.1")


async def test_a_slow_search_does_not_hold_up_other_requests() -> None:
    release = threading.Event()

    class SlowIndex:
        searches_at_once, queries_together = 2, 8

        def call_all(self, queries: Sequence[str]) -> list[ToolReturn]:
            assert release.wait(LIMIT_S)
            return [ToolReturn(text=f"found {query}") for query in queries]

    with Searcher(SlowIndex()) as search:  # type: ignore[arg-type]
        async with client(search) as http:
            bodies = [{"name": "search_docs", "arguments": {"query": query}} for query in ("a", "b")]
            calls = [asyncio.create_task(http.post("/call", json=body)) for body in bodies]
            assert (await http.get("/health")).status_code == 200
            assert not any(call.done() for call in calls)
            release.set()
            answers = [(await call).json() for call in calls]
    assert answers == [{"content": "found a"}, {"content": "found b"}]


async def test_a_search_that_fails_is_status_500_with_the_sentence() -> None:
    async def search(query: str) -> ToolReturn:
        raise StoreError("The index is damaged. Build it again.")

    async with client(search) as http:
        response = await http.post("/call", json={"name": "search_docs", "arguments": {"query": "a"}})
    assert (response.status_code, response.json()) == (500, {"error": "The index is damaged. Build it again."})


def test_what_only_this_machine_can_reach() -> None:
    assert all(map(is_loopback, ["127.0.0.1", "127.1.2.3", "::1", "localhost"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.168.1.2", "example.com", ""]))


def test_a_port_in_use_is_said() -> None:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} of 127.0.0.1 is in use. Choose another with --port"):
            listen("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_said() -> None:
    with pytest.raises(SettingsError, match=r"Cannot listen on port 1 of 192\.0\.2\.1: "):
        listen("192.0.2.1", 1)


# --- the process ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_told_to(sample_index: Path, number: signal.Signals) -> None:
    with serving(sample_index) as (process, address):
        assert get(f"{address}/health").status_code == 200
        process.send_signal(number)
        out, notes = process.communicate(timeout=LIMIT_S)
    assert (process.returncode, out, notes) == (0, "", "Stopped.\n")


def test_it_warns_where_others_can_reach_it(sample_index: Path) -> None:
    command = [sys.executable, "-m", "tracegen", "serve", "--index", str(sample_index), "--transport", "http"]
    with subprocess.Popen(
        [*command, "--host", "0.0.0.0", "--port", "0"], cwd=ROOT, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            assert process.stderr.readline().startswith("Warning: whoever can reach 0.0.0.0 ")
            port = re.findall(r":(\d+)/mcp", process.stderr.readline())[0]
            headers = {"Host": "some-name.example"}  # behind a proxy it may have any name
            assert get(f"http://127.0.0.1:{port}/health", headers=headers).status_code == 200
        finally:
            process.kill()


def test_a_port_in_use_ends_the_process_with_a_sentence(sample_index: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        words = ["--index", str(sample_index), "--transport", "http", "--port", str(taken.getsockname()[1])]
        command = [sys.executable, "-m", "tracegen", "serve", *words]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (2, "")
    assert re.fullmatch(r"Error: Port \d+ of 127\.0\.0\.1 is in use\. .*\n", result.stderr)


# --- the page ------------------------------------------------------------------------------------------------------------


def test_the_loop_of_the_page_runs(address: str, endpoint: Endpoint) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert "http://127.0.0.1:8765" in code
    result = subprocess.run(
        [sys.executable, "-c", code.replace("http://127.0.0.1:8765", address)],
        env={**os.environ, "OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "none"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.strip()
    assert endpoint.counts().answered == 4  # three calls, and the answer


def test_the_mcp_settings_of_the_page_are_a_command_of_ours(sample_index: Path) -> None:
    (block,) = re.findall(r"^```json\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    (server,) = json.loads(block)["mcpServers"].values()
    assert server["command"] == "tracegen"
    words = [str(sample_index) if word == "docs.index" else word for word in server["args"]]
    command = [sys.executable, "-m", "tracegen", *words]
    result = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, "")
