"""Chunks in order to passages: one for each section, joined in reading order, none that says what a better one says.

A section is cut into chunks because an embedding model reads a few hundred tokens; whoever reads a passage wants the section,
and after one of a line or two also what follows it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tracegen.index.ranking import DEFINITION, Found
from tracegen.index.sidecar import Sidecar
from tracegen.index.tool import PASSAGE_CHARS, SHORT_PASSAGE, WHOLE_SECTION, head
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


def find_passages(
    ranked: Sequence[Found], sidecar: Sidecar, k: int, room: int | None = None, size: Callable[[str], int] = len
) -> list[Hit]:
    """Return the k best passages of ranked chunks; fewer where there are fewer sections that say something of their own.

    `room` is what a return has for them where they grow beyond single chunks, PASSAGE_CHARS for each by default; in characters,
    or whatever `size` counts.
    """
    reader = _Reader(sidecar, size)
    chosen: list[Passage] = []
    for passage in _by_section(ranked, sidecar):
        if len(chosen) == k:
            break
        if not any(reader.repeats(passage, better) for better in chosen):
            chosen.append(passage)
    ranges = _share_room(chosen, reader, k, room or k * PASSAGE_CHARS)
    return [_hit(rank, passage, numbers, reader) for rank, (passage, numbers) in enumerate(zip(chosen, ranges, strict=True), 1)]


def _by_section(ranked: Sequence[Found], sidecar: Sidecar) -> Iterator[Passage]:
    groups: dict[int, list[Found]] = {}
    sections = sidecar.catalogue.sections[[found.number for found in ranked]].tolist()
    for section_number, found in zip(sections, ranked, strict=True):
        groups.setdefault(section_number, []).append(found)
    for best, *others in groups.values():
        section = sidecar.catalogue.section(best.number)
        numbers = tuple(other.number for other in others)
        if best.bonus >= DEFINITION and best.number != section.start:
            # What a name is stands at the beginning of its section: signature and description.
            best, numbers = best._replace(number=section.start), (best.number, *numbers)
        yield Passage(best, numbers, section)


def _share_room(passages: Sequence[Passage], reader: "_Reader", k: int, room: int) -> list[range]:
    """Return which chunks each of up to `k` passages gets, the better ones first, within `room` in all.

    Each has its best chunk at least. A section that fits is taken whole, of a longer one what lies beside the best chunk, in
    the direction of what else was found. With what is left, short passages go on with the sections after them.
    """
    share = room / k
    ranges = [range(passage.found.number, passage.found.number + 1) for passage in passages]
    left = room - sum(reader.head_size(each.start) + reader.size(each) for each in ranges)
    for place, passage in enumerate(passages):
        for wider in _widened(passage, ranges[place]):
            cost = reader.size(wider) - reader.size(ranges[place])
            if cost > left or reader.size(wider) > WHOLE_SECTION * share:
                break
            ranges[place], left = wider, left - cost
    taken = {number for each in ranges for number in each}
    for place, passage in enumerate(passages):
        for wider in _going_on(passage, ranges[place], reader):
            cost = reader.size(wider) - reader.size(ranges[place])
            if cost > left or reader.size(wider) > SHORT_PASSAGE * share or taken.intersection(wider[len(ranges[place]) :]):
                break
            ranges[place], left = wider, left - cost
            taken.update(wider)
    return ranges


def _going_on(passage: Passage, start: range, reader: "_Reader") -> Iterator[range]:
    """Yield ever longer ranges, by one section each: those after a whole section, below it or beside it."""
    if start != passage.section:
        return
    end = start.stop
    while (following := reader.section_after(end)) and _may_follow(reader.chunk(start.start), reader.chunk(end)):
        end = following.stop
        yield range(start.start, end)


def _may_follow(chunk: Chunk, other: Chunk) -> bool:
    """Tell whether a chunk is of a section below or beside that of the one before it, in the same document."""
    parent = chunk.headings[:-1]
    return chunk.path == other.path and other.headings[: len(parent)] == parent


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

    def __init__(self, sidecar: Sidecar, size: Callable[[str], int]) -> None:
        self._sidecar = sidecar
        self._size = size
        self._sizes: dict[int, int] = {}
        self._read: dict[int, Chunk] = {}
        self._shingles: dict[range, frozenset[tuple[str, ...]]] = {}

    def chunk(self, number: int) -> Chunk:
        """Return a chunk."""
        if number not in self._read:
            self._read[number] = self._sidecar.chunk(number)
        return self._read[number]

    def chunks(self, numbers: range) -> list[Chunk]:
        """Return chunks."""
        return [self.chunk(number) for number in numbers]

    def size(self, numbers: range) -> int:
        """Return the size of a passage, with the lines between its chunks."""
        for number in numbers:
            if number not in self._sizes:
                self._sizes[number] = self._size(self.chunk(number).text + "\n\n")
        return sum(self._sizes[number] for number in numbers)

    def head_size(self, number: int) -> int:
        """Return the size of the line above a passage."""
        return self._size(head(0, self.chunk(number)) + "\n")

    def section_after(self, number: int) -> range:
        """Return the section that begins with a chunk; empty behind the last one, and where it repeats what was said before."""
        catalogue = self._sidecar.catalogue
        return catalogue.section(number) if number < len(catalogue.repeats) and not catalogue.repeats[number] else range(0)

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
    """Return the texts of neighbouring chunks as one, headings between sections; the head of a table that goes on not again."""
    text = chunks[0].text
    for before, chunk in pairwise(chunks):
        if chunk.headings != before.headings:
            text += f"\n\n{'#' * len(chunk.headings)} {chunk.headings[-1]}"
        lines = chunk.text.split("\n")
        head = "\n".join(lines[:2])
        goes_on = len(lines) > 2 and _TABLE_HEAD.fullmatch(lines[1]) and before.text.rpartition("\n\n")[2].startswith(head)
        text += "\n" + "\n".join(lines[2:]) if goes_on else "\n\n" + chunk.text
    return text
