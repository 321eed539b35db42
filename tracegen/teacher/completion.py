"""Chat completions: writes requests, and reads responses tolerantly: real servers differ in all that the format leaves open."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tracegen.records import RawCall, Response, Usage
from tracegen.teacher.faults import clean
from tracegen.teacher.wire import Conversation, to_json, without_returns

PATH = "/chat/completions"
NO_TOOLS = b"[]"
"""No tools, as JSON: then the key has to be left out, since servers refuse an empty list."""


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

    Raises ValueError where it is none: not JSON, an error with status 200, no choice, no message.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError(f"not JSON ({body[:60].decode(errors='replace')!r})") from None
    choices = value.get("choices") if isinstance(value, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        error = value.get("error") if isinstance(value, dict) else None
        said = error.get("message") if isinstance(error, dict) else error
        raise ValueError(f"an error, {str(said)!r}" if said else "no choice with a message in it")
    calls = message.get("tool_calls")
    return Response(
        content=_text(message.get("content")),
        calls=tuple(_read_call(call) for call in calls if isinstance(call, dict)) if isinstance(calls, list) else (),
        finish_reason=_text(choice.get("finish_reason")),
        refusal=_text(message.get("refusal")),
        reasoning=_text(message.get("reasoning_content")) or _text(message.get("reasoning")),
        model=_text(value.get("model")),
        usage=_read_usage(value.get("usage")),
    )


def _read_call(call: Mapping[str, Any]) -> RawCall:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else json.dumps(arguments)
    return RawCall(name=_text(function.get("name")) or "", arguments=clean(arguments))


def _read_usage(usage: Any) -> Usage:
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = counts.get("prompt_tokens"), counts.get("completion_tokens")
    return Usage(
        requests=1,
        prompt_tokens=prompt if isinstance(prompt, int) else 0,
        completion_tokens=completion if isinstance(completion, int) else 0,
    )


def _text(value: Any) -> str | None:
    """Return a text field, or None; content given as parts is joined."""
    if isinstance(value, list):
        texts = (part.get("text") for part in value if isinstance(part, dict))
        value = "".join(text for text in texts if isinstance(text, str))
    return clean(value) if isinstance(value, str) else None
