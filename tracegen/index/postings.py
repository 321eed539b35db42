"""Write the files of a BM25 index as bm25s does, byte for byte, with memory for the vocabulary and 20 bytes a text.

bm25s builds its matrix in memory: 40 bytes for each different word of each text. Here all goes to disk twice:

1. words    texts -> what they have of each word, a block of texts at a time, each block sorted by word
2. scores   for some words after the other, what all blocks have of them -> scores and texts, in the order of the words
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from tracegen.index.lexical import LENGTH_WEIGHT

BLOCK_WORDS = 1 << 18
"""Words of the texts that are in memory at a time."""
PICKED = 1 << 18
"""Scores that are in memory at a time, or those of one word where they are more."""
_ROW_BITS = 32


class _Texts:
    """All texts, by now on disk, and what BM25 has to know of them as a whole."""

    def __init__(self, keys: IO[bytes], counts: IO[bytes]) -> None:
        """Write into two files: sorted numbers of word and text in one, and how often that word is in that text."""
        self._keys, self._counts = keys, counts
        # Numbered in the order of their first use, so that the files are the same every time. A text without any word gets the
        # empty one: an index without words cannot be made.
        self.vocabulary = {"": 0}
        self.lengths = array("i")
        self._ends = [0]
        self._frequencies = np.zeros(1, dtype=np.int64)

    def frequencies(self) -> NDArray[np.int64]:
        """Return how many texts have each word."""
        return np.pad(self._frequencies, (0, len(self.vocabulary) - len(self._frequencies)))

    def add(self, texts: Iterable[Sequence[str]]) -> None:
        """Write texts, given as their words."""
        words, start = array("i"), 0
        for text in texts:
            before = len(words)
            words.extend(self.vocabulary.setdefault(word, len(self.vocabulary)) for word in text or [""])
            self.lengths.append(len(words) - before)
            if len(words) >= BLOCK_WORDS:
                self._write(words, start)
                words, start = array("i"), len(self.lengths)
        if words:
            self._write(words, start)

    def _write(self, words: "array[int]", start: int) -> None:
        """Write the words of the texts from `start` on."""
        rows = np.repeat(np.arange(start, len(self.lengths)), self.lengths[start:])
        keys, counts = np.unique(np.frombuffer(words, dtype=np.intc).astype(np.int64) << _ROW_BITS | rows, return_counts=True)
        self._keys.write(keys.tobytes())
        self._counts.write(counts.astype(np.int32).tobytes())
        self._ends.append(self._ends[-1] + len(keys))
        self._frequencies = self.frequencies() + np.bincount(keys >> _ROW_BITS, minlength=len(self.vocabulary))

    def pick(self, first: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return what there is from one key up to another, sorted; the files are mapped anew, so that they leave memory."""
        self._keys.flush()
        self._counts.flush()
        picked, times = zip(*(self._pick(*block, first, end) for block in pairwise(self._ends)), strict=True)
        keys = np.concatenate(picked)
        order = np.argsort(keys, kind="stable")
        return keys[order], np.concatenate(times)[order]

    def _pick(self, start: int, stop: int, first: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Return what a block, from one place to another, has of some keys."""
        keys = np.memmap(self._keys, np.int64, "r", offset=start * 8, shape=stop - start)
        counts = np.memmap(self._counts, np.int32, "r", offset=start * 4, shape=stop - start)
        part = slice(*np.searchsorted(keys, (first, end)).tolist())
        return np.array(keys[part]), np.array(counts[part])


def write_lexical(folder: Path, texts: Iterable[Sequence[str]]) -> None:
    """Index texts, given as their words and numbered from 0 in their order. Raises OSError."""
    import bm25s

    folder.mkdir()
    bm25 = bm25s.BM25(b=LENGTH_WEIGHT)
    with TemporaryFile(dir=folder) as keys, TemporaryFile(dir=folder) as counts:
        written = _Texts(keys, counts)
        written.add(texts)
        frequencies = written.frequencies()
        places = np.concatenate([[0], np.cumsum(frequencies)])
        # It writes its vocabulary and its parameters itself; of the scores only the places are in memory.
        bm25.scores = {
            "data": np.empty(0, dtype=np.float32),
            "indices": np.empty(0, dtype=np.int32),
            "indptr": places,
            "num_docs": len(written.lengths),
        }
        bm25.vocab_dict, bm25.nonoccurrence_array = written.vocabulary, None
        bm25.save(folder, show_progress=False)
        with (folder / "data.csc.index.npy").open("wb") as data, (folder / "indices.csc.index.npy").open("wb") as indices:
            _write_header(data, "<f4", int(places[-1]))
            _write_header(indices, "<i4", int(places[-1]))
            for scores, rows in _scores(written, bm25, frequencies):
                data.write(scores.tobytes())
                indices.write(rows.tobytes())


def _write_header(file: IO[bytes], kind: str, count: int) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": (count,)})


def _scores(
    texts: _Texts, bm25: Any, frequencies: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int32]]]:
    """Yield the scores of all words, in order, and the texts that have them: the same bits as those of bm25s.

    BM25 as in Lucene (Kamphuis et al. 2020); calculated in float64 and rounded at the end.
    """
    lengths = np.frombuffer(texts.lengths, dtype=np.intc)
    total = len(lengths)
    norms = bm25.k1 * ((1 - bm25.b) + bm25.b * lengths / lengths.mean())
    weights = np.array(
        [math.log(1 + (total - df + 0.5) / (df + 0.5)) if df else 0 for df in frequencies.tolist()], dtype=np.float32
    )
    for first, end in _ranges(frequencies):
        keys, counts = texts.pick(first << _ROW_BITS, end << _ROW_BITS)
        words, rows = keys >> _ROW_BITS, (keys & ((1 << _ROW_BITS) - 1)).astype(np.int32)
        yield (weights[words] * (counts / (norms[rows] + counts))).astype(np.float32), rows


def _ranges(frequencies: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the first word and the one behind the last of as many words as can be in memory at a time."""
    places = np.concatenate([[0], np.cumsum(frequencies)])
    first = 0
    while first < len(frequencies):
        end = max(int(np.searchsorted(places, places[first] + PICKED, side="right")) - 1, first + 1)
        yield first, end
        first = end
