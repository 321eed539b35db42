"""The built-in researcher: a teacher that needs no model, no key and no network.

It reads the prompt as a person skims it (what is asked outright, which operations it speaks of, which names its code shows),
asks the documentation one thing at a time, follows up names that the returns show, says a fruitless query in other words, and
stops when it has asked enough for a prompt of this size. It is stateless and deterministic: all it knows is in the messages,
and the desired output is not among them.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tracegen.records import RawCall, Response, Usage
from tracegen.teacher.conversation import Conversation
from tracegen.teacher.further import closer, guided, linked, nearby, subject_of
from tracegen.teacher.names import interest, names_met
from tracegen.teacher.reading import Prompt
from tracegen.teacher.wording import about_name, clean, in_other_words, is_repeated, phrased, with_articles
from tracegen.teacher.words import PRONOUNS, STOP_WORDS, WORD, stems_of

FRUITLESS_LIMIT = 2
"""So many searches in a row that bring nothing new end the research."""
PHRASE_WEIGHT = 0.8
"""What a phrase of the prompt is worth beside an operation that the prompt speaks of."""
USED_WEIGHT = 3.2
"""What a name is worth that the prompt says to use: only what is asked outright comes before it."""
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
    if conversation.told:
        return further_query(conversation)
    asked = conversation.queries
    if len(asked) >= max(1, min(max_queries, budget(conversation.read))):
        return None
    fruitless = conversation.fruitless()
    if fruitless >= FRUITLESS_LIMIT and conversation.all_passages:
        return None
    streams: list[Iterator[str]] = []
    if fruitless and asked:
        streams.append(in_other_words(asked[-1], conversation.language))
    streams.append(documented(conversation))
    own, met = from_prompt(conversation), follow_ups(conversation, INTERESTING)
    streams += [met, own] if len(asked) in FOLLOW_UP_TURNS else [own, met]
    if len(asked) < ENOUGH:
        streams += [follow_ups(conversation, PASSABLE), fallbacks(conversation), closer(conversation)]
    return _first_new(streams, conversation)


def further_query(conversation: Conversation) -> str | None:
    """Return what to ask after being told to go on, or None when that brings nothing more."""
    if conversation.fruitless() >= FRUITLESS_LIMIT + 1:
        return None
    if conversation.topics:
        return _first_new([guided(conversation)], conversation)
    own, met = from_prompt(conversation), follow_ups(conversation, PASSABLE)
    interesting = follow_ups(conversation, INTERESTING)
    return _first_new([interesting, own, met, linked(conversation), nearby(conversation)], conversation)


def _first_new(streams: Iterable[Iterator[str]], conversation: Conversation) -> str | None:
    """Return the first candidate that was not asked yet, or None."""
    for stream in streams:
        for candidate in stream:
            query = clean(candidate)
            if query and not is_repeated(query, conversation.queries, conversation.language):
                return query
    return None


def budget(prompt: Prompt) -> int:
    """Return how many queries a prompt deserves: two for a short simple one, more for what has many words and parts."""
    size = prompt.words + 12 * prompt.parts + 4 * len(prompt.operations)
    return 2 + sum(size >= limit for limit in (10, 22, 40, 70))


def from_prompt(conversation: Conversation) -> Iterator[str]:
    """Yield queries that follow from the prompt, best first."""
    prompt, language = conversation.read, conversation.language
    words = conversation.list_and_dict_words
    candidates: list[tuple[float, str]] = [(question.weight, question.text) for question in prompt.questions]
    candidates += [(phrase.weight * PHRASE_WEIGHT, phrase.text) for phrase in prompt.phrases[:12]]
    candidates += [(value, with_articles(operation.ask.format_map(words))) for operation, value in prompt.operations[:16]]
    candidates += [(2.2 - 0.2 * place, name) for place, name in enumerate(prompt.names) if name not in prompt.used]
    candidates += [(USED_WEIGHT - 0.2 * place, name) for place, name in enumerate(prompt.used)]
    # In a language that nothing is known of, names are what is understood.
    best = 1.0 if prompt.names else 4.0
    candidates += [(best - 0.2 * place, line) for place, line in enumerate(prompt.lines[:2])]
    # Another question about the same verb seldom shows much that the first did not.
    asked = Counter(stem for query in conversation.queries for stem in set(stems_of(query)))
    candidates = [(weight * SAME_VERB ** asked[_first_stem(text)], text) for weight, text in candidates]
    for _, text in sorted(candidates, key=lambda candidate: -candidate[0]):
        yield text if text in prompt.lines else phrased(text, language, _variant(conversation), prompt.names)


def documented(conversation: Conversation) -> Iterator[str]:
    """Yield queries about what the prompt mentions and a heading of the returns has as a name."""
    if conversation.all_passages:
        known = {subject_of(passage.headings[-1]).rsplit(".", 1)[-1] for passage in conversation.all_passages}
        for name in conversation.read.mentioned:
            if {name, name.partition("/")[0]} & known:
                yield about_name(name, _variant(conversation))


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
    # What it says, as it stands, tells a search more than the name of the language: names such as `gen_server` first.
    yield from prompt.spoken
    # Only what says something: not `fix this code`, nor `we had it once`, if there is anything else.
    lower = [(clause, clause.lower().split()) for clause in prompt.lines or prompt.clauses]
    yield from (clause for clause, words in lower if len({*words} - STOP_WORDS) > 1 and not PRONOUNS & {*words[:2]})
    if conversation.queries:
        return
    yield from prompt.clauses
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


def _closing(conversation: Conversation) -> str:
    """Return the final text; it is thrown away, but people see it in the run."""
    if not conversation.queries:
        return "Nothing was looked up."
    return "Looked up: " + "; ".join(conversation.queries) + ". That is what the answer needs."
