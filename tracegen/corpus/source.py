"""Source files -> blocks: doc comments as prose before the code they document, all other code as it stands."""

import re
from collections.abc import Iterator

from tracegen.corpus.doc_comments import Doc, doc_comments, signature
from tracegen.corpus.pages import Page, code_block, heading_block, prose_block
from tracegen.corpus.pod import IS_POD, read_pod
from tracegen.records import Block

_MINIFIED_LINE = 5000  # characters of a line on average
_GENERATED_LINE = 100_000

# Extensions that two languages share: the one that a file is named after, what it cannot have, and the other one.
_SHARED = (
    ("perl", re.compile(r"^:-\s|^[a-z]\w*\(.*\)\s*:-\s*$", re.M), "prolog"),
    ("objectivec", re.compile(r"^[ \t]*(?:%|function\b|endfunction\b)", re.M), "matlab"),
)

_RST = re.compile(
    r"^[ \t]*\.\. [\w:-]+::|(?<!\w):[a-z]+(?::[a-z]+)?:`[^`\n]+`|^[ \t]*:(?:param|returns?|raises|type|rtype)\b[^\n:]*:", re.M
)
_LINK = re.compile(r"""\.html?(?:#[^"'\n]*)?["']""")
_LINKED = 150  # characters of a menu for each link to a page; code has fewer
_MENU = re.compile(r"""\s*var\s+\w+\s*=\s*\[\s*\[\s*"[^"\n]*",\s*(?:"[^"\n]*\.html|null)""")  # of Doxygen


def read_source(text: str, language: str) -> Page:
    """Read a source file.

    What a doc comment or a docstring documents is a section with the signature as its heading. A file without any is one
    block of code, which the chunker cuts at blank lines.
    """
    language = next((true for named, sign, true in _SHARED if named == language and sign.search(text)), language)
    lines = text.split("\n")
    filled = [line for line in lines if line.strip()]
    if language in ("javascript", "css") and sum(map(len, filled)) > _MINIFIED_LINE * max(len(filled), 1):
        return Page("", (), "minified bundle")
    if language == "javascript" and (_MENU.match(text) or len(_LINK.findall(text)) * _LINKED > len(text)):
        return Page("", (), "menu of a site")
    if any(len(line) > _GENERATED_LINE for line in filled):
        return Page("", (), "generated file")
    if language == "perl" and IS_POD.search(text):
        return read_pod(text)
    return Page("", tuple(_blocks(lines, language)))


def _blocks(lines: list[str], language: str) -> Iterator[Block]:
    docs = doc_comments(lines, language)
    position = 0  # first line that is not taken yet
    for number, doc in enumerate(docs):
        following = [min(each.start, each.code if each.code >= 0 else each.start) for each in docs[number + 1 : number + 2]]
        end = max(following[0] if following else len(lines), doc.end)
        begin = doc.start if doc.code < 0 else min(doc.start, doc.code)
        yield from _code(lines, position, begin, language)
        if doc.code >= 0:
            words = signature(lines, doc.code)
            indented = lines[doc.code][:1].isspace()
            yield heading_block(words or "...", 3 if indented else 2, begin + 1, begin + 1)
        yield from _prose(doc, begin)
        if doc.code >= 0 and doc.code < doc.start:  # the docstring is taken out of the code
            yield from _code(lines, doc.code, end, language, without=doc)
        else:
            yield from _code(lines, doc.end, end, language)
        position = end
    yield from _code(lines, position, len(lines), language)


def _prose(doc: Doc, begin: int) -> Iterator[Block]:
    """Yield the documentation's blocks: Markdown nearly everywhere, and what reads as such; Python has reStructuredText."""
    if _RST.search(doc.text):
        from tracegen.corpus.rst import read_rst as read
    else:
        from tracegen.corpus.markdown import read_markdown as read
    for block in read(doc.text).blocks:
        start = min(max(doc.start, begin) + block.start_line, doc.end) if doc.code < 0 or doc.code >= doc.end else begin + 1
        end = max(start, min(doc.start + block.end_line, doc.end))
        if block.kind == "heading":
            yield prose_block(f"**{block.text}**", start, end)
        else:
            yield block.model_copy(update={"start_line": start, "end_line": end})


def _code(lines: list[str], start: int, end: int, language: str, without: Doc | None = None) -> Iterator[Block]:
    """Yield these lines as a block, without the empty ones around them; nothing where all are empty."""
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    if start < end:
        code = lines[start:end]
        if without is not None:
            code = lines[start : without.start] + lines[without.end : end]
        yield code_block("\n".join(code), language, start + 1, end)
