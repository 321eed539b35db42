"""The built-in researcher: a teacher that needs no model, no key and no network.

It reads the prompt as a person skims it (what is asked outright, which operations it speaks of, which names its code shows), asks
the documentation one thing at a time, follows up names that the returns show, says a fruitless query in other words, and stops
when it has asked enough for a prompt of this size. It is stateless and deterministic: all it knows is in the messages, and the
desired output is not among them.
"""

import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from tracegen.records import RawCall, Response, Usage
from tracegen.teacher.names import Passage, interest, language_of, names_met, passages_of, subwords
from tracegen.teacher.phrases import cut
from tracegen.teacher.reading import Prompt, read_prompt
from tracegen.teacher.words import STOP_WORDS, WORD, stem, stems_of, synonyms_of, verb_of

MAX_QUERY_CHARS = 120
"""A query is never longer; people's are shorter."""
FRUITLESS_LIMIT = 2
"""So many searches in a row that bring nothing new end the research."""
ENOUGH = 2
"""With so many queries made, a poor query is worse than none."""
INTERESTING = 1.1
"""From this interest on a name that returns show is followed up."""

_ONE_WORD = {"array": "list", "object": "dict", "dictionary": "dict"}
_ARTICLE = re.compile(r"\b(a) (array|object)\b")
_FRAME = frozenset(["how", "to", "what", "does", "do", "is", "in", "the", "a", "an", "of", "example", "use", "function", "functions", "module", "type", "error"])


class Conversation:
    """What the messages say: the prompt, the queries made so far, and what came back."""

    def __init__(self, messages: Sequence[Mapping[str, Any]]) -> None:
        first_call = next((n for n, message in enumerate(messages) if message.get("tool_calls")), len(messages))
        opening = messages[:first_call]
        self.system = "\n\n".join(_text(m) for m in opening if m.get("role") in ("system", "developer"))
        # Without a call the last user turn may be a reminder to search, set behind an answer; the turn before it is the prompt.
        turns = [_text(message) for message in opening if message.get("role") == "user"]
        self.prompt = turns[-1] if turns else ""
        self.earlier = "\n\n".join(turns[:-1])
        self.queries = [query for message in messages for query in _queries(message)]
        self.returns = [_text(message) for message in messages if message.get("role") == "tool"]

    @cached_property
    def read(self) -> Prompt:
        """The prompt, read; a short one that goes on from earlier turns is read together with them."""
        return _read(self.prompt)

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
        call = RawCall(name=tools[0]["function"]["name"], arguments=json.dumps({"query": query}, ensure_ascii=False))
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
    follow_up_turn = len(asked) % 2 == 1
    own, met = from_prompt(conversation), follow_ups(conversation)
    streams += [met, own] if follow_up_turn else [own, met]
    if len(asked) < ENOUGH:
        streams.append(fallbacks(conversation))
    for stream in streams:
        for candidate in stream:
            query = clean(candidate)
            if query and not is_repeated(query, asked, conversation.language):
                return query
    return None


def budget(prompt: Prompt) -> int:
    """Return how many queries a prompt deserves: two for a short simple one, more for what has many words and parts."""
    size = prompt.words + 12 * prompt.parts + 4 * len(prompt.operations)
    return 2 + sum(size >= limit for limit in (12, 28, 55, 100))


def from_prompt(conversation: Conversation) -> Iterator[str]:
    """Yield queries that follow from the prompt, best first."""
    prompt, language = conversation.read, conversation.language
    words = _list_and_dict_words(conversation)
    candidates: list[tuple[float, str]] = [(question.weight, question.text) for question in prompt.questions]
    candidates += [(phrase.weight, phrase.text) for phrase in prompt.phrases[:12]]
    candidates += [(value, _ARTICLE.sub(r"\1n \2", operation.ask.format_map(words))) for operation, value in prompt.operations[:16]]
    candidates += [(2.2 - 0.2 * place, name) for place, name in enumerate(prompt.names)]
    candidates += [(4.0 - place, line) for place, line in enumerate(prompt.lines[:4])]
    for weight, text in sorted(candidates, key=lambda candidate: -candidate[0]):
        del weight
        yield phrased(text, language, _variant(conversation), prompt.names)


def follow_ups(conversation: Conversation) -> Iterator[str]:
    """Yield queries about names that the returns show and that fit the prompt, the most interesting first."""
    thought_of = frozenset(stem for query in conversation.queries for stem in stems_of(query)) | frozenset(
        stem for operation, _ in conversation.read.operations[:12] for stem in stems_of(operation.ask)
    )
    thought_of -= STOP_WORDS
    scored = [(interest(name, conversation.read.stems, thought_of), name) for name in names_met(conversation.all_passages)]
    for value, name in sorted(scored, key=lambda pair: -pair[0]):
        if value >= INTERESTING:
            yield _about_name(name.name, _variant(conversation))


def in_other_words(query: str, language: str) -> Iterator[str]:
    """Yield a query again, with another word for the same thing, and then without its details."""
    words = query.split()
    for place, word in enumerate(words):
        bare = word.strip("?`")
        others = [] if bare.lower() in _FRAME | STOP_WORDS else synonyms_of(bare)
        for other in others[:2]:
            yield " ".join([*words[:place], other, *words[place + 1 :]])
    if names := [part for part in re.findall(r"[A-Za-z_]\w*(?:\.\w+)+", query) if part != language]:
        yield " ".join(subwords(names[0])) + " function"
    core = [word for word in words if word.lower() not in _FRAME and word != language]
    if len(core) > 2:
        yield cut(" ".join(core[:3]))


def fallbacks(conversation: Conversation) -> Iterator[str]:
    """Yield queries for prompts that give nothing to go on."""
    prompt, language = conversation.read, conversation.language
    words = [word for word in WORD.findall(prompt.prose[:400]) if word.lower() not in STOP_WORDS and 2 < len(word) <= 30]
    if words:
        yield " ".join(dict.fromkeys(words[:3]))
    yield f"{language} syntax" if language else "getting started"
    yield f"{language} examples" if language else "examples"


def phrased(text: str, language: str, variant: int, names: Sequence[str]) -> str:
    """Return a phrase as people type it: as a question, with the language, or bare."""
    if text in names and verb_of(text) is None:
        return _about_name(text, variant)
    if text.startswith(("how ", "what ", "error:")):
        return text
    with_language = f"{text} in {language}" if language and language.lower() not in text.lower() else text
    if verb_of(text.split()[0]) == text.split()[0]:
        return (f"how to {text}", text, f"how to {text}", text, with_language, f"how to {text}", text)[variant % 7]
    return (text, text, with_language, text, text)[variant % 5]


def _about_name(name: str, variant: int) -> str:
    """Return a query about a name from code."""
    if not any(c.isalnum() for c in name):
        return f"what does `{name}` do" if variant % 2 else f"{name} operator"
    if "/" in name:
        return f"{name} module" if variant % 2 else f"{name} functions"
    if name[0].isupper() and "." not in name:
        return (f"{name} type", f"how to use {name}", f"{name} functions")[variant % 3]
    return (f"how to use {name}", f"{name} example", name, f"what does {name} do")[variant % 4]


def clean(query: str) -> str:
    """Return a query fit to be sent: one line, no surrogates or control characters, not too long."""
    query = "".join(c if c.isprintable() else " " for c in query)
    query = " ".join(query.split())
    return query if len(query) <= MAX_QUERY_CHARS else query[:MAX_QUERY_CHARS].rsplit(" ", 1)[0]


def is_repeated(query: str, asked: Sequence[str], language: str) -> bool:
    """Return whether a query asks what one of those before asked, if in other words."""
    own = _content(query, language)
    return any(query.lower() == other.lower() or _same(own, _content(other, language)) for other in asked)


def _content(query: str, language: str) -> frozenset[str]:
    """Return the stems that make out a query; a name counts by its words."""
    parts = re.sub(r"([a-z])([A-Z])", r"\1 \2", query.replace(".", " ").replace("_", " ").replace("/", " "))
    stems = {_ONE_WORD.get(word, word) for word in map(stem, WORD.findall(parts))} or set(query.split())
    return frozenset(stems - {stem(word) for word in _FRAME | STOP_WORDS} - {stem(language)}) or frozenset(stems)


def _same(a: frozenset[str], b: frozenset[str]) -> bool:
    return len(a & b) >= 0.6 * len(a | b)


def _variant(conversation: Conversation) -> int:
    """Return a number that varies the wording from prompt to prompt and from query to query, the same in every run."""
    return zlib.crc32(conversation.prompt.encode("utf-8", "replace")) % 35 + len(conversation.queries)


def _list_and_dict_words(conversation: Conversation) -> dict[str, str]:
    """Return what prompt and documentation call a list and a dictionary."""
    text = " ".join([conversation.prompt[:12_000], *conversation.returns]).lower()
    counts = Counter(re.findall(r"\b(list|array|dict|object|dictionary|dictionarie)s?\b", text))
    return {
        "list": max(("list", "array"), key=lambda word: counts[word]),
        "dict": max(("dict", "object", "dictionary"), key=lambda word: counts[word]),
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
