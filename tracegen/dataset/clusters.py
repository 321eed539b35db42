"""Topics of a dataset: clusters of its embedded prompts, and how evenly the rows lie in them."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tracegen.records import Record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DISTANCE = 0.7
"""Clusters are joined while the mean cosine distance between their members is less, for all-MiniLM-L6-v2.

Looked at on the sample and the gleam case (2026-11): the cut gives 50 clusters of 113 rows and 25 of 114, which a person
can name (ciphers; trees; Kubernetes manifests). k-means with the silhouette was tried: it says two clusters for both, at
0.10, and is as good as flat above. HDBSCAN calls everything noise, or makes one cluster of two thirds.
"""
LARGEST = 4000
"""Of more rows a sample of so many is clustered, since memory grows with the square; the others join the nearest cluster."""


class Clusters(Record):
    """Which rows belong to one topic."""

    labels: tuple[int, ...]
    """Cluster of each row, numbered from 0, the largest cluster first; of equally large ones that with the earlier row."""
    shares: tuple[float, ...]
    """Share of the rows in each cluster, in the order of the numbers; their sum is 1."""

    @property
    def effective(self) -> float:
        """Effective number of clusters, see `effective_number`."""
        return effective_number(self.shares)


def effective_number(amounts: Iterable[float]) -> float:
    """Return exp(entropy) of the shares of amounts above 0: as many equal ones are as varied (Hill 1973); 0 without any."""
    amounts = list(amounts)
    shares = [amount / sum(amounts) for amount in amounts]
    return math.exp(-sum(share * math.log(share) for share in shares)) if shares else 0.0


def cluster(vectors: "NDArray[np.float32]", *, distance: float = DISTANCE, seed: int = 0) -> Clusters:
    """Return the clusters of rows by the vectors of their prompts, shape (n, dimension), each of length 1.

    Average linkage (Sokal and Michener 1958) on cosine distances, cut at `distance`: how many clusters there are follows from
    the rows. The same for the same vectors in the same order; `seed` chooses the sample where there are more than LARGEST.
    """
    import numpy as np

    rows = len(vectors)
    chosen = np.arange(rows)
    if rows > LARGEST:
        chosen = np.sort(np.random.default_rng(seed).choice(rows, LARGEST, replace=False))
    found = _average_linkage(vectors[chosen], distance)
    if rows > LARGEST:
        # The dot product with the mean of a cluster is the mean cosine to its members, which average linkage goes by.
        means = np.stack([vectors[chosen[found == number]].mean(axis=0) for number in range(found.max() + 1)])
        everything = np.argmax(vectors @ means.T, axis=1)
        everything[chosen] = found
        found = everything
    return _numbered(found)


def _average_linkage(vectors: "NDArray[np.float32]", distance: float) -> "NDArray[np.int64]":
    import numpy as np

    if len(vectors) < 2:
        return np.zeros(len(vectors), dtype=np.int64)
    from sklearn.cluster import AgglomerativeClustering

    distances = np.clip(1 - vectors @ vectors.T, 0, 2)
    np.fill_diagonal(distances, 0)
    linkage = AgglomerativeClustering(n_clusters=None, distance_threshold=distance, metric="precomputed", linkage="average")
    labels: NDArray[np.int64] = linkage.fit(distances).labels_
    return labels


def _numbered(found: "NDArray[np.int64]") -> Clusters:
    """Return the clusters, numbered by size and then by their first row."""
    import numpy as np

    values, firsts, counts = np.unique(found, return_index=True, return_counts=True)
    order = np.lexsort((firsts, -counts))
    numbers = {int(values[place]): number for number, place in enumerate(order)}
    return Clusters(
        labels=tuple(numbers[int(value)] for value in found),
        shares=tuple(float(counts[place] / len(found)) for place in order),
    )
