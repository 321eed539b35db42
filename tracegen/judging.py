"""A judge over a run: a model rates what support measures, row by row, and how far the two agree. Joins teacher and traces.

Every answer is in the run file before the next question goes out: killed and started again, it goes on where it was.
"""

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tracegen.errors import BudgetError, TeacherError, TracegenError
from tracegen.jsonl import dump
from tracegen.prompts import read_prompt
from tracegen.records import Row, Trace, Usage
from tracegen.teacher import Failure
from tracegen.teacher.asking import Asking
from tracegen.teacher.budget import Budget, Price
from tracegen.teacher.judge import AGAIN, Answer, Judge, score_of
from tracegen.teacher.pacing import Pace
from tracegen.teacher.prices import find_price
from tracegen.traces.judgements import Judgement, Judgements
from tracegen.traces.runfile import RunFile

TRIES = 3
"""So often a row is asked about until its answer has a score."""
HIGH_SUPPORT, HIGH_SCORE = 0.8, 4.0
"""From here on a row counts as well supported, for Cohen's kappa."""


class Case(NamedTuple):
    """A row to judge."""

    line: int
    row: Row
    trace: Trace
    support: float | None
    """Its support, to compare with."""


class Judged(NamedTuple):
    """What became of a row."""

    case: Case
    judgement: Judgement | None
    """The last answer, or None where there is none yet."""

    @property
    def score(self) -> float | None:
        """The score, 1 to 5; None where the row is not rated."""
        return None if self.judgement is None else self.judgement.score


class Agreement(NamedTuple):
    """How far judge and support agree on the rows that have both."""

    rows: int
    spearman: float | None
    """Spearman's rank correlation; None where there are fewer than three rows, or either is the same for all."""
    kendall: float | None
    """Kendall's tau b; None as for `spearman`."""
    kappa: float | None
    """Cohen's kappa of support above 0.8 and a score of 4 and more; None where chance alone would agree on all rows."""


class Judging:
    """The rows of a run on their way past a judge."""

    def __init__(
        self,
        judge: Judge,
        store: Judgements,
        prompt: str,
        *,
        progress: Callable[[int, int, str], None] = lambda done, total, note: None,
    ) -> None:
        """Prepare; nothing is asked yet. `progress` gets rows done, rows in all, and a note."""
        self._judge, self._store, self._prompt, self._progress = judge, store, prompt, progress
        self.usage = Usage()
        """What this start has asked."""
        self.resumed = 0
        """Rows that an earlier start has rated."""
        self._stopped: TracegenError | None = None
        self._note = ""
        judge.gate.notice = self._say

    async def run(self, cases: Sequence[Case], concurrency: int) -> list[Judged]:
        """Return what became of each row, in their order; rows of earlier starts are not asked about again.

        Raises TeacherError where it makes no sense to go on, BudgetError where the budget is reached; all answers until then
        are kept.
        """
        judged: list[Judged | None] = [None] * len(cases)
        places = iter(range(len(cases)))

        async def work(most: int | None = None) -> None:
            for place in itertools.islice(places, most):
                if self._stopped is not None:
                    return
                try:
                    judged[place] = Judged(cases[place], await self._rate(cases[place]))
                except (TeacherError, BudgetError) as error:
                    self._stopped = self._stopped or error
                    return
                self._progress(sum(each is not None for each in judged), len(cases), self._note)

        # The first row alone: what is wrong with the endpoint then costs a request or two.
        await work(1)
        await asyncio.gather(*(work() for _ in range(concurrency)))
        if self._stopped is not None:
            raise self._stopped
        return [each for each in judged if each is not None]

    async def _rate(self, case: Case) -> Judgement | None:
        messages = conversation_of(case.row, case.trace, self._prompt)
        asked = _digest(messages, self._judge)
        answers = self._store.answers(case.row.id, self._judge.name, asked)
        self.resumed += bool(answers) and (answers[-1].final or len(answers) >= TRIES)
        while not (answers and answers[-1].final) and len(answers) < TRIES:
            again = [{"role": "assistant", "content": answers[-1].form}, {"role": "user", "content": AGAIN}] if answers else []
            reply = await self._judge.ask([*messages, *again])
            if isinstance(reply, Failure) and reply.broken:
                # It was the endpoint, not this row: the next start asks again.
                return answers[-1] if answers else None
            judgement = _judgement(reply)
            self._store.record(case.row.id, self._judge.name, asked, len(answers), judgement)
            if isinstance(reply, Answer):
                self.usage += reply.usage
            answers.append(judgement)
        return answers[-1]

    def _say(self, note: str) -> None:
        self._note = note


def _judgement(reply: Answer | Failure) -> Judgement:
    if isinstance(reply, Failure):
        return Judgement(None, None, False, reply.detail, final=True)
    score, usage = score_of(reply), reply.usage
    form = reply.refusal or reply.content or "(no text)"
    if score is None:
        return Judgement(None, None, False, form, usage=usage)
    return Judgement(score.value, score.stated, score.weighted, form, True, usage)


class Verdict(NamedTuple):
    """What judging a run came to."""

    judged: list[Judged]
    """Every row that was to be judged, in the order of the dataset."""
    agreement: Agreement
    """How far judge and support agree."""
    resumed: int
    """Rows that an earlier start has rated."""
    usage: Usage
    """What this start has asked."""
    spent: Usage
    """What all starts have asked of this judge."""
    price: Price | None
    """What the judge costs, where it is known."""

    @property
    def rated(self) -> list[Judged]:
        """The rows with a score."""
        return [each for each in self.judged if each.score is not None]


async def judge_run(
    path: Path,
    supports: Mapping[int, float | None],
    model: str,
    *,
    prompt: Path | None = None,
    base_url: str | None = None,
    asking: Asking | None = None,
    pace: Pace | None = None,
    budget: str | None = None,
    price_in: float | None = None,
    price_out: float | None = None,
    limit: int | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> Verdict:
    """Have a model judge the finished rows of a run file, or `limit` of them, and compare it with their support, by line.

    `asking`, `pace`, `budget` and prices are as for a teacher. Raises TeacherError where the judge cannot do it for any row,
    BudgetError where the budget is reached, BusyError where another process writes the run file.
    """
    text = read_prompt(prompt, "judge", "--judge-prompt")
    pace = pace or Pace()
    with RunFile.open_run(path) as run:
        cases = [
            Case(result.line, result.row, result.trace, supports.get(result.line))
            for result in run.results()
            if result.row is not None and result.trace is not None
        ]
    judge = Judge(model, base_url=base_url, asking=asking, pace=pace)
    try:
        price = find_price(model, judge.base_url, price_in, price_out, judge.asking.service_tier)
        with Judgements.open_file(path) as store:
            if budget is not None:
                judge.gate.budget = Budget.parse(budget, price)
                judge.gate.budget.add(*store.spent(model).tokens)
            judging = Judging(judge, store, text, progress=progress)
            judged = await judging.run(chosen(cases, limit), pace.concurrency)
            return Verdict(judged, agreement_of(judged), judging.resumed, judging.usage, store.spent(model), price)
    finally:
        await judge.close()


def conversation_of(row: Row, trace: Trace, prompt: str) -> list[dict[str, str]]:
    """Return what a judge is asked about a row: its prompt, what was returned for it, and its desired output."""
    said = "\n\n".join(f"[{message.role}]\n{message.content}" for message in row.prompt)
    returned = "\n\n".join(f"Search: {dump(hop.call.arguments)}\n\n{hop.returned.text}" for hop in trace.good_hops)
    case = "\n\n".join(
        f"<{name}>\n{text}\n</{name}>"
        for name, text in (
            ("prompt", said),
            ("passages", returned or "(none)"),
            ("desired_output", row.desired_output),
        )
    )
    return [{"role": "system", "content": prompt}, {"role": "user", "content": case}]


def chosen(cases: Iterable[Case], limit: int | None) -> list[Case]:
    """Return so many cases, spread over the dataset and the same each time: a higher limit takes these and more."""
    ordered = sorted(cases, key=lambda case: hashlib.blake2b(case.row.id.encode(), digest_size=8).digest())
    return sorted(ordered[:limit], key=lambda case: case.line)


def agreement_of(judged: Sequence[Judged]) -> Agreement:
    """Return how far judge and support agree."""
    pairs = [(each.case.support, each.score) for each in judged]
    both = [(support, score) for support, score in pairs if support is not None and score is not None]
    supports, scores = [support for support, _ in both], [score for _, score in both]
    spearman = kendall = None
    if len(both) >= 3 and len(set(supports)) > 1 and len(set(scores)) > 1:
        from scipy.stats import kendalltau, spearmanr

        spearman = float(spearmanr(supports, scores).statistic)
        kendall = float(kendalltau(supports, scores).statistic)
    return Agreement(len(both), spearman, kendall, _kappa([(a > HIGH_SUPPORT, b >= HIGH_SCORE) for a, b in both]))


def _kappa(pairs: Sequence[tuple[bool, bool]]) -> float | None:
    """Return Cohen's kappa (1960): agreement beyond chance, as a share of what is possible beyond chance."""
    if not pairs:
        return None
    n = len(pairs)
    observed = sum(a == b for a, b in pairs) / n
    first, second = sum(a for a, _ in pairs) / n, sum(b for _, b in pairs) / n
    by_chance = first * second + (1 - first) * (1 - second)
    return None if by_chance == 1 else (observed - by_chance) / (1 - by_chance)


def disagreements(judged: Sequence[Judged], most: int) -> list[tuple[float, Judged]]:
    """Return the rows on which the two differ most, with the difference: the score, put on 0 to 1, less the support."""
    differing = [
        ((each.score - 1) / 4 - each.case.support, each)
        for each in judged
        if each.score is not None and each.case.support is not None
    ]
    return sorted(differing, key=lambda each: (-abs(each[0]), each[1].case.line))[:most]


def _digest(messages: Sequence[dict[str, str]], judge: Judge) -> str:
    asked = dump({"messages": list(messages), "settings": judge.asking.settings})
    return hashlib.blake2b(asked.encode("utf-8", "replace"), digest_size=16).hexdigest()
