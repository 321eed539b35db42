"""A run in waves that ends between any two steps goes on where it was: no batch is submitted twice, no answer is lost."""

import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.waves.conftest import ROWS, Run
from tracegen.teacher.batch_service import BatchService
from tracegen.traces.runfile import RunFile

STEPS = [
    *((RunFile, name) for name in ("record", "finish", "write")),
    *((BatchService, name) for name in ("upload", "submit", "find", "status", "download")),
]
"""Everything that a run in waves does to the world, or writes down."""


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class Steps:
    """Counts steps, and ends the run before or after one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.end: tuple[int, str] | None = None
        for owner, name in STEPS:
            monkeypatch.setattr(owner, name, self.counted(getattr(owner, name), name))

    def counted(self, step: Callable[..., Awaitable[Any]], name: str) -> Callable[..., Awaitable[Any]]:
        @functools.wraps(step)
        async def run(*args: Any) -> Any:
            number = len(self.names)
            self.names.append(name)
            if self.end == (number, "before"):
                raise Killed
            result = await step(*args)
            if self.end == (number, "after"):
                raise Killed
            return result

        return run

    def start(self, end: tuple[int, str] | None) -> None:
        self.names, self.end = [], end


async def test_ended_after_every_step(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """For each step: a start that ends right after it, and one that goes on from there. Two waves of two files each."""
    dataset = run.dataset.read_text(encoding="utf-8").splitlines()[:2]
    run.dataset.write_text("\n".join(dataset) + "\n", encoding="utf-8")
    run.max_hops = 2
    whole = Run(run.path.with_name("whole.run.db"), run.dataset, run.endpoint, run.http_client)
    whole.max_hops = 2
    steps = Steps(monkeypatch)
    await whole.start(max_requests=1)
    taken = list(steps.names)
    assert set(taken) >= {"record", "finish", "write", "upload", "submit", "status", "download"}

    for number, name in enumerate(taken):
        run.path.unlink(missing_ok=True)
        run.endpoint.reset()
        steps.start((number, "after"))
        with pytest.raises(Killed):
            await run.start(max_requests=1)
        steps.start(None)
        await run.start(max_requests=1)
        at = f"ended after step {number}, {name}"
        assert run.hops() == whole.hops(), at
        assert run.asked_twice() == 0, at
        assert len(run.endpoint.batches()) == 4, at
        assert not list(run.path.parent.glob("*.part")), at


async def test_ended_again_and_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run that ends at every third step of each start, until it is through."""
    steps = Steps(monkeypatch)
    for starts in range(200):
        steps.start((starts % 9 + 2, ("before", "after")[starts % 2]))
        try:
            await run.start(max_requests=3)
        except Killed:
            continue
        break
    assert starts > 5
    assert run.endings() == ["answered"] * ROWS
    assert run.asked_twice() == 0
