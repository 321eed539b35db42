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
        self.thoughts: dict[int, str] = {}
        """What the model thought before it said a message, by the message's place."""

    def say(self, message: dict[str, Any], thought: str | None) -> None:
        """Append a message of the model."""
        if thought:
            self.thoughts[len(self)] = thought
        self.append(message)

    def parts(self) -> list[bytes]:
        """Return each message as JSON."""
        for message in self[len(self._parts) :]:
            self._parts.append(to_json(message))
        return self._parts


def signed(signature: str) -> dict[str, Any]:
    """Return the `extra_content` of a call in which Google's models look for the signature of what they thought before it."""
    return {"google": {"thought_signature": signature}}


def to_json(value: Any) -> bytes:
    """Return a value as JSON for the wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def without_returns(messages: Sequence[Mapping[str, Any]], left_out: int) -> Sequence[Mapping[str, Any]]:
    """Return messages without the text of the oldest `left_out` returns."""
    if not left_out:
        return messages
    places = set(returns(messages)[:left_out])
    return [{**message, "content": LEFT_OUT} if place in places else message for place, message in enumerate(messages)]


def returns(messages: Sequence[Mapping[str, Any]]) -> list[int]:
    """Return the places of the returns whose text may be left out: all but the newest."""
    return [place for place, message in enumerate(messages) if message["role"] == "tool"][:-1]
