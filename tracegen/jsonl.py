"""JSON lines: read with line numbers, write whole files at once."""

import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tracegen.errors import InputError, OutputError
from tracegen.wording import in_shell

SQLITE = b"SQLite format 3\0"
"""What an SQLite database, such as a run file, starts with: https://www.sqlite.org/fileformat.html."""

_OTHERS = (
    (SQLITE, "is a run file", "Give the examples beside it, or write them first: tracegen export {path} -o FILE"),
    (b"\x1f\x8b", "is compressed", "Unpack it first: gunzip -k {path}"),
    (b"PAR1", "is a Parquet file", "docs/datasets.md says how to turn it into one."),
    (b"\xff\xfe", "is UTF-16", "Make it UTF-8 first: iconv -f UTF-16 -t UTF-8 {path} > FILE"),
    (b"\xfe\xff", "is UTF-16", "Make it UTF-8 first: iconv -f UTF-16 -t UTF-8 {path} > FILE"),
)
"""What files of other kinds begin with, what they are, and what to do."""


class Line(NamedTuple):
    """One non-empty line of a file."""

    number: int
    """Counted from 1."""
    value: Any
    """The JSON value, or None where the line is not JSON."""
    text: str
    """The line as it stands, without its end."""
    error: str | None
    """Why the line is not JSON, or None."""


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the non-empty lines of a JSONL file; a bad line is a value, not an exception.

    A byte-order mark and CRLF are accepted. Bytes that are not UTF-8 make the line bad.
    Raises InputError where the file cannot be read at all, or is of another kind, such as a run file.
    """
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if number == 1:
                    for start, kind, remedy in _OTHERS:
                        if raw.startswith(start):
                            remedy = remedy.format(path=in_shell(path))
                            raise InputError(f"{path} {kind}, not a JSONL file. {remedy}")
                    raw = raw.removeprefix(b"\xef\xbb\xbf")
                line = raw.rstrip(b"\r\n")
                if line.strip():
                    yield _parse(number, line)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}. Check the path and its permissions.") from None


def _parse(number: int, raw: bytes) -> Line:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        shown = raw.decode("utf-8", errors="backslashreplace")
        return Line(number, None, shown, f"not UTF-8 at byte {error.start + 1}")
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        detail = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        return Line(number, None, text, f"not JSON: {detail}")
    return Line(number, value, text, None)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def is_json(text: str) -> bool:
    """Return whether a text is one JSON value, by the standard and not only by Python's reading of it."""
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return False
    return True


def dump(value: Any) -> str:
    """Return a JSON value as one line of text, non-ASCII characters as they are."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Any]:
    """Open a text file that takes its place only when the block ends well; a pipe or device is written as it comes.

    It is written beside its place, flushed to disk, and renamed. `-` is standard output.
    Raises OutputError where it cannot be written.
    """
    if str(path) == "-":
        # As a file would have it, whatever the locale.
        file = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n")
        try:
            yield file
            file.flush()
        finally:
            file.detach()
        return
    temporary: str | None = None
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            # Replacing /dev/null would do more harm than good.
            with path.open("w", encoding="utf-8", newline="\n") as file:
                yield file
            return
        # Through a link the file it points to is replaced, not the link.
        target = Path(os.path.realpath(path))
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~umask)
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error for a file that cannot be written."""
    return OutputError(
        f"Cannot write {path}: {error.strerror or error}. Free some space or choose another place, then run again."
    )
