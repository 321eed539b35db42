"""Jupyter notebooks -> blocks: Markdown cells, code in the kernel's language, short outputs as text."""

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from tracegen.corpus.markdown import read_markdown
from tracegen.corpus.pages import Page, code_block, first_heading, heading_block
from tracegen.records import Block

_CELL = re.compile(r'"cell_type"\s*:')
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_OUTPUT_LINES = 12
_OUTPUT_CHARACTERS = 800


class _Lines(NamedTuple):
    """The lines of a cell in the file."""

    start: int
    end: int


def read_notebook(text: str) -> Page:
    """Read a notebook; of its outputs only text remains, and little of that."""
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        return Page("", (), "not a readable notebook: invalid JSON")
    cells = _cells(notebook)
    if cells is None:
        return Page("", (), "not a readable notebook: no cells")
    language = _language(notebook)
    blocks = [
        block
        for cell, lines in zip(cells, _cell_lines(text, len(cells)), strict=True)
        for block in _read(cell, lines, language)
    ]
    title = _text(_at(notebook, "metadata", "title")).strip()
    return Page(title or first_heading(tuple(blocks)), tuple(blocks))


def _at(value: Any, *keys: str) -> Any:
    """Return what is there in nested objects, or None."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _cells(notebook: Any) -> list[Any] | None:
    """Return the cells; before the fourth version of the format they were in worksheets."""
    cells = _at(notebook, "cells")
    if not isinstance(cells, list):
        sheets = _at(notebook, "worksheets")
        cells = _at(sheets[0], "cells") if isinstance(sheets, list) and sheets else None
    return cells if isinstance(cells, list) else None


def _language(notebook: Any) -> str:
    for keys in (("language_info", "name"), ("kernelspec", "language")):
        name = _at(notebook, "metadata", *keys)
        if isinstance(name, str) and re.fullmatch(r"[\w+#.-]{1,30}", name):
            return name.lower()
    return ""


def _cell_lines(text: str, count: int) -> list[_Lines]:
    """Return where the cells stand in the file, or the whole file for each where that cannot be told."""
    last = text.count("\n") + 1
    starts, line, position = [], 1, 0
    for match in _CELL.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        starts.append(line)
    if len(starts) != count:
        return [_Lines(1, last)] * count
    return [_Lines(start, max(start, end - 1)) for start, end in zip(starts, [*starts[1:], last + 1], strict=True)]


def _read(cell: Any, lines: _Lines, language: str) -> Iterator[Block]:
    kind = _at(cell, "cell_type")
    source = _text(_at(cell, "source") or _at(cell, "input"))
    where = {"start_line": lines.start, "end_line": lines.end}
    if kind == "markdown":
        yield from (block.model_copy(update=where) for block in read_markdown(source).blocks)
    elif kind == "heading" and source.strip():
        level = _at(cell, "level")
        yield heading_block(source, level if isinstance(level, int) and level > 0 else 1, *lines)
    elif kind == "code" and source.strip():
        yield code_block(source.strip("\n"), "" if source.startswith("%%") else language, *lines)
        outputs = _at(cell, "outputs")
        output = _shortened("".join(_output(each) for each in outputs)) if isinstance(outputs, list) else ""
        if output:
            yield code_block(output, "output", *lines)


def _output(output: Any) -> str:
    kind = _at(output, "output_type")
    if kind == "error":
        return f"{_text(_at(output, 'ename'))}: {_text(_at(output, 'evalue'))}\n"
    text = _text(_at(output, "text") or _at(output, "data", "text/plain"))
    return text if not text or text.endswith("\n") else text + "\n"


def _shortened(output: str) -> str:
    output = _TERMINAL.sub("", output).rstrip()
    lines = output[:_OUTPUT_CHARACTERS].split("\n")[:_OUTPUT_LINES]
    short = "\n".join(lines)
    return short if len(short) == len(output) else short + "\n..."


def _text(value: Any) -> str:
    """Return a text that is a string or a list of lines; "" for anything else."""
    if isinstance(value, list):
        value = "".join(line for line in value if isinstance(line, str))
    # What JSON spells as an escape may be half a character, or none at all.
    return value.encode("utf-8", "replace").decode().replace("\r\n", "\n") if isinstance(value, str) else ""
