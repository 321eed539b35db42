"""PDF -> blocks, by pypdf: paragraphs as they stand on the pages, which take the place of lines."""

import io
import logging
import re
import time
import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from tracegen.corpus.pages import Page, heading_block, prose_block
from tracegen.records import Block

_BROKEN = (
    PyPdfError, ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, NotImplementedError, OSError,
    RecursionError, TypeError, ValueError, zlib.error, ImportError, MemoryError,
)  # fmt: skip
_PATIENCE_S = 60
_HYPHEN = re.compile(r"(?<=[^\W\d_])-\n(?=[a-zà-ÿ])")
_BLANK = re.compile(r"\n[ \t]*\n")
_LEADERS = re.compile(r"(?:\. ?){5,}")  # of a table of contents: dots that lead to the number of a page
_SURROGATES = re.compile("[\ud800-\udfff\x00]")

Outline = dict[int, list[tuple[int, str]]]
"""Level and words of the bookmarks that lead to a page, counted from 0."""

# What it finds in broken files goes to the log, and from there to the terminal.
logging.getLogger("pypdf").addHandler(logging.NullHandler())


def read_pdf(data: bytes) -> Page:
    """Read a PDF file: the bookmarks are the headings, or else each page has one; a line number is that of a page."""
    started = time.monotonic()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reader = PdfReader(io.BytesIO(data), strict=False)
            if reader.is_encrypted and not reader.decrypt(""):
                return Page("", (), "encrypted PDF")
            title = str((reader.metadata and reader.metadata.title) or "").strip()
            outline = _outline(reader)
            pages: list[str] = []
            for page in reader.pages:
                pages.append(_SURROGATES.sub("", page.extract_text()))
                if time.monotonic() - started > _PATIENCE_S:
                    return Page("", (), f"PDF takes longer than {_PATIENCE_S} s to read")
    except _BROKEN as error:
        return Page("", (), f"broken or truncated PDF ({type(error).__name__})")
    return Page(
        _SURROGATES.sub("", title), tuple(_blocks(pages, outline)), "" if any(map(str.strip, pages)) else "PDF without text"
    )


def _outline(reader: PdfReader) -> Outline:
    """Return the bookmarks by page; none where they are broken."""
    found: Outline = defaultdict(list)
    try:
        stack: list[tuple[int, Any]] = [(1, each) for each in reversed(reader.outline)]
        while stack:
            level, entry = stack.pop()
            if isinstance(entry, list):
                stack += [(level + 1, each) for each in reversed(entry)]
                continue
            number = reader.get_destination_page_number(entry)
            words = _SURROGATES.sub("", str(entry.title or "")).strip()
            if number is not None and number >= 0 and words:
                found[number].append((level, words))
    except _BROKEN:
        return {}
    return found


def _blocks(pages: list[str], outline: Outline) -> Iterator[Block]:
    repeated = _repeated(pages)
    for number, text in enumerate(pages):
        lines = text.strip().split("\n")
        edges = (0, len(lines) - 1)
        kept = [line.rstrip() for at, line in enumerate(lines) if at not in edges or _key(line) not in repeated]
        if sum(bool(_LEADERS.search(line)) for line in kept) > len(kept) / 2:
            kept = []
        text = _HYPHEN.sub("", "\n".join(kept))
        headings = outline.get(number, [])
        if not outline and text.strip() and len(pages) > 1:
            headings = [(2, f"Page {number + 1}")]
        yield from _page_blocks(text, headings, number + 1)


def _page_blocks(text: str, headings: list[tuple[int, str]], page: int) -> Iterator[Block]:
    """Yield the blocks of a page; a bookmark's words stand where a line of the page has them, or else where it can be told."""
    lines = text.split("\n")
    position = 0
    for level, words in headings:
        key = _letters(words)
        at = next((at for at in range(position, len(lines)) if key and _letters(lines[at]).endswith(key)), None)
        if at is not None:
            yield from _paragraphs("\n".join(lines[position:at]), page)
            position = at + 1
        yield heading_block(words, level, page, page)
    yield from _paragraphs("\n".join(lines[position:]), page)


def _paragraphs(text: str, page: int) -> Iterator[Block]:
    for paragraph in _BLANK.split(text):
        if paragraph.strip():
            yield prose_block(paragraph.strip("\n"), page, page)


def _letters(line: str) -> str:
    """Return the words of a line without the number of a section before them."""
    return re.sub(r"^[\d.\s]+", "", " ".join(re.findall(r"[\w.]+", line))).casefold() if len(line) < 200 else ""


def _repeated(pages: list[str]) -> set[str]:
    """Return the first and last lines that most pages have: running heads and page numbers."""
    lines = [text.strip().split("\n") for text in pages]
    edges = Counter(key for each in lines for key in {_key(each[0]), _key(each[-1])})
    return {key for key, count in edges.items() if len(pages) > 3 and count > len(pages) * 0.5}


def _key(line: str) -> str:
    return re.sub(r"\d+", "0", line.strip())
