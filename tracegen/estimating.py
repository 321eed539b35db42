"""What a run will come to, before anything is spent: calls, tokens, money, time.

A row is researched once; where rows below a support are searched on, some of them have a pass after a nudge, and some a third
after a guide. What a pass comes to is measured on the rows of the run that had it, and assumed where there are none.
"""

import asyncio
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from tracegen.dataset import read_rows
from tracegen.pipeline import Job, check_outputs, open_job, run_path
from tracegen.research import Progress
from tracegen.teacher.chat import ChatTeacher
from tracegen.teacher.loop import opening
from tracegen.teacher.pacing import GIVE_UP_AFTER, Pace
from tracegen.teacher.size import BYTES_PER_TOKEN
from tracegen.teacher.wire import to_json
from tracegen.traces.again import set_aside_chosen
from tracegen.traces.costs import PassCost, count_short, pass_costs
from tracegen.traces.passes import Passes
from tracegen.traces.runfile import RunFile
from tracegen.waves.driver import BATCH_PRICE, BatchOptions
from tracegen.wording import are, counted

CALL_BYTES = 200
"""What a call adds to a conversation, beside its return."""
ASSUMED_CALLS = 4
"""Searches for one row, where none was researched yet; teachers were seen to make two to six."""
ASSUMED_CALL_TOKENS = 50
"""Tokens of a message with a call."""
ASSUMED_ANSWER_TOKENS = 500
"""Tokens of the final answer."""
ASSUMED_REQUEST_S = 3.0
"""Seconds of one request."""
ASSUMED_SHORT = 0.5
"""Share of rows that are searched on: between those of the sample, 36 %, and of gleam, 70 % (docs/support.md)."""
SAMPLE = 20
"""Rows looked at for what is assumed: how long their prompts are, and what is found for them."""


class Estimate(NamedTuple):
    """What the open rows of a run will come to."""

    rows: int
    """Rows that are still to be researched."""
    finished: int
    """Rows that are done, those that are searched on among them."""
    nudged: float
    """Rows that are searched on after a nudge."""
    guided: float
    """Rows that are searched on after a guide."""
    calls: float
    """Searches."""
    requests: float
    """Requests to the teacher."""
    prompt_tokens: float
    """Tokens to send."""
    completion_tokens: float
    """Tokens to receive."""
    usd: float | None
    """Money, by the price list; None where the price is not known."""
    seconds: float
    """Time, if the endpoint takes as many requests at a time as allowed; not for batches."""
    waves: int | None
    """With batches: the most waves there will be; None without."""
    basis: str
    """What this follows from, as a sentence."""


class _Passes(NamedTuple):
    """Rows by the passes that they still need."""

    research: float
    nudge: float
    guide: float
    basis: str
    """What the shares follow from, or "" where there are none."""


async def estimate_async(
    dataset: Path | str,
    output: Path | str,
    *,
    research: int = 0,
    limit: int | None = None,
    retry: str | None = None,
    redo: str | None = None,
    batch: BatchOptions | None = None,
    concurrency: int = 64,
    rpm: float | None = None,
    tpm: float | None = None,
    give_up_after: float = GIVE_UP_AFTER,
    progress: Callable[[Progress], None] = lambda _: None,
    **options: Any,
) -> Estimate:
    """Return what `tracegen.pipeline.generate` with these arguments will come to; with `research`, so many rows are done now.

    Without `research` nothing is asked, and a run file stays as it is. Sampled rows go the normal path, also with `batch`.
    Figures follow from the rows that the run file has, else from assumptions that `basis` names.
    """
    dataset, output = Path(dataset), Path(output)
    check_outputs(dataset, output)
    pace = Pace(concurrency, rpm, tpm, give_up_after)
    with tempfile.TemporaryDirectory() as folder:
        path = run_path(output)
        if not research:
            copy = Path(folder, "estimate.run.db")
            if path.exists():
                with RunFile.open_run(path) as run:
                    run.copy_to(copy)
            path = copy
        async with open_job(dataset, path, progress=progress, **pace._asdict(), **options) as job:
            job.run.set_input(read_rows(dataset, limit))
            set_aside_chosen(job.run, retry, redo)
            if research:
                await job.research(most=research)
            elif job.passes:
                job.rater.rate_missing(job.run)
            # Some searches are made: an endpoint that embeds them may hang.
            return await asyncio.to_thread(_estimate, job, pace, batch)


def _estimate(job: Job, pace: Pace, batch: BatchOptions | None) -> Estimate:
    counts, free = job.run.counts(), not isinstance(job.teacher, ChatTeacher)
    rows = counts["rows"] - counts["finished"]
    known = pass_costs(job.run)
    first = known.get("research") or _assumed(job)
    wanted = _wanted(job, rows)
    further = _assumed_further(job.passes.max_hops, first) if job.passes else first
    parts = [(wanted.research, first), (wanted.nudge, known.get("nudge", further)), (wanted.guide, known.get("guide", further))]

    def total(field: str) -> float:
        return float(sum(number * getattr(cost, field) for number, cost in parts))

    requests, sent, received = total("requests"), total("prompt_tokens"), total("completion_tokens")
    usd = 0.0 if free else None if job.price is None else job.price.usd(sent, received)
    if usd and batch is not None and batch.folder is None:
        usd *= BATCH_PRICE
    busy_s = sum(number * cost.requests * cost.request_s for number, cost in parts)
    at_a_time = max(1.0, min(pace.concurrency, wanted.research + wanted.nudge + wanted.guide))
    limits_s = (60 * requests / (pace.rpm or float("inf")), 60 * (sent + received) / (pace.tpm or float("inf")))
    return Estimate(
        rows=rows,
        finished=counts["finished"],
        nudged=wanted.nudge,
        guided=wanted.guide,
        calls=total("searches"),
        requests=0 if free else requests,
        prompt_tokens=sent,
        completion_tokens=received,
        usd=usd,
        seconds=max(busy_s / at_a_time, 0.0 if free else max(limits_s)),
        waves=None if batch is None else _most_waves(job.max_hops, job.passes),
        basis=" ".join(filter(None, (_basis(job, rows, first), wanted.basis, _basis_of_passes(job, wanted, known)))),
    )


def _most_waves(max_hops: int, passes: Passes | None) -> int:
    """Return how many waves the longest research needs: one for each request."""
    return max_hops + 1 + (passes.max_hops * (1 + passes.guides) if passes else 0)


def _wanted(job: Job, rows: int) -> _Passes:
    """Return how many rows need which passes, those that are finished and short among them."""
    if job.passes is None:
        return _Passes(rows, 0, 0, "")
    seen, going_on = count_short(job.run, job.passes.min_support), job.passes.count_next(job.run)
    short = seen.short / seen.rows if seen.rows else ASSUMED_SHORT
    nudged = rows * short + going_on["nudge"]
    still_short = seen.short_after / seen.nudged if seen.nudged else 1.0
    guided = nudged * still_short + going_on["guide"] if job.passes.guides else 0.0
    if seen.rows:
        basis = f"{seen.short} of {seen.rows} researched rows were short of --min-support {job.passes.min_support:g}"
    else:
        basis = f"Assumed: {ASSUMED_SHORT:.0%} of the rows are short of --min-support {job.passes.min_support:g}"
    if job.passes.guides and nudged:
        after = f"{seen.short_after} of {seen.nudged}" if seen.nudged else "as assumed all of them"
        basis += f", and after a nudge {after} still"
    return _Passes(rows, nudged, guided, f"{basis}.")


def _assumed(job: Job) -> PassCost:
    """Return what a row will come to, from the prompts of some rows and what is found for them."""
    rows = list(islice(job.run.open_rows(), SAMPLE))
    if not rows:
        return PassCost(0, 0, 0, 0, 0, 0, 0, 0)
    if not isinstance(job.teacher, ChatTeacher):
        return PassCost(0, ASSUMED_CALLS, ASSUMED_CALLS + 1, 0, 0, 0, 0, 0.05)
    tools = len(to_json([job.index.tool.definition]))
    openings = fmean(len(to_json(opening(row, job.prompt))) for row in rows)
    # The conversation is sent again with every request, each time longer by a call and its return.
    shortest = (tools + openings) / BYTES_PER_TOKEN
    growth = (_bytes_of_returns(job) + CALL_BYTES) / BYTES_PER_TOKEN
    return PassCost(
        rows=0,
        searches=ASSUMED_CALLS,
        requests=ASSUMED_CALLS + 1,
        prompt_tokens=(ASSUMED_CALLS + 1) * shortest + ASSUMED_CALLS * (ASSUMED_CALLS + 1) / 2 * growth,
        completion_tokens=ASSUMED_CALLS * ASSUMED_CALL_TOKENS + ASSUMED_ANSWER_TOKENS,
        longest=shortest + ASSUMED_CALLS * growth,
        growth=growth,
        request_s=ASSUMED_REQUEST_S,
    )


def _bytes_of_returns(job: Job) -> float:
    rows = islice(job.run.open_rows(), SAMPLE)
    return fmean(len(job.index.call(row.prompt[-1].content[:300]).text.encode()) for row in rows)


def _assumed_further(calls: int, first: PassCost) -> PassCost:
    """Return what searching on comes to with all the calls it may make, after research that came to `first`."""
    return PassCost(
        rows=0,
        searches=calls,
        requests=calls,
        prompt_tokens=calls * first.longest + calls * (calls + 1) / 2 * first.growth,
        completion_tokens=calls * (first.completion_tokens / first.requests if first.requests else 0),
        longest=first.longest + calls * first.growth,
        growth=first.growth,
        request_s=first.request_s,
    )


def _basis(job: Job, rows: int, first: PassCost) -> str:
    """Return what the figures for one row follow from."""
    if first.rows:
        return f"Measured on the {counted(first.rows, 'row')} that {are(first.rows)} researched already."
    if not rows:
        return "All rows are researched already."
    if not isinstance(job.teacher, ChatTeacher):
        return f"Assumed: {ASSUMED_CALLS} calls for a row."
    return (
        f"Assumed: {ASSUMED_CALLS} calls for a row, {BYTES_PER_TOKEN:g} bytes for a token, {ASSUMED_REQUEST_S:g} s for a "
        f"request, returns of {first.growth * BYTES_PER_TOKEN - CALL_BYTES:,.0f} bytes as this index gives. "
        "--estimate-with 5 researches five rows and measures."
    )


def _basis_of_passes(job: Job, wanted: _Passes, known: dict[Any, PassCost]) -> str:
    """Return what is assumed of the calls of passes that no row had yet, or ""."""
    kinds = [kind for kind, rows in (("nudge", wanted.nudge), ("guide", wanted.guide)) if rows and kind not in known]
    if job.passes is None or not kinds:
        return ""
    return f"Assumed: all {job.passes.max_hops} --further-hops are made after a {' and after a '.join(kinds)}."
