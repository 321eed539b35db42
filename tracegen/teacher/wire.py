"""Request bodies, written by appending: a conversation only grows, so each message is turned into JSON once.

A context that is too long: the returns' text is left out of the *request*, the oldest first, and the research goes on. The
model has read those passages already, and its later calls show what it took from them; the example keeps the full returns,
since what it is trained with is decided when it is exported. The newest return always stays: without it the model would ask
the same again. Rejecting the row at once would throw away all hops that were paid for.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

LEFT_OUT = "(left out here: too long)"
"""What stands in the place of a return's text."""


class Conversation(list[dict[str, Any]]):
    """The messages of a conversation, to which messages are only appended; remembers their JSON."""

    def __init__(self, messages: Sequence[dict[str, Any]] = ()) -> None:
        """Start with these messages."""
        super().__init__(messages)
        self._parts: list[bytes] = []

    def parts(self) -> list[bytes]:
        """Return each message as JSON."""
        for message in self[len(self._parts) :]:
            self._parts.append(to_json(message))
        return self._parts


def to_json(value: Any) -> bytes:
    """Return a value as JSON for the wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def completion_body(messages: Sequence[Mapping[str, Any]], tools: bytes, fields: Mapping[str, Any], left_out: int) -> bytes:
    """Return the body of a chat completion, without the text of the oldest `left_out` returns."""
    parts = messages.parts() if isinstance(messages, Conversation) else [to_json(message) for message in messages]
    if left_out:
        parts = list(parts)
        for place in returns(messages)[:left_out]:
            parts[place] = to_json({**messages[place], "content": LEFT_OUT})
    return b"".join((to_json(fields)[:-1], b',"messages":[', b",".join(parts), b'],"tools":', tools, b"}"))


def returns(messages: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the places of the returns whose text may be left out: all but the newest."""
    return [place for place, message in enumerate(messages) if message["role"] == "tool"][:-1]
