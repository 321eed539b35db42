"""Chunks that say the same as an earlier one: copies, and pages of one manual in many versions."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from tracegen.minhash import MinHash, words
from tracegen.records import Chunk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIMILARITY = 0.9
"""Chunks with so large a share of common runs of words (Jaccard), or a larger one, are duplicates."""

_SHINGLE = 5  # words
_HASHES = 128
_BANDS = 16  # of 8 hashes each: a pair of similarity 0.9 has a band in common with a probability of 0.9999
_MOST_COMPARED = 8
_NUMBER = re.compile(r"v?\d[\d.]*")


def mark_duplicates(chunks: Callable[[], Iterable[Chunk]]) -> Iterator[Chunk]:
    """Yield the chunks, each that repeats an earlier one with its id in `duplicate_of`; `chunks` gives them anew each time.

    Texts are compared by their words, then by MinHash over runs of five words. Only below headings that are
    the same but for numbers: two functions may be described in the same words and are not the same. The chunk referred
    to is never a duplicate itself. Time is linear in the number of chunks, memory half a kilobyte for each.
    """
    ids: list[str] = []
    for chunk, place in zip(chunks(), _originals(chunks()), strict=True):
        ids.append(chunk.id)
        original = None if place == len(ids) - 1 else ids[place]
        yield chunk if original == chunk.duplicate_of else chunk.model_copy(update={"duplicate_of": original})


def _originals(chunks: Iterable[Chunk]) -> list[int]:
    """Return for each chunk the place of the first one that says the same: its own where that is none before it."""
    import numpy as np

    exact, bands, signatures = _keys(chunks)
    # Sorting tells which keys come again. A table of all keys, most of which do not, would take 6 kB for each chunk.
    same = _repeated(exact)
    alike = np.empty((_BANDS, len(exact)), dtype=np.int32)
    for number in range(_BANDS):
        alike[number] = _repeated(bands[:, number])
    originals = list(range(len(exact)))
    first: dict[int, int] = {}
    members: dict[tuple[int, int], list[int]] = {}
    for place in np.flatnonzero((same >= 0) | (alike >= 0).any(axis=0)).tolist():
        groups = [members.setdefault(key, []) for key in enumerate(alike[:, place].tolist()) if key[1] >= 0]
        candidates = [first[same[place]]] if same[place] in first else sorted({each for group in groups for each in group})
        for candidate in candidates:
            likeness = np.count_nonzero(signatures[place] == signatures[candidate])
            if likeness >= SIMILARITY * _HASHES:
                originals[place] = candidate
                break
        else:
            for group in groups:
                if len(group) < _MOST_COMPARED:
                    group.append(place)
        if same[place] >= 0:
            first.setdefault(same[place], originals[place])
    return originals


def _keys(chunks: Iterable[Chunk]) -> "tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint16]]":
    """Return a digest of each chunk's words, shape (n,), of the bands of its signature, (n, 16), and the signature, (n, 128).

    Two digests are equal below like headings only. Of the hashes in a signature the lower half is enough to compare them.
    """
    import numpy as np

    signature = MinHash(_HASHES, _SHINGLE)
    exact, bands, signatures = bytearray(), bytearray(), bytearray()
    for chunk in chunks:
        heading = _NUMBER.sub("", chunk.headings[-1].casefold()).strip() if chunk.headings else ""
        text = words(chunk.text)
        hashes = signature(text)
        exact += _digest(" ".join([heading, "", *text]).encode())
        for part in hashes.reshape(_BANDS, -1):
            bands += _digest(heading.encode() + b"\n" + part.tobytes())
        signatures += hashes.astype(np.uint16).tobytes()
    return (
        np.frombuffer(exact, dtype=np.uint64),
        np.frombuffer(bands, dtype=np.uint64).reshape(-1, _BANDS),
        np.frombuffer(signatures, dtype=np.uint16).reshape(-1, _HASHES),
    )


def _digest(text: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=8).digest()


def _repeated(keys: "NDArray[np.uint64]") -> "NDArray[np.int64]":
    """Return numbers that are the same where keys are, and -1 where a key is there once."""
    import numpy as np

    _, numbers, counts = np.unique(keys, return_inverse=True, return_counts=True)
    return np.where(counts[numbers] > 1, numbers, -1)
