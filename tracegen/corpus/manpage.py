"""Manual pages (roff with the macros of man and mdoc) -> blocks."""

import re
from textwrap import dedent

from tracegen.corpus.mdoc import mdoc_words
from tracegen.corpus.pages import Page, code_block, heading_block, prose_block, table_block
from tracegen.corpus.roff import Macro, arguments, macro_of, words
from tracegen.corpus.text import read_plain
from tracegen.records import Block

_REQUEST = re.compile(r"[.'][ \t]*(\S[^\s\"]*)[ \t]*(.*)")
_IS_MDOC = re.compile(r"^[.'][ \t]*(?:Dd|Dt|Sh)\b", re.M)
_IS_MAN = re.compile(r"^[.'][ \t]*(?:TH|SH|Dd|Sh|so)\b", re.M)
_FONTS = frozenset(["B", "I", "R", "SM", "SB", "BR", "RB", "BI", "IB", "IR", "RI", "UR", "MT", "SY"])
_JOINED = frozenset(["BR", "RB", "BI", "IB", "IR", "RI"])
_PARAGRAPHS = frozenset(["PP", "P", "LP", "Pp", "sp", "RS", "RE", "br", "HP", "Bl", "El", "bp"])
_CONDITIONAL = re.compile(r"n[ \t]+\.[ \t]*([A-Z]\w?)[ \t]*(.*)")  # for terminals, not for paper
_MARKS = frozenset(["- ", "• "])
_LONGEST_TAG = 100
_CODE_BEGINS = frozenset(["nf", "EX", "Bd", "Dl", "D1", "Vb"])
_CODE_ENDS = frozenset(["fi", "EE", "Ed", "Ve"])


def read_manpage(text: str) -> Page:
    """Read a page in the macros of man or mdoc; a file that has none of them is plain text."""
    if not _IS_MAN.search(text):
        return read_plain(text)
    reader = _Reader(text.split("\n"), is_mdoc=bool(_IS_MDOC.search(text)))
    reader.read()
    if reader.pointer and not reader.blocks:
        return Page("", (), f"only points to {reader.pointer}")
    return Page(reader.title, tuple(reader.blocks))


class _Reader:
    """Goes through the lines once."""

    def __init__(self, lines: list[str], is_mdoc: bool) -> None:
        self.lines = lines
        self.is_mdoc = is_mdoc
        self.macros: dict[str, Macro] = {}  # that the page defines
        self.number = 0  # of the line being read, from 0
        self.blocks: list[Block] = []
        self.title = self.pointer = ""
        self.name = ""  # what mdoc's `.Nm` stands for
        self.parts: list[str] = []  # of the paragraph being read
        self.flows = False  # whether the last line of it was shown by a macro
        self.start = 0
        self.lead = ""  # the tag of the paragraph: an option, an item's mark
        self.wants_tag = False  # whether the next line is the tag
        self.code: list[str] | None = None  # lines of the code being read

    def read(self) -> None:
        while self.number < len(self.lines):
            line = self.lines[self.number]
            request = _REQUEST.fullmatch(line)
            if request:
                self._request(request.group(1), request.group(2))
            elif not line.startswith((".", "'")):
                self._line(words(line))
            self.number += 1
        self._end_code()
        self._end_paragraph(final=True)

    def _request(self, name: str, rest: str) -> None:
        if name.startswith("\\"):
            return  # a comment
        if name in self.macros:
            self._defined(self.macros[name], rest)
        elif name in ("SH", "SS", "Sh", "Ss"):
            self._heading(name, rest)
        elif name in ("TH", "Dt"):
            self._title(arguments(rest))
        elif name in ("TP", "TQ", "IP", "It"):
            self._tag(name, rest)
        elif name in _FONTS:
            self._line(("" if name in _JOINED else " ").join(words(each) for each in arguments(rest)), flows=True)
        elif name in _CODE_BEGINS or name in _CODE_ENDS:
            self._code(name, rest)
        elif name in _PARAGRAPHS:
            if name == "RS" and not self.lead and len(" ".join(self.parts)) <= _LONGEST_TAG:
                self._indented()
            self._end_paragraph()
            if self.code is not None and name in ("sp", "PP", "Pp", "P", "LP"):
                self.code.append("")
        elif name in ("TS", "de", "ig", "am"):
            self._region(name, rest)
        else:
            self._other(name, rest)

    def _title(self, given: list[str]) -> None:
        shown = [words(each) for each in given[:2]]
        name = shown[0] if shown else ""
        name = name.lower() if name.isupper() and "::" not in name else name  # `JSON::PP` is spelled so
        self.title = f"{name}({shown[1]})" if len(shown) > 1 and name else name
        if self.title and not self.blocks:
            self.blocks.append(heading_block(self.title, 1, self.number + 1, self.number + 1))

    def _heading(self, name: str, rest: str) -> None:
        self._end_code()
        self._end_paragraph(final=True)
        shown = " ".join(words(each) for each in arguments(rest))
        first = self.number
        if not shown and self.number + 1 < len(self.lines) and not self.lines[self.number + 1].startswith("."):
            self.number += 1
            shown = words(self.lines[self.number])
        if shown.strip():
            self.blocks.append(heading_block(shown, 2 if name[1] in "Hh" else 3, first + 1, self.number + 1))

    def _tag(self, name: str, rest: str) -> None:
        if name != "TQ":
            self._end_paragraph(final=name == "It" or not self.lead.startswith("**"))
        if name in ("TP", "TQ"):
            self.wants_tag = True
            return
        shown = mdoc_words(rest, self.name) if name == "It" else " ".join(words(each) for each in arguments(rest)[:1])
        self._add_tag(shown or "•" if name == "It" else shown)

    def _indented(self) -> None:
        """Make a tag of a short paragraph before indented ones, as pages made from DocBook have it."""
        tag, self.parts = " ".join(self.parts), []
        if tag:
            self.lead = f"**{tag}**\n"

    def _add_tag(self, tag: str) -> None:
        tag = tag.strip()
        if not tag:
            return
        self.start = self.start if self.lead else self.number
        if tag in ("•", "*", "-", "o", "·"):
            self.lead = "- "
        elif re.fullmatch(r"\(?\d+[.)]?", tag):
            self.lead = f"{tag.strip('().')}. "
        else:
            self.lead = f"{self.lead.rstrip()}, **{tag}**\n" if self.lead else f"**{tag}**\n"

    def _other(self, name: str, rest: str) -> None:
        conditional = _CONDITIONAL.fullmatch(rest) if name in ("ie", "if") else None
        if conditional:
            self._request(conditional.group(1), conditional.group(2))
        if name == "so":
            self.pointer = rest.strip()
        if name == "OP":
            self._line(f"[{' '.join(words(each) for each in arguments(rest))}]", flows=True)
        if name == "Nm" and not self.name:
            self.name = words(rest.split(" ,")[0]).strip()
        if name == "Nd":
            self._line(f"— {mdoc_words(rest, self.name)}", flows=True)
        elif self.is_mdoc and name[:1].isupper() and len(name) == 2:
            self._line(mdoc_words(f"{name} {rest}", self.name), flows=True)

    def _defined(self, macro: Macro, rest: str) -> None:
        """Take in a macro of the page's own by what it shows of its arguments."""
        if macro.begins_tag:
            self._end_paragraph(final=not self.lead.startswith("**"))
            self._add_tag(macro.shown(rest))
            return
        if macro.fills is not None:
            self._code("fi" if macro.fills else "nf", "")
        elif macro.parts:
            self._end_paragraph()
        shown = macro.shown(rest)
        if shown:
            self._line(shown, flows=True)

    # --- text and code ---------------------------------------------------------------------------------------------------

    def _line(self, line: str, flows: bool = False) -> None:
        """Take in a line. What a macro shows, often one word, flows into the lines around it."""
        if self.code is not None:
            self.code.append(line.rstrip())
        elif self.wants_tag or line.strip() == "•":
            self.wants_tag = False
            self._add_tag(line)
        elif not line.strip():
            self._end_paragraph()
        else:
            if not self.parts and not self.lead:
                self.start = self.number
            if self.parts and (flows or self.flows):
                self.parts[-1] += f" {line.strip()}"
            else:
                self.parts.append(line.strip())
            self.flows = flows

    def _end_paragraph(self, final: bool = False) -> None:
        if not self.parts and self.lead and (self.lead in _MARKS or self.lead.startswith("**")) and not final:
            return  # its text is still to come
        text = (self.lead + "\n".join(self.parts)).strip()
        if text and self.lead + "\n".join(self.parts) not in _MARKS:
            self.blocks.append(prose_block(text, self.start + 1, max(self.start + 1, min(self.number, len(self.lines)))))
        self.parts, self.lead, self.wants_tag = [], "", False

    def _code(self, name: str, rest: str) -> None:
        if name in _CODE_ENDS:
            self._end_code()
            return
        self._end_code()
        if name in ("Dl", "D1"):
            self._end_paragraph()
            self.blocks.append(code_block(mdoc_words(rest, self.name) or " ", "", self.number + 1, self.number + 1))
        elif name != "Bd" or "literal" in rest or "unfilled" in rest:
            self._end_paragraph()
            self.code, self.start = [], self.number + 1
        else:
            self._end_paragraph()

    def _end_code(self) -> None:
        lines, self.code = self.code, None
        code = dedent("\n".join(lines).expandtabs()).strip("\n") if lines else ""
        if code.strip():
            end = max(min(self.number, len(self.lines)), 1)
            self.blocks.append(code_block(code, "", min(self.start + 1, end), end))

    # --- tables, definitions ---------------------------------------------------------------------------------------------

    def _table(self) -> None:
        """Take in a table of tbl: what stands before the line that ends in a dot is layout."""
        self._end_code()
        self._end_paragraph()
        end = self._find(".TE")
        lines = self.lines[self.number + 1 : end]
        layout = next((at for at, line in enumerate(lines) if line.rstrip().endswith(".")), -1)
        separator = re.search(r"tab\s*\((.)\)", "\n".join(lines[: layout + 1]))
        text = re.sub(
            r"T\{\n(.*?)\nT\}", lambda match: match.group(1).replace("\n", " "), "\n".join(lines[layout + 1 :]), flags=re.S
        )
        cells = [
            line.split(separator.group(1) if separator else "\t")
            for line in text.split("\n")
            if not line.startswith((".", "'"))
        ]
        rows = [[words(cell).strip() for cell in row] for row in cells]
        rows = [row for row in rows if any(cell.strip("_=-") for cell in row)]
        if rows:
            self.blocks.append(table_block(rows, self.number + 1, min(end + 1, len(self.lines))))
        self.number = end

    def _region(self, name: str, rest: str) -> None:
        """Take in a table, or pass what defines a macro."""
        if name == "TS":
            self._table()
        else:
            given = arguments(rest)
            begin = self.number + 1
            self.number = self._find(f".{given[1]}" if len(given) > 1 else "..")
            if name == "de" and given:
                self.macros[given[0]] = macro_of(self.lines[begin : self.number])

    def _find(self, mark: str) -> int:
        """Return the line that begins with the mark, or the last one."""
        after = range(self.number + 1, len(self.lines))
        return next((at for at in after if self.lines[at].startswith(mark)), len(self.lines) - 1)
