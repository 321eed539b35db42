"""The lines of batch files, in every shape that services give them."""

import json
from typing import Any

import pytest

from tracegen.records import Response
from tracegen.teacher.batch import Trouble, read_answer, request_line

BODY = {"choices": [{"message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}], "model": "m"}


def answer(**fields: Any) -> Response | Trouble:
    read = read_answer({"id": "x", "custom_id": "row.0", **fields})
    assert read is not None
    assert read.custom_id == "row.0"
    return read.outcome


def test_a_request_is_one_line_with_the_body_as_it_is() -> None:
    line = request_line("a-1.0", '{"messages": ["日本"]}'.encode())
    assert line.endswith(b"}\n")
    assert json.loads(line) == {
        "custom_id": "a-1.0",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"messages": ["日本"]},
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"response": {"status_code": 200, "request_id": "r", "body": BODY}, "error": None},  # OpenAI, newer vLLM
        {"response": {"id": "x", "object": "chat.completion", **BODY}, "error": None},  # older vLLM
        {"response": {"body": BODY}},  # nothing but what is needed
    ],
)
def test_answers(fields: dict[str, Any]) -> None:
    outcome = answer(**fields)
    assert isinstance(outcome, Response)
    assert outcome.content == "hello"


REFUSAL = {"error": {"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}}


@pytest.mark.parametrize(
    ("fields", "expected", "passing"),
    [
        ({"response": {"status_code": 400, "body": REFUSAL}}, Trouble("too long", 400, "context_length_exceeded"), False),
        ({"response": {"status_code": 500, "body": {"error": "boom"}}}, Trouble("boom", 500, ""), True),
        ({"response": {"status_code": 429, "body": None}}, Trouble("no answer, and no reason", 429, ""), True),
        ({"response": {"status_code": 400, "body": None}, "error": "bad request"}, Trouble("bad request", 400, ""), False),
        ({"error": {"code": 400, "message": "no", "type": "BadRequestError"}}, Trouble("no", 400, "400"), False),
        (
            {"response": None, "error": {"code": "batch_expired", "message": "late"}},
            Trouble("late", None, "batch_expired"),
            True,
        ),
        ({"response": None, "error": None}, Trouble("no answer, and no reason", None, ""), True),
        (
            {"response": {"status_code": 400, "body": {"error": {"code": "tool_use_failed", "message": "no call"}}}},
            Trouble("no call", 400, "tool_use_failed"),
            True,
        ),
    ],
)
def test_troubles(fields: dict[str, Any], expected: Trouble, passing: bool) -> None:
    outcome = answer(**fields)
    assert outcome == expected
    assert isinstance(outcome, Trouble)
    assert outcome.passing is passing


def test_a_status_200_without_a_completion_may_pass() -> None:
    outcome = answer(response={"status_code": 200, "body": {"choices": []}})
    assert isinstance(outcome, Trouble)
    assert outcome.passing
    assert "no chat completion" in outcome.text


def test_an_error_in_the_place_of_a_message_is_what_its_code_says() -> None:
    outcome = answer(
        response={"status_code": 200, "body": {"error": {"code": 400, "message": "The context size is exceeded."}}}
    )
    assert isinstance(outcome, Trouble)
    assert (outcome.context, outcome.passing) == (True, False)
    outcome = answer(response={"status_code": 200, "body": {"error": {"code": 401, "message": "No such key."}}})
    assert isinstance(outcome, Trouble)
    assert outcome.for_all


def test_what_is_the_same_for_all() -> None:
    assert Trouble("Incorrect API key", 401, "").for_all
    assert Trouble("You exceeded your quota", 429, "insufficient_quota").for_all
    assert not Trouble("slow down", 429, "rate_limit_exceeded").for_all
    assert Trouble("x", None, "batch_expired").expired
    assert Trouble("x", None, "batch_cancelled").cancelled


@pytest.mark.parametrize("value", [None, [], "text", {}, {"custom_id": 7, "response": {}}])
def test_lines_that_are_no_answers(value: Any) -> None:
    assert read_answer(value) is None
