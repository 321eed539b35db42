"""MinHash with banding (Broder 1997; Indyk and Motwani 1998): texts that share most of their runs of words, in linear time."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Signature = NDArray[np.uint32]

_WORD = re.compile(r"\w+|[^\w\s]")


class Sketch(NamedTuple):
    """What is kept of a text: by it similarity is estimated, and candidates are found."""

    signature: "Signature"
    """The least of each hash over the runs of words, shape (bands * rows,)."""
    keys: tuple[tuple[str, int, bytes], ...]
    """One key per band; texts with a key in common are compared."""


class MinHash:
    """The signature of a text's words: the least of each of n hashes over its runs of words."""

    def __init__(self, hashes: int, shingle: int) -> None:
        import numpy as np

        numbers = np.random.default_rng(5)
        self._factors = numbers.integers(0, 2**64, hashes, dtype=np.uint64) | np.uint64(1)
        self._offsets = numbers.integers(0, 2**64, hashes, dtype=np.uint64)
        self._shingle = shingle

    def __call__(self, words: Sequence[str]) -> "Signature":
        """Return the signature, shape (n,): the share of equal hashes in two of them estimates their Jaccard similarity."""
        import numpy as np

        last = max(len(words) - self._shingle, 0)
        runs = {crc32(" ".join(words[at : at + self._shingle]).encode(errors="surrogatepass")) for at in range(last + 1)}
        values = np.fromiter(runs, dtype=np.uint64, count=len(runs))
        # Multiply and shift (Dietzfelbinger 1997): the upper half of the product modulo 2**64 is as good as random.
        hashed: NDArray[np.uint64] = (self._factors[:, None] * values[None, :] + self._offsets[:, None]) >> np.uint64(32)
        signature: Signature = hashed.min(axis=1).astype(np.uint32)
        return signature


class Sketches:
    """The texts seen so far, in the order they were added.

    A pair of Jaccard similarity s has a band in common with the probability 1 - (1 - s ** rows) ** bands. The estimate of s has
    the standard error sqrt(s * (1 - s) / (bands * rows)). `most_compared` bounds the candidates taken from a band, the earliest
    first, so that time stays linear where everything is a little alike.
    """

    def __init__(self, *, similarity: float, shingle: int, bands: int, rows: int, most_compared: int) -> None:
        self._minhash = MinHash(bands * rows, shingle)
        self._least = similarity * bands * rows
        self._bands = bands
        self._most_compared = most_compared
        self._buckets: dict[tuple[str, int, bytes], list[int]] = {}
        self._signatures: list[Signature] = []

    def sketch(self, words: Sequence[str], within: str = "") -> Sketch:
        """Return the sketch of a text; it is compared only with those that have the same `within`."""
        signature = self._minhash(words)
        parts = signature.reshape(self._bands, -1)
        return Sketch(signature, tuple((within, number, part.tobytes()) for number, part in enumerate(parts)))

    def similar(self, sketch: Sketch) -> Iterator[int]:
        """Yield the positions of those added before that are similar, in order."""
        found = {each for key in sketch.keys for each in self._buckets.get(key, [])[: self._most_compared]}
        for candidate in sorted(found):
            if int((self._signatures[candidate] == sketch.signature).sum()) >= self._least:
                yield candidate

    def add(self, sketch: Sketch) -> int:
        """Keep a sketch and return its position, counted from 0."""
        position = len(self._signatures)
        for key in sketch.keys:
            self._buckets.setdefault(key, []).append(position)
        self._signatures.append(sketch.signature)
        return position


def words(text: str) -> list[str]:
    """Return the words and signs of a text, without regard to case and white space."""
    return _WORD.findall(text.casefold())
