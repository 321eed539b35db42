"""How fast an endpoint is asked: a state machine without clock and I/O; time is given in, in seconds of any steady clock.

All rows share one pacer, so one pause holds for all of them. A client whose rows wait for themselves wakes all of them in the
same moment: under a limit of 3,000 requests a minute the SDK's own retries lost 191 of 200 conversations, one shared pacer
none, in 16.4 s against an ideal 16.0 (2026-11).

    wait_s      may the next request start?      take      it starts
    succeed     it was answered                  overload  the server has too much to do (429, 503, 529)
    fail        the server or the way to it is broken      leave  it ended in a way that says nothing about the server
    hopeless    is it no use to go on?                     outlasted  the same for a server that has worked: for much longer

Concurrency follows TCP (slow start, then additive increase and multiplicative decrease): it doubles with every round until the
cap, an overload, or two rounds in a row that gave no more answers per second: one alone may be the client's own machine at
other work. As long as answers take hardly longer than one took that was alone, as the first of a run is, the server has room,
and it grows by four. Then it stays, and doubling is tried again now and then. An overload halves it, once for all the requests
that were in flight together, and from then on it grows slowly. A server that has worked and fails again and again is asked by
one request at a time until it answers; then the start is made once more.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

START_AT = 16
"""Requests in flight at first, or a quarter of the cap where that is more: a cap says something of the endpoint's size."""
START_AT_MOST = 64
"""However high the cap is."""
IN_TIME = 2.0
"""An answer is in time if it takes at most so many times as long as one that was alone."""
MORE, MORE_IN_TIME = 1, 3
"""By so much an answer raises the number of requests in flight while growth is fast: a round by two, or by four."""
FIRST_WAIT_S = 0.5
"""The first pause after a failure; each further one without a success between is twice as long."""
LONGEST_WAIT_S = 30.0
"""The longest such pause, unless the server asks for more."""
GIVE_UP_AFTER = 60.0
"""Minutes: a service that is down at night is up again by then, or will be down for hours."""
PATIENCE_S = 180.0
"""So long nothing but failures is borne where it may be the request's own fault, or nothing has worked yet; pauses the server
asked for not counted: time for a server to restart."""
MANY_FAILURES = 12
"""So many rounds of nothing but failures are borne, however long the pauses were."""
FEW_FAILURES = 4
"""Fewer rounds are never too many, once the endpoint has worked."""
HELPS = 1.1
"""Doubling helps if a round brings so many times the answers per second of the best round before."""
MISSES = 2
"""So many rounds in a row may bring no more, then doubling ends."""
LOOK_AGAIN = 8
"""After so many rounds that brought no more, doubling is tried once, and goes on if it helps."""


class Pace(NamedTuple):
    """What the user allows."""

    concurrency: int = 64
    """Most requests in flight."""
    rpm: float | None = None
    """Most requests a minute."""
    tpm: float | None = None
    """Most tokens a minute, sent and received."""
    give_up_after: float = GIVE_UP_AFTER
    """Minutes of nothing but failures after which an endpoint that has worked is given up."""


class Ticket(NamedTuple):
    """A request on its way."""

    at: float
    """When it started."""
    prompt_tokens: int
    """Tokens it was expected to send."""
    answer_tokens: int
    """Tokens it was expected to receive at most."""


class Pacer:
    """When the next request may start."""

    def __init__(self, pace: Pace, *, jitter: Callable[[], float] = random.random) -> None:
        """Start low; `jitter` gives numbers between 0 and 1."""
        self.most = max(1, pace.concurrency)
        self._give_up_after_s = 60 * pace.give_up_after
        self._start_at = min(self.most, max(START_AT, min(self.most // 4, START_AT_MOST)))
        self.limit = self._start_at
        self.active = 0
        self.proven = False
        """Whether anything was ever answered."""
        self.failures = 0
        """Rounds of failures since the last success; requests in flight together are one round."""
        self.last_success = float("-inf")
        self._jitter = jitter
        self._requests = None if pace.rpm is None else _Rate(pace.rpm)
        self._tokens = None if pace.tpm is None else _Rate(pace.tpm)
        self._paused_until = float("-inf")
        self._failing_since: float | None = None
        self._failed_first: float | None = None
        self._alone: Ticket | None = None
        self._alone_s = 0.0
        self._counted_at = float("-inf")
        self._cut_at = float("-inf")
        self._growth = _Growth()
        self._latest = float("-inf")
        self._shift = 0.0

    def time(self, now: float) -> float:
        """Return a time that never goes back, even if the clock does; a jump ahead only ends waits early."""
        if now + self._shift < self._latest:
            self._shift = self._latest - now
        self._latest = now + self._shift
        return self._latest

    def wait_s(self, now: float) -> float:
        """Return in how many seconds the next request may start, 0 for at once; infinite until one in flight has ended."""
        now = self.time(now)
        if self.active >= (1 if self.is_away else self.limit):
            return float("inf")
        waits = [self._paused_until - now, *(rate.wait_s(now) for rate in (self._requests, self._tokens) if rate)]
        return max(0.0, *waits)

    def take(self, now: float, prompt_tokens: int, answer_tokens: int) -> Ticket:
        """Note that a request starts, and what it is expected to need."""
        now = self.time(now)
        self.active += 1
        self._growth.before_request(now, self.limit)
        if self._requests:
            self._requests.take(now, 1)
        if self._tokens:
            self._tokens.take(now, prompt_tokens + answer_tokens)
        ticket = Ticket(now, prompt_tokens, answer_tokens)
        self._alone = ticket if self.active == 1 else None
        return ticket

    def succeed(self, ticket: Ticket, now: float, tokens: float | None = None) -> None:
        """Note that a request was answered, and how many tokens it needed."""
        now = self.time(now)
        full = self.active >= self.limit
        self.active -= 1
        if self.is_away:
            # Whatever was learned was learned of a server that has been away since.
            self.limit, self._growth = self._start_at, _Growth()
        self.proven = True
        self.last_success = now
        self.failures, self._failing_since, self._failed_first = 0, None, None
        if self._tokens and tokens is not None:
            self._tokens.take(now, tokens - ticket.prompt_tokens - ticket.answer_tokens)
        took_s = now - ticket.at
        if ticket is self._alone:
            self._alone_s = min(took_s, self._alone_s or took_s)
            if not full:
                self._growth.begin_anew()
                return
        more = MORE_IN_TIME if took_s <= IN_TIME * self._alone_s else MORE
        self.limit = self._growth.after_answer(now, self.limit, self.most, more, full=full)

    def overload(self, ticket: Ticket, now: float, asked_s: float | None = None) -> float:
        """Note that the server has too much to do, and asked for a pause or did not; return the pause for all, in seconds."""
        now = self.time(now)
        self.active -= 1
        self._count_failure(ticket, now)
        if ticket.at >= self._cut_at:
            self.limit = max(1, self.limit // 2)
            self._cut_at = now
            self._growth.slow_down()
        pause_s = self._backoff_s() if self.failures > 1 or asked_s is None else 0.0
        if asked_s is not None:
            # A little more than asked: at the very moment, others try too.
            asked_s *= 1 + 0.05 * self._jitter()
            pause_s = max(pause_s, asked_s)
            if self._failing_since is not None:
                self._failing_since += max(0.0, now + asked_s - max(now, self._paused_until))
        self.pause(now, pause_s)
        return pause_s

    def fail(self, ticket: Ticket, now: float) -> float:
        """Note that the server, or the way to it, is broken; after a few rounds without any success all rows pause.

        Returns that pause, in seconds.
        """
        now = self.time(now)
        self.active -= 1
        self._count_failure(ticket, now)
        pause_s = self._backoff_s() if self.failures > 1 else 0.0
        self.pause(now, pause_s)
        return pause_s

    def leave(self) -> None:
        """Note that a request ended in a way that says nothing about the server."""
        self.active -= 1

    def pause(self, now: float, seconds: float) -> None:
        """Let nothing start for so long."""
        self._paused_until = max(self._paused_until, self.time(now) + seconds)

    def hopeless(self, now: float) -> bool:
        """Return whether nothing has worked for so long that it makes no sense to go on."""
        if self._failing_since is None or self.failures < FEW_FAILURES:
            return False
        return self.failures >= MANY_FAILURES or self.time(now) - self._failing_since >= PATIENCE_S

    @property
    def is_away(self) -> bool:
        """Whether a server that has worked has failed for a few rounds."""
        return self.proven and self.failures >= FEW_FAILURES

    def outlasted(self, now: float) -> bool:
        """Return whether a server that has worked has failed for as long as the user wants to wait."""
        since = self._failed_first
        return self.is_away and since is not None and self.time(now) - since >= self._give_up_after_s

    def backoff_s(self, tries: int) -> float:
        """Return how long one row waits after so many failed tries: doubled each time, and somewhere in its upper half."""
        return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(tries - 1, 20)) * (0.5 + 0.5 * self._jitter())

    def _backoff_s(self) -> float:
        return self.backoff_s(self.failures)

    def _count_failure(self, ticket: Ticket, now: float) -> None:
        if self._failing_since is None:
            self._failing_since = self._failed_first = now
        if ticket.at >= self._counted_at:
            self.failures += 1
            self._counted_at = now


class _Growth:
    """How the limit of requests in flight grows, round by round; a round is as many answers as the limit at its start."""

    def __init__(self) -> None:
        self._fast = True
        self._overloaded = False
        self._began: float | None = None
        self._size = 0
        self._answers = 0
        self._full = False
        self._best, self._best_size = 0.0, 0
        self._misses, self._misses_allowed = 0, MISSES

    def slow_down(self) -> None:
        """Note an overload: from now on growth is slow, and what was best before counts no longer."""
        self._fast, self._overloaded = False, True
        self._began, self._best, self._misses = None, 0.0, 0

    def begin_anew(self) -> None:
        """Let the next round begin with the next request."""
        self._began = None

    def before_request(self, now: float, limit: int) -> None:
        """Begin a round, where none is going on."""
        if self._began is None:
            self._began, self._size, self._answers, self._full = now, limit, 0, False

    def after_answer(self, now: float, limit: int, most: int, more: int, *, full: bool) -> int:
        """Return the new limit after an answer: at best by `more` higher, `most` at most.

        `full` says whether the limit was used up.
        """
        if limit >= most:
            self._began = None
            return most
        self._answers += 1
        self._full |= full
        # One more for each answer doubles the limit in a round.
        grown = limit + more if self._fast and self._full else limit
        if self._answers >= self._size and self._began is not None:
            if self._full:
                grown = self._judge(max(now - self._began, 1e-6), grown)
            self._began, self._size, self._answers, self._full = now, min(most, grown), 0, False
        return min(most, grown)

    def _judge(self, seconds: float, limit: int) -> int:
        """Return the limit after a round that took so long."""
        rate = self._answers / seconds
        helped = rate >= self._best * HELPS
        self._misses = 0 if helped else self._misses + 1
        if helped:
            self._best_size = self._size
        self._best = max(rate, self._best)
        if self._fast:
            if self._misses < self._misses_allowed:
                return limit
            self._fast, self._misses = False, 0
            return self._best_size
        if self._misses >= LOOK_AGAIN and not self._overloaded:
            # The round that begins now is as large as this one: only the next can bring more.
            self._fast, self._misses, self._misses_allowed = True, -1, 1
            self._best, self._best_size = rate, self._size
            return limit
        if not self._overloaded:
            return limit
        # Where more in flight has brought nothing, look again now and then, since rounds differ.
        return limit + max(1, limit // 16) if self._misses % 2 == 0 else limit


class _Rate:
    """At most so many a minute, evenly spread, with one second's worth at once (the generic cell rate algorithm)."""

    BURST_S = 1.0

    def __init__(self, per_minute: float) -> None:
        self._interval_s = 60.0 / per_minute
        self._free_at = float("-inf")

    def wait_s(self, now: float) -> float:
        """Return the seconds until the next may start."""
        return self._free_at - self.BURST_S - now

    def take(self, now: float, amount: float) -> None:
        """Book so many; less than none corrects what was booked before."""
        self._free_at = max(self._free_at, now) + amount * self._interval_s
