"""Rows of other formats as chat rows: prompt and completion, Alpaca's instruction, ShareGPT's conversations.

    {"prompt": "Reverse a list", "completion": "list.reverse(items)"}
    {"instruction": "Reverse a list", "input": "", "output": "list.reverse(items)"}
    {"conversations": [{"from": "human", "value": "Reverse a list"}, {"from": "gpt", "value": "list.reverse(items)"}]}

Each may have a `system` prompt, and the first two a `history` of pairs. Texts stay as they are, and so does what is not text:
whoever reads the messages says what is wrong with it.
"""

from collections.abc import Iterator
from typing import Any

ASKED = ("prompt", "instruction", "question", "input")
ANSWERED = ("completion", "output", "response", "answer")
"""Fields of a prompt and of its desired output, the first ones first."""
ROLES = {"human": "user", "gpt": "assistant"}
"""What ShareGPT calls roles."""

Message = dict[str, Any]


def as_chat(row: Any) -> Any:
    """Return a row of a known shape with `messages` in place of the fields they are made of; any other value as it is."""
    if not isinstance(row, dict) or "messages" in row:
        return row
    if isinstance(row.get("conversations"), list):
        used = {"conversations", "system"}
        turns = [_turn(turn) for turn in row["conversations"]]
    else:
        asked = next((name for name in ASKED if name in row), None)
        answered = next((name for name in ANSWERED if name in row), None)
        if asked is None or answered is None:
            return row
        used = {asked, answered, "system", "history"} | ({"input"} if asked == "instruction" else set())
        turns = [*_history(row.get("history")), *_prompt(row, asked), *_messages("assistant", row[answered])]
    system = [{"role": "system", "content": row["system"]}] if row.get("system") else []
    return {name: value for name, value in row.items() if name not in used} | {"messages": system + turns}


def _turn(turn: Any) -> Any:
    """Return a turn of a conversation as a message; some datasets have messages there."""
    if not isinstance(turn, dict) or "from" not in turn:
        return turn
    role = turn["from"]
    return {"role": ROLES.get(role, role) if isinstance(role, str) else role, "content": turn.get("value")}


def _history(pairs: Any) -> Iterator[Message]:
    """Yield the turns before: pairs of a prompt and an answer; what is no pair has no answer, and is refused for that."""
    for pair in pairs if isinstance(pairs, list) else [pairs] if pairs else []:
        asked, answered = pair if isinstance(pair, list) and len(pair) == 2 else (pair, None)
        yield {"role": "user", "content": asked}
        yield {"role": "assistant", "content": answered}


def _prompt(row: dict[str, Any], asked: str) -> list[Any]:
    """Return the messages of the prompt; what an instruction is to be applied to stands below it."""
    prompt, to = row[asked], row.get("input") if asked == "instruction" else None
    if isinstance(prompt, str) and isinstance(to, str) and to:
        prompt = f"{prompt}\n\n{to}" if prompt else to
    return _messages("user", prompt)


def _messages(role: str, content: Any) -> list[Any]:
    """Return a list of messages, as TRL has them in a prompt and a completion, as it is; any other content as one message."""
    is_chat = isinstance(content, list) and bool(content) and all(isinstance(each, dict) and "role" in each for each in content)
    return content if is_chat else [{"role": role, "content": content}]
