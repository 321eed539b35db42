"""Chunks in order to passages: sections and what stands beside them, in reading order, none that says what a better one says.

A section is cut into chunks because an embedding model reads a few hundred tokens; whoever reads a passage wants the section,
and what the same page says around it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from tracegen.index.ranking import DEFINITION, Found, Scores
from tracegen.index.sidecar import Sidecar
from tracegen.index.tool import LONGEST_PASSAGE, PASSAGE_CHARS, head
from tracegen.records import Chunk, Hit

# Two pages that tell the same story, `about.md` and `introduction.md` of one concept, share whole paragraphs. Of 25 queries to
# the gleam documentation 23 had such a pair among their first eight passages; none was taken for one that is not (2026-11).
SAME_COSINE = 0.93
SAME_SHINGLES = 0.9
SHINGLE_WORDS = 3

_TABLE_HEAD = re.compile(r"\|?[\s:|-]*-[\s:|-]*\|[\s:|-]*")


class Passage(NamedTuple):
    """A section that was found, and what is shown with it."""

    found: Found
    """Its best chunk."""
    section: range
    """Numbers of the chunks of the section."""
    shown: range
    """Numbers of the chunks that are shown."""


def find_passages(
    ranked: Sequence[Found],
    scores: Scores,
    sidecar: Sidecar,
    k: int,
    room: int | None = None,
    size: Callable[[str], int] = len,
) -> list[Hit]:
    """Return the k best passages of ranked chunks; fewer where there are fewer sections that say something of their own.

    `scores` are those of all chunks, shape (n,). `room` is what a return has for its passages where they grow beyond single
    chunks, PASSAGE_CHARS for each by default; in characters, or whatever `size` counts.
    """
    reader, room = _Reader(sidecar, size), room or k * PASSAGE_CHARS
    share = room / k
    chosen = _choose(ranked, reader, k, LONGEST_PASSAGE * share)
    if sum(reader.cost(passage.shown) for passage in chosen) > room:
        chosen = _choose(ranked, reader, k, 0)
    return [_hit(rank, passage, reader) for rank, passage in enumerate(_grown(chosen, scores, reader, share, room), 1)]


def _choose(ranked: Sequence[Found], reader: "_Reader", k: int, longest: float) -> list[Passage]:
    """Return the k best sections, of each its best chunk; one near a better one joins it, where both fit into `longest`."""
    chosen: list[Passage] = []
    seen: list[Passage] = []
    for best in _best_of_sections(ranked, reader.sidecar):
        if len(chosen) == k:
            break
        passage = _of_section(best, chosen, reader, longest)
        if any(reader.repeats(passage, better) for better in seen):
            continue
        seen.append(passage)
        for place, better in enumerate(chosen):
            if joined := _joined(better, passage, chosen, reader, longest):
                chosen[place] = joined
                break
        else:
            chosen.append(passage)
    return chosen


def _best_of_sections(ranked: Sequence[Found], sidecar: Sidecar) -> Iterator[Found]:
    numbers = sidecar.catalogue.sections[[found.number for found in ranked]].tolist()
    sections: set[int] = set()
    for section, found in zip(numbers, ranked, strict=True):
        if section not in sections:
            sections.add(section)
            yield found


def _of_section(best: Found, chosen: Sequence[Passage], reader: "_Reader", longest: float) -> Passage:
    """Return a section with its best chunk; one that defines a name of the query from its beginning up to there."""
    section = reader.sidecar.catalogue.section(best.number)
    if best.bonus < DEFINITION:
        return Passage(best, section, range(best.number, best.number + 1))
    # What a name is stands at the beginning of its section: signature and description.
    start, shown = section.start, range(section.start, best.number + 1)
    fits = not _overlap(shown, chosen) and reader.fits(shown, longest)
    return Passage(best._replace(number=start), section, shown if fits else range(start, start + 1))


def _joined(better: Passage, other: Passage, chosen: Sequence[Passage], reader: "_Reader", longest: float) -> Passage | None:
    """Return a passage with another one and all that lies between; None where that is too long, or a third one is there."""
    if not reader.same_document(better.found.number, other.found.number):
        return None
    shown = range(min(better.shown.start, other.shown.start), max(better.shown.stop, other.shown.stop))
    if _overlap(shown, [passage for passage in chosen if passage is not better]) or not reader.fits(shown, longest):
        return None
    return better._replace(shown=shown)


def _overlap(numbers: range, passages: Sequence[Passage]) -> bool:
    return any(passage.shown.start < numbers.stop and numbers.start < passage.shown.stop for passage in passages)


def _grown(chosen: Sequence[Passage], scores: Scores, reader: "_Reader", share: float, room: int) -> list[Passage]:
    """Return passages with more of what stands beside them, within `room` in all.

    First come sections that are no longer than an even share, then whatever has the best score for its size. Where a name was
    asked for and its section found, only passages that are about it grow.
    """
    passages = list(chosen)
    left = room - sum(reader.cost(passage.shown) for passage in passages)
    taken = {number for passage in passages for number in passage.shown}

    def steps() -> Iterator[tuple[bool, float, bool, int, int, range]]:
        """Yield what may be taken next, with what speaks for it."""
        for place, passage in enumerate(passages):
            if passage.found.bonus < passages[0].found.bonus:
                continue
            before = reader.size(passage.shown)
            for number in _beside(passage, reader):
                if number in taken:
                    continue
                cost = reader.size(range(number, number + 1))
                if cost > left or before + cost > LONGEST_PASSAGE * share:
                    continue
                shown = range(min(number, passage.shown.start), max(number + 1, passage.shown.stop))
                completes = number in passage.section and before + cost <= share
                yield completes, float(scores[number]) / cost, number > passage.shown.start, -place, number, shown

    while step := max(steps(), default=None, key=lambda step: step[:4]):
        *_, place, number, shown = step
        passages[-place] = passages[-place]._replace(shown=shown)
        left -= reader.size(range(number, number + 1))
        taken.add(number)
    return passages


def _beside(passage: Passage, reader: "_Reader") -> Iterator[int]:
    """Yield the chunk after what is shown, in its document, and the one before, in its section; no repetitions of others."""
    after, before = passage.shown.stop, passage.shown.start - 1
    if reader.same_document(passage.found.number, after) and (after in passage.section or not reader.is_repeated(after)):
        yield after
    if reader.same_section(passage.shown.start, before) and (before in passage.section or not reader.is_repeated(before)):
        yield before


class _Reader:
    """Reads chunks of one search, each once."""

    def __init__(self, sidecar: Sidecar, size: Callable[[str], int]) -> None:
        self.sidecar = sidecar
        self._size = size
        self._sizes: dict[int, int] = {}
        self._read: dict[int, Chunk] = {}
        self._shingles: dict[range, frozenset[tuple[str, ...]]] = {}

    def chunk(self, number: int) -> Chunk:
        """Return a chunk."""
        if number not in self._read:
            self._read[number] = self.sidecar.chunk(number)
        return self._read[number]

    def chunks(self, numbers: range) -> list[Chunk]:
        """Return chunks."""
        return [self.chunk(number) for number in numbers]

    def size(self, numbers: range) -> int:
        """Return the size of a passage's text, at most: with the lines between its chunks, and the headings of its sections."""
        for number in numbers:
            if number not in self._sizes:
                chunk, begins = self.chunk(number), not self.same_section(number, number - 1)
                self._sizes[number] = self._size((heading_line(chunk) if begins else "") + chunk.text + "\n\n")
        return sum(self._sizes[number] for number in numbers)

    def cost(self, numbers: range) -> int:
        """Return the size of a passage with the line above it."""
        return self._size(head(0, self.chunk(numbers.start)) + "\n") + self.size(numbers)

    def fits(self, numbers: range, most: float) -> bool:
        """Tell whether a passage is no longer than that, without reading much more of it."""
        return all(self.cost(range(numbers.start, number + 1)) <= most for number in numbers)

    def same_document(self, one: int, other: int) -> bool:
        """Tell whether a chunk, and another one that need not exist, are of one document."""
        documents = self.sidecar.catalogue.documents
        return 0 <= other < len(documents) and bool(documents[one] == documents[other])

    def same_section(self, one: int, other: int) -> bool:
        """Tell whether a chunk, and another one that need not exist, are of one section."""
        sections = self.sidecar.catalogue.sections
        return 0 <= other < len(sections) and bool(sections[one] == sections[other])

    def is_repeated(self, number: int) -> bool:
        """Tell whether an earlier chunk says the same."""
        return bool(self.sidecar.catalogue.repeats[number])

    def repeats(self, passage: Passage, better: Passage) -> bool:
        """Tell whether a passage says what a better one says already."""
        one, other = passage.found.number, better.found.number
        documents = self.sidecar.catalogue.documents
        # Within one document what is almost the same is meant to differ: `int.modulo` and `int.remainder`.
        enough = 1.0 if documents[one] == documents[other] else SAME_SHINGLES
        near = range(max(better.section.start, other - 2), min(better.section.stop, other + 3))
        cosine = max(float(self.sidecar.vectors[one] @ self.sidecar.vectors[number]) for number in near)
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


def _hit(rank: int, passage: Passage, reader: _Reader) -> Hit:
    found, chunks = passage.found, reader.chunks(passage.shown)
    joined = reader.chunk(found.number).model_copy(
        update={
            # Of another section, where one before the best was joined: the line above a passage is about its beginning.
            "headings": chunks[0].headings,
            "text": join_texts(chunks),
            "start_line": chunks[0].start_line,
            "end_line": max(one.end_line for one in chunks),
        }
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
            text += "\n\n" + heading_line(chunk).rstrip()
        lines = chunk.text.split("\n")
        head = "\n".join(lines[:2])
        goes_on = len(lines) > 2 and _TABLE_HEAD.fullmatch(lines[1]) and before.text.rpartition("\n\n")[2].startswith(head)
        text += "\n" + "\n".join(lines[2:]) if goes_on else "\n\n" + chunk.text
    return text


def heading_line(chunk: Chunk) -> str:
    """Return the heading of a chunk's section as it stands within a passage, or nothing where there is none."""
    return f"{'#' * len(chunk.headings)} {chunk.headings[-1]}\n\n" if chunk.headings else ""
