"""Requests that threads wait for and any thread can give up: coroutines on an event loop in a thread of its own.

A thread that waits inside a socket cannot be told to stop: a run that was interrupted would go on until its time limit.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from threading import Lock, RLock, Thread
from typing import Any, TypeVar

T = TypeVar("T")

# The garbage collector may close a client in the middle of anything, so the same thread may come by twice.
_lock = RLock()
_loops: list[asyncio.AbstractEventLoop] = []


def _loop() -> asyncio.AbstractEventLoop:
    with _lock:
        if not _loops:
            _loops.append(asyncio.new_event_loop())
            # It ends with the program, which never waits for it.
            Thread(target=_loops[0].run_forever, name="embeddings", daemon=True).start()
        return _loops[0]


def close(closing: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Close a client whose calls ran on the loop, without waiting for it."""
    if _loops:  # else there was no call
        asyncio.run_coroutine_threadsafe(closing(), _loops[0])


class Calls:
    """Calls on the loop, all of which can be given up together."""

    def __init__(self) -> None:
        """Begin without any."""
        self._lock = Lock()
        self._open: set[Future[Any]] | None = set()

    def start(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Start some work; the future is cancelled where calls are given up."""
        with self._lock:
            if self._open is None:
                work.close()
                given_up: Future[T] = Future()
                given_up.cancel()
                return given_up
            future = asyncio.run_coroutine_threadsafe(work, _loop())
            self._open.add(future)
        future.add_done_callback(self._forget)
        return future

    def give_up(self) -> None:
        """Cancel what is under way, and whatever will be started."""
        with self._lock:
            futures, self._open = self._open or set(), None
        for future in futures:
            future.cancel()

    def _forget(self, future: "Future[Any]") -> None:
        with self._lock:
            if self._open is not None:
                self._open.discard(future)


def result_of(future: "Future[T]") -> T | None:
    """Wait for a call, which ends with the wait where that is interrupted; None where it was given up."""
    try:
        return future.result()
    except CancelledError:
        return None
    except BaseException:
        future.cancel()
        raise
