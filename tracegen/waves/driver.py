"""Rows on their way through a batch service: the same loop, in waves.

The next request of every open row goes into one file (or several, where a service limits their size); the file is answered as a
batch; each answer is recorded as if it had come at once, the searches are made, and the next wave begins. What a batch has not
answered is asked again by the next wave. All of it is in the run file, so that a run can be stopped and started again at any
step, over days: a batch is written down with a key of its own before it is submitted, and where it is not known whether it was,
the service's list of batches is searched for that key first.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from tracegen.errors import AnswersPending, BudgetError, SettingsError, TeacherError
from tracegen.records import Row, Tool
from tracegen.research import Progress, Research, SearchFunction, event_of, take_event
from tracegen.teacher import Failure
from tracegen.teacher.batch import Passing, Service, Status
from tracegen.teacher.chat import ChatTeacher
from tracegen.teacher.loop import Ask, Loop
from tracegen.teacher.size import ANSWER_TOKENS, BYTES_PER_TOKEN
from tracegen.teacher.wire import returns
from tracegen.traces import batches
from tracegen.traces.batches import Batch, Request
from tracegen.traces.passes import Passes
from tracegen.traces.ratings import Rater
from tracegen.traces.runfile import RunFile
from tracegen.waves.collecting import Collected, Collector
from tracegen.waves.files import WaveFiles, line_bytes, remove_leftovers
from tracegen.wording import are, counted, verb

MAX_TRIES = 3
"""So many batches may leave a request without an answer; then its row ends with an error."""
FEW_ROWS = 20
"""With `finish_sync`, a wave of fewer rows is not worth a batch."""
MAX_REQUESTS = 50_000
"""OpenAI's limit for a batch, 2026-11."""
MAX_MB = 200.0
"""OpenAI's limit for the file of a batch, 2026-11, in 10^6 bytes."""
BATCH_PRICE = 0.5
"""What a batch service charges, as a share of the normal price: at OpenAI, Azure, Together, Groq and others (2026-11)."""
POLL_S = (15.0, 300.0)
"""Seconds between two looks at a batch: at first, and at most."""
FAILED_LOOKS = 40
"""So many looks in a row may fail before the run stops: more than three hours."""

T = TypeVar("T")


@dataclass(frozen=True)
class BatchOptions:
    """How a run uses a batch service."""

    folder: Path | None = None
    """Folder to write the files to and read the answers from; None for the Batch API of the teacher's endpoint."""
    launch: bool = True
    """False: only collect what is out, then go on row by row."""
    cancel: bool = False
    """Cancel what is out, and collect what was answered until then."""
    finish_sync: bool = False
    """Research rows whose request a batch did not answer, and the last few, row by row."""
    batch_only: bool = False
    """Send nothing outside of batches, not even the first row."""
    wait: bool = True
    """Wait for answers; False: raise AnswersPending where they are not there."""
    max_requests: int = MAX_REQUESTS
    """Most requests in a file."""
    max_mb: float = MAX_MB
    """Most megabytes of a file."""
    poll_s: tuple[float, float] = POLL_S
    """Seconds between two looks at the service: at first, and at most."""
    say: Callable[[str], None] = lambda _: None
    """Is told what happens, in sentences."""


class Waves(Research):
    """The rows of a run on their way through a batch service."""

    def __init__(
        self,
        run: RunFile,
        teacher: ChatTeacher,
        search: SearchFunction,
        tool: Tool,
        service: Service,
        options: BatchOptions,
        *,
        prompt: str | None,
        max_hops: int,
        rater: Rater | None = None,
        passes: Passes | None = None,
        progress: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        """Prepare as Research does; nothing is asked yet.

        Raises SettingsError where batches are out that another kind of service has.
        """
        super().__init__(
            run, teacher, search, tool, prompt=prompt, max_hops=max_hops, rater=rater, passes=passes, progress=progress
        )
        self._chat, self._service, self._options = teacher, service, options
        self._collector = Collector(run, teacher, options.say)
        self._delay_s = options.poll_s[0]
        # Files may be answered by anything, so they count at the full price.
        self._price_share = BATCH_PRICE if service.via == "service" else 1.0
        self._answer_tokens = teacher.asking.max_tokens or ANSWER_TOKENS
        self._budget_reached = False
        if wrong := [batch for batch in batches.batches_out(run) if batch.via != service.via]:
            other = "--batch" if wrong[0].via == "service" else "the same --batch-files"
            raise SettingsError(
                f"{counted(len(wrong), 'batch', 'batches')} of this run {are(len(wrong))} out by way of a {wrong[0].via}, "
                f"not of a {service.via}. Go on with {other}, or add --cancel-batches to it to give them up."
            )

    async def run(self, concurrency: int, rows: Iterator[Row] | None = None) -> None:
        """Research all open rows in waves; `concurrency` is for the searches.

        Raises TeacherError where it makes no sense to go on, AnswersPending where it would have to wait and shall not.
        """
        self._report()
        await self._begin()
        if budget := self._chat.gate.budget:
            for batch in batches.batches_out(self._run):
                budget.hold(self._expected(batch.bytes, batch.requests), self._price_share)
        answered = await self._look()
        first = True
        if self._options.launch and not (self._options.batch_only or self._options.folder or self._proven.is_set()):
            await self._row_by_row(1, self._rows_until_proven())
        while True:
            out = batches.batches_out(self._run)
            # After a refusal for too much work at a time, new files would be refused as well.
            if self._options.launch and (answered or first or not out):
                await self._launch(concurrency)
                out = batches.batches_out(self._run)
            if not out and self._budget_reached and self._chat.gate.budget:
                raise BudgetError(self._chat.gate.budget.sentence())
            if not out:
                break
            answered, first = await self._look(), False
            if not answered:
                await self._wait(out)
        if not self._options.launch:
            await self._row_by_row(concurrency, self._rows())

    async def _row_by_row(self, concurrency: int, rows: Iterator[Row]) -> None:
        """Research rows on the normal path, from where batches have brought them."""
        self._started_rows = self._run.started_rows()
        await super().run(concurrency, rows)

    # --- what is out -----------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Take away what was prepared but never left, and cancel the rest if that is wanted."""
        remove_leftovers(self._run.path)
        for batch in batches.batches_out(self._run):
            if batch.state == "prepared":
                await self._service.forget(self._name(batch.key))
                await batches.drop_batch(self._run, batch.key)
        if self._options.cancel:
            for batch in batches.batches_out(self._run):
                await self._cancel(batch)

    async def _cancel(self, batch: Batch) -> None:
        if batch.state == "uploaded":
            batch_id = await self._patiently(lambda: self._service.find(str(batch.file_id), batch.key))
        else:
            batch_id = batch.batch_id
        known = batch_id is not None and await self._patiently(lambda: self._service.cancel(str(batch_id)))
        if known:
            await batches.set_submitted(self._run, batch.key, str(batch_id))
            self._options.say(f"Batch {batch_id} is cancelled; what it has answered is collected.")
        elif self._service.via == "folder" and (await self._service.status(str(batch_id))).done:
            return  # the answers are there already
        else:
            await batches.set_collected(self._run, batch.key, rest="not sent", note="given up")
            self._options.say(f"Batch {batch_id or batch.key} is given up: its requests will be made anew.")

    async def _look(self) -> int:
        """Submit what is uploaded, collect what is done, and return how many requests were answered.

        Raises TeacherError, after everything that is done has been collected, where it makes no sense to go on.
        """
        found: list[Collected] = []
        for batch in batches.batches_out(self._run):
            if batch.state == "uploaded":
                batch = await self._submit(batch)
            status = await self._patiently(lambda batch_id=batch.batch_id: self._service.status(str(batch_id)))  # type: ignore[misc]
            if status.said != batch.status:
                await batches.set_status(self._run, batch.key, status.said)
            if status.done:
                found.append(await self._collect(batch, status))
        answered = sum(collected.answered for collected in found)
        goes_on = answered > 0 or bool(batches.batches_out(self._run))
        for collected in found:
            if collected.stops and not (collected.too_much and goes_on):
                raise TeacherError(collected.stops)
            if collected.empty and not self._options.finish_sync:
                raise TeacherError(collected.empty)
        return answered

    async def _submit(self, batch: Batch, *, fresh: bool = False) -> Batch:
        """Submit a batch whose file is uploaded; unless it was uploaded just now, it may have been submitted already."""
        file_id, key = str(batch.file_id), batch.key
        batch_id = None if fresh else await self._patiently(lambda: self._service.find(file_id, key))
        for _ in range(FAILED_LOOKS):
            if batch_id is not None:
                break
            try:
                batch_id = await self._service.submit(file_id, key)
            except Passing as problem:
                # It may have been submitted all the same.
                self._options.say(f"It is not certain whether a batch was submitted ({problem}); looking for it.")
                await asyncio.sleep(self._options.poll_s[0])
                batch_id = await self._patiently(lambda: self._service.find(file_id, key))
        if batch_id is None:
            raise TeacherError("The batch service takes no batch just now. Run the same command again later to go on.")
        await batches.set_submitted(self._run, key, batch_id)
        return batch._replace(state="submitted", batch_id=batch_id)

    async def _collect(self, batch: Batch, status: Status) -> Collected:
        paths = [self._run.path.with_name(f"{self._run.path.name}.{batch.key}.{n}.part") for n in range(len(status.files))]
        for file_id, path in zip(status.files, paths, strict=True):
            await self._patiently(lambda file_id=file_id, path=path: self._service.download(file_id, path))  # type: ignore[misc]
        collected = await self._collector.collect(batch, status, paths)
        for path in paths:
            path.unlink(missing_ok=True)
        self.usage += collected.usage
        if self._service.via == "service":
            self.usage_in_batches += collected.usage
        if budget := self._chat.gate.budget:
            budget.settle(self._expected(batch.bytes, batch.requests), collected.usage.tokens, self._price_share)
        if collected.has_calls:
            self._proven.set()
        self._report()
        return collected

    async def _wait(self, out: list[Batch]) -> None:
        """Wait before the next look, or say what is missing and stop."""
        if not (self._options.wait and self._service.waits):
            raise AnswersPending(_pending(batches.batches_out(self._run), self._service.where))
        await asyncio.sleep(self._delay_s)
        self._delay_s = min(self._delay_s * 1.5, self._options.poll_s[1])

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the service something that may be asked again, until it answers."""
        for number in range(FAILED_LOOKS):
            try:
                return await ask()
            except Passing as problem:
                if number == 0:
                    self._options.say(f"The batch service cannot be asked just now ({problem}); trying again.")
                last = problem
                await asyncio.sleep(self._options.poll_s[min(number, 1)])
        raise TeacherError(
            f"The batch service cannot be asked: {last}. Batches that are out go on: run the same command again."
        )

    # --- what goes out ---------------------------------------------------------------------------------------------------

    def _rows_until_proven(self) -> Iterator[Row]:
        """Yield rows one by one until the teacher has made a call: what is wrong with it then costs seconds, not a day."""
        out = batches.rows_out(self._run)
        for row in self._run.open_rows():
            if self._proven.is_set():
                return
            if row.id not in out:
                yield row

    async def _launch(self, concurrency: int) -> None:
        """Bring every row that waits for nothing to its next question, and submit these questions."""
        wave = max((batch.wave for batch in batches.all_batches(self._run)), default=0) + 1
        files = WaveFiles(self._run, wave, self._service.via, self._options.max_requests, self._options.max_mb)
        out, unanswered = batches.rows_out(self._run), list[Row]()
        rows = (row for row in self._rows() if row.id not in out)
        self._budget_reached = False
        while not self._budget_reached and (chunk := list(islice(rows, max(concurrency, 1)))):
            for row, asked in zip(chunk, await asyncio.gather(*map(self._next_question, chunk)), strict=True):
                if asked is None:
                    continue
                if self._options.finish_sync and batches.tries(self._run, row.id, asked[0].seq):
                    unanswered.append(row)
                elif not self._reserve(*asked):
                    self._budget_reached = True
                elif not await files.add(*asked):
                    self._release(line_bytes(*asked), 1)
                    await self._next_question(row)
        size, requests = files.bytes, files.requests
        if self._options.finish_sync and not out and 0 < requests < FEW_ROWS and files.discard():
            self._release(size, requests)
            unanswered = list(self._run.open_rows())
        await self._send(await files.finish())
        if unanswered:
            self._options.say(f"{counted(len(unanswered), 'row')} {are(len(unanswered))} finished on the normal path.")
            await self._row_by_row(concurrency, iter(unanswered))

    def _expected(self, size: int, requests: int) -> tuple[float, float]:
        """Return the tokens to send and, at most, to receive for so many requests of so many bytes."""
        return size / BYTES_PER_TOKEN, requests * self._answer_tokens

    def _reserve(self, request: Request, body: bytes) -> bool:
        """Reserve the money for a request; False where the budget does not allow it."""
        budget = self._chat.gate.budget
        return budget is None or budget.reserve(self._expected(line_bytes(request, body), 1), self._price_share)

    def _release(self, size: int, requests: int) -> None:
        """Give back what was reserved for requests that are not sent."""
        if budget := self._chat.gate.budget:
            budget.settle(self._expected(size, requests), share=self._price_share)

    async def _send(self, prepared: list[tuple[str, Path]]) -> None:
        for key, path in prepared:
            file_id = await self._patiently(lambda key=key, path=path: self._service.upload(path, self._name(key)))  # type: ignore[misc]
            await batches.set_uploaded(self._run, key, file_id)
            path.unlink(missing_ok=True)
        self._delay_s = self._options.poll_s[0]
        for batch in batches.batches_out(self._run):
            if batch.state == "uploaded":
                batch = await self._submit(batch, fresh=True)
                asked = counted(batch.requests, "request")
                self._options.say(f"Wave {batch.wave}, file {batch.part}: {asked}, batch {batch.batch_id}")

    def _name(self, key: str) -> str:
        """Return the name of a batch's file, without an ending."""
        return f"{self._run.path.name.removesuffix('.run.db')}.{key}"

    async def _next_question(self, row: Row) -> tuple[Request, bytes] | None:
        """Bring a row to its next question, making its searches; None where it is finished."""
        loop = Loop(row, self._tool, max_hops=self._max_hops, prompt=self._prompt)
        seq = 0
        for event in self._run.events(row.id):
            take_event(loop, event)
            seq += 1
        while True:
            step = loop.step()
            given, rating = await self._give_unasked(row, loop, step)
            if given is None:
                if not isinstance(step, Ask):
                    break
                if batches.tries(self._run, row.id, seq) < MAX_TRIES:
                    return self._request(row.id, seq, step)
                given = Failure(detail=f"{MAX_TRIES} batches ended without an answer to the request")
            event = event_of(given)
            await self._run.record(row.id, seq, event)
            take_event(loop, event)
            seq += 1
        await self._run.finish(row.id, loop.trace, *self._rated(row, loop.trace, rating))
        self.finished += 1
        self._report()
        return None

    def _request(self, row_id: str, seq: int, step: Ask) -> tuple[Request, bytes]:
        """Return the request for a question, shorter where the conversation was too long before."""
        fields, returned = self._chat.fields(step.tool_choice), len(returns(step.messages))
        left_out = _left_out(batches.times_too_long(self._run, row_id), returned)
        body = self._chat.body(step.messages, [self._tool.definition], fields, left_out)
        return Request(row_id, seq, {**fields, batches.MAY_LEAVE_OUT: returned - left_out}), body


def _left_out(times_too_long: int, returned: int) -> int:
    """Return how many of the returns that may be left out are, after a conversation was too long so many times.

    On the normal path it is one more each time. Here each time is a wave, which may take a day, so they are 1, 3, 7, ...
    """
    return int(min(2**times_too_long - 1, returned))


def _pending(out: list[Batch], where: Callable[[str], str]) -> str:
    requests = sum(batch.requests for batch in out)
    what = [f"{place} ({batch.status})" for batch in out if (place := where(str(batch.batch_id)))]
    if what:
        return (
            f"{counted(requests, 'request')} in {counted(len(out), 'file')} {verb(requests, 'wait')} for answers:\n  "
            + "\n  ".join(what)
            + "\nPut the answers beside them under these names, and run the same command again. If fewer answers will come "
            "than there are requests, put a file beside them with .errors. for .answers. in its name; it may be empty."
        )
    ids = ", ".join(str(batch.batch_id) for batch in out)
    asked, sent = counted(requests, "request"), counted(len(out), "batch", "batches")
    return f"{asked} {are(requests)} out in {sent} ({ids}). Run the same command again later to collect the answers."
