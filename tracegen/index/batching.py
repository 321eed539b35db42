"""Micro-batches: what many threads ask for at once becomes few calls, and nobody waits for a batch to fill."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import BoundedSemaphore
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class MicroBatcher(Generic[T, R]):
    """Calls of one function, which takes many values and is given one value at a time, from many threads.

    The first call goes out at once, alone. What comes while `at_once` calls are under way waits, and goes together in the
    next one, `largest` values at most.
    """

    def __init__(self, *, largest: int, at_once: int) -> None:
        self._largest = largest
        self._turns = BoundedSemaphore(at_once)
        # Its methods are atomic, so it needs no lock.
        self._waiting: deque[tuple[T, Future[R]]] = deque()

    def call(self, function: Callable[[list[T]], Iterable[R]], value: T) -> R:
        """Return the result for a value. Raises what the function raises for the batch that it is in.

        The function returns one result for each value, in their order. All callers give the same one: it is not kept here, so
        that its owner, who owns this too, is let go without the garbage collector.
        """
        future: Future[R] = Future()
        self._waiting.append((value, future))
        with self._turns:
            # Those who waited longer go first. Where another thread has taken this value already, it may be anybody's turn to
            # take the rest: whoever asked for them waits for a turn anyway.
            while not (future.done() or future.running()) and (batch := self._take()):
                _call(function, batch)
        return future.result()

    def _take(self) -> list[tuple[T, Future[R]]]:
        batch: list[tuple[T, Future[R]]] = []
        while len(batch) < self._largest:
            try:
                value, future = self._waiting.popleft()
            except IndexError:
                break
            future.set_running_or_notify_cancel()
            batch.append((value, future))
        return batch


def _call(function: Callable[[list[T]], Iterable[R]], batch: list[tuple[T, Future[R]]]) -> None:
    try:
        results = function([value for value, _ in batch])
        for (_, future), result in zip(batch, results, strict=True):
            future.set_result(result)
    except BaseException as error:  # noqa: BLE001 - raised in every thread that waits for it
        for _, future in batch:
            if not future.done():
                future.set_exception(error)
