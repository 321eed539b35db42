"""An embedder without a model: the vector of a text follows from its digest, at the price of a few microseconds."""

import hashlib
import re
from collections.abc import Callable, Sequence

import numpy as np

from tracegen.index.embedder import Vectors


class Digests:
    """Vectors that say nothing about meaning, and are the same every time."""

    name, fingerprint, dimension, max_tokens, queries_together = "bench/digests", "d" * 64, 384, 254, 8
    batches_at_once = 2

    def count_tokens(self, text: str) -> int:
        """Return the number of words and signs."""
        return len(re.findall(r"\w+|[^\w\s]", text))

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return one vector of length 1 for each text, shape (n, dimension)."""
        vectors = np.array([_vector(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dimension)
        if progress:
            progress(len(texts), len(texts))
        return vectors

    def embed_queries(self, texts: Sequence[str]) -> list[Vectors]:
        """Return the vector of each text, of length 1, shape (dimension,)."""
        return [_vector(text) for text in texts]


def _vector(text: str) -> Vectors:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    vector = np.random.default_rng(seed).normal(size=Digests.dimension)
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
