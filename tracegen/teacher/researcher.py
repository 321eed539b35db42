"""The built-in researcher: a teacher that needs no model, no key and no network.

It reads the prompt as a person skims it (what is asked outright, which operations it speaks of, which names its code shows),
asks the documentation one thing at a time, follows up names that the returns show, says a fruitless query in other words, and
stops when it has asked enough for a prompt of this size. It is stateless and deterministic: all it knows is in the messages,
and the desired output is not among them.
"""

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from tracegen.records import RawCall, Response, Usage
from tracegen.teacher.names import Passage, interest, language_of, names_met, passages_of
from tracegen.teacher.reading import Prompt, read_prompt
from tracegen.teacher.wording import about_name, clean, in_other_words, is_repeated, phrased, with_articles
from tracegen.teacher.words import STOP_WORDS, WORD, stems_of

FRUITLESS_LIMIT = 2
"""So many searches in a row that bring nothing new end the research."""
PHRASE_WEIGHT = 0.8
"""What a phrase of the prompt is worth beside an operation that the prompt speaks of."""
FOLLOW_UP_TURNS = (2, 4)
"""After so many queries a name that the returns show comes first, if there is one that fits."""
SAME_VERB = 0.7
"""What a candidate is worth for every query so far that has its first word."""
ENOUGH = 2
"""With so many queries made, a poor query is worse than none."""
INTERESTING = 0.94
"""From this interest on a name that returns show is followed up."""
PASSABLE = 0.5
"""From this interest on a name is followed up where the prompt has given no more than one query."""


class Conversation:
    """What the messages say: the prompt, the queries made so far, and what came back."""

    def __init__(self, messages: Sequence[Mapping[str, Any]]) -> None:
        first_call = next((n for n, message in enumerate(messages) if message.get("tool_calls")), len(messages))
        opening = messages[:first_call]
        self.system = "\n\n".join(_text(m) for m in opening if m.get("role") in ("system", "developer"))
        turns = [_text(message) for message in opening if message.get("role") == "user"]
        self.prompt = turns[-1] if turns else ""
        self.earlier = "\n\n".join(turns[:-1])
        self.queries = [query for message in messages for query in _queries(message)]
        self.returns = [_text(message) for message in messages if message.get("role") == "tool"]

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

    def fruitless(self) -> int:
        """Return how many of the last searches, in a row, brought no passage that was not there before."""
        seen: set[str] = set()
        count = 0
        for passages in self.passages:
            places = {passage.place for passage in passages}
            count = 0 if places - seen else count + 1
            seen |= places
        return count


class Researcher:
    """The built-in researcher, a teacher."""

    name = "built-in researcher"

    def __init__(self, max_queries: int = 6) -> None:
        """Call the function that a request offers, at most `max_queries` times for a row."""
        self.max_queries = max_queries

    async def reply(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], tool_choice: str | None
    ) -> Response:
        """Return the next message: one call, or a short text when the research is done."""
        conversation = Conversation(messages)
        query = None if tool_choice == "none" else next_query(conversation, self.max_queries)
        if query is None:
            return Response(content=_closing(conversation), finish_reason="stop", model=self.name, usage=Usage(requests=1))
        name = tools[0]["function"]["name"] if tools else "search_docs"
        call = RawCall(name=name, arguments=json.dumps({"query": query}, ensure_ascii=False))
        return Response(calls=(call,), finish_reason="tool_calls", model=self.name, usage=Usage(requests=1))


def next_query(conversation: Conversation, max_queries: int) -> str | None:
    """Return what to ask next, or None when enough was asked."""
    asked = conversation.queries
    if len(asked) >= max(1, min(max_queries, budget(conversation.read))):
        return None
    fruitless = conversation.fruitless()
    if fruitless >= FRUITLESS_LIMIT and conversation.all_passages:
        return None
    streams: list[Iterator[str]] = []
    if fruitless and asked:
        streams.append(in_other_words(asked[-1], conversation.language))
    own, met = from_prompt(conversation), follow_ups(conversation, INTERESTING)
    streams += [met, own] if len(asked) in FOLLOW_UP_TURNS else [own, met]
    if len(asked) < ENOUGH:
        streams += [follow_ups(conversation, PASSABLE), fallbacks(conversation)]
    for stream in streams:
        for candidate in stream:
            query = clean(candidate)
            if query and not is_repeated(query, asked, conversation.language):
                return query
    return None


def budget(prompt: Prompt) -> int:
    """Return how many queries a prompt deserves: two for a short simple one, more for what has many words and parts."""
    size = prompt.words + 12 * prompt.parts + 4 * len(prompt.operations)
    return 2 + sum(size >= limit for limit in (10, 22, 40, 70))


def from_prompt(conversation: Conversation) -> Iterator[str]:
    """Yield queries that follow from the prompt, best first."""
    prompt, language = conversation.read, conversation.language
    words = _list_and_dict_words(conversation)
    candidates: list[tuple[float, str]] = [(question.weight, question.text) for question in prompt.questions]
    candidates += [(phrase.weight * PHRASE_WEIGHT, phrase.text) for phrase in prompt.phrases[:12]]
    candidates += [(value, with_articles(operation.ask.format_map(words))) for operation, value in prompt.operations[:16]]
    candidates += [(2.2 - 0.2 * place, name) for place, name in enumerate(prompt.names)]
    candidates += [(4.0 - place, line) for place, line in enumerate(prompt.lines[:2])]
    # Another question about the same verb seldom shows much that the first did not.
    asked = Counter(stem for query in conversation.queries for stem in set(stems_of(query)))
    candidates = [(weight * SAME_VERB ** asked[_first_stem(text)], text) for weight, text in candidates]
    for _, text in sorted(candidates, key=lambda candidate: -candidate[0]):
        yield text if text in prompt.lines else phrased(text, language, _variant(conversation), prompt.names)


def follow_ups(conversation: Conversation, least: float) -> Iterator[str]:
    """Yield queries about names that the returns show and that fit the prompt, the most interesting first, down to `least`."""
    thought_of = frozenset(stem for query in conversation.queries for stem in stems_of(query)) | frozenset(
        stem for operation, _ in conversation.read.operations[:12] for stem in stems_of(operation.ask)
    )
    thought_of -= STOP_WORDS
    scored = [(interest(name, conversation.read.stems, thought_of), name) for name in names_met(conversation.all_passages)]
    for value, name in sorted(scored, key=lambda pair: -pair[0]):
        if value >= least:
            yield about_name(name.name, _variant(conversation))


def fallbacks(conversation: Conversation) -> Iterator[str]:
    """Yield queries for prompts that give nothing to go on."""
    prompt, language = conversation.read, conversation.language
    words = [word for word in WORD.findall(prompt.prose[:400]) if word.lower() not in STOP_WORDS and 2 < len(word) <= 30]
    if words and not prompt.english:
        yield " ".join(dict.fromkeys(words[:3]))
    yield f"{language} syntax" if language else "getting started"
    yield f"{language} examples" if language else "examples"


def _first_stem(text: str) -> str:
    return next(iter(stems_of(text)), "")


def _variant(conversation: Conversation) -> int:
    """Return a number that varies the wording from prompt to prompt and from query to query, the same in every run."""
    return zlib.crc32(conversation.prompt.encode("utf-8", "replace")) % 35 + len(conversation.queries)


def _list_and_dict_words(conversation: Conversation) -> dict[str, str]:
    """Return what prompt and documentation call a list and a dictionary."""
    text = " ".join([conversation.prompt[:12_000], *conversation.returns]).lower()
    counts = Counter(re.findall(r"\b(list|array|dict|object|dictionary|dictionarie)s?\b", text))
    # Of words that are equally frequent the first is taken: who shows braces thinks of objects.
    dicts = ("object", "dict", "dictionary") if "{" in text else ("dict", "object", "dictionary")
    return {
        "list": max(("list", "array"), key=lambda word: counts[word]),
        "dict": max(dicts, key=lambda word: counts[word]),
    }


def _closing(conversation: Conversation) -> str:
    """Return the final text; it is thrown away, but people see it in the run."""
    if not conversation.queries:
        return "Nothing was looked up."
    return "Looked up: " + "; ".join(conversation.queries) + ". That is what the answer needs."


def _text(message: Mapping[str, Any]) -> str:
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
