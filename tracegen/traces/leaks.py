"""Leaks: queries that hold what only the desired output has.

A teacher never sees the desired output. But where a row is searched on because its support is short (`tracegen.traces.passes`),
that was decided, and with a guide even said, by what the desired output needs. A query that then holds a term of the desired
output which neither the prompt nor an earlier return shows would teach a model to ask for names that it cannot know: a leak.
Such a query is not searched; the teacher is told to ask in other words, and as every call that was answered with an error it is
part of the run but of no example.

Before a teacher is told anything, such a query can only be luck, or knowledge of its own: it is counted as `known`, and kept.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from tracegen.records import Hop, Record, ToolReturn, Trace
from tracegen.traces.chat import split_passages
from tracegen.traces.support import Kind, Passage, Term, passage_of, shows
from tracegen.traces.vocabulary import SEPARATOR

REFUSAL = ToolReturn(
    text="Error: the query holds a name that stands neither in the question nor in anything that was returned so far. Ask as "
    "one who knows only these: in words that they use, or in everyday words.",
    error=True,
)
"""What a leaking query is answered with: not which name it is."""
_FUNCTION_WORDS = frozenset(
    "a an and as at by do else for from if in into is let new not of on or set then this to use when where while with".split()  # noqa: SIM905 - readable so
)
"""Words of English sentences, keywords too in many a language: who asks with them has not learnt them from the output."""
_MADE_UP = re.compile(r"[_\d]|[a-z][A-Z]")
Outcome = Literal["refused", "left in", "known"]


class Leak(Record):
    """A query that holds terms which only the desired output has."""

    hop: int
    """Number of the hop in the trace, counted from 1."""
    query: str
    """The query."""
    terms: tuple[str, ...]
    """The terms."""
    outcome: Outcome
    """`refused`: not searched, and in no example; `left in`: searched, after the teacher was told to go on; `known`: before."""


def leaking_terms(query: str, only: Sequence[Term], seen: Sequence[Passage]) -> tuple[str, ...]:
    """Return the terms of a query that only the desired output has: of `only`, those that nothing seen so far shows.

    Words of prose are no leaks, however rare they are in the documentation: everybody may ask with them. Of a qualified name
    the last part is enough where it is no word of a spoken language, such as `flat_map` or `foldLeft`.
    """
    asked = passage_of(query)
    found = []
    for term in only:
        if term.kind == "word":
            continue
        forms: list[tuple[str, Kind]] = [(term.text, term.kind)]
        if term.kind == "qualified" and _MADE_UP.search(last := SEPARATOR.split(term.text)[-1]):
            forms.append((last, "name"))
        if any(_leaks(form, kind, asked, seen) for form, kind in forms):
            found.append(term.text)
    return tuple(found)


def _leaks(form: str, kind: Kind, asked: Passage, seen: Sequence[Passage]) -> bool:
    if form in _FUNCTION_WORDS or not shows(asked, form, kind):
        return False
    return not any(shows(passage, form, kind) for passage in seen)


def passages_of(hops: Sequence[Hop]) -> list[Passage]:
    """Return the passages of the returns of some hops, those with errors left out."""
    return [passage for hop in hops if not hop.returned.error for passage in _passages_in(hop.returned.text)]


@lru_cache(maxsize=1024)  # a row that is searched on is measured after every hop
def _passages_in(returned: str) -> tuple[Passage, ...]:
    return tuple(passage_of(each.text, each.place, (each.headings,)) for each in split_passages(returned))


def leaks_of(trace: Trace, only: Sequence[Term], prompt: Passage) -> tuple[Leak, ...]:
    """Return the leaks of a trace; `only` are the terms of its desired output that the prompt does not give."""
    told = trace.further[0].after if trace.further else len(trace.hops)
    seen = [prompt]
    found = []
    for number, hop in enumerate(trace.hops):
        query = str(hop.call.arguments.get("query", ""))
        if terms := leaking_terms(query, only, seen):
            outcome: Outcome = "known" if number < told else "refused" if hop.returned.error else "left in"
            found.append(Leak(hop=number + 1, query=query, terms=terms, outcome=outcome))
        seen += passages_of([hop])
    return tuple(found)
