"""What a page takes in from other files, so that an example stands where its page shows it.

Sphinx's `literalinclude` and docutils' `include` (also in MyST's fences), AsciiDoc's `include::` (also of Antora's
resources), mdBook's `{{#include}}`, snippets of MkDocs (`--8<--`) and VitePress (`<<<`), DocFX's `[!code]` and
`[!INCLUDE]`. Only files below the folder that is indexed are taken in.
"""

import hashlib
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from tracegen.corpus.decoding import decode
from tracegen.corpus.formats import LANGUAGES
from tracegen.corpus.pages import Page, fenced

_LARGEST = 1_000_000
_DEEPEST = 3  # files within files
_MOST_LINES = 20_000  # of a page with all that it takes in

_HINTS = (b"include", b"--8<--", b"<<< ", b"[!code", b"[!INCLUDE", b"{{#")
_MARK = re.compile(
    r"""(?P<indent>[ \t]*)(?:
      \.\.[ ](?P<rst>include|literalinclude)::[ ]+(?P<rst_path>\S+)[ \t]*
    | (?P<fence>`{3,}|:{3,})\{(?P<myst>include|literalinclude)\}[ ]+(?P<myst_path>\S+)[ \t]*
    | include::(?P<adoc_path>[^\s\[\]]+)\[(?P<adoc_options>[^\]]*)\][ \t]*
    | \{\{\#(?P<mdbook>include|rustdoc_include|playground|playpen)[ ]+(?P<mdbook_path>[^\s{}:]+)
      (?P<mdbook_part>(?::[\w-]*)*)[^{}]*\}\}[ \t]*
    | -+8<-+[ ]+["'](?P<snippet_path>[^"'\s:]+)(?P<snippet_part>(?::[\w-]*)*)["'][ \t]*
    | <<<[ ]+@?(?P<vitepress_path>[^\s{#\[]+)(?:\#(?P<vitepress_part>[\w-]+))?[^\n]*
    | \[!(?P<docfx>code|INCLUDE|include)(?:-(?P<docfx_language>[\w-]+))?[ ]*\[[^\]]*\]\((?P<docfx_path>[^)\s?\#]+)
      (?:\?(?P<docfx_options>[^)\#]*))?(?:\#(?P<docfx_part>[\w-]+))?\)\][ \t]*
    )""",
    re.VERBOSE,
)
_OPTION = re.compile(r"[ \t]*:([\w-]+):[ \t]*(.*?)[ \t]*")
_MARKER = re.compile(
    r"\b(?:ANCHOR(?:_END)?:|(?:tag|end)::[\w-]+\[\])|--8<--\s*\[|(?:#|//\s*#?)\s*(?:end)?region\b|<!--\s*#?(?:end)?region\b"
)
_ANTORA = re.compile(r"(?:(?:[\w.@-]+:)?(?P<module>[\w.-]+):)?(?P<family>partial|example|page|attachment|image)\$(?P<file>\S+)")
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.S)


class _Wanted(NamedTuple):
    """A file that a page takes in at one place."""

    place: Path
    indent: str
    end: int  # the line after the mark and its options
    style: str  # "text", "rst" or "fence": what its lines are put into
    language: str
    options: dict[str, str]
    apart: bool  # whether its lines are no part of the paragraph above or below, whatever they are


def includes_of(data: bytes, place: Path, root: Path) -> bytes:
    """Return a digest of all files that a page takes in, b"" where there are none."""
    if not any(hint in data for hint in _HINTS):
        return b""
    text = decode(data)
    if text is None:
        return b""
    found = sorted(_all_wanted(text.split("\n"), place, root, _DEEPEST, {}))
    return hashlib.sha256(b"".join(hashlib.sha256(_bytes_of(each)).digest() for each in found)).digest() if found else b""


class Expanded(NamedTuple):
    """A page's text with what it takes in."""

    text: str
    lines: list[int]
    """For each line of it that of the file which it stands for, from 1; empty where nothing was taken in."""


def with_includes(text: str, place: Path, root: Path) -> Expanded:
    """Return the text with the included files in their places; what cannot be found stays as it is."""
    if not any(hint in text.encode("utf-8", "replace") for hint in _HINTS):
        return Expanded(text, [])
    source = text.split("\n")
    most = _MOST_LINES + len(source)
    lines = list(islice(_expanded(source, place, root, _DEEPEST), most + 1))
    expanded = "\n".join(line for line, _ in lines)
    if expanded == text or len(lines) > most:
        return Expanded(text, [])
    return Expanded(expanded, [number for _, number in lines])


def in_file(page: Page, lines: list[int]) -> Page:
    """Return a page that was read from expanded text, its blocks with their lines in the file."""
    if not lines:
        return page

    def line(number: int) -> int:
        return lines[min(max(number, 1), len(lines)) - 1]

    blocks = tuple(
        block.model_copy(update={"start_line": line(block.start_line), "end_line": line(block.end_line)})
        for block in page.blocks
    )
    return page._replace(blocks=blocks)


# --- what is wanted ------------------------------------------------------------------------------------------------------


def _all_wanted(source: list[str], place: Path, root: Path, depth: int, found: dict[Path, int]) -> dict[Path, int]:
    """Add the files that lines take in, and those that these take in, each looked into once from each depth; return all."""
    number = 0
    while number < len(source):
        wanted = _wanted(source, number, place, root)
        if wanted is not None and found.get(wanted.place, 0) < depth:
            found[wanted.place] = depth
            if wanted.style == "text" and depth > 1:
                _all_wanted(_lines_of(wanted.place), wanted.place, root, depth - 1, found)
        number = wanted.end if wanted else number + 1
    return found


def _expanded(source: list[str], place: Path, root: Path, depth: int) -> Iterator[tuple[str, int]]:
    """Yield each line with the line of the page that it stands for."""
    number = 0
    while number < len(source):
        wanted = _wanted(source, number, place, root)
        if wanted is None:
            yield source[number], number + 1
            number += 1
            continue
        inner = _selected(_lines_of(wanted.place), wanted.options)
        if wanted.apart:
            yield "", number + 1
        nested = wanted.style == "text" and depth > 1
        # A line at a time: files that take in one another often have more lines than anybody waits for.
        for line in (
            (line for line, _ in _expanded(inner, wanted.place, root, depth - 1)) if nested else _wrapped(inner, wanted)
        ):
            yield (wanted.indent + line if line else ""), number + 1
        if wanted.apart:
            yield "", wanted.end
        number = wanted.end


def _wanted(source: list[str], number: int, place: Path, root: Path) -> _Wanted | None:
    match = _MARK.fullmatch(source[number])
    if match is None:
        return None
    path = next(value for name, value in match.groupdict().items() if name.endswith("_path") and value)
    file = _resolved(path, place, root)
    if file is None:
        return None
    end, options = number + 1, dict[str, str]()
    if match["rst"] or match["myst"]:
        end, options = _options(source, end)
    if match["fence"]:
        while end < len(source) and not source[end].strip().startswith(match["fence"]):
            end += 1
        end += 1
    parts = [part for part in (match["mdbook_part"] or match["snippet_part"] or "").split(":")[1:] if part]
    if parts and all(part.isdigit() for part in parts):
        options["lines"] = "-".join(parts if len(parts) > 1 else [parts[0], parts[0]])
    elif parts or match["vitepress_part"] or match["docfx_part"]:
        options["part"] = parts[0] if parts else match["vitepress_part"] or match["docfx_part"]
    options |= _attributes(match["adoc_options"] or "", ",") | _attributes(match["docfx_options"] or "", "&")
    language = options.get("language") or match["docfx_language"] or LANGUAGES.get(PurePosixPath(path).suffix[1:].lower(), "")
    return _Wanted(file, match["indent"], end, _style(match, options), language, options, bool(match["rst"]))


def _style(match: re.Match[str], options: dict[str, str]) -> str:
    if match["rst"]:
        return "rst" if match["rst"] == "literalinclude" or "literal" in options or "code" in options else "text"
    if (
        match["vitepress_path"]
        or match["docfx"] == "code"
        or match["myst"] == "literalinclude"
        or match["mdbook"] == "playground"
    ):
        return "fence"
    return "text"


def _resolved(path: str, place: Path, root: Path) -> Path | None:
    """Return the file that a path means: beside the page, or from the folder that is indexed; None where it is not below it."""
    inside = root.resolve()
    of_antora = _ANTORA.fullmatch(path)
    if of_antora:
        path = _path_in_antora(of_antora, place)
    candidates = [inside / path.lstrip("/")] if path.startswith("/") else [place.parent / path, inside / path]
    for candidate in candidates:
        try:
            real = candidate.resolve()
            if real.is_relative_to(inside) and real.is_file() and real.stat().st_size <= _LARGEST and real != place.resolve():
                return real
        except (OSError, ValueError, RuntimeError):
            continue
    return None


def _path_in_antora(match: re.Match[str], place: Path) -> str:
    """Return the path of a resource of Antora from the page's folder: `ROOT:partial$a.adoc` lies in modules/ROOT/partials."""
    parts = place.parts
    if "modules" not in parts[:-2]:
        return match.group()
    below = parts[::-1].index("modules")  # folders, and the file itself
    module = match["module"] or parts[-below]
    return "/".join([*[".."] * (below - 1), module, f"{match['family']}s", match["file"]])


def _options(source: list[str], start: int) -> tuple[int, dict[str, str]]:
    """Return the options of a directive from there on, and the line after them."""
    options: dict[str, str] = {}
    while start < len(source) and (match := _OPTION.fullmatch(source[start])):
        options[match[1]] = match[2]
        start += 1
    return start, options


def _attributes(text: str, separator: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(separator))
    named = {key.strip(): value.strip("\"' ") for key, _, value in pairs if value}
    renamed = {"tag": "part", "tags": "part", "name": "part", "range": "lines", "region": "part"}
    return {renamed.get(key, key): value.replace("..", "-").replace(";", ",") for key, value in named.items()}


# --- what is taken of it --------------------------------------------------------------------------------------------------


def _bytes_of(place: Path) -> bytes:
    """Return what is in a file, nothing where it cannot be read."""
    try:
        return place.read_bytes()
    except OSError:
        return b""


def _lines_of(place: Path) -> list[str]:
    return _FRONT_MATTER.sub("", decode(_bytes_of(place)) or "").rstrip("\n").split("\n")


def _selected(lines: list[str], options: dict[str, str]) -> list[str]:
    """Return the lines that the options want, without the marks that divide the file into parts."""
    if "lines" in options:
        lines = [line for number, line in enumerate(lines, start=1) if _is_in(number, options["lines"])]
    if "part" in options:
        lines = _part(lines, options["part"].split(",")[0])
    for after in ("start-after", "start-at"):
        at = next((at for at, line in enumerate(lines) if options.get(after) and options[after] in line), None)
        lines = lines if at is None else lines[at + (after == "start-after") :]
    for before in ("end-before", "end-at"):
        at = next((at for at, line in enumerate(lines) if options.get(before) and options[before] in line), None)
        lines = lines if at is None else lines[: at + (before == "end-at")]
    return [line for line in lines if not _MARKER.search(line)]


def _part(lines: list[str], name: str) -> list[str]:
    """Return the lines between a pair of marks that name the part; all of them where there is no such pair."""
    named = [
        at for at, line in enumerate(lines) if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", line) and _divides(line)
    ]
    if not named:
        return lines
    ends = (at for at in range(named[0] + 1, len(lines)) if at in named or "endregion" in lines[at])
    return lines[named[0] + 1 : next(ends, len(lines))]


def _divides(line: str) -> bool:
    return bool(_MARKER.search(line) or re.search(r"</?[\w-]+>\s*(?:-->|\*/)?\s*$", line))


def _is_in(number: int, ranges: str) -> bool:
    for each in ranges.split(","):
        first, dash, last = each.strip().partition("-")
        low = int(first) if first.isdigit() else 1
        high = int(last) if last.isdigit() else (10**9 if dash else low)
        if low <= number <= high:
            return True
    return False


def _wrapped(lines: list[str], wanted: _Wanted) -> list[str]:
    """Return the lines in the markup of the page."""
    if wanted.style == "text":
        return lines
    if wanted.style == "fence":
        return fenced("\n".join(lines), wanted.language).split("\n")
    return [f".. code-block:: {wanted.language}".rstrip(), "", *(f"   {line}" if line else "" for line in lines)]
