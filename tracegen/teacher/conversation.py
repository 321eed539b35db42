"""A conversation as the built-in researcher reads it: the prompt, what it asked, what came back, what it was told since."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from tracegen.teacher.names import Passage, language_of, passages_of
from tracegen.teacher.reading import Prompt, read_prompt


class Conversation:
    """What the messages say: the prompt, the queries made so far, what came back, and the last message to go on (`told`)."""

    def __init__(self, messages: Sequence[Mapping[str, Any]]) -> None:
        first_call = next((n for n, message in enumerate(messages) if message.get("tool_calls")), len(messages))
        opening = messages[:first_call]
        self.system = "\n\n".join(text_of(m) for m in opening if m.get("role") in ("system", "developer"))
        turns = [text_of(message) for message in opening if message.get("role") == "user"]
        self.prompt = turns[-1] if turns else ""
        self.earlier = "\n\n".join(turns[:-1])
        self.queries = [query for message in messages for query in _queries(message)]
        self.returns = [text_of(message) for message in messages if message.get("role") == "tool"]
        told = [place for place in range(first_call, len(messages)) if messages[place].get("role") == "user"]
        self.told = text_of(messages[told[-1]]) if told else ""
        self.before = sum(len(_queries(message)) for message in messages[: told[-1]]) if told else 0

    @property
    def topics(self) -> list[str]:
        """The topics that the last message to go on names, one in a line."""
        return re.findall(r"^- (.+)$", self.told, re.MULTILINE)

    @cached_property
    def read(self) -> Prompt:
        """The prompt, read; where it says nothing alone (`now the same for three`), with the turns that it goes on from."""
        own = _read(self.prompt)
        says_something = own.questions or own.phrases or own.operations or own.names
        return own if says_something or not self.earlier else _read(f"{self.earlier}\n\n{self.prompt}")

    @cached_property
    def passages(self) -> list[list[Passage]]:
        """The passages of every return."""
        return [passages_of(text) for text in self.returns]

    @cached_property
    def all_passages(self) -> list[Passage]:
        """The passages of all returns."""
        return [passage for passages in self.passages for passage in passages]

    @cached_property
    def language(self) -> str:
        """The language or product, or ""."""
        return language_of(self.system, f"{self.prompt}\n{self.earlier}", self.read.labels, self.all_passages)

    @cached_property
    def list_and_dict_words(self) -> dict[str, str]:
        """What prompt and documentation call a list and a dictionary."""
        text = " ".join([self.prompt[:12_000], *self.returns]).lower()
        counts = Counter(re.findall(r"\b(list|array|dict|object|dictionary|dictionarie)s?\b", text))
        # Of words that are equally frequent the first is taken: who shows braces thinks of objects.
        dicts = ("object", "dict", "dictionary") if "{" in text else ("dict", "object", "dictionary")
        return {
            "list": max(("list", "array"), key=lambda word: counts[word]),
            "dict": max(dicts, key=lambda word: counts[word]),
        }

    def fruitless(self) -> int:
        """Return how many of the last searches, in a row, brought no passage that was not there before.

        Where the researcher was told to go on, of the searches since then.
        """
        seen: set[str] = set()
        count = 0
        for number, passages in enumerate(self.passages):
            places = {passage.place for passage in passages}
            count = 0 if places - seen or number < self.before else count + 1
            seen |= places
        return count


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message; content may be missing or come in parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _queries(message: Mapping[str, Any]) -> list[str]:
    """Return the queries of a message's calls."""
    found: list[str] = []
    for call in message.get("tool_calls") or ():
        try:
            arguments = json.loads(call["function"]["arguments"])
        except (ValueError, KeyError, TypeError):
            continue
        if isinstance(arguments, dict) and isinstance(arguments.get("query"), str):
            found.append(arguments["query"])
    return found


@lru_cache(maxsize=256)
def _read(prompt: str) -> Prompt:
    """Read a prompt once, although every reply needs it."""
    return read_prompt(prompt)
