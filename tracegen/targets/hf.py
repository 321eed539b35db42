"""The format of Hugging Face TRL's SFTTrainer and of Axolotl's `type: chat_template`.

Line: {"messages": [...], "tools": [...]}. Arguments are an object: most chat templates of 2026 fail on a string or encode it
twice. A message with calls has `content` "", since some templates need the key. A return carries the function's `name`.
In TRL set `assistant_only_loss=True` and a `max_length` that fits: the defaults train on the returns and cut off the end.
Source: the templates bundled with trl 1.16.0, run with transformers 5.23.0 (2026-11).
"""

from typing import Any

from tracegen.records import Example, Hop
from tracegen.targets.openai import write_turn


def write_hf(example: Example) -> dict[str, Any]:
    """Return the line of an example."""
    messages = [write_turn(message) for message in example.row.prompt]
    for hop in example.hops:
        messages.extend(_write_hop(hop))
    messages.append(write_turn(example.row.messages[-1]))
    return {"messages": messages, "tools": list(example.tools)}


def _write_hop(hop: Hop) -> list[dict[str, Any]]:
    call = hop.call
    function = {"name": call.name, "arguments": call.arguments}
    return [
        {"role": "assistant", "content": "", "tool_calls": [{"id": call.id, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": call.id, "name": call.name, "content": hop.returned.text},
    ]
