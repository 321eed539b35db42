"""`tracegen support --judge`: through the real SDK and a real server; what is asked once is not asked again."""

import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.endpoint import Endpoint, start
from tests.conftest import ROOT, Ended
from tracegen.judging import TRIES, Case, Judged, agreement_of, chosen, disagreements
from tracegen.records import Message, Row, Trace
from tracegen.traces.judgements import Judgement, Judgements

Run = Callable[..., Ended]
Support = Callable[..., Ended]
ROWS = 8


@pytest.fixture
def run_file(tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path) -> Path:
    tracegen("generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "-q")
    return tmp_path / "out.run.db"


@pytest.fixture
def judged(tracegen: Run, run_file: Path, sample_index: Path, endpoint: Endpoint) -> Support:
    """Return a function that runs `tracegen support --judge` against the endpoint."""

    def run(*words: object, fault: str | None = "judge", times: int | None = None) -> Ended:
        endpoint.fault(fault, times)
        address = ("--judge", "scripted", "--base-url", endpoint.base_url)
        return tracegen("support", run_file, "--index", sample_index, *address, *words)

    return run


def stored(run_file: Path, what: str = "count(*)") -> list[tuple[object, ...]]:
    connection = sqlite3.connect(run_file)
    try:
        return connection.execute(f"SELECT {what} FROM judgements").fetchall()
    finally:
        connection.close()


def test_every_row_is_rated_and_the_agreement_is_shown(judged: Support, run_file: Path, endpoint: Endpoint) -> None:
    page = judged("--price-in", 1, "--price-out", 2)
    assert page.code == 0
    assert f"scripted: {ROWS} rows rated" in page.out
    assert f"{ROWS} weighted by probabilities" in page.out
    assert "Spearman's rho" in page.out
    assert "USD by the price list" in page.out
    assert endpoint.counts().requests == ROWS
    scores = stored(run_file, "score, stated, weighted")
    assert all(weighted == 1 and isinstance(score, float) and 1 <= score <= 5 for score, _, weighted in scores)
    assert any(score != stated for score, stated, _ in scores)


def test_nothing_is_asked_twice(judged: Support, run_file: Path, endpoint: Endpoint) -> None:
    judged("--limit", 3)
    assert endpoint.counts().requests == 3
    page = judged()
    assert "3 rows were judged before" in page.out
    assert (endpoint.counts().requests, endpoint.counts().repeated) == (ROWS, 0)
    again = judged("--json")
    assert endpoint.counts().requests == ROWS
    rows = [json.loads(line) for line in again.out.splitlines()]
    assert all(row["judge"]["form"].startswith("Needed:") for row in rows)
    assert "Spearman" in again.err


def test_another_prompt_is_another_question(judged: Support, run_file: Path, tmp_path: Path, endpoint: Endpoint) -> None:
    judged()
    prompt = tmp_path / "judge.md"
    prompt.write_text("Rate it otherwise. Score: 1 to 5.")
    judged("--judge-prompt", prompt)
    assert endpoint.counts().requests == 2 * ROWS
    assert stored(run_file) == [(2 * ROWS,)]


@pytest.mark.parametrize("fault", ["judge_plain", "judge_refuses_logprobs"])
def test_without_probabilities_the_plain_score_counts(judged: Support, run_file: Path, fault: str) -> None:
    page = judged(fault=fault)
    assert f"scripted: {ROWS} rows rated" in page.out
    assert "0 weighted by probabilities" in page.out
    assert all(score == stated for score, stated in stored(run_file, "score, stated"))


def test_a_server_with_few_alternatives_is_asked_for_few(judged: Support) -> None:
    assert f"{ROWS} weighted by probabilities" in judged(fault="judge_few_logprobs").out


def test_a_malformed_answer_is_asked_for_again_and_paid_for(judged: Support, run_file: Path, endpoint: Endpoint) -> None:
    page = judged(fault="judge_malformed_first")
    assert f"scripted: {ROWS} rows rated" in page.out
    assert (endpoint.counts().requests, endpoint.counts().repeated) == (2 * ROWS, 0)
    assert f"all starts  {2 * ROWS} answers" in page.out
    assert stored(run_file) == [(2 * ROWS,)]


def test_what_is_never_answered_in_form_is_not_rated(judged: Support, endpoint: Endpoint) -> None:
    page = judged(fault="judge_malformed")
    assert page.code == 0
    assert "scripted: 0 rows rated" in page.out
    assert f"not rated   {ROWS}" in page.out
    assert "Spearman's rho not defined" in page.out
    assert endpoint.counts().requests == TRIES * ROWS
    judged(fault="judge")
    assert endpoint.counts().requests == TRIES * ROWS


def test_a_refusing_judge_does_not_stop_the_others(judged: Support) -> None:
    page = judged(fault="judge_refuses_some", times=None)
    rated = int(page.out.split("scripted: ")[1].split()[0])
    assert page.out.count("is not rated: I cannot judge that.") == ROWS - rated


def test_a_failing_endpoint_stops_it_and_the_next_start_goes_on(judged: Support, run_file: Path, endpoint: Endpoint) -> None:
    failed = judged(fault="quota")
    assert failed.code == 1
    assert "The quota is spent" in failed.err
    assert stored(run_file) == [(0,)]
    assert judged().code == 0


def test_a_budget_stops_it_and_what_was_answered_is_kept(judged: Support, run_file: Path, endpoint: Endpoint) -> None:
    stopped = judged("--budget", "6000tokens", "--max-tokens", 100, "--concurrency", 1)
    assert stopped.code == 4
    answered = endpoint.counts().answered
    assert stored(run_file) == [(answered,)]
    assert judged().code == 0
    assert endpoint.counts().answered == ROWS


def test_a_budget_holds_over_starts_where_the_endpoint_counts_no_tokens(
    judged: Support, run_file: Path, endpoint: Endpoint
) -> None:
    with sqlite3.connect(run_file) as made:  # as a version before made it
        made.execute(
            """CREATE TABLE judgements (row_id TEXT, judge TEXT, asked TEXT, attempt INTEGER, score REAL, stated INTEGER,
               weighted INTEGER NOT NULL DEFAULT 0, form TEXT NOT NULL, final INTEGER NOT NULL DEFAULT 0,
               prompt_tokens INTEGER NOT NULL DEFAULT 0, completion_tokens INTEGER NOT NULL DEFAULT 0,
               at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (row_id, judge, asked, attempt)) WITHOUT ROWID"""
        )
        made.execute(
            "INSERT INTO judgements (row_id, judge, asked, attempt, form, prompt_tokens) VALUES ('x', 'scripted', '', 0, '', 9)"
        )
    made.close()
    answered = list[int]()
    for _ in range(2):
        words = ("--budget", "40000tokens", "--max-tokens", 100, "--concurrency", 1)
        assert judged(*words, fault="judge_without_usage").code == 4
        answered.append(endpoint.counts().answered)
    assert 0 < answered[0] == answered[1] < ROWS
    with Judgements.open_file(run_file) as store:
        spent = store.spent("scripted")
    assert spent.requests == answered[0] + 1
    assert (spent.prompt_tokens, spent.completion_tokens) == (9, 0)
    assert 20_000 < sum(spent.tokens) <= 40_000
    assert "estimated, since the endpoint did not count them" in judged(fault="judge_without_usage").out


def test_killed_it_goes_on_and_asks_nothing_twice_that_was_answered(run_file: Path, sample_index: Path) -> None:
    with start(latency_ms=200, fault="judge") as slow:
        words = ["support", run_file, "--index", sample_index, "--judge", "scripted", "--base-url", slow.base_url]
        command = [sys.executable, "-m", "tracegen", *map(str, words), "--concurrency", "2"]
        # The table is there before the process, so that it can be read at any moment.
        with Judgements.open_file(run_file):
            pass
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            while stored(run_file) < [(2,)]:
                assert process.poll() is None
                time.sleep(0.02)
            process.kill()
        kept = stored(run_file, "row_id, form")
        assert len(kept) < ROWS
        subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
        assert set(kept) < set(stored(run_file, "row_id, form"))
        assert len(stored(run_file, "row_id")) == ROWS
        # Only what was in flight when it was killed may have been asked again.
        assert slow.counts().requests <= ROWS + 2


def test_options_of_a_judge_need_one(tracegen: Run, run_file: Path, sample_index: Path) -> None:
    ended = tracegen("support", run_file, "--index", sample_index, "--limit", 3)
    assert ended.code == 2
    assert "--limit goes with --judge" in ended.err


def case(line: int, support: float | None) -> Case:
    message = Message(role="user", content=str(line))
    return Case(line, Row(id=f"r{line}", line=line, messages=(message,)), Trace(hops=(), ended="answered"), support)


def rated(pairs: list[tuple[float | None, float | None]]) -> list[Judged]:
    return [
        Judged(case(line, support), Judgement(score, None, False, "")) for line, (support, score) in enumerate(pairs, start=1)
    ]


def test_agreement_is_that_of_the_books() -> None:
    # By hand: ranks of supports 1 2 3 4 and of scores 1 3 2 4; one pair of six is discordant.
    agreement = agreement_of(rated([(0.1, 1), (0.5, 4), (0.7, 3), (0.9, 5), (None, 3), (0.4, None)]))
    assert agreement.rows == 4
    assert agreement.spearman == pytest.approx(1 - 6 * 2 / (4 * 15))
    assert agreement.kendall == pytest.approx(4 / 6)
    # Above: support of one row, score of two, that one among them.
    assert agreement.kappa == pytest.approx((0.75 - (0.25 * 0.5 + 0.75 * 0.5)) / 0.5)


@pytest.mark.parametrize("pairs", [[], [(0.5, 3.0)], [(0.5, 3.0)] * 4])
def test_agreement_of_nothing_is_not_defined(pairs: list[tuple[float | None, float | None]]) -> None:
    assert agreement_of(rated(pairs))[1:] == (None, None, None)


def test_the_widest_difference_comes_first() -> None:
    found = disagreements(rated([(0.5, 3.0), (1.0, 1.0), (0.0, 4.0), (None, 5.0)]), 2)
    assert [(round(difference, 2), each.case.line) for difference, each in found] == [(-1.0, 2), (0.75, 3)]


def test_a_higher_limit_takes_the_same_rows_and_more() -> None:
    cases = [case(line, None) for line in range(1, 30)]
    few, more = chosen(cases, 5), chosen(cases, 12)
    assert len(few) == 5
    assert {each.line for each in few} <= {each.line for each in more}
    assert [each.line for each in more] == sorted(each.line for each in more)
    assert chosen(cases, None) == cases
