"""Support: how much of what the desired output needs is visible in what was retrieved.

Each term of the desired output is given (it stands in the prompt), shown (in a return of the trace), documented (in the index,
but not shown) or undocumented (nowhere). With the weight w of a term,

    support             = w(shown) / w(shown + documented + undocumented)
    retrievable support = w(shown) / w(shown + documented)

    w = ln(1 + N / n)   for a term that n of the N chunks of the index show; n = 1 for an undocumented one

so that rare terms weigh more: the inverse document frequency of Sparck Jones (1972). A row all of whose terms are given, or
that has none, has no support to speak of: None.

A passage shows a name where it holds it as a word, and a qualified name where it holds it as it stands, or its last part below
a heading or in a file of its qualifier: `fold` in `stdlib/list.md`, `gleam/list > fold` shows `list.fold`. Plain names that
neither documentation nor prompt know are taken for names of the output's own, unless they are called; see `traces/terms.py`
for what the rule cannot see.
"""

import math
import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from tracegen.records import Chunk, Record, Row, Trace
from tracegen.traces.chat import split_passages
from tracegen.traces.terms import Terms, terms_of

Status = Literal["given", "shown", "documented", "undocumented"]
Kind = Literal["name", "qualified", "symbol"]

MEASURE = 1
"""The version of the measure: raised with every change of what a support comes to, so that stored ones are known to be old."""

_WORD = re.compile(r"[^\W\d]\w*[?!]?")
_SYMBOL = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]+|[!$%&*+\-/<=>?@^|~:.\\]{2,}")
_SEPARATOR = re.compile(r"\.|::|/")
_IMPORT = re.compile(r"\b(?:import|use|require|include|open|from)\b[\s(\"']*([\w./:@-]+)")


class Term(Record):
    """A term of a desired output, and where it stands."""

    text: str
    """The term."""
    kind: Kind
    """A plain name, a qualified one, or an operator or flag."""
    status: Status
    """Where it is to be found."""
    weight: float
    """ln(1 + N / n), 0 and up."""


class Support(Record):
    """How much of what a desired output needs its trace shows."""

    support: float | None
    """Weighted share of shown terms among those not given, 0 to 1; None where there are none."""
    retrievable: float | None
    """The same among those that are documented at all."""
    terms: tuple[Term, ...]
    """All terms, heaviest first."""

    def of(self, status: Status) -> tuple[Term, ...]:
        """Return the terms of a status, heaviest first."""
        return tuple(term for term in self.terms if term.status == status)


class Passage(NamedTuple):
    """A passage as the measure sees it."""

    text: str
    """Its text with its headings."""
    words: frozenset[str]
    """The words of both."""
    symbols: frozenset[str]
    """The operators and flags of both."""
    context: frozenset[str]
    """The words of its path and headings: what qualifies the names in it."""


def passage_of(text: str, place: str = "", headings: Sequence[str] = ()) -> Passage:
    """Return a passage; `place` is its path, with or without lines."""
    whole = "\n".join([*headings, text])
    context = frozenset(_WORD.findall(" ".join([place, *headings])))
    return Passage(whole, frozenset(_WORD.findall(whole)), frozenset(_SYMBOL.findall(whole)), context)


def shows(passage: Passage, term: str, kind: Kind) -> bool:
    """Return whether a passage shows a term."""
    if kind == "name":
        return term in passage.words
    if kind == "symbol":
        return term in passage.symbols
    *_, qualifier, last = _SEPARATOR.split(term)
    if last not in passage.words:
        return False
    return qualifier in passage.context or re.search(rf"(?<![\w]){re.escape(term)}(?!\w)", passage.text) is not None


class Vocabulary:
    """What a documentation shows: which of its chunks show a term."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        """Read all chunks once; what is kept is about as large as their text."""
        self._passages: list[Passage] = []
        self._words: dict[str, array[int]] = defaultdict(lambda: array("l"))
        self._symbols: dict[str, int] = defaultdict(int)
        self._counts: dict[tuple[str, Kind], int] = {}
        self.namespaces: set[str] = set()
        for number, chunk in enumerate(chunks):
            passage = passage_of(chunk.text, chunk.path, (chunk.title, *chunk.headings))
            self._passages.append(passage)
            for word in passage.words:
                self._words[word].append(number)
            for symbol in passage.symbols:
                self._symbols[symbol] += 1
            self.namespaces.update(re.findall(r"\b([^\W\d]\w*)(?:\.|::)[^\W\d]", passage.text))

    def __len__(self) -> int:
        return len(self._passages)

    def count(self, term: str, kind: Kind) -> int:
        """Return how many chunks show a term."""
        key = (term, kind)
        if key not in self._counts:
            self._counts[key] = self._count(term, kind)
        return self._counts[key]

    def _count(self, term: str, kind: Kind) -> int:
        return self._symbols.get(term, 0) if kind == "symbol" else len(self.showing(term, kind))

    def showing(self, term: str, kind: Kind) -> Sequence[int]:
        """Return the numbers of the chunks that show a term, counted from 0."""
        if kind == "symbol":
            return [number for number, passage in enumerate(self._passages) if term in passage.symbols]
        candidates = self._words.get(_SEPARATOR.split(term)[-1], array("l"))
        if kind == "name":
            return candidates
        return [number for number in candidates if shows(self._passages[number], term, kind)]

    def weight(self, term: str, kind: Kind) -> float:
        """Return the weight of a term."""
        return math.log1p(len(self) / max(1, self.count(term, kind)))


def support_of(row: Row, trace: Trace, vocabulary: Vocabulary, language: str | None = None) -> Support:
    """Return the support that a trace gives to the desired output of its row.

    Raises SettingsError where `language` is one that Pygments does not know.
    """
    prompt = passage_of("\n".join(message.content for message in row.prompt))
    passages = list(returned_passages(trace))
    return rate(row.desired_output, prompt, passages, vocabulary, language)


def rate(
    output: str, prompt: Passage, passages: Sequence[Passage], vocabulary: Vocabulary, language: str | None = None
) -> Support:
    """Return the support that some passages give to an output."""
    terms = []
    for text, kind in _needed(terms_of(output, language), output, prompt, vocabulary):
        terms.append(Term(text=text, kind=kind, status=_status(text, kind, prompt, passages, vocabulary), weight=0))
    weighed = [term.model_copy(update={"weight": vocabulary.weight(term.text, term.kind)}) for term in terms]
    weighed.sort(key=lambda term: (-term.weight, term.text))
    shown, documented, undocumented = (
        sum(term.weight for term in weighed if term.status == status) for status in ("shown", "documented", "undocumented")
    )
    return Support(
        support=_share(shown, documented + undocumented), retrievable=_share(shown, documented), terms=tuple(weighed)
    )


def returned_passages(trace: Trace) -> Iterator[Passage]:
    """Yield the passages that a trace's returns show."""
    for hop in trace.good_hops:
        for passage in split_passages(hop.returned.text):
            yield passage_of(passage.text, passage.place, (passage.headings,))


def _status(text: str, kind: Kind, prompt: Passage, passages: Sequence[Passage], vocabulary: Vocabulary) -> Status:
    if shows(prompt, text, kind):
        return "given"
    if any(shows(passage, text, kind) for passage in passages):
        return "shown"
    return "documented" if vocabulary.count(text, kind) else "undocumented"


def _needed(terms: Terms, output: str, prompt: Passage, vocabulary: Vocabulary) -> Iterator[tuple[str, Kind]]:
    """Yield the terms that count: all known ones, and of the unknown ones those that cannot be the output's own."""
    imported = {part for path in _IMPORT.findall(output) for part in _SEPARATOR.split(path) if part}
    names, qualified = set(terms.names), set(terms.qualified)
    for name in terms.qualified:
        parts = _SEPARATOR.split(name)
        documented = vocabulary.count(name, "qualified") > 0
        own = parts[-1] in terms.defined or (parts[-1] in prompt.words and not documented)
        if own or not (documented or parts[0] in vocabulary.namespaces | imported):
            # A field of the output's own, or of the prompt's data, such as `self.total`: only `self` is knowledge.
            qualified.discard(name)
            names.update(parts[:1] if parts[0] not in terms.defined else ())
    for name in sorted(names):
        if vocabulary.count(name, "name") or (name in terms.called and not _is_constructor(name, output)):
            yield name, "name"
    yield from ((name, "qualified") for name in sorted(qualified))
    yield from ((symbol, "symbol") for symbol in sorted(terms.symbols) if vocabulary.count(symbol, "symbol"))


def _is_constructor(name: str, output: str) -> bool:
    """Return whether an unknown name looks like a variant of a type of the output's own: capital, at the start of a line."""
    return name[:1].isupper() and re.search(rf"^\s*[|]?\s*{re.escape(name)}\b", output, re.M) is not None


def _share(part: float, rest: float) -> float | None:
    return part / (part + rest) if part + rest else None
