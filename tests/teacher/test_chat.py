"""The chat client, through the real SDK with a fake wire: what is sent, what is read, and the sentence for each failure."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from tracegen.errors import TeacherError
from tracegen.records import RawCall, Response, Usage
from tracegen.teacher import Failure, ToolChoice, gate, pacing
from tracegen.teacher.asking import Asking
from tracegen.teacher.chat import TRIES, ChatTeacher, read_completion
from tracegen.teacher.pacing import Pace
from tracegen.teacher.wire import Conversation

KEY = "sk-very-secret-0123456789"
URL = "http://fake.test/v1"
MESSAGES = [{"role": "user", "content": "Print 1 to 3 – 日本"}]
TOOLS = [{"type": "function", "function": {"name": "search_docs", "description": "d", "parameters": {"type": "object"}}}]

Body = dict[str, Any]
Answer = httpx2.Response | Exception


@pytest.fixture(autouse=True)
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "FIRST_WAIT_S", 0)
    monkeypatch.setattr(pacing, "PATIENCE_S", 0)


def completion(content: str | None = "hello", calls: list[Any] | None = None, **fields: Any) -> httpx2.Response:
    message = {"role": "assistant", "content": content, "tool_calls": calls}
    return httpx2.Response(200, json={"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **fields})


def refusal(status: int, message: str, **fields: Any) -> httpx2.Response:
    return httpx2.Response(status, content=json.dumps({"error": {"message": message, "type": "x", **fields}}))


class Wire:
    """A fake server: gives its answers in turn, the last one for ever, and keeps the requests."""

    def __init__(self, *answers: Answer | Callable[[Body], Answer]) -> None:
        self.answers = list(answers)
        self.requests: list[httpx2.Request] = []

    @property
    def bodies(self) -> list[Body]:
        return [json.loads(request.content) for request in self.requests]

    def handle(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        if callable(answer):
            answer = answer(json.loads(request.content))
        if isinstance(answer, Exception):
            raise answer
        # A response can be read once only.
        return httpx2.Response(answer.status_code, headers=answer.headers, content=answer.content)


@asynccontextmanager
async def teacher(*answers: Answer | Callable[[Body], Answer], **options: Any) -> AsyncIterator[tuple[ChatTeacher, Wire]]:
    wire = Wire(*answers)
    client = openai.DefaultAsyncHttpxClient(transport=httpx2.MockTransport(wire.handle))
    options = {"base_url": URL, "api_key": KEY, "http_client": client, "pace": Pace(give_up_after=0), **options}
    made = ChatTeacher("m-1", **options)
    try:
        yield made, wire
    finally:
        await made.close()


async def reply(made: ChatTeacher, choice: ToolChoice = "auto") -> Response | Failure:
    return await made.reply(MESSAGES, TOOLS, choice)


async def good(made: ChatTeacher, choice: ToolChoice = "auto") -> Response:
    response = await reply(made, choice)
    assert isinstance(response, Response), response
    return response


async def stopped(*answers: Answer | Callable[[Body], Answer]) -> str:
    """Return the sentence with which the first reply stops the run."""
    async with teacher(*answers) as (made, _):
        with pytest.raises(TeacherError) as error:
            await reply(made)
    assert KEY not in str(error.value)
    return str(error.value)


async def failed_later(*answers: Answer) -> str:
    """Return the detail of a failure after a first good answer."""
    async with teacher(completion(), *answers) as (made, _):
        await good(made)
        failure = await reply(made)
    assert isinstance(failure, Failure), failure
    assert KEY not in failure.detail
    return failure.detail


# --- what is sent --------------------------------------------------------------------------------------------------------


async def test_a_request_holds_the_conversation_the_tools_and_the_key() -> None:
    async with teacher(completion()) as (made, wire):
        await good(made, "required")
        await good(made, "auto")
    first, second = wire.bodies
    assert first == {"model": "m-1", "messages": MESSAGES, "tools": TOOLS, "tool_choice": "required"}
    assert second == {**first, "tool_choice": "auto"}
    assert str(wire.requests[0].url) == f"{URL}/chat/completions"
    assert wire.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_key_and_address_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f" {KEY}\r\n")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.test/api/v1")
    async with teacher(completion(), base_url=None, api_key=None) as (made, wire):
        await good(made)
        assert made.base_url == "http://elsewhere.test/api/v1/"
    assert str(wire.requests[0].url) == "http://elsewhere.test/api/v1/chat/completions"
    assert wire.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_an_empty_address_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "")
    made = ChatTeacher("m-1", api_key=KEY)
    assert made.base_url == "https://api.openai.com/v1/"
    await made.close()


async def test_a_server_of_ones_own_needs_no_key() -> None:
    async with teacher(completion(), api_key=None) as (made, wire):
        await good(made)
    assert wire.requests[0].headers["authorization"] == "Bearer none"


@pytest.mark.parametrize("key", [None, "", " \n"])
def test_without_key_and_address_a_sentence_names_the_ways_out(key: str | None) -> None:
    with pytest.raises(TeacherError, match=r"No key for the teacher 'm-1': set OPENAI_API_KEY, or give --base-url .* builtin"):
        ChatTeacher("m-1", api_key=key)


@pytest.mark.parametrize("key", ["sk-secret\r\nx", "sk-secret\x00", "sk–secret", "sk-secrét"])
def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(TeacherError, match="The key has a character that no key has") as error:
        ChatTeacher("m-1", api_key=key)
    assert "secr" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000/v1",
        "127.0.0.1:8000/v1",
        "ftp://host/v1",
        "http://",
        "http://[::/v1",
        "http://user:hunter2@host/v1",
        "http://host/v1?api-key=hunter2",
    ],
)
def test_an_address_that_cannot_work_is_refused_without_showing_a_password(url: str) -> None:
    with pytest.raises(TeacherError, match=r"The base URL is no .*in the form http://localhost:8000/v1") as error:
        ChatTeacher("m-1", base_url=url, api_key=KEY)
    assert "hunter2" not in str(error.value)


def test_an_address_of_one_service_is_refused() -> None:
    with pytest.raises(TeacherError, match="Leave out its end, behind /v1"):
        ChatTeacher("m-1", base_url="http://host/v1/chat/completions", api_key=KEY)


# --- what a server refuses is learned ------------------------------------------------------------------------------------


def refusing(field: str, *values: Any, status: int = 400) -> Callable[[Body], httpx2.Response]:
    """Return a server that refuses a request whose field has one of these values."""

    def answer(body: Body) -> httpx2.Response:
        return refusal(status, f"{field} is not supported here") if body.get(field) in values else completion()

    return answer


@pytest.mark.parametrize("status", [400, 422])
async def test_a_refused_tool_choice_is_left_out_from_then_on(status: int) -> None:
    async with teacher(refusing("tool_choice", "required", status=status)) as (made, wire):
        for _ in range(3):
            await good(made, "required")
    assert [body["tool_choice"] for body in wire.bodies] == ["required", "auto", "auto", "auto"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "Tool choice 'required' is not supported by this model."),
        (400, "toolConfig.toolChoice.any is not supported by this model"),
        (404, "No endpoints found that support the provided 'tool_choice' value."),
    ],
)
async def test_a_tool_choice_that_is_refused_in_other_words_is_left_out(status: int, said: str) -> None:
    async with teacher(refusal(status, said), completion()) as (made, wire):
        await good(made, "required")
    assert [body["tool_choice"] for body in wire.bodies] == ["required", "auto"]


async def test_a_missing_reasoning_effort_is_sent_from_then_on() -> None:
    async with teacher(refusing("reasoning_effort", None)) as (made, wire):
        for _ in range(2):
            await good(made)
    assert [body.get("reasoning_effort") for body in wire.bodies] == [None, "none", "none"]


def conversation() -> Conversation:
    """Return a conversation of two calls, before the first of which the model thought aloud."""
    made = Conversation(MESSAGES)
    for number, thought in enumerate(("I look it up.", None)):
        call = {"id": f"call_{number}", "type": "function", "function": {"name": "search_docs", "arguments": "{}"}}
        made.say({"role": "assistant", "content": "", "tool_calls": [call]}, thought)
        made.append({"role": "tool", "tool_call_id": call["id"], "content": "a page"})
    return made


def said(body: Body) -> list[dict[str, Any]]:
    """Return what a body has the model say."""
    return [message for message in body["messages"] if message["role"] == "assistant"]


@pytest.mark.parametrize(
    "words",
    [
        "Missing `reasoning_content` field in the assistant message at message index 2.",
        "thinking is enabled but reasoning_content is missing in assistant tool call message at index 2",
        "The `reasoning_content` in the thinking mode must be passed back to the API.",
    ],
)
async def test_what_a_model_thought_is_sent_back_where_it_is_wanted(words: str) -> None:
    def thinking(body: Body) -> httpx2.Response:
        return completion() if all(message.get("reasoning_content") for message in said(body)) else refusal(400, words)

    async with teacher(thinking) as (made, wire):
        for _ in range(2):
            assert isinstance(await made.reply(conversation(), TOOLS, "auto"), Response)
    asked = [[message.get("reasoning_content") for message in said(body)] for body in wire.bodies]
    assert asked == [[None, None], ["I look it up.", " "], ["I look it up.", " "]]
    assert all("forms_of_messages" not in body for body in wire.bodies)


async def test_a_call_without_the_thought_signature_that_is_wanted_gets_the_placeholder_for_it() -> None:
    words = "Function call is missing a thought_signature in functionCall parts."

    def signed(body: Body) -> list[str | None]:
        calls = [call for message in said(body) for call in message["tool_calls"]]
        return [call.get("extra_content", {}).get("google", {}).get("thought_signature") for call in calls]

    def gemini(body: Body) -> httpx2.Response:
        return completion() if all(signed(body)) else refusal(400, words)

    messages = conversation()
    messages[len(MESSAGES)]["tool_calls"][0]["extra_content"] = {"google": {"thought_signature": "Cs0B"}}
    async with teacher(gemini) as (made, wire):
        replies = await asyncio.gather(*(made.reply(messages, TOOLS, "auto") for _ in range(3)))
        assert all(isinstance(response, Response) for response in replies)
        assert made.quirks.known == ["thought_signature"]
    assert signed(wire.bodies[-1]) == ["Cs0B", "skip_thought_signature_validator"]


async def test_a_server_that_never_finds_what_was_thought_is_not_asked_for_ever() -> None:
    async with teacher(completion(), refusal(400, "reasoning_content is missing")) as (made, wire):
        await good(made)
        assert isinstance(await made.reply(conversation(), TOOLS, "auto"), Failure)
    assert len(wire.requests) == 3


async def test_both_refusals_are_learned_one_after_the_other() -> None:
    def answer(body: Body) -> httpx2.Response:
        if body["tool_choice"] == "required":
            return refusal(400, "tool_choice must be auto")
        return refusing("reasoning_effort", None)(body)

    async with teacher(answer) as (made, wire):
        await good(made, "required")
    assert [(body["tool_choice"], body.get("reasoning_effort")) for body in wire.bodies] == [
        ("required", None),
        ("auto", None),
        ("auto", "none"),
    ]


async def test_requests_in_flight_together_all_learn() -> None:
    async with teacher(refusing("tool_choice", "required")) as (made, wire):
        replies = await asyncio.gather(*(reply(made, "required") for _ in range(8)))
    assert all(isinstance(response, Response) for response in replies)
    assert [body["tool_choice"] for body in wire.bodies].count("auto") == 8


async def test_a_server_that_refuses_every_tool_choice_gets_none() -> None:
    async with teacher(refusing("tool_choice", "required", "auto")) as (made, wire):
        await good(made, "required")
        await good(made, "required")
    assert [body.get("tool_choice") for body in wire.bodies] == ["required", "auto", None, None]


async def test_a_server_that_refuses_every_effort_is_not_asked_for_ever() -> None:
    async with teacher(refusing("reasoning_effort", None, "none")) as (made, wire):
        with pytest.raises(TeacherError, match="reasoning_effort is not supported here"):
            await reply(made)
    assert len(wire.requests) == 2


# --- failures that are the same for every row ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (refusal(401, f"Incorrect API key provided: {KEY}"), "The key was not accepted: http://fake.test/v1/ said 401: Inc"),
        (refusal(404, "The model `m-1` does not exist"), "No model 'm-1', or no chat endpoint there: http://fake.test/v1/"),
        (httpx2.Response(404, html="<h1>Not\n Found</h1>"), "No model 'm-1', or no chat endpoint there: http://fake.test/v1"),
        (refusal(429, "You exceeded your quota", code="insufficient_quota"), "The quota is spent: http://fake.test/v1/ said"),
        (
            refusal(429, "Your account is suspended", type="exceeded_current_quota_error"),
            "The quota is spent: http://fake.test",
        ),
        (httpx2.Response(403, json={"error": "Your team has used all available credits"}), "The quota is spent: http://fake"),
        (refusal(402, "Insufficient Balance"), "The quota is spent: http://fake.test/v1/ said 402: Insufficient Balance."),
        (refusal(429, "Slow", code=429), "Too many requests, for too long: http://fake.test/v1/ said 429: Slow. What was"),
        (refusal(503, "Loading model", code=503), "The server has not been available for too long: http://fake.test/v1/"),
        (refusal(529, "Overloaded"), "The server has not been available for too long: http://fake.test/v1/ said 529: Over"),
    ],
)
async def test_what_is_the_same_for_every_row_stops_the_run_at_any_time(answer: httpx2.Response, sentence: str) -> None:
    assert (await stopped(answer)).startswith(sentence)
    async with teacher(completion(), answer) as (made, _):
        await good(made)
        with pytest.raises(TeacherError) as error:
            await reply(made)
    assert str(error.value).startswith(sentence)
    assert KEY not in str(error.value)


async def test_a_key_that_is_no_longer_accepted_costs_nothing_that_was_answered() -> None:
    async with teacher(completion(), refusal(401, "Token expired")) as (made, _):
        await good(made)
        with pytest.raises(TeacherError, match=r"Token expired\. Check OPENAI_API_KEY\. What was answered is kept"):
            await reply(made)


@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, "This model is only supported in v1/responses and not in v1/chat/completions."),
        refusal(400, "Function tools with reasoning_effort are not supported in /v1/chat/completions. Use /v1/responses."),
    ],
)
async def test_a_model_of_the_other_api_is_named(answer: httpx2.Response) -> None:
    async with teacher(answer, asking=Asking(extra_body={"reasoning_effort": "low"})) as (made, _):
        with pytest.raises(TeacherError, match=r"wants the other API: .* Run with --api responses\."):
            await reply(made)


async def test_a_service_without_the_other_api_is_named() -> None:
    async with teacher(httpx2.Response(404, text="404 page not found"), asking=Asking(api="responses")) as (made, _):
        with pytest.raises(TeacherError, match=r"or no Responses API there: .* or leave out --api responses\."):
            await reply(made)


async def test_a_forbidden_first_request_stops_the_run() -> None:
    sentence = "The key was not accepted: http://fake.test/v1/ said 403: Country not supp"
    assert (await stopped(refusal(403, "Country not supported"))).startswith(sentence)


async def test_a_forbidden_request_after_others_may_be_the_rows() -> None:
    """Of a firewall that reads along, for one; `broken`, so that a few in a row stop the run."""
    async with teacher(completion(), refusal(403, "Forbidden")) as (made, _):
        await good(made)
        failure = await reply(made)
    assert isinstance(failure, Failure)
    assert failure.broken
    assert "said 403: Forbidden" in failure.detail


@pytest.mark.parametrize("first", [True, False])
async def test_a_flagged_conversation_is_the_rows_failure(first: bool) -> None:
    flagged = refusal(403, "Your chosen model requires moderation and your input was flagged")
    async with teacher(*([] if first else [completion()]), flagged) as (made, _):
        if not first:
            await good(made)
        failure = await reply(made)
    assert isinstance(failure, Failure)
    assert (failure.broken, failure.detail.startswith("The endpoint filtered the conversation: Your chosen")) == (False, True)


@pytest.mark.parametrize(
    "answer",
    [
        refusal(400, "m-1 does not support tools"),
        httpx2.Response(422, json={"detail": "tools: extra inputs are not permitted"}),
    ],
)
async def test_an_endpoint_without_tools_is_named_at_the_first_answer(answer: httpx2.Response) -> None:
    assert (await stopped(answer)).startswith("The endpoint takes no tools: http://fake.test/v1/ said 4")
    assert (await failed_later(answer)).startswith("The request failed: http://fake.test/v1/ said 4")


async def test_a_server_that_takes_required_calls_alone_is_named_after_an_answer_too() -> None:
    said = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    async with teacher(completion(), refusal(400, said, code=400)) as (made, _):
        await good(made, "required")
        with pytest.raises(TeacherError, match=r"The endpoint takes no tools: .* --tool-call-parser"):
            await reply(made)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (refusal(500, "Internal error", code=None), "said 500: Internal error"),
        (httpx2.Response(500, text="Internal Server Error\n"), "said 500: Internal Server Error"),
        (httpx2.Response(500), "said 500: status 500, and no text"),
        (httpx2.Response(400, json={"error": "unknown model"}), 'said 400: {"error":"unknown model"}'),
        (httpx2.Response(400, json={"detail": "bad"}), "said 400: bad"),
        (httpx2.Response(400, json=["bad"]), 'said 400: ["bad"]'),
        (httpx2.Response(400, json=[{"error": {"code": 400, "message": "Bad", "status": "X"}}]), "said 400: Bad"),
        (refusal(400, "first\nsecond \ud83d"), "said 400: first second \ufffd"),
    ],
)
async def test_another_refusal_stops_the_run_at_first_and_concerns_the_row_later(answer: httpx2.Response, text: str) -> None:
    at_first, later = await stopped(answer), await failed_later(answer)
    if answer.status_code >= 500:
        assert at_first == f"http://fake.test/v1/ {text}. It has not answered once, so the run stops here."
        assert later == f"The request failed {TRIES} times: http://fake.test/v1/ {text}"
    else:
        assert at_first == f"The request failed: http://fake.test/v1/ {text}. It was the first answer, so the run stops here."
        assert later == f"The request failed: http://fake.test/v1/ {text}"


async def test_a_long_error_page_is_cut() -> None:
    assert len(await failed_later(httpx2.Response(500, html="<p>" + "very long " * 10_000))) < 400


@pytest.mark.parametrize(
    "message",
    [
        "The decoder prompt (length 40000) is longer than the maximum model length of 32768.",
        "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
        "This model's maximum prompt length is 131072 but the request contains 537812 tokens.",
        "Your request exceeded model token limit: 8192",
        "Prompt exceeds max length",
        "Range of input length should be [1, 30720]",
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 8193. Given: 8000 `inputs` tokens",
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
        "the request exceeds the available context size (4096 tokens), try increasing it",
        "Input is too long for requested model",
    ],
)
async def test_a_conversation_that_is_too_long_concerns_its_row_only(message: str) -> None:
    async with teacher(refusal(400, message)) as (made, _):
        failure = await reply(made)
    assert failure == Failure(detail=f"The conversation is too long for the teacher: {message}")


async def test_more_tokens_than_fit_into_a_minute_are_a_conversation_that_is_too_long() -> None:
    said = "Request too large for m-1 on tokens per min (TPM): Limit 30000, Requested 34472. The input or output tokens must be"
    large = refusal(429, said, code="rate_limit_exceeded", type="tokens")
    assert (await failed_later(large)).startswith("The conversation is too long for the teacher: Request too large for m-1")


async def test_a_body_that_is_too_large_is_a_conversation_that_is_too_long() -> None:
    large = httpx2.Response(413, html="<h1>413 Request Entity Too Large</h1>")
    async with teacher(large) as (made, _):
        with pytest.raises(
            TeacherError, match=r"too long for the teacher: <h1>413 .* It was the first answer, so the run stops"
        ):
            await reply(made)
    async with teacher(completion(), large) as (made, wire):
        await good(made)
        failure = await reply(made)
        assert isinstance(failure, Failure)
        assert failure.unexplained  # nothing is returned yet: where it is so for all rows, it is the endpoint
        failure = await made.reply(conversation(), TOOLS, "auto")
        assert failure == Failure(detail="The conversation is too long for the teacher: <h1>413 Request Entity Too Large</h1>")
    assert "left out here" in json.dumps(wire.bodies[-1])


async def test_a_max_tokens_that_is_too_large_is_no_long_conversation() -> None:
    said = "max_tokens (90000) is more than the maximum number of tokens, 8192"
    async with teacher(refusal(400, said)) as (made, _):
        with pytest.raises(TeacherError, match="It was the first answer, so the run stops here"):
            await reply(made)


async def test_a_call_that_the_service_did_not_pass_on_is_asked_for_again() -> None:
    slip = refusal(400, "Tool choice is required, but model did not call a tool", code="tool_use_failed")
    async with teacher(slip, slip, completion()) as (made, wire):
        await good(made, "required")
    assert [body["tool_choice"] for body in wire.bodies] == ["required"] * 3


async def test_a_filtered_conversation_concerns_its_row_only() -> None:
    async with teacher(refusal(400, "The prompt was filtered", code="content_filter")) as (made, _):
        assert await reply(made) == Failure(detail="The endpoint filtered the conversation: The prompt was filtered")


async def test_a_server_that_repeats_the_key_does_not_bring_it_into_the_run() -> None:
    assert await failed_later(refusal(500, f"bad header Bearer {KEY}!")) == (
        f"The request failed {TRIES} times: http://fake.test/v1/ said 500: bad header Bearer ***!"
    )
    assert "***" in await failed_later(httpx2.Response(200, text=f"key {KEY}"))


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (httpx2.ConnectError("no route to host"), "no route to host"),
        (httpx2.ReadTimeout(""), "Request timed out"),
        (httpx2.ReadError(f"cut with {KEY}"), "cut with ***"),
    ],
)
async def test_no_answer_stops_the_run_and_says_how_to_go_on(error: Exception, cause: str) -> None:
    assert await stopped(error) == (
        f"No answer from http://fake.test/v1/: {cause}. Is the address right and the server running? "
        "What was answered is kept: run the same command again to go on."
    )


async def test_a_closed_port_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound but not listening: nobody else gets it, and connections are refused
        address = f"http://127.0.0.1:{free.getsockname()[1]}/v1/"
        made = ChatTeacher(
            "m-1",
            base_url=address,
            api_key=KEY,
        )
        try:
            with pytest.raises(TeacherError, match=f"No answer from {address}: Cannot connect to host 127.0.0.1"):
                await reply(made)
        finally:
            await made.close()


@pytest.mark.parametrize("said", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut", b""])
async def test_a_port_where_something_else_answers_is_a_sentence(said: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/"
        made = ChatTeacher(
            "m-1",
            base_url=address,
            api_key=KEY,
        )
        try:
            with pytest.raises(TeacherError, match=address) as error:
                await reply(made)
        finally:
            await made.close()
    assert KEY not in str(error.value)


async def test_a_short_key_is_no_secret_that_would_hide_words() -> None:
    async with teacher(refusal(500, "none of the above"), api_key="none") as (made, _):
        with pytest.raises(TeacherError, match="none of the above"):
            await reply(made)


async def test_a_long_pause_is_told_once() -> None:
    news, told = list[str](), asyncio.Event()
    slow = httpx2.Response(429, headers={"Retry-After": "600"}, json={"error": {"message": "slow down"}})
    async with teacher(completion(), slow, pace=Pace()) as (made, _):

        def tell(sentence: str) -> None:
            news.append(sentence)
            told.set()

        made.gate.news = tell
        await good(made)
        waiting = asyncio.gather(reply(made), reply(made))
        await told.wait()
        made.gate.pause(590, "slow down")
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
    assert len(news) == 1
    assert news[0].startswith("Waiting 10 minutes: http://fake.test/v1/ said 429: slow down")


async def test_what_can_pass_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "PATIENCE_S", 1000)
    flaky = (
        refusal(429, "slow down"),
        httpx2.ReadError("reset"),
        refusal(503, "loading"),
        refusal(529, "overloaded"),
        refusal(408, "timeout"),
        httpx2.Response(200, json={"choices": []}),
        httpx2.Response(200, html="<html>"),
        refusal(409, "conflict"),
        refusal(424, "generation failed"),
        refusal(499, "client closed request"),
    )
    async with teacher(completion("first"), *flaky, completion("at last"), pace=Pace()) as (made, wire):
        await good(made)
        assert (await good(made)).content == "at last"
    assert len(wire.requests) == 12


@pytest.mark.parametrize(
    "fault",
    [
        httpx2.ConnectError("connection refused"),
        refusal(502, "bad gateway"),
        refusal(503, "loading"),
        refusal(429, "slow down"),
    ],
)
async def test_an_endpoint_that_has_worked_is_waited_for_and_both_is_told(
    monkeypatch: pytest.MonkeyPatch, fault: Answer
) -> None:
    monkeypatch.setattr(gate, "NOTICED_S", 0)
    news, faults = list[str](), [fault] * (3 * pacing.MANY_FAILURES)
    async with teacher(completion("first"), *faults, completion("at last"), pace=Pace(give_up_after=30)) as (made, wire):
        made.gate.news = news.append
        await good(made)
        assert (await good(made)).content == "at last"
    assert len(wire.requests) == len(faults) + 2
    assert len(news) == 2
    assert "Waiting until it answers again, 30 minutes at most (--give-up-after)" in news[0]
    assert news[1] == "The endpoint answers again."


async def test_that_an_endpoint_has_never_answered_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "NOTICED_S", 0)
    monkeypatch.setattr(pacing, "PATIENCE_S", 180)
    news, faults = list[str](), [refusal(429, "slow down")] * (pacing.FEW_FAILURES + 2)
    async with teacher(*faults, completion("at last"), pace=Pace()) as (made, _):
        made.gate.news = news.append
        assert (await good(made)).content == "at last"
    assert len(news) == 2
    assert "slow down" in news[0]
    assert news[0].endswith("It has not answered yet, and is asked again for about 3 minutes.")
    assert news[1] == "The endpoint answers."


async def test_it_is_so_with_errors_that_might_be_a_row_s_own_where_all_rows_have_them() -> None:
    many = 3 * pacing.MANY_FAILURES
    async with teacher(completion("first"), *[refusal(500, "oops")] * many, completion("at last"), pace=Pace()) as (made, _):
        await good(made)
        replies = await asyncio.gather(*(reply(made) for _ in range(8)))
    assert [given.content for given in replies if isinstance(given, Response)] == ["at last"] * 8


async def test_an_outage_is_held_against_no_row() -> None:
    """A row that failed all through an outage has as many tries as others, when the endpoint is still shaky after it."""
    shaky = [answer for _ in range(TRIES - 2) for answer in (refusal(502, "shaky"), completion("another row"))]
    outage = [httpx2.ConnectError("connection refused")] * (10 * TRIES)
    async with teacher(completion("first"), *outage, *shaky, completion("at last"), pace=Pace()) as (made, _):
        await good(made)
        replies = await asyncio.gather(*(reply(made) for _ in range(TRIES - 1)))
    assert all(isinstance(given, Response) for given in replies)


async def test_an_endpoint_that_has_worked_is_given_up_when_it_has_failed_for_as_long_as_the_user_said() -> None:
    async with teacher(completion("first"), refusal(503, "loading"), pace=Pace(give_up_after=0)) as (made, wire):
        await good(made)
        with pytest.raises(TeacherError, match="not been available for too long"):
            await reply(made)
    assert len(wire.requests) == 1 + pacing.FEW_FAILURES


# --- answers that are no chat completion ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (httpx2.Response(200, html="<html>Welcome</html>"), "not JSON ('<html>Welcome</html>')"),
        (httpx2.Response(200), "not JSON ('')"),
        (httpx2.Response(200, text='{"choices": [{"mess'), "JSON that breaks off, or is none ("),
        (httpx2.Response(200, content=b"\xff\xfe\xfd"), "not JSON ("),
        (httpx2.Response(200, content=b"[" * 100_000), "not JSON ('[[["),
        (httpx2.Response(200, json=[]), "no choice with a message in it"),
        (httpx2.Response(200, json={"choices": []}), "no choice with a message in it"),
        (httpx2.Response(200, json={"choices": None}), "no choice with a message in it"),
        (httpx2.Response(200, json={"choices": [{"message": None}]}), "no choice with a message in it"),
        (httpx2.Response(200, json={"error": {"message": "no such model"}}), "an error, 'no such model'"),
        (httpx2.Response(200, json={"error": "no such model"}), "an error, 'no such model'"),
    ],
)
async def test_an_answer_that_is_no_completion_is_asked_for_again_and_then_a_sentence(
    answer: httpx2.Response, problem: str
) -> None:
    sentence = f"http://fake.test/v1/ answered with no chat completion: {problem}"
    assert (await stopped(answer)).startswith(sentence)
    assert sentence in await failed_later(answer)
    async with teacher(answer, completion("second try")) as (made, wire):
        assert (await good(made)).content == "second try"
    assert len(wire.requests) == 2


async def test_a_stream_that_nobody_asked_for_is_named() -> None:
    said = await stopped(httpx2.Response(200, text='data: {"choices": []}\n\ndata: [DONE]\n\n'))
    assert "a stream of events, though none was asked for" in said
    assert "/v1?" not in said


def error_answer(**fields: Any) -> httpx2.Response:
    """Return an error with status 200, as a gateway gives it that had begun to answer."""
    return httpx2.Response(200, json={"error": fields})


async def test_an_error_with_status_200_is_what_its_code_says() -> None:
    assert "The key was not accepted" in await stopped(error_answer(code=401, message="No such user"))
    assert "The quota is spent" in await stopped(error_answer(code=402, message="Insufficient credits"))
    assert "The quota is spent" in await stopped(error_answer(code="insufficient_quota", message="Pay first"))
    said = "http://fake.test/v1/ said 502: Provider returned error. It has not answered once"
    assert said in await stopped(error_answer(code=502, message="Provider returned error"))


@pytest.mark.parametrize("code", [429, "429", "rate_limit_exceeded"])
async def test_too_many_requests_with_status_200_makes_all_wait(code: Any) -> None:
    async with teacher(error_answer(code=code, message="Slow down"), completion("second try")) as (made, wire):
        before = made.gate.pacer.limit
        assert (await good(made)).content == "second try"
        assert made.gate.pacer.limit == before // 2
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": ""}, "finish_reason": "error", "error": {"code": 502, "message": "Upstream failed"}},
        {"message": {"content": "half an ans"}, "finish_reason": "error"},
        {"message": {"content": ""}, "finish_reason": "MALFORMED_FUNCTION_CALL"},
        {"message": {"content": None}, "finish_reason": "function_call_filter: MALFORMED_FUNCTION_CALL"},
    ],
)
async def test_a_message_that_broke_off_with_an_error_is_no_answer(choice: Body) -> None:
    async with teacher(httpx2.Response(200, json={"choices": [choice]}), completion("second try")) as (made, wire):
        assert (await good(made)).content == "second try"
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    ("given", "read_as"),
    [(12, 12), (12.0, 12), ("12", 12), (-5, 0), (True, 0), (None, 0), (10**40, 0), ("a", 0), (float("nan"), 0), ([1], 0)],
)
def test_tokens_are_counted_as_far_as_they_can_be(given: Any, read_as: int) -> None:
    usage = read({"content": "x"}, usage={"prompt_tokens": given, "completion_tokens": given}).usage
    assert usage == Usage(requests=1, prompt_tokens=read_as, completion_tokens=read_as)


# --- what is read --------------------------------------------------------------------------------------------------------


def read(message: Any, **fields: Any) -> Response:
    return read_completion(json.dumps({"choices": [{"message": message}], **fields}).encode())


def test_a_full_completion_is_read() -> None:
    body = {
        "id": "chatcmpl-1",
        "model": "m-1-2026",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "Let me see.",
                    "reasoning_content": "hm",
                    "refusal": None,
                    "tool_calls": [
                        {"id": "x", "type": "function", "function": {"name": "search_docs", "arguments": '{"query": "a"}'}},
                        {
                            "id": "x",
                            "type": "function",
                            "function": {"name": "search_docs", "arguments": "{"},
                            "extra_content": {"google": {"thought_signature": "Cs0B"}},
                        },
                    ],
                },
            }
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
        "timings": {"anything": 1},
    }
    assert read_completion(json.dumps(body).encode()) == Response(
        content="Let me see.",
        calls=(
            RawCall(name="search_docs", arguments='{"query": "a"}'),
            RawCall(name="search_docs", arguments="{", signature="Cs0B"),
        ),
        finish_reason="tool_calls",
        reasoning="hm",
        model="m-1-2026",
        usage=Usage(requests=1, prompt_tokens=12, completion_tokens=5),
    )


def test_the_least_that_is_a_completion() -> None:
    assert read({}) == Response(usage=Usage(requests=1))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ({"name": "f", "arguments": {"query": "ä"}}, RawCall(name="f", arguments='{"query": "\\u00e4"}')),
        ({"name": "f", "arguments": None}, RawCall(name="f", arguments="")),
        ({"name": "f"}, RawCall(name="f", arguments="")),
        ({"arguments": "{}"}, RawCall(name="", arguments="{}")),
        ({"name": 7, "arguments": 7}, RawCall(name="", arguments="7")),
        (None, RawCall(name="", arguments="")),
        ({"name": "f\ud83d", "arguments": "\ud83d{"}, RawCall(name="f\ufffd", arguments="\ufffd{")),
    ],
)
def test_a_call_in_any_shape_is_read_as_it_came(function: Any, expected: RawCall) -> None:
    assert read({"tool_calls": [{"function": function}]}).calls == (expected,)


@pytest.mark.parametrize("calls", [None, [], 5, True, "x", {"function": {"name": "f"}}, [None, "x", 3]])
def test_calls_that_are_none_are_left_out(calls: Any) -> None:
    assert read({"content": "a", "tool_calls": calls}).calls == ()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, None),
        ("", ""),
        (7, None),
        ([{"type": "text", "text": "one "}, {"type": "text", "text": "two"}, {"type": "image"}, "x", None], "one two"),
        ([{"type": "text", "text": {"value": "no"}}, {"type": "text", "text": None}], ""),
        ("half \ud83d", "half \ufffd"),
    ],
)
def test_content_in_any_shape_is_read_as_text(content: Any, expected: str | None) -> None:
    assert read({"content": content}).content == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"reasoning_content": "a"}, "a"),
        ({"reasoning": "b"}, "b"),
        ({"reasoning_content": "", "reasoning": "b"}, "b"),
        ({"reasoning_content": None, "reasoning": {"x": 1}}, None),
    ],
)
def test_reasoning_is_read_under_both_names(fields: Body, expected: str | None) -> None:
    assert read(fields).reasoning == expected


@pytest.mark.parametrize("usage", [None, {}, [], "x", {"prompt_tokens": None, "completion_tokens": "seven"}])
def test_usage_that_is_missing_counts_as_zero_tokens(usage: Any) -> None:
    assert read({}, usage=usage).usage == Usage(requests=1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    max_leaves=6,
)


def shaped(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects with some of these fields, each sometimes of any shape."""
    return st.fixed_dictionaries({}, optional={key: value | JSON for key, value in fields.items()})


def choices(messages: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return objects that are completions as far as their first message."""
    choice = st.fixed_dictionaries({"message": messages}, optional={"finish_reason": JSON})
    return st.fixed_dictionaries(
        {"choices": st.tuples(choice, JSON)},
        optional={"usage": shaped(prompt_tokens=st.integers(), completion_tokens=JSON), "model": JSON},
    )


EXTRA = shaped(google=shaped(thought_signature=st.text(st.characters())))
CALLS = st.lists(shaped(id=JSON, function=shaped(name=st.text(), arguments=JSON), extra_content=EXTRA) | JSON, max_size=3)
PARTS = st.lists(shaped(type=st.just("text"), text=st.text()), max_size=3)
MESSAGE = shaped(content=PARTS, tool_calls=CALLS, refusal=JSON, reasoning=JSON, reasoning_content=JSON)
NO_COMPLETION = shaped(choices=st.lists(shaped(message=JSON), max_size=2), error=shaped(message=JSON)) | JSON


@given(choices(MESSAGE) | choices(MESSAGE) | NO_COMPLETION)
def test_any_json_is_a_response_that_can_be_kept_or_a_value_error(value: Any) -> None:
    try:
        response = read_completion(json.dumps(value).encode())
    except ValueError as error:
        event(f"refused: {type(error).__name__}")
        return
    assert isinstance(value["choices"][0]["message"], dict)
    assert Response.model_validate_json(response.model_dump_json()) == response


@given(st.binary(max_size=40))
def test_any_bytes_are_a_response_or_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"not JSON|JSON that breaks off|no choice|a stream of events"):
        read_completion(body)
