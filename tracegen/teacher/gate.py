"""The door through which all rows send their requests: the pacer with a clock, and a queue of those that wait."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable

from tracegen.errors import BudgetError, TracegenError
from tracegen.teacher.budget import Budget
from tracegen.teacher.pacing import FEW_FAILURES, PATIENCE_S, Pace, Pacer, Ticket

NOTICED_S = 5.0
"""A shorter pause is not worth a word."""
TOLD_S = 120.0
"""A pause that is as long is told like news: without a bar nothing else would be seen of it."""
NOTE_CHARS = 80
"""So much of a reason has room beside a progress bar."""


class Gate:
    """Lets requests start one after the other, when the pacer and the budget allow it."""

    def __init__(self, pace: Pace, budget: Budget | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Open the gate."""
        self.pacer = Pacer(pace)
        self.budget = budget
        self.notice: Callable[[str], None] = lambda _: None
        """Called with a phrase for the user when all rows pause."""
        self.news: Callable[[str], None] = lambda _: None
        """Called with a sentence when an endpoint that has worked does so no longer, when it does again, and of long pauses."""
        self._give_up_after = pace.give_up_after
        self._is_told = False
        self._told_until = float("-inf")
        self.stopped: TracegenError | None = None
        """What the gate was stopped with."""
        self._stop = asyncio.Event()
        self._clock = clock
        self._queue: deque[tuple[asyncio.Future[Ticket], int, int]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, prompt_tokens: int, answer_tokens: int, *, again: bool = False) -> Ticket:
        """Wait until a request of this size may start; one that is sent `again` goes before those that wait.

        Raises BudgetError where the budget does not allow it any more, and whatever the gate was stopped with.
        """
        if self.stopped is not None:
            raise self.stopped
        waiter: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        entry = (waiter, prompt_tokens, answer_tokens)
        if again:
            self._queue.appendleft(entry)
        else:
            self._queue.append(entry)
        self._let_in()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self.left(waiter.result())
            raise

    def answered(self, ticket: Ticket, prompt_tokens: int, answer_tokens: int) -> None:
        """Note an answer, with its tokens."""
        self._settle(ticket, prompt_tokens, answer_tokens)
        if self._is_told:
            self._is_told = False
            self.news("The endpoint answers again." if self.pacer.proven else "The endpoint answers.")
        self.pacer.succeed(ticket, self._clock(), prompt_tokens + answer_tokens)
        self._let_in()

    def overloaded(self, ticket: Ticket, asked_s: float | None, reason: str) -> None:
        """Note that the server has too much to do: all rows pause."""
        self._settle(ticket)
        self._tell(self.pacer.overload(ticket, self._clock(), asked_s), reason)
        self._let_in()

    def failed(self, ticket: Ticket, reason: str, *, sent: bool) -> None:
        """Note that the server, or the way to it, is broken; a request that was `sent` whole may have to be paid."""
        self._settle(ticket, ticket.prompt_tokens if sent else 0)
        self._tell(self.pacer.fail(ticket, self._clock()), reason)
        self._let_in()

    def left(self, ticket: Ticket) -> None:
        """Note that a request was given up or refused, which says nothing about the server."""
        self._settle(ticket)
        self.pacer.leave()
        self._let_in()

    def pause(self, seconds: float, reason: str) -> None:
        """Let nothing start for so long."""
        self.pacer.pause(self._clock(), seconds)
        self._tell(seconds, reason)
        self._let_in()

    def stop(self, error: TracegenError) -> None:
        """Let nobody in any more; those that wait get this error."""
        self.stopped = self.stopped or error
        self._stop.set()
        while self._queue:
            waiter = self._queue.popleft()[0]
            if not waiter.done():
                waiter.set_exception(self.stopped)

    async def sleep(self, seconds: float) -> None:
        """Wait so long, or until the gate is stopped."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    def hopeless(self) -> bool:
        """Return whether nothing has worked for too long."""
        return self.pacer.hopeless(self._clock())

    def outlasted(self) -> bool:
        """Return whether an endpoint that has worked has failed for as long as the user wants to wait."""
        return self.pacer.outlasted(self._clock())

    def now(self) -> float:
        """Return the pacer's time."""
        return self.pacer.time(self._clock())

    def _tell(self, pause_s: float, reason: str) -> None:
        """Tell the user why nothing happens."""
        if pause_s < NOTICED_S:
            return
        if self.pacer.is_away and not self._is_told:
            self._is_told = True
            self.news(f"{reason}. Waiting until it answers again, {self._give_up_after:g} minutes at most (--give-up-after).")
        elif self.pacer.failures >= FEW_FAILURES and not self._is_told:
            # It has never worked: minutes in which nothing happens, and without a bar nobody would know why.
            self._is_told = True
            self.news(f"{reason}. It has not answered yet, and is asked again for about {PATIENCE_S / 60:.0f} minutes.")
        elif pause_s >= TOLD_S and self._clock() + pause_s > self._told_until + TOLD_S:
            self._told_until = self._clock() + pause_s
            self.news(f"Waiting {pause_s / 60:.0f} minutes: {reason}.")
        self.notice(f"waiting {pause_s:.0f} s: {reason[:NOTE_CHARS]}")

    def _settle(self, ticket: Ticket, prompt_tokens: int = 0, answer_tokens: int = 0) -> None:
        if self.budget:
            self.budget.settle((ticket.prompt_tokens, ticket.answer_tokens), (prompt_tokens, answer_tokens))

    def _let_in(self) -> None:
        """Start what may start, and come back when the next may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._queue:
            waiter, prompt_tokens, answer_tokens = self._queue[0]
            if waiter.done():
                self._queue.popleft()
                continue
            wait_s = self.pacer.wait_s(self._clock())
            if wait_s > 0:
                self._come_back_in(wait_s)
                return
            if self.budget and not self.budget.reserve((prompt_tokens, answer_tokens)):
                # What is in flight may turn out cheaper than what was reserved for it.
                if self.pacer.active == 0:
                    self.stop(BudgetError(self.budget.sentence()))
                return
            self._queue.popleft()
            waiter.set_result(self.pacer.take(self._clock(), prompt_tokens, answer_tokens))

    def _come_back_in(self, wait_s: float) -> None:
        if wait_s != float("inf"):
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._let_in)
