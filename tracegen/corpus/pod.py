"""POD, the documentation of Perl and of what is written in it -> blocks."""

import re
from collections.abc import Iterator
from html import unescape
from itertools import pairwise
from typing import NamedTuple

from tracegen.corpus.pages import Page, code_block, continued_heading, heading_block, prose_block
from tracegen.records import Block

IS_POD = re.compile(r"^=(?:pod|head\d|over|item|begin|for|encoding)\b", re.M)

_COMMAND = re.compile(r"=([a-zA-Z]\w*)[ \t]*(.*)", re.S)
_CODE = re.compile(r"(?P<letter>[BCEFILSXZ])(?P<opening><<+\s+|<)|(?P<space>\s*)(?P<closing>>+)")
_BULLET = re.compile(r"[*\-o•]\s*")
_NUMBER = re.compile(r"(\d+)[.)]?\s*")
_NAME = re.compile(r"(\S.*?)\s+(?:-{1,2}|—|–)\s+\S")
_LONGEST_TERM = 100
_ESCAPES = {"lt": "<", "gt": ">", "verbar": "|", "sol": "/", "lchevron": "«", "rchevron": "»"}
_FORMATS_OF_TEXT = re.compile(r":|(?:text|man|pod)\b")


class _Paragraph(NamedTuple):
    """Lines between empty ones; `start` counts from 1, `end` is inclusive."""

    text: str
    start: int
    end: int


def read_pod(text: str) -> Page:
    """Read a file of POD, or of Perl with POD in it: what stands outside is code."""
    reader = _Reader()
    for paragraph in _paragraphs(text.split("\n")):
        reader.read(paragraph)
    reader.end()
    title = _title(reader.blocks)
    line = reader.blocks[0].start_line if reader.blocks else 1
    return Page(title, (*([heading_block(title, 1, line, line)] if title else []), *reader.blocks))


def _title(blocks: list[Block]) -> str:
    """Return the name that the section `NAME` gives, or ""."""
    for heading, block in pairwise(blocks):
        if heading.kind == "heading" and heading.text == "NAME":
            match = _NAME.match(block.text)
            return match.group(1).strip("`") if match else ""
    return ""


def _paragraphs(lines: list[str]) -> Iterator[_Paragraph]:
    start = 0
    for number, line in enumerate([*lines, ""]):
        # A command ends at an empty line; without one before it, in code, it is one all the same.
        begins = line.startswith("=") and number > start and IS_POD.match(line) is not None
        if (begins or not line.strip()) and number > start:
            yield _Paragraph("\n".join(lines[start:number]), start + 1, number)
            start = number
        if not line.strip():
            start = number + 1


class _Reader:
    """Goes through the paragraphs once."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.in_pod = False
        self.skips = ""  # the format whose region is being passed
        self.level = 1  # of the last heading that is no item
        self.section = ""  # and its words
        self.continues = 0  # how often it went on behind a list
        self.is_behind = False  # whether a list of terms just ended
        self.lists = 0  # open lists
        self.has_terms = False  # whether the outermost of them describes terms
        self.lead = ""  # what the next paragraph begins with
        self.terms: list[str] = []  # that are described next
        self.verbatim: list[_Paragraph] = []
        self.start = 0  # where the lead or the terms began

    def read(self, paragraph: _Paragraph) -> None:
        command = _COMMAND.fullmatch(paragraph.text)
        if command and (self.in_pod or IS_POD.match(paragraph.text)):
            self._end_verbatim()
            self.in_pod = True
            self._command(command.group(1), " ".join(command.group(2).split()), paragraph)
        elif not self.skips:
            if not self.in_pod or paragraph.text[0] in " \t":
                self.verbatim.append(paragraph)
            else:
                self._end_verbatim()
                self._say(_inline(paragraph.text), paragraph)

    def end(self) -> None:
        """Take in what is still open."""
        self._end_verbatim()
        self._describe()
        self._end_lead()

    def _command(self, name: str, rest: str, paragraph: _Paragraph) -> None:
        if self.skips:
            self.skips = "" if name == "end" and rest.split()[:1] in ([], [self.skips]) else self.skips
        elif re.fullmatch(r"head\d", name):
            self.end()
            words = _inline(rest).replace("`", "")
            if words:
                self.level, self.section, self.continues, self.is_behind = int(name[4]) + 1, words, 0, False
                self.blocks.append(heading_block(words, self.level, paragraph.start, paragraph.end))
        elif name == "over":
            self.lists += 1
        elif name == "back":
            self.end()
            self.lists = max(self.lists - 1, 0)
            self.is_behind = not self.lists and bool(self.blocks) and self.blocks[-1].kind != "heading" and self.has_terms
        elif name == "item":
            self._item(rest, paragraph)
        elif name == "begin" and not _FORMATS_OF_TEXT.match(rest):
            self.skips = (rest.split() or ["?"])[0]
        elif name == "cut":
            self.in_pod = False

    # --- lists -----------------------------------------------------------------------------------------------------------

    def _item(self, rest: str, paragraph: _Paragraph) -> None:
        """Take in an item: a term of the outermost list is the heading of what describes it, as of functions."""
        bullet, number = _BULLET.match(rest), _NUMBER.match(rest)
        words = _inline(rest)
        is_term = not bullet and not (number and number.end() == len(rest)) and bool(words)
        if not self.terms or not is_term:
            self.end()
            self.start = paragraph.start
        self.has_terms = is_term if self.lists < 2 else self.has_terms
        indent = "  " * max(self.lists - 1, 0)
        if is_term and self.lists < 2 and len(words) <= _LONGEST_TERM:
            self.terms.append(words.replace("`", ""))
        elif is_term:
            self._describe()
            self.lead = f"**{words.replace('`', '')}**\n"
        elif bullet:
            self._mark(f"{indent}- ", rest[bullet.end() :], paragraph)
        elif number:
            self._mark(f"{indent}{number.group(1)}. ", rest[number.end() :], paragraph)

    def _mark(self, mark: str, rest: str, paragraph: _Paragraph) -> None:
        self.lead = mark
        if rest:
            self._say(_inline(rest), paragraph)

    def _describe(self) -> None:
        """Make a heading of the terms that were read; of several, code below the first."""
        terms, self.terms = self.terms, []
        if not terms:
            return
        self.is_behind = False
        self.blocks.append(heading_block(terms[0], self.level + 1, self.start, self.start))
        if len(terms) > 1:
            self.blocks.append(code_block("\n".join(terms), "", self.start, self.start))

    def _end_lead(self) -> None:
        lead, self.lead = self.lead, ""
        if lead.strip(" -*\n"):
            self.blocks.append(prose_block(lead.strip("\n"), self.start, self.start))

    # --- text and code ---------------------------------------------------------------------------------------------------

    def _say(self, text: str, paragraph: _Paragraph) -> None:
        self._describe()
        if text:
            start = self.start if self.lead else paragraph.start
            lead, self.lead = self.lead, ""
            self._append(prose_block(lead + text, start, paragraph.end))

    def _end_verbatim(self) -> None:
        paragraphs, self.verbatim = self.verbatim, []
        if not paragraphs:
            return
        self._describe()
        self._end_lead()
        start = paragraphs[0].start
        lines: list[str] = []
        for each in paragraphs:
            lines += [""] * (each.start - start - len(lines)) + each.text.expandtabs().split("\n")
        indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
        self._append(code_block("\n".join(line[indent:].rstrip() for line in lines), "perl", start, paragraphs[-1].end))

    def _append(self, block: Block) -> None:
        if self.is_behind and self.section:
            self.continues += 1
            self.blocks.append(continued_heading(self.section, self.continues, self.level + 1, block.start_line))
        self.is_behind = False
        self.blocks.append(block)


# --- formatting codes ----------------------------------------------------------------------------------------------------


def _inline(text: str) -> str:
    """Return a paragraph without its formatting codes; code stays code."""
    levels: list[tuple[str, int, list[str]]] = [("", 0, [])]  # letter, number of brackets, parts
    position = 0
    for match in _CODE.finditer(text):
        levels[-1][2].append(text[position : match.start()])
        position = match.end()
        if match["letter"]:
            levels.append((match["letter"], match["opening"].count("<"), []))
            continue
        brackets = len(match["closing"])
        closes_many = levels[-1][1] > 1 and match["space"] and brackets >= levels[-1][1]
        levels[-1][2].append("" if closes_many else match["space"])
        while brackets and levels[-1][1] and brackets >= levels[-1][1]:
            letter, needed, parts = levels.pop()
            levels[-1][2].append(_shown(letter, "".join(parts)))
            brackets -= needed
        levels[-1][2].append(">" * brackets)
    levels[-1][2].append(text[position:])
    while len(levels) > 1:  # never closed
        letter, _, parts = levels.pop()
        levels[-1][2].append(_shown(letter, "".join(parts)))
    return "".join(levels[0][2]).strip()


def _shown(letter: str, content: str) -> str:
    if letter == "C":
        return f"`{content.strip()}`" if content.strip() and "`" not in content else content
    if letter == "E":
        return _escape(content)
    if letter == "L":
        return _link(content)
    return "" if letter in "XZ" else content


def _escape(name: str) -> str:
    if name in _ESCAPES:
        return _ESCAPES[name]
    try:
        number = int(name, 16 if name[:2] == "0x" else 8 if name[:1] == "0" else 10)
    except ValueError:
        return unescape(f"&{name};")
    return unescape(f"&#{number};")


def _link(content: str) -> str:
    words, bar, _ = content.partition("|")
    if bar:
        return words
    is_address = re.match(r"\w+:[^:\s]", content) is not None
    page, _, section = (content, "", "") if is_address else content.partition("/")
    section = section.strip('"')
    return f"{section} in {page}" if page and section else section or page
