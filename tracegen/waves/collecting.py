"""What a batch brought: each answer becomes the same event in the run file that it would be on the normal path."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tracegen.jsonl import read_lines
from tracegen.records import Response, Usage
from tracegen.research import REFUSED_ROWS
from tracegen.teacher import Failure
from tracegen.teacher.batch import Answer, Status, Trouble, read_answer
from tracegen.teacher.chat import TOO_LONG, ChatTeacher
from tracegen.teacher.leaked import calls_of
from tracegen.teacher.size import BYTES_PER_TOKEN, with_estimate
from tracegen.traces import batches
from tracegen.traces.batches import Batch, Request
from tracegen.traces.runfile import QUIRKS, Event, RunFile, Statement, remembering
from tracegen.wording import are, counted, have, were

LINES_AT_ONCE = 256
"""Answers written in one transaction."""
ROWS_WITHOUT_CALLS = 3
"""A first batch with so many answers, none of which is a call, means that the teacher cannot call functions."""
_TOO_MUCH = "token_limit_exceeded", "enqueued token limit", "too many"


class Collected(NamedTuple):
    """What a batch brought."""

    answered: int
    """Requests answered now, or refused for good."""
    usage: Usage
    """What they cost."""
    has_calls: bool
    """Whether any answer made a call."""
    stops: str | None
    """Why every other batch would end in the same way, or None."""
    too_much: bool
    """Whether that is so only as long as other batches are out."""
    empty: str | None
    """Why nothing was answered, or None."""


class Collector:
    """Takes what batches brought into the run file."""

    def __init__(self, run: RunFile, teacher: ChatTeacher, say: Callable[[str], None]) -> None:
        """Collect for this run; `say` is told what should not be there."""
        self._run, self._teacher, self._say = run, teacher, say

    async def collect(self, batch: Batch, status: Status, files: list[Path]) -> Collected:
        """Take the files of a batch that is done. Killed in the middle and called again, it goes on where it was."""
        requests = batches.requests_of(self._run, batch.key)
        done = sum(request.outcome in ("answered", "refused") for request in requests.values())
        # How large a single request was is not kept.
        prompt_tokens = int(batch.bytes / max(batch.requests, 1) / BYTES_PER_TOKEN) + 1
        taker = _Taker(batch.key, requests, self._teacher, prompt_tokens)
        statements: list[Statement] = []
        for path in files:
            for line in read_lines(path):
                answer = read_answer(line.value)
                if answer is None:
                    taker.unreadable += 1
                else:
                    statements += taker.take(answer)
                if len(statements) >= LINES_AT_ONCE:
                    await self._run.write(*statements)
                    statements = []
        # Refusals count against their rows only where others were answered: else it is the request, not the row. That the first
        # row was answered on the normal path says nothing of so many.
        proven = taker.answered + done > 0 or (self._run.has_hops() and len(taker.refused) < REFUSED_ROWS)
        statements += taker.refusals(for_good=proven)
        if taker.learned:
            # With the batch, not at the end of the start: learning it again would cost another wave.
            statements.append(remembering(QUIRKS, self._teacher.quirks.known))
        await self._run.write(*statements)
        rest: batches.Outcome = "missing"
        if status.problem or status.said in ("expired", "cancelled"):
            rest = "expired" if status.said == "expired" else "not sent"
        await batches.set_collected(self._run, batch.key, rest=rest, note=status.problem or taker.note())
        self._report(batch, status, taker)
        answered = taker.answered + (len(taker.refused) if proven else 0)
        changed = taker.learned or taker.too_long or any(request.outcome == "too long" for request in requests.values())
        nothing = answered + done == 0 and not (changed or status.problem or status.said == "cancelled")
        return Collected(
            answered=answered,
            usage=taker.usage,
            has_calls=taker.calls > 0,
            stops=self._stops(batch, status, taker),
            too_much=_is_too_much(status.problem),
            empty=_empty(batch, status, taker) if nothing else None,
        )

    def _stops(self, batch: Batch, status: Status, taker: "_Taker") -> str | None:
        if status.problem:
            advice = " Smaller files (--batch-requests) are sent one after the other." if _is_too_much(status.problem) else ""
            return (
                f"The service refused batch {batch.batch_id}: {status.problem}. None of it was paid: mend that, and run the "
                f"same command again.{advice}"
            )
        if taker.for_all:
            return (
                f"The service refused the requests of batch {batch.batch_id}: {taker.for_all.text}. Check key, quota and "
                "--teacher, and run the same command again."
            )
        if batch.wave == 1 and taker.calls == 0 and taker.answered >= ROWS_WITHOUT_CALLS and not self._run.has_hops():
            return (
                f"{self._teacher.name!r} answered {taker.answered} rows without calling the function it must call. Choose a "
                "model that can call functions, or run the same command again to insist."
            )
        return None

    def _report(self, batch: Batch, status: Status, taker: "_Taker") -> None:
        self._say(f"Wave {batch.wave}, file {batch.part}: {status.said}, {taker.answered} of {batch.requests} answered")
        for sentence in taker.oddities():
            self._say(f"Wave {batch.wave}, file {batch.part}: {sentence}")


class _Taker:
    """Turns answers into statements, and counts."""

    def __init__(self, key: str, requests: dict[str, Request], teacher: ChatTeacher, prompt_tokens: int) -> None:
        self._key, self._requests, self._teacher, self._prompt_tokens = key, requests, teacher, prompt_tokens
        self._seen: set[str] = set()
        self.refused: list[tuple[Request, Trouble]] = []
        self.answered = self.calls = self.unreadable = self.repeated = self.late = self.too_long = 0
        self.learned = False
        self.for_all: Trouble | None = None
        self.usage = Usage()
        self.unknown: list[str] = []
        self._reasons = Counter[str]()

    def take(self, answer: Answer) -> list[Statement]:
        """Return what to write for an answer."""
        request = self._requests.get(answer.custom_id)
        if request is None:
            self.unknown.append(answer.custom_id)
            return []
        if answer.custom_id in self._seen:
            self.repeated += 1
            return []
        self._seen.add(answer.custom_id)
        if request.outcome is not None and request.outcome != "set aside":
            return []  # written before this start
        if isinstance(answer.outcome, Response):
            return self._take_response(request, answer.outcome)
        return [] if request.outcome else self._take_trouble(request, answer.outcome)

    def refusals(self, *, for_good: bool) -> list[Statement]:
        """Return what to write for the requests that were refused."""
        found: list[Statement] = []
        for request, trouble in self.refused:
            what = TOO_LONG if trouble.context else "The request failed"
            detail = f"{what}: the batch service said {trouble.status}: {trouble.text}"
            event = Event("failure", Failure(detail=detail).model_dump_json()) if for_good else None
            found += batches.taking(self._key, request, "refused" if for_good else "failed", event, trouble.text)
        return found

    def note(self) -> str | None:
        """Return the most common reason for a request without an answer."""
        return self._reasons.most_common(1)[0][0] if self._reasons else None

    def oddities(self) -> Iterator[str]:
        """Yield sentences about lines that are no answers, or should not be there."""
        if self.too_long:
            requests = f"{counted(self.too_long, 'request')} {were(self.too_long)}"
            yield f"{requests} too long for the teacher; asked again without the text of the oldest returns"
        if self.unknown:
            example = self.unknown[0][:80]
            answers = f"{counted(len(self.unknown), 'answer')} {have(len(self.unknown))}"
            yield f"{answers} a custom_id that is none of this batch, such as {example!r}; left out"
        if self.repeated:
            yield f"{counted(self.repeated, 'request')} {were(self.repeated)} answered twice; the first answer counts"
        if self.unreadable:
            yield f"{counted(self.unreadable, 'line')} {are(self.unreadable)} no answer"
        if self.late:
            yield f"{counted(self.late, 'answer')} for rows that are researched anew {are(self.late)} kept in the run file"

    def _take_response(self, request: Request, response: Response) -> list[Statement]:
        response = with_estimate(response, self._prompt_tokens)
        event = Event("response", response.model_dump_json())
        self.usage += response.usage
        if request.outcome == "set aside":
            self.late += 1
            return [batches.keeping_late(request, event)]
        self.answered += 1
        self.calls += bool(calls_of(response, "")[0])
        return batches.taking(self._key, request, "answered", event)

    def _take_trouble(self, request: Request, trouble: Trouble) -> list[Statement]:
        self._reasons[f"{trouble.text} ({trouble.status or trouble.code or 'no status'})"] += 1
        if trouble.cancelled:
            return batches.taking(self._key, request, "not sent", None, trouble.text)
        if trouble.expired:
            return batches.taking(self._key, request, "expired", None, trouble.text)
        if trouble.for_all:
            self.for_all = trouble
            return batches.taking(self._key, request, "not sent", None, trouble.text)
        if trouble.context:
            # Without returns that may be left out it may be the limit of a proxy, and so of every row: a refusal like others.
            if not request.sent.get(batches.MAY_LEAVE_OUT):
                self.refused.append((request, trouble))
                return []
            self.too_long += 1
            return batches.taking(self._key, request, "too long", None, trouble.text)
        if trouble.passing:
            return batches.taking(self._key, request, "failed", None, trouble.text)
        if self._teacher.learn(trouble.text, request.sent):
            self.learned = True
            return batches.taking(self._key, request, "not sent", None, trouble.text)
        self.refused.append((request, trouble))
        return []


def _empty(batch: Batch, status: Status, taker: _Taker) -> str:
    return (
        f"No request of batch {batch.batch_id} was answered ({status.said}): "
        f"{taker.note() or 'there were no answers in its files'}. Run the same command again to ask once more."
    )


def _is_too_much(problem: str | None) -> bool:
    return problem is not None and any(word in problem.lower() for word in _TOO_MUCH)
