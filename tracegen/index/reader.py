"""What passages are made of: chunks, their sizes and neighbours, read when they are first needed and remembered for a while."""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable

from tracegen.index.sidecar import Sidecar
from tracegen.index.tool import head
from tracegen.lru import LRUCache
from tracegen.records import Chunk

CHUNKS = 1024
"""Number of chunks that are remembered: a few MB."""
SHINGLES = 64
"""And of sets of shingles, 10 to 100 kB each."""
SHINGLE_WORDS = 3

Shingles = frozenset[tuple[str, ...]]

_WORD = re.compile(r"\w+|[^\w\s]")


class Reader:
    """Reads the chunks of an open index for its searches. Safe to use from several threads."""

    def __init__(self, sidecar: Sidecar, measure: Callable[[str], int] = len) -> None:
        self.vectors = sidecar.vectors
        """Shape (n, dimension), one row for each chunk."""
        # As memory: single values of a numpy array take four times as long to get.
        self._sections = sidecar.catalogue.sections.data
        self._documents = sidecar.catalogue.documents.data
        self._repeats = sidecar.catalogue.repeats.data
        self._sidecar = sidecar
        self._measure = measure
        # A chunk's size is needed far more often than the chunk: each is measured once, 0 until then. Two threads may do so at
        # the same time, and come to the same.
        self._sizes, self._heads = (array("i", bytes(4 * len(self._sections))) for _ in range(2))
        self._chunks = LRUCache[int, Chunk](CHUNKS)
        self._shingles = LRUCache[range, Shingles](SHINGLES)

    def chunk(self, number: int) -> Chunk:
        """Return a chunk."""
        return self._chunks.get(number, self._sidecar.chunk)

    def chunks(self, numbers: range) -> list[Chunk]:
        """Return chunks."""
        return [self.chunk(number) for number in numbers]

    def size(self, number: int) -> int:
        """Return the size of a chunk's text in a passage, at most: with the empty line behind it, and headings."""
        if not self._sizes[number]:
            chunk, headings = self.chunk(number), ""
            if self.same_document(number, number - 1) and not self.same_section(number, number - 1):
                headings = heading_lines(chunk, self.chunk(number - 1))
            self._sizes[number] = self._measure(headings + chunk.text + "\n\n")
        return self._sizes[number]

    def sizes(self, numbers: range) -> int:
        """Return the size of a passage's text."""
        return sum(map(self.size, numbers))

    def cost(self, numbers: range) -> int:
        """Return the size of a passage with the line above it."""
        return self._head(numbers.start) + self.sizes(numbers)

    def fits(self, numbers: range, most: float) -> bool:
        """Tell whether a passage is no longer than that, without reading much more of it."""
        cost = self._head(numbers.start)
        for number in numbers:
            cost += self.size(number)
            if cost > most:
                return False
        return True

    def _head(self, number: int) -> int:
        if not self._heads[number]:
            self._heads[number] = self._measure(head(0, self.chunk(number)) + "\n")
        return self._heads[number]

    def section_of(self, number: int) -> int:
        """Return the number of a chunk's section."""
        return int(self._sections[number])

    def section(self, number: int) -> range:
        """Return the numbers of the chunks of a chunk's section."""
        section = self._sections[number]
        return range(bisect_left(self._sections, section, hi=number), bisect_right(self._sections, section, lo=number))

    def same_document(self, one: int, other: int) -> bool:
        """Tell whether a chunk, and another one that need not exist, are of one document."""
        return 0 <= other < len(self._documents) and self._documents[one] == self._documents[other]

    def same_section(self, one: int, other: int) -> bool:
        """Tell whether a chunk, and another one that need not exist, are of one section."""
        return 0 <= other < len(self._sections) and self._sections[one] == self._sections[other]

    def is_repeated(self, number: int) -> bool:
        """Tell whether an earlier chunk says the same."""
        return bool(self._repeats[number])

    def shingles(self, numbers: range) -> Shingles:
        """Return all runs of SHINGLE_WORDS words of some chunks."""
        return self._shingles.get(numbers, self._make_shingles)

    def _make_shingles(self, numbers: range) -> Shingles:
        words = [word for chunk in self.chunks(numbers) for word in _WORD.findall(chunk.text.lower())]
        starts = range(max(1, len(words) - SHINGLE_WORDS + 1))
        return frozenset(tuple(words[start : start + SHINGLE_WORDS]) for start in starts)


def heading_lines(chunk: Chunk, before: Chunk) -> str:
    """Return what stands within a passage where a section begins: its headings, without those that both have.

    A group of small sections brings their headings with it, and its own heading stands further above.
    """
    common = 0
    while common < min(len(chunk.headings), len(before.headings)) and chunk.headings[common] == before.headings[common]:
        common += 1
    # The headings in a text keep the levels of their page, which may leave out some.
    if common == len(chunk.headings) and not re.match(rf"#{{{common + 1},6}} ", chunk.text):
        common -= 1
    return "".join(
        f"{'#' * level} {chunk.headings[level - 1]}\n\n" for level in range(max(common, 0) + 1, len(chunk.headings) + 1)
    )
