"""What a model or server refuses of a request: learned from the first refusal, remembered for the run.

Seen in 2026-11: models that take tools on chat completions only with an explicit `reasoning_effort: "none"`; models that refuse
any temperature but their own; `max_tokens` that must be called `max_completion_tokens`; servers without `required` calls.
Thinking models want back with their calls what they thought: DeepSeek and Kimi `reasoning_content`, which other servers refuse,
and Gemini 3 a signature. That goes back with its call; for one that has none, as the second of two calls at once, Google names
a placeholder.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tracegen.teacher.wire import Conversation, signed

SENTENCES = {
    "tool_choice": 'tool_choice "required" was refused: "auto" is sent',
    "no_tool_choice": "every tool_choice was refused: none is sent",
    "reasoning_effort": 'tools were refused without reasoning_effort: "none" is sent',
    "temperature": "the temperature was refused: the model's own is used",
    "max_tokens": "max_tokens was refused: it is sent as max_completion_tokens",
    "parallel_tool_calls": "parallel_tool_calls was refused: it is left out",
    "top_logprobs": "20 top_logprobs were refused: 5 are asked for",
    "logprobs": "log probabilities were refused: they are not asked for",
    "reasoning_content": "calls were refused without what the model thought before them: it is sent back",
    "thought_signature": "calls were refused without a thought signature: those without one get the placeholder for it",
}
"""Every quirk, and what is done about it."""
FORMS = "forms_of_messages"
"""Name among a request's fields, never sent, of the quirks that change its messages: so it is known what was refused."""
_OF_MESSAGES = ("reasoning_content", "thought_signature")
_LACKING = re.compile(r"missing|pass(?:ed)? back|required|must be (?:provided|included|present)", re.IGNORECASE)
_UNSIGNED = signed("skip_thought_signature_validator")
FEWER_LOGPROBS = 5
"""Some servers give no more alternatives for a token; five are enough for five scores."""
_TOOL_CHOICE = re.compile(r"tool[ _]?choice(?! requires --)", re.IGNORECASE)
"""As field, in words, or as Amazon calls it; vLLM says with it which of its options is missing."""


class Quirks:
    """The quirks learned so far."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """Start with those of an earlier start; unknown ones, of another version, are left out."""
        self.known = [name for name in known if name in SENTENCES]

    @property
    def sentences(self) -> list[str]:
        """What was learned, for people."""
        return [SENTENCES[name] for name in self.known]

    def apply(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return the fields of a request as this endpoint takes them."""
        fields = dict(fields)
        for name in self.known:
            match name:
                case "tool_choice" if fields.get("tool_choice") == "required":
                    fields["tool_choice"] = "auto"
                case "no_tool_choice":
                    fields.pop("tool_choice", None)
                case "reasoning_effort":
                    fields["reasoning_effort"] = "none"
                case "max_tokens" if "max_tokens" in fields:
                    fields["max_completion_tokens"] = fields.pop("max_tokens")
                case "temperature" | "parallel_tool_calls":
                    fields.pop(name, None)
                case "top_logprobs" if "top_logprobs" in fields:
                    fields["top_logprobs"] = FEWER_LOGPROBS
                case "logprobs":
                    fields.pop("logprobs", None)
                    fields.pop("top_logprobs", None)
        if forms := [name for name in self.known if name in _OF_MESSAGES]:
            fields[FORMS] = forms
        return fields

    def learn(self, refusal: str, sent: dict[str, Any]) -> bool:
        """Learn from a refusal of a request with these fields; return whether it is worth sending again, in another form."""
        name = _quirk(refusal, sent)
        if name is None:
            return False
        # Requests that were in flight together are refused together.
        if name not in self.known:
            self.known.append(name)
        return True


def in_form(
    messages: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]
) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, Any]]:
    """Return the messages of a request in the form that its fields name, and the fields to send."""
    if FORMS not in fields:
        return messages, fields
    forms, thoughts = fields[FORMS], messages.thoughts if isinstance(messages, Conversation) else {}
    formed = []
    for place, message in enumerate(messages):
        if message["role"] == "assistant" and "reasoning_content" in forms:
            # Kimi wants it of every message, and takes no empty one.
            message = {**message, "reasoning_content": thoughts.get(place) or " "}
        if "tool_calls" in message and "thought_signature" in forms:
            message = {**message, "tool_calls": [{"extra_content": _UNSIGNED, **call} for call in message["tool_calls"]]}
        formed.append(message)
    return formed, {name: value for name, value in fields.items() if name != FORMS}


def _quirk(refusal: str, sent: dict[str, Any]) -> str | None:
    for name in _OF_MESSAGES:
        if name in refusal and _LACKING.search(refusal) and name not in sent.get(FORMS, ()):
            return name
    if _TOOL_CHOICE.search(refusal) and "tool_choice" in sent:
        return "tool_choice" if sent["tool_choice"] == "required" else "no_tool_choice"
    if "reasoning_effort" in refusal and "reasoning_effort" not in sent:
        return "reasoning_effort"
    if "logprob" in refusal and "logprobs" in sent:
        return "top_logprobs" if "top_logprobs" in refusal and sent.get("top_logprobs", 0) > FEWER_LOGPROBS else "logprobs"
    for name in ("max_tokens", "temperature", "parallel_tool_calls"):
        if name in refusal and name in sent:
            return name
    return None
