"""The fake endpoint does what its description says, seen through the real SDK."""

import asyncio
import importlib
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import aiohttp
import openai
import pytest
from openai import AsyncOpenAI

if TYPE_CHECKING:
    from bench.endpoint import Endpoint

Json = dict[str, Any]
KEY, MODEL = "sk-right", "scripted"
TOOL: Json = {
    "type": "function",
    "function": {
        "name": "search_docs",
        "description": "Search the documentation.",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
}
USER: Json = {"role": "user", "content": "How do I reverse a list?"}


@pytest.fixture(scope="module")
def bench_endpoint() -> ModuleType:
    """Import the module; benchmarks are no part of the installed package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2]))
        return importlib.import_module("bench.endpoint")


@pytest.fixture(scope="module")
def process(bench_endpoint: ModuleType) -> Iterator["Endpoint"]:
    """One endpoint process for all tests of this file."""
    with bench_endpoint.start(hops=3, key=KEY, model=MODEL) as running:
        yield running


@pytest.fixture
def endpoint(process: "Endpoint") -> "Endpoint":
    process.reset()
    process.fault(None)
    return process


@pytest.fixture
async def client(endpoint: "Endpoint") -> AsyncIterator[AsyncOpenAI]:
    transport = openai.DefaultAioHttpClient()
    async with AsyncOpenAI(base_url=endpoint.base_url, api_key=KEY, max_retries=0, http_client=transport) as client:
        yield client


async def ask(client: AsyncOpenAI, messages: list[Json], **fields: Any) -> Json:
    """Return the reply to a conversation as the JSON it is; the SDK's own types drop what they do not know."""
    body = {"model": MODEL, "messages": messages, "tools": [TOOL], "tool_choice": "auto"} | fields
    reply = await client.chat.completions.with_raw_response.create(**body)
    value: Json = json.loads(reply.content)
    return value


async def ask_message(client: AsyncOpenAI, messages: list[Json], **fields: Any) -> Json:
    message: Json = (await ask(client, messages, **fields))["choices"][0]["message"]
    return message


def searched(*hops: tuple[str, str]) -> list[Json]:
    """Return a conversation with these calls and returns, given as id and arguments."""
    messages = [USER]
    for call_id, arguments in hops:
        function = {"name": "search_docs", "arguments": arguments}
        calls = [{"id": call_id, "type": "function", "function": function}]
        messages.append({"role": "assistant", "content": "", "tool_calls": calls})
        messages.append({"role": "tool", "tool_call_id": call_id, "content": "nothing found"})
    return messages


async def converse(client: AsyncOpenAI, prompt: str) -> tuple[list[str], str | None]:
    """Return the queries and the answer of a whole conversation, held with the SDK's typed method."""
    messages: list[Any] = [{"role": "user", "content": prompt}]
    queries: list[str] = []
    while True:
        reply = await client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])  # type: ignore[list-item]
        message = reply.choices[0].message
        if not message.tool_calls:
            assert reply.choices[0].finish_reason == "stop"
            return queries, message.content
        assert reply.choices[0].finish_reason == "tool_calls"
        messages.append(message.model_dump(exclude_none=True))
        for call in message.tool_calls:
            assert call.type == "function"
            queries.append(json.loads(call.function.arguments)["query"])
            messages.append({"role": "tool", "tool_call_id": call.id, "content": f"what is known of {queries[-1]}"})


async def test_a_conversation_has_three_hops_and_an_answer(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    queries, answer = await converse(client, "How do I reverse a list?")
    assert len(queries) == len(set(queries)) == 3
    assert all("reverse a list" in query for query in queries)
    assert answer is not None
    assert endpoint.counts().answered == 4


async def test_equal_conversations_are_equal_and_different_rows_differ(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    first = await converse(client, "one")
    assert endpoint.counts().repeated == 0
    assert await converse(client, "one") == first
    assert endpoint.counts().repeated == 4
    assert await converse(client, "two") != first


async def test_parallel_conversations_are_counted(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    await asyncio.gather(*(converse(client, f"row {number}") for number in range(20)))
    counts = endpoint.counts()
    assert (counts.requests, counts.answered, counts.repeated) == (80, 80, 0)
    assert 1 <= counts.in_flight_max <= 20
    assert 0 < counts.in_flight_mean <= counts.in_flight_max
    endpoint.reset()
    assert endpoint.counts().requests == 0


async def test_it_embeds_texts_by_their_words(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    texts = ["reverse a list", "a list to reverse", "weather"]
    reply = await client.embeddings.create(model="any", input=texts, encoding_format="float")
    one, near, far = (item.embedding for item in reply.data)

    def product(this: list[float], that: list[float]) -> float:
        return sum(a * b for a, b in zip(this, that, strict=True))

    assert product(one, near) > 2 * abs(product(one, far))
    assert (endpoint.counts().embeddings, endpoint.counts().requests) == (1, 0)


async def test_embeddings_can_be_kept_waiting_for_ever(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    endpoint.stall_embeddings(after=1)
    await client.embeddings.create(model="any", input="answered", encoding_format="float")
    with pytest.raises(openai.APITimeoutError):
        await client.embeddings.create(model="any", input="never", encoding_format="float", timeout=0.2)
    assert len(await ask(client, [USER])) > 0  # conversations go on
    endpoint.stall_embeddings(None)
    await client.embeddings.create(model="any", input="answered again", encoding_format="float")


async def test_the_replies_look_real(client: AsyncOpenAI) -> None:
    reply = await client.chat.completions.create(model=MODEL, messages=[USER], tools=[TOOL])  # type: ignore[list-item]
    assert reply.id.startswith("chatcmpl-")
    assert reply.object == "chat.completion"
    assert reply.model == MODEL
    assert reply.usage is not None
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0
    assert [model.id async for model in client.models.list()] == [MODEL]


async def test_tools_are_called_only_where_they_may_be(client: AsyncOpenAI) -> None:
    three = searched(*((f"call_{number}", '{"query": "x"}') for number in range(3)))
    assert "tool_calls" in await ask_message(client, [USER])
    assert "tool_calls" in await ask_message(client, three, tool_choice="required")
    assert "tool_calls" not in await ask_message(client, three)
    assert "tool_calls" not in await ask_message(client, [USER], tool_choice="none")
    assert "tool_calls" not in await ask_message(client, [USER], tools=[], tool_choice="auto")
    assert "tool_calls" in await ask_message(client, [*three, {"role": "assistant", "content": "so"}, USER])


async def test_a_wrong_key_and_an_unknown_model_are_refused(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as refused:
        await ask(client.with_options(api_key="sk-wrong"), [USER])
    assert refused.value.code == "invalid_api_key"
    with pytest.raises(openai.NotFoundError) as unknown:
        await ask(client, [USER], model="another")
    assert unknown.value.code == "model_not_found"
    counts = endpoint.counts()
    assert (counts.requests, counts.answered) == (2, 0)


GOOD = '{"query": "reverse"}'
RETURN: Json = {"role": "tool", "tool_call_id": "call_1", "content": "nothing found"}


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ([], "non-empty"),
        ([USER, RETURN], "must be a response"),
        ([*searched(("call_0", GOOD)), RETURN], "must be a response"),
        ([*searched(("call_1", GOOD)), RETURN], "must be a response"),
        (searched(("call_1", GOOD))[:-1], "not been responded to"),
        ([*searched(("call_1", GOOD))[:-1], USER], "must be followed"),
        (searched(("", GOOD)), "'id'"),
        (searched(("call_1", '{"query": ')), "JSON object"),
        (searched(("call_1", '"{}"')), "JSON object"),
    ],
)
async def test_a_history_that_strict_servers_refuse_is_refused(
    client: AsyncOpenAI, messages: list[Json], complaint: str
) -> None:
    with pytest.raises(openai.BadRequestError, match=complaint):
        await ask(client, messages)


async def test_arguments_as_an_object_are_refused_in_a_history(client: AsyncOpenAI) -> None:
    messages = searched(("call_1", GOOD))
    messages[1]["tool_calls"][0]["function"]["arguments"] = {"query": "reverse"}
    with pytest.raises(openai.BadRequestError, match="JSON object"):
        await ask(client, messages)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("no_tools", 400, None),
        ("context_length", 400, "context_length_exceeded"),
        ("rate_limit", 429, "rate_limit_exceeded"),
        ("quota", 429, "insufficient_quota"),
        ("error_500", 500, None),
    ],
)
async def test_refusals(endpoint: "Endpoint", client: AsyncOpenAI, fault: str, status: int, code: str | None) -> None:
    endpoint.fault(fault)
    with pytest.raises(openai.APIStatusError) as refused:
        await ask(client, [USER])
    assert (refused.value.status_code, refused.value.code) == (status, code)
    assert refused.value.response.headers.get("retry-after") == ("1" if fault == "rate_limit" else None)
    assert endpoint.counts().answered == 0


async def test_a_required_search_is_refused_and_others_are_not(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    endpoint.fault("refuse_required")
    with pytest.raises(openai.BadRequestError, match="tool_choice"):
        await ask(client, [USER], tool_choice="required")
    assert "tool_calls" in await ask_message(client, [USER])


async def test_a_fault_passes_after_the_times_given(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    endpoint.fault("error_500", times=2)
    retrying = client.with_options(max_retries=2)
    assert "tool_calls" in await ask_message(retrying, [USER])
    assert endpoint.counts().requests == 3
    assert endpoint.counts().repeated == 0


@pytest.mark.parametrize(
    ("fault", "finish_reason", "fields"),
    [
        ("ignore_tools", "stop", {"refusal": None}),
        ("refusal", "stop", {"content": None, "refusal": "I cannot help with that."}),
        ("content_filter", "content_filter", {"content": ""}),
        ("length", "length", {}),
    ],
)
async def test_endings(endpoint: "Endpoint", client: AsyncOpenAI, fault: str, finish_reason: str, fields: Json) -> None:
    endpoint.fault(fault)
    choice = (await ask(client, [USER], tool_choice="required"))["choices"][0]
    assert choice["finish_reason"] == finish_reason
    assert "tool_calls" not in choice["message"]
    assert choice["message"].items() >= fields.items()


async def test_calls_that_never_end(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    endpoint.fault("never_ends")
    messages = searched(*((f"call_{number}", GOOD) for number in range(20)))
    assert "tool_calls" in await ask_message(client, messages)


async def test_parallel_calls(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    endpoint.fault("parallel")
    calls = (await ask_message(client, [USER]))["tool_calls"]
    assert len({call["id"] for call in calls}) == len({call["function"]["arguments"] for call in calls}) == 3
    queries, _ = await converse(client, "in parallel")
    assert len(queries) == 3


async def call_under(fault: str, endpoint: "Endpoint", client: AsyncOpenAI) -> Json:
    """Return the one call that is made under a fault."""
    endpoint.fault(fault)
    (call,) = (await ask_message(client, [USER]))["tool_calls"]
    assert isinstance(call, dict)
    return call


async def test_arguments_that_are_not_as_expected(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    async def arguments(fault: str) -> Any:
        return (await call_under(fault, endpoint, client))["function"]["arguments"]

    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(await arguments("broken_arguments"))
    assert isinstance(await arguments("object_arguments"), dict)
    assert "query" in json.loads(json.loads(await arguments("double_encoded")))
    assert json.loads(await arguments("empty_query")) == {"query": ""}


async def test_calls_that_are_not_as_expected(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    assert (await call_under("unknown_tool", endpoint, client))["function"]["name"] == "no_such_tool"
    assert "id" not in await call_under("missing_ids", endpoint, client)
    first = await call_under("repeated_ids", endpoint, client)
    second = (await ask_message(client, searched(("call_1", GOOD))))["tool_calls"][0]
    assert first["id"] == second["id"]


async def test_messages_that_are_not_as_expected(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    endpoint.fault("content_with_calls")
    message = await ask_message(client, [USER])
    assert message["content"]
    assert message["tool_calls"]
    endpoint.fault("reasoning")
    assert (await ask_message(client, [USER]))["reasoning_content"]
    endpoint.fault("null_content")
    assert (await ask_message(client, [USER], tool_choice="none"))["content"] is None


async def test_replies_that_are_no_answer(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    endpoint.fault("empty_choices")
    assert (await ask(client, [USER]))["choices"] == []
    endpoint.fault("html")
    with pytest.raises(ValueError, match="Expecting value"):
        await ask(client, [USER])
    endpoint.fault("reset")
    with pytest.raises(openai.APIConnectionError):
        await ask(client, [USER])
    assert endpoint.counts().answered == 0


async def test_after_so_many_requests_it_stalls(endpoint: "Endpoint", client: AsyncOpenAI) -> None:
    endpoint.stall(after=2)
    asked = [asyncio.create_task(ask(client, [USER], seed=number)) for number in range(3)]
    replies = asyncio.as_completed(asked)
    for _ in range(2):
        await next(replies)
    while endpoint.counts().requests < 3:
        await asyncio.sleep(0)
    endpoint.stall(None)
    await ask(client, [USER])
    assert endpoint.counts().answered == 3
    (stalled,) = (task for task in asked if not task.done())
    stalled.cancel()


async def test_a_client_that_goes_away_has_no_answer(bench_endpoint: ModuleType) -> None:
    """A killed client asks again for what it never got: that is not counted as repeated."""
    body = json.dumps({"model": MODEL, "messages": [USER]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with bench_endpoint.start(latency_ms=500) as slow:
        host, port = slow.base_url.removeprefix("http://").removesuffix("/v1").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(head + body)
        await writer.drain()
        writer.transport.abort()
        # The second reply comes after the first one could not be sent.
        async with aiohttp.ClientSession() as session, session.post(f"{slow.base_url}/chat/completions", data=body) as reply:
            assert reply.status == 200
            await reply.read()
        counts = slow.counts()
    assert (counts.requests, counts.answered, counts.repeated) == (2, 1, 0)


def test_an_unknown_fault_is_refused(endpoint: "Endpoint") -> None:
    with pytest.raises(OSError, match="400"):
        endpoint.fault("no_such_fault")


def test_every_fault_has_a_test(bench_endpoint: ModuleType) -> None:
    files = [Path(__file__), *(Path(__file__).parents[1] / name for name in ("test_manners.py", "test_varying.py"))]
    words = set(re.findall(r"\w+", " ".join(file.read_text(encoding="utf-8") for file in files)))
    assert [name for name in bench_endpoint.FAULTS if name not in words] == []
