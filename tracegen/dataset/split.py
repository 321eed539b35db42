"""Which rows to hold out: whole groups, so that the rest has as many of each kind as before."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LENGTH_BINS = 4
"""Rows are told apart by the quarter of the lengths they lie in."""


def hold_out(
    groups: Sequence[int], clusters: Sequence[int], lengths: Sequence[int], *, share: float, seed: int = 0
) -> list[bool]:
    """Return for each row whether it is held out: about `share` of all, of each cluster, of each quarter of the lengths.

    `groups` are those of `near_duplicate_groups`: a group is held out as a whole. Greedy: the group is taken next that brings
    the counts nearest to what they should be, by the sum of squared deviations, each divided by the wanted count, until none
    does; a stratification of many labels as in Sechidis et al. (2011), by groups. `seed` decides between equals. Clusters from
    which less than a row would be taken count as one. At least one group is held out, and at least one is not.

    Raises ValueError where all rows are one group, or the share is not between 0 and 1.
    """
    import numpy as np

    if not 0 < share < 1:
        raise ValueError(f"a share of {share} is not between 0 and 1")
    firsts, members = np.unique(np.asarray(groups), return_inverse=True)
    if len(firsts) < 2:
        raise ValueError("all rows are one group")
    order = np.random.default_rng(seed).permutation(len(firsts))
    counts = np.zeros((len(firsts), 0))
    for labels in (np.zeros(len(groups), dtype=np.int64), _pooled(clusters, share), quarters(lengths)):
        table = np.zeros((len(firsts), labels.max() + 1))
        np.add.at(table, (members, labels), 1)
        counts = np.hstack([counts, table])
    taken = np.zeros(len(firsts), dtype=bool)
    taken[order] = _taken(counts[order], counts.sum(axis=0) * share)
    return [bool(held) for held in taken[members]]


def _taken(counts: "NDArray[np.float64]", wanted: "NDArray[np.float64]") -> "NDArray[np.bool_]":
    """Return which groups to take, by their counts of each label, shape (groups, labels); the earlier of equals comes first."""
    import numpy as np

    weights = 1 / np.maximum(wanted, 1)
    # What taking a group would change: sum of w * ((count + a - wanted)^2 - (count - wanted)^2), with no count yet.
    change = (counts**2 - 2 * counts * wanted) @ weights
    taken = np.zeros(len(counts), dtype=bool)
    for number in range(len(counts) - 1):
        best = int(np.argmin(np.where(taken, np.inf, change)))
        if change[best] >= 0 and number > 0:
            break
        taken[best] = True
        labels = np.flatnonzero(counts[best])
        change += 2 * (counts[:, labels] @ (weights[labels] * counts[best, labels]))
    return taken


def _pooled(clusters: Sequence[int], share: float) -> "NDArray[np.int64]":
    import numpy as np

    values, labels, counts = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    return np.where(counts[labels] * share < 1, len(values), labels)


def quarters(lengths: Sequence[int]) -> "NDArray[np.int64]":
    """Return the quarter, 0 to 3, that each length lies in; equal lengths lie in the same one."""
    import numpy as np

    values = np.asarray(lengths)
    edges = np.quantile(values, [number / LENGTH_BINS for number in range(1, LENGTH_BINS)])
    found: NDArray[np.int64] = np.searchsorted(edges, values, side="right")
    return found
