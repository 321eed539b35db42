"""MCP, asked by the SDK's own client: over stdio and over HTTP, in the handshake of old clients and the way of new ones."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, TextContent

from tests.conftest import LIMIT_S, ROOT
from tracegen.index import Index

QUERIES = ["std.join", "split a string at a comma", "ünïcödé \U0001f642 and \u2028", "  std.format  "]


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest, sample_index: Path) -> Any:
    """Return what a client connects to."""
    if request.param == "http":
        return request.getfixturevalue("address") + "/mcp"
    arguments = ["-m", "tracegen", "serve", "--index", str(sample_index), "-q"]
    return StdioServerParameters(command=sys.executable, args=arguments, cwd=ROOT, env=dict(os.environ))


def text(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, TextContent)
    return content.text


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_sees_and_gets_what_was_trained_on(server: Any, mode: str, index: Index) -> None:
    async with Client(server, mode=mode) as client:
        (tool,) = (await client.list_tools()).tools
        function = {"name": tool.name, "description": tool.description, "parameters": tool.input_schema}
        assert {"type": "function", "function": function} == index.tool.definition
        for query in QUERIES:
            result = await client.call_tool(tool.name, {"query": query})
            assert (text(result), result.is_error) == (index.call(query).text, False)


async def test_malformed_calls_are_answered_in_the_words_of_the_training(server: Any) -> None:
    async with Client(server) as client:
        for name, arguments, problem in [
            ("other", {"query": "a"}, "there is no function 'other'. Call search_docs."),
            ("search_docs", {}, 'the arguments have no text `query`. Call search_docs with {"query": "..."}.'),
            ("search_docs", {"query": " "}, 'the query is empty. Call search_docs with {"query": "..."}.'),
            ("search_docs", {"query": "x" * 3000}, "the query has 3000 characters. Ask for one thing, in at most 2000."),
        ]:
            result = await client.call_tool(name, arguments)
            assert (text(result), result.is_error) == (f"Error: {problem}", True)


async def test_two_clients_at_once(address: str, index: Index) -> None:
    async def ask(queries: list[str]) -> list[str]:
        async with Client(f"{address}/mcp") as client:
            results = await asyncio.gather(*(client.call_tool("search_docs", {"query": query}) for query in queries))
        return [text(result) for result in results]

    forwards, backwards = await asyncio.gather(ask(QUERIES * 3), ask(QUERIES[::-1] * 3))
    expected = [index.call(query).text for query in QUERIES]
    assert forwards == expected * 3
    assert backwards == expected[::-1] * 3


def start(index: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tracegen", "serve", "--index", str(index)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


INITIALIZE = (
    '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, '
    '"clientInfo": {"name": "test", "version": "1"}}}\n'
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stdio_stops_at_once_when_told_to(sample_index: Path, number: signal.Signals) -> None:
    with start(sample_index) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(INITIALIZE)
        process.stdin.flush()
        assert '"name":"tracegen"' in process.stdout.readline()
        process.send_signal(number)
        assert process.wait(LIMIT_S) == 0  # standard input is still open
        assert process.stdout.read() == ""
        assert "Traceback" not in process.stderr.read()


def test_stdio_ends_with_its_input_and_writes_nothing_but_the_protocol(sample_index: Path) -> None:
    with start(sample_index) as process:
        out, notes = process.communicate(INITIALIZE + "this is no JSON\n", timeout=LIMIT_S)
    assert process.returncode == 0
    assert all(line.startswith('{"jsonrpc":"2.0"') for line in out.splitlines())
    assert out
    assert notes.startswith("Serving search_docs of ")


def test_where_there_is_no_index_it_says_so(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tracegen", "serve", "--index", str(tmp_path / "none")]
    result = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: There is no index in ")
