"""Text for a terminal: widths as they are drawn, wrapping that leaves code alone, nothing that a terminal would act on."""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from tracegen.traces.chat import harmless, visible

TAB = 4
"""Columns of a tab."""
HARD_WRAPPED = 60
"""Columns from which on a line of Markdown is taken to be one that its writer's editor has wrapped."""
_FENCE = re.compile(r"\s*(?:>\s*)?(`{3,}|~{3,})(.*)")
# What does not go on with the paragraph above it: a list item, a quote.
_BEGINS = re.compile(r"\s*(?:[-*+] |\d{1,3}[.)] |>)")
_LEAD = re.compile(r"\s*(?:(?:[-*+]|\d{1,3}[.)]) +)?")


def columns(text: str) -> int:
    """Return how many columns a terminal draws the text in: wide characters take two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_columns_of, text))


def _columns_of(character: str) -> int:
    if character < "\u0300":
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def pad(text: str, width: int) -> str:
    """Return the text with spaces up to a width in columns."""
    return text + " " * (width - columns(text))


def clip(text: str, width: int) -> str:
    """Return the text, cut with `…` where it is wider than `width` columns."""
    if columns(text) <= width:
        return text
    return next(_pieces(text, width - 1, width - 1)).rstrip() + "…"


def excerpt(text: str, limit: int = 300) -> str:
    """Return the start of a text as one printable line, white space collapsed."""
    return visible(" ".join(text[: 4 * limit].split()), limit)


def wrap(line: str, width: int, hang: int | None = None) -> list[str]:
    """Wrap one line at its spaces; what follows hangs below its indentation or list mark, or `hang` columns in.

    A word wider than the line is broken. Joined with spaces the words are those of the line: nothing is lost.
    """
    if columns(line) <= width:
        return [line]
    lead = (_LEAD.match(line) or [""])[0] if hang is None else ""
    indent = " " * (hang if hang is not None else columns(lead))
    if len(indent) > width // 2:
        lead, indent = "", ""
    lines: list[str] = []
    current, started = lead, False
    for word in line[len(lead) :].split(" "):
        joined = f"{current} {word}" if started else current + word
        if columns(joined) <= width:
            current, started = joined, True
            continue
        if started:
            lines.append(current.rstrip())
            current = indent
        pieces = list(_pieces(word, width - columns(current), width - len(indent)))
        for piece in pieces[:-1]:
            lines.append(current + piece)
            current = indent
        current, started = current + (pieces[-1] if pieces else ""), True
    return [*lines, current]


def _pieces(word: str, first: int, width: int) -> Iterator[str]:
    start = used = 0
    room = first
    for index, character in enumerate(word):
        needed = _columns_of(character)
        if used + needed > room and index > start:
            yield word[start:index]
            start, used, room = index, 0, width
        used += needed
    if start < len(word):
        yield word[start:]


def layout(text: str, width: int, *, reflow: bool = False) -> list[str]:
    """Return a text, Markdown or not, as printable lines: prose wrapped; fences, indented code and tables as they stand.

    With `reflow` the hard-wrapped lines of a Markdown paragraph are joined before they are wrapped anew.
    """
    lines: list[str] = []
    paragraph: list[str] = []
    fence = ""
    may_indent = True  # indented code may begin here; inside a paragraph an indented line is part of it
    for raw in text.split("\n"):
        line = visible(raw.expandtabs(TAB))
        mark = _FENCE.match(line)
        if fence:
            lines.append(line)
            fence = "" if mark and mark[1].startswith(fence) and not mark[2].strip() else fence
            may_indent = True
            continue
        fence = mark[1] if mark and "`" not in mark[2] else ""
        indented = may_indent and line.startswith("    ") and not line.lstrip().startswith(("- ", "* ", "+ "))
        may_indent = indented or not line.strip()
        as_it_stands = fence or indented or not line.strip() or line.lstrip().startswith(("|", "#"))
        # A line that ends early was ended on purpose.
        goes_on = reflow and paragraph and columns(paragraph[-1]) >= HARD_WRAPPED and not _BEGINS.match(line)
        if paragraph and (as_it_stands or not goes_on):
            lines += wrap(" ".join(paragraph), width)
            paragraph = []
        if as_it_stands:
            lines += [line] if not line.lstrip().startswith("#") else wrap(line, width)
        else:
            paragraph.append(line.strip() if paragraph else line)
    return lines + (wrap(" ".join(paragraph), width) if paragraph else [])


def json_page(value: Any, otherwise: str = "") -> str:
    r"""Return a JSON value over several lines, still JSON, with what a terminal would act on as `\u001b`.

    A value that is nested too deeply to write comes back as `otherwise`: the text that it was read from.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, indent=2)
    except RecursionError:
        text = otherwise
    return "".join(c if c == "\n" or harmless(c) else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    if character == "\x7f":  # the one control character that json leaves as it is
        return "\\u007f"
    return json.dumps(character)[1:-1]
