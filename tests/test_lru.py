"""The cache of what was asked for last."""

import gc
import weakref
from collections.abc import Sequence
from functools import lru_cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.lru import LRUCache


class Made:
    """A function that notes what it is called with."""

    def __init__(self) -> None:
        self.keys: list[int] = []

    def __call__(self, key: int) -> str:
        self.keys.append(key)
        return str(key)


@given(st.lists(st.integers(0, 8)), st.integers(1, 6))
def test_it_makes_what_functools_would_make(keys: list[int], size: int) -> None:
    made, expected = Made(), Made()
    cache, reference = LRUCache[int, str](size), lru_cache(size)(expected)
    for key in keys:
        assert cache.get(key, made) == reference(key)
    assert made.keys == expected.keys


@given(st.lists(st.lists(st.integers(0, 8), max_size=5)), st.integers(1, 6))
def test_several_at_once_are_made_once_each_and_the_last_ones_remembered(groups: list[list[int]], size: int) -> None:
    made: list[int] = []

    def make(keys: Sequence[int]) -> list[str]:
        made.extend(keys)
        return [str(key) for key in keys]

    cache = LRUCache[int, str](size)
    recent: list[int] = []  # the last one last
    for keys in groups:
        made.clear()
        assert cache.get_all(keys, make) == [str(key) for key in keys]
        assert made == list(dict.fromkeys(key for key in keys if key not in recent))
        recent = _recent(recent, keys)[-size:]


def _recent(recent: list[int], keys: list[int]) -> list[int]:
    for key in keys:
        recent = [*(one for one in recent if one != key), key]
    return recent


def test_what_cannot_be_made_is_not_remembered() -> None:
    cache = LRUCache[int, int](2)
    with pytest.raises(ZeroDivisionError):
        cache.get(0, lambda key: 1 // key)
    assert cache.get(0, lambda key: key) == 0


def test_it_does_not_hold_its_owner() -> None:
    class Owner:
        def __init__(self) -> None:
            self.cache = LRUCache[int, int](2)

        def double(self, number: int) -> int:
            return self.cache.get(number, self._double)

        def _double(self, number: int) -> int:
            return 2 * number

    owner = Owner()
    assert owner.double(2) == owner.double(2) == 4
    gone = weakref.ref(owner)
    gc.disable()
    try:
        del owner
        assert gone() is None
    finally:
        gc.enable()
