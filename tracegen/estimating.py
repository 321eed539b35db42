"""What a run will come to, before anything is spent: calls, tokens, money, time."""

import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from tracegen.dataset import read_rows
from tracegen.pipeline import Job, check_output, open_job, run_path
from tracegen.research import Progress
from tracegen.teacher import Teacher
from tracegen.teacher.chat import ChatTeacher
from tracegen.teacher.loop import opening
from tracegen.teacher.size import BYTES_PER_TOKEN
from tracegen.teacher.wire import to_json

ASSUMED_CALLS = 4
"""Searches for one row, where none was researched yet; teachers were seen to make two to six."""
ASSUMED_CALL_TOKENS = 50
"""Tokens of a message with a call."""
ASSUMED_ANSWER_TOKENS = 500
"""Tokens of the final answer."""
ASSUMED_REQUEST_S = 3.0
"""Seconds of one request."""
SAMPLE = 20
"""Rows looked at for what is assumed: how long their prompts are, and what is found for them."""


class Estimate(NamedTuple):
    """What the open rows of a run will come to."""

    rows: int
    """Rows that are still to be researched."""
    finished: int
    """Rows that are done."""
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
    """Time, if the endpoint takes as many requests at a time as allowed."""
    basis: str
    """What this follows from, as a sentence."""


class PerRow(NamedTuple):
    """What one row comes to on average."""

    calls: float
    requests: float
    prompt_tokens: float
    completion_tokens: float
    seconds: float
    basis: str


async def estimate_async(
    dataset: Path | str,
    output: Path | str,
    *,
    research: int = 0,
    limit: int | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    **options: Any,
) -> Estimate:
    """Return what researching the open rows will come to; with `research`, so many are researched and kept.

    `options` are those of `tracegen.pipeline.open_job`. Without `research` nothing is asked and no run file is made; the
    figures follow from the rows that an existing run file has, else from assumptions that `basis` names.
    """
    dataset, output = Path(dataset), Path(output)
    check_output(dataset, output)
    with tempfile.TemporaryDirectory() as folder:
        path = run_path(output)
        if not research and not path.exists():
            path = Path(folder, "estimate.run.db")
        async with open_job(dataset, path, progress=progress, **options) as job:
            job.run.set_input(read_rows(dataset, limit))
            if research:
                await job.research(most=research)
            return _estimate(job)


def _estimate(job: Job) -> Estimate:
    counts = job.run.counts()
    rows = counts["rows"] - counts["finished"]
    each = _measured(job) or _assumed(job)
    at_a_time = max(1, min(job.concurrency, rows))
    usd = None if job.price is None else rows * job.price.usd(each.prompt_tokens, each.completion_tokens)
    if _is_free(job.teacher):
        usd = 0.0
    return Estimate(
        rows=rows,
        finished=counts["finished"],
        calls=rows * each.calls,
        requests=rows * each.requests,
        prompt_tokens=rows * each.prompt_tokens,
        completion_tokens=rows * each.completion_tokens,
        usd=usd,
        seconds=rows * each.seconds / at_a_time,
        basis=each.basis,
    )


def _is_free(teacher: Teacher) -> bool:
    return not isinstance(teacher, ChatTeacher)


def _measured(job: Job) -> PerRow | None:
    """Return what the rows researched so far came to, or None where there are none."""
    usage, seconds = job.run.spent(), job.run.seconds_per_row()
    rows, calls = job.run.researched()
    if not rows:
        return None
    return PerRow(
        calls=calls / rows,
        requests=usage.requests / rows,
        prompt_tokens=usage.prompt_tokens / rows,
        completion_tokens=usage.completion_tokens / rows,
        seconds=seconds,
        basis=f"Measured on the {rows} rows that are researched already.",
    )


def _assumed(job: Job) -> PerRow:
    """Return what a row will come to, from the prompts of some rows and what is found for them."""
    rows = list(islice(job.run.open_rows(), SAMPLE))
    if not rows:
        return PerRow(0, 0, 0, 0, 0, "All rows are researched already.")
    tools = len(to_json([job.index.tool.definition]))
    openings = fmean(len(to_json(opening(row, job.prompt))) for row in rows)
    returns = fmean(len(job.index.call(row.prompt[-1].content[:300]).text.encode()) for row in rows)
    # The conversation is sent again with every request, each time longer by a call and its return.
    sent = (ASSUMED_CALLS + 1) * (tools + openings) + ASSUMED_CALLS * (ASSUMED_CALLS + 1) / 2 * (returns + 200)
    free = _is_free(job.teacher)
    return PerRow(
        calls=ASSUMED_CALLS,
        requests=0 if free else ASSUMED_CALLS + 1,
        prompt_tokens=0 if free else sent / BYTES_PER_TOKEN,
        completion_tokens=0 if free else ASSUMED_CALLS * ASSUMED_CALL_TOKENS + ASSUMED_ANSWER_TOKENS,
        seconds=0.05 * ASSUMED_CALLS if free else (ASSUMED_CALLS + 1) * ASSUMED_REQUEST_S,
        basis=f"Assumed: {ASSUMED_CALLS} calls for a row, {BYTES_PER_TOKEN:g} bytes for a token, {ASSUMED_REQUEST_S:g} s for a "
        f"request, returns of {returns:,.0f} bytes as this index gives. --estimate-with 5 researches five rows and measures.",
    )
