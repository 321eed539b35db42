"""Micro-batches: every value gets its own result, and what waits goes together."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.index.batching import MicroBatcher

WAIT_S = 30.0


class Gated:
    """A function of many numbers that notes its batches and ends them when it may."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began, self.may_end = Event(), Event()

    def __call__(self, numbers: list[int]) -> list[int]:
        self.batches.append(numbers)
        self.began.set()
        assert self.may_end.wait(WAIT_S)
        return [number * number for number in numbers]


def waiting(batcher: MicroBatcher[int, int], count: int) -> None:
    """Return when so many values wait for a turn."""
    deadline = time.monotonic() + WAIT_S
    while len(batcher._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_what_comes_while_a_call_is_under_way_goes_together_in_the_next_ones() -> None:
    function = Gated()
    batcher = MicroBatcher[int, int](largest=4, at_once=1)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(batcher.call, function, 0)
        assert function.began.wait(WAIT_S)
        others = []
        for number in range(1, 8):
            others.append(pool.submit(batcher.call, function, number))
            waiting(batcher, number)
        function.may_end.set()
        assert [future.result(WAIT_S) for future in (first, *others)] == [number * number for number in range(8)]
    assert function.batches == [[0], [1, 2, 3, 4], [5, 6, 7]]


def test_so_many_calls_are_under_way_at_once_and_no_more() -> None:
    both = Barrier(2)  # broken where the second call would wait for the first
    most, running, lock = 0, 0, threading.Lock()

    def function(numbers: list[int]) -> list[int]:
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
        if numbers[0] < 2:
            both.wait(WAIT_S)
        with lock:
            running -= 1
        return numbers

    batcher = MicroBatcher[int, int](largest=1, at_once=2)
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda number: batcher.call(function, number), range(20))) == list(range(20))
    assert most == 2


def test_a_batch_that_fails_fails_for_all_in_it_and_for_nobody_else() -> None:
    gate = Gated()

    def function(numbers: list[int]) -> list[int]:
        squares = gate(numbers)
        if 3 in numbers:
            raise ValueError("no threes")
        return squares

    batcher = MicroBatcher[int, int](largest=2, at_once=1)
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(batcher.call, function, 1)
        assert gate.began.wait(WAIT_S)
        others = []
        for waits, number in enumerate((2, 3, 4, 5), 1):
            others.append(pool.submit(batcher.call, function, number))
            waiting(batcher, waits)
        gate.may_end.set()
        assert first.result(WAIT_S) == 1
        for future in others[:2]:
            with pytest.raises(ValueError, match="no threes"):
                future.result(WAIT_S)
        assert [future.result(WAIT_S) for future in others[2:]] == [16, 25]
    assert batcher.call(function, 6) == 36


def test_a_function_that_returns_too_little_is_an_error_for_all_in_the_batch() -> None:
    def nothing(numbers: list[int]) -> list[int]:
        return []

    with pytest.raises(ValueError, match="shorter"):
        MicroBatcher[int, int](largest=2, at_once=1).call(nothing, 1)


@given(st.lists(st.integers(), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 4), st.integers(1, 12))
def test_every_value_gets_its_own_result(numbers: list[int], largest: int, at_once: int, threads: int) -> None:
    sizes: list[int] = []

    def function(batch: list[int]) -> list[str]:
        sizes.append(len(batch))
        return [str(number) for number in batch]

    batcher = MicroBatcher[int, str](largest=largest, at_once=at_once)
    with ThreadPoolExecutor(threads) as pool:
        assert list(pool.map(lambda number: batcher.call(function, number), numbers)) == [str(number) for number in numbers]
    assert sum(sizes) == len(numbers)
    assert max(sizes) <= largest
