"""Rows on their way through the teacher: the loop, driven row by row, every answer on disk before the next question."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

from tracegen.errors import BudgetError, InputError, StoreError, TeacherError, TracegenError
from tracegen.garbage import rarely_collected
from tracegen.records import Enough, Further, Response, Row, Tool, ToolReturn, Trace, Usage
from tracegen.teacher import Failure, Teacher
from tracegen.teacher.loop import GOES_ON, Ask, Finish, Loop, Search
from tracegen.traces.leaks import REFUSAL
from tracegen.traces.passes import Passes
from tracegen.traces.ratings import Rater, Rating
from tracegen.traces.runfile import Event, EventKind, RunFile, Statement

ROWS_WITHOUT_CALLS = 3
"""So many rows are tried, one after the other, before an endpoint that never calls the function is given up."""

DRAIN_S = 60.0
"""So long a run that stops waits for answers that are on their way."""
REPORT_S = 0.1
"""Progress is told at most so often."""

BROKEN_ROWS = 5
"""So many rows in a row that the endpoint fails for are not the rows' fault."""
REFUSED_ROWS = 20
"""So many that it refuses, whether or not it answers others between, are not either, where none comes to a good end; nor are
the first so many of a start, where they end in whatever way before a search could be made."""

_OTHER_VERSION = "The run file does not fit this version of tracegen. Use the version that made it, or another -o."

SearchFunction = Callable[[str], Awaitable[ToolReturn]]


Given = Response | ToolReturn | Failure | Further | Enough
_KINDS: dict[type[Given], EventKind] = {
    Response: "response", ToolReturn: "return", Failure: "failure", Further: "further", Enough: "enough",
}  # fmt: skip


class Progress(NamedTuple):
    """How far a run is."""

    rows: int
    """Rows to research in all."""
    finished: int
    """Rows finished, those of earlier starts among them."""
    unusable: int
    """Lines of the dataset that are no row."""
    calls: int
    """Searches made since this start."""
    usage: Usage
    """What this start asked of the teacher."""
    note: str = ""
    """Why nothing happens just now, such as a pause that the server asked for."""
    news: str = ""
    """A sentence that is to be told once, bar or no bar, such as that the endpoint does not answer any more."""
    stopping: bool = False
    """Whether the run was interrupted, and only waits for the answers that are on their way."""
    in_flight: int = 0
    """Requests on their way just now."""


class Research:
    """The rows of a run on their way through the teacher."""

    def __init__(
        self,
        run: RunFile,
        teacher: Teacher,
        search: SearchFunction,
        tool: Tool,
        *,
        prompt: str | None,
        max_hops: int,
        rater: Rater | None = None,
        passes: Passes | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        """Prepare; nothing is asked yet.

        With a `rater` the support of each row is stored with its trace, and leaks are refused; with `passes`, which need one,
        rows whose support is too low go on, finished ones too.
        """
        self._run, self._teacher, self._search, self._tool = run, teacher, search, tool
        self._tools = [tool.definition]
        self._prompt, self._max_hops, self._progress = prompt, max_hops, progress
        self._started_rows = run.started_rows()
        self._rater, self._passes = rater, passes
        self._short = deque(passes.short_rows(run) if passes else ())
        self._started_rows.update(self._short)
        self._counts = run.counts()
        self.resumed = self._counts["finished"]
        self.finished = self.resumed
        self.to_do = self._counts["rows"] - self.resumed + len(self._short)
        """Rows to research, finished ones that may go on among them."""
        self.calls = 0
        self.usage = Usage()
        self.usage_in_batches = Usage()
        """The part of `usage` at a batch service's price."""
        # Until the teacher's first search, rows go one by one: what is wrong with it then costs a few requests.
        self._proven = asyncio.Event()
        if run.has_hops():
            self._proven.set()
        self._without_calls: list[str] = []
        self._without_search = 0
        self._broken: list[str] = []
        self._refused: list[str] = []
        self._stopped: TracegenError | None = None
        self.hold_back: Callable[[TracegenError], None] = lambda _: None
        """Called with what the run stops with: keeps back requests that wait to be sent."""
        self.in_flight: Callable[[], int] = lambda: 0
        """Returns how many requests are on their way."""
        self.stop_searching: Callable[[], None] = lambda: None
        """Called when the run stops: ends searches, which the next start can make as well."""
        self._stopping = False
        self._reported_at = float("-inf")

    async def run(self, concurrency: int, rows: Iterator[Row] | None = None) -> None:
        """Research these rows, or all open ones, so many at a time.

        Cancelled, it still waits for the answers that are on their way, and keeps them. So it does before it raises
        TeacherError where it makes no sense to go on, BudgetError where the budget is reached, StoreError where a search fails.
        """
        rows = self._rows() if rows is None else rows
        self._report(at_once=True)
        workers: list[asyncio.Future[None]] = [
            asyncio.ensure_future(self._work(rows, first=number == 0)) for number in range(concurrency)
        ]
        try:
            with rarely_collected():
                await self._all_done(workers)
        except asyncio.CancelledError:
            await self._drain(workers)
            raise
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        if isinstance(self._stopped, TeacherError):
            # It was the endpoint, not these rows: the next start asks again.
            await self._forget([*self._broken, *self._refused])
        if self._stopped is not None:
            raise self._stopped
        self._report(at_once=True)

    def _rows(self) -> Iterator[Row]:
        """Yield the open rows, then the finished ones that may go on because their support is too low."""
        yield from self._run.open_rows()
        while self._short:
            self.finished -= 1
            yield self._run.row(self._short.popleft())

    async def _all_done(self, workers: list[asyncio.Future[None]]) -> None:
        """Wait for all rows; when something stops the run, only for the answers on their way, which have to be paid anyway."""
        pending = set(workers)
        while pending:
            patience_s = None if self._stopped is None else DRAIN_S
            done, pending = await asyncio.wait(pending, timeout=patience_s, return_when=asyncio.FIRST_COMPLETED)
            for worker in done:
                worker.result()
            if not done:
                return

    async def _drain(self, workers: list[asyncio.Future[None]]) -> None:
        """Send nothing more, and wait for the answers on their way: they have to be paid, and the next start needs them."""
        self._stopping = True
        self.hold_back(self._stop(TeacherError("The run was interrupted.")))
        self._report(at_once=True)
        await asyncio.wait(workers, timeout=DRAIN_S)

    def _stop(self, error: TracegenError) -> TracegenError:
        """Begin nothing more, and return what the run stops with: this, or what came before."""
        self._stopped = self._stopped or error
        self._proven.set()
        self.stop_searching()
        return self._stopped

    async def _work(self, rows: Iterator[Row], *, first: bool) -> None:
        if not first:
            await self._proven.wait()
        try:
            while self._stopped is None and (row := next(rows, None)) is not None:
                trace = await self._research(row)
                if trace is None:
                    return
                if trace.ended in GOES_ON and trace.hops:
                    self._refused.clear()
                if not self._proven.is_set() and trace.ended not in GOES_ON:
                    await self._count_without_search(row.id, trace)
                self.finished += 1
                self._report()
        except (TeacherError, BudgetError, StoreError) as error:
            self.hold_back(self._stop(error))
        if first:
            self._proven.set()

    async def _give_unasked(self, row: Row, loop: Loop, step: Ask | Search | Finish) -> tuple[Given | None, Rating | None]:
        """Return what a loop is given without asking the teacher, and the rating of finished research.

        Nothing is given where the teacher is to be asked, and where the research of the row is at its end.
        """
        if isinstance(step, Finish):
            rating, further = await self._judge(row, step.trace)
            return further, rating
        if isinstance(step, Ask):
            return await self._enough(row, loop), None
        return await self._look_up(row, loop, step.query), None

    async def _research(self, row: Row) -> Trace | None:
        """Research one row, from where it was left, and return its trace; None where the run stops before its end."""
        loop = Loop(row, self._tool, max_hops=self._max_hops, prompt=self._prompt)
        recorded = self._run.events(row.id) if row.id in self._started_rows else []
        for event in recorded:
            take_event(loop, event)
        seq = len(recorded)
        writing: list[asyncio.Future[None]] = []
        try:
            while True:
                step = loop.step()
                given, rating = await self._give_unasked(row, loop, step)
                if given is None:
                    if not isinstance(step, Ask):
                        break
                    # On disk before the next request is sent; until then, searching and writing go on side by side.
                    await _written(writing)
                    if self._stopped is not None:
                        return None
                    given = await self._ask(row.id, step)
                writing.append(self._run.submit(row.id, seq, event_of(given)))
                _give(loop, given)
                seq += 1
                self._report()
            writing.append(self._run.submit_trace(row.id, loop.trace, *self._rated(row, loop.trace, rating)))
            await _written(writing)
        finally:
            if writing:
                await asyncio.wait(writing)
        return loop.trace

    async def _judge(self, row: Row, trace: Trace) -> tuple[Rating | None, Further | None]:
        """Return the rating of a row that the teacher is done with, and what it is told so that it goes on, if anything."""
        if self._rater is None:
            return None, None
        # Milliseconds for a row, seconds for the first one, which reads the documentation: other rows go on meanwhile.
        rating = await asyncio.to_thread(self._rater.rate, row, trace)
        if self._passes is None:
            return rating, None
        return rating, await asyncio.to_thread(self._passes.further, trace, rating)

    async def _enough(self, row: Row, loop: Loop) -> Enough | None:
        """Return what ends searching on, where the last search has brought what was wanted."""
        if self._passes is None or self._rater is None or not loop.further or len(loop.hops) == loop.further[-1].after:
            return None
        return self._passes.enough(await asyncio.to_thread(self._rater.rate, row, loop.trace))

    async def _look_up(self, row: Row, loop: Loop, query: str) -> ToolReturn:
        """Return what the tool returns, or a refusal where a teacher that was told to search on asks what it cannot know."""
        rater = self._rater if loop.further else None
        if rater is not None and await asyncio.to_thread(rater.leaks, row, loop.hops, query):
            return REFUSAL
        if self._stopped is not None:
            raise self._stopped
        # Not before: a server whose parser does not fit its model makes calls, too, but none that can be looked up.
        self._proven.set()
        self.calls += 1
        try:
            return await self._search(query)
        except TracegenError:
            if self._stopped is not None:
                raise self._stopped from None
            raise

    def _rated(self, row: Row, trace: Trace, rating: Rating | None) -> list[Statement]:
        """Return what stores a rating with its trace."""
        return [self._rater.storing(row, trace, rating)] if self._rater and rating else []

    async def _ask(self, row_id: str, step: Ask) -> Response | Failure:
        reply = await self._teacher.reply(step.messages, self._tools, step.tool_choice)
        if isinstance(reply, Failure):
            if reply.broken:
                _count_failed(self._broken, row_id, BROKEN_ROWS, f"none was answered between. {reply.detail}")
            elif reply.unexplained:
                _count_failed(self._refused, row_id, REFUSED_ROWS, f"none came to a good end between. {reply.detail}")
            return reply
        self._broken.clear()
        self.usage += reply.usage
        return reply

    async def _count_without_search(self, row_id: str, trace: Trace) -> None:
        """Count a row that ended before any row had a search; after a few, give up.

        Those without a call are forgotten, so that the next start asks again; the others it leaves as they are, so that it gets
        beyond rows that a teacher refuses.
        """
        self._without_search += 1
        said = trace.detail.rstrip(".")
        if trace.ended == "no_calls":
            self._without_calls.append(row_id)
        if len(self._without_calls) >= ROWS_WITHOUT_CALLS:
            await self._forget(self._without_calls)
            raise TeacherError(
                f"{self._teacher.name!r} answered {len(self._without_calls)} rows without calling the function it must call. "
                f"Of the last it is said: {said}. Choose a model that can call functions, and a server that is started "
                "with tool calling on."
            )
        if self._without_search >= REFUSED_ROWS:
            raise TeacherError(
                f"{self._without_search} rows have ended, and none with a search. Of the last it is said: {said}. "
                "Mend that, and run the same command again with --retry failed; without, it goes on with the rows after these."
            )

    async def _forget(self, row_ids: list[str]) -> None:
        for row_id in row_ids:
            await self._run.forget(row_id)

    def say(self, note: str) -> None:
        """Show a note beside the progress until something is answered."""
        self._report(note, at_once=True)

    def tell(self, news: str) -> None:
        """Have a sentence told."""
        self._report(news=news, at_once=True)

    def _report(self, note: str = "", news: str = "", *, at_once: bool = False) -> None:
        # Drawing it for every answer would cost as much as the answer itself.
        now = time.monotonic()
        if not at_once and now - self._reported_at < REPORT_S:
            return
        self._reported_at = now
        self._progress(
            Progress(
                self._counts["rows"],
                self.finished,
                self._counts["rejected"],
                self.calls,
                self.usage,
                note,
                news,
                self._stopping,
                self.in_flight(),
            )
        )


def _count_failed(rows: list[str], row_id: str, most: int, and_what: str) -> None:
    """Add a row to those that failed; raise TeacherError where there are as many as `most` with it.

    Then nothing of this one is recorded, so that it is not to be forgotten: that would take what was answered before.
    """
    if len(rows) + 1 >= most:
        kept = "What was answered is kept: mend that, and run the same command again to go on."
        raise TeacherError(f"{most} rows in a row failed, and {and_what}. {kept}")
    rows.append(row_id)


async def _written(writing: list[asyncio.Future[None]]) -> None:
    """Wait until all of it is on disk, and empty the list."""
    for done in writing:
        await done
    writing.clear()


def event_of(given: Given) -> Event:
    """Return the event that records what a loop was given."""
    return Event(_KINDS[type(given)], given.model_dump_json())


def take_event(loop: Loop, event: Event) -> None:
    """Give the loop a recorded event. Raises InputError where it does not fit, or cannot be read."""
    record = next((kind for kind, name in _KINDS.items() if name == event.kind), None)
    if record is None:
        raise InputError(_OTHER_VERSION)
    try:
        given = record.model_validate_json(event.body)
    except ValueError as error:
        raise InputError(
            f"The run file is damaged: a {event.kind} in it cannot be read ({' '.join(str(error).split())[:120]}). Put a copy "
            "of it in its place, or start anew with another -o."
        ) from None
    _give(loop, given)


def _give(loop: Loop, given: Given) -> None:
    """Give the loop what it asked for.

    Raises InputError where it did not ask for that, which can only be so after a replay by another version.
    """
    step = loop.step()
    if isinstance(given, ToolReturn) and isinstance(step, Search):
        loop.take_return(given)
    elif isinstance(given, Response) and isinstance(step, Ask):
        loop.take_response(given)
    elif isinstance(given, Failure) and isinstance(step, Ask):
        loop.take_failure(given)
    elif isinstance(given, Further) and isinstance(step, Finish):
        loop.take_further(given)
    elif isinstance(given, Enough) and isinstance(step, Ask):
        loop.take_enough()
    else:
        raise InputError(_OTHER_VERSION)
