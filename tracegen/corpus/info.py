"""Info, the manuals of GNU as they are installed -> blocks: nodes, their headings, and what they define."""

import re
from collections.abc import Iterator
from textwrap import dedent

from tracegen.corpus.pages import Page, code_block, continued_heading, heading_block, prose_block, without_results
from tracegen.corpus.text import read_plain
from tracegen.records import Block

_NODE = re.compile(r"File: (?:[^,\n]*/)?([^,\n]+?)(?:\.info)?, +Node: ([^,\n]+)")
_ENTRY = re.compile(r"^\* ([^:\n]+): \(", re.M)
_UNDERLINE = re.compile(r"([*=\-.])\1*")
_LEVELS = {"*": 2, "=": 3, "-": 4, ".": 5}
_DEFINES = " -- "
_CONTINUED = " " * 10  # a line that goes on with what is defined
_BODY = 5  # columns that a description is indented
_FOOTNOTES = re.compile(r" *-+ Footnotes -+")
_REFERENCE = re.compile(r"(\(?)\*([Nn])ote\s+([^:*]+?):(?::|\s+[^.,*]+)")
_INDENT = re.compile(r"\A {3}(?=[^\s•])")  # of a paragraph's first line
_LEADS = re.compile(r"(?:[:,]|\b(?:or|and))$")  # an example, which nothing marks but its indent
_QUOTED = re.compile(r"[‘`]([^‘’'`\n]+)[’']")


def read_info(text: str) -> Page:
    """Read an Info file, or one of the parts that a large one is split into."""
    nodes = text.split("\x1f")
    names = [match.group(1) for node in nodes if (match := _NODE.match(node.lstrip("\n\x0c")))]
    if not names:
        return read_plain(text)
    entry = _ENTRY.search(nodes[0])
    title = entry.group(1) if entry else names[0]
    reader = _Reader()
    line = 1
    for node in nodes:
        if _NODE.match(node.lstrip("\n\x0c")):
            reader.read(node.split("\n"), line)
        line += node.count("\n")
    if not reader.blocks:
        return Page(title, ())
    first = reader.blocks[0].start_line
    return Page(title, (heading_block(title, 1, first, first), *reader.blocks))


class _Reader:
    """Goes through the nodes, each once."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.section = ("", 1)  # words and level of the last heading that defines nothing
        self.continues = 0  # how often it went on behind a definition
        self.body = 0  # columns that the text being read is indented as a description
        self.example: list[str] = []  # lines of the code that was read last, to which more may belong

    def read(self, lines: list[str], first: int) -> None:
        """Take in a node that begins with this line of the file."""
        self.body = 0
        for start, end in _paragraphs(lines):
            part = [line.rstrip() for line in lines[start:end]]
            if len(part) == 2 and _UNDERLINE.fullmatch(part[1]) and len(part[1]) + 2 >= len(part[0]):
                words = _words(part[0])
                self.section, self.continues, self.body = (words, _LEVELS[part[1][0]]), 0, 0
                self.blocks.append(heading_block(words, self.section[1], first + start, first + start))
            elif part[0].startswith(_DEFINES):
                self._define(part, first + start)
            else:
                self._text(part, first + start)

    def _define(self, part: list[str], line: int) -> None:
        """Make a heading of what is defined; of several lines code below the first."""
        size = next((at for at, each in enumerate(part) if not each.startswith((_DEFINES, _CONTINUED))), len(part))
        defined = re.split(r"\n(?= -- )", "\n".join(part[:size]))
        signatures = [" ".join(each.removeprefix(_DEFINES).split()).removeprefix(": ") for each in defined]
        name = without_results(signatures[0])
        self.body = _BODY
        self.example = []
        self.blocks.append(heading_block(name, self.section[1] + 1, line, line))
        if signatures != [name]:
            self.blocks.append(code_block("\n".join(signatures), "", line, line + size - 1))
        if size < len(part):
            self._text(part[size:], line + size)

    def _text(self, part: list[str], line: int) -> None:
        indent = min(len(each) - len(each.lstrip()) for each in part)
        if indent < self.body:
            self.body = 0
            self.continues += 1
            self.blocks.append(continued_heading(self.section[0], self.continues, self.section[1] + 1, line))
        end = line + len(part) - 1
        last = self.blocks[-1] if self.blocks else None
        leads = last is not None and last.kind == "prose" and bool(_LEADS.search(last.text))
        goes_on = last is not None and last.kind == "code" and bool(self.example)
        if indent >= self.body + _BODY and (leads or goes_on) and not _is_prose(part):
            start = line
            if goes_on and last is not None:
                start = self.blocks.pop().start_line
                part = [*self.example, *[""] * (line - start - len(self.example)), *part]
            self.example = part
            self.blocks.append(code_block(dedent("\n".join(part)), "", start, end))
            return
        self.example = []
        shown = "\n".join(each[self.body :] for each in part)
        # All lines are indented in a list, in a paragraph the first.
        shown = dedent(shown) if _INDENT.match(shown) and "\n" in shown else _INDENT.sub("", shown)
        self.blocks.append(prose_block(_words(_INDENT.sub("", shown)), line, end))


def _paragraphs(lines: list[str]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of the runs of lines of a node between empty ones, without its first line, menus and rules."""
    start, in_menu, is_top, defines = -1, False, False, False
    for number, line in enumerate([*lines, ""]):
        header = _NODE.match(line)
        if header:
            is_top = header.group(2) == "Top"
        if line.startswith("* Menu:"):
            in_menu = True
        elif in_menu and line.strip() and line[0] not in "* \t" and not is_top:
            in_menu = False
        shown = bool(line.strip("\x0c ")) and not header and not in_menu and not _FOOTNOTES.fullmatch(line)
        if start >= 0 and line.startswith(_DEFINES) and not defines:
            yield start, number
            start = number
        elif shown:
            start = number if start < 0 else start
        elif start >= 0:
            yield start, number
            start = -1
        defines = start >= 0 and (line.startswith(_DEFINES) or (defines and line.startswith(_CONTINUED)))


def _is_prose(lines: list[str]) -> bool:
    """Tell whether indented lines are sentences: the description of an item has more than one paragraph."""
    text = " ".join(lines).strip()
    return text[0].isupper() and text[-1] in ".:," and text.count(" ") > 5


def _words(text: str) -> str:
    """Return text with references as words, and what is quoted as code."""
    return _QUOTED.sub(r"`\1`", _REFERENCE.sub(_reference, text))


def _reference(match: re.Match[str]) -> str:
    bracket, capital, name = match.groups()
    return f"{bracket}{'See ' if capital == 'N' else 'see ' if bracket else ''}{' '.join(name.split())}"
