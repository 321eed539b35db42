"""What a run costs: prices, a hard cap, and an estimate beforehand."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.endpoint import Endpoint
from tests.conftest import Ended
from tracegen.errors import BudgetError, SettingsError
from tracegen.estimating import Estimate, estimate_async
from tracegen.pipeline import Summary, generate
from tracegen.teacher.budget import Budget, Price
from tracegen.teacher.prices import find_price
from tracegen.traces.runfile import RunFile

OPENAI = "https://api.openai.com/v1/"
Generate = Callable[..., Summary]


@pytest.fixture
def options(sample_index: Path, endpoint: Endpoint) -> dict[str, Any]:
    return {"teacher": "scripted", "base_url": endpoint.base_url, "index": sample_index}


def test_prices_are_known_or_not_and_never_guessed() -> None:
    price = find_price("gpt-4.1-mini", OPENAI)
    assert price is not None
    assert 0 < price.prompt < price.completion < 50
    assert find_price("gpt-4.1-mini", "http://localhost:8000/v1") is None
    assert find_price("no-such-model", OPENAI) is None
    assert find_price("no-such-model", OPENAI, 1.5, 3) == Price(1.5, 3)
    with pytest.raises(SettingsError, match="together"):
        find_price("no-such-model", OPENAI, 1.5)


@pytest.mark.parametrize(
    ("text", "limit", "priced"),
    [("20usd", 20, True), ("$0.5 usd", 0.5, True), ("1,000 USD", 1000, True), ("2_000_000 tokens", 2_000_000, False)],
)
def test_budgets_are_read(text: str, limit: float, priced: bool) -> None:
    budget = Budget.parse(text, Price(1, 2))
    assert budget.limit == limit
    assert budget.cost((1_000_000, 1_000_000)) == (3 if priced else 2_000_000)


@pytest.mark.parametrize("text", ["", "20", "usd", "-5usd", "20eur"])
def test_what_is_no_budget_is_said(text: str) -> None:
    with pytest.raises(SettingsError, match="20usd or 2000000tokens"):
        Budget.parse(text, None)


def test_money_without_a_price_is_said() -> None:
    with pytest.raises(SettingsError, match="--price-in and --price-out"):
        Budget.parse("20usd", None)


def test_what_is_reserved_counts_until_it_is_settled() -> None:
    budget = Budget(100)
    assert budget.reserve((60, 20))
    assert not budget.reserve((30, 0))
    budget.settle((60, 20), (40, 5))
    assert budget.reserve((30, 0))
    assert budget.spent == 45


def test_the_budget_is_a_hard_cap_and_the_run_goes_on_with_a_higher_one(
    dataset: Path, tmp_path: Path, options: dict[str, Any], endpoint: Endpoint
) -> None:
    output = tmp_path / "out.jsonl"
    limit = 20_000
    with pytest.raises(BudgetError, match=r"20,000 tokens are spent.* higher --budget"):
        generate(dataset, output, **options, budget=f"{limit}tokens")
    with RunFile.open_run(tmp_path / "out.run.db") as run:
        spent = run.spent()
        assert run.counts()["finished"] < 8
    assert limit / 4 < spent.prompt_tokens + spent.completion_tokens <= limit
    assert spent.requests == endpoint.counts().answered  # all that was paid is kept
    # What earlier starts have spent counts.
    endpoint.reset()
    with pytest.raises(BudgetError):
        generate(dataset, output, **options, budget=f"{limit}tokens")
    assert endpoint.counts().requests <= 2
    assert generate(dataset, output, **options, budget="5usd", price_in=1, price_out=2).examples == 8


def test_the_command_line_says_so_with_a_code_of_its_own(
    tracegen: Callable[..., Ended], dataset: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint
) -> None:
    words = ["generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index]
    words += ["--teacher", "scripted", "--base-url", endpoint.base_url]
    ended = tracegen(*words, "--budget", "0.0001usd", "--price-in", "1", "--price-out", "1")
    assert ended.code == 4
    assert "The budget is reached" in ended.err
    assert not (tmp_path / "out.jsonl").exists()
    ended = tracegen(*words, "--price-in", "1", "--price-out", "1")
    assert (ended.code, "USD by the price list" in ended.err) == (0, True)
    ended = tracegen(*words)
    assert "cost" not in ended.err  # nothing was asked


def test_the_built_in_researcher_has_no_cost(
    tracegen: Callable[..., Ended], dataset: Path, tmp_path: Path, sample_index: Path
) -> None:
    words = ["generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "--teacher", "builtin"]
    ended = tracegen(*words)
    assert (ended.code, "Done in" in ended.err, "cost" in ended.err) == (0, True, False)


def test_tokens_that_an_endpoint_does_not_count_are_estimated_and_said_to_be(
    tracegen: Callable[..., Ended], dataset: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint
) -> None:
    endpoint.fault("missing_usage")
    words = ["generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "--limit", 1]
    words += ["--teacher", "scripted", "--base-url", endpoint.base_url]
    ended = tracegen(*words, "--price-in", 1, "--price-out", 1)
    assert ended.code == 0
    estimate = (
        r"0 tokens sent, 0 received; estimated, since the endpoint did not count them: about [\d,]+ sent, [\d,]+ received"
    )
    assert re.search(estimate, ended.err)
    assert re.search(r"cost +about 0\.0\d+ USD by the price list, by an estimate", ended.err)
    assert re.search(rf"Answers +4, with {estimate}", tracegen("status", tmp_path / "out.run.db").out)
    endpoint.fault(None)
    ended = tracegen(*words, "--limit", 2)
    assert "estimate" not in ended.err


@pytest.mark.parametrize("fault", ["missing_usage", None])
def test_the_budget_holds_over_restarts_whether_the_endpoint_counts_or_not(
    dataset: Path, tmp_path: Path, options: dict[str, Any], endpoint: Endpoint, fault: str | None
) -> None:
    endpoint.fault(fault)
    limit = 30_000
    for start in range(4):
        with pytest.raises(BudgetError):
            generate(dataset, tmp_path / "out.jsonl", **options, budget=f"{limit}tokens")
        answered = endpoint.counts().answered
        if start == 0:
            first = answered
    assert 4 < first <= answered < 8 * 4
    with RunFile.open_run(tmp_path / "out.run.db") as run:
        spent = run.spent()
    assert spent.requests == answered
    assert limit / 2 < sum(spent.tokens) <= limit
    assert spent.is_estimated == (fault is not None)
    assert generate(dataset, tmp_path / "out.jsonl", **options, budget="1_000_000tokens").examples == 8


def test_an_estimate_is_near_to_what_an_endpoint_counts(
    dataset: Path, tmp_path: Path, options: dict[str, Any], endpoint: Endpoint
) -> None:
    counted = generate(dataset, tmp_path / "counted.jsonl", **options).usage
    endpoint.fault("missing_usage")
    estimated = generate(dataset, tmp_path / "estimated.jsonl", **options).usage
    assert (estimated.prompt_tokens, estimated.completion_tokens, estimated.requests) == (0, 0, counted.requests)
    for guess, truth in zip(estimated.tokens, counted.tokens, strict=True):
        assert truth / 2 < guess < truth * 2
    assert estimated.tokens[0] > counted.tokens[0]  # what there is most of: rather too much


def estimated(dataset: Path, output: Path, **options: Any) -> Estimate:
    return asyncio.run(estimate_async(dataset, output, **options))


def test_an_estimate_asks_nothing_and_leaves_nothing_behind(
    dataset: Path, tmp_path: Path, options: dict[str, Any], endpoint: Endpoint
) -> None:
    before = sorted(tmp_path.iterdir())
    estimate = estimated(dataset, tmp_path / "out.jsonl", **options, price_in=1, price_out=2)
    assert endpoint.counts().requests == 0
    assert sorted(tmp_path.iterdir()) == before
    assert (estimate.rows, estimate.calls, estimate.requests) == (8, 32, 40)
    assert estimate.usd == pytest.approx((estimate.prompt_tokens + 2 * estimate.completion_tokens) / 1e6)
    assert "Assumed" in estimate.basis
    assert estimated(dataset, tmp_path / "out.jsonl", **options).usd is None


def test_an_estimate_with_rows_measures_and_keeps_them(
    dataset: Path, tmp_path: Path, options: dict[str, Any], endpoint: Endpoint
) -> None:
    output = tmp_path / "out.jsonl"
    estimate = estimated(dataset, output, research=2, **options)
    assert (estimate.rows, estimate.finished, estimate.calls, estimate.requests) == (6, 2, 18, 24)
    assert endpoint.counts().requests == 8
    assert not output.exists()
    assert "Measured on the 2 rows" in estimate.basis
    summary = generate(dataset, output, **options)
    assert (summary.examples, summary.resumed) == (8, 2)
    usage = summary.usage
    assert usage.prompt_tokens == pytest.approx(estimate.prompt_tokens, rel=0.3)
    assert endpoint.counts().requests == 32


def test_the_command_line_shows_the_estimate(
    tracegen: Callable[..., Ended], dataset: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint
) -> None:
    words = ["generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "--base-url", endpoint.base_url]
    ended = tracegen(*words, "--teacher", "scripted", "--estimate")
    assert ended.code == 0
    assert re.search(r"rows +8 to research\ncalls +about 32, in 40 requests .*\ntokens .*\nmoney +price not known", ended.out)
    ended = tracegen(*words, "--teacher", "builtin", "--estimate")
    assert re.search(r"calls +about 32, of the built-in researcher\nmoney +none\ntime +about 1 min\n", ended.out)
    assert "endpoint" not in ended.out
