"""AsciiDoc -> blocks: its common markup, line by line; no parser of it exists in Python that is kept well."""

import re

from tracegen.corpus.formats import LANGUAGES
from tracegen.corpus.pages import Page, code_block, first_heading, heading_block, prose_block, table_block, without_stars
from tracegen.records import Block

_HEADING = re.compile(r"(={1,6}|#{1,6})[ \t]+(\S.*)")
_UNDERLINES = "=-~^+"
_ATTRIBUTE = re.compile(r":!?([\w-]+)!?:(?:[ \t]+(.*))?")
_BLOCK_ATTRIBUTES = re.compile(r"\[(?:\[[^\]]*\]|[^\]]*)\]")
_LANGUAGE = re.compile(r"\[(?:source|listing)?[^,\]]*,[ \t]*(?:language=)?\"?([\w+#.-]+)[^\]]*\]")
_DROPPED = re.compile(r"(?://(?!//).*|(?:include|image|video|audio|toc|ifdef|ifndef|ifeval|endif)::.*|'{3,}|<<<|\+)")
_VERBATIM = re.compile(r"(?:-{4,}|\.{4,}|`{3,}\S*|\+{4,}|/{4,})")
_TRANSPARENT = re.compile(r"={4,}|\*{4,}|_{4,}|--")
_TABLE = re.compile(r"[|,:!]={3,}")
_ADMONITIONS = ("NOTE", "TIP", "IMPORTANT", "WARNING", "CAUTION")
_ADMONITION = re.compile(rf"({'|'.join(_ADMONITIONS)}):[ \t]+")
_TITLE = re.compile(r"\.(?![. ])(\S.*)")
_ITEM = re.compile(r"[ \t]*(?:(\*{1,6}|-)|(\.{1,6}|\d+\.))[ \t]+(?=\S)")
_TERM = re.compile(r"(\S.*?)(?:::{1,3}|;;)(?:[ \t]+(.*))?")
_INDENTED_TERM = re.compile(r"[ \t]+\S[^\n]*?:{2,4}")  # with `;;` it is more often code, of OCaml or a shell
_CELL = re.compile(r"(?:(?:\d+\*|[\d.]+\+)?[<^>.]*[aehlmsdv]?)(?<!\\)\|")

_XREF = re.compile(r"<<([^,<>]+)(?:,\s*([^<>]+))?>>")
_MANPAGE = re.compile(r"\blinkgit:([\w.-]+)\[(\d)\]")
_MACRO = re.compile(r"(?:link|xref|mailto|kbd|btn|menu|footnote|pass|stem|latexmath):([^\s\[\]]*)\[([^\]]*)\]")
_URL = re.compile(r"(https?://[^\s\[\]<>]+)\[([^\]]*)\]")
_REFERENCE = re.compile(r"\{([\w-]+)\}")
_MONOSPACE = re.compile(r"`\+([^`\n]+?)\+`|(?<![\w`+])\+([^\s+`][^+\n]*)\+(?![\w+])")
_ANCHOR = re.compile(r"\[\[[^\]]*\]\]|\[#[^\]]*\](?=\S)|anchor:[\w-]+\[[^\]]*\]")
_ID = re.compile(r"\[\[([^\],]+)[^\]]*\]\]|\[[^\]#\s]*#([^\],.%]+)[^\]]*\]")
_KNOWN = {"nbsp": " ", "empty": "", "blank": "", "sp": " ", "plus": "+", "vbar": "|", "asterisk": "*", "backtick": "`",
          "lt": "<", "gt": ">", "amp": "&", "cpp": "C++"}  # fmt: skip


def read_asciidoc(text: str) -> Page:
    """Read an AsciiDoc file; what it includes stands in the text already (see includes.py)."""
    reader = _Reader(text.split("\n"))
    reader.read()
    blocks = tuple(reader.blocks)
    return Page(first_heading(blocks), blocks)


class _Reader:
    """Goes through the lines once."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.number = 0  # of the line being read, from 0
        self.blocks: list[Block] = []
        self.attributes = dict(_KNOWN)
        self.paragraph: list[str] = []
        self.start = 0  # line where the paragraph begins
        self.lead = ""  # what the next paragraph begins with: a block's title, `Note: `
        self.lead_line = 1
        self.language: str | None = None  # of the next listing, where it is said
        self.anchor = ""  # of the next heading, where it is said

    def read(self) -> None:
        while self.number < len(self.lines):
            line = self.lines[self.number].rstrip()
            if not line:
                self.end_paragraph()
            elif self._delimited(line):
                self.anchor = ""  # was this block's
            elif not self._single(line):
                self._text(line)
            self.number += 1
        self.end_paragraph()
        self._end_lead()

    # --- blocks ----------------------------------------------------------------------------------------------------------

    def _delimited(self, line: str) -> bool:
        """Take in a block between delimiters; False where none begins here."""
        if _TABLE.fullmatch(line):
            end = self._closing(line)
            if end is not None:
                self._table(line, end)
                return True
        if _TRANSPARENT.fullmatch(line):
            self.end_paragraph()
            return True
        fence = line[: len(line) - len(line.lstrip("`"))] if line.startswith("```") else line
        end = self._closing(fence) if _VERBATIM.fullmatch(line) else None
        if end is None:
            return False
        self.end_paragraph()
        inner = [each.rstrip() for each in self.lines[self.number + 1 : end] if not each.startswith("include::")]
        code = "\n".join(inner).strip("\n")
        if code.strip() and not line.startswith(("////", "++++")):
            self._end_lead()
            start = self.number + 2 + next(at for at, each in enumerate(self.lines[self.number + 1 : end]) if each.strip())
            language = line[3:] if line.startswith("```") else self.language or ""
            self.blocks.append(code_block(code, language, min(start, end), end))
        self.language = None
        self.number = end
        return True

    def _closing(self, fence: str) -> int | None:
        """Return the line that closes what is opened here, or None where it is never closed."""
        return next((at for at in range(self.number + 1, len(self.lines)) if self.lines[at].rstrip() == fence), None)

    def _table(self, fence: str, end: int) -> None:
        self.end_paragraph()
        self._end_lead()
        separator = {",": ",", ":": ":", "!": "!"}.get(fence[0], "|")
        rows: list[list[str]] = []
        groups: list[list[str]] = [[]]
        for line in self.lines[self.number + 1 : end]:
            if not line.strip():
                groups.append([])
            elif separator != "|":
                groups[-1] += [self._inline(cell.strip()) for cell in line.split(separator)]
                groups.append([])
            elif not _CELL.match(line):  # goes on with the cell of the line before
                if not groups[-1]:
                    groups[-1].append(self._inline(line.strip()))
                else:
                    groups[-1][-1] += " " + self._inline(line.strip())
            else:
                cells = [self._inline(cell.strip()) for cell in _CELL.split(line)[1:]]
                groups[-1] += cells
                if len(cells) > 1:
                    groups.append([])
        rows = [row for row in groups if any(row)]
        width = max((len(row) for row in rows[:2]), default=0)
        rows = [row[at : at + width] for row in rows for at in range(0, len(row), width)]
        if rows:
            self.blocks.append(table_block(rows, self.number + 2, max(end, self.number + 2)))
        self.language = None
        self.number = end

    # --- lines -----------------------------------------------------------------------------------------------------------

    def _single(self, line: str) -> bool:
        """Take in a line that stands for itself; False where it is text."""
        if not self.paragraph and (named := _ID.fullmatch(line)):
            self.anchor = named[named.lastindex or 0]
        heading = _HEADING.fullmatch(line)
        attribute = _ATTRIBUTE.fullmatch(line)
        if heading:
            self._heading(heading.group(2), len(heading.group(1)), 1)
        elif not self.paragraph and self._is_underlined(line):
            self.number += 1
            self._heading(line, _UNDERLINES.index(self.lines[self.number][0]) + 1, 2)
        elif attribute and (not self.paragraph or self._is_in_header()):
            self.attributes[attribute.group(1)] = attribute.group(2) or ""
        elif _DROPPED.fullmatch(line):
            if line == "+":
                self.end_paragraph()
        elif _BLOCK_ATTRIBUTES.fullmatch(line):
            self.end_paragraph()
            self._block_attributes(line)
        elif not self.paragraph and _TITLE.fullmatch(line):
            self._end_lead()
            self.lead = f"**{self._inline(line[1:])}**\n"
            self.lead_line = self.number + 1
        else:
            return False
        return True

    def _is_in_header(self) -> bool:
        """Tell whether the lines being read stand right below the document's title: author and version, then attributes."""
        return len(self.blocks) == 1 and self.blocks[0].kind == "heading" and self.start == self.blocks[0].end_line

    def _is_underlined(self, line: str) -> bool:
        """Tell whether the next line makes a heading of this one: as long as it, give or take one."""
        below = self.lines[self.number + 1].rstrip() if self.number + 1 < len(self.lines) else ""
        same = below[:1] in _UNDERLINES and set(below) == set(below[:1])
        # Four of them are more often the delimiter of a block.
        fits = len(below) == len(line) or (abs(len(below) - len(line)) == 1 and len(below) > 4)
        return same and fits and any(map(str.isalnum, line)) and len(below) > 1

    def _heading(self, text: str, level: int, lines: int) -> None:
        self.end_paragraph()
        self._end_lead()
        words = self._inline(text).replace("`", "").strip()
        named = _ID.match(text)
        anchor = named[named.lastindex or 0] if named else self.anchor
        if words:
            self.blocks.append(heading_block(words, level, self.number + 2 - lines, self.number + 1, anchor))
        self.anchor = ""

    def _block_attributes(self, line: str) -> None:
        line = _REFERENCE.sub(lambda match: self.attributes.get(match.group(1), _language_named(match.group(1))), line)
        language = _LANGUAGE.fullmatch(line)
        kind = line[1:-1].partition(",")[0].partition(".")[0].partition("#")[0].strip()
        if kind in _ADMONITIONS:
            self.lead_line = self.lead_line if self.lead else self.number + 1
            self.lead += f"{kind.capitalize()}: "
        if kind in ("source", "listing", "") and language:
            self.language = language.group(1)
        elif kind == "source":
            self.language = self.attributes.get("source-language", "")

    def _text(self, line: str) -> None:
        if self.language is not None:  # a listing without delimiters ends at the next empty line
            self._open_listing()
            return
        if not self.paragraph:
            self.start, self.anchor = self.number, ""
        self.paragraph.append(line)

    def _open_listing(self) -> None:
        end = self.number
        while end < len(self.lines) and self.lines[end].strip():
            end += 1
        code = "\n".join(line.rstrip() for line in self.lines[self.number : end])
        self._end_lead()
        self.blocks.append(code_block(code, self.language or "", self.number + 1, end))
        self.language, self.number = None, end - 1

    def end_paragraph(self) -> None:
        """Make a block of the lines read since the last empty one."""
        lines, self.paragraph = self.paragraph, []
        if not lines:
            return
        start, end = self.start + 1, self.start + len(lines)
        if lines[0][0] in " \t" and not _ITEM.match(lines[0]) and not _INDENTED_TERM.fullmatch(lines[0]):
            self._end_lead()
            indent = min(len(line) - len(line.lstrip()) for line in lines)
            self.blocks.append(code_block("\n".join(line[indent:] for line in lines), "", start, max(end, start)))
            return
        shown = "\n".join(_item(self._inline(line.removesuffix(" +"))) for line in lines)
        admonition = _ADMONITION.match(shown)
        if admonition:
            shown = f"{admonition.group(1).capitalize()}: {shown[admonition.end() :]}"
        text, self.lead = (self.lead + shown).strip(), ""
        if text:
            self.blocks.append(prose_block(text, start, max(end, start)))

    def _end_lead(self) -> None:
        if self.lead.strip():
            self.blocks.append(prose_block(self.lead.strip(), self.lead_line, self.lead_line))
        self.lead = ""

    # --- words -----------------------------------------------------------------------------------------------------------

    def _inline(self, text: str) -> str:
        text = _ANCHOR.sub("", text)
        text = _REFERENCE.sub(lambda match: self.attributes.get(match.group(1), match.group()), text)
        text = _MANPAGE.sub(r"\1(\2)", text)
        text = _XREF.sub(lambda match: match.group(2) or match.group(1), text)
        text = _MACRO.sub(lambda match: match.group(2).rstrip("^") or match.group(1), text)
        text = _URL.sub(lambda match: match.group(2).partition(",")[0].rstrip("^") or match.group(1), text)
        return _MONOSPACE.sub(lambda match: f"`{match.group(1) or match.group(2)}`", text)


def _language_named(attribute: str) -> str:
    """Return the language that an attribute set elsewhere has as its name, as `{pkl}` in Pkl's manual, or ""."""
    return attribute if attribute in LANGUAGES.values() else ""


def _item(line: str) -> str:
    """Return the line with the marks of lists as Markdown has them."""
    item = _ITEM.match(line)
    if item:
        mark = item.group(1) or item.group(2)
        depth = 0 if mark == "-" or mark[0].isdigit() else len(mark) - 1
        return "  " * depth + ("- " if item.group(1) else f"{mark if mark[0].isdigit() else '1.'} ") + line[item.end() :]
    term = _TERM.fullmatch(line.lstrip() if _INDENTED_TERM.fullmatch(line) else line)
    if term:
        return f"**{without_stars(term.group(1))}**" + (f"\n{term.group(2)}" if term.group(2) else "")
    return line
