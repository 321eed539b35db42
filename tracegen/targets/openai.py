"""The format of OpenAI's fine-tuning service, which Azure, Together and Fireworks take unchanged.

Line: {"messages": [...], "tools": [...]} and nothing else: Together refuses any further key, `parallel_tool_calls` too.
Arguments are a JSON string. A message with calls has no `content`: Azure refuses it there, null or empty. One call per message,
so that no reader has to support parallel calls. There is no `developer` role in training data: it is written as `system`.
Source: FineTuneChatRequestInput in openai-openapi@498c71d (2025-04-29); Microsoft's transform_traces_jsonl.py (2026).
"""

import json
from typing import Any

from tracegen.records import Example, Hop, Message


def write_openai(example: Example) -> dict[str, Any]:
    """Return the line of an example."""
    messages = [write_turn(message) for message in example.row.prompt]
    for hop in example.hops:
        messages.extend(_write_hop(hop))
    messages.append(write_turn(example.row.messages[-1]))
    return {"messages": messages, "tools": list(example.tools)}


def write_turn(message: Message) -> dict[str, Any]:
    """Return a message of the row as it is, but for the role `developer`."""
    turn = message.model_dump()
    if message.role == "developer":
        turn["role"] = "system"
    return turn


def _write_hop(hop: Hop) -> list[dict[str, Any]]:
    call = hop.call
    function = {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}
    return [
        {"role": "assistant", "tool_calls": [{"id": call.id, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": call.id, "content": hop.returned.text},
    ]
