"""Vim's help files -> blocks: rules and tags make headings, `>` begins code."""

import re

from tracegen.corpus.pages import Page, code_block, heading_block, prose_block
from tracegen.records import Block

_MODELINE = re.compile(r"\s*(?:vim?|ex):.*(?:ft|filetype)=help\b", re.M)
_FIRST_LINE = re.compile(r"\*([\w.@-]+\.(?:txt|..x))\*(?:\s+(.*))?")
_TAG = re.compile(r"(?<!\S)\*([^*\s]+)\*(?!\S)")
_LINK = re.compile(r"(?<![\w|])\|([^|\s]+)\|(?![\w|])")
_COMMAND = re.compile(r"(?<![\w`])`([^`\n]+)`(?![\w`])")
_CODE = re.compile(r"(?:^|\s)>(\w*)$")
_FOLD = re.compile(r"\s\{\{\{\d*\s*$")
_COLUMN_HEADING = re.compile(r"(\S.*?)\s*~")


def is_vimhelp(text: str) -> bool:
    """Tell whether plain text is a page of Vim's help."""
    return bool(_FIRST_LINE.match(text) and (_TAG.search(text, 1) or "vim:" in text)) or bool(_MODELINE.search(text[-300:]))


def read_vimhelp(text: str) -> Page:
    """Read a help file of Vim.

    Below a rule of `=` or `-` stands a heading of the second or third level; a line with a tag (`*abs()*`) begins what it
    describes, and is a heading of the fourth.
    """
    lines = text.expandtabs(8).split("\n")
    first = _FIRST_LINE.match(lines[0])
    title = first.group(1) if first else ""
    reader = _Reader(lines)
    if first:
        reader.blocks.append(heading_block(title, 1, 1, 1))
        if first.group(2) and first.group(2).strip():
            reader.blocks.append(prose_block(first.group(2).strip(), 1, 1))
    reader.read(1 if first else 0)
    return Page(title, tuple(reader.blocks))


class _Reader:
    """Goes through the lines once."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.blocks: list[Block] = []
        self.paragraph: list[str] = []
        self.start = 0

    def read(self, number: int) -> None:
        level = 0  # of the heading that a rule announces
        while number < len(self.lines):
            line = self.lines[number].rstrip()
            if _is_rule(line):
                self._end_paragraph()
                level = 2 if line[0] == "=" else 3
            elif not line or _MODELINE.match(line):
                self._end_paragraph()
            elif level or _TAG.search(line):
                number = self._tagged(number, level or 4)
                level = 0
            elif _COLUMN_HEADING.fullmatch(line):
                self._end_paragraph()
                self.blocks.append(prose_block(f"**{_words(line.rstrip('~ '))}**", number + 1, number + 1))
            else:
                number = self._text(number, line)
            number += 1
        self._end_paragraph()

    def _tagged(self, number: int, level: int) -> int:
        """Take in the lines of a heading: those with tags, and of several lines the words of the last."""
        self._end_paragraph()
        start, tags, words = number, list[str](), ""
        while number < len(self.lines):
            line = self.lines[number].rstrip()
            found = _TAG.findall(line)
            if not found and number > start:
                break
            tags += found
            words = words or _words(_TAG.sub("", line))
            number += 1
            if not found:
                break
        heading = words if words and len(words) <= 100 else " ".join(dict.fromkeys(tags))[:100] or words[:100]
        if heading:
            self.blocks.append(heading_block(heading.rstrip("~ "), level, start + 1, number, next(iter(tags), "")))
        others = " ".join(f"`{tag}`" for tag in dict.fromkeys(tags) if tag.removesuffix("()") not in heading)
        said = "\n".join(part for part in (words if words != heading else "", others) if part)
        if said:
            self.blocks.append(prose_block(said, start + 1, number))
        return number - 1

    def _text(self, number: int, line: str) -> int:
        """Take in a line of text, and the code that it leads to; return the last line taken."""
        if not self.paragraph:
            self.start = number
        code = _CODE.search(line)
        shown = line[: code.start()].rstrip() if code else line
        if shown.strip():
            self.paragraph.append(shown)
        if code is None:
            return number
        self._end_paragraph()
        end = number + 1
        while end < len(self.lines) and (not self.lines[end].strip() or self.lines[end][0] == " "):
            end += 1
        self._code(number + 1, end, code.group(1))
        if end < len(self.lines) and self.lines[end][0] == "<":
            self.lines[end] = " " + self.lines[end][1:]
        return end - 1

    def _code(self, start: int, end: int, language: str) -> None:
        while start < end and not self.lines[start].strip():
            start += 1
        while end > start and not self.lines[end - 1].strip():
            end -= 1
        if start == end:
            return
        code = [line.rstrip() for line in self.lines[start:end]]
        indent = min(len(line) - len(line.lstrip()) for line in code if line)
        self.blocks.append(code_block("\n".join(line[indent:] for line in code), language, start + 1, end))

    def _end_paragraph(self) -> None:
        lines, self.paragraph = self.paragraph, []
        if not lines:
            return
        indent = min(len(line) - len(line.lstrip()) for line in lines)
        text = "\n".join(_marked(line[indent:]) for line in lines)
        self.blocks.append(prose_block(text, self.start + 1, self.start + len(lines)))


def _is_rule(line: str) -> bool:
    return len(line) >= 40 and set(line) in ({"="}, {"-"})


def _words(line: str) -> str:
    return " ".join(_FOLD.sub("", _marked(line)).replace("`", "").split())


def _marked(line: str) -> str:
    """Return the line with what it refers to in backticks."""
    return _LINK.sub(r"`\1`", _COMMAND.sub(r"`\1`", line))
