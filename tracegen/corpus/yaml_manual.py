"""YAML -> blocks, where it is a manual: keys are headings, long strings are Markdown; other YAML is code."""

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import yaml

from tracegen.corpus.markdown import read_markdown
from tracegen.corpus.pages import Page, code_block, first_heading, heading_block, prose_block
from tracegen.corpus.source import read_source
from tracegen.records import Block

_NAMES = ("title", "name", "id", "term", "heading", "headline")
_WRAPPERS = frozenset(["sections", "entries", "items", "children", "pages", "chapters", "contents", "topics", "subsections"])
_SPEAKING = frozenset(["description", "body", "text", "content", "summary", "doc", "docs", "documentation", "help"])
_SENTENCE = re.compile(r"\b[^\W\d_]+(?:[ ,;:'’-]+[^\W\d_]+){5}")
_LEAST_PROSE = 400  # characters of sentences that make a manual, and
_LEAST_SHARE = 0.3  # the share of the file
_LONG = 80
_DEEPEST = 60


class _Scalar(NamedTuple):
    text: str
    start: int
    end: int
    as_it_stands: bool  # whether its lines are lines of the file


class _Mapping(NamedTuple):
    entries: list[tuple[_Scalar, "_Value"]]


class _Sequence(NamedTuple):
    items: list["_Value"]


_Value: TypeAlias = _Scalar | _Mapping | _Sequence


def read_yaml(text: str) -> Page:
    """Read a YAML file: as a manual where much of it is sentences, else as code."""
    values = _parsed(text) if _SENTENCE.search(text) else None
    if values is None or not _is_manual(values, len(text)):
        return read_source(text, "yaml")
    blocks: list[Block] = []
    for value in values:
        _write(value, 1, blocks)
    return Page(first_heading(tuple(blocks)), tuple(blocks))


# --- the file ------------------------------------------------------------------------------------------------------------


def _parsed(text: str) -> list[_Value] | None:
    """Return the documents of the file, or None where it is no YAML, or nested like no manual.

    Events are taken instead of values: they have lines, and an alias of an alias of an alias stays small.
    """
    root = _Sequence([])
    open_values: list[list[_Value]] = [root.items]
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.ScalarEvent):
                open_values[-1].append(_scalar(event))
            elif isinstance(event, yaml.AliasEvent):
                open_values[-1].append(_Scalar("", 1, 1, False))
            elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
                open_values.append([])
                if len(open_values) > _DEEPEST:
                    return None
            elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
                values = open_values.pop()
                open_values[-1].append(_Sequence(values) if isinstance(event, yaml.SequenceEndEvent) else _mapping(values))
    except (yaml.YAMLError, ValueError):
        return None
    return root.items


def _scalar(event: yaml.ScalarEvent) -> _Scalar:
    block = event.style in ("|", ">")
    first, last = event.start_mark, event.end_mark
    if first is None or last is None:
        return _Scalar(event.value, 1, 1, False)
    start, end = first.line + 1, last.line + 1
    end = max(start, end - 1) if block or last.column == 0 else end
    return _Scalar(event.value, start + 1 if block else start, max(end, start + 1 if block else start), event.style == "|")


def _mapping(values: list[_Value]) -> _Mapping:
    pairs = zip(values[::2], values[1::2], strict=False)
    return _Mapping([(key, value) for key, value in pairs if isinstance(key, _Scalar)])


def _is_manual(values: list[_Value], size: int) -> bool:
    prose = sum(len(each.text) for value in values for each in _scalars(value) if _SENTENCE.search(each.text))
    return prose >= _LEAST_PROSE and prose >= size * _LEAST_SHARE


def _scalars(value: _Value) -> Iterator[_Scalar]:
    if isinstance(value, _Scalar):
        yield value
        return
    below = value.items if isinstance(value, _Sequence) else [each for _, each in value.entries]
    for each in below:
        yield from _scalars(each)


# --- the manual ----------------------------------------------------------------------------------------------------------


def _write(value: _Value, level: int, blocks: list[Block]) -> None:
    if isinstance(value, _Scalar):
        _write_scalar(None, value, blocks)
    elif isinstance(value, _Sequence):
        for item in value.items:
            _write(item, level, blocks)
    else:
        _write_mapping(value, level, blocks)


def _write_mapping(mapping: _Mapping, level: int, blocks: list[Block]) -> None:
    named = _name(mapping)
    if named is not None:
        blocks.append(heading_block(named.text, level, named.start, max(named.start, named.end)))
        level += 1
    for key, value in mapping.entries:
        if value is named:
            continue
        if isinstance(value, _Scalar):
            _write_scalar(key, value, blocks)
        elif any(each.text.strip() for each in _scalars(value)):
            if key.text.lower() in _WRAPPERS and _are_named(value):  # says no more than that there are some
                _write(value, level, blocks)
                continue
            if key.text.strip():
                blocks.append(heading_block(key.text, level, key.start, key.end))
            _write(value, level + 1, blocks)


def _are_named(value: _Value) -> bool:
    return isinstance(value, _Sequence) and all(isinstance(each, _Mapping) and _name(each) is not None for each in value.items)


def _name(mapping: _Mapping) -> _Scalar | None:
    """Return the value that names the mapping."""
    for wanted in _NAMES:
        for key, value in mapping.entries:
            if key.text.lower() == wanted and isinstance(value, _Scalar) and 0 < len(value.text.strip()) <= 2 * _LONG:
                return value
    return None


def _write_scalar(key: _Scalar | None, value: _Scalar, blocks: list[Block]) -> None:
    """Write a string: a long one as Markdown below its key, a short one as an item of a list of them."""
    text = value.text.strip()
    if not text:
        return
    name = key.text.strip() if key else ""
    start = key.start if key else value.start
    if "\n" not in text and len(text) <= _LONG and name.lower() not in _SPEAKING:
        _add_item(f"- {name}: {text}" if name else f"- {text}", start, max(start, value.end), blocks)
        return
    if name and name.lower() not in _SPEAKING:
        blocks.append(prose_block(f"**{name}**:", start, max(start, key.end if key else start)))
        if not _SENTENCE.search(text):
            blocks.append(code_block(value.text.strip("\n"), "", value.start, value.end))
            return
    for block in read_markdown(value.text).blocks:
        first = value.start + block.start_line - 1 if value.as_it_stands else value.start
        last = value.start + block.end_line - 1 if value.as_it_stands else value.end
        # A heading in a text is below the heading of the text; how far cannot be said.
        shown = block if block.kind != "heading" else prose_block(f"**{block.text}**", 1, 1)
        blocks.append(shown.model_copy(update={"start_line": min(first, value.end), "end_line": min(last, value.end)}))


def _add_item(item: str, start: int, end: int, blocks: list[Block]) -> None:
    last = blocks[-1] if blocks else None
    if last and last.kind == "prose" and last.text.startswith("- ") and start - last.end_line <= 2:
        blocks[-1] = last.model_copy(update={"text": f"{last.text}\n{item}", "end_line": max(end, last.end_line)})
    else:
        blocks.append(prose_block(item, start, end))
