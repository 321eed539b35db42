"""One file -> Document or Skipped: decoded, and read by the reader of its format."""

import hashlib
import re
import stat
import zlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from tracegen.corpus.decoding import decode
from tracegen.corpus.formats import Format, Kind, format_of
from tracegen.corpus.includes import in_file, includes_of, with_includes
from tracegen.corpus.pages import WORDLESS_TITLES, Page
from tracegen.records import Document, Skipped

MAX_BYTES = 50_000_000
"""A larger file is no documentation."""

_READERS: dict[Kind, str] = {
    "markdown": "markdown:read_markdown",
    "webpage": "webpage:read_webpage",
    "text": "text:read_plain",
    "rst": "rst:read_rst",
    "asciidoc": "asciidoc:read_asciidoc",
    "notebook": "notebook:read_notebook",
    "manpage": "manpage:read_manpage",
    "yaml": "yaml_manual:read_yaml",
    "pod": "pod:read_pod",
    "info": "info:read_info",
}
_READERS_OF_BYTES: dict[Kind, str] = {"pdf": "pdf:read_pdf", "epub": "epub:read_epub"}


_TAGS_OF_INFO = re.compile(rb"\0\x08\[.*?\0\x08\]", re.S)
"""What it has for images and indexes. No other text has such bytes."""

_WORD = re.compile(r"[^\W\d_]{3,}")
_BEGINNING = 4  # letters of a word that are the same in its forms
_MAY_BEGIN_WITH_A_SECTION: frozenset[Kind] = frozenset(["markdown", "rst", "asciidoc"])

_TAKE_IN: frozenset[Kind] = frozenset(["markdown", "rst", "asciidoc", "text"])
"""Formats whose pages may include other files."""


def content_digest(data: bytes, format: Format, place: Path, root: Path | None) -> str:
    """Return the digest of a file's bytes, and of the files that it takes in from below the root."""
    included = includes_of(data, place, _folder(root)) if root and _may_take_in(format) else b""
    return hashlib.sha256(data + included).hexdigest()


def _folder(root: Path) -> Path:
    return root if root.is_dir() else root.parent


def _may_take_in(format: Format) -> bool:
    return format.kind in _TAKE_IN and not format.packed


def read_file(place: Path, path: str, root: Path | None = None) -> Document | Skipped:
    """Read one file; `path` is what it is called. With a root it takes in the files below it that it includes."""
    format = format_of(path)
    if isinstance(format, str):
        return Skipped(path=path, reason=format)
    try:
        state = place.stat()
        if not stat.S_ISREG(state.st_mode):  # opening a pipe would wait for its writer
            return Skipped(path=path, reason="not a regular file")
        if state.st_size > MAX_BYTES:
            return Skipped(path=path, reason=f"larger than {MAX_BYTES // 1_000_000} MB")
        data = place.read_bytes()
    except OSError as error:
        return Skipped(path=path, reason=f"cannot be read: {error.strerror or error}")
    return _parse(data, path, format, place, root)


def _parse(data: bytes, path: str, format: Format, place: Path, root: Path | None) -> Document | Skipped:
    page = _read_page(data, format, place, root)
    if page.problem:
        return Skipped(path=path, reason=page.problem)
    if not page.blocks:
        return Skipped(path=path, reason="no text in it")
    title = page.title if _is_title(page, path, format.kind) else ""
    title = title or "/".join(PurePosixPath(path).parts[-2:])
    return Document(path=path, title=title, sha256=content_digest(data, format, place, root), blocks=page.blocks)


def _is_title(page: Page, path: str, kind: Kind) -> bool:
    """Tell whether the page's title is one: the first of several headings beside one another, or `Introduction`, may be none.

    Then it says nothing of what the file is called. Wikis take that for the title, other sites have titles elsewhere.
    """
    headings = [block for block in page.blocks if block.kind == "heading"]
    if kind not in _MAY_BEGIN_WITH_A_SECTION or page.declared or not headings or page.title != headings[0].text:
        return True
    beside = sum(each.level <= headings[0].level for each in headings)
    name, title = PurePosixPath(path).stem.casefold(), page.title.casefold()
    words = _WORD.findall(name)
    if (beside < 2 and title not in WORDLESS_TITLES) or not words or name in WORDLESS_TITLES:
        return True
    return any(word[:_BEGINNING] in title for word in words)


def _read_page(data: bytes, format: Format, place: Path, root: Path | None) -> Page:
    """Read the content with the format's reader; each brings a library that is loaded when the first such file comes."""
    if format.packed:
        unpacked = _unpacked(data)
        if unpacked is None:
            return Page("", (), "cannot be unpacked")
        data = unpacked
    if format.kind in _READERS_OF_BYTES:
        read_bytes: Callable[[bytes], Page] = _loaded(_READERS_OF_BYTES[format.kind])
        return read_bytes(data) if data else Page("", (), "empty")
    if format.kind == "info":
        data = _TAGS_OF_INFO.sub(b"", data)
    text = decode(data, webpage=format.kind == "webpage")
    if text is None:
        return Page("", (), "binary content")
    if not text.strip():
        return Page("", (), "empty")
    if format.kind == "source":
        from tracegen.corpus.source import read_source

        return read_source(text, format.language)
    read: Callable[[str], Page] = _loaded(_READERS[format.kind])
    if root is None or not _may_take_in(format):
        return read(text)
    expanded = with_includes(text, place, _folder(root))
    return in_file(read(expanded.text), expanded.lines)


def _loaded(name: str) -> Any:
    """Return a reader; it brings a library that is loaded when the first such file comes."""
    module, function = name.split(":")
    return getattr(import_module(f"tracegen.corpus.{module}"), function)


def _unpacked(data: bytes) -> bytes | None:
    """Return what gzip packed, or None where it is broken or too large."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, MAX_BYTES)
    except zlib.error:
        return None
    return unpacked if unpacker.eof else None
