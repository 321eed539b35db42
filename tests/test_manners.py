"""Manners and faults at the wire: the whole job against an endpoint process on which something goes wrong."""

import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bench.endpoint import Endpoint
from tests.conftest import Ended, read_jsonl
from tracegen.cli.generate import _progress_note
from tracegen.errors import TeacherError
from tracegen.jsonl import dump
from tracegen.pipeline import Summary
from tracegen.research import Progress
from tracegen.teacher import chat, gate, pacing
from tracegen.teacher.asking import Asking
from tracegen.traces.runfile import RunFile

Generate = Callable[..., Summary]
ROWS = 8
PASSING = "error_500 error_502 error_503 error_504 error_529 rate_limit_bare reset truncated html empty_choices"
ODD = "parallel_30 stop_with_calls same_query surrogates extra_arguments missing_usage extra_fields least_fields"
ODD += " leaked_calls answer_cut"


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(pacing, "LONGEST_WAIT_S", 0.05)


def poison(dataset: Path, *numbers: int) -> None:
    """Mark rows, by which the endpoint knows them."""
    rows = read_jsonl(dataset)
    for number in numbers:
        messages: Any = rows[number]["messages"]
        messages[-2]["content"] += " POISON"
    dataset.write_text("".join(dump(row) + "\n" for row in rows), encoding="utf-8")


@pytest.mark.parametrize(
    "fault",
    PASSING.split(),
)
def test_what_passes_costs_no_row(research: Generate, endpoint: Endpoint, fault: str) -> None:
    research(limit=1)
    endpoint.reset()
    endpoint.fault(fault, times=5)
    summary = research()
    assert (summary.examples, summary.rejected) == (ROWS, 0)
    assert endpoint.counts().requests == 7 * 4 + 5
    assert endpoint.counts().repeated == 0  # nothing that was answered


def test_a_retry_after_holds_for_all_rows(research: Generate, endpoint: Endpoint) -> None:
    notes: list[str] = []
    research(limit=1)
    endpoint.reset()
    endpoint.fault("rate_limit", times=1)
    assert research(progress=lambda state: notes.append(state.note)).examples == ROWS
    assert endpoint.counts().requests <= 7 * 4 + 7


@pytest.mark.parametrize("fault", ["hang", "trickle"])
def test_a_request_that_never_ends_is_given_up_and_sent_again(research: Generate, endpoint: Endpoint, fault: str) -> None:
    research(limit=1)
    endpoint.fault(fault, times=2)
    assert research(limit=3, asking=Asking(timeout_s=0.7)).examples == 3


def test_an_error_that_persists_for_one_row_is_that_rows_failure(research: Generate, endpoint: Endpoint, dataset: Path) -> None:
    poison(dataset, 4)
    endpoint.fault("poison")
    summary = research()
    assert (summary.examples, summary.reasons) == (ROWS - 1, {"error": 1})
    assert "said 500: The parser failed" in summary.rejected_output.read_text(encoding="utf-8")


@pytest.mark.parametrize(("fault", "said"), [("flagged", "filtered the conversation"), ("forbidden", "said 403: Forbidden")])
def test_a_conversation_that_is_refused_is_its_rows_failure(
    research: Generate, endpoint: Endpoint, dataset: Path, fault: str, said: str
) -> None:
    poison(dataset, 4, 6)
    endpoint.fault(fault)
    summary = research()
    assert (summary.examples, summary.reasons) == (ROWS - 2, {"error": 2})
    assert said in summary.rejected_output.read_text(encoding="utf-8")


def test_it_is_so_too_where_rows_go_one_by_one_and_it_is_the_last(
    research: Generate, endpoint: Endpoint, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "PATIENCE_S", 0.3)
    poison(dataset, 3, 7)
    endpoint.fault("poison")
    assert research(concurrency=1).reasons == {"error": 2}


def test_an_error_that_persists_for_all_stops_the_run_and_is_held_against_no_row(
    research: Generate, endpoint: Endpoint, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "PATIENCE_S", 0.3)
    # More than the two good rows leave time for: while others are answered, a row's failure is its own.
    monkeypatch.setattr(chat, "TRIES", 40)
    poison(dataset, *range(2, ROWS))
    endpoint.fault("poison")
    for concurrency in (8, 1):
        with pytest.raises(
            TeacherError, match=r"(Nothing has worked for too long|rows in a row failed).* said 500: The parser failed"
        ):
            research(concurrency=concurrency, give_up_after=0.005)
    endpoint.fault(None)
    summary = research()
    assert (summary.examples, summary.rejected, summary.resumed) == (ROWS, 0, 2)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            "refuse_returns",
            "2 rows in a row failed, and none came to a good end between.* said 400: Messages of this .* is kept",
        ),
        ("forbid_returns", "1 rows in a row failed, and none was answered between.* said 403"),
    ],
)
def test_a_refusal_of_every_conversation_stops_the_run_and_no_answer_is_paid_twice(
    research: Generate, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, fault: str, said: str
) -> None:
    monkeypatch.setattr("tracegen.research.REFUSED_ROWS", 2)
    monkeypatch.setattr("tracegen.research.BROKEN_ROWS", 1)
    endpoint.fault(fault)
    with pytest.raises(TeacherError, match=said):
        research()
    answered = endpoint.counts().answered
    endpoint.reset()
    endpoint.fault(None)
    summary = research()
    assert (summary.examples, summary.rejected, summary.resumed) == (ROWS, 0, 0)
    assert endpoint.counts().requests == ROWS * 4 - answered


@pytest.mark.parametrize(
    ("fault", "said"),
    [("broken_arguments", "the arguments are not JSON"), ("unknown_tool", "there is no function 'no_such_tool'")],
)
def test_calls_that_can_never_be_made_stop_the_run_and_are_held_against_no_row(
    research: Generate, endpoint: Endpoint, fault: str, said: str
) -> None:
    endpoint.fault(fault)
    with pytest.raises(TeacherError, match=f"3 rows without calling the function.*; of the last: {said}"):
        research(concurrency=8)
    assert endpoint.counts().requests == 3 * 8
    endpoint.fault(None)
    assert research().examples == ROWS


@pytest.mark.parametrize(
    ("fault", "said"),
    [("length", "cut off at its token"), ("refusal", "refused: "), ("context_length", "too long for the teacher")],
)
def test_rows_that_all_end_before_a_search_stop_the_run(
    research: Generate, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, fault: str, said: str
) -> None:
    monkeypatch.setattr("tracegen.research.REFUSED_ROWS", 3)
    endpoint.fault(fault)
    for asked in (3, 6):
        with pytest.raises(TeacherError, match=f"3 rows have ended, and none with a search.*{said}.*--retry failed"):
            research(concurrency=8)
        assert endpoint.counts().requests == asked
    endpoint.fault(None)
    assert research(retry="failed").examples == ROWS


def test_a_spent_quota_stops_at_once_and_what_is_in_flight_is_kept(research: Generate, endpoint: Endpoint) -> None:
    research(limit=1)
    endpoint.reset()
    endpoint.fault("quota", times=1)
    with pytest.raises(TeacherError, match="The quota is spent"):
        research()
    answered = endpoint.counts().answered
    endpoint.reset()
    endpoint.fault(None)
    assert research().examples == ROWS
    assert endpoint.counts().requests == 7 * 4 - answered


def test_the_requests_in_flight_are_shown(monkeypatch: pytest.MonkeyPatch, research: Generate) -> None:
    monkeypatch.setattr("tracegen.research.REPORT_S", 0)  # a short run is reported when something is in flight, too
    states = list[Progress]()
    research(concurrency=3, progress=states.append)
    assert 1 <= max(state.in_flight for state in states) <= 3
    assert states[-1].in_flight == 0
    assert _progress_note(states[-1]._replace(in_flight=3)).endswith("tokens, 3 in flight")


def test_a_rate_of_requests_is_kept(research: Generate) -> None:
    assert research(rpm=6000, tpm=10_000_000, limit=3).examples == 3


def test_quirks_are_learned_once_shown_and_remembered(research: Generate, endpoint: Endpoint) -> None:
    endpoint.fault("quirky")
    asking = Asking(temperature=0.2, max_tokens=500, extra_body={"parallel_tool_calls": False})
    first = research(asking=asking, limit=2)
    assert first.hops == {3: 2}
    assert len(first.learned) == 5
    assert endpoint.counts().requests == 2 * 4 + 5
    endpoint.reset()
    second = research(asking=asking)
    assert second.learned == first.learned
    assert endpoint.counts().requests == 6 * 4


def test_what_changes_answers_belongs_to_the_run_and_secrets_do_not(research: Generate) -> None:
    asking = Asking(
        temperature=0.3,
        service_tier="flex",
        extra_body={"top_k": 5, "api_key": "hidden-value-1"},
        extra_headers={"X-Auth": "hidden-value-2"},
    )
    summary = research(asking=asking, limit=1)
    with RunFile.open_run(summary.run_file) as run:
        settings, about = run.meta()["settings"], run.meta()["about"]
    assert (settings["temperature"], settings["extra_body"]["top_k"]) == (0.3, 5)
    assert about["asking"] == {"service_tier": "flex", "extra_headers": ["X-Auth"], "timeout_s": 600}
    assert b"hidden-value" not in summary.run_file.read_bytes()


def test_a_context_that_is_too_small_leaves_old_returns_out_of_the_request_alone(
    research: Generate, endpoint: Endpoint, tmp_path: Path
) -> None:
    whole = research().output.read_bytes()
    (tmp_path / "out.run.db").unlink()
    endpoint.reset()
    endpoint.fault("context_small")
    summary = research()
    assert summary.examples == ROWS
    assert summary.output.read_bytes() == whole
    assert endpoint.counts().requests > ROWS * 4


@pytest.mark.parametrize(
    "fault",
    ODD.split(),
)
def test_odd_answers_still_make_sound_examples(research: Generate, endpoint: Endpoint, fault: str) -> None:
    endpoint.fault(fault)
    summary = research(limit=3)
    assert summary.examples == 3
    for row in read_jsonl(summary.output):
        messages: Any = row["messages"]
        calls = [call for message in messages for call in message.get("tool_calls", ())]
        assert 3 <= len(calls) <= 8
        assert all(json.loads(call["function"]["arguments"])["query"] for call in calls)


@pytest.mark.parametrize("fault", ["long_query", "missing_arguments"])
def test_calls_that_cannot_be_made_are_corrected_and_then_rejected(research: Generate, endpoint: Endpoint, fault: str) -> None:
    endpoint.fault(fault, times=1)
    assert research(limit=1).hops == {2: 1}
    endpoint.fault(fault)
    assert research(limit=2).reasons == {"no_calls": 1}


def test_that_an_endpoint_is_away_and_back_is_told_without_a_bar_too(
    tracegen: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch, dataset: Path, sample_index: Path, endpoint: Endpoint
) -> None:
    monkeypatch.setattr(gate, "NOTICED_S", 0)
    endpoint.stall(after=4)

    def go_away() -> None:
        while endpoint.counts().requests < 5:
            time.sleep(0.01)
        endpoint.fault("error_503", times=6)
        endpoint.stall(None)

    words = ["generate", dataset, "-o", dataset.with_name("out.jsonl"), "--index", sample_index, "--concurrency", 1]
    with ThreadPoolExecutor() as threads:
        going = threads.submit(go_away)
        ended = tracegen(*words, "--teacher", "scripted", "--base-url", endpoint.base_url, "--timeout", 0.7)
        going.result()
    assert ended.code == 0
    away = r"\d\d:\d\d .*said 503: .*Waiting until it answers again, 60 minutes at most \(--give-up-after\)\."
    assert re.search(away + r"\n\d\d:\d\d The endpoint answers again\.\n", ended.err)


def test_a_long_pause_is_told(monkeypatch: pytest.MonkeyPatch, research: Generate, endpoint: Endpoint) -> None:
    monkeypatch.setattr(gate, "NOTICED_S", 0.5)
    seen: list[Progress] = []
    endpoint.fault("rate_limit", times=1)
    research(limit=1, progress=seen.append)
    assert any(state.note.startswith("waiting 1 s: ") and "said 429: Rate limit" in state.note for state in seen)
