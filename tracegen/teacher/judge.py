"""A chat model as a judge: it fills in a form with reasons and gives a score from 1 to 5, as in G-Eval.

Liu et al., "G-Eval: NLG Evaluation using GPT-4 with Better Human Alignment", EMNLP 2023: the score is the mean of the possible
scores, weighted by the probabilities that the model gives to their tokens. Where the server gives none it is the score itself.
A form without a score is asked for again, in the same conversation; what cannot be read then is not rated.
"""

import json
import math
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tracegen.errors import SettingsError, TeacherError
from tracegen.records import Response
from tracegen.teacher import Failure, ToolChoice, completion
from tracegen.teacher.chat import ChatTeacher
from tracegen.teacher.quirks import in_form
from tracegen.teacher.wire import to_json

LOWEST, HIGHEST = 1, 5
TOP_LOGPROBS = 20
"""Alternatives of each token that are asked for: the most that OpenAI's API gives."""
AGAIN = (
    "That is not the form. Fill in the form of your instructions for the same case, each field on one line, and end with a "
    "line such as `Score: 3`, a whole number from 1 to 5."
)

_SCORE = re.compile(
    r"^[\s>*_#\"'`{-]*(?:(?:final|overall)\s+)?score[\s*_\"'`]*[:=\uff1a][\s*_\"'`]*([1-5])(?![\w.]?\d)(?!\s*(?:-|to)\s*\d)",
    re.I | re.M,
)


class Answer(Response):
    """A judge's answer."""

    tokens: tuple[tuple[str, tuple[tuple[str, float], ...]], ...] = ()
    """Each token with its alternatives and their log probabilities, itself among them; empty where the server gives none."""


class Score(NamedTuple):
    """What a form comes to."""

    value: float
    """1 to 5: the mean by the probabilities of the tokens where there are any, else the score that stands there."""
    stated: int
    """The score that stands there."""
    weighted: bool
    """Whether there were probabilities."""


class Judge(ChatTeacher):
    """A chat model that is asked for text alone, with the probabilities of its tokens."""

    option = "--judge"

    def __init__(self, model: str, **options: Any) -> None:
        """Prepare a client; the options are those of a teacher.

        Raises TeacherError where a key is missing, SettingsError where the API is not that of chat completions.
        """
        environment = os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")
        if not (options.get("base_url") or options.get("api_key") or environment):
            raise TeacherError(
                f"No key for the judge {model!r}: set OPENAI_API_KEY, or give --base-url for a server of your own."
            )
        super().__init__(model, **options)
        if self.asking.api != "chat":
            raise SettingsError("A judge is asked by chat completions. Leave --api out.")
        self._read = read_answer

    async def ask(self, messages: Sequence[Mapping[str, Any]]) -> Answer | Failure:
        """Return the answer to a conversation, or why it gets none. Raises as `reply`."""
        reply = await self.reply(messages, (), "auto")
        assert isinstance(reply, Answer | Failure)
        return reply

    def fields(self, tool_choice: ToolChoice) -> dict[str, Any]:
        """Return the fields of a request besides its messages, as this endpoint takes them."""
        asked = {"model": self.name, "logprobs": True, "top_logprobs": TOP_LOGPROBS, **self.asking.fields}
        return self.quirks.apply(asked)

    def body(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        fields: dict[str, Any],
        left_out: int = 0,
    ) -> bytes:
        """Return the body of a request: no tools."""
        formed, sent = in_form(messages, fields)
        return to_json({**sent, "messages": list(formed)})


def read_answer(body: bytes) -> Answer:
    """Return the answer in the body of a chat completion. Raises ValueError where it is none."""
    response = completion.read_completion(body)
    choice = json.loads(body)["choices"][0]
    logprobs = choice.get("logprobs")
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    entries = content if isinstance(content, list) else []
    tokens = [token for entry in entries if (token := _read_token(entry)) is not None]
    # One that is missing would put all later ones in the wrong place.
    complete = len(tokens) == len(entries)
    return Answer(**dict(response), tokens=tuple(tokens) if complete else ())


def _read_token(entry: Any) -> tuple[str, tuple[tuple[str, float], ...]] | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("token"), str):
        return None
    others = entry.get("top_logprobs")
    pairs = {}
    # The token itself is among the others, unless it is an unlikely one.
    for each in [entry, *(others if isinstance(others, list) else [])]:
        if isinstance(each, dict) and isinstance(each.get("token"), str) and isinstance(each.get("logprob"), int | float):
            pairs[each["token"]] = float(each["logprob"])
    return entry["token"], tuple(pairs.items())


def score_of(answer: Answer) -> Score | None:
    """Return the score of a form, or None where it has none: the last line that gives one counts."""
    found = list(_SCORE.finditer(answer.content or ""))
    if not found or answer.refusal:
        return None
    stated = int(found[-1][1])
    value = _weighted(answer)
    return Score(float(stated), stated, False) if value is None else Score(value, stated, True)


def _weighted(answer: Answer) -> float | None:
    """Return the mean score by the probabilities of the score's token; None where there are none."""
    found = list(_SCORE.finditer("".join(token for token, _ in answer.tokens)))
    if not found:
        return None
    place = found[-1].start(1)
    token, alternatives = answer.tokens[0]
    for token, alternatives in answer.tokens:  # noqa: B007 - the last one stays
        if place < len(token):
            break
        place -= len(token)
    # The same token with another digit: `4`, ` 4` or `:4`.
    before, after = token[:place], token[place + 1 :]
    chances = [0.0] * (HIGHEST + 1)
    for text, logprob in alternatives:
        digit = text.removeprefix(before).removesuffix(after).strip()
        if digit.isdecimal() and digit.isascii() and LOWEST <= int(digit) <= HIGHEST and not math.isnan(logprob):
            chances[int(digit)] += math.exp(min(logprob, 0.0))
    total = sum(chances)
    return sum(score * chance for score, chance in enumerate(chances)) / total if total > 0 else None
