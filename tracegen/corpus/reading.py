"""One file -> Document or Skipped: decoded, and read by the reader of its format."""

import hashlib
import stat
from pathlib import Path, PurePosixPath

from tracegen.corpus.decoding import decode
from tracegen.corpus.formats import Format, format_of
from tracegen.corpus.pages import Page
from tracegen.records import Document, Skipped

MAX_BYTES = 50_000_000
"""A larger file is no documentation."""


def read_file(place: Path, path: str) -> Document | Skipped:
    """Read one file; `path` is what it is called."""
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
    return _parse(data, path, format)


def _parse(data: bytes, path: str, format: Format) -> Document | Skipped:
    text = decode(data, webpage=format.kind == "webpage")
    if text is None:
        return Skipped(path=path, reason="binary content")
    if not text.strip():
        return Skipped(path=path, reason="empty")
    page = _read_page(text, format)
    if page.problem:
        return Skipped(path=path, reason=page.problem)
    if not page.blocks:
        return Skipped(path=path, reason="no text in it")
    title = page.title or "/".join(PurePosixPath(path).parts[-2:])
    return Document(path=path, title=title, sha256=hashlib.sha256(data).hexdigest(), blocks=page.blocks)


def _read_page(text: str, format: Format) -> Page:
    """Read the text with the format's reader; each brings a library that is loaded when the first such file comes."""
    if format.kind == "markdown":
        from tracegen.corpus.markdown import read_markdown

        return read_markdown(text)
    if format.kind == "webpage":
        from tracegen.corpus.webpage import read_webpage

        return read_webpage(text)
    if format.kind == "rst":
        from tracegen.corpus.rst import read_rst

        return read_rst(text)
    if format.kind == "source":
        from tracegen.corpus.source import read_source

        return read_source(text, format.language)
    from tracegen.corpus.text import read_text

    return read_text(text, format.kind)
