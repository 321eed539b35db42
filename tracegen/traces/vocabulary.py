"""What a documentation shows: its passages, the terms in them, and whether a passage explains a term or only mentions it.

A passage shows a name where it holds it as a word, and a qualified name where it holds it as it stands, or its last part, as
code, below a heading or in a file of its qualifier: `fold` in `stdlib/list.md`, `gleam/list > fold` shows `list.fold`. It shows
a word of prose where it holds one with the same stem.

It *explains* what it shows where the term stands in the heading of its section, begins a line (a signature, the entry of a
list, the first cell of a row; not a word of prose), or stands in three lines or more. All else is a mention in passing: a list
of links, a "see also".
"""

import math
import re
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from tracegen.declaring import declared_name
from tracegen.records import Chunk
from tracegen.traces.prose import stem_of
from tracegen.traces.terms import SEPARATOR as SEPARATOR
from tracegen.traces.terms import symbols_in, words_in

Kind = Literal["name", "qualified", "symbol", "word"]

LINES = 3
"""A passage with a term in so many lines is about it."""
RARE = 0.05
"""A word of prose counts as a term where no more than this share of the chunks show it."""

CODE = re.compile(r"^(?P<fence>`{3,}|~{3,})[^\n]*\n(.*?)(?:^(?P=fence)|\Z)|`([^`\n]+)`", re.M | re.S)
_FIRST = re.compile(r"\W*([\w.:/]+)")
_HEADING = re.compile(r"^#{1,6} +(\S[^\n]*)$", re.M)
_MEMBER = re.compile(r"(?<=[\w)\]}\"'?!]\.)([^\W\d]\w+[?!]?)(?=\s?[({])")
_NAME = re.compile(r"[^\W\d]\w*")
_PATH_NAME = re.compile(r"[^\W\d]\w*(?:(?:\.|::?|/)[^\W\d]\w*)*")
_QUALIFIER = re.compile(r"\b([^\W\d]\w*)(\.|::|:(?=\w+[(/]))[^\W\d]")
# `json: reading and writing`, `json module`, `List Class`.
_TITLE_NAME = re.compile(r"`?([^\W\d]\w*)`?(?:\s+\w+|\s*(?::|\s[—–-])\s.*)?")
_IMPORTED = re.compile(
    r"^[ \t]*(?:import|use(?![^\n]*<-)|open|include|require|from(?=[^\n]*\bimport\b))(?=[ \t\"'<])([^\n#;]*)"
    r"|\brequire\(([^\n)]*)",
    re.M,
)
# A comment, and what is taken out of a module: `import gleam/list.{map}  // for names`.
_NO_MODULE = re.compile(r"//.*|\s--\s.*|\{[^{}]*\}")
_LISTED_CALL = re.compile(r"^[ \t>*_|#+\-\d.)]*`([^\W\d]\w*)\.[^\W\d]\w*\(", re.M)
# What code binds: `x =`, `x <-`, `for x, y in`, `|x, y|`, `(x) =>`, `x ->`, `(x: Int)`, `fn(x, y)`.
_BOUND = re.compile(
    r"\b([a-z_]\w*)\s*(?::?=(?![=>~])|<-|←|[-=]>)|[(,]\s*([a-z_]\w*)\s*:|"
    r"\b(?:for|foreach|each)[ \t]+\(?([\w, \t]{1,60}?)[ \t]+(?:in|of)\b|\|([\w, \t]{1,60})\||"
    r"\b(?:fn|fun|func|function|def|proc|lambda|method)\b[^\n(]{0,80}\(([^()\n]*)\)|\(([\w, \t]*)\)\s*[-=]>"
)
_LONE_MARKED = re.compile(r"`([^\w\s`]+)`")
# What stands before the first word of a line: marks of lists, quotes, headings, tables, links, emphasis and code.
_LINE_START = r"^[\s>*_`|#+\-\d.:)\[\"]*"


class Passage(NamedTuple):
    """A passage as the measure sees it."""

    text: str
    """Its text with its headings."""
    words: frozenset[str]
    """The words of both."""
    symbols: frozenset[str]
    """The operators, flags and commands of both; single ASCII characters only where they stand in code."""
    context: frozenset[str]
    """The words of its path and headings: what qualifies the names in it."""
    heading: str = ""
    """The heading of its own section."""
    stems: frozenset[str] = frozenset()
    """The stems of its words."""


def passage_of(text: str, place: str = "", headings: Sequence[str] = ()) -> Passage:
    """Return a passage; `place` is its path, with or without lines."""
    whole = "\n".join([*headings, text])
    words = words_in(whole)
    in_code = {symbol for symbol in symbols_in(code_in(whole)) if len(symbol) == 1} | _lone_marked(whole)
    symbols = {symbol for symbol in symbols_in(whole) if len(symbol) > 1 or not symbol.isascii()} | in_code
    return Passage(
        text=whole,
        words=words,
        symbols=frozenset(symbols),
        context=words_in(" ".join([place, *headings])),
        heading=headings[-1].rsplit(" > ", 1)[-1] if headings else "",
        stems=frozenset(map(stem_of, words)),
    )


def _lone_marked(text: str) -> set[str]:
    return {mark for mark in _LONE_MARKED.findall(text) if len(mark) == 1}


def _name_of(heading: str) -> str | None:
    """Return the name that the heading of a section is for: what it declares, else what it begins with."""
    first = _FIRST.match(heading)
    return declared_name(heading) or (first[1] if first else None)


def _modules(chunk: Chunk, headings: Sequence[str]) -> Iterator[str]:
    """Yield what a chunk has for modules: its path, its titles, what qualifies its headings, what its examples import."""
    for part in chunk.path.rpartition(".")[0].split("/"):
        if _PATH_NAME.fullmatch(part):
            yield from _NAME.findall(part)
    for title in (chunk.title, *chunk.headings[:-1]):
        if _PATH_NAME.fullmatch(title.strip("`")):
            yield from _NAME.findall(title)
        elif match := _TITLE_NAME.fullmatch(title):
            yield match[1]
    for heading in headings:
        if match := _FIRST.match(heading):
            yield from filter(None, SEPARATOR.split(declared_name(heading) or match[1])[:-1])
    for block in (code[2] for code in CODE.finditer(chunk.text) if code["fence"]):
        for match in _IMPORTED.finditer(block):
            names = _NAME.findall(_NO_MODULE.sub(" ", match[1] or match[2] or ""))
            yield from (name for name in names if len(name) > 1)
    yield from _LISTED_CALL.findall(chunk.text)


def _bound(code: str) -> Iterator[str]:
    """Yield the names that examples bind."""
    for match in _BOUND.finditer(code):
        for names in filter(None, match.groups()):
            yield from (name for part in names.split(",") if (name := part.split(":")[0].split("=")[0].strip()))


def _fence_or_code(match: re.Match[str]) -> str:
    """Return backticked text as it stands, and nothing of a fence, in which `# x` is a comment."""
    return match[3] or ""


def shows(passage: Passage, term: str, kind: Kind) -> bool:
    """Return whether a passage shows a term."""
    if kind == "name":
        return term in passage.words
    if kind == "symbol":
        return term in passage.symbols
    if kind == "word":
        return stem_of(term) in passage.stems
    *_, qualifier, last = SEPARATOR.split(term)
    if last.rstrip("?!'") not in passage.words:
        return False
    if _pattern(term).search(passage.text):
        return True
    texts = (passage.heading, code_in(passage.text)) if qualifier in passage.context else ()
    return any(_pattern(last).search(text) for text in texts)


def names_it(passage: Passage, name: str) -> bool:
    """Return whether a passage has a word as the name of something: in code, path or headings, `take(`, `take/3`, `(take xs)`.

    An everyday word of its prose may be anything: "they do not take a value".
    """
    if name not in passage.words:
        return False
    if not (name.islower() and name.isalpha()) or name in passage.context:
        return True
    return _pattern(name).search("\n".join(_marked(passage.text))) is not None or _named(name).search(passage.text) is not None


def explains(passage: Passage, term: str, kind: Kind) -> bool:
    """Return whether a passage explains a term, or is about it, and does not only mention it."""
    if not shows(passage, term, kind):
        return False
    if kind == "word":
        stem = stem_of(term)
        lines = [line for line in passage.text.split("\n") if stem in map(stem_of, words_in(line))]
        return stem in map(stem_of, words_in(passage.heading)) or len(lines) >= LINES
    forms = [term]
    if kind == "qualified":
        *_, qualifier, last = SEPARATOR.split(term)
        forms += [last] if qualifier in passage.context else []
    for form in forms:
        pattern = _pattern(form)
        if re.search(pattern.pattern, passage.heading, re.I) or _beginning(form).search(passage.text):
            return True
        if sum(1 for line in passage.text.split("\n") if pattern.search(line)) >= LINES:
            return True
    return False


@lru_cache(4096)
def code_in(text: str) -> str:
    """Return what a passage marks as code, or all of it where it marks nothing."""
    found = _marked(text)
    return "\n".join(found) if found else text


def _marked(text: str) -> list[str]:
    return [match[3] or match[2] or "" for match in CODE.finditer(text)]


@lru_cache(4096)
def _pattern(form: str) -> re.Pattern[str]:
    """Return what finds a term, but not as a part of another one."""
    if not re.search(r"\w", form):
        return re.compile(re.escape(form))
    return re.compile(rf"(?<![\w.:/-]){re.escape(form)}(?![\w-])")


@lru_cache(4096)
def _named(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?:\(|/\d)|\({re.escape(name)}(?=[\s)])|^#+ .*\b{re.escape(name)}\b", re.M)


@lru_cache(4096)
def _beginning(form: str) -> re.Pattern[str]:
    return re.compile(_LINE_START + re.escape(form) + ("" if not form[-1:].isalnum() else r"(?![\w-])"), re.M)


class Vocabulary:
    """What a documentation shows: which of its chunks show a term, and whether any explains it."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        """Read all chunks once; what is kept is about as large as their text."""
        self._passages: list[Passage] = []
        self._words: dict[str, array[int]] = defaultdict(lambda: array("l"))
        self._symbols: dict[str, array[int]] = defaultdict(lambda: array("l"))
        self._stems: dict[str, array[int]] = defaultdict(lambda: array("l"))
        self._showing: dict[tuple[str, Kind], list[int]] = {}
        self._explained: dict[tuple[str, Kind], bool] = {}
        self._named: dict[str, bool] = {}
        self._marked: set[str] = set()
        self._sections: set[str] = set()
        self._members: set[str] = set()
        self.modules: set[str] = set()
        self.namespaces: set[str] = set()
        bound: set[str] = set()
        for number, chunk in enumerate(chunks):
            passage = passage_of(chunk.text, chunk.path, (chunk.title, *chunk.headings))
            self._passages.append(passage)
            for table, keys in ((self._words, passage.words), (self._symbols, passage.symbols), (self._stems, passage.stems)):
                for key in keys:
                    table[key].append(number)
            # A chunk may be several small sections, each with its heading.
            headings = [*chunk.headings, *_HEADING.findall(CODE.sub(_fence_or_code, passage.text))]
            marked = "\n".join([passage.heading, *headings[len(chunk.headings) :], code_in(passage.text)])
            self._marked.update(words_in(marked), _lone_marked(passage.text))
            self._sections.update(name for heading in headings if (name := _name_of(heading)))
            self._members.update(_MEMBER.findall(passage.text))
            self.modules.update(_modules(chunk, headings))
            self.modules.update(name for name, mark in _QUALIFIER.findall(passage.text) if mark == "::" or name[0].isupper())
            self.namespaces.update(name for name, _ in _QUALIFIER.findall(passage.text))
            bound.update(_bound(code_in(passage.text)))
        # A letter, or what examples bind, is a value of their own: `result.add(x)`, `node.left`.
        self.namespaces = self.modules | {name for name in self.namespaces - bound if len(name) > 1 or not name.isalpha()}

    def __len__(self) -> int:
        return len(self._passages)

    def count(self, term: str, kind: Kind) -> int:
        """Return how many chunks show a term."""
        return len(self.showing(term, kind))

    def explained(self, term: str, kind: Kind) -> bool:
        """Return whether any chunk explains a term."""
        key = (term, kind)
        if key not in self._explained:
            passages = (self._passages[number] for number in self.showing(term, kind))
            self._explained[key] = any(explains(passage, term, kind) for passage in passages)
        return self._explained[key]

    def is_value(self, name: str) -> bool:
        """Return whether a qualified name that stands nowhere is a method of some value: its last part heads a section.

        Below a module of the documentation it is none: that module has no such name.
        """
        first, *_, last = SEPARATOR.split(name)
        return last in self._sections and first not in self.modules

    def has_section(self, name: str) -> bool:
        """Return whether the heading of a section begins with a qualified name, or with its last part."""
        return self.count(name, "qualified") > 0 and bool({name, SEPARATOR.split(name)[-1]} & self._sections)

    def has_member(self, name: str, *, called: bool) -> bool:
        """Return whether a name behind a dot is the documentation's: a section has it, or a call where it is called.

        What is not called may be a field of anybody's, whatever an example has.
        """
        return name in self._sections or (called and name in self._members and self.knows(name))

    def explains(self, number: int, term: str, kind: Kind) -> bool:
        """Return whether a chunk, by its number, explains a term."""
        return explains(self._passages[number], term, kind)

    def knows(self, name: str) -> bool:
        """Return whether a plain name, or a symbol, is one of the documentation's.

        A name is, where it is marked as code, in a heading, or of no word's form; a single ASCII character where it is marked
        alone; any other symbol where it stands.
        """
        if name in self._symbols and (len(name) > 1 or not name.isascii()):
            return True
        return name in self._marked or (name in self._words and not (name.islower() and name.isalpha()))

    def names(self, name: str) -> bool:
        """Return whether any chunk has a word as the name of something."""
        if name not in self._named:
            self._named[name] = any(names_it(self._passages[number], name) for number in self.showing(name, "name"))
        return self._named[name]

    def is_rare(self, word: str) -> bool:
        """Return whether a word of prose is one that few chunks show, and one explains."""
        count = self.count(word, "word")
        return 0 < count <= max(2, RARE * len(self)) and self.explained(word, "word")

    def weight(self, term: str, kind: Kind) -> float:
        """Return the weight of a term."""
        return math.log1p(len(self) / max(1, self.count(term, kind)))

    def showing(self, term: str, kind: Kind) -> Sequence[int]:
        """Return the numbers of the chunks that show a term, counted from 0 and rising."""
        if kind == "name":
            return self._words.get(term, ())
        if kind == "symbol":
            return self._symbols.get(term, ())
        if kind == "word":
            return self._stems.get(stem_of(term), ())
        key = (term, kind)
        if key not in self._showing:
            candidates = self._words.get(SEPARATOR.split(term)[-1].rstrip("?!'"), ())
            self._showing[key] = [number for number in candidates if shows(self._passages[number], term, kind)]
        return self._showing[key]
