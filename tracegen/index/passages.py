"""Chunks in order to passages: one for each section, joined in reading order, none that says what a better one says.

A section is cut into chunks because an embedding model reads a few hundred tokens; whoever reads a passage wants the section.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tracegen.index.ranking import Found
from tracegen.index.sidecar import Sidecar
from tracegen.index.tool import RETURN_CHARS, SECTION_CHARS
from tracegen.records import Chunk, Hit

# Two pages that tell the same story, `about.md` and `introduction.md` of one concept, share whole paragraphs. Of 25 queries to
# the gleam documentation 23 had such a pair among their first eight passages; none was taken for one that is not (2026-11).
SAME_COSINE = 0.93
SAME_SHINGLES = 0.9
SHINGLE_WORDS = 3

_TABLE_HEAD = re.compile(r"\|?[\s:|-]*-[\s:|-]*\|[\s:|-]*")


class Passage(NamedTuple):
    """A section that was found, or a part of one."""

    found: Found
    """Its best chunk."""
    others: tuple[int, ...]
    """Numbers of the other chunks of the section that were found."""
    section: range
    """Numbers of all its chunks."""


def find_passages(ranked: Sequence[Found], sidecar: Sidecar, k: int, room: int = RETURN_CHARS) -> list[Hit]:
    """Return the k best passages of ranked chunks; fewer where there are fewer sections that say something of their own.

    `room` is how many characters they may have in all where they grow to whole sections.
    """
    reader = _Reader(sidecar)
    chosen: list[Passage] = []
    for passage in _by_section(ranked, sidecar):
        if len(chosen) == k:
            break
        if not any(reader.repeats(passage, better) for better in chosen):
            chosen.append(passage)
    ranges = _share_room(chosen, reader, room)
    return [_hit(rank, passage, numbers, reader) for rank, (passage, numbers) in enumerate(zip(chosen, ranges, strict=True), 1)]


def _by_section(ranked: Sequence[Found], sidecar: Sidecar) -> Iterator[Passage]:
    groups: dict[int, list[Found]] = {}
    for found in ranked:
        groups.setdefault(int(sidecar.catalogue.sections[found.number]), []).append(found)
    for best, *others in groups.values():
        numbers = tuple(other.number for other in others)
        yield Passage(best, numbers, sidecar.catalogue.section(best.number))


def _share_room(passages: Sequence[Passage], reader: "_Reader", room: int) -> list[range]:
    """Return which chunks each passage gets, the better ones first, within `room` characters in all.

    Each has its best chunk at least. A section that fits is taken whole, of a longer one what lies beside the best chunk, in
    the direction of what else was found.
    """
    ranges = [range(passage.found.number, passage.found.number + 1) for passage in passages]
    room -= sum(reader.size(each) for each in ranges)
    for place, passage in enumerate(passages):
        for wider in _widened(passage, ranges[place]):
            cost = reader.size(wider) - reader.size(ranges[place])
            if cost > room or reader.size(wider) > SECTION_CHARS:
                break
            ranges[place], room = wider, room - cost
    return ranges


def _widened(passage: Passage, start: range) -> Iterator[range]:
    """Yield ever wider ranges: towards the nearest other chunk that was found, and beyond to the whole section."""
    first, end = start.start, start.stop
    goals = sorted(passage.others, key=lambda number: (abs(number - passage.found.number), number))
    for goal in (*goals, passage.section.stop - 1, passage.section.start):
        while not first <= goal < end:
            first, end = (first - 1, end) if goal < first else (first, end + 1)
            yield range(first, end)


class _Reader:
    """Reads chunks of one search, each once."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._read: dict[int, Chunk] = {}
        self._shingles: dict[range, frozenset[tuple[str, ...]]] = {}

    def chunks(self, numbers: range) -> list[Chunk]:
        """Return chunks."""
        for number in numbers:
            if number not in self._read:
                self._read[number] = self._sidecar.chunk(number)
        return [self._read[number] for number in numbers]

    def size(self, numbers: range) -> int:
        """Return the characters of a passage."""
        return sum(len(chunk.text) + 2 for chunk in self.chunks(numbers))

    def repeats(self, passage: Passage, better: Passage) -> bool:
        """Tell whether a passage says what a better one says already."""
        one, other = passage.found.number, better.found.number
        documents = self._sidecar.catalogue.documents
        # Within one document what is almost the same is meant to differ: `int.modulo` and `int.remainder`.
        enough = 1.0 if documents[one] == documents[other] else SAME_SHINGLES
        near = range(max(better.section.start, other - 2), min(better.section.stop, other + 3))
        cosine = max(float(self._sidecar.vectors[one] @ self._sidecar.vectors[number]) for number in near)
        if cosine < SAME_COSINE:
            return False
        mine = self._shingles_of(range(one, one + 1))
        return len(mine & self._shingles_of(near)) >= enough * len(mine)

    def _shingles_of(self, numbers: range) -> frozenset[tuple[str, ...]]:
        if numbers not in self._shingles:
            words = [word for chunk in self.chunks(numbers) for word in re.findall(r"\w+|[^\w\s]", chunk.text.lower())]
            starts = range(max(1, len(words) - SHINGLE_WORDS + 1))
            self._shingles[numbers] = frozenset(tuple(words[start : start + SHINGLE_WORDS]) for start in starts)
        return self._shingles[numbers]


def _hit(rank: int, passage: Passage, numbers: range, reader: _Reader) -> Hit:
    found, chunks = passage.found, reader.chunks(numbers)
    chunk = chunks[found.number - numbers.start]
    joined = chunk.model_copy(
        update={"text": join_texts(chunks), "start_line": chunks[0].start_line, "end_line": max(one.end_line for one in chunks)}
    )
    return Hit(
        chunk=joined,
        rank=rank,
        score=found.score,
        dense_rank=found.dense_rank,
        dense_score=found.dense_score,
        lexical_rank=found.lexical_rank,
        lexical_score=found.lexical_score,
        named=found.bonus > 0,
        parts=tuple(one.id for one in chunks) if len(chunks) > 1 else (),
    )


def join_texts(chunks: Sequence[Chunk]) -> str:
    """Return the texts of neighbouring chunks as one; the head of a table that goes on is not repeated."""
    text = chunks[0].text
    for before, chunk in pairwise(chunks):
        lines = chunk.text.split("\n")
        head = "\n".join(lines[:2])
        goes_on = len(lines) > 2 and _TABLE_HEAD.fullmatch(lines[1]) and before.text.rpartition("\n\n")[2].startswith(head)
        text += "\n" + "\n".join(lines[2:]) if goes_on else "\n\n" + chunk.text
    return text
