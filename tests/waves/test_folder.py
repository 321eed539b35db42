"""Files instead of a service: what is written, what is read, and what is said while answers are missing."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.waves.conftest import ROWS, Run
from tracegen.errors import AnswersPending, TeacherError

WAVES = 3


def complete(run: Run, request: dict[str, Any]) -> dict[str, Any]:
    """Return what the endpoint says to a request."""
    return run.endpoint.control("/v1/chat/completions", request["body"])


def answer_all(run: Run, folder: Path, *, old_shape: bool = False, leave_out: int = 0) -> int:
    """Answer all files that have no answers, as `vllm run-batch` does; return how many."""
    files = [path for path in folder.glob("*.requests.jsonl") if not answers_of(path).exists()]
    for path in files:
        requests = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        lines = []
        for request in requests[leave_out:]:
            body = complete(run, request)
            response = body if old_shape else {"status_code": 200, "request_id": "r", "body": body}
            lines.append(json.dumps({"id": "vllm-1", "custom_id": request["custom_id"], "response": response, "error": None}))
        answers_of(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(files)


def answers_of(requests: Path, kind: str = "answers") -> Path:
    return requests.with_name(requests.name.replace(".requests.", f".{kind}."))


async def start_until_done(run: Run, folder: Path, **answering: Any) -> int:
    """Start and answer in turn, as a user would; return how many starts it took."""
    for starts in range(1, 20):
        try:
            await run.start(folder=folder)
        except AnswersPending:
            assert answer_all(run, folder, **answering) > 0
        else:
            return starts
    raise AssertionError("it does not end")


@pytest.mark.parametrize("old_shape", [False, True])
async def test_waves_by_way_of_a_folder(run: Run, tmp_path: Path, old_shape: bool) -> None:
    folder = tmp_path / "files"
    assert await start_until_done(run, folder, old_shape=old_shape) == WAVES + 1
    assert run.endings() == ["answered"] * ROWS
    assert [batch.via for batch in run.batches()] == ["folder"] * WAVES
    assert run.asked_twice() == 0


async def test_what_is_missing_is_said_and_written_once(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    for _ in range(2):
        with pytest.raises(AnswersPending, match=r"(?s)8 requests in 1 file wait.*\.requests\.jsonl -> .*\.answers\.jsonl"):
            await run.start(folder=folder)
        (path,) = folder.iterdir()
    assert path.name.startswith("out.wave-1-1.")
    first = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
    assert list(first) == ["custom_id", "method", "url", "body"]
    assert first["body"]["tool_choice"] == "required"


async def test_an_answer_that_is_missing_is_asked_again(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    with pytest.raises(AnswersPending):
        await run.start(folder=folder)
    (requests,) = folder.iterdir()
    answer_all(run, folder, leave_out=2)
    with pytest.raises(AnswersPending, match="6 of 8 answered"):  # they may be on their way
        await run.start(folder=folder)
    answers_of(requests, "errors").touch()
    await start_until_done(run, folder)
    assert run.endings() == ["answered"] * ROWS
    assert run.asked_twice() == 0


async def test_half_written_and_empty_answers(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    with pytest.raises(AnswersPending):
        await run.start(folder=folder)
    (requests,) = folder.iterdir()
    answers = answers_of(requests)
    answers.write_text('{"custom_id": "x", "resp', encoding="utf-8")
    with pytest.raises(AnswersPending, match="cut off"):
        await run.start(folder=folder)
    answers.write_text("", encoding="utf-8")
    with pytest.raises(AnswersPending, match="0 of 8 answered"):
        await run.start(folder=folder)
    answers_of(requests, "errors").touch()
    with pytest.raises(TeacherError, match="no answers in its files"):
        await run.start(folder=folder)
    await start_until_done(run, folder)
    assert run.endings() == ["answered"] * ROWS


async def test_files_can_be_given_up(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    with pytest.raises(AnswersPending):
        await run.start(folder=folder)
    await run.start(folder=folder, cancel=True, launch=False)
    assert run.endings() == ["answered"] * ROWS
    assert list(folder.iterdir()) == []


async def test_a_file_of_a_batch_that_was_never_begun_does_not_stay(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody shall answer a file whose answers nobody will read."""
    from tracegen.traces import batches

    class Killed(BaseException):
        pass

    async def killed(*_: Any) -> None:
        raise Killed

    folder = tmp_path / "files"
    with monkeypatch.context() as patch:
        patch.setattr(batches, "set_uploaded", killed)
        with pytest.raises(Killed):
            await run.start(folder=folder)
    with pytest.raises(AnswersPending):
        await run.start(folder=folder)
    assert len(list(folder.iterdir())) == 1
