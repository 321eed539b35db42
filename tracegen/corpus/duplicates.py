"""Chunks that say the same as an earlier one: copies, and pages of one manual in many versions."""

import hashlib
import re
from collections.abc import Iterable

from tracegen.minhash import Sketches, words
from tracegen.records import Chunk

SIMILARITY = 0.9
"""Chunks with so large a share of common runs of words (Jaccard), or a larger one, are duplicates."""

_SHINGLE = 5  # words
_BANDS, _ROWS = 16, 8  # a pair of similarity 0.9 has a band in common with a probability of 0.9999
_MOST_COMPARED = 8
_NUMBER = re.compile(r"v?\d[\d.]*")


def mark_duplicates(chunks: Iterable[Chunk]) -> list[Chunk]:
    """Return the chunks, each that repeats an earlier one with its id in `duplicate_of`.

    Texts are compared by their words, then by MinHash over runs of five words. Only below headings that are the same but for
    numbers: two functions may be described in the same words and are not the same. The chunk referred to is never a
    duplicate itself. Time is linear in the number of chunks.
    """
    finder = _Finder()
    return [finder.marked(chunk) for chunk in chunks]


class _Finder:
    """Holds what was seen of the chunks so far."""

    def __init__(self) -> None:
        self.exact: dict[bytes, str] = {}
        self.sketches = Sketches(
            similarity=SIMILARITY, shingle=_SHINGLE, bands=_BANDS, rows=_ROWS, most_compared=_MOST_COMPARED
        )
        self.originals: list[str] = []

    def marked(self, chunk: Chunk) -> Chunk:
        heading = _NUMBER.sub("", chunk.headings[-1].casefold()).strip() if chunk.headings else ""
        original = self._original(chunk.id, heading, words(chunk.text))
        return chunk if original == chunk.duplicate_of else chunk.model_copy(update={"duplicate_of": original})

    def _original(self, id: str, heading: str, text: list[str]) -> str | None:
        """Return the id of the first chunk that says the same, or remember this one."""
        key = hashlib.blake2b(" ".join([heading, "", *text]).encode(), digest_size=16).digest()
        if key in self.exact:
            return self.exact[key]
        sketch = self.sketches.sketch(text, heading)
        for candidate in self.sketches.similar(sketch):
            self.exact[key] = self.originals[candidate]
            return self.originals[candidate]
        self.exact[key] = id
        self.sketches.add(sketch)
        self.originals.append(id)
        return None
