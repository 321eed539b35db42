"""Plain text -> paragraphs; and the simple reader of reStructuredText."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tracegen.corpus.pages import Page, fenced, first_heading
from tracegen.corpus.vimhelp import is_vimhelp, read_vimhelp
from tracegen.records import Block

_UNDERLINE = re.compile(r"([=\-~^\"'`#*+.:_])\1{2,}")
_DIRECTIVE = re.compile(r"\.\. (?:code-block|code|sourcecode|highlight)::[ \t]*(\S*)[ \t]*")

# What nobody writes by chance: two of them are markup.
_RST_SIGNS = re.compile(r"^[ \t]*\.\. (?:_[^:\n]+:|[\w:-]+::)|:[a-z]+(?::[a-z]+)?:`[^`\n]+`", re.M)
_ASCIIDOC_SIGNS = re.compile(
    r"^(?:include::\S+\[.*\]|\[\[[\w-]+\]\]|\[(?:verse|source|NOTE|TIP|WARNING|quote|listing)\b[^\]\n]*\]"
    r"|:[\w-]+:(?= |$)|={2,5} \S)"
    r"|\b(?:link|linkgit|xref):\S+\[[^\]\n]*\]|^\S[^\n]*::$",
    re.M,
)
_TAGS = re.compile(r"(?:[^\t\n]+\t[^\t\n]+\t/[^\n]*\n){3}|!_TAG_")  # of ctags and Vim
_CAPITALS = re.compile(r"[A-Z][A-Z0-9 ,/&()'-]*[A-Z0-9)]")
_LEAST_CAPITALS = 3  # headings in capitals that make a page of help, with its text indented below them
_FENCE = re.compile(r"^```[\w+-]*$", re.M)
_ATX_HEADING = re.compile(r"^#{1,4} \S", re.M)


class _Lines(NamedTuple):
    """A run of lines: numbers count from 0, the end is exclusive."""

    start: int
    end: int


def read_plain(text: str) -> Page:
    """Read plain text: paragraphs and underlined headings, a page of Vim's help, or markup under a name that does not say so.

    Django's manual is reStructuredText in `.txt` files, Git's is AsciiDoc, and many a README is Markdown.
    """
    if is_vimhelp(text):
        return read_vimhelp(text)
    if _TAGS.match(text):
        return Page("", (), "index of tags")
    read = _reader_of_markup(text)
    if read:
        return read(text)
    lines = text.split("\n")
    capitals = _in_capitals(lines)
    blocks = tuple(_plain(lines, capitals))
    first = next((block.start_line - 1 for block in blocks if block.kind == "heading"), -1)
    # The first of these says SYNOPSIS, or TOPIC.
    return Page("" if first in capitals else first_heading(blocks), blocks)


def _in_capitals(lines: list[str]) -> frozenset[int]:
    """Return the lines that are headings of a manual page as text, or of PowerShell's help; nothing where it is neither."""
    found = [
        number
        for number, line in enumerate(lines)
        if _CAPITALS.fullmatch(line.rstrip())
        and (number == 0 or not lines[number - 1].strip())
        and next((each for each in lines[number + 1 : number + 3] if each.strip()), "").startswith((" ", "\t"))
    ]
    return frozenset(found if len(found) >= _LEAST_CAPITALS else [])


def _reader_of_markup(text: str) -> Callable[[str], Page] | None:
    """Return the reader of the markup that the text is certainly written in, or None."""
    if len(_RST_SIGNS.findall(text)) > 1 and not _FENCE.search(text):
        from tracegen.corpus.rst import read_rst

        return read_rst
    if len(set(_ASCIIDOC_SIGNS.findall(text))) > 1:
        from tracegen.corpus.asciidoc import read_asciidoc

        return read_asciidoc
    if len(_FENCE.findall(text)) > 1 and _ATX_HEADING.search(text):
        from tracegen.corpus.markdown import read_markdown

        return read_markdown
    return None


def read_simple_rst(text: str) -> Page:
    """Read reStructuredText that is too large or too broken for docutils: headings, literal blocks and paragraphs."""
    blocks = tuple(_rst(text.split("\n")))
    return Page(first_heading(blocks), blocks)


def _paragraphs(lines: list[str]) -> Iterator[_Lines]:
    """Yield the runs of lines between empty ones."""
    position = 0
    while (run := _next_paragraph(lines, position)) is not None:
        yield run
        position = run.end


def _next_paragraph(lines: list[str], position: int) -> _Lines | None:
    """Return the first run of lines that are not empty from there on."""
    start = position
    while start < len(lines) and not lines[start].strip():
        start += 1
    end = start
    while end < len(lines) and lines[end].strip():
        end += 1
    return _Lines(start, end) if end > start else None


def _plain(lines: list[str], capitals: frozenset[int]) -> Iterator[Block]:
    styles: list[str] = []
    for run in _paragraphs(lines):
        if run.start in capitals:
            yield _heading(lines[run.start], 2, _Lines(run.start, run.start + 1))
            run = _Lines(run.start + 1, run.end)
            if run.start == run.end:
                continue
        heading = _rst_heading(lines, run) if run.end - run.start < 4 else None
        if heading is None or heading[1][0] not in "=-~":
            yield _prose(lines, run)
            continue
        words, style, position = heading
        styles += [style] if style not in styles else []
        yield _heading(words, styles.index(style) + 1, _Lines(run.start, position))
        if position < run.end:
            yield _prose(lines, _Lines(position, run.end))


def _prose(lines: list[str], run: _Lines) -> Block:
    return Block(kind="prose", text="\n".join(lines[run.start : run.end]), start_line=run.start + 1, end_line=run.end)


def _code(lines: list[str], run: _Lines, language: str) -> Block:
    code = [line.rstrip() for line in lines[run.start : run.end]]
    indent = min((len(line) - len(line.lstrip()) for line in code if line), default=0)
    text = fenced("\n".join(line[indent:] for line in code), language)
    return Block(kind="code", text=text, start_line=run.start + 1, end_line=run.end, language=language)


def _heading(words: str, level: int, run: _Lines) -> Block:
    return Block(kind="heading", text=words.strip(), level=min(level, 6), start_line=run.start + 1, end_line=run.end)


# --- reStructuredText ----------------------------------------------------------------------------------------------------


def _rst(lines: list[str]) -> Iterator[Block]:
    """Yield headings, literal blocks (`::`, code directives) and paragraphs.

    A heading's level is the place of its line style among the styles of the file, as reStructuredText has it.
    """
    styles: list[str] = []
    position = 0
    while (run := _next_paragraph(lines, position)) is not None:
        heading = _rst_heading(lines, run)
        if heading is not None:
            words, style, position = heading
            if style not in styles:
                styles.append(style)
            yield _heading(words, styles.index(style) + 1, _Lines(run.start, position))
            continue
        directive = _DIRECTIVE.fullmatch(lines[run.start])
        position = run.start + 1 if directive else run.end
        if directive is None:
            yield _prose(lines, run)
        if directive is not None or lines[run.end - 1].rstrip().endswith("::"):
            literal = _indented(lines, position)
            if literal is not None:
                yield _code(lines, literal, directive.group(1) if directive else "")
                position = literal.end


def _rst_heading(lines: list[str], run: _Lines) -> tuple[str, str, int] | None:
    """Return words, line style and the line after a heading at the beginning of the run, or None."""
    part = lines[run.start : min(run.end, run.start + 3)]
    if len(part) == 3 and _underlines(part[2], part[1]) and part[0].rstrip() == part[2].rstrip():
        return part[1], part[0][0] * 2, run.start + 3
    if len(part) >= 2 and _underlines(part[1], part[0]) and not _UNDERLINE.fullmatch(part[0].rstrip()):
        return part[0], part[1][0], run.start + 2
    return None


def _underlines(line: str, words: str) -> bool:
    return bool(_UNDERLINE.fullmatch(line.rstrip()) and words.strip() and len(line.rstrip()) + 2 >= len(words.rstrip()))


def _indented(lines: list[str], start: int) -> _Lines | None:
    """Return the run of indented lines from there on, without the empty lines around it."""
    while start < len(lines) and not lines[start].strip():
        start += 1
    end = last = start
    while end < len(lines) and (not lines[end].strip() or lines[end][0] in " \t"):
        end += 1
        last = end if lines[end - 1].strip() else last
    return _Lines(start, last) if last > start else None
