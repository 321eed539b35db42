"""A budget holds in waves as it does row by row: what is submitted is reserved, and batches cost half."""

import pytest

from tests.waves.conftest import ROWS, TOOL, Run
from tracegen.errors import BudgetError
from tracegen.pipeline import usd_of
from tracegen.records import Usage
from tracegen.teacher.batch_service import BatchService
from tracegen.teacher.budget import Budget, Price
from tracegen.traces.runfile import QUIRKS, RunFile
from tracegen.waves.driver import BATCH_PRICE, Waves

PRICE = Price(1.0, 1.0)


async def start(run: Run, budget: Budget) -> Waves:
    """Start a run in waves with a budget, as the pipeline does."""
    with run.opened() as made:
        teacher = run.teacher()
        spent, cheap = made.spent(), made.spent_in_batches()
        assert spent == cheap  # all of it in batches
        budget.add(*cheap.tokens, BATCH_PRICE)
        teacher.gate.budget = budget
        waves = Waves(made, teacher, run.search, TOOL, BatchService(teacher), run.options(), prompt="Look.", max_hops=8)
        await waves.run(concurrency=4)
        return waves


async def test_a_budget_stops_the_waves_and_a_higher_one_goes_on(run: Run) -> None:
    budget = Budget(0.004, PRICE)
    with pytest.raises(BudgetError, match="The budget is reached"):
        await start(run, budget)
    assert 0 < budget.spent <= budget.limit
    sent = len(run.endpoint.asked())
    assert 0 < sent < 3 * ROWS
    await start(run, Budget(10, PRICE))
    assert run.endings() == ["answered"] * ROWS
    assert run.asked_twice() == 0


async def test_nothing_is_submitted_where_nothing_can_be_paid(run: Run) -> None:
    with pytest.raises(BudgetError):
        await start(run, Budget(0.0001, PRICE))
    assert run.batches() == []


async def test_what_is_spent_is_half_the_price_and_all_the_tokens(run: Run) -> None:
    money, tokens = Budget(10, PRICE), Budget(10_000_000)
    waves = await start(run, money)
    usage = waves.usage
    assert usage == waves.usage_in_batches
    assert money.spent == pytest.approx((usage.prompt_tokens + usage.completion_tokens) / 1e6 * BATCH_PRICE)
    assert usd_of(PRICE, usage, usage) == pytest.approx(money.spent)
    assert usd_of(PRICE, usage, Usage()) == pytest.approx(2 * money.spent)
    tokens.add(usage.prompt_tokens, usage.completion_tokens, BATCH_PRICE)
    assert tokens.spent == usage.prompt_tokens + usage.completion_tokens
    with RunFile.open_run(run.path) as made:
        assert made.spent_in_batches() == usage


async def test_a_budget_holds_over_starts_where_the_service_counts_no_tokens(run: Run) -> None:
    run.endpoint.fault("missing_usage")
    limit = 0.004
    for _ in range(3):
        budget = Budget(limit, PRICE)
        with pytest.raises(BudgetError, match="The budget is reached"):
            await start(run, budget)
        assert 0 < budget.spent <= limit
    with RunFile.open_run(run.path) as made:
        assert made.spent_in_batches() == made.spent()
        assert made.spent().is_estimated
        assert sum(made.spent().tokens) / 1e6 * BATCH_PRICE == pytest.approx(budget.spent)
    await start(run, Budget(10, PRICE))
    assert run.endings() == ["answered"] * ROWS


async def test_a_quirk_learned_in_a_batch_is_in_the_run_with_it(run: Run) -> None:
    run.endpoint.batch_fault("learn")
    await run.start()
    with RunFile.open_run(run.path) as made:
        assert made.meta()[QUIRKS] == ["reasoning_effort"]
