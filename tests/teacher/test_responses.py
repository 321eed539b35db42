"""The Responses API: what is sent and read, through the SDK with a fake wire, and the whole job against the endpoint."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from bench.endpoint import Endpoint
from tracegen.pipeline import generate
from tracegen.records import RawCall, Response, Usage
from tracegen.teacher.asking import Asking
from tracegen.teacher.chat import ChatTeacher
from tracegen.teacher.responses import read_body

TOOLS = [{"type": "function", "function": {"name": "search_docs", "description": "d", "parameters": {"type": "object"}}}]
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "Search."},
    {"role": "user", "content": "Print 1 to 3"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "search_docs", "arguments": '{"query": "a"}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "call_1", "content": "Found."},
]
ANSWER: dict[str, Any] = {
    "id": "resp_1",
    "model": "m-1-2026",
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "output": [
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Let me see.", "annotations": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "x", "name": "search_docs", "arguments": '{"query": "b"}'},
    ],
    "usage": {"input_tokens": 12, "output_tokens": 5, "total_tokens": 17},
}


async def test_a_conversation_becomes_items_and_output_a_response() -> None:
    requests: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        requests.append(request)
        return httpx2.Response(200, json=ANSWER)

    client = openai.DefaultAsyncHttpxClient(transport=httpx2.MockTransport(handle))
    asking = Asking(api="responses", max_tokens=100, extra_body={"reasoning_effort": "low"})
    teacher = ChatTeacher("m-1", base_url="http://fake.test/v1", api_key="k", asking=asking, http_client=client)
    response = await teacher.reply(MESSAGES, TOOLS, "auto")
    await teacher.close()
    assert str(requests[0].url) == "http://fake.test/v1/responses"
    assert json.loads(requests[0].content) == {
        "model": "m-1",
        "store": False,
        "tool_choice": "auto",
        "max_output_tokens": 100,
        "reasoning": {"effort": "low"},
        "input": [
            {"type": "message", "role": "system", "content": "Search."},
            {"type": "message", "role": "user", "content": "Print 1 to 3"},
            {"type": "function_call", "call_id": "call_1", "name": "search_docs", "arguments": '{"query": "a"}'},
            {"type": "function_call_output", "call_id": "call_1", "output": "Found."},
        ],
        "tools": [
            {"type": "function", "strict": False, "name": "search_docs", "description": "d", "parameters": {"type": "object"}}
        ],
    }
    assert response == Response(
        content="Let me see.",
        calls=(RawCall(name="search_docs", arguments='{"query": "b"}'),),
        finish_reason="tool_calls",
        reasoning="hm",
        model="m-1-2026",
        usage=Usage(requests=1, prompt_tokens=12, completion_tokens=5),
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"output": []}, Response(finish_reason="stop")),
        (
            {"output": [], "incomplete_details": {"reason": "max_output_tokens"}, "status": "incomplete"},
            Response(finish_reason="length"),
        ),
        (
            {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "No."}]}]},
            Response(finish_reason="stop", refusal="No."),
        ),
        (
            {"output": [{"type": "function_call", "arguments": {"query": "a"}}, None, {"type": "other"}]},
            Response(finish_reason="tool_calls", calls=(RawCall(name="", arguments='{"query": "a"}'),)),
        ),
    ],
)
def test_endings_are_read(change: dict[str, Any], expected: Response) -> None:
    assert read_body(json.dumps({**change, "usage": None}).encode()) == expected


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "no output"),
        (b'{"output": null}', "no output"),
        (b'{"status": "cancelled", "error": null, "output": []}', "no output"),
        (b'{"status": "queued", "error": null, "output": []}', "no output"),
        (b'{"status": "failed", "error": {"code": "server_error", "message": "Sorry."}, "output": []}', "Sorry"),
    ],
)
def test_what_is_no_response_is_said(body: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        read_body(body)


async def test_the_endpoint_answers_in_the_sdks_own_shape(endpoint: Endpoint) -> None:
    async with openai.AsyncOpenAI(base_url=endpoint.base_url, api_key="none") as client:
        flat: Any = [{"type": "function", "strict": False, "name": "f", "parameters": {"type": "object"}}]
        called = await client.responses.create(model="m", input=[{"role": "user", "content": "hello"}], tools=flat)
        told = await client.responses.create(model="m", input=[{"role": "user", "content": "hello"}])
    (call,) = called.output
    assert call.type == "function_call"
    assert json.loads(call.arguments)["query"]
    assert told.output_text.startswith("From 0 searches")


def test_both_apis_come_to_the_same_examples(dataset: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint) -> None:
    options: dict[str, Any] = {"teacher": "scripted", "base_url": endpoint.base_url, "index": sample_index, "limit": 3}
    one = generate(dataset, tmp_path / "chat.jsonl", **options)
    other = generate(dataset, tmp_path / "responses.jsonl", **options, asking=Asking(api="responses"))
    assert other.output.read_bytes() == one.output.read_bytes()
    assert other.usage.requests == one.usage.requests


@pytest.mark.parametrize(("fault", "ending"), [("refusal", "refused"), ("length", "length"), ("content_filter", "refused")])
def test_endings_are_those_of_chat_completions(
    tracegen: Callable[..., Any],
    dataset: Path,
    tmp_path: Path,
    sample_index: Path,
    endpoint: Endpoint,
    fault: str,
    ending: str,
) -> None:
    endpoint.fault(fault)
    words = ["generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "--limit", 1, "--api", "responses"]
    ended = tracegen(*words, "--teacher", "scripted", "--base-url", endpoint.base_url)
    assert ended.code == 3
    assert re.search(rf"rejected because of {ending}: 1\n    such as line 1: The teacher\S* ", ended.err)
