"""Ctrl-C once, twice at once, and again."""

import asyncio
import signal
from types import SimpleNamespace

import pytest

from tracegen.cli import stopping


class EndedError(Exception):
    """Stands for the end of the program."""


async def test_a_signal_that_comes_twice_at_once_is_one_and_the_next_ends_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    said = b""

    def write(_: int, text: bytes) -> None:
        nonlocal said
        said += text

    def end(code: int) -> None:
        raise EndedError(code)

    cancelled: list[int] = []
    monkeypatch.setattr(stopping, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(stopping, "os", SimpleNamespace(write=write, _exit=end))
    before = signal.signal(signal.SIGINT, lambda number, _: cancelled.append(number))  # stands for asyncio's

    async def work() -> None:
        nonlocal now
        # As `timeout` does, which sends it to the program and to its group: the answers on their way are not to be lost by it.
        signal.raise_signal(signal.SIGINT)
        now += stopping.SAME_S / 2
        signal.raise_signal(signal.SIGINT)
        assert (cancelled, said) == ([signal.SIGINT], b"")
        now += stopping.SAME_S
        with pytest.raises(EndedError, match="130"):
            signal.raise_signal(signal.SIGINT)
        assert b"run the same command again" in said

    try:
        await stopping._stoppable(work())
    finally:
        signal.signal(signal.SIGINT, before)


async def test_what_ends_by_itself_leaves_ctrl_c_as_it_was() -> None:
    before = signal.getsignal(signal.SIGINT)
    assert await stopping._stoppable(asyncio.sleep(0, "done")) == "done"
    assert signal.getsignal(signal.SIGINT) is before
