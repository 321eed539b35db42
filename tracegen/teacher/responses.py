"""OpenAI's Responses API: items instead of messages, for teachers that take tools together with reasoning there only.

Stateless: `store` is false and the whole conversation is sent, so that nothing but the run file is needed to go on. A model's
reasoning between calls is not sent back; calls are sent without the ids of items, with which OpenAI insists on the reasoning.
Form of requests and responses: openai 3.51 types (2026-11).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tracegen.records import RawCall, Response, Usage
from tracegen.teacher.completion import NO_TOOLS, not_json, read_count
from tracegen.teacher.faults import ErrorAnswer, clean
from tracegen.teacher.wire import to_json, without_returns

PATH = "/responses"
_NOT_DONE = ("failed", "cancelled", "queued", "in_progress")
_ENDINGS = {"max_output_tokens": "length", "content_filter": "content_filter"}


def write_tools(tools: Sequence[Mapping[str, Any]]) -> bytes:
    """Return the tools as JSON: flat, and not strict, since a strict schema allows no optional arguments."""
    return to_json([{"type": "function", "strict": False, **tool["function"]} for tool in tools])


def write_body(messages: Sequence[Mapping[str, Any]], tools: bytes, fields: Mapping[str, Any], left_out: int) -> bytes:
    """Return the body of a request, without the text of the oldest `left_out` returns."""
    items = [item for message in without_returns(messages, left_out) for item in _items(message)]
    named = _fields(fields)
    if tools == NO_TOOLS:
        named.pop("tool_choice", None)
    offered = b"" if tools == NO_TOOLS else b',"tools":' + tools
    return b"".join((to_json(named)[:-1], b',"input":', to_json(items), offered, b"}"))


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a chat completion under their names here."""
    named = {"store": False, **fields}
    if "max_tokens" in named:
        named["max_output_tokens"] = named.pop("max_tokens")
    if "reasoning_effort" in named:
        named["reasoning"] = {"effort": named.pop("reasoning_effort")}
    return named


def _items(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    if message["role"] == "tool":
        yield {"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}
        return
    calls = message.get("tool_calls", ())
    if message["content"] or not calls:
        # OpenAI can do without the type; llama.cpp's server refuses what an assistant said without it.
        yield {"type": "message", "role": message["role"], "content": message["content"]}
    for call in calls:
        yield {"type": "function_call", "call_id": call["id"], **call["function"]}


def read_body(body: bytes) -> Response:
    """Return the response in a body. Raises ValueError where it is none: not JSON, no output; ErrorAnswer where it failed."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError(not_json(body)) from None
    output = value.get("output") if isinstance(value, dict) else None
    error = value.get("error") if isinstance(value, dict) else None
    if error:
        raise ErrorAnswer(error)
    if not isinstance(output, list) or value.get("status") in _NOT_DONE:
        raise ValueError("no output in it")
    items = [item for item in output if isinstance(item, dict)]
    calls = tuple(_read_call(item) for item in items if item.get("type") == "function_call")
    parts = [part for item in items if item.get("type") == "message" for part in _parts(item, "content")]
    details = value.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, dict) else None
    return Response(
        content=_joined(parts, "text"),
        calls=calls,
        finish_reason=_ENDINGS.get(str(reason)) or ("tool_calls" if calls else "stop"),
        refusal=_joined(parts, "refusal"),
        reasoning=_joined([part for item in items if item.get("type") == "reasoning" for part in _reasoning(item)], "text"),
        model=clean(value["model"]) if isinstance(value.get("model"), str) else None,
        usage=_read_usage(value.get("usage")),
    )


def _read_call(item: Mapping[str, Any]) -> RawCall:
    name, arguments = item.get("name"), item.get("arguments")
    if not isinstance(arguments, str):
        arguments = "" if arguments is None else json.dumps(arguments)
    return RawCall(name=clean(name) if isinstance(name, str) else "", arguments=clean(arguments))


def _parts(item: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    parts = item.get(field)
    if isinstance(parts, str):
        return [{"text": parts}]
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _reasoning(item: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _parts(item, "summary") + _parts(item, "content")


def _joined(parts: Sequence[Mapping[str, Any]], field: str) -> str | None:
    texts = [part[field] for part in parts if isinstance(part.get(field), str)]
    return clean("".join(texts)) if texts else None


def _read_usage(usage: Any) -> Usage:
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion = counts.get("input_tokens"), counts.get("output_tokens")
    return Usage(
        requests=1,
        prompt_tokens=read_count(prompt),
        completion_tokens=read_count(completion),
    )
