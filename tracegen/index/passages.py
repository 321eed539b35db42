"""Chunks in order to passages: sections and what stands beside them, in reading order, none that says what a better one says.

A section is cut into chunks because an embedding model reads a few hundred tokens; whoever reads a passage wants the section,
and what the same page says around it.
"""

from collections.abc import Iterator, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from tracegen.corpus.pages import continued
from tracegen.index.ranking import DEFINITION, Found, Scores
from tracegen.index.reader import Reader, heading_lines
from tracegen.index.tool import LONGEST_PASSAGE, PASSAGE_CHARS
from tracegen.records import Chunk, Hit

# Two pages that tell the same story, `about.md` and `introduction.md` of one concept, share whole paragraphs. Of 25 queries to
# the gleam documentation 23 had such a pair among their first eight passages; none was taken for one that is not (2026-11).
SAME_COSINE = 0.93
SAME_SHINGLES = 0.9
SEEN_VECTORS = 64
"""Vectors that there is room for at first where passages are held against each other; each has five of them at most."""


class Passage(NamedTuple):
    """A section that was found, and what is shown with it."""

    found: Found
    """Its best chunk."""
    section: range
    """Numbers of the chunks of the section."""
    shown: range
    """Numbers of the chunks that are shown."""


def find_passages(ranked: Sequence[Found], scores: Scores, reader: Reader, k: int, room: int | None = None) -> list[Hit]:
    """Return the k best passages of ranked chunks; fewer where there are fewer sections that say something of their own.

    `scores` are those of all chunks, shape (n,). `room` is what a return has for its passages where they grow beyond single
    chunks, PASSAGE_CHARS for each by default; in characters, or whatever the reader measures.
    """
    room = room or k * PASSAGE_CHARS
    share = room / k
    chosen = _choose(ranked, reader, k, LONGEST_PASSAGE * share)
    left = room - sum(reader.cost(passage.shown) for passage in chosen)
    if left < 0:
        chosen = _choose(ranked, reader, k, 0)
        left = room - sum(reader.cost(passage.shown) for passage in chosen)
    return [_hit(rank, passage, reader) for rank, passage in enumerate(_grown(chosen, scores, reader, share, left), 1)]


def _choose(ranked: Sequence[Found], reader: Reader, k: int, longest: float) -> list[Passage]:
    """Return the k best sections, of each its best chunk; one near a better one joins it, where both fit into `longest`."""
    chosen: list[Passage] = []
    seen = _Seen(reader)
    for best in _best_of_sections(ranked, reader):
        if len(chosen) == k:
            break
        passage = _of_section(best, chosen, reader, longest)
        if seen.says(passage):
            continue
        seen.add(passage)
        for place, better in enumerate(chosen):
            if joined := _joined(better, passage, chosen, reader, longest):
                chosen[place] = joined
                break
        else:
            chosen.append(passage)
    return chosen


def _best_of_sections(ranked: Sequence[Found], reader: Reader) -> Iterator[Found]:
    sections: set[int] = set()
    for found in ranked:
        section = reader.section_of(found.number)
        if section not in sections:
            sections.add(section)
            yield found


def _of_section(best: Found, chosen: Sequence[Passage], reader: Reader, longest: float) -> Passage:
    """Return a section with its best chunk; one that defines a name of the query from its beginning up to there."""
    section = reader.section(best.number)
    if best.bonus < DEFINITION:
        return Passage(best, section, range(best.number, best.number + 1))
    # What a name is stands at the beginning of its section: signature and description.
    start, shown = section.start, range(section.start, best.number + 1)
    fits = not _overlap(shown, chosen) and reader.fits(shown, longest)
    return Passage(best._replace(number=start), section, shown if fits else range(start, start + 1))


def _joined(better: Passage, other: Passage, chosen: Sequence[Passage], reader: Reader, longest: float) -> Passage | None:
    """Return a passage with another one and all that lies between; None where that is too long, or a third one is there."""
    if not reader.same_document(better.found.number, other.found.number):
        return None
    shown = range(min(better.shown.start, other.shown.start), max(better.shown.stop, other.shown.stop))
    if _overlap(shown, [passage for passage in chosen if passage is not better]) or not reader.fits(shown, longest):
        return None
    return better._replace(shown=shown)


def _overlap(numbers: range, passages: Sequence[Passage]) -> bool:
    return any(passage.shown.start < numbers.stop and numbers.start < passage.shown.stop for passage in passages)


class _Seen:
    """The passages of one search that come before, for those behind to be held against."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._passages: list[tuple[int, range]] = []
        # The vectors of all that is near one of them, beside each other: one product says that a passage is like none of them,
        # as nearly every one is.
        self._vectors = np.empty((SEEN_VECTORS, reader.vectors.shape[1]), dtype=reader.vectors.dtype)
        self._filled = 0

    def add(self, passage: Passage) -> None:
        """Hold those that follow against this passage, too."""
        number = passage.found.number
        near = range(max(passage.section.start, number - 2), min(passage.section.stop, number + 3))
        self._passages.append((number, near))
        filled = self._filled + len(near)
        if filled > len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
        self._vectors[self._filled : filled] = self._reader.vectors[near.start : near.stop]
        self._filled = filled

    def says(self, passage: Passage) -> bool:
        """Tell whether one of them says what this passage says."""
        if not self._passages:
            return False
        cosines = np.vecdot(self._vectors[: self._filled], self._reader.vectors[passage.found.number])
        return float(cosines.max()) >= SAME_COSINE and self._repeated(passage.found.number, cosines.tolist())

    def _repeated(self, number: int, cosines: Sequence[float]) -> bool:
        mine = self._reader.shingles(range(number, number + 1))
        start = 0
        for other, near in self._passages:
            # Within one document what is almost the same is meant to differ: `int.modulo` and `int.remainder`.
            enough = 1.0 if self._reader.same_document(number, other) else SAME_SHINGLES
            like = max(cosines[start : start + len(near)]) >= SAME_COSINE
            if like and len(mine & self._reader.shingles(near)) >= enough * len(mine):
                return True
            start += len(near)
        return False


class _Step(NamedTuple):
    """What a passage may take next, with what speaks for it; the smallest is the best."""

    leaves_open: bool
    """Whether it does not go on with a section that is no longer than an even share."""
    worth: float
    """The score for its size, negative."""
    is_before: bool
    """Whether it stands before what is shown."""
    place: int
    """Place of the passage."""
    cost: int
    """Its size."""
    start: int
    """Where what is shown begins then."""
    stop: int
    """And where it ends."""


def _grown(chosen: Sequence[Passage], scores: Scores, reader: Reader, share: float, left: int) -> list[Passage]:
    """Return passages with more of what stands beside them, as long as there is room left.

    First come sections that are no longer than an even share, then whatever has the best score for its size. Where a name was
    asked for and its section found, only passages that are about it grow.
    """
    passages = list(chosen)
    taken = {number for passage in passages for number in passage.shown}
    lengths = [reader.sizes(passage.shown) for passage in passages]
    growing = [place for place, passage in enumerate(passages) if passage.found.bonus >= passages[0].found.bonus]
    steps = [step for place in growing for step in _steps(place, passages[place], lengths[place], scores, reader, share)]
    heapify(steps)
    while steps:
        step = heappop(steps)
        passage, number = passages[step.place], step.start if step.is_before else step.stop - 1
        # What is taken stays so, and the room only gets less. The steps from before the passage grew are among the others anew.
        if number in taken or step.cost > left or step.stop - step.start != len(passage.shown) + 1:
            continue
        passages[step.place] = passage._replace(shown=range(step.start, step.stop))
        left -= step.cost
        lengths[step.place] += step.cost
        taken.add(number)
        for following in _steps(step.place, passages[step.place], lengths[step.place], scores, reader, share):
            heappush(steps, following)
    return passages


def _steps(place: int, passage: Passage, length: int, scores: Scores, reader: Reader, share: float) -> Iterator[_Step]:
    """Yield what a passage, whose text has this length, may take next."""
    for number in _beside(passage, reader):
        cost = reader.size(number)
        if length + cost <= LONGEST_PASSAGE * share:
            is_before = number < passage.shown.start
            start, stop = min(number, passage.shown.start), max(number + 1, passage.shown.stop)
            completes = number in passage.section and length + cost <= share
            yield _Step(not completes, -float(scores[number]) / cost, is_before, place, cost, start, stop)


def _beside(passage: Passage, reader: Reader) -> Iterator[int]:
    """Yield the chunk after what is shown, in its document, and the one before, in its section; no repetitions of others."""
    after, before = passage.shown.stop, passage.shown.start - 1
    if reader.same_document(passage.found.number, after) and (after in passage.section or not reader.is_repeated(after)):
        yield after
    if reader.same_section(passage.shown.start, before) and (before in passage.section or not reader.is_repeated(before)):
        yield before


def _hit(rank: int, passage: Passage, reader: Reader) -> Hit:
    found, chunks = passage.found, reader.chunks(passage.shown)
    joined = reader.chunk(found.number).model_copy(
        update={
            # Of another section, where one before the best was joined: the line above a passage is about its beginning.
            "headings": chunks[0].headings,
            "anchor": chunks[0].anchor,
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
    """Return the texts of neighbouring chunks as one: headings between sections, no seam in a block that was cut."""
    text = chunks[0].text
    for before, chunk in pairwise(chunks):
        if chunk.headings != before.headings:
            text += f"\n\n{heading_lines(chunk, before)}{chunk.text}"
        elif chunk.joint is None:
            text += f"\n\n{chunk.text}"
        else:
            text = continued(text, chunk.text, chunk.joint)
    return text
