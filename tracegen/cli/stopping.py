"""Ctrl-C: once, a command finishes what it must; again, the program ends at once."""

import atexit
import os
import signal
import time
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

INTERRUPTED = "\nInterrupted. What a run or an index had finished is kept: run the same command again to go on.\n"

SAME_S = 0.3
"""Signals so soon after the first one are the same: `timeout` and other programs above this one pass on what came to all."""

T = TypeVar("T")

_ended_by: list[int] = []


def end_like_ctrl_c() -> None:
    """Make SIGTERM and SIGHUP, where they are not ignored, do what Ctrl-C does.

    A batch system, a service manager or a closed terminal ends a program so: the answers on their way are to be kept then, too.
    """
    _ended_by.clear()
    # Last of all that is done at the end: while Python takes itself down, Ctrl-C would end it by the signal.
    atexit.unregister(_ignore_ctrl_c)
    atexit.register(_ignore_ctrl_c)
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _ignore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _ended_by.append(number)
    if callable(signal.getsignal(signal.SIGINT)):
        signal.raise_signal(signal.SIGINT)
    else:
        # Ignored, as in the background of a script.
        raise KeyboardInterrupt


def exit_code() -> int:
    """Return the exit code of a program that was interrupted: 128 and the signal, as shells have it."""
    return 128 + (_ended_by[0] if _ended_by else signal.SIGINT)


def run_stoppable(coming: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end. Ctrl-C cancels it, and it may finish something; the next one ends the program."""
    import asyncio

    return asyncio.run(_stoppable(coming))


async def _stoppable(coming: Coroutine[Any, Any, T]) -> T:
    cancel = signal.getsignal(signal.SIGINT)  # asyncio's
    if not callable(cancel):  # it is ignored
        return await coming
    seen: list[float] = []

    def interrupted(number: int, frame: FrameType | None) -> None:
        if seen and time.monotonic() - seen[0] < SAME_S:
            return
        if seen:
            # Not by an exception: raised in whatever asyncio is doing it may leave tasks behind that wait for ever, and what
            # was answered is on disk.
            os.write(2, INTERRUPTED.encode())
            os._exit(exit_code())
        seen.append(time.monotonic())
        cancel(number, frame)

    signal.signal(signal.SIGINT, interrupted)
    try:
        return await coming
    finally:
        if not seen:
            signal.signal(signal.SIGINT, cancel)
