"""Folders of documentation -> files in a stable order -> Document or Skipped."""

import os
import re
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tracegen.corpus.formats import format_of
from tracegen.corpus.order import site_order
from tracegen.corpus.patterns import Patterns, read_patterns
from tracegen.corpus.reading import MAX_BYTES, content_digest, read_file
from tracegen.errors import InputError
from tracegen.records import Document, Skipped

_PASSED_FOLDERS = {
    "node_modules": "installed packages",
    "bower_components": "installed packages",
    "site-packages": "installed packages",
    "__pycache__": "compiled files",
    "CVS": "version control",
}


_BOOK_SCRIPT = re.compile(r"book(?:-[\da-f]+)?\.js")
_UNLISTED = ("\U0010ffff", 0)  # behind every root


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
    listed: tuple[str, int] | None = None
    """The root, and the place among the pages that its site lists, where it is one of them."""
    root: Path | None = None
    """The folder below which the file may take in others."""


def read_corpus(
    roots: Sequence[Path], include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Iterator[Document | Skipped]:
    """Return the documents below the roots and what was left out, sorted by path; files are read one at a time.

    Pages that a root's `llms.txt` or `sitemap.xml` lists come first, in that order. `include` and `exclude` are patterns as
    in `.gitignore`, relative to each folder; a folder's own `.tracegenignore` excludes as well.

    A root is a folder or a single file. Where two roots hold the same relative path, the paths of both begin with the
    roots' names. Symbolic links are followed, but nothing is read twice.
    Raises InputError at once where a root is missing or cannot be read, or a pattern is none.
    """
    return map(read_found, find_files(roots, include, exclude))


def find_files(roots: Sequence[Path], include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[Found]:
    """Return the files below the roots and what is left out without being opened, each path once; order as in `read_corpus`.

    Raises InputError where a root is missing or cannot be read, or a pattern is none.
    """
    unique: dict[str, Path] = {}
    for root in roots:
        unique.setdefault(os.path.realpath(root), Path(root))
    found = [
        [each._replace(root=root) for each in _in_site_order(root, _without_whole_books(_found_below(root, patterns)))]
        for root in unique.values()
        for patterns in (read_patterns(root, include, exclude),)
    ]
    prefixes = _prefixes(list(unique), found)
    everything = [
        each._replace(path=f"{prefix}/{each.path}" if prefix else each.path)
        for prefix, below in zip(prefixes, found, strict=True)
        for each in below
    ]
    ordered = sorted(_without_repetitions(everything), key=lambda each: each.listed or _UNLISTED)
    return _with_different_paths(ordered)


def file_digest(found: Found) -> str:
    """Return the digest of a file and of what it includes, or "" where nothing is to be parsed: `read_file` says why."""
    format = format_of(found.path)
    if found.reason or isinstance(format, str):
        return ""
    try:
        state = found.place.stat()
        if not stat.S_ISREG(state.st_mode) or state.st_size > MAX_BYTES:
            return ""
        return content_digest(found.place.read_bytes(), format, found.place, found.root)
    except OSError:
        return ""


def read_found(found: Found) -> Document | Skipped:
    """Read a file that was found."""
    return Skipped(path=found.path, reason=found.reason) if found.reason else read_file(found.place, found.path, found.root)


# --- what is there -------------------------------------------------------------------------------------------------------


def _in_site_order(root: Path, found: list[Found]) -> list[Found]:
    """Return the files with their places among the pages that the site lists."""
    places = site_order(root, (each.path for each in found if not each.reason))
    if not places:
        return found
    return [each._replace(listed=(str(root), places[each.path])) if each.path in places else each for each in found]


def _found_below(root: Path, patterns: Patterns) -> list[Found]:
    """Return what lies below a root, in no particular order."""
    try:
        mode = root.stat().st_mode
        if stat.S_ISREG(mode):
            root.open("rb").close()
            return [Found(_name(root.resolve().name if root.name in ("", "..") else root.name), root)]
        if stat.S_ISDIR(mode):
            os.scandir(root).close()
            return _walk(root, patterns)
    except OSError as error:
        raise InputError(
            f"Cannot read {root}: {error.strerror or error}. Check the path of the documentation and its permissions."
        ) from None
    raise InputError(f"Cannot read {root}: it is neither a folder nor a file. Give a folder of documentation.")


def _without_whole_books(found: list[Found]) -> list[Found]:
    """Return the files without `print.html` of mdBook, which holds all the pages beside it."""
    books = {
        str(path.parent) for path in map(PurePosixPath, (each.path for each in found)) if _BOOK_SCRIPT.fullmatch(path.name)
    }
    return [
        each._replace(reason="all pages of a book once more")
        if not each.reason and PurePosixPath(each.path).name == "print.html" and str(PurePosixPath(each.path).parent) in books
        else each
        for each in found
    ]


def _walk(root: Path, patterns: Patterns) -> list[Found]:
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
            _list(path, place, patterns, found, folders, links)
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


def _list(
    path: str,
    place: Path,
    patterns: Patterns,
    found: list[Found],
    folders: list[tuple[str, Path]],
    links: list[tuple[str, Path]],
) -> None:
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
        reason = _reason(entry) or patterns.reason(child, folder=entry.is_dir())
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
