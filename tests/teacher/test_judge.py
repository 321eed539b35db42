"""The judge: forms read in many writings, scores weighted by the probabilities of tokens, and what is sent."""

import json
import math
from typing import Any

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.errors import SettingsError, TeacherError
from tracegen.teacher.asking import Asking
from tracegen.teacher.judge import Answer, Judge, Score, read_answer, score_of

Tokens = list[tuple[str, dict[str, float]]]


def body(content: str | None, tokens: Tokens | None = None, **message: Any) -> bytes:
    entries = [
        {"token": text, "logprob": 0.0, "top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in others.items()]}
        for text, others in tokens or []
    ]
    choice = {"message": {"role": "assistant", "content": content, **message}, "finish_reason": "stop"}
    return json.dumps({"choices": [choice | {"logprobs": {"content": entries} if tokens else None}]}).encode()


@pytest.mark.parametrize(
    ("form", "stated"),
    [
        ("Reason: good\nScore: 4", 4),
        ("**Score:** 3/5", 3),
        ("- Score: 2 - most is missing", 2),
        ('{"reason": "x",\n"score": 5}', 5),
        ("Score: 2\nOn second thoughts:\nFinal score: 4.", 4),
        ("Score \uff1a 1", 1),
        ("The score is good", None),
        ("Score: 45", None),
        ("Score: 4.5", None),
        ("Score: 4-5", None),
        ("Score: 4 to 5", None),
        ("Score: 7", None),
        ("Score: four", None),
        ("", None),
        (None, None),
    ],
)
def test_forms_are_read_as_models_write_them(form: str | None, stated: int | None) -> None:
    score = score_of(read_answer(body(form)))
    assert (score and score.stated) == stated
    assert score is None or score == Score(float(score.stated), score.stated, False)


def test_a_score_is_weighted_by_the_probabilities_of_its_token() -> None:
    tokens: Tokens = [("Score", {}), (":", {}), (" 4", {" 4": 0.6, " 5": 0.2, " 3": 0.1, " x": 0.1})]
    score = score_of(read_answer(body("Score: 4", tokens)))
    assert score is not None
    assert score.weighted
    assert score.value == pytest.approx((4 * 0.6 + 5 * 0.2 + 3 * 0.1) / 0.9)


@pytest.mark.parametrize(
    ("tokens", "value"),
    [
        ([("Score:", {}), ("4", {"4": 0.5, "2": 0.5})], 3.0),
        ([("Score:", {}), (" ", {}), ("4", {"4": 0.5, "５": 0.5})], 4.0),
        ([("Score", {}), (":4", {":4": 0.5, ":5": 0.5, "4": 0.0001})], pytest.approx(4.5, abs=0.01)),
        ([("Score: 2\n", {"Score: 2\n": 1.0}), ("Score: ", {}), ("3", {"3": 0.5, "1": 0.5})], 2.0),
    ],
)
def test_the_token_of_the_score_is_found(tokens: Tokens, value: float) -> None:
    score = score_of(read_answer(body("".join(text for text, _ in tokens), tokens)))
    assert score is not None
    assert score.value == value


def test_without_usable_probabilities_the_plain_score_counts() -> None:
    assert score_of(read_answer(body("Score: 4", [("Hello", {"Hello": 1.0})]))) == Score(4.0, 4, False)
    broken = json.loads(body("Score: 4", [("Score: ", {}), ("4", {"4": 1.0})]))
    broken["choices"][0]["logprobs"]["content"][0] = "no token"
    assert score_of(read_answer(json.dumps(broken).encode())) == Score(4.0, 4, False)


def test_a_refusal_has_no_score() -> None:
    assert score_of(read_answer(body("Score: 4", refusal="I cannot."))) is None


@given(st.text("Score:1234567890 .\n*/-"), st.lists(st.tuples(st.text("Score: 12345\n"), st.floats(-100, 0)), max_size=6))
def test_any_answer_gives_a_score_from_1_to_5_or_none(form: str, pairs: list[tuple[str, float]]) -> None:
    answer = Answer(content=form, calls=(), tokens=tuple((text, ((text, logprob),)) for text, logprob in pairs))
    score = score_of(answer)
    assert score is None or (1 <= score.value <= 5 and 1 <= score.stated <= 5)


async def test_it_is_asked_without_tools_and_with_probabilities_until_they_are_refused() -> None:
    sent: list[dict[str, Any]] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        sent.append(json.loads(request.content))
        asked = sent[-1].get("top_logprobs", 0)
        if asked > 5:
            return httpx2.Response(400, json={"error": {"message": "top_logprobs must be at most 5"}})
        if asked:
            return httpx2.Response(400, json={"error": {"message": "logprobs are not supported"}})
        return httpx2.Response(200, content=body("Score: 2"))

    client = openai.DefaultAsyncHttpxClient(transport=httpx2.MockTransport(handle))
    judge = Judge("m", base_url="http://fake.test/v1", http_client=client, asking=Asking(temperature=0))
    answer = await judge.ask([{"role": "user", "content": "x"}])
    await judge.close()
    assert isinstance(answer, Answer)
    assert [(one.get("logprobs"), one.get("top_logprobs")) for one in sent] == [(True, 20), (True, 5), (None, None)]
    assert all(not {"tools", "tool_choice"} & set(one) and one["temperature"] == 0 for one in sent)


def test_a_judge_needs_a_key_or_an_address_and_chat_completions() -> None:
    with pytest.raises(TeacherError, match="No key for the judge 'm'"):
        Judge("m")
    with pytest.raises(SettingsError, match="chat completions"):
        Judge("m", base_url="http://fake.test/v1", asking=Asking(api="responses"))
