"""Blocks -> the tree of sections that their headings make."""

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import groupby

from tracegen.records import Block, Document

PARTS = frozenset(
    {"example", "examples", "note", "notes", "usage", "returns", "parameters", "arguments", "errors", "see also", "types"}
)
"""Headings of a part of something; as a first-level heading inside a page they are a slip, common in doc comments."""

# Also a declaration as it stands: `proc find(...)`.
_NAME = re.compile(r"[a-z][\w.]*(?:\(.*)?|(?:[a-z]+ )?\S+\(.*\)")
_WORDS_OF_PARTS = PARTS | {
    "options",
    "description",
    "syntax",
    "remarks",
    "exceptions",
    "throws",
    "return",
    "request",
    "response",
}


@dataclass
class Section:
    """A heading and what stands below it."""

    heading: Block | None
    """The heading, or None of the whole document."""
    level: int
    """Depth of the section, which may be more than its heading says; 0 of the whole document."""
    blocks: list[Block] = field(default_factory=list)
    """Blocks between the heading and the next one."""
    children: list["Section"] = field(default_factory=list)
    """Sections below it, in reading order."""


def section_tree(document: Document) -> Section:
    """Return the document as a tree of sections.

    A heading that comes again and again under one parent (`Examples`, after every function) names nothing by itself: such
    a section is put below the section before it that has a name of its own, though their headings have the same level. So is a
    part such as `# Examples` that stands in the middle of a page as if it were another page.
    """
    root = Section(None, 0)
    open_sections = [root]
    for block in document.blocks:
        if block.kind != "heading":
            open_sections[-1].blocks.append(block)
            continue
        level = block.level
        above = open_sections[-1]
        is_bare = above.level > level and not above.blocks  # Erlang's `### Types` right below `#### map(Fun, List)`
        if above.level and (level == 1 or is_bare) and block.text.strip(" :").casefold() in PARTS:
            level = above.level + 1
        while open_sections[-1].level >= level:
            open_sections.pop()
        section = Section(block, level)
        open_sections[-1].children.append(section)
        open_sections.append(section)
    _nest_repeated(root)
    if len(root.children) == 1 and root.children[0].level == 1:
        # What stands before the only first-level heading (a description, badges) is about the same thing.
        root.children[0].blocks[:0] = root.blocks
        root.blocks = []
    return root


def _nest_repeated(section: Section) -> None:
    keys = [_key(child) for child in section.children]
    runs = Counter(key for key, _ in groupby(keys))
    overloads = {key for key in runs if key[1] not in _WORDS_OF_PARTS and (runs[key] == 1 or _NAME.fullmatch(key[1]))}
    counts = Counter({key: 1 if key in overloads else count for key, count in Counter(keys).items()})
    children: list[Section] = []
    for child in section.children:
        _nest_repeated(child)
        named = children[-1] if children else None
        if counts[_key(child)] > 1 and named and counts[_key(named)] == 1 and named.level == child.level:
            _put_at(child, named.level + 1)
            named.children.append(child)
        else:
            children.append(child)
    section.children = children


def _put_at(section: Section, level: int) -> None:
    section.level = level
    for child in section.children:
        if child.level <= level:
            _put_at(child, level + 1)


def _key(section: Section) -> tuple[int, str]:
    """Return the level and words of a heading; those of a name, as code has it, keep their case."""
    words = section.heading.text if section.heading else ""
    return section.level, words if _NAME.fullmatch(words) else words.casefold()
