"""What a reader makes of a file's text, and the helpers that readers and chunker share."""

import re
from typing import NamedTuple

from tracegen.records import Block

WORDLESS_TITLES = frozenset([
    "about", "introduction", "intro", "overview", "readme", "index", "home", "documentation", "docs", "guide",
])  # fmt: skip
"""Titles that do not say what a page is about."""

_RESULTS = re.compile(r"(?:\[[^\]=]*\]|[\w.]+)\s*=\s*(?=[\w.]+\s*\()")
_TABLE_HEAD = frozenset(" \t:|-")
_STARS = re.compile(r"(?<![\w*])(\*{1,2})(?=[^\s*])([^*\n]*[^\s*])\1(?![\w*])")
_OPENING_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})[^\n]*")


class Page(NamedTuple):
    """A file's text, read."""

    title: str
    """Title as the file gives it, or "" where it gives none."""
    blocks: tuple[Block, ...]
    """The content in reading order."""
    problem: str = ""
    """Why the file cannot be read, where it cannot."""
    declared: bool = False
    """Whether the file says that this is its title."""


class Fenced(NamedTuple):
    """A fenced code block, taken apart."""

    opening: str
    """The fence line with the language; "" where the code has no fence."""
    body: str
    """The code."""
    closing: str
    """The closing fence line, or ""."""

    def wrap(self, body: str) -> str:
        """Return other code between the same fences."""
        return "\n".join(part for part in (self.opening, body, self.closing) if part)


def fenced(code: str, language: str) -> str:
    """Return code between fences that are longer than any run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{code}\n{fence}"


def prose_block(text: str, start_line: int, end_line: int) -> Block:
    """Return a paragraph, list or quote as a block."""
    return Block(kind="prose", text=text, start_line=start_line, end_line=end_line)


def heading_block(words: str, level: int, start_line: int, end_line: int, anchor: str = "") -> Block:
    """Return a heading as a block; what is deeper than the sixth level is on the sixth."""
    words = " ".join(words.split())
    return Block(kind="heading", text=words, level=min(level, 6), start_line=start_line, end_line=end_line, anchor=anchor)


def continued_heading(section: str, times: int, level: int, line: int) -> Block:
    """Return the heading of what goes on with a section behind a description, the first or a later time."""
    return heading_block(f"{section} (continued{f' {times}' if times > 1 else ''})", level, line, line)


def code_block(code: str, language: str, start_line: int, end_line: int) -> Block:
    """Return code as a block, in a fence."""
    text = fenced(code, language)
    return Block(kind="code", text=text, start_line=start_line, end_line=end_line, language=language)


def table_block(rows: list[list[str]], start_line: int, end_line: int, *, has_header: bool = True) -> Block:
    """Return a table as a block, as Markdown has it: the first row is the header, or an empty one; short rows are filled up.

    The header is repeated where the table is cut, so no row of data may stand there.
    """
    width = max(map(len, rows))
    rows = rows if has_header else [[""], *rows]
    filled = [[" ".join(cell.split()).replace("|", "\\|") for cell in row] + [""] * (width - len(row)) for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in filled]
    lines.insert(1, "|" + " --- |" * width)
    return Block(kind="table", text="\n".join(lines), start_line=start_line, end_line=end_line)


def unfence(text: str) -> Fenced:
    """Take the text of a code block apart; a fence that is never closed is closed."""
    opening, newline, rest = text.partition("\n")
    match = _OPENING_FENCE.fullmatch(opening)
    if match is None or not newline:
        return Fenced("", text, "")
    fence = match.group(1)
    body, newline, last = rest.rpartition("\n")
    if _closes(last, fence):
        return Fenced(opening, body, last)
    indent = opening[: match.start(1)]
    return Fenced(opening, rest, indent + fence)


def continued(text: str, part: str, joint: str) -> str:
    """Return a text with the next part of its last block: no fences between them, nor the head of a table again."""
    first, _, behind = part.partition("\n")
    above, _, last = text.rpartition("\n")
    fence = _OPENING_FENCE.fullmatch(first)
    if fence and behind and _closes(last, fence.group(1)):
        return f"{above}{joint}{behind}"
    second, has_rows, rows = behind.partition("\n")
    if has_rows and "|" in second and "-" in second and _TABLE_HEAD.issuperset(second):
        table = text[text.rfind("\n\n") + 2 :] if "\n\n" in text else text
        if table.startswith(f"{first}\n{second}\n"):
            return f"{text}{joint}{rows}"
    return f"{text}{joint}{part}"


def _closes(line: str, fence: str) -> bool:
    mark = line.strip()
    return len(mark) >= len(fence) and set(mark) == {fence[0]}


def without_stars(text: str) -> str:
    """Return the text without the stars around words in bold or in italics."""
    return _STARS.sub(r"\2", text)


def without_results(signature: str) -> str:
    """Return a signature that begins with what is called: `[q, r] = deconv (y, a)`, of Octave, is `deconv (y, a)`."""
    return _RESULTS.sub("", signature, count=1)


def first_heading(blocks: tuple[Block, ...]) -> str:
    """Return the words of the first heading, or ""."""
    return next((block.text for block in blocks if block.kind == "heading"), "")
