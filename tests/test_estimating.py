"""An estimate against what the run then comes to: further passes, rows in the middle, rows done again, batches, rates."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bench.endpoint import Endpoint
from tracegen.errors import BudgetError
from tracegen.estimating import ASSUMED_CALLS, ASSUMED_SHORT, Estimate, estimate_async
from tracegen.pipeline import generate
from tracegen.traces.runfile import RunFile
from tracegen.waves.driver import BatchOptions

ROWS = 8
REQUESTS = 4
"""For each pass: three searches and an answer."""
FURTHER_HOPS = 4
SEARCHING_ON: dict[str, Any] = {"min_support": 1.0, "guide": True, "further_hops": FURTHER_HOPS}


@pytest.fixture
def options(sample_index: Path, endpoint: Endpoint) -> dict[str, Any]:
    return {"teacher": "scripted", "base_url": endpoint.base_url, "index": sample_index}


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.jsonl"


def estimated(dataset: Path, output: Path, **options: Any) -> Estimate:
    return asyncio.run(estimate_async(dataset, output, **options))


def test_further_passes_are_assumed_where_no_row_was_researched(dataset: Path, output: Path, options: dict[str, Any]) -> None:
    once = estimated(dataset, output, **options)
    more = estimated(dataset, output, **options, **SEARCHING_ON)
    assert (once.nudged, once.guided) == (0, 0)
    assert (more.nudged, more.guided) == (ROWS * ASSUMED_SHORT,) * 2
    assert more.calls == once.calls + ROWS * ASSUMED_SHORT * 2 * FURTHER_HOPS == ROWS * (ASSUMED_CALLS + FURTHER_HOPS)
    # Each request of a further pass is longer than the longest before.
    assert more.prompt_tokens > 2 * once.prompt_tokens
    assert "Assumed: 50% of the rows are short of --min-support 1" in more.basis
    assert "all 4 --further-hops are made after a nudge and after a guide" in more.basis
    nudges = estimated(dataset, output, **options, **SEARCHING_ON | {"guide": False})
    assert (nudges.guided, nudges.calls) == (0, once.calls + ROWS * ASSUMED_SHORT * FURTHER_HOPS)


def test_further_passes_are_measured_on_sampled_rows(
    dataset: Path, output: Path, options: dict[str, Any], endpoint: Endpoint
) -> None:
    estimate = estimated(dataset, output, research=4, **options, **SEARCHING_ON)
    with RunFile.open_run(output.with_suffix(".run.db")) as run:
        told = dict(run.fetch("SELECT json_extract(body, '$.kind'), count(*) FROM events WHERE kind = 'further' GROUP BY 1"))
    assert told["nudge"] >= told["guide"] > 0
    assert (estimate.rows, estimate.nudged, estimate.guided) == (4, told["nudge"], told["guide"])
    # A pass ends early where a search brings all that was short.
    most = 4 * REQUESTS + (told["nudge"] + told["guide"]) * REQUESTS
    assert 4 * REQUESTS < estimate.requests == endpoint.counts().requests <= most
    assert f"{told['nudge']} of 4 researched rows were short" in estimate.basis
    assert "Assumed" not in estimate.basis
    # What the passes came to is no part of an estimate without them.
    assert estimated(dataset, output, **options).requests == 4 * REQUESTS


def test_finished_rows_that_are_short_count(dataset: Path, output: Path, options: dict[str, Any], endpoint: Endpoint) -> None:
    generate(dataset, output, **options)
    before = output.with_suffix(".run.db").read_bytes()
    estimate = estimated(dataset, output, **options, **SEARCHING_ON)
    assert output.with_suffix(".run.db").read_bytes() == before
    endpoint.reset()
    summary = generate(dataset, output, **options, **SEARCHING_ON)
    assert (estimate.rows, estimate.nudged) == (0, summary.support.searched_on)
    # Assumed are all the calls that are allowed; the scripted teacher makes three.
    assert estimate.calls == FURTHER_HOPS * (estimate.nudged + estimate.guided) > summary.calls > 0
    assert estimate.prompt_tokens > summary.usage.prompt_tokens
    assert estimated(dataset, output, **options, **SEARCHING_ON).calls == 0


def test_rows_in_the_middle_do_not_make_others_dearer(
    dataset: Path, output: Path, options: dict[str, Any], endpoint: Endpoint
) -> None:
    generate(dataset, output, **options, limit=1)
    with pytest.raises(BudgetError):
        generate(dataset, output, **options, budget="30000tokens")
    with RunFile.open_run(output.with_suffix(".run.db")) as run:
        assert run.started_rows()
        finished = run.counts()["finished"]
    estimate = estimated(dataset, output, **options)
    assert estimate.requests == (ROWS - finished) * REQUESTS


def test_rows_that_are_done_again_count_and_the_run_stays_as_it_is(
    dataset: Path, output: Path, options: dict[str, Any]
) -> None:
    generate(dataset, output, **options, limit=6)
    before = output.with_suffix(".run.db").read_bytes()
    estimate = estimated(dataset, output, **options, limit=6, redo="2,4")
    assert (estimate.rows, estimate.finished, estimate.calls) == (2, 4, 6)
    assert estimated(dataset, output, **options, limit=6, retry="failed").rows == 0
    assert estimated(dataset, output, **options).rows == 2
    assert output.with_suffix(".run.db").read_bytes() == before


def test_a_batch_is_half_the_price_and_has_waves(dataset: Path, output: Path, options: dict[str, Any]) -> None:
    priced = options | {"price_in": 1, "price_out": 2, "max_hops": 5}
    whole = estimated(dataset, output, **priced)
    assert whole.usd is not None
    assert whole.usd == pytest.approx((whole.prompt_tokens + 2 * whole.completion_tokens) / 1e6)
    assert whole.waves is None
    half = estimated(dataset, output, **priced, batch=BatchOptions())
    assert half.usd == pytest.approx(whole.usd / 2)
    assert half.waves == 6
    assert estimated(dataset, output, **priced, **SEARCHING_ON, batch=BatchOptions()).waves == 6 + 2 * FURTHER_HOPS
    folder = estimated(dataset, output, **priced, batch=BatchOptions(folder=output.parent / "files"))
    assert folder.usd == whole.usd


def test_rates_make_it_last(dataset: Path, output: Path, options: dict[str, Any]) -> None:
    estimate = estimated(dataset, output, **options, rpm=4)
    assert estimate.seconds == estimate.requests / 4 * 60
    estimate = estimated(dataset, output, **options, tpm=1000)
    assert estimate.seconds == pytest.approx((estimate.prompt_tokens + estimate.completion_tokens) / 1000 * 60)
