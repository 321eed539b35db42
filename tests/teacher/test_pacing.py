"""The pacer: time is given in, so nothing waits."""

from datetime import UTC, datetime

import pytest

from tracegen.teacher.faults import exhausted_s, pause_s
from tracegen.teacher.pacing import (
    FEW_FAILURES,
    LONGEST_WAIT_S,
    MANY_FAILURES,
    PATIENCE_S,
    START_AT,
    START_AT_MOST,
    Pace,
    Pacer,
    Ticket,
)

INFINITE = float("inf")


def pacer(**pace: float) -> Pacer:
    return Pacer(Pace(**{"concurrency": 64, **pace}), jitter=lambda: 1.0)  # type: ignore[arg-type]


def take_all(made: Pacer, now: float, most: int = 10_000) -> list[Ticket]:
    """Start all that may start now."""
    tickets: list[Ticket] = []
    while len(tickets) < most and made.wait_s(now) == 0:
        tickets.append(made.take(now, 100, 10))
    return tickets


def rounds(made: Pacer, number: int, seconds_of: float = 1.0, now: float = 0.0, answers_per_s: float = INFINITE) -> float:
    """Let so many rounds be answered by a server that manages so many answers a second; return the time."""
    for _ in range(number):
        tickets = take_all(made, now)
        now += max(seconds_of, len(tickets) / answers_per_s)
        for ticket in tickets:
            made.succeed(ticket, now)
    return now


def test_it_starts_low_and_grows_up_to_the_cap() -> None:
    made = pacer()
    assert len(take_all(made, 0.0)) == START_AT
    assert made.wait_s(0.0) == INFINITE
    made = pacer(concurrency=300)
    rounds(made, 8)
    assert made.limit == 300


def test_a_cap_below_the_start_holds() -> None:
    assert len(take_all(pacer(concurrency=3), 0.0)) == 3


def test_it_does_not_grow_while_the_limit_is_not_used() -> None:
    made = pacer()
    for now in range(100):
        made.succeed(made.take(now, 1, 1), now + 0.5)
    assert made.limit == START_AT


def test_it_stays_where_more_brings_nothing() -> None:
    made, now, limits = pacer(concurrency=4096), 0.0, []
    for _ in range(100):
        now = rounds(made, 1, now=now, answers_per_s=20)
        limits.append(made.limit)
    assert max(limits) <= 4 * START_AT_MOST
    assert sum(limit == START_AT_MOST for limit in limits) > 70


def test_it_starts_higher_below_a_high_cap_but_never_high() -> None:
    assert [pacer(concurrency=cap).limit for cap in (1, 16, 64, 128, 256, 512, 4096)] == [1, 16, 16, 32, 64, 64, 64]


@pytest.mark.parametrize(
    ("alone_s", "limits"), [(1.0, [64, 256, 1024]), (0.51, [64, 256, 1024]), (0.49, [64, 128, 256]), (None, [64, 128, 256])]
)
def test_it_grows_faster_while_answers_take_hardly_longer_than_one_that_was_alone(
    alone_s: float | None, limits: list[int]
) -> None:
    made, now = pacer(concurrency=4096), 0.0
    if alone_s is not None:
        now = alone_s
        made.succeed(made.take(0.0, 1, 1), now)
    assert made.limit == limits[0]
    for limit in limits[1:]:
        now = rounds(made, 1, now=now)
        assert made.limit == limit


def test_a_server_that_has_no_room_is_not_overrun_by_growing_faster() -> None:
    made, limits = pacer(concurrency=4096), []
    made.succeed(made.take(0.0, 1, 1), 0.05)
    now = 1.0
    for _ in range(100):
        now = rounds(made, 1, seconds_of=0.05, now=now, answers_per_s=20)
        limits.append(made.limit)
    assert max(limits) <= 4 * START_AT_MOST
    assert sum(limit == START_AT_MOST for limit in limits) > 70


def test_one_slow_round_does_not_end_the_doubling() -> None:
    made = pacer(concurrency=300)
    now = rounds(made, 2)
    now = rounds(made, 1, seconds_of=4.0, now=now)  # the client's own machine was busy
    rounds(made, 3, now=now)
    assert made.limit == 300


def test_after_a_standstill_doubling_is_tried_again() -> None:
    made = pacer(concurrency=2048)
    now = rounds(made, 30, answers_per_s=200)
    assert made.limit < 1024
    rounds(made, 30, answers_per_s=20_000, now=now)
    assert made.limit > 1500


def test_after_an_overload_it_is_not() -> None:
    made = pacer(concurrency=2048)
    made.overload(take_all(made, 0.0, 1)[0], 0.5)
    limit = made.limit
    now = 100.0
    for _ in range(40):
        before = made.limit
        now = rounds(made, 1, now=now, answers_per_s=10)
        assert made.limit <= before + max(1, before // 16)
    assert limit < made.limit


def test_overload_halves_once_for_all_that_were_in_flight_together() -> None:
    made = pacer()
    tickets = take_all(made, 0.0)
    for ticket in tickets:
        made.overload(ticket, 1.0, asked_s=2.0)
    assert made.limit == START_AT // 2
    assert 1.9 <= made.wait_s(1.0) <= 2.2
    assert made.wait_s(3.2) == 0
    for ticket in take_all(made, 3.2):
        made.overload(ticket, 4.0)
    assert made.limit == START_AT // 4


def test_after_an_overload_it_grows_by_little() -> None:
    made = pacer()
    made.overload(take_all(made, 0.0, 1)[0], 0.5)
    limit = made.limit
    rounds(made, 6, now=100.0)
    assert limit < made.limit < 2 * limit


def test_a_long_retry_after_is_honoured_whole() -> None:
    made = pacer()
    made.overload(made.take(0.0, 1, 1), 0.0, asked_s=1200)
    assert made.wait_s(0.0) >= 1200
    assert not made.hopeless(2000.0)


def test_without_retry_after_pauses_double_up_to_a_limit() -> None:
    made, now, pauses = pacer(), 0.0, []
    for _ in range(9):
        pauses.append(made.overload(made.take(now, 1, 1), now))
        now += pauses[-1]
    assert pauses == [0.5, 1, 2, 4, 8, 16, LONGEST_WAIT_S, LONGEST_WAIT_S, LONGEST_WAIT_S]


def test_a_success_ends_a_row_of_failures() -> None:
    made = pacer()
    for now in range(6):
        made.fail(made.take(now, 1, 1), now)
    made.succeed(made.take(7, 1, 1), 8)
    assert made.failures == 0
    assert not made.hopeless(8 + 2 * PATIENCE_S)


def test_it_is_hopeless_when_nothing_works_for_long() -> None:
    made = pacer()
    for number in range(5):
        made.fail(made.take(number * 10, 1, 1), number * 10)
    assert not made.hopeless(50)
    assert made.hopeless(PATIENCE_S + 1)


def test_it_is_hopeless_after_many_failures_however_long_the_pauses() -> None:
    made, now = pacer(), 0.0
    for _ in range(MANY_FAILURES):
        assert not made.hopeless(now)
        now += made.overload(made.take(now, 1, 1), now, asked_s=1000)
    assert made.hopeless(now)


def fail_for(made: Pacer, since: float, seconds: float) -> float:
    """Let every request fail for so long; return the time."""
    now = since
    while now < since + seconds:
        for ticket in take_all(made, now):
            made.fail(ticket, now)
        now += made.wait_s(now) or 0.1
    return now


def test_a_server_that_has_worked_is_waited_for_through_the_night() -> None:
    made = pacer(give_up_after=45)
    made.succeed(made.take(0, 1, 1), 1)
    now = fail_for(made, 10, 44 * 60)
    assert made.failures > MANY_FAILURES
    assert not made.outlasted(now)
    now = fail_for(made, now, 2 * 60)
    assert made.outlasted(now)
    made.succeed(made.take(now, 1, 1), now + 1)
    assert not made.outlasted(now + 1)
    fail_for(made, now + 100, 44 * 60)
    assert not made.outlasted(now + 44 * 60)


def test_pauses_that_a_server_asks_for_do_not_make_the_wait_endless() -> None:
    made, now = pacer(give_up_after=60), 10.0
    made.succeed(made.take(0, 1, 1), 1)
    while not made.outlasted(now):
        now += made.overload(made.take(now, 1, 1), now, asked_s=60)
        assert now < 65 * 60


def test_a_server_that_is_away_is_asked_by_one_request_at_a_time_and_then_the_start_is_made_once_more() -> None:
    made = pacer(concurrency=1024)
    now = rounds(made, 6)
    assert made.limit == 1024
    asked = []
    for _ in range(20):
        tickets = take_all(made, now)
        asked.append(len(tickets))
        for ticket in tickets:
            made.fail(ticket, now)
        now += made.wait_s(now)
    assert asked[0] == 1024
    assert asked[FEW_FAILURES:] == [1] * (20 - FEW_FAILURES)
    for ticket in take_all(made, now):
        made.succeed(ticket, now)
    assert made.limit == START_AT_MOST
    rounds(made, 6, now=now)
    assert made.limit == 1024


def test_failures_of_one_moment_count_as_one() -> None:
    made = pacer()
    for ticket in take_all(made, 0.0):
        made.fail(ticket, 5.0)
    assert made.failures == 1
    assert made.limit == START_AT  # a broken server is no overloaded one


def test_requests_a_minute_are_spread_evenly() -> None:
    made, now, started = pacer(rpm=60, concurrency=1000), 0.0, 0
    while now < 60:
        started += len(take_all(made, now))
        for _ in range(made.active):
            made.leave()
        now += 0.25
    assert 58 <= started <= 62


def test_tokens_a_minute_are_corrected_by_what_was_needed() -> None:
    made = pacer(tpm=6000)  # 100 a second
    ticket = made.take(0.0, 300, 100)
    assert made.wait_s(0.0) == pytest.approx(3.0)
    made.succeed(ticket, 0.0, 200)
    assert made.wait_s(0.0) == pytest.approx(1.0)


def test_a_clock_that_jumps_back_delays_nothing_and_ahead_only_ends_waits() -> None:
    made = pacer()
    made.overload(made.take(10_000.0, 1, 1), 10_000.0, asked_s=10)
    assert made.wait_s(0.0) == pytest.approx(10.5)
    assert made.wait_s(6.0) == pytest.approx(4.5)
    assert made.wait_s(10**9) == 0
    made.succeed(made.take(10**9, 1, 1), 5.0)
    assert made.wait_s(6.0) == 0


def test_a_rate_limit_loses_nothing_under_one_pacer() -> None:
    """A server that takes 50 requests a second and refuses all others for the rest of the second; 200 requests are wanted."""
    made, now, left, window, taken = pacer(concurrency=256), 0.0, 200, 0, 0
    refused = 0
    while left:
        tickets = take_all(made, now, left)
        if int(now) != window:
            window, taken = int(now), 0
        for ticket in tickets:
            if taken < 50:
                taken += 1
                left -= 1
                made.succeed(ticket, now + 0.1)
            else:
                refused += 1
                made.overload(ticket, now + 0.1, asked_s=1 - now % 1)
        now += 0.1
        assert now < 30
    assert refused < 100


NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "-3"}, 0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Fri, 20 Nov 2026 12:05:00 GMT"}, 300),
        ({"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
    ],
)
def test_retry_after_is_read_in_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert pause_s(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("remaining", "reset", "seconds"),
    [("0", "6m0s", 360), ("0", "250ms", 0.25), ("0", "1m0.5s", 60.5), ("0", "12", 12), ("1", "1s", None), ("0", "x", None)],
)
def test_an_exhausted_rate_limit_is_waited_for(remaining: str, reset: str, seconds: float | None) -> None:
    assert exhausted_s({"x-ratelimit-remaining-tokens": remaining, "x-ratelimit-reset-tokens": reset}, NOW) == seconds


@pytest.mark.parametrize(
    ("name", "reset", "seconds"),
    [
        ("x-ratelimit-{}", "3", 3),
        ("ratelimit-{}", "3.5", 3.5),
        ("x-ratelimit-{}", str(int(NOW.timestamp()) + 7), 7),
        ("x-ratelimit-{}", str(int(NOW.timestamp() * 1000) + 7000), 7),
        ("x-ratelimit-{}", str(int(NOW.timestamp()) - 7), 0),
        ("anthropic-ratelimit-requests-{}", "2026-11-20T12:00:09Z", 9),
        ("anthropic-ratelimit-output-tokens-{}", "2026-11-20T13:00:09+01:00", 9),
        ("x-ratelimit-{}", "1e300", None),
        ("x-ratelimit-{}", "inf", None),
        ("x-ratelimit-{}", "2026-11-20T12:00:09", None),
        ("anthropic-ratelimit-requests-{}", "2036-11-20T12:00:09Z", None),
    ],
)
def test_rate_limits_of_other_services_are_read(name: str, reset: str, seconds: float | None) -> None:
    assert exhausted_s({name.format("remaining"): "0", name.format("reset"): reset}, NOW) == pytest.approx(seconds)
    assert exhausted_s({name.format("remaining"): "1", name.format("reset"): reset}, NOW) is None
    assert exhausted_s({name.format("remaining"): "0"}, NOW) is None


def test_points_in_time_are_by_the_clock_that_names_them() -> None:
    """The clock of this machine may be wrong, or jump."""
    headers = {"date": "Sat, 21 Nov 2026 12:00:00 GMT", "retry-after": "Sat, 21 Nov 2026 12:00:20 GMT"}
    assert pause_s(headers, NOW) == 20
    limit = {"ratelimit-remaining": "0", "ratelimit-reset": str(int(NOW.timestamp()) + 86_400 + 5)}
    assert exhausted_s(headers | limit, NOW) == 5
    assert pause_s(headers | {"date": "yesterday"}, NOW) == 86_420
