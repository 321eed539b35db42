"""Research in waves, through the SDK against a real Batch API's shapes: what it brings, and what can go wrong with a batch."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.batch_endpoint import BatchEndpoint, start_batch
from tests.waves.conftest import ROWS, Run
from tracegen.errors import AnswersPending, SettingsError, TeacherError
from tracegen.teacher.batch import Passing
from tracegen.teacher.batch_service import BatchService
from tracegen.traces.batches import batches_out
from tracegen.traces.runfile import RunFile

WAVES = 3
"""Two searches, and the answer."""


async def row_by_row(run: Run, tmp_path: Path) -> list[list[tuple[str, str]] | None]:
    """Return the hops of the same rows on the normal path."""
    other = Run(tmp_path / "sync.run.db", run.dataset, run.endpoint, run.http_client)
    await other.start_row_by_row()
    return other.hops()


async def test_waves_bring_what_the_normal_path_brings(run: Run, tmp_path: Path) -> None:
    waves = await run.start()
    batches = run.batches()
    assert [(batch.wave, batch.part, batch.requests, batch.answered) for batch in batches] == [
        (wave, 1, ROWS, ROWS) for wave in range(1, WAVES + 1)
    ]
    assert run.endings() == ["answered"] * ROWS
    assert run.asked_twice() == 0
    assert (waves.finished, waves.calls, waves.usage.requests) == (ROWS, ROWS * 2, ROWS * WAVES)
    assert run.hops() == await row_by_row(run, tmp_path)
    assert {made["metadata"]["tracegen_wave"] for made in run.endpoint.batches()} == {batch.key for batch in batches}


async def test_a_request_is_the_same_on_both_paths(run: Run, tmp_path: Path) -> None:
    teacher = run.teacher()
    fields = teacher.fields("required")
    body = json.loads(teacher.body([{"role": "user", "content": "日本"}], [{"type": "function"}], fields))
    assert body == {
        "model": "scripted",
        "tool_choice": "required",
        "messages": [{"role": "user", "content": "日本"}],
        "tools": [{"type": "function"}],
    }


async def test_the_first_row_is_tried_at_once(run: Run) -> None:
    await run.start(batch_only=False)
    assert [batch.requests for batch in run.batches()] == [ROWS - 1] * WAVES
    assert run.endpoint.counts().requests == WAVES


async def test_a_teacher_without_calls_is_found_out_before_any_batch(run: Run) -> None:
    run.endpoint.fault("ignore_tools")
    with pytest.raises(TeacherError, match="without calling the function"):
        await run.start(batch_only=False)
    assert run.endpoint.batches() == []


async def test_a_teacher_without_calls_costs_one_wave_at_most(run: Run) -> None:
    run.endpoint.batch_fault("no_calls")
    with pytest.raises(TeacherError, match="without calling the function"):
        await run.start()
    assert len(run.endpoint.batches()) == 1
    run.endpoint.batch_fault(None)
    await run.start()
    assert run.endings() == ["answered"] * ROWS


@pytest.mark.parametrize("limits", [{"max_requests": 3}, {"max_mb": 0.003}])
async def test_limits_make_more_files(run: Run, tmp_path: Path, limits: dict[str, Any]) -> None:
    await run.start(**limits)
    first = [batch for batch in run.batches() if batch.wave == 1]
    assert len(first) > 1
    assert sum(batch.requests for batch in first) == ROWS
    assert all(batch.bytes <= 3000 for batch in first) or "max_mb" not in limits
    assert run.endings() == ["answered"] * ROWS
    assert run.asked_twice() == 0
    assert run.hops() == await row_by_row(run, tmp_path)


async def test_a_request_that_fits_into_no_file_is_the_failure_of_its_row(run: Run) -> None:
    await run.start(max_mb=0.0001)
    assert run.endings() == ["error"] * ROWS
    assert run.endpoint.batches() == []


@pytest.mark.parametrize("fault", ["expire", "error_lines", "missing"])
async def test_what_a_batch_leaves_unanswered_goes_into_the_next_wave(run: Run, tmp_path: Path, fault: str) -> None:
    run.endpoint.batch_fault(fault, times=1)
    await run.start()
    assert run.batches()[0].failed == (1 if fault == "missing" else ROWS // 2)
    assert run.endings() == ["answered"] * ROWS
    # An answer that was lost on its way was given all the same.
    assert run.asked_twice() == (1 if fault == "missing" else 0)
    assert run.hops() == await row_by_row(run, tmp_path)


async def test_what_a_batch_leaves_unanswered_can_be_finished_at_once(run: Run) -> None:
    run.endpoint.batch_fault("expire", times=1)
    await run.start(finish_sync=True, batch_only=False)
    # Eight rows are too few for a wave: after the first row they all go the normal way.
    assert run.endpoint.batches() == []
    assert run.endings() == ["answered"] * ROWS


async def test_expired_rows_are_finished_on_the_normal_path(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from tracegen.waves import driver

    monkeypatch.setattr(driver, "FEW_ROWS", 0)
    run.endpoint.batch_fault("expire", times=1)
    await run.start(finish_sync=True)
    assert run.endpoint.counts().requests == ROWS // 2 * WAVES
    assert [batch.requests for batch in run.batches()] == [ROWS, ROWS // 2, ROWS // 2]
    assert run.endings() == ["answered"] * ROWS
    assert run.asked_twice() == 0


async def test_a_row_that_is_never_answered_ends_with_an_error(run: Run) -> None:
    run.endpoint.batch_fault("error_lines")
    await run.start()
    # Each batch leaves out every second of its lines, so some rows are never lucky.
    assert set(run.endings()) == {"answered", "error"}


async def test_a_refused_request_is_its_rows_failure(run: Run) -> None:
    run.endpoint.batch_fault("refuse_lines", times=1)
    await run.start()
    assert run.endings() == ["answered", "error"] * (ROWS // 2)


async def test_a_conversation_that_is_too_long_goes_on_without_old_returns_in_the_request(
    tmp_path: Path, dataset: Path
) -> None:
    with start_batch(hops=5) as endpoint:
        run = Run(tmp_path / "out.run.db", dataset, endpoint)
        run.returned_chars = 2_500
        endpoint.fault("context_small")
        await run.start()
        await run.http_client.aclose()
    assert run.endings() == ["answered"] * ROWS
    # Four returns are too long, and so are five, one of them left out.
    assert [batch.answered for batch in run.batches()] == [ROWS, ROWS, ROWS, ROWS, 0, ROWS, 0, ROWS]
    assert all(len(returned) == 2_500 for hops in run.hops() for _, returned in hops or ())
    assert sum("8 requests were too long for the teacher; asked again" in sentence for sentence in run.said) == 2


async def test_a_conversation_that_is_too_long_by_its_last_return_is_its_rows_failure(run: Run) -> None:
    run.returned_chars = 12_000
    run.endpoint.fault("context_small")
    await run.start(batch_only=False)
    assert run.endings() == ["error"] * ROWS
    with RunFile.open_run(run.path) as file:
        details = [result.trace.detail for result in file.results() if result.trace]
    assert all(str(detail).startswith("The conversation is too long for the teacher: ") for detail in details)


async def test_nothing_is_held_against_the_rows_where_every_request_is_refused(run: Run) -> None:
    run.endpoint.batch_fault("refuse_all_lines", times=1)
    with pytest.raises(TeacherError, match=r"No request of batch .* maximum context length"):
        await run.start()
    await run.start()
    assert run.endings() == ["answered"] * ROWS


async def test_that_the_first_row_was_answered_is_no_reason_to_reject_all_others(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracegen.waves.collecting.REFUSED_ROWS", ROWS - 1)
    run.endpoint.batch_fault("refuse_all_lines", times=1)
    with pytest.raises(TeacherError, match=r"No request of batch .* maximum context length"):
        await run.start(batch_only=False)
    assert run.endings() == ["answered"] + [None] * (ROWS - 1)
    await run.start()
    assert run.endings() == ["answered"] * ROWS


async def test_what_the_model_refuses_of_a_request_is_learned(run: Run) -> None:
    run.endpoint.batch_fault("learn")
    await run.start()
    assert run.endings() == ["answered"] * ROWS
    assert [batch.answered for batch in run.batches()] == [0, ROWS, ROWS, ROWS]


async def test_a_refused_file_is_a_sentence_and_can_be_mended(run: Run) -> None:
    run.endpoint.batch_fault("invalid", times=1)
    with pytest.raises(TeacherError, match=r"not parseable as valid JSON\. \(line 1\)"):
        await run.start()
    await run.start()
    assert run.endings() == ["answered"] * ROWS
    assert run.asked_twice() == 0


async def test_too_much_at_a_time_waits_for_what_is_at_work(run: Run) -> None:
    run.endpoint.batch_fault("too_much")
    await run.start(max_requests=4)
    assert run.endings() == ["answered"] * ROWS
    assert run.asked_twice() == 0


@pytest.mark.parametrize(("fault", "sentence"), [("duplicate", "answered twice"), ("unknown", "'nobody.0'")])
async def test_lines_that_should_not_be_there_are_reported(run: Run, tmp_path: Path, fault: str, sentence: str) -> None:
    run.endpoint.batch_fault(fault)
    waves = await run.start()
    assert sentence in "\n".join(run.said)
    assert run.hops() == await row_by_row(run, tmp_path)
    assert waves.usage.requests == ROWS * WAVES


async def test_the_shape_of_older_vllm_is_read(run: Run) -> None:
    run.endpoint.batch_fault("old_shape")
    await run.start()
    assert run.endings() == ["answered"] * ROWS


async def test_a_batch_whose_making_is_not_certain_is_not_made_twice(run: Run) -> None:
    run.endpoint.batch_fault("lost_reply", times=1)
    await run.start()
    assert "not certain" in "\n".join(run.said)
    assert len(run.endpoint.batches()) == WAVES
    assert run.asked_twice() == 0


async def test_not_waiting_says_what_is_out(run: Run) -> None:
    run.endpoint.batch_fault("stuck", times=1)
    with pytest.raises(AnswersPending, match=r"8 requests are out in 1 batch \(batch_0001\)"):
        await run.start(wait=False)
    with pytest.raises(AnswersPending):
        await run.start(wait=False)
    assert len(run.endpoint.batches()) == 1


async def test_a_cancelled_batch_keeps_what_it_answered(run: Run) -> None:
    run.endpoint.batch_fault("stuck", times=1)
    with pytest.raises(AnswersPending):
        await run.start(wait=False)
    await run.start(cancel=True, launch=False)
    assert run.endings() == ["answered"] * ROWS
    assert len(run.endpoint.batches()) == 1
    assert run.asked_twice() == 0


async def test_a_batch_that_is_gone_is_a_sentence_and_can_be_given_up(run: Run) -> None:
    run.endpoint.batch_fault("stuck", times=1)
    with pytest.raises(AnswersPending):
        await run.start(wait=False)
    run.endpoint.reset()
    with pytest.raises(TeacherError, match=r"No such batch.*--cancel-batches"):
        await run.start()
    await run.start(cancel=True)
    assert run.endings() == ["answered"] * ROWS


async def test_a_late_answer_to_a_row_that_is_redone_is_kept(run: Run) -> None:
    run.endpoint.batch_fault("stuck", times=1)
    with pytest.raises(AnswersPending):
        await run.start(wait=False)
    await run.start(redo="3", cancel=True)
    assert run.endings() == ["answered"] * ROWS
    with RunFile.open_run(run.path) as opened:
        assert opened.fetch("SELECT kind, seq FROM superseded") == [("late", 0)]


async def test_batches_of_a_service_are_not_looked_for_in_a_folder(run: Run, tmp_path: Path) -> None:
    run.endpoint.batch_fault("stuck")
    with pytest.raises(AnswersPending):
        await run.start(wait=False)
    with pytest.raises(SettingsError, match="--batch"):
        await run.start(folder=tmp_path / "files")
    with RunFile.open_run(run.path) as opened:
        assert len(batches_out(opened)) == 1


class Flaky:
    """Makes a method of the service fail some times before it works."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, times: int) -> None:
        self.left = times
        method = getattr(BatchService, name)

        async def flaky(service: BatchService, *args: Any) -> Any:
            if self.left > 0:
                self.left -= 1
                raise Passing("the server had an error")
            return await method(service, *args)

        monkeypatch.setattr(BatchService, name, flaky)


@pytest.mark.parametrize("name", ["upload", "submit", "status", "download"])
async def test_what_can_pass_is_tried_again(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    flaky = Flaky(monkeypatch, name, times=2)
    await run.start()
    assert flaky.left == 0
    assert run.endings() == ["answered"] * ROWS
    assert len(run.endpoint.batches()) == WAVES


@pytest.mark.parametrize("name", ["upload", "submit", "status"])
async def test_a_service_that_never_works_is_given_up_and_nothing_is_lost(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with monkeypatch.context() as patch:
        Flaky(patch, name, times=10**9)
        with pytest.raises(TeacherError, match="batch"):
            await run.start()
    await run.start()
    assert run.endings() == ["answered"] * ROWS
    assert len(run.endpoint.batches()) == WAVES


async def test_a_refusal_of_the_service_itself_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint without a Batch API."""
    run.endpoint = BatchEndpoint(run.endpoint.base_url.replace("/v1", "/v2"))
    with pytest.raises(TeacherError, match=r"Cannot upload a file: .*404.*--batch-files"):
        await run.start()


async def test_a_file_that_is_too_large_is_a_sentence_and_goes_out_in_parts(run: Run) -> None:
    run.endpoint.batch_fault("small_files")
    with pytest.raises(TeacherError, match=r"Cannot upload a file: .*413.*smaller --batch-mb or --batch-requests"):
        await run.start()
    await run.start(max_requests=2)
    assert run.endings() == ["answered"] * ROWS
    assert run.asked_twice() == 0


async def test_a_download_that_breaks_off_is_made_again(run: Run) -> None:
    run.endpoint.batch_fault("cut_downloads")
    await run.start()
    assert run.endings() == ["answered"] * ROWS
    assert any("cannot be asked just now" in said for said in run.said)


async def test_a_status_in_capitals_is_understood(run: Run) -> None:
    run.endpoint.batch_fault("capitals")
    await run.start()
    assert run.endings() == ["answered"] * ROWS


async def test_lines_refused_for_a_reason_that_concerns_all_stop_the_run(run: Run) -> None:
    run.endpoint.batch_fault("quota", times=1)
    with pytest.raises(TeacherError, match=r"exceeded your current quota.*Check key, quota"):
        await run.start()
    assert run.endings() == [None] * ROWS
    await run.start()
    assert run.endings() == ["answered"] * ROWS
    assert run.asked_twice() == 0
