"""HTML -> blocks: the main content, headings, code with its language, tables, lists."""

import re
from typing import TYPE_CHECKING

from tracegen.corpus.pages import Page, fenced, first_heading, table_block
from tracegen.records import Block

if TYPE_CHECKING:
    from lxml.etree import _Element

_DROPPED = frozenset([
    "script", "style", "noscript", "template", "nav", "footer", "aside", "svg", "math", "iframe", "object", "button",
    "select", "input", "textarea", "head",
])  # fmt: skip
_BLOCKS = frozenset([
    "html", "body", "main", "article", "section", "div", "p", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "figure",
    "figcaption", "details", "summary", "header", "address", "form", "fieldset", "hr", "tr", "td", "th", "tbody", "thead",
    "table", "center", "hgroup", "search", "menu", "dir",
])  # fmt: skip
_LISTS = frozenset(["ul", "ol", "menu", "dir"])
_HEADING = re.compile(r"h[1-6]")
_LANGUAGE = re.compile(r"(?<!\S)(?:(?:language|lang|highlight-source|highlight)-|(?:sourceCode|brush:)\s+)([\w+#.]+)")
_NOT_LANGUAGES = {"none", "default", "text", "highlight", "plaintext", "nohighlight"}
_ANCHORS = {"¶", "#", "§", "🔗", "🔗︎", "permalink"}


def read_webpage(text: str) -> Page:
    """Read an HTML page or a fragment of one.

    Line numbers come from the parser, which knows where elements begin: the end of a block is near, not exact.
    """
    from lxml import etree

    # Characters that XML does not know are no loss, and the parser stops at some of them.
    data = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", " ", text).encode("utf-8", "replace")
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return Page("", ())
    if root is None:
        return Page("", ())
    # The parser stops where elements are nested deeper than it can hold: what follows would be missing silently.
    if any("xcessive depth" in entry.message for entry in parser.error_log):
        return Page("", (), "elements nested too deeply")
    blocks: tuple[Block, ...] = ()
    for element in _candidates(root):
        blocks = _Reader(element).blocks()
        if blocks:
            break
    title = first_heading(blocks) or " ".join((root.findtext(".//title") or "").split())
    return Page(title, blocks)


def _candidates(root: "_Element") -> "list[_Element]":
    """Return where the content may be, best place first."""
    mains = root.xpath("//main | //*[@role='main']")
    articles = root.xpath("//article")
    found = [mains[0]] if mains else articles if len(articles) == 1 else []
    return [*found, root]


class _Reader:
    """Goes through an element once, from begin to end, collecting blocks; without recursion, for any depth."""

    def __init__(self, root: "_Element") -> None:
        self.root = root
        self.whole_page = root.tag == "html"
        self.result: list[Block] = []
        self.parts: list[str] = []  # of the text being read
        self.line = 1  # where the reader stands
        self.start = 0  # where the text being read began, 0 before its first word
        self.lists: list[int | None] = []  # open lists: the number of the last item, or None without numbers
        self.bullet = ""  # what the text being read begins with
        self.items: list[str] = []  # lines of the list being read, which is one block
        self.items_start = self.items_end = 0

    def blocks(self) -> tuple[Block, ...]:
        """Return the element's content in reading order."""
        from lxml import etree

        walk = etree.iterwalk(self.root, events=("start", "end"))
        for event, element in walk:
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "end":
                self._end(element, tag)
            elif self._is_dropped(element, tag):
                walk.skip_subtree()
            else:
                self.line = max(self.line, element.sourceline or 0)
                if self._begin(element, tag):
                    walk.skip_subtree()
                else:
                    self._add(element.text)
        self._flush()
        self._close_list()
        return tuple(self.result)

    def _is_dropped(self, element: "_Element", tag: str) -> bool:
        if tag in _DROPPED or "hidden" in element.attrib or element.get("role") in ("navigation", "search"):
            return True
        if tag == "header":  # of the page: a menu; of an article: its title
            return self.whole_page and not any(True for _ in element.iter("h1"))
        return tag == "a" and "".join(element.itertext()).strip().lower() in _ANCHORS

    def _begin(self, element: "_Element", tag: str) -> bool:
        """Take in the beginning of an element; True where all of it is taken in."""
        if tag == "pre":
            self._code(element)
            return True
        if tag == "table" and self._table(element):
            return True
        if tag in _BLOCKS or _HEADING.fullmatch(tag):
            self._flush()
        if tag in _LISTS:
            self.lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._item()
        elif tag == "code":
            self.parts.append("`")
        elif tag == "br":
            self.parts.append("\x00")
        elif tag == "img":
            self._add(element.get("alt"))
        return False

    def _end(self, element: "_Element", tag: str) -> None:
        if not (tag in _DROPPED or tag == "pre"):
            if tag == "code" and self.parts:
                self.parts.append("`")
            elif _HEADING.fullmatch(tag):
                self._flush(level=int(tag[1]))
            elif tag in _BLOCKS:
                self._flush()
            if tag in _LISTS and self.lists:
                self.lists.pop()
                if not self.lists:
                    self._close_list()
        if element is not self.root:
            self._add(element.tail)

    def _add(self, text: str | None) -> None:
        if not text:
            return
        if not self.start and text.strip():
            self.start = self.line + text[: len(text) - len(text.lstrip())].count("\n")
        self.parts.append(text)
        self.line += text.count("\n")

    def _item(self) -> None:
        number = self.lists[-1] if self.lists else None
        if number is not None:
            self.lists[-1] = number + 1
        indent = _indent(self.lists)
        self.bullet = f"{indent}- " if number is None else f"{indent}{number + 1}. "

    def _flush(self, level: int = 0) -> None:
        """Make a block, or lines of the open list, of the text being read."""
        text = _collapse("".join(self.parts))
        start, end = self.start or self.line, max(self.start, self.line)
        self.parts.clear()
        self.start = 0
        if not text.strip("` \n"):
            return
        if level:
            words = text.replace("`", "").replace("\n", " ").strip()
            self._append(Block(kind="heading", text=words, level=level, start_line=start, end_line=end))
        elif self.lists:
            indent = " " * len(self.bullet) if self.bullet else _indent(self.lists) + "  "
            self.items.append((self.bullet or indent) + text.replace("\n", "\n" + indent))
            self.items_start = self.items_start or start
            self.items_end = end
            self.bullet = ""
        else:
            self._append(Block(kind="prose", text=text, start_line=start, end_line=end))

    def _append(self, block: Block) -> None:
        self._close_list()
        self.result.append(block)

    def _close_list(self) -> None:
        if self.items:
            text = "\n".join(self.items)
            self.result.append(Block(kind="prose", text=text, start_line=self.items_start, end_line=self.items_end))
            self.items, self.items_start = [], 0

    def _code(self, element: "_Element") -> None:
        self._flush()
        self.bullet = ""
        code = "".join(element.itertext())
        lead = 1 if code.startswith("\n") else 0  # HTML does not show an empty first line
        start = self.line + lead
        self.line += code.count("\n")
        code = code[lead:].rstrip()
        if not code.strip():
            return
        language = _language(element)
        block = Block(
            kind="code",
            text=fenced(code, language),
            start_line=start,
            end_line=start + code.count("\n"),
            language=language,
        )
        self._append(block)

    def _table(self, element: "_Element") -> bool:
        """Take in a table of data; False for one that holds code, headings or tables, which is a way of layout."""
        if any(True for _ in element.iter("pre", "h1", "h2", "h3", "h4", "ul", "ol")) or len(list(element.iter("table"))) > 1:
            return False
        rows = [[_cell(cell) for cell in row.iter("td", "th")] for row in element.iter("tr")]
        rows = [row for row in rows if any(row)]
        if not rows:
            return False
        self._flush()
        caption = " ".join(map(_cell, element.iter("caption")))
        end = max([self.line, *(each.sourceline or 0 for each in element.iter())])
        if caption:
            self._append(Block(kind="prose", text=caption, start_line=self.line, end_line=self.line))
        self._append(table_block(rows, self.line, end))
        self.line = end
        return True


def _indent(lists: list[int | None]) -> str:
    return "  " * min(max(len(lists) - 1, 0), 8)


def _collapse(text: str) -> str:
    """Return the text as a browser shows it: runs of white space are one space, `<br>` is a line end."""
    return "\n".join(line for part in text.split("\x00") if (line := " ".join(part.split())))


def _cell(element: "_Element") -> str:
    return " ".join("".join(element.itertext()).split())


def _language(element: "_Element") -> str:
    """Return the language that the classes of the code, or of what is around it, name."""
    around = [element, *element.iter("code"), *list(element.iterancestors())[:2]]
    for each in around:
        declared = each.get("data-lang") or each.get("data-language")
        match = _LANGUAGE.search(each.get("class") or "")
        language = declared or (match.group(1) if match else "")
        if language and language.lower() not in _NOT_LANGUAGES:
            return language.lower().split()[0] if language.split() else ""
    return ""
