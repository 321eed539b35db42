"""HTML -> blocks: the main content, headings, code with its language, tables, lists."""

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import TYPE_CHECKING

from tracegen.corpus.pages import (
    WORDLESS_TITLES,
    Page,
    code_block,
    continued_heading,
    first_heading,
    heading_block,
    prose_block,
    table_block,
    without_results,
)
from tracegen.corpus.webpage_elements import (
    BLOCKS,
    DROPPED,
    HEADING,
    HEADINGS,
    LISTS,
    anchor_of,
    boxed_signatures,
    code_of,
    footnote_of,
    heads_table,
    holds_description,
    is_code,
    is_exponent,
    is_label,
    is_listing,
    is_menu,
    is_noise,
    is_row,
    is_signature,
    is_title,
    language_of,
    words,
)
from tracegen.records import Block

if TYPE_CHECKING:
    from lxml.etree import _Element

_LONGEST_SIGNATURE = 100
_FEW_WORDS = 60
_NEVER_INHEADINGS = ("p", "pre", "table", "ul", "ol", "dl")  # there it is a heading that was never closed
_SIGNATURE_NAME = re.compile(r"(?:`[^`]*`|[^(\[{=:`])*")
_CONTENTS = re.compile(r"(?:table of )?contents", re.I)


def read_webpage(text: str) -> Page:
    """Read an HTML page or a fragment of one.

    Line numbers come from the parser, which knows where elements begin: the end of a block is near, not exact.
    """
    from lxml import etree

    if is_listing(text):
        return Page("", (), "listing of a source file")
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
    if _leads_elsewhere(root):
        return Page("", (), "redirects to another page")
    blocks: tuple[Block, ...] = ()
    for element in _candidates(root):
        blocks = _Reader(element).blocks()
        if blocks:
            break
    declared = " ".join((root.findtext(".//title") or "").split())
    is_above = declared and _needs_title(blocks)
    blocks = tuple(_without_contents(blocks))
    return Page(declared, _below(declared, blocks)) if is_above else Page(first_heading(blocks) or declared, blocks)


def _needs_title(blocks: tuple[Block, ...]) -> bool:
    """Tell whether the page's first heading is not its title: others are beside it, or it says nothing."""
    headings = [(block.level, block.text) for block in blocks if block.kind == "heading"]
    first_level = min(level for level, _ in headings) if headings else 0  # once: a page may have a hundred thousand headings
    top = {text for level, text in headings if level == first_level}
    return bool(headings) and (headings[0][1].casefold() in WORDLESS_TITLES or (len(top) > 1 and headings[0][1] in top))


def _below(title: str, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Return the blocks with their headings below that of the title, which may be the first of them."""
    first = next((number for number, block in enumerate(blocks) if block.kind == "heading"), None)
    if first is not None and blocks[first].text.casefold() == title.casefold():
        blocks = (*blocks[:first], *blocks[first + 1 :])
    lowered = (
        heading_block(block.text, block.level + 1, block.start_line, block.end_line, block.anchor)
        if block.kind == "heading"
        else block
        for block in blocks
    )
    line = blocks[0].start_line if blocks else 1
    return (heading_block(title, 1, line, line), *lowered)


def _without_contents(blocks: tuple[Block, ...]) -> Iterator[Block]:
    """Yield the blocks without headings of a table of contents that was left out, and without those that say the next one."""
    for block, below in zip_longest(blocks, blocks[1:]):
        if below is not None and block.kind == below.kind == "heading":
            again = (block.level, block.text) == (below.level, below.text)
            if again or _CONTENTS.fullmatch(block.text):
                continue
        yield block


def _candidates(root: "_Element") -> "list[_Element]":
    """Return where the content may be, best place first."""
    mains = root.xpath("//main | //*[@role='main']")
    articles = root.xpath("//article")
    found = [mains[0]] if mains else articles if len(articles) == 1 else []
    return [*found, root]


def _leads_elsewhere(root: "_Element") -> bool:
    """Tell whether the page does nothing but send its reader on."""
    refreshed = any((each.get("http-equiv") or "").lower() == "refresh" for each in root.iter("meta"))
    return refreshed and len(words(root).split()) < _FEW_WORDS


class _Reader:
    """Goes through an element once, from begin to end, collecting blocks; without recursion, for any depth."""

    def __init__(self, root: "_Element") -> None:
        self.root = root
        self.whole_page = root.tag == "html"
        self.awaits_heading = next(root.iter(*HEADINGS), None) is not None  # until the first one
        self.menus: dict[_Element, bool] = {}  # what lists before the first heading stood in, and whether it is a menu
        self.result: list[Block] = []
        self.parts: list[str] = []  # of the text being read
        self.line = 1  # where the reader stands
        self.start = 0  # where the text being read began, 0 before its first word
        self.lists: list[int | None] = []  # open lists: the number of the last item, or None without numbers
        self.bullet = ""  # what the text being read begins with
        self.items: list[str] = []  # lines of the list being read, which is one block
        self.items_start = self.items_end = 0
        self.lead = ""  # what the next paragraph begins with: a term, the title of a note
        self.section = ("", 0)  # words and level of the last heading that is no signature
        self.signatures: list[str] = []  # that are described next
        self.signatures_line = 0
        self.signature_anchor = ""
        self.described_in: _Element | None = None  # what holds the last signature and all that describes it
        self.described = 0  # open definition lists whose terms are signatures
        self.continues = 0  # how often this section went on behind descriptions
        self.is_behind = False  # whether descriptions just ended
        self.in_heading = False  # whether the text being read is a heading, whatever blocks it has
        self.codes = 0  # open elements of code; those inside another are a part of it

    def blocks(self) -> tuple[Block, ...]:
        """Return the element's content in reading order."""
        from lxml import etree

        walk = etree.iterwalk(self.root, events=("start", "end"))
        skipped: _Element | None = None
        for event, element in walk:
            tag = element.tag if isinstance(element.tag, str) else ""
            if event == "end":
                if element is not skipped:
                    self._end(element, tag)
                if element is not self.root:
                    self._add(element.tail)
            elif self._is_dropped(element, tag):
                walk.skip_subtree()
                skipped = element
            else:
                self.line = max(self.line, element.sourceline or 0)
                if self._begin(element, tag):
                    walk.skip_subtree()
                    skipped = element
                else:
                    self._add(element.text)
        self._flush()
        self._end_lead()
        self._close_list()
        return tuple(self.result)

    def _is_dropped(self, element: "_Element", tag: str) -> bool:
        if tag == "header" and self.whole_page and next(element.iterancestors("article"), None) is None:
            # Of the page it is a menu, of an article the title.
            return not any(True for _ in element.iter("h1"))
        return is_noise(element, tag) or (tag in LISTS and self.awaits_heading and self._is_menu(element))

    def _is_menu(self, element: "_Element") -> bool:
        """Tell whether a list before the first heading is a menu, or one of several lists that are one together."""
        above = element.getparent()
        if above is None or above.tag != "div":
            return is_menu(element)
        if above not in self.menus:  # once for each, which may have thousands of lists
            self.menus[above] = is_menu(above)
        return self.menus[above] or is_menu(element)

    def _begin(self, element: "_Element", tag: str) -> bool:
        """Take in the beginning of an element; True where all of it is taken in."""
        if self._whole(element, tag):
            return True
        if HEADING.fullmatch(tag):
            self._flush()
            self.awaits_heading = False
            self.in_heading = next(element.iter(*_NEVER_INHEADINGS), None) is None
        elif tag in BLOCKS:
            self._part()
        if tag in LISTS:
            self.lists.append(0 if tag == "ol" else None)
        elif tag == "li":
            self._item()
        elif tag == "code":
            self.codes += 1
            if self.codes == 1:
                self.parts.append("`")
        elif tag == "br":
            self.parts.append("\x00")
        elif tag == "img":
            self._add(element.get("alt"))
        elif tag == "sup" and is_exponent(element) and self.parts and self.parts[-1][-1:].isalnum():
            self.parts.append("^")
        return False

    def _whole(self, element: "_Element", tag: str) -> bool:
        """Take in an element that is read as a whole; False where its parts are to be read."""
        if tag == "dt" or is_signature(element, tag):
            self._term(element, tag)
            return True
        if lines := boxed_signatures(element, tag):
            self._flush()
            self._end_lead()
            self.signatures, self.signatures_line, self.signature_anchor = lines, self.line, anchor_of(element)
            self._describe(1)
            return True
        if is_label(element):
            self._flush()
            self._end_lead()
            label = words(element)
            self.lead = f"{label.rstrip(':')}: " if label else ""
            return True
        if is_code(element, tag):
            self._code(element)
            return True
        if is_title(element):
            self._flush()
            self._add(words(element))
            self._flush(level=1)
            return True
        if is_row(element, tag):
            self._flush()
            self._add(" ".join(words(cell) for cell in element.iter("td", "th") if not is_noise(cell, str(cell.tag))))
            self._flush()
            return True
        if note := footnote_of(element, tag):
            self._add(f" ({note}) ")
            return True
        return tag == "table" and self._table(element)

    def _end(self, element: "_Element", tag: str) -> None:
        if tag in DROPPED or tag == "pre":
            return
        if tag == "code":
            self.codes -= 1
            if self.parts and not self.codes:
                self.parts.append("`")
        elif HEADING.fullmatch(tag):
            self.in_heading = False
            self._flush(level=int(tag[1]), within=element)
        elif tag in BLOCKS:
            self._part()
        if tag == "dd":  # one that is empty describes what is before it all the same
            self._describe(max(self.described, 1))
        if tag == "dl":
            self._end_definitions(element)
        if tag in LISTS and self.lists:
            self.lists.pop()
            if not self.lists:
                self._close_list()

    def _part(self) -> None:
        """Keep what follows apart from what was before: by a new block, in a heading by a space."""
        if self.in_heading:
            self.parts.append(" ")
        else:
            self._flush()

    def _add(self, text: str | None) -> None:
        if not text:
            return
        if not self.start and text.strip():
            self.start = self.line + text[: len(text) - len(text.lstrip())].count("\n")
        self.parts.append(text)
        self.line += text.count("\n")

    def _item(self) -> None:
        self._end_lead()
        number = self.lists[-1] if self.lists else None
        if number is not None:
            self.lists[-1] = number + 1
        indent = _indent(self.lists)
        self.bullet = f"{indent}- " if number is None else f"{indent}{number + 1}. "

    # --- definition lists ------------------------------------------------------------------------------------------------

    def _term(self, element: "_Element", tag: str) -> None:
        """Take in a term: a signature is the heading of what describes it, another term stands before it in bold."""
        self._flush()
        if is_signature(element, tag) and not self.lists:
            if not self.signatures:
                self._end_lead()
                self.signatures_line = self.line
                self.signature_anchor = anchor_of(element)
                if tag == "dt" and self.described == self._open_lists(element) - 1:
                    self.described += 1
            code = next(element.iter("pre"), None)
            signature = code_of(code).strip() if code is not None else words(element).removeprefix(": ")
            self.signatures += [signature] if signature else []
            if tag != "dt":
                self._describe(1)
                self.described_in = next(filter(holds_description, element.iterancestors()), None)
        elif term := words(element):
            before = self.lead.removesuffix("**\n")
            self.lead = f"{before}, {term}**\n" if before != self.lead else f"{self.lead}**{term}**\n"

    def _open_lists(self, element: "_Element") -> int:
        """Return how many definition lists with signatures the element stands in."""
        return sum(
            1 for each in element.iterancestors("dl") if any(is_signature(term, "dt") for term in each.iterchildren("dt"))
        )

    def _describe(self, depth: int) -> None:
        """Make a heading of the signatures that were read; of several, or long ones, code below the name."""
        signatures, self.signatures = self.signatures, []
        if not signatures:
            return
        self.is_behind = False
        first, line, level = " ".join(signatures[0].split()), self.signatures_line, max(self.section[1], 1) + depth
        # Lines of a declaration mean something, in languages that go by their indentation most of all.
        if len(signatures) == 1 and len(first) <= _LONGEST_SIGNATURE and "\n" not in signatures[0].strip():
            self._append(heading_block(first, level, line, line, self.signature_anchor))
            return
        first = without_results(first)
        match = _SIGNATURE_NAME.match(first)
        name = ((match.group().strip() if match else "") or first)[:_LONGEST_SIGNATURE]
        takes = match is not None and "(" in first and first[match.end() : match.end() + 1] in "([{"
        shown = f"{name}(...)" if takes and name != first else name
        self._append(heading_block(shown, level, line, line, self.signature_anchor))
        self._append(code_block("\n".join(signatures), "", line, max(line, self.line)))

    def _end_definitions(self, element: "_Element") -> None:
        self._describe(max(self.described, 1))
        self._end_lead()
        if any(is_signature(term, "dt") for term in element.iterchildren("dt")) and self.described:
            self.described -= 1
            self.is_behind = not self.described

    def _end_lead(self) -> None:
        """Let a term or a label that has nothing after it stand alone."""
        lead, self.lead = self.lead.strip().rstrip(":"), ""
        if lead:
            self._say(lead, self.line, self.line)

    # --- blocks ----------------------------------------------------------------------------------------------------------

    def _flush(self, level: int = 0, within: "_Element | None" = None) -> None:
        """Make a block, or lines of the open list, of the text being read.

        A heading within a description is below that one's signature.
        """
        text = _collapse("".join(self.parts))
        start, end = self.start or self.line, max(self.start, self.line)
        self.parts.clear()
        self.start = 0
        if not text.strip("` \n"):
            return
        self._describe(max(self.described, 1))
        if level:
            self._end_lead()
            heading = text.replace("`", "").replace("\n", " ").strip()
            if within is not None and any(each is self.described_in for each in within.iterancestors()):
                level = min(max(level, self.section[1] + 2), 6)
            else:
                self.section, self.continues, self.is_behind = (heading, level), 0, False
            anchor = anchor_of(within) if within is not None else ""
            self._append(heading_block(heading, level, start, end, anchor))
            return
        text, self.lead = self.lead + text, ""
        self._say(text, start, end)

    def _say(self, text: str, start: int, end: int) -> None:
        if not self.lists:
            self._append(prose_block(text, start, end))
            return
        indent = " " * len(self.bullet) if self.bullet else _indent(self.lists) + "  "
        self.items.append((self.bullet or indent) + text.replace("\n", "\n" + indent))
        self.items_start = self.items_start or start
        self.items_end = end
        self.bullet = ""

    def _append(self, block: Block) -> None:
        self._close_list()
        if self.is_behind and block.kind != "heading" and self.section[0]:
            self.continues += 1
            self.result.append(continued_heading(self.section[0], self.continues, self.section[1] + 1, block.start_line))
            self.is_behind = False
        self.result.append(block)

    def _close_list(self) -> None:
        if self.items:
            text = "\n".join(self.items)
            self.items = []
            self._append(prose_block(text, self.items_start, self.items_end))
            self.items_start = 0

    def _code(self, element: "_Element") -> None:
        self._flush()
        self._describe(max(self.described, 1))
        code = code_of(element)
        lead = 1 if code.startswith("\n") else 0  # HTML does not show an empty first line
        start = self.line + lead
        self.line += code.count("\n") if element.tag == "pre" else 0
        code = code[lead:].rstrip()
        if code.strip():
            self._end_lead()
            self.bullet = ""
            end = start + code.count("\n") if element.tag == "pre" else start
            self._append(code_block(code, language_of(element), start, end))

    def _table(self, element: "_Element") -> bool:
        """Take in a table of data; False for what is a way of layout: with code, headings or tables in it, or one row."""
        if any(True for _ in element.iter("pre", "h1", "h2", "h3", "h4", "ul", "ol")) or len(list(element.iter("table"))) > 1:
            return False
        all_rows = [(row, [words(cell) for cell in row.iter("td", "th")]) for row in element.iter("tr")]
        rows = [cells for _, cells in all_rows if any(cells)]
        is_list = not rows or len(rows) == 1 or max(map(len, rows)) == 1
        if is_list and (not rows or next(element.iter("th"), None) is None):
            return False
        self._flush()
        self._describe(max(self.described, 1))
        self._end_lead()
        caption = " ".join(map(words, element.iter("caption")))
        end = max([self.line, *(each.sourceline or 0 for each in element.iter())])
        if caption:
            self._append(prose_block(caption, self.line, self.line))
        first = next(row for row, cells in all_rows if any(cells))
        self._append(table_block(rows, self.line, end, has_header=heads_table(first)))
        self.line = end
        return True


def _indent(lists: list[int | None]) -> str:
    return "  " * min(max(len(lists) - 1, 0), 8)


def _collapse(text: str) -> str:
    """Return the text as a browser shows it: runs of white space are one space, `<br>` is a line end."""
    return "\n".join(line for part in text.split("\x00") if (line := " ".join(part.split())))
