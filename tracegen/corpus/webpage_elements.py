"""What an element of an HTML page is, by its tag and the classes that generators of documentation give it, and its text."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tracegen.corpus.formats import LANGUAGES

if TYPE_CHECKING:
    from lxml.etree import _Element

DROPPED = frozenset([
    "script", "style", "noscript", "template", "nav", "footer", "svg", "math", "iframe", "object", "button",
    "select", "input", "textarea", "head",
])  # fmt: skip
BLOCKS = frozenset([
    "html", "body", "main", "article", "section", "div", "p", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "figure",
    "figcaption", "details", "summary", "header", "address", "form", "fieldset", "hr", "tr", "td", "th", "tbody", "thead",
    "table", "center", "hgroup", "search", "menu", "dir", "aside",
])  # fmt: skip
LISTS = frozenset(["ul", "ol", "menu", "dir"])
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
HEADING = re.compile(r"h[1-6]")

_LANGUAGE = re.compile(
    r"(?<!\S)(?:(?:language|lang|highlight-source|highlight|mw-highlight-lang)-|(?:sourceCode|brush:)\s+)([\w+#.]+)"
)
_LANGUAGE_NAMES = frozenset(name for name in LANGUAGES.values() if len(name) > 2) - {"conf", "just", "make", "move"}
_NOT_LANGUAGES = {"none", "default", "text", "highlight", "plaintext", "nohighlight"}
_ANCHORS = {"¶", "#", "§", "🔗", "🔗︎", "permalink", "[source]", "view source", "edit this page", "◆"}
_LINKS_TO_SOURCE = frozenset([
    "link-seesrc", "srclink", "src", "viewcode-link", "view-source", "sourcelink", "headerlink", "selflink", "test-arrow",
    "docs-sourcelink", "docs-edit-link", "sub-logo-container",
])  # fmt: skip

# Of Sphinx and its themes, Doxygen, Texinfo, AsciiDoc, mdBook, Docusaurus, MkDocs, Scribble, Javadoc, nimdoc.
_NAVIGATION = frozenset([
    "nav", "navbar", "navigation", "nav-path", "navpath", "nav-panel", "navpanel", "side-nav",
    "sidenav", "sidebar", "sphinxsidebar", "sphinxsidebarwrapper", "related", "toc", "tocset", "tocview", "table-of-contents",
    "localtoc",
    "simple-toc", "toctree-wrapper", "contents", "navsettop", "navsetbottom", "wy-nav-side", "rst-versions", "pagination",
    "pagination-nav", "prev-next-area", "prev-next", "theme-doc-toc-mobile", "top-nav", "sub-nav", "bottom-nav",
    "nav-wrapper", "nav-wide-wrapper", "mobile-nav", "sidebar-nav", "menu", "header",
    "global-links",  # of nimdoc
    "methods-inherited",  # of Crystal
])  # fmt: skip
_FURNITURE = frozenset([
    "navheader", "navfooter",  # of DocBook: half of their letters are titles of neighbours, without links
    "topnav", "subnav", "bottomnav",  # of Javadoc and groovydoc: tabs, most of which are no links
    "method-click-advice", "method-source-code",  # of RDoc: hidden until somebody clicks
    "breadcrumb", "breadcrumbs", "wy-breadcrumbs", "theme-doc-breadcrumbs", "skip-link", "skip-nav", "skipnav", "skiptocontent",
    "footer", "site-footer", "page-footer", "navigation-footer", "edit-this-page", "searchbox", "search-wrapper", "search-bar",
    "package-header",  # of Haddock
    "cookie-banner", "nav-path", "navpath", "theme-switch-wrapper", "searchinputdiv", "search-groupby",
])  # fmt: skip
_SECTION = re.compile(r"(?<!\S)sect(?:ion|\d)\b")
_LEAST_LINKED = 0.4  # of the letters in navigation
_NEARLY_ALL_LINKED = 0.9  # of a menu that has the name of the project as its heading
_NUMBERS = frozenset(["linenos", "lineno", "linenodiv", "linenumber", "line-number", "line-numbers", "rouge-gutter", "gutter"])
# Of Doxygen: tooltips, `[1/2]`, groups; versions of rustdoc; `procedure` above a signature of Scribble; hidden lines of mdBook.
_ASIDES = frozenset([
    "ttc", "overload", "ingroups", "rightside", "RBackgroundLabel", "boring",
    "titlearea", "copy-popup-wrapper", "mbrsel",  # of Doxygen, Dokka, Scaladoc
    "out-of-band", "logo-container", "notable-traits",  # of rustdoc
    "pragmadots",  # of nimdoc: what stands in the place of what a click shows
    "mw-editsection", "mw-jump-link", "jump-to-nav", "siteSub", "contentSub", "catlinks", "printfooter", "navbox", "t-navbar",
    "t-template-editlink",  # of MediaWiki and cppreference
])  # fmt: skip
_PRINTED_INDEX = re.compile(r"(?<!\S)(?:index-[a-z]{2}|[a-z]{2}-(?:[\w-]+-)?printindex)(?!\S)|summary-letter")  # of Texinfo
_STEPS = frozenset([
    "next", "previous", "prev", "up", "top", "home", "first", "last", "back", "index", "contents", "table of contents",
    "overview", "summary",
])  # fmt: skip
_BARS = frozenset(["table", "tr", "td", "p", "div", "center"])
_FEWEST_LINKS = 3  # of a table of contents
_LONG_MENU = 10  # links
_TOC = re.compile(r"(?:.*[-_])?toc(?:[-_].*)?")
_WORD = re.compile(r"\w")
_MARK = re.compile(r"\s*[\[(]?(?:\d{1,3}|[*†‡]{1,3}|[a-z])[\])]?\s*")
_SHORTEST_FOOTNOTE = 12  # characters
_EXPONENT = re.compile(r"[-+−]?(?:\d{1,3}|[a-zA-Z])(?:[-+−]\d)?")
_LARGEST_BAR = 60  # elements
_NOTES = frozenset(["note", "tip", "warning", "caution", "important", "danger", "admonition"])
_CALLOUT = re.compile(
    r"admonition|callout|alert|starlight-aside|footnote|(?<!\S)(?:note|tip|warning|caution|danger|important)\b"
)
_LABEL = re.compile(r"(?:admonition|custom-block|alert|callout)(?:[-_]+(?:title|heading|header))\b|starlight-aside__title")
_CODE_WITHOUT_PRE = {"div": "fragment", "table": "memname", "blockquote": "SCodeFlow"}  # of Doxygen and Scribble
_LINES = frozenset(["br", "tr"])
_WITHIN_ROWS = frozenset(["tr", "td", "th"])
_ANCHORED_CODE = re.compile(r"(?:VAL|TYPE|EXCEPTION|MODULE|MODULETYPE|METHOD|CLASS)[\w.]")  # of ocamldoc


def is_noise(element: "_Element", tag: str) -> bool:
    """Tell whether an element is no content: navigation, links to sources, numbers of lines."""
    if tag in DROPPED or "hidden" in element.attrib or element.get("role") in ("navigation", "search"):
        return True
    if _is_footnote_mark(element, tag) or _is_beside_haddock(element, tag):
        return True
    if tag == "details":
        return element.get("id") in ("toc", "table-of-contents")
    if tag == "summary":
        return not _names(element).isdisjoint(("hide-when-js-enabled", "hideme"))
    if tag == "p" and _classes(element).startswith("shortcomment"):  # Scaladoc's: the beginning of what follows
        below = element.getnext()
        return below is not None and "fullcomment" in _names(below)
    if tag == "aside":
        return not _CALLOUT.search(_classes(element))
    if tag == "a":
        names, text = _names(element), "".join(element.itertext()).strip().lower()
        title = (element.get("title") or "").lower()
        is_anchor = text in _ANCHORS or (title in _ANCHORS and not _WORD.search(text))
        return bool(names & _LINKS_TO_SOURCE) or is_anchor or (text == "source" and "link" in names)
    if (tag in LISTS or (tag == "div" and _TOC.fullmatch(_classes(element)))) and _leads_within(element):
        return True
    if tag in _BARS and (_is_bar(element) or (tag == "table" and _is_printed_index(element))):
        return True
    if tag in ("html", "body", "main", "article") or not element.attrib:
        return False
    names = _names(element)
    return not names.isdisjoint(_NUMBERS | _ASIDES) or _is_furniture(element, tag, {name.lower() for name in names})


def _is_beside_haddock(element: "_Element", tag: str) -> bool:
    """Tell whether an element of Haddock says again what the page says, or who has the copyright."""
    if tag == "details":  # what each instance of a class has from it
        return (element.get("id") or "").startswith("i:") and next(element.iterancestors("td"), None) is not None
    if tag == "table" and "info" in _names(element):
        above = element.getparent()
        return above is not None and above.get("id") == "module-header"
    return tag == "div" and element.attrib == {"id": "synopsis"}  # all signatures once more


def _is_furniture(element: "_Element", tag: str, names: set[str]) -> bool:
    """Tell whether an element is a menu, a footer or the like. A heading's id may have the same name: `id="pagination"`."""
    if tag not in ("div", "ul", "ol", "p", "td", "table", "span", "header", "dl", "section") or (
        element.get("id") in _NAVIGATION | _FURNITURE and (tag == "section" or _SECTION.search(_classes(element)))
    ):
        return False
    if names.isdisjoint(_NAVIGATION) and names.isdisjoint(_FURNITURE):
        return False
    # Such a class may lie around a whole page, or mean something else.
    least = _LEAST_LINKED
    if next(element.iter("h1", "main", "article"), None) is not None or any(map(is_title, element.iter("div"))):
        least = _NEARLY_ALL_LINKED
    elif not names.isdisjoint(_FURNITURE):
        return True
    return _linked(element) >= least


def _linked(element: "_Element") -> float:
    """Return how many of an element's letters are links: 0 to 1."""
    letters = len("".join("".join(element.itertext()).split()))
    linked = sum(len("".join("".join(link.itertext()).split())) for link in element.iter("a"))
    return linked / letters if letters else 1.0


def _leads_within(element: "_Element") -> bool:
    """Tell whether a list is a table of contents of its page, whose headings follow, or a menu in the header of one."""
    links = [link.get("href") for link in element.iter("a") if link.get("href")]
    if len(links) < (_FEWEST_LINKS if element.tag in LISTS else 1):
        return False
    above = next(element.iterancestors("header", "article", "main"), None)
    is_in_header = above is not None and above.tag == "header"
    if not is_in_header and not all(link.startswith("#") for link in links):
        return False
    return _linked(element) >= _NEARLY_ALL_LINKED


def is_menu(element: "_Element") -> bool:
    """Tell whether a list has nothing but links to other pages, and many: before the first heading that is a menu."""
    return (
        len([link for link in element.iter("a") if link.get("href")]) >= _LONG_MENU and _linked(element) >= _NEARLY_ALL_LINKED
    )


def _is_bar(element: "_Element") -> bool:
    """Tell whether an element has nothing but links, two of which lead through the pages: `[Up] [Next]`."""
    steps = 0
    for number, each in enumerate(element.iter("*")):
        is_link = each.tag == "a"
        is_in_link = not is_link and next(each.iterancestors("a"), None) is not None
        has_words = not is_link and not is_in_link and _WORD.search(each.text or "")
        is_followed = each is not element and not is_in_link and _WORD.search(each.tail or "")
        if number > _LARGEST_BAR or has_words or is_followed:
            return False
        if is_link and _link_words(each).strip(" []<>«»|").casefold() in _STEPS:
            steps += 1
    return steps > 1


def _link_words(link: "_Element") -> str:
    """Return the words of a link, or of the pictures that it shows instead: an arrow called `Next`."""
    return "".join(link.itertext()).strip() or " ".join(image.get("alt") or "" for image in link.iter("img"))


def _is_printed_index(element: "_Element") -> bool:
    """Tell whether a table is an index of the whole manual, or leads to its letters."""
    if _PRINTED_INDEX.search(_classes(element)):
        return True
    first = next(element.iter("a"), None)
    return first is not None and bool(_PRINTED_INDEX.search(_classes(first)))


def anchor_of(element: "_Element") -> str:
    """Return the id by which links lead to a heading: its own, that of an element in it, before it, or of what it begins."""
    for each in element.iter(*HEADINGS, "dt", "div", "section", "a", "span", "code"):
        if found := _id(each):
            return found
    before, parent = element.getprevious(), element.getparent()
    if before is not None and before.tag in ("a", "span") and not (before.tail or "").strip() and _id(before):
        return _id(before)
    begins = before is None and parent is not None and not (parent.text or "").strip()
    return _id(parent) if begins and parent is not None and parent.tag in ("section", "div", "article") else ""


def _id(element: "_Element") -> str:
    return element.get("id") or (element.get("name") if element.tag == "a" else None) or ""


def is_title(element: "_Element") -> bool:
    """Tell whether an element that is no heading by its tag is the page's title: Doxygen's and Haddock's."""
    above = element.getparent()
    if above is None:
        return False
    is_module = element.tag == "p" and "caption" in _names(element) and above.get("id") == "module-header"
    return is_module or ("title" in _names(element) and "headertitle" in _names(above))


def is_row(element: "_Element", tag: str) -> bool:
    """Tell whether an element is a row of a table, of which each cell has words and nothing else."""
    if tag != "tr" or any(is_label(cell) for cell in element):
        return False
    return all(each.tag in _WITHIN_ROWS or not _parts_words(str(each.tag)) for each in element.iter())


def _parts_words(tag: str) -> bool:
    return tag in BLOCKS or tag == "pre" or bool(HEADING.fullmatch(tag))


def is_listing(text: str) -> bool:
    """Tell whether a page shows a source file, with an anchor at every line."""
    return all(f'"line-{number}"' in text for number in (1, 2, 3)) and "<h1" not in text and "<pre" in text


def heads_table(row: "_Element") -> bool:
    """Tell whether a row is the header of its table: by its place or class, or because all its words are headings or bold."""
    above = row.getparent()
    if (above is not None and above.tag == "thead") or any("head" in name.lower() for name in _names(row)):
        return True
    cells = [cell for cell in row.iter("td", "th") if words(cell)]
    return bool(cells) and all(cell.tag == "th" or _is_bold(cell) for cell in cells)


def _is_bold(cell: "_Element") -> bool:
    if any("head" in name.lower() for name in _names(cell)):
        return True
    return words(cell) == " ".join(part for each in cell.iter("b", "strong") if (part := words(each)))


def _is_footnote_mark(element: "_Element", tag: str) -> bool:
    """Tell whether an element is nothing but the mark of a footnote, which says nothing in the middle of a sentence."""
    if tag != "sup" or not _MARK.fullmatch("".join(element.itertext())):
        return False
    return next(element.iter("a"), None) is not None or next(element.iterancestors("a"), None) is not None


def footnote_of(element: "_Element", tag: str) -> str:
    """Return the words of a footnote that stands in the middle of a sentence, raised, without its number; or ""."""
    text = words(element) if tag == "sup" else ""
    return text.lstrip("0123456789*†‡ ") if len(text) >= _SHORTEST_FOOTNOTE else ""


def is_exponent(element: "_Element") -> bool:
    """Tell whether something raised is an exponent, of which `^` has to be left: 2^10 is not 210."""
    return bool(_EXPONENT.fullmatch("".join(element.itertext()).strip()))


def is_label(element: "_Element") -> bool:
    """Tell whether an element is the title of a note: `Warning`. DocBook makes a heading of it."""
    above = element.getparent()
    if above is not None and above.tag in ("div", "aside") and above[0] is element:
        is_title_like = HEADING.fullmatch(str(element.tag)) or _classes(element) in ("label", "title", "heading")
        if is_title_like and not _NOTES.isdisjoint(_classes(above).split()):
            return True
    return bool(_LABEL.search(_classes(element))) or (element.tag == "td" and _classes(element) == "icon")


def is_code(element: "_Element", tag: str) -> bool:
    """Tell whether all of an element is code."""
    return tag == "pre" or (tag in _CODE_WITHOUT_PRE and _CODE_WITHOUT_PRE[tag] in _names(element))


def is_signature(element: "_Element", tag: str) -> bool:
    """Tell whether an element declares what the text after it describes: an anchored or listed term of a definition list."""
    if tag == "dt":
        anchored = any(link.get("id") or link.get("name") for link in element.iterchildren("a"))
        return anchored or bool(element.get("id")) or "sig" in _names(element) or next(element.iter("pre"), None) is not None
    if tag == "div" and "method-heading" in _names(element):  # RDoc's
        return True
    if tag in ("p", "div"):  # Haddock's, Crystal's
        is_haddock = "src" in _names(element) and any("def" in _names(link) for link in element.iter("a"))
        above = element.getparent()
        return is_haddock or ("signature" in _names(element) and above is not None and "entry-detail" in _names(above))
    first = next((each for each in element if isinstance(each.tag, str)), None)
    return tag == "pre" and first is not None and bool(_ANCHORED_CODE.match(first.get("id") or ""))


def holds_description(element: "_Element") -> bool:
    """Tell whether an element holds one signature and what describes it: of Haddock, RDoc and Crystal."""
    return element.tag == "div" and not _names(element).isdisjoint(("top", "method-detail", "entry-detail"))


def boxed_signatures(element: "_Element", tag: str) -> list[str]:
    """Return the lines of a box of Scribble that declares something: signatures, and the contracts of what they take."""
    if tag != "table" or "boxed" not in _names(element):
        return []
    if not any((link.get("name") or "").startswith("(") for link in element.iter("a")):
        return []
    rows = [row for row in element.iter("tr") if next(row.iterancestors("table"), None) is element]
    return [line for row in rows if (line := words(row))]


def words(element: "_Element") -> str:
    """Return an element's words in one line."""
    return " ".join("".join(_pieces(element, " ")).split())


def code_of(element: "_Element") -> str:
    """Return the code in an element, without numbers of lines, and with line ends where a browser shows them."""
    if element.tag == "table":
        return "\n".join(line for row in element.iter("tr") if (line := words(row)))
    return "".join(_pieces(element, "\n")).replace("\xa0", " ")


def _pieces(element: "_Element", line_end: str) -> Iterator[str]:
    """Yield the texts in an element; between lines of a table, and after `<br>`, a line end; without recursion."""
    from lxml import etree

    walk = etree.iterwalk(element, events=("start", "end"))
    skipped: _Element | None = None
    for event, each in walk:
        tag = each.tag if isinstance(each.tag, str) else ""
        if event == "start":
            if each is not element and is_noise(each, tag):
                walk.skip_subtree()
                skipped = each
                continue
            yield each.text or ""
            continue
        if each is not skipped and each is not element:
            # In code a block ends a line where it is one: Doxygen's lines. Elsewhere every block parts words.
            ends = tag in _LINES or (tag in BLOCKS and (line_end == " " or "line" in _names(each)))
            yield line_end if ends and not (tag != "br" and (each.tail or "").startswith("\n")) else ""
        if each is not element:
            yield each.tail or ""


def language_of(element: "_Element") -> str:
    """Return the language that the classes of the code, or of what is around it, name."""
    around = [element, *element.iter("code"), *list(element.iterancestors())[:2]]
    for each in around:
        declared = each.get("data-lang") or each.get("data-language")
        match = _LANGUAGE.search(_classes(each))
        language = declared or (match.group(1) if match else "")
        if language and language.lower() not in _NOT_LANGUAGES:
            return language.lower().split()[0] if language.split() else ""
    # rustdoc and highlight.js name it without a mark: `<pre class="rust example">`; cppreference has `source-cpp` around it.
    names = [name for each in (element, *element.iter("code")) for name in _classes(each).split()]
    names += [name[7:] for each in around for name in _classes(each).split() if name.startswith("source-")]
    return next((name.lower() for name in names if name.lower() in _LANGUAGE_NAMES), "")


def _classes(element: "_Element") -> str:
    return element.get("class") or ""


def _names(element: "_Element") -> set[str]:
    return {*_classes(element).split(), element.get("id") or ""}
