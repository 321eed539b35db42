"""The scripted judge of the fake endpoint: fills in the form that `prompts/judge.md` asks for, or does not.

Its score is the share of the desired output's words of four letters and more that stand in the passages, put on 1 to 5: enough
to agree with support somewhat, and to differ. Asked for log probabilities it gives the score's token seven tenths, and the
scores beside it the rest.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bench.script import Json, Reply, Turn, completion, error, text_message


def score_of(case: str) -> int:
    """Return the score of a case."""

    def words(name: str) -> set[str]:
        found = re.search(rf"<{name}>\n(.*?)\n</{name}>", case, re.S)
        return set(re.findall(r"\w{4,}", found[1])) if found else set()

    needed = words("desired_output") - words("prompt")
    return 1 + round(4 * len(needed & words("passages")) / len(needed)) if needed else 5


def form(score: int) -> str:
    """Return a form with a score."""
    return (
        f"Needed: what it needs\nShown: what is shown [1]\nMissing: {5 - score} things\nReason: counted words\nScore: {score}"
    )


def chances(score: int) -> dict[int, float]:
    """Return the probability of each score where one is given."""
    beside = [each for each in (score - 1, score + 1) if 1 <= each <= 5]
    return {score: 0.7} | {each: 0.3 / len(beside) for each in beside}


def judge(turn: Turn, *, logprobs: bool = True) -> Reply:
    """Answer with a form."""
    score = score_of(turn.case)
    reply = completion(turn, text_message(turn, content=form(score)))
    asked = turn.fields.get("top_logprobs") or 0
    if not (logprobs and turn.fields.get("logprobs")):
        return reply
    body: Json = json.loads(reply.body)
    tokens: list[Any] = [_token(text, {text: 1.0}, asked) for text in re.findall(r"\s?\w+|\W", form(score))[:-1]]
    tokens.append(_token(f" {score}", {f" {each}": chance for each, chance in chances(score).items()}, asked))
    body["choices"][0]["logprobs"] = {"content": tokens, "refusal": None}
    return Reply(json.dumps(body).encode(), answers=True)


def _token(text: str, alternatives: dict[str, float], most: int) -> Json:
    ordered = sorted(alternatives.items(), key=lambda each: -each[1])[:most]
    entries = [{"token": token, "logprob": math.log(chance), "bytes": list(token.encode())} for token, chance in ordered]
    return {"token": text, "logprob": math.log(alternatives[text]), "bytes": list(text.encode()), "top_logprobs": entries}


def refuses_logprobs(turn: Turn) -> Reply:
    if "logprobs" in turn.fields:
        return error(400, "Unsupported parameter: 'logprobs' is not supported with this model.", "unsupported_parameter")
    return judge(turn)


def few_logprobs(turn: Turn) -> Reply:
    if turn.fields.get("top_logprobs", 0) > 5:
        return error(400, "Invalid value for 'top_logprobs': must be less than or equal to 5.", "invalid_value")
    return judge(turn)


def malformed_first(turn: Turn) -> Reply:
    """Answer without a score until asked again."""
    return (
        judge(turn) if turn.topic != turn.case else completion(turn, text_message(turn, content="I think it is rather good."))
    )


def refuses_some(turn: Turn) -> Reply:
    """Refuse every third case, however often it is asked."""
    if len(turn.case) % 3 == 0:
        return completion(turn, text_message(turn, content=None, refusal="I cannot judge that."))
    return judge(turn)


def without_usage(turn: Turn) -> Reply:
    """Judge, and do not say how many tokens there were."""
    reply = judge(turn)
    body = json.loads(reply.body)
    del body["usage"]
    return replace(reply, body=json.dumps(body).encode())


JUDGES: dict[str, Callable[[Turn], Reply]] = {
    "judge": judge,
    "judge_plain": lambda turn: judge(turn, logprobs=False),
    "judge_refuses_logprobs": refuses_logprobs,
    "judge_few_logprobs": few_logprobs,
    "judge_malformed_first": malformed_first,
    "judge_malformed": lambda turn: completion(turn, text_message(turn, content="Score: 4 to 5, I would say. Or 45.")),
    "judge_refuses_some": refuses_some,
    "judge_without_usage": without_usage,
}
"""Every way of judging by its name, for `Endpoint.fault`."""
