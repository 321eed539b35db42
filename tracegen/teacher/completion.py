"""Chat completions: writes requests, and reads responses tolerantly: real servers differ in all that the format leaves open."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tracegen.records import RawCall, Response, Usage
from tracegen.teacher.faults import ErrorAnswer, clean
from tracegen.teacher.wire import Conversation, to_json, without_returns

PATH = "/chat/completions"
NO_TOOLS = b"[]"
"""No tools, as JSON: then the key has to be left out, since servers refuse an empty list."""
_COUNT_DIGITS = 12
"""A request with more tokens than have so many digits there is none: the sum over a run has to fit into a column."""
_FAILED = ("error", "malformed_function_call")
"""What reasons to finish end in with which a message is none: a gateway's (OpenRouter, vLLM), and Gemini's for a call that it
could not make, `function_call_filter: MALFORMED_FUNCTION_CALL`."""


def write_tools(tools: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the tools as JSON."""
    return to_json(list(tools))


def write_body(messages: Sequence[Mapping[str, Any]], tools: bytes, fields: Mapping[str, Any], left_out: int) -> bytes:
    """Return the body of a request, without the text of the oldest `left_out` returns; without any tool it offers none."""
    if tools == NO_TOOLS:
        fields = {name: value for name, value in fields.items() if name != "tool_choice"}
    if isinstance(messages, Conversation) and not left_out:
        parts = messages.parts()
    else:
        parts = [to_json(message) for message in without_returns(messages, left_out)]
    offered = b"" if tools == NO_TOOLS else b',"tools":' + tools
    return b"".join((to_json(fields)[:-1], b',"messages":[', b",".join(parts), b"]", offered, b"}"))


def read_completion(body: bytes) -> Response:
    """Return the response in the body of a chat completion.

    Raises ValueError where it is none: not JSON, no choice, no message; ErrorAnswer where it holds an error with status 200.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError(not_json(body)) from None
    choices = value.get("choices") if isinstance(value, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        if error := value.get("error") if isinstance(value, dict) else None:
            raise ErrorAnswer(error)
        raise ValueError("no choice with a message in it")
    finish_reason = _text(choice.get("finish_reason"))
    if choice.get("error") or str(finish_reason).lower().endswith(_FAILED):
        raise ErrorAnswer(choice.get("error"), str(finish_reason))
    calls = message.get("tool_calls")
    return Response(
        content=_text(message.get("content")),
        calls=tuple(_read_call(call) for call in calls if isinstance(call, dict)) if isinstance(calls, list) else (),
        finish_reason=finish_reason,
        refusal=_text(message.get("refusal")),
        reasoning=_text(message.get("reasoning_content")) or _text(message.get("reasoning")),
        model=_text(value.get("model")),
        usage=_read_usage(value.get("usage")),
    )


def not_json(body: bytes) -> str:
    """Return what to say of a body that is not JSON."""
    if body.lstrip().startswith((b"data:", b"event:")):
        return "a stream of events, though none was asked for"
    if body.lstrip().startswith(b"{"):
        return f"JSON that breaks off, or is none ({body[:60].decode(errors='replace')!r})"
    return f"not JSON ({body[:60].decode(errors='replace')!r})"


def _read_call(call: Mapping[str, Any]) -> RawCall:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else json.dumps(arguments)
    extra = call.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    return RawCall(
        name=_text(function.get("name")) or "",
        arguments=clean(arguments),
        signature=_text(google.get("thought_signature")) if isinstance(google, dict) else None,
    )


def _read_usage(usage: Any) -> Usage:
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(
        requests=1,
        prompt_tokens=read_count(prompt),
        completion_tokens=read_count(completion),
    )


def read_count(value: Any) -> int:
    """Return a number of tokens as a server gives it, 0 where it gives none that can be."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _COUNT_DIGITS:
        return int(value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**_COUNT_DIGITS
    return int(value) if is_number else 0


def _text(value: Any) -> str | None:
    """Return a text field, or None; content given as parts is joined."""
    if isinstance(value, list):
        texts = (part.get("text") for part in value if isinstance(part, dict))
        value = "".join(text for text in texts if isinstance(text, str))
    return clean(value) if isinstance(value, str) else None
