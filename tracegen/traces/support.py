"""Support: how much of what the desired output needs is visible in what was retrieved.

Each term of the desired output is given (it stands in the prompt), shown (in a return of the trace), documented (in the index,
but not shown) or undocumented (nowhere). With the weight w of a term, and its share s of being shown,

    support             = sum of w s over shown / sum of w over shown, documented and undocumented
    retrievable support = sum of w s over shown / sum of w over shown and documented

    w = ln(1 + N / n)   for a term that n of the N chunks of the index show; n = 1 for an undocumented one
    s = 1               where a return explains the term, or no chunk of the index does; 1/2 where returns only mention it

so that rare terms weigh more: the inverse document frequency of Sparck Jones (1972). A row all of whose terms are given, or
that has none, has no support to speak of: None.

What shows and what explains a term is in `traces/vocabulary.py`. Plain names of code that the documentation does not know are
taken for names of the output's own, unless they are called; words of prose count where few chunks show them and one explains
them. See `traces/terms.py` for what the rule cannot see.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from tracegen.records import Record, Row, Trace
from tracegen.traces.chat import split_passages
from tracegen.traces.prose import STOP_WORDS, stem_of
from tracegen.traces.terms import Terms, code_of, members_of, names_in, symbols_in, terms_of
from tracegen.traces.vocabulary import SEPARATOR, explains, names_it
from tracegen.traces.vocabulary import Kind as Kind
from tracegen.traces.vocabulary import Passage as Passage
from tracegen.traces.vocabulary import Vocabulary as Vocabulary
from tracegen.traces.vocabulary import passage_of as passage_of
from tracegen.traces.vocabulary import shows as shows

Status = Literal["given", "shown", "documented", "undocumented"]

MEASURE = 7
"""The version of the measure: raised with every change of what a support comes to, so that stored ones are known to be old."""
MENTIONED = 0.5
"""The share of a term that returns only mention, though the documentation explains it."""

_TYPED = re.compile(r"\w+(?::\w+)+")
_LETTERS = re.compile(r"-[a-zA-Z]{2,3}")
_METHOD = re.compile(r"([\w/]+(?:\.\w+)+):(\w+[?!]?)")
_IMPORT = re.compile(r"\b(?:import|use|require|include|open|from)\b[\s(\"']*([\w./:@-]+)")

_IMPORT_LINE = re.compile(r"^[ \t]*(?:import|from)\b[^\n]*", re.M)


class Term(Record):
    """A term of a desired output, and where it stands."""

    text: str
    """The term."""
    kind: Kind
    """A plain name, a qualified one, an operator, flag or command (`symbol`), or a word of prose."""
    status: Status
    """Where it is to be found."""
    weight: float
    """ln(1 + N / n), 0 and up."""
    share: float = 0.0
    """How much of it is shown: 1 where it is explained, 0.5 where it is only mentioned, 0 where it is not shown."""


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
    found = terms_of(output, language)
    terms = [
        _term(
            text,
            kind,
            prompt,
            passages,
            vocabulary,
            called=kind == "name" and text in found.called and _is_called(text, output),
        )
        for text, kind in _needed(found, output, prompt, vocabulary)
    ]
    terms.sort(key=lambda term: (-term.weight, term.text))
    shown = sum(term.weight * term.share for term in terms if term.status == "shown")
    documented = sum(term.weight for term in terms if term.status in ("shown", "documented"))
    undocumented = sum(term.weight for term in terms if term.status == "undocumented")
    return Support(support=_share(shown, documented + undocumented), retrievable=_share(shown, documented), terms=tuple(terms))


def returned_passages(trace: Trace) -> Iterator[Passage]:
    """Yield the passages that a trace's returns show."""
    for hop in trace.good_hops:
        for passage in split_passages(hop.returned.text):
            yield passage_of(passage.text, passage.place, (passage.headings,))


def _term(text: str, kind: Kind, prompt: Passage, passages: Sequence[Passage], vocabulary: Vocabulary, *, called: bool) -> Term:
    status: Status = "documented" if (vocabulary.names(text) if called else vocabulary.count(text, kind)) else "undocumented"
    share = 0.0
    showing = [passage for passage in passages if shows(passage, text, kind) and (not called or names_it(passage, text))]
    if shows(prompt, text, kind):
        status = "given"
    elif showing:
        status = "shown"
        explained = not vocabulary.explained(text, kind) or any(explains(passage, text, kind) for passage in showing)
        share = 1.0 if explained else MENTIONED
    return Term(text=text, kind=kind, status=status, weight=vocabulary.weight(text, kind), share=share)


def _needed(terms: Terms, output: str, prompt: Passage, vocabulary: Vocabulary) -> Iterator[tuple[str, Kind]]:
    """Yield the terms that count: all known ones, and of the unknown ones those that cannot be the output's own."""
    code = code_of(output)
    imported = {part for path in _IMPORT.findall(code) for part in SEPARATOR.split(path) if part}
    # `import "essentials" for Strings`, `from essentials import strings`.
    imported |= {name for line in _IMPORT_LINE.findall(code) for name in names_in(line)}
    qualified, methods = _without_files_and_methods(terms, vocabulary)
    names = {*terms.names, *methods}
    members = set(terms.members)
    for name in sorted(qualified):
        parts = SEPARATOR.split(name)
        documented = vocabulary.count(name, "qualified") > 0
        # `std.avg` is the library's though the output has a field `avg`; `self.x` is the output's own though pages mention one.
        own = parts[-1] in terms.defined and not vocabulary.has_section(name)
        own = own or (parts[-1] in prompt.words and not documented)
        # `result.inc(x)` needs `inc`, wherever examples have a `result`; `json.inc(x)` is undocumented below `json`.
        own = own or not (documented or parts[0] in imported or not vocabulary.is_value(name))
        if own or not (documented or parts[0] in vocabulary.namespaces | imported):
            # A field of the output's own, or of the prompt's data, such as `self.total`: only `self` is knowledge.
            qualified.discard(name)
            members.update(part for part in members_of(name) if part not in terms.defined)
            parts = parts if ":" in name else parts[:1]
            names.update(part for part in parts if len(part) > 1 and part not in terms.defined)
    # `runs-on` where the documentation has it, else what it consists of; the same for `@external`, and for `-rf`.
    # `rest:bits` may be a variable with its type.
    typed = {name for name in terms.compounds if _TYPED.fullmatch(name) and not vocabulary.explained(name, "name")}
    whole = {name for name in terms.compounds - typed if vocabulary.knows(name)}
    apart = terms.compounds - whole
    symbols = set(terms.symbols) | {symbol for name in apart for symbol in symbols_in(name, short_flags=False)}
    joined = {symbol for symbol in symbols if _LETTERS.fullmatch(symbol) and not vocabulary.count(symbol, "symbol")}
    symbols |= {f"-{letter}" for symbol in joined for letter in symbol[1:]}
    symbols = {symbol for symbol in symbols if vocabulary.count(symbol, "symbol") and vocabulary.knows(symbol)}
    apart |= {symbol for symbol in terms.symbols - symbols if not symbol.startswith("-")}
    names |= whole | ({part for name in apart for part in names_in(name.lstrip("@#%:\\"))} - terms.defined)
    # `xs.sort()` needs `sort`, whatever `xs` is.
    names |= {name for name in members if vocabulary.has_member(name, called=name in terms.called)}
    # `COUNT(` is `count`, where the documentation has that alone.
    names = {_as_documented(name, vocabulary) if name in terms.called else name for name in names}
    known = {name for name in names if vocabulary.knows(name)}
    for name in sorted(names):
        shown = vocabulary.names(name) if _is_called(name, output) else vocabulary.count(name, "name") > 0
        if name in known or (name in terms.called and not shown and not _is_constructor(name, output)):
            yield name, "name"
    yield from ((name, "qualified") for name in sorted(qualified))
    yield from ((symbol, "symbol") for symbol in sorted(symbols))
    in_names = {part.lower() for name in known | qualified for part in SEPARATOR.split(name)}
    yield from ((word, "word") for word in sorted(_rare(terms, vocabulary) - in_names))


def _without_files_and_methods(terms: Terms, vocabulary: Vocabulary) -> tuple[set[str], set[str]]:
    """Return the qualified names without files (`main.cpp`), and methods: of `io.stderr:write(` it is `write`."""
    qualified: set[str] = set()
    methods: set[str] = set()
    for name in terms.qualified:
        if (method := _METHOD.fullmatch(name)) and not vocabulary.count(name, "qualified"):
            qualified.add(method[1])
            methods.add(method[2])
        elif not terms.is_file(name) or vocabulary.has_section(name):
            qualified.add(name)
    return qualified, methods


def _as_documented(name: str, vocabulary: Vocabulary) -> str:
    """Return a name in the case that the documentation has it in, for languages that take both."""
    other = name.lower() if name.isupper() else name.upper() if name.islower() else name
    return other if not vocabulary.count(name, "name") and vocabulary.knows(other) else name


def _rare(terms: Terms, vocabulary: Vocabulary) -> set[str]:
    """Return the rare words of the output's prose, one for each stem."""
    words = {stem_of(word): word for word in sorted(terms.words - STOP_WORDS, reverse=True)}
    return {word for word in words.values() if vocabulary.is_rare(word)}


def _is_called(name: str, output: str) -> bool:
    """Return whether a name is called for certain, `take(xs)`, and is no keyword before a parenthesis, `if (x)`."""
    return re.search(rf"(?<![\w.]){re.escape(name)}\(", output) is not None


def _is_constructor(name: str, output: str) -> bool:
    """Return whether an unknown name looks like a variant of a type of the output's own: capital, at the start of a line."""
    return name[:1].isupper() and re.search(rf"^\s*[|]?\s*{re.escape(name)}\b", output, re.M) is not None


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
