"""The lexical half of the search: BM25 over words, for names that an embedding does not know.

Its files are written by tracegen.index.postings.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import Stemmer
from numpy.typing import NDArray

VERSION = 5
"""Version of the words and names; an index with another one is built again."""

LENGTH_WEIGHT = 0.5
"""The `b` of BM25, for which 0.75 is usual: chunks are of like length, and what is longer says more. See docs/log.md."""

# fmt: off
STOP_WORDS = frozenset([
    "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does", "for",
    "from", "had", "has", "have", "how", "i", "if", "in", "into", "is", "it", "its", "me", "my", "of", "on", "or",
    "our", "please", "should", "so", "some", "such", "that", "the", "their", "them", "then", "there", "these",
    "they", "this", "to", "want", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will",
    "with", "would", "you", "your",
])
# fmt: on
"""Left out of queries, unless little else remains; documents keep them."""

# On the gleam documentation (2,169 passages, 400 names like `list.fold`; 2026-11) plain words with stems put the right passage
# first with a mean reciprocal rank of 0.86; keeping dotted names whole as well 0.51 to 0.69, without stems 0.81.
_WORD = re.compile(r"\w+")
_STEMMER = Stemmer.Stemmer("english", 0)
_STEMMER_LOCK = Lock()  # it keeps the word it works on in itself


def tokenize(text: str) -> list[str]:
    """Return the words of a text as stems, lower-cased."""
    return [_stem(word) for word in _WORD.findall(text.lower())]


def query_words(text: str) -> list[str]:
    """Return the words of a query as stems, each once, without stop words unless fewer than two others remain."""
    words = _WORD.findall(text.lower())
    kept = [word for word in words if word not in STOP_WORDS]
    return list(dict.fromkeys(_stem(word) for word in (kept if len(set(kept)) >= 2 else words)))


@lru_cache(1 << 16)
def _stem(word: str) -> str:
    with _STEMMER_LOCK:
        return str(_STEMMER.stemWord(word))


class Lexical:
    """A BM25 index of texts, each given as its words, numbered from 0 in their order."""

    def __init__(self, bm25: Any) -> None:
        self._bm25 = bm25

    @classmethod
    def load(cls, folder: Path) -> "Lexical":
        """Read an index that `write_lexical` wrote. Raises OSError or ValueError where its files are damaged."""
        import bm25s

        bm25 = bm25s.BM25.load(folder, mmap=True, show_progress=False)
        # Still mapped into memory, but as plain arrays: every slice of numpy's own kind of them costs microseconds.
        bm25.scores.update(
            {name: array.view(np.ndarray) for name, array in bm25.scores.items() if isinstance(array, np.memmap)}
        )
        return cls(bm25)

    def __len__(self) -> int:
        return int(self._bm25.scores["num_docs"])

    def scores(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return the BM25 score of each text, shape (n,), 0 where none of the words is in it.

        As bm25s adds them up, word by word, but with one call for all words instead of one for each.
        """
        scores = np.zeros(len(self), dtype=np.float32)
        if postings := self._postings(words):
            arrays = self._bm25.scores
            # Of the type that numpy indexes with: with another one `add.at` takes half as long again.
            texts = np.concatenate([arrays["indices"][each] for each in postings], dtype=np.intp)
            np.add.at(scores, texts, np.concatenate([arrays["data"][each] for each in postings]))
        return scores

    def texts_with(self, words: Sequence[str]) -> NDArray[np.int32] | None:
        """Return the numbers of the texts that have one of the words, some maybe twice, or None where there is none."""
        postings = self._postings(words)
        return np.concatenate([self._bm25.scores["indices"][each] for each in postings]) if postings else None

    def _postings(self, words: Sequence[str]) -> list[slice]:
        """Return where the texts of each word that is known stand, in the order of the words."""
        vocabulary, starts = self._bm25.vocab_dict, self._bm25.scores["indptr"]
        places = [vocabulary[word] for word in words if word in vocabulary]
        return [slice(int(starts[place]), int(starts[place + 1])) for place in places]

    def frequency(self, word: str) -> int:
        """Return how many of the texts have a word."""
        return sum(each.stop - each.start for each in self._postings([word]))
