"""Accumulators for one pass over a file of any size: numbers in compact arrays, texts only of the few rows that are kept."""

import heapq
from array import array
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from tracegen.review.figures import Bar, Spread

T = TypeVar("T")


def spread(values: "array[int]") -> Spread:
    """Return how the values are distributed; zeros where there are none. Each figure is a value that occurs."""
    import numpy as np

    if not values:
        return Spread(min=0, median=0, p95=0, max=0)
    numbers = np.frombuffer(values, dtype=values.typecode)
    lowest, median, high, highest = np.percentile(numbers, [0, 50, 95, 100], method="inverted_cdf").tolist()
    return Spread(min=lowest, median=median, p95=high, max=highest)


def histogram(values: "array[int]", bars: int = 12) -> tuple[Bar, ...]:
    """Count the values in at most `bars` steps of equal width; none where there are no values."""
    import numpy as np

    if not values:
        return ()
    lowest, highest = min(values), max(values)
    step = -(-(highest - lowest + 1) // bars)
    counts = np.bincount((np.frombuffer(values, dtype=values.typecode).astype("int64") - lowest) // step).tolist()
    starts = range(lowest, highest + 1, step)
    return tuple(Bar(first=start, last=start + step - 1, rows=rows) for start, rows in zip(starts, counts, strict=True))


class Top(Generic[T]):
    """The `size` items with the largest keys; of equal keys the first ones added."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._heap: list[tuple[Any, int, T]] = []
        self._added = 0

    def admits(self, key: Any) -> bool:
        """Say whether an item with this key would be kept now, so that it need not be made in vain."""
        return len(self._heap) < self.size or key > self._heap[0][0]

    def add(self, key: Any, item: T) -> None:
        """Keep the item if it is among the largest."""
        self._added += 1
        if self.admits(key):
            # The count stands before the item: items are never compared, and of equal keys the later one goes first.
            push = heapq.heappush if len(self._heap) < self.size else heapq.heapreplace
            push(self._heap, (key, -self._added, item))

    def __iter__(self) -> Iterator[T]:
        return (item for _, _, item in sorted(self._heap, key=lambda entry: entry[:2], reverse=True))


class Counts:
    """How often each name occurs; beyond `limit` different names the rest is counted together."""

    OTHERS = "(others)"

    def __init__(self, limit: int = 50) -> None:
        self.limit = limit
        self._counts: dict[str, int] = {}

    def add(self, name: str) -> None:
        """Count the name once."""
        if name not in self._counts and len(self._counts) >= self.limit:
            name = self.OTHERS
        self._counts[name] = self._counts.get(name, 0) + 1

    def most_common(self) -> dict[str, int]:
        """Return the counts, largest first."""
        return dict(sorted(self._counts.items(), key=lambda entry: -entry[1]))
