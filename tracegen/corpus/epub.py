"""EPUB -> blocks: the chapters in the order of the book, each read as a web page."""

import io
import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tracegen.corpus.decoding import decode
from tracegen.corpus.pages import Page
from tracegen.corpus.webpage import read_webpage
from tracegen.records import Block

if TYPE_CHECKING:
    from lxml.etree import _Element

_LARGEST = 200_000_000  # bytes of all files unpacked; a book has pictures
_LARGEST_CHAPTER = 20_000_000
_LARGEST_RATIO = 200  # text packs to a tenth at best, a bomb to a thousandth
_BROKEN = (
    zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, KeyError, NotImplementedError, OSError, RuntimeError,
    ValueError,
)  # fmt: skip


def read_epub(data: bytes) -> Page:
    """Read an EPUB book; line numbers go on from chapter to chapter."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            unpacked = sum(entry.file_size for entry in book.infolist())
            if unpacked > _LARGEST or unpacked > max(len(data), 10_000) * _LARGEST_RATIO:
                return Page("", (), "archive that unpacks to too much")
            return _read(book)
    except _BROKEN as error:
        return Page("", (), f"broken or encrypted EPUB ({type(error).__name__})")


def _read(book: zipfile.ZipFile) -> Page:
    package_path = next((each.get("full-path", "") for each in _all(_xml(book, "META-INF/container.xml"), "rootfile")), "")
    package = _xml(book, package_path)
    title = next((" ".join("".join(each.itertext()).split()) for each in _all(package, "title")), "")
    blocks: list[Block] = []
    line = 0
    # Each once, however often it is named: a book of 2 kB can name a chapter a million times.
    for path in dict.fromkeys(_chapters(package, posixpath.dirname(package_path))):
        text = decode(_bytes(book, path), webpage=True) or ""
        last = text.count("\n") + 1
        for block in read_webpage(text).blocks:
            end = min(block.end_line, last)
            lines = {"start_line": line + min(block.start_line, end), "end_line": line + end}
            blocks.append(block.model_copy(update=lines))
        line += last
    return Page(title, tuple(blocks))


def _chapters(package: "_Element", folder: str) -> Iterator[str]:
    """Yield the paths of the chapters in reading order, the table of contents left out."""
    manifest = {each.get("id"): each for each in _all(package, "item")}
    for reference in _all(package, "itemref"):
        item = manifest.get(reference.get("idref"))
        if item is None or reference.get("linear") == "no" or "nav" in (item.get("properties") or "").split():
            continue
        if "html" in (item.get("media-type") or ""):
            yield posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))


def _all(root: "_Element", name: str) -> "list[_Element]":
    """Return the elements of this name in any namespace."""
    return [each for each in root.iter() if isinstance(each.tag, str) and each.tag.rpartition("}")[2] == name]


def _xml(book: zipfile.ZipFile, path: str) -> "_Element":
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, recover=True)
    try:
        root = etree.fromstring(_bytes(book, path), parser)
    except etree.XMLSyntaxError as error:
        raise ValueError(str(error)) from None
    if root is None:
        raise ValueError(f"{path} is empty")
    return root


def _bytes(book: zipfile.ZipFile, path: str) -> bytes:
    with book.open(path) as file:
        return file.read(_LARGEST_CHAPTER)
