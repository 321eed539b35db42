"""Folders of documentation -> files in a stable order -> Document or Skipped."""

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tracegen.corpus.decoding import decode
from tracegen.corpus.formats import Format, format_of
from tracegen.corpus.pages import Page
from tracegen.errors import InputError
from tracegen.records import Document, Skipped

MAX_BYTES = 50_000_000
"""A larger file is no documentation."""

_PASSED_FOLDERS = {
    "node_modules": "installed packages",
    "bower_components": "installed packages",
    "site-packages": "installed packages",
    "__pycache__": "compiled files",
    "CVS": "version control",
}


class Found(NamedTuple):
    """A file to be read, or what is skipped without being opened."""

    path: str
    """Path relative to the root, with forward slashes."""
    place: Path
    """Where it lies."""
    reason: str = ""
    """Why it is skipped, or ""."""
    linked: bool = False
    """Whether the file is a symbolic link."""


def read_corpus(roots: Sequence[Path]) -> Iterator[Document | Skipped]:
    """Return the documents below the roots and what was left out, sorted by path; files are read one at a time.

    Raises InputError at once where a root is missing or cannot be read.
    """
    return _read_all(find_files(roots))


def find_files(roots: Sequence[Path]) -> list[Found]:
    """Return the files below the roots and what is left out without being opened, sorted by path, each path once.

    A root is a folder or a single file. Where two roots hold the same relative path, the paths of both begin with the
    roots' names. Symbolic links are followed, but nothing is read twice.
    Raises InputError where a root is missing or cannot be read.
    """
    unique: dict[str, Path] = {}
    for root in roots:
        unique.setdefault(os.path.realpath(root), Path(root))
    found = [_found_below(root) for root in unique.values()]
    prefixes = _prefixes(list(unique), found)
    everything = [
        each._replace(path=f"{prefix}/{each.path}" if prefix else each.path)
        for prefix, below in zip(prefixes, found, strict=True)
        for each in below
    ]
    return _with_different_paths(_without_repetitions(everything))


def file_digest(found: Found) -> str:
    """Return the digest of a file's bytes, or "" where nothing is to be parsed: `read_file` says why at once."""
    if found.reason or isinstance(format_of(found.path), str):
        return ""
    try:
        state = found.place.stat()
        if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_BYTES:
            return ""
        with found.place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


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
    if format.kind == "source":
        from tracegen.corpus.source import read_source

        return read_source(text, format.language)
    from tracegen.corpus.text import read_text

    return read_text(text, format.kind)


def _read_all(found: list[Found]) -> Iterator[Document | Skipped]:
    return map(read_found, found)


def read_found(found: Found) -> Document | Skipped:
    """Read a file that was found."""
    return Skipped(path=found.path, reason=found.reason) if found.reason else read_file(found.place, found.path)


# --- what is there -------------------------------------------------------------------------------------------------------


def _found_below(root: Path) -> list[Found]:
    """Return what lies below a root, in no particular order."""
    try:
        mode = root.stat().st_mode
        if stat.S_ISREG(mode):
            root.open("rb").close()
            return [Found(_name(root.resolve().name if root.name in ("", "..") else root.name), root)]
        if stat.S_ISDIR(mode):
            os.scandir(root).close()
            return _walk(root)
    except OSError as error:
        raise InputError(
            f"Cannot read {root}: {error.strerror or error}. Check the path of the documentation and its permissions."
        ) from None
    raise InputError(f"Cannot read {root}: it is neither a folder nor a file. Give a folder of documentation.")


def _walk(root: Path) -> list[Found]:
    """Return everything below a folder.

    Folders behind links come last, so that a folder keeps its own path where a link leads to it as well.
    """
    found: list[Found] = []
    seen: dict[str, str] = {}  # real path of a folder -> the path it is known by
    folders, links = [("", root)], list[tuple[str, Path]]()
    while folders or links:
        if folders:
            path, place = folders.pop()
            seen[os.path.realpath(place)] = path
            _list(path, place, found, folders, links)
            continue
        links.sort(reverse=True)
        path, place = links.pop()
        reason = _link_reason(root, place, seen)
        if reason:
            found.append(Found(path, place, reason))
        else:
            folders.append((path, place))
    return found


def _link_reason(root: Path, link: Path, seen: dict[str, str]) -> str:
    """Return why a link to a folder is not followed, or ""."""
    real = os.path.realpath(link)
    if any(_is_in(os.path.realpath(place), real) for place in (root, link.parent)):
        return "link in a circle"
    return f"already read as {seen[real]}" if real in seen else ""


def _is_in(place: str, folder: str) -> bool:
    return place == folder or place.startswith(folder.rstrip(os.sep) + os.sep)


def _list(path: str, place: Path, found: list[Found], folders: list[tuple[str, Path]], links: list[tuple[str, Path]]) -> None:
    """Sort one folder's entries into files and skipped things, folders, and links to folders."""
    try:
        with os.scandir(place) as entries:
            listed = list(entries)
    except OSError as error:
        found.append(Found(path or ".", place, f"cannot be read: {error.strerror or error}"))
        return
    for entry in listed:
        below = Path(entry.path)
        name = _name(entry.name)
        child = f"{path}/{name}" if path else name
        reason = _reason(entry)
        if reason:
            found.append(Found(child, below, reason))
        elif not entry.is_dir():
            found.append(Found(child, below, linked=entry.is_symlink()))
        elif entry.is_symlink():
            links.append((child, below))
        else:
            folders.append((child, below))


def _reason(entry: os.DirEntry[str]) -> str:
    """Return why an entry is skipped without being opened, or ""."""
    try:
        mode = entry.stat().st_mode
    except OSError as error:  # a link to nothing or to itself
        return f"cannot be read: {error.strerror or error}"
    if entry.name.startswith("."):
        return "hidden folder" if stat.S_ISDIR(mode) else "hidden file"
    if stat.S_ISDIR(mode):
        return _PASSED_FOLDERS.get(entry.name, "")
    return "" if stat.S_ISREG(mode) else "not a regular file"


def _name(name: str) -> str:
    """Return a file name as text: bytes that are not UTF-8 come from the system as lone surrogates."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


# --- several roots, repetitions ------------------------------------------------------------------------------------------


def _prefixes(reals: list[str], found: list[list[Found]]) -> list[str]:
    """Return what each root's paths begin with: "", or for roots that share a path the part of theirs that differs."""
    paths = [{each.path for each in below if not each.reason} for below in found]
    roots_with = Counter(path for mine in paths for path in mine)
    shared = [index for index, mine in enumerate(paths) if any(roots_with[path] > 1 for path in mine)]
    prefixes = [""] * len(reals)
    for length in range(1, 100):
        for index in shared:
            parts = PurePosixPath(Path(reals[index]).as_posix()).parts
            # A single file's own name is in its path already.
            parts = parts[1:-1] if Path(reals[index]).is_file() else parts[1:]
            prefixes[index] = _name("/".join(parts[-length:]))
        named = [prefixes[index] for index in shared]
        if len(set(named)) == len(named):
            break
    return prefixes


def _without_repetitions(found: list[Found]) -> list[Found]:
    """Return the files sorted by path; one that is reached twice is read where it really lies, or else first by path."""
    ordered = sorted(found)
    reals = {each: os.path.realpath(each.place) for each in ordered if not each.reason}
    owners: dict[str, Found] = {}
    for each, real in reals.items():
        if real not in owners or (owners[real].linked and not each.linked):
            owners[real] = each
    return [
        each if each.reason or owner is each else each._replace(reason=f"already read as {owner.path}")
        for each in ordered
        for owner in (owners.get(reals.get(each, ""), each),)
    ]


def _with_different_paths(ordered: list[Found]) -> list[Found]:
    """Return the files, sorted by path; of those that look the same, as names that are not UTF-8 may, the first is read."""
    read: set[str] = set()
    result = []
    for each in ordered:
        again = not each.reason and each.path in read
        result.append(each._replace(reason="another file has the same readable name") if again else each)
        if not each.reason:
            read.add(each.path)
    return result
