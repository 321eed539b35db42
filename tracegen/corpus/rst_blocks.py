"""docutils' tree -> blocks."""

import re
from collections.abc import Iterable, Iterator

from docutils import nodes

from tracegen.corpus.pages import code_block, continued_heading, heading_block, prose_block, table_block, without_stars
from tracegen.corpus.rst_inline import inline, unescaped
from tracegen.records import Block

_LONGEST_SIGNATURE = 100
_DEEPEST_SUBSTITUTION = 3
_LONGEST_SUBSTITUTION = 1000
_DIRECTIVE_HEAD = re.compile(r"[ \t]*\.\. [^\n]*(?:\n[ \t]+:[^\n]*)*")
_TITLE = re.compile(r"(?:([^\w\s])\1+[ \t]*\n)?[ \t]*(\S[^\n]*)\n([^\w\s])\3+[ \t]*")
_SILENT = frozenset([
    "comment", "target", "substitution_definition", "pending", "raw", "image", "transition", "colspec",
    "term", "classifier", "label", "title", "field_name", "option_group",
])  # fmt: skip
_LISTS = frozenset(["bullet_list", "enumerated_list", "field_list", "option_list"])


def blocks_of(document: nodes.document, lines: list[str]) -> tuple[Block, ...]:
    """Return the blocks of a document that was read from these lines."""
    writer = _Writer(document, lines)
    writer.children(document, 0)
    writer.close()
    return tuple(writer.blocks)


class _Writer:
    """Goes through the tree once, collecting blocks."""

    def __init__(self, document: nodes.document, lines: list[str]) -> None:
        self.blocks: list[Block] = []
        self.lines = lines
        self.line = 1  # where the writer stands
        self.names = frozenset(document.nameids)
        self.substitutions = _substitutions(document, self.names)
        self.section = ""  # words of the last section's title
        self.continued = 0  # how often this section went on behind descriptions
        self.lead = ""  # what the next paragraph begins with: `Note: `, a term, a field's name
        self.indent = ""  # of the lines of the open list
        self.bullet = ""
        self.items: list[tuple[int, int, str]] = []  # the open list: first line, last line, text

    def children(self, node: nodes.Element, level: int) -> None:
        """Take in what is in a node; `level` is the depth of the heading above it."""
        described = False
        for child in node.children:
            if not isinstance(child, nodes.Element):
                continue
            before = len(self.blocks)
            self.node(child, level)
            signature = "signatures" in child.attributes
            if described and not signature and len(self.blocks) > before and self.blocks[before].kind != "heading":
                self._continue_section(before, level + 1)
            described = signature or (described and len(self.blocks) == before)

    def _continue_section(self, at: int, level: int) -> None:
        """Put a heading before what follows a description and is no part of it."""
        if self.section:
            self.continued += 1
            line = self.blocks[at].start_line
            self.blocks.insert(at, continued_heading(self.section, self.continued, level, line))

    def node(self, node: nodes.Element, level: int) -> None:
        """Take in one node."""
        line = node.line or self.line
        if node.tagname in _SILENT or self._leaf(node, line):
            return
        if node.tagname == "section":
            self._section(node, level + 1)
        elif node.tagname in _LISTS:
            self._list(node, level)
        elif node.tagname == "system_message":
            self._message(node, level, line)
        elif "signatures" in node.attributes:
            self._description(node, level, line)
        else:
            lead = self._lead(node)
            if lead:
                self._led(node, lead, level)
            else:
                self.children(node, level)

    def _leaf(self, node: nodes.Element, line: int) -> bool:
        """Take in a node that holds words, code or a table; False where it is none of these."""
        kind = node.tagname
        if kind in ("paragraph", "attribution", "caption", "line_block"):
            self._say(self._words(node), line)
        elif kind == "rubric":
            self._say(f"**{self._words(node)}**", line)
        elif kind == "math_block":
            self._say(f"$$\n{node.astext()}\n$$", line)
        elif kind in ("literal_block", "doctest_block"):
            self._code(node, "python" if kind == "doctest_block" else str(node.get("language", "")), line)
        elif kind == "table":
            self._table(node, line)
        else:
            return False
        return True

    def _lead(self, node: nodes.Element) -> str:
        """Return what the first paragraph in a node begins with, or ""."""
        if node.tagname == "definition_list_item":
            terms = [self._words(child) for child in _elements(node) if child.tagname in ("term", "classifier")]
            return f"**{' : '.join(terms)}**\n"
        if node.tagname in ("footnote", "citation"):
            return f"[{''.join(child.astext() for child in _elements(node) if child.tagname == 'label') or '#'}] "
        if node.get("label"):
            return f"{node['label']}: "
        return f"**{self._inline(node['heading'])}**\n" if node.get("heading") else ""

    # --- what has a heading ----------------------------------------------------------------------------------------------

    def _section(self, node: nodes.Element, level: int) -> None:
        title = next((child for child in node.children if isinstance(child, nodes.title)), None)
        if title is not None and title.astext().strip():
            end = title.line or self.line
            overlined = end > 2 and self.lines[end - 3].rstrip() == self.lines[end - 1].rstrip() != ""
            self._heading(self._words(title), level, end - (2 if overlined else 1), end, _anchor(node))
        self.children(node, level)

    def _heading(self, words: str, level: int, start: int, end: int, anchor: str = "") -> None:
        words = words.replace("`", "").replace("**", "").strip()
        if words:
            self.close()
            self.section, self.continued = words, 0
            self.blocks.append(heading_block(words, level, *self._range(start, end), anchor))

    def _description(self, node: nodes.Element, level: int, line: int) -> None:
        """Take in the description of a function, an option ...: its signature is the heading."""
        signatures = [unescaped(each) for each in node["signatures"]]
        outer, continued = self.section, self.continued
        if signatures and len(signatures[0]) <= _LONGEST_SIGNATURE and len(signatures) == 1:
            self._heading(signatures[0], level + 1, line, line)
        elif signatures:
            self._heading(signatures[0].partition("(")[0][:_LONGEST_SIGNATURE], level + 1, line, line)
            self._append(code_block("\n".join(signatures), "", *self._range(line, line + len(signatures) - 1)))
        self.children(node, level + 1 if signatures else level)
        self.close()
        self.section, self.continued = outer, continued

    def _message(self, node: nodes.Element, level: int, line: int) -> None:
        """Take in what docutils could not read: a title out of order, a table that is none, a directive gone wrong."""
        source = next((child.astext() for child in node.children if isinstance(child, nodes.literal_block)), "")
        title = _TITLE.fullmatch(source)
        if title and "itle" in node.astext():
            self._heading(self._inline(title.group(2)), level + 1, line - 1, line)
        elif source and not source.startswith(".. |"):
            self._say(_DIRECTIVE_HEAD.sub("", source, count=1).strip(), line)

    # --- words -----------------------------------------------------------------------------------------------------------

    def _inline(self, text: str) -> str:
        return inline(text, self.names, self.substitutions)

    def _words(self, node: nodes.Element) -> str:
        return self._inline(node.astext())

    def _led(self, node: nodes.Element, lead: str, level: int) -> None:
        """Take in what is in a node, behind words that belong to its first paragraph."""
        if node.line:
            self.line = max(self.line, node.line)
        self.lead += lead
        self.children(node, level)
        self._end_lead()

    def _end_lead(self) -> None:
        self.lead = self.lead.rstrip(": \n")  # nothing follows
        if self.lead:
            self._say("", self.line)

    def _say(self, text: str, line: int) -> None:
        text = (self.lead + text.strip("\n")).rstrip()
        self.lead = ""
        if not text.strip():
            return
        start, end = self._range(line, line + text.count("\n"))
        if not self.indent:
            self._append(prose_block(text, start, end))
            return
        self.items.append((start, end, (self.bullet or self.indent) + text.replace("\n", "\n" + self.indent)))
        self.bullet = ""

    def _list(self, node: nodes.Element, level: int) -> None:
        outer = self.indent
        if self.lead.strip():  # `Note: ` or a term stands in the list's block, above it
            self.items.append((self.line, self.line, (self.bullet or outer) + self.lead.strip()))
            self.lead = self.bullet = ""
        for mark, item in self._items(node):
            self.bullet = f"{outer}{mark} "
            self.indent = " " * len(self.bullet)
            names = [self._words(child) for child in _elements(item) if child.tagname in ("field_name", "option_group")]
            code = item.tagname == "option_list_item"
            self._led(item, "".join(f"`{name}`: " if code else f"{name}: " for name in names), level)
        self.bullet, self.indent = "", outer
        if not outer:
            self.close()

    def _items(self, node: nodes.Element) -> Iterator[tuple[str, nodes.Element]]:
        for number, item in enumerate(_elements(node), start=int(node.get("start", 1))):
            if item.tagname != "field" or "".join(child.astext() for child in item.children[1:]).strip():
                yield f"{number}." if node.tagname == "enumerated_list" else "-", item

    # --- code and tables -------------------------------------------------------------------------------------------------

    def _code(self, node: nodes.Element, language: str, line: int) -> None:
        code = node.astext().rstrip()
        if node.get("parsed"):
            code = without_stars(self._inline(code).replace("`", ""))
        stripped = code.lstrip("\n")
        if stripped.strip():
            self._end_lead()
            start, end = self._range(line, line + stripped.count("\n"))
            self._append(code_block(stripped, language, start, end))
            self.bullet = ""

    def _table(self, node: nodes.Element, line: int) -> None:
        caption = [self._words(child) for child in _elements(node) if child.tagname == "title"]
        rows = [[self._cell(entry) for entry in _elements(row)] for row in node.findall(nodes.row)]
        rows = [row for row in rows if any(row)]
        if caption:
            self._say(caption[0], line)
        if rows:
            self._end_lead()
            end = max((each.line or 0 for each in node.findall(nodes.Element)), default=line)
            has_header = next(iter(node.findall(nodes.thead)), None) is not None
            self._append(table_block(rows, *self._range(line, end), has_header=has_header))

    def _cell(self, entry: nodes.Element) -> str:
        parts = entry.findall(lambda each: isinstance(each, nodes.paragraph | nodes.literal_block | nodes.line))
        return " ".join(
            each.astext() if isinstance(each, nodes.literal_block) else self._inline(each.astext()) for each in parts
        )

    # --- blocks ----------------------------------------------------------------------------------------------------------

    def _range(self, start: int, end: int) -> tuple[int, int]:
        start = min(max(start, self.line), len(self.lines))
        self.line = start
        return start, min(max(start, end), len(self.lines))

    def _append(self, block: Block) -> None:
        self.close()
        self.blocks.append(block)

    def close(self) -> None:
        """End the open list."""
        if self.items:
            text = "\n".join(line.rstrip() for _, _, item in self.items for line in item.split("\n"))
            self.blocks.append(prose_block(text, self.items[0][0], max(end for _, end, _ in self.items)))
            self.items = []


def _substitutions(document: nodes.document, names: frozenset[str]) -> dict[str, str]:
    """Return what stands for `|name|`, read as inline markup, with other substitutions in it."""
    sources = {name: node.astext() for name, node in document.substitution_defs.items()}
    values: dict[str, str] = {}
    for _ in range(_DEEPEST_SUBSTITUTION):
        known = {name: value for name, value in values.items() if len(value) <= _LONGEST_SUBSTITUTION}
        values = {name: inline(source, names, known) for name, source in sources.items()}
    return values


def _elements(node: nodes.Element) -> Iterable[nodes.Element]:
    return (child for child in node.children if isinstance(child, nodes.Element))


def _anchor(section: nodes.Element) -> str:
    """Return the label that stands before a section, or the id that docutils makes of its title."""
    before: nodes.Node | None = section.previous_sibling()
    while isinstance(before, nodes.Element) and isinstance(before, nodes.section) and before.children:
        before = before.children[-1]  # a label at the end of the section before
    ids = (before["names"] if isinstance(before, nodes.target) else []) or section["ids"]
    return str(ids[0]) if ids else ""
