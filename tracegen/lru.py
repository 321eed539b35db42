"""A cache of the values that were asked for last, for objects that remember what they worked out."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LRUCache(Generic[K, V]):
    """Remembers so many values, and forgets the least recently used ones. Safe to use from several threads.

    Unlike `functools.lru_cache` of a method it does not hold the object that it belongs to. Such a pair stays in memory, with a
    model of 100 MB, until the garbage collector comes by, which does not know how large it is.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K, make: Callable[[K], V]) -> V:
        """Return the value of a key, from `make` where it is not remembered. Raises what that raises, and forgets it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make(key)  # by two threads at once it may be made twice
        self._remember({key: value}, [key])
        return value

    def get_all(self, keys: Sequence[K], make: Callable[[Sequence[K]], Sequence[V]]) -> list[V]:
        """Return the values of some keys, those that are not remembered from `make`, which is given each of them once.

        Raises what that raises, and remembers none of them then.
        """
        with self._lock:
            known = {key: self._values[key] for key in keys if key in self._values}
        missing = [key for key in dict.fromkeys(keys) if key not in known]
        if missing:
            known.update(zip(missing, make(missing), strict=True))
        self._remember(known, keys)
        return [known[key] for key in keys]

    def _remember(self, values: Mapping[K, V], keys: Sequence[K]) -> None:
        """Remember the values of some keys, the last one as the last that was asked for."""
        with self._lock:
            for key in keys:
                self._values[key] = values[key]
                self._values.move_to_end(key)
            while len(self._values) > self._size:
                self._values.popitem(last=False)
