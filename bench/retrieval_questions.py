"""Questions with known answers, made mechanically from documentation and a dataset, for `bench.retrieval`.

    headings    the heading of a section asks for the section, in a copy of the documentation where it is hidden
    names       a documented name, `std.foldl` or `list.fold`, asks for the section that documents it
    rows        the first queries for a row's prompt ask for the documented names that its desired output uses

A section is recognised by its probe: the first letters and digits of one of its first blocks, which occur nowhere else.
So it does not matter how a contestant cuts, or which markup it keeps.
"""

import asyncio
import json
import random
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracegen import read_corpus, read_rows
from tracegen.records import Block, Document, Row
from tracegen.teacher.researcher import Researcher

NEUTRAL = "Section"
"""What stands in place of a hidden heading, with a number: some splitters join sections of the same name."""
PROBE_CHARS = 60
"""Letters and digits of a probe, at most."""
HEADING_PROBE = 40
"""And at least, for the section of a heading."""
NAME_PROBE = 20
"""And at least, for that of a name: `pub fn length(of list: List(a)) -> Int` may be all there is."""
PROBE_BLOCKS = 3
"""Blocks at the beginning of a section that may give the probe."""
LINKS = 3
"""A block with so many links is a list of contents, and no section's text."""
QUERIES_PER_ROW = 3

_DOTTED = re.compile(r"(?<![\w./])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?![\w/])")
_NAME_HEADING = re.compile(r"`?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)`?(?:\s*\(.*\))?`?")
_MODULE_TITLE = re.compile(r"`?(?:[a-z_]\w*(?:/|::|\.))+([a-z_]\w*)`?")
_ATX = re.compile(r"^(\s{0,3}#{1,6}\s+).*$")
_HTML_HEADING = re.compile(r"(<h([1-6])[^>]*>).*?(</h\2>)", re.IGNORECASE)


@dataclass(frozen=True)
class Target:
    """Something a question wants to see: a passage shows it that holds its probe or mentions its name."""

    probe: str = ""
    """Letters and digits of the section's body, or "" where there is no one section."""
    name: str = ""
    """A name as code writes it, or "" where only the section itself will do."""


@dataclass(frozen=True)
class Question:
    """One or more queries, and what should be among the passages they bring."""

    queries: tuple[str, ...]
    targets: tuple[Target, ...]


@dataclass(frozen=True)
class Section:
    """A section of a document."""

    document: Document
    heading: Block
    body: tuple[Block, ...]
    """Its blocks up to the next heading of any level."""


def letters(text: str) -> str:
    """Return the letters and digits of a text, lower-cased, without anything between them."""
    return "".join(re.findall(r"[^\W_]+", text.lower()))


# --- reading -------------------------------------------------------------------------------------------------------------


class Corpus:
    """Documentation, as the questions see it."""

    def __init__(self, docs: Path) -> None:
        self.docs = docs
        self.documents = [read for read in read_corpus([docs]) if isinstance(read, Document)]
        self.raw = {document.path: read_text(docs / document.path) for document in self.documents}
        self.letters = "\n".join(map(letters, self.raw.values()))
        self.sections = [section for document in self.documents for section in sections_of(document)]
        self.heading_counts = Counter(section.heading.text.lower() for section in self.sections)

    def probe(self, section: Section, shortest: int) -> str:
        """Return the section's probe, or "" where none of its first blocks gives one."""
        for block in section.body[:PROBE_BLOCKS]:
            found = letters(without_fence(block))[:PROBE_CHARS] if block.text.count("](") < LINKS else ""
            # A reader that changes the text (link targets, includes) must not decide who is found.
            if len(found) >= shortest and self.letters.count(found) == 1:
                return found
        return ""

    def documented_names(self) -> dict[str, str]:
        """Return the probes of the sections that document a name, by the name as code writes it."""
        found: dict[str, str] = {}
        for section in self.sections:
            name = documented_name(section)
            if name and name not in found and (probe := self.probe(section, NAME_PROBE)):
                found[name] = probe
        return found


def read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def sections_of(document: Document) -> Iterator[Section]:
    """Yield the sections that have a body of their own."""
    places = [place for place, block in enumerate(document.blocks) if block.kind == "heading"]
    for place, following in zip(places, [*places[1:], len(document.blocks)], strict=False):
        if body := document.blocks[place + 1 : following]:
            yield Section(document, document.blocks[place], body)


def without_fence(block: Block) -> str:
    """Return the text of a block, of a code block without its fence."""
    lines = block.text.split("\n")
    return "\n".join(lines[1:-1]) if block.kind == "code" and len(lines) > 2 and lines[0][:1] in "`~" else block.text


def documented_name(section: Section) -> str:
    """Return the qualified name that a section documents, or "": `std.map`, or `fold` on the page `gleam/list`."""
    match = _NAME_HEADING.fullmatch(section.heading.text.strip())
    if not match or section.heading.level < 2:
        return ""
    if "." in match[1]:
        return match[1]
    module = _MODULE_TITLE.fullmatch(section.document.title.strip())
    mentioned = any(re.search(rf"\b{re.escape(match[1])}\b", block.text) for block in section.body)
    return f"{module[1]}.{match[1]}" if module and mentioned else ""


# --- headings ------------------------------------------------------------------------------------------------------------


def heading_questions(corpus: Corpus, copy: Path, limit: int, seed: int) -> list[Question]:
    """Copy the documentation with some headings hidden, and return a question for each of them."""
    askable = [
        (section, probe)
        for section in corpus.sections
        if is_askable(corpus, section) and (probe := corpus.probe(section, HEADING_PROBE))
    ]
    chosen = sample(askable, limit, seed)
    shutil.copytree(corpus.docs, copy)
    by_path: dict[str, list[Block]] = {}
    for section, _ in chosen:
        by_path.setdefault(section.document.path, []).append(section.heading)
    for path, headings in by_path.items():
        (copy / path).write_text(hidden(corpus.raw[path], headings), encoding="utf-8")
    return [Question((section.heading.text,), (Target(probe=probe),)) for section, probe in chosen]


def is_askable(corpus: Corpus, section: Section) -> bool:
    """Return whether a heading says in words what its section alone is about, and can be hidden."""
    heading, raw = section.heading, corpus.raw[section.document.path]
    return (
        heading.level >= 2
        and len(re.findall(r"[^\W\d_]{3,}", heading.text)) >= 2
        and not _NAME_HEADING.fullmatch(heading.text)
        and corpus.heading_counts[heading.text.lower()] == 1
        # Named again in its own file, by a list of contents for one, it would not be hidden.
        and letters(raw).count(letters(heading.text)) == 1
        and letters(heading.text) not in letters(hidden(raw, [heading]))
    )


def hidden(text: str, headings: Iterable[Block]) -> str:
    """Return a file's text with neutral words in place of those of some headings; no line is added or removed."""
    lines = text.split("\n")
    for number, heading in enumerate(headings, start=1):
        place, words = heading.start_line - 1, f"{NEUTRAL} {number}"
        line = lines[place]
        if _ATX.match(line):
            lines[place] = _ATX.sub(rf"\g<1>{words}", line)
        elif _HTML_HEADING.search(line):
            lines[place] = _HTML_HEADING.sub(rf"\g<1>{words}\g<3>", line)
        elif heading.end_line > heading.start_line and heading.text in line:  # underlined
            lines[place] = words
    return "\n".join(lines)


# --- names and rows ------------------------------------------------------------------------------------------------------


def name_questions(corpus: Corpus, limit: int, seed: int) -> list[Question]:
    """Return a question for each documented name, or for some of them."""
    names = sample(sorted(corpus.documented_names().items()), limit, seed)
    return [Question((name,), (Target(probe=probe),)) for name, probe in names]


def row_questions(corpus: Corpus, rows: Path) -> list[Question]:
    """Return a question for each row whose desired output uses documented names that its prompt does not say."""
    documented = corpus.documented_names()
    known = set(_DOTTED.findall("\n".join(corpus.raw.values())))
    modules = {name.rpartition(".")[0] for name in documented}
    questions = []
    for row, _ in read_rows(rows):
        if not isinstance(row, Row):
            continue
        prompt = "\n".join(message.content for message in row.prompt)
        names = dict.fromkeys(_DOTTED.findall(row.desired_output))
        wanted = [name for name in names if is_wanted(name, documented, known, modules) and name not in prompt]
        if wanted:
            queries = asyncio.run(first_queries(row))
            questions.append(Question(queries, tuple(Target(documented.get(name, ""), name) for name in wanted)))
    return questions


def is_wanted(name: str, documented: dict[str, str], known: set[str], modules: set[str]) -> bool:
    """Return whether documentation can be expected to tell of a name: not of the fields of a program's own records."""
    return name in documented or (name in known and (not modules or name.rpartition(".")[0] in modules))


async def first_queries(row: Row) -> tuple[str, ...]:
    """Return what the built-in researcher asks for a row, with returns that say nothing: it follows from the prompt alone."""
    researcher = Researcher()
    messages = [message.model_dump() for message in row.prompt]
    queries: list[str] = []
    while len(queries) < QUERIES_PER_ROW:
        response = await researcher.reply(messages, [], None)
        if not response.calls:
            break
        call = response.calls[0]
        queries.append(json.loads(call.arguments)["query"])
        function = {"name": call.name, "arguments": call.arguments}
        messages.append({"role": "assistant", "tool_calls": [{"id": "0", "type": "function", "function": function}]})
        messages.append({"role": "tool", "tool_call_id": "0", "content": f"[1] page-{len(queries)}:1-1 Page\nNothing."})
    return tuple(queries)


def sample(items: Sequence[Any], limit: int, seed: int) -> list[Any]:
    """Return at most so many items, in their order, the same for the same seed."""
    places = sorted(random.Random(seed).sample(range(len(items)), min(limit, len(items))))
    return [items[place] for place in places]
