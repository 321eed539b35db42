"""Chunks that say the same as an earlier one: copies, and pages of one manual in many versions."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from zlib import crc32

from tracegen.records import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Signature = NDArray[np.uint32]

SIMILARITY = 0.9
"""Chunks with so large a share of common runs of words (Jaccard), or a larger one, are duplicates."""

_SHINGLE = 5  # words
_HASHES = 128
_BANDS = 16  # of 8 hashes each: a pair of similarity 0.9 has one in common with a probability of 0.9999
_MOST_COMPARED = 8  # candidates of a band, so that time stays linear where everything is a little alike
_NUMBER = re.compile(r"v?\d[\d.]*")
_WORD = re.compile(r"\w+|[^\w\s]")


def mark_duplicates(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Return the chunks, each that repeats an earlier one with its id in `duplicate_of`.

    Texts are compared by their words, then by MinHash over runs of five words (Broder 1997). Only below headings that are
    the same but for numbers: two functions may be described in the same words and are not the same. The chunk referred
    to is never a duplicate itself. Time is linear in the number of chunks.
    """
    finder = _Finder()
    return [finder.marked(chunk) for chunk in chunks]


class _Finder:
    """Holds what was seen of the chunks so far."""

    def __init__(self) -> None:
        import numpy as np

        numbers = np.random.default_rng(5)
        self.factors = numbers.integers(0, 2**64, _HASHES, dtype=np.uint64) | np.uint64(1)
        self.offsets = numbers.integers(0, 2**64, _HASHES, dtype=np.uint64)
        self.exact: dict[bytes, str] = {}
        self.bands: dict[tuple[str, int, bytes], list[int]] = {}
        self.originals: list[tuple[str, Signature]] = []

    def marked(self, chunk: Chunk) -> Chunk:
        heading = _NUMBER.sub("", chunk.headings[-1].casefold()).strip() if chunk.headings else ""
        original = self._original(chunk.id, heading, _WORD.findall(chunk.text.casefold()))
        return chunk if original == chunk.duplicate_of else chunk.model_copy(update={"duplicate_of": original})

    def _original(self, id: str, heading: str, words: list[str]) -> str | None:
        """Return the id of the first chunk that says the same, or remember this one."""
        key = hashlib.blake2b(" ".join([heading, "", *words]).encode(), digest_size=16).digest()
        if key in self.exact:
            return self.exact[key]
        signature = self._signature(words)
        bands = [(heading, number, part.tobytes()) for number, part in enumerate(signature.reshape(_BANDS, -1))]
        for candidate in self._candidates(bands):
            name, other = self.originals[candidate]
            if int((signature == other).sum()) >= SIMILARITY * _HASHES:
                self.exact[key] = name
                return name
        self.exact[key] = id
        for band in bands:
            self.bands.setdefault(band, []).append(len(self.originals))
        self.originals.append((id, signature))
        return None

    def _candidates(self, bands: list[tuple[str, int, bytes]]) -> Iterator[int]:
        return iter(sorted({each for band in bands for each in self.bands.get(band, [])[:_MOST_COMPARED]}))

    def _signature(self, words: list[str]) -> "Signature":
        """Return the least of each hash over the runs of words."""
        import numpy as np

        runs = {crc32(" ".join(words[at : at + _SHINGLE]).encode()) for at in range(max(len(words) - _SHINGLE, 0) + 1)}
        values = np.fromiter(runs, dtype=np.uint64, count=len(runs))
        # Multiply and shift (Dietzfelbinger 1997): the upper half of the product modulo 2**64 is as good as random.
        hashed: NDArray[np.uint64] = (self.factors[:, None] * values[None, :] + self.offsets[:, None]) >> np.uint64(32)
        signature: Signature = hashed.min(axis=1).astype(np.uint32)
        return signature
