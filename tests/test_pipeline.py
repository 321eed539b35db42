"""The main job through the real SDK, the real index and the real run file, against an endpoint that is a process of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.endpoint import Endpoint
from tests.conftest import database, read_jsonl
from tracegen.errors import InputError, OutputError, SettingsError, TeacherError
from tracegen.jsonl import dump
from tracegen.pipeline import Summary, generate
from tracegen.research import Progress

Generate = Callable[..., Summary]


def rows_of(path: Path) -> list[list[dict[str, Any]]]:
    return [row["messages"] for row in read_jsonl(path)]  # type: ignore[misc]


def test_builtin_researcher_needs_neither_key_nor_endpoint(dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    output = tmp_path / "augmented.jsonl"
    summary = generate(dataset, output, index=sample_index)
    assert (summary.examples, summary.rejected, summary.teacher) == (8, 0, "built-in researcher")
    for before, after in zip(rows_of(dataset), rows_of(output), strict=True):
        assert after[-1] == before[-1]
        assert after[: len(before) - 1] == before[:-1]
        middle = after[len(before) - 1 : -1]
        assert [message["role"] for message in middle] == ["assistant", "tool"] * (len(middle) // 2)
        queries = [json.loads(call["function"]["arguments"])["query"] for m in middle for call in m.get("tool_calls", [])]
        assert len(queries) == len(set(queries)) >= 2


async def test_in_a_running_loop_it_says_what_to_write_instead(dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    with pytest.raises(SettingsError, match=r"await tracegen\.generate_async"):
        generate(dataset, tmp_path / "out.jsonl", index=sample_index)


def test_every_hop_is_a_real_search(research: Generate, sample_index: Path) -> None:
    from tracegen.index import open_index

    summary = research(limit=1)
    (messages,) = rows_of(summary.output)
    with open_index(sample_index) as index:
        for call, returned in zip(messages[2:-1:2], messages[3:-1:2], strict=True):
            query = json.loads(call["tool_calls"][0]["function"]["arguments"])["query"]
            assert returned["content"] == index.call(query).text
            assert returned["tool_call_id"] == call["tool_calls"][0]["id"]


def test_output_has_the_order_of_the_input_and_only_the_keys_every_service_takes(
    research: Generate, dataset: Path, endpoint: Endpoint
) -> None:
    summary = research(concurrency=8)
    written = read_jsonl(summary.output)
    assert [row["messages"][-1] for row in written] == [row[-1] for row in rows_of(dataset)]  # type: ignore[index]
    assert {tuple(row) for row in written} == {("messages", "tools")}
    assert len({dump(row["tools"]) for row in written}) == 1
    assert endpoint.counts().requests == 8 * 4
    assert summary.usage.requests == 8 * 4
    assert summary.hops == {3: 8}


def test_running_again_asks_nothing_and_writes_the_same(research: Generate, endpoint: Endpoint) -> None:
    first = research()
    before = first.output.read_bytes()
    endpoint.reset()
    second = research()
    assert endpoint.counts().requests == 0
    assert second.resumed == 8
    assert second.output.read_bytes() == before


def test_a_larger_limit_asks_for_the_new_rows_alone(research: Generate, endpoint: Endpoint) -> None:
    assert research(limit=3).examples == 3
    endpoint.reset()
    assert research(limit=5).examples == 5
    assert endpoint.counts().requests == 2 * 4


def test_other_settings_on_the_same_run_file_are_refused(research: Generate, endpoint: Endpoint) -> None:
    research(limit=1)
    endpoint.reset()
    with pytest.raises(SettingsError, match="max_hops was 8, now 2"):
        research(limit=1, max_hops=2)
    assert endpoint.counts().requests == 0


def test_failed_rows_alone_are_asked_again(research: Generate, endpoint: Endpoint) -> None:
    research(limit=1)
    endpoint.fault("context_length", times=2)
    assert research(concurrency=1).reasons == {"error": 2}
    endpoint.fault(None)
    endpoint.reset()
    assert research().reasons == {"error": 2}  # not without being told
    assert endpoint.counts().requests == 0
    summary = research(retry="failed")
    assert summary.examples == 8
    assert endpoint.counts().requests == 2 * 4
    assert research(retry="failed").examples == 8
    assert endpoint.counts().requests == 2 * 4


def test_chosen_rows_are_asked_again(research: Generate, endpoint: Endpoint) -> None:
    before = research().output.read_bytes()
    endpoint.reset()
    summary = research(redo="2,7")
    assert endpoint.counts().requests == 2 * 4
    assert summary.output.read_bytes() == before
    with database(summary.run_file) as run:
        assert run.execute("SELECT count(DISTINCT row_id), count(*) FROM superseded").fetchone() == (2, 2 * 8)


def test_a_changed_dataset_asks_for_what_changed_alone(research: Generate, dataset: Path, endpoint: Endpoint) -> None:
    research()
    lines = dataset.read_text(encoding="utf-8").splitlines()
    changed = json.loads(lines[3])
    changed["messages"][-2]["content"] += " Briefly."
    dataset.write_text("\n".join([*lines[4:], json.dumps(changed), *lines[:2]]) + "\n", encoding="utf-8")
    endpoint.reset()
    summary = research()
    assert (summary.examples, summary.resumed) == (7, 6)
    assert endpoint.counts().requests == 4
    assert [row[-1] for row in rows_of(summary.output)] == [row[-1] for row in rows_of(dataset)]


def test_only_what_changes_requests_is_a_setting(research: Generate) -> None:
    """Whatever else is added to the settings would make people pay again for a change that needs no new answer."""
    with database(research(limit=1).run_file) as run:
        (settings,) = run.execute("SELECT value FROM meta WHERE key = 'settings'").fetchone()
    conversation = {"teacher", "index", "tool", "prompt", "max_hops"}
    assert set(json.loads(settings)) == conversation | {"api", "temperature", "max_tokens", "extra_body"}


def test_each_row_is_in_exactly_one_file(research: Generate, dataset: Path) -> None:
    good = dataset.read_text(encoding="utf-8").splitlines()
    bad = ['{"messages": [', '{"prompt": "x"}', '{"messages": [{"role": "user", "content": "x"}], "note": "\\ud83d"}']
    dataset.write_text("\n".join([good[0], bad[0], good[1], "", bad[1], bad[2], good[2]]) + "\n", encoding="utf-8")
    summary = research()
    assert (summary.examples, summary.rejected) == (3, 3)
    rejected = read_jsonl(summary.rejected_output)
    assert [row["line"] for row in rejected] == [2, 5, 6]
    assert rejected[0]["row"] == bad[0]
    assert rejected[1]["row"] == {"prompt": "x"}
    assert all(str(row["reason"]).startswith("train.jsonl:") for row in rejected)
    assert bad[2] in summary.rejected_output.read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", ["parallel", "object_arguments", "double_encoded", "repeated_ids", "missing_ids"])
def test_what_servers_do_differently_still_gives_sound_examples(research: Generate, endpoint: Endpoint, fault: str) -> None:
    endpoint.fault(fault)
    summary = research()
    assert summary.examples == 8
    for messages in rows_of(summary.output):
        calls = [message["tool_calls"] for message in messages if "tool_calls" in message]
        ids = [call["id"] for (call,) in calls]
        assert len(ids) == len(set(ids)) >= 3
        assert [message["tool_call_id"] for message in messages if message["role"] == "tool"] == ids


@pytest.mark.parametrize("fault", ["refuse_required", "content_with_calls", "null_content", "reasoning"])
def test_harmless_differences_change_nothing(research: Generate, endpoint: Endpoint, fault: str) -> None:
    endpoint.fault(fault)
    summary = research()
    assert summary.hops == {3: 8}
    trained = summary.output.read_text(encoding="utf-8")
    assert "I should search" not in trained
    assert '"role": "assistant", "content": null' not in trained


@pytest.mark.parametrize("fault", ["broken_arguments", "unknown_tool", "empty_query"])
def test_a_teacher_that_only_makes_malformed_calls_makes_no_example(research: Generate, endpoint: Endpoint, fault: str) -> None:
    endpoint.fault(fault)
    summary = research(limit=2)
    assert summary.examples == 0
    assert summary.reasons == {"no_calls": 2}


def test_malformed_calls_are_corrected_and_left_out_of_the_example(research: Generate, endpoint: Endpoint) -> None:
    endpoint.fault("broken_arguments", times=1)
    summary = research(limit=1)
    assert summary.examples == 1
    assert "Error:" not in summary.output.read_text(encoding="utf-8")
    with database(summary.run_file) as run:
        (trace,) = run.execute("SELECT trace FROM traces").fetchone()
    assert "Error: the arguments are not JSON" in trace


def test_endless_calls_end_at_max_hops(research: Generate, endpoint: Endpoint) -> None:
    endpoint.fault("never_ends")
    summary = research(limit=2, max_hops=4)
    assert summary.hops == {4: 2}
    assert endpoint.counts().requests == 2 * 4


@pytest.mark.parametrize(("fault", "reason"), [("refusal", "refused"), ("content_filter", "refused"), ("length", "length")])
def test_endings_that_make_no_example_are_rejected_with_their_reason(
    research: Generate, endpoint: Endpoint, fault: str, reason: str
) -> None:
    endpoint.fault(fault)
    summary = research(limit=2)
    assert summary.reasons == {reason: 2}
    assert all(str(row["reason"]).startswith(f"{reason}: ") for row in read_jsonl(summary.rejected_output))


def test_an_answer_without_search_is_asked_again_and_else_recorded(research: Generate, endpoint: Endpoint) -> None:
    endpoint.fault("ignore_tools", times=1)
    assert research(limit=1).hops == {3: 1}


def test_a_few_rows_without_calls_are_rejected(research: Generate, endpoint: Endpoint) -> None:
    endpoint.fault("ignore_tools")
    assert research(limit=2).reasons == {"no_calls": 2}


def test_an_endpoint_that_never_calls_is_given_up_and_nothing_is_held_against_the_rows(
    research: Generate, endpoint: Endpoint
) -> None:
    endpoint.fault("ignore_tools")
    with pytest.raises(TeacherError, match="without calling the function"):
        research(concurrency=8)
    assert endpoint.counts().requests == 6
    endpoint.fault(None)
    assert research().examples == 8


def test_an_endpoint_without_tools_is_given_up_at_the_first_answer(research: Generate, endpoint: Endpoint) -> None:
    endpoint.fault("no_tools")
    with pytest.raises(TeacherError, match="takes no tools"):
        research(concurrency=8)
    assert endpoint.counts().requests <= 2


def test_a_closed_port_is_a_sentence(research: Generate) -> None:
    with pytest.raises(TeacherError, match=r"No answer from http://127\.0\.0\.1:9/v1.*server running"):
        research(base_url="http://127.0.0.1:9/v1")


def test_a_context_that_is_too_long_rejects_the_row_alone(research: Generate, endpoint: Endpoint) -> None:
    research(limit=1)
    endpoint.fault("context_length", times=1)
    summary = research(limit=3, concurrency=1)
    assert summary.examples == 2
    assert summary.reasons == {"error": 1}
    assert "too long for the teacher" in summary.rejected_output.read_text(encoding="utf-8")


def test_progress_is_told(research: Generate) -> None:
    seen: list[Progress] = []
    research(progress=seen.append)
    assert seen[0].finished == 0
    assert (seen[-1].finished, seen[-1].rows, seen[-1].calls) == (8, 8, 24)
    assert seen[-1].usage.prompt_tokens > 0


def test_a_key_or_address_without_a_model_is_not_guessed_about(
    dataset: Path, tmp_path: Path, sample_index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with pytest.raises(SettingsError, match="--teacher MODEL") as raised:
        generate(dataset, tmp_path / "out.jsonl", index=sample_index)
    assert "sk-secret" not in str(raised.value)
    assert generate(dataset, tmp_path / "out.jsonl", index=sample_index, teacher="builtin", limit=1).examples == 1


def test_no_key_ever_reaches_the_run_file(research: Generate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    summary = research(limit=1)
    assert b"sk-very-secret" not in summary.run_file.read_bytes()


@pytest.mark.parametrize("place", ["folder", "missing/out.jsonl", "train.jsonl", "out.run.db", "x" * 240 + ".jsonl"])
def test_outputs_that_cannot_be_are_refused_before_anything_is_asked(
    dataset: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint, place: str
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises((OutputError, SettingsError), match="-o"):
        generate(dataset, tmp_path / place, index=sample_index, teacher="scripted", base_url=endpoint.base_url)
    assert endpoint.counts().requests == 0


def test_a_dataset_that_an_earlier_run_has_rejected_is_not_replaced(
    research: Generate, dataset: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint
) -> None:
    rejected = dataset.rename(tmp_path / "out.rejected.jsonl")
    rows = rejected.read_bytes()
    with pytest.raises(SettingsError, match=r"writes .*out\.rejected\.jsonl, the dataset.* -o"):
        generate(rejected, tmp_path / "out.jsonl", index=sample_index, teacher="scripted", base_url=endpoint.base_url)
    assert (rejected.read_bytes(), endpoint.counts().requests) == (rows, 0)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("", "is empty"), ('[{"messages": []}]\n', "JSON array"), ('{"a": 1}\n', r"train\.jsonl:1: no `messages`")],
)
def test_datasets_with_which_nothing_can_be_done(
    research: Generate, dataset: Path, endpoint: Endpoint, content: str, sentence: str
) -> None:
    dataset.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=sentence):
        research()
    assert endpoint.counts().requests == 0
