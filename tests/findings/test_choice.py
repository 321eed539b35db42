"""--drop, --error and --keep-failed-searches: what is left out is told; nothing is written where a check must not strike."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import read_jsonl
from tests.findings.rows_of_checks import FOLD, OUTPUT, PARAMETERS, PROMPT, TEXT
from tests.findings.test_dataset import prompt_of_words
from tracegen.cli import group
from tracegen.errors import FindingsError, SettingsError
from tracegen.exporting import export
from tracegen.findings import CHECKS, check_row
from tracegen.findings.choice import choose
from tracegen.findings.evidence import evidence_of, honest_failures
from tracegen.jsonl import dump
from tracegen.pipeline import generate
from tracegen.records import Hop, Message, Row, Tool, ToolCall, ToolReturn, Trace
from tracegen.targets import write_openai
from tracegen.traces.chat import read_chat
from tracegen.traces.runfile import RunFile

TOOL = Tool(name="search_docs", description="Search.", parameters=PARAMETERS, k=5, rendering=1)
NOTHING = "No passage found."


def make_run(path: Path, *traces: tuple[str, tuple[str, ...]], output: str = OUTPUT) -> RunFile:
    """Return a run in which each line has a prompt and the returns of its hops."""
    run = RunFile.create_or_resume(path, {"tool": TOOL.model_dump()}, {})
    lines = []
    for line, (prompt, _) in enumerate(traces, start=1):
        messages = (Message(role="user", content=prompt), Message(role="assistant", content=output))
        row = Row(id=f"row{line}-1", line=line, messages=messages)
        lines.append((row, dump({"messages": [message.model_dump() for message in messages]})))
    run.set_input(lines)

    async def finish() -> None:
        for line, (_, texts) in enumerate(traces, start=1):
            hops = tuple(
                Hop(
                    call=ToolCall(id=f"call_{line}_{number}", name="search_docs", arguments={"query": f"part {number}"}),
                    returned=ToolReturn(text=text),
                )
                for number, text in enumerate(texts)
            )
            await run.finish(f"row{line}-1", Trace(hops=hops, ended="answered"))

    asyncio.run(finish())
    return run


GOOD, FAILED_FIRST, USELESS_FIRST, NEVER_FOUND = (FOLD,), (NOTHING, FOLD), (TEXT, FOLD), (TEXT, NOTHING)


def prompts(count: int) -> list[str]:
    return [f"{PROMPT} {prompt_of_words(number)}" for number in range(count)]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[RunFile]:
    """Return a run of ten rows; lines 3 to 6 have an honest failure, line 7 one that is none, line 9 is line 8 again."""
    kinds = [GOOD, GOOD, FAILED_FIRST, USELESS_FIRST, FAILED_FIRST, FAILED_FIRST, NEVER_FOUND, GOOD, GOOD, GOOD]
    asked = prompts(10)
    asked[8] = asked[7]
    with make_run(tmp_path / "a.run.db", *zip(asked, kinds, strict=True)) as made:
        yield made


def written(run: RunFile, folder: Path, **choice: Any) -> tuple[list[Any], list[Any], Any]:
    """Return the examples, the rejected rows, and what was counted."""
    exported = export(run, write_openai, folder / "o.jsonl", folder / "r.jsonl", choose(**choice))
    return read_jsonl(folder / "o.jsonl"), read_jsonl(folder / "r.jsonl"), exported


def test_dropped_rows_are_rejected_whole_with_the_reason(run: RunFile, tmp_path: Path) -> None:
    examples, rejected, exported = written(run, tmp_path, drop=["unused-evidence , duplicate-prompt"])
    assert (len(examples), exported.examples, exported.rejected) == (7, 7, 3)
    assert exported.reasons == {"finding unused-evidence": 2, "finding duplicate-prompt": 1}
    assert [row["line"] for row in rejected] == [4, 7, 9]
    assert rejected[2]["reason"] == "duplicate-prompt: the same prompt as line 8. Left out by --drop duplicate-prompt."
    assert rejected[2]["row"]["messages"][-1]["content"] == OUTPUT


def test_a_dropped_row_does_not_take_its_duplicate_with_it(tmp_path: Path) -> None:
    with make_run(tmp_path / "a.run.db", (PROMPT, (TEXT, FOLD)), (PROMPT, GOOD)) as run:
        assert [row["line"] for row in written(run, tmp_path, drop=["duplicate-prompt"])[1]] == [2]
        assert [row["line"] for row in written(run, tmp_path, drop=["duplicate-prompt,unused-evidence"])[1]] == [1]


def test_without_a_choice_all_is_as_before(run: RunFile, tmp_path: Path) -> None:
    examples, rejected, exported = written(run, tmp_path)
    assert (len(examples), rejected, exported.kept_failed, exported.without_failed) == (10, [], 0, 0)


def test_an_error_names_the_rows_and_leaves_the_output_as_it_was(run: RunFile, tmp_path: Path) -> None:
    (tmp_path / "o.jsonl").write_text("before\n")
    with pytest.raises(
        FindingsError, match=r"^duplicate-prompt strikes line 9; unused-evidence strikes lines 4, 7\. Nothing was"
    ):
        written(run, tmp_path, error=["unused-evidence", "duplicate-prompt"])
    assert (tmp_path / "o.jsonl").read_text() == "before\n"
    assert not (tmp_path / "r.jsonl").exists()


def test_what_is_dropped_is_no_error(run: RunFile, tmp_path: Path) -> None:
    for checks in ("unused-evidence", "duplicate-prompt", "unused-evidence,duplicate-prompt"):
        written(run, tmp_path, error=[checks], drop=[checks])


@pytest.mark.parametrize(("share", "kept"), [(0, 0), (0.1, 1), (0.25, 2), (0.4, 4), (1, 4)])
def test_a_share_of_failed_searches_is_kept_and_of_the_others_the_hop_is_left_out(
    run: RunFile, tmp_path: Path, share: float, kept: int
) -> None:
    examples, rejected, exported = written(run, tmp_path, keep_failed_searches=share)
    assert (len(examples), rejected) == (10, [])
    assert (exported.kept_failed, exported.without_failed) == (kept, 4 - kept)
    failing = [honest_failures(evidence_of(read_chat(example))) for example in examples]
    assert sum(map(bool, failing)) == kept
    for example in examples[2:6]:
        calls = [message["tool_calls"][0]["id"] for message in example["messages"] if "tool_calls" in message]
        assert calls == [message["tool_call_id"] for message in example["messages"] if message["role"] == "tool"]
        assert example["messages"][-2]["content"] == FOLD
        assert example["messages"][-1]["content"] == OUTPUT
    # A search that fails and is never made up for is no honest failure: it stays, and `unused-evidence` tells of it.
    assert len(examples[6]["messages"]) == 6


def test_the_same_rows_keep_theirs_each_time_and_more_do_where_the_share_is_larger(run: RunFile, tmp_path: Path) -> None:
    def keeping(share: float) -> set[int]:
        examples = written(run, tmp_path, keep_failed_searches=share)[0]
        return {place for place, example in enumerate(examples) if honest_failures(evidence_of(read_chat(example)))}

    assert keeping(0.2) == keeping(0.2)
    assert keeping(0.1) < keeping(0.2) < keeping(0.3)


def test_findings_are_of_the_examples_as_they_are_written(run: RunFile, tmp_path: Path) -> None:
    _, rejected, _ = written(run, tmp_path, keep_failed_searches=0, drop=["unused-evidence"])
    assert [row["line"] for row in rejected] == [7]


@pytest.mark.parametrize("share", [-0.1, 1.01, float("nan")])
def test_a_share_that_is_none(share: float) -> None:
    with pytest.raises(SettingsError, match="is no share"):
        choose(keep_failed_searches=share)


@given(st.lists(st.text() | st.lists(st.sampled_from([check.name for check in CHECKS])).map(" , ".join), max_size=3))
def test_names_are_checks_or_refused(words: list[str]) -> None:
    names = {name.strip() for word in words for name in word.split(",")} - {""}
    if names <= {check.name for check in CHECKS}:
        assert choose(drop=words).drop == names
    else:
        with pytest.raises(SettingsError, match=r"There is no check .* The checks are: no-messages, "):
            choose(drop=words)


# --- the command line ----------------------------------------------------------------------------------------------------


def command(*words: Any) -> Result:
    return CliRunner().invoke(group, list(map(str, words)))


def test_export_command(run: RunFile, tmp_path: Path) -> None:
    run.close()
    output, share = tmp_path / "x.jsonl", ("--keep-failed-searches", "0.1")
    result = command("export", tmp_path / "a.run.db", "-o", output, "--drop", "duplicate-prompt", *share)
    assert result.exit_code == 0, result.output
    assert "9 examples for openai; 1 rejected" in result.stderr
    assert "rejected because of finding duplicate-prompt: 1" in result.stderr
    assert "failed searches kept in 1, left out of 3" in result.stderr
    out = command("export", tmp_path / "a.run.db", "-o", "-", "--drop", "duplicate-prompt", *share)
    assert out.stdout == output.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["export", "generate"])
def test_unknown_checks_are_refused_before_any_work(name: str, tmp_path: Path) -> None:
    result = command(name, tmp_path / "none", "-o", tmp_path / "x.jsonl", "--drop", "very-long,nope")
    assert isinstance(result.exception, SettingsError) or result.exit_code == 1
    assert "There is no check 'nope'" in str(result.exception) + result.output


def test_inspect_is_a_gate(run: RunFile, tmp_path: Path) -> None:
    export(run, write_openai, output := tmp_path / "o.jsonl")
    assert command("inspect", output, "--error", "secret").exit_code == 0
    result = command("inspect", output, "--error", "secret,duplicate-prompt", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["rows"] == 10
    assert "duplicate-prompt strikes line 9. Look at them" in str(result.exception) + result.output
    assert command("inspect", output, "3", "--error", "secret").exit_code == 2


def test_lines_that_are_no_rows_do_not_pass_the_gate(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"messages": [\n[1]\n')
    result = command("inspect", tmp_path / "a.jsonl", "--error", "no-messages")
    assert (result.exit_code, "no-messages strikes lines 1, 2" in str(result.exception) + result.output) == (1, True)


def test_generate_asks_nothing_again_after_an_error(dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    output = tmp_path / "out.jsonl"

    def run(**choice: Any) -> Any:
        return generate(dataset, output, index=sample_index, teacher="builtin", choice=choose(**choice))

    rows = len(read_jsonl(dataset))
    with pytest.raises(FindingsError, match="unused-evidence strikes"):
        run(error=["unused-evidence"])
    assert not output.exists()
    summary = run(drop=["unused-evidence"])
    assert (summary.calls, summary.resumed) == (0, rows)
    assert summary.reasons["finding unused-evidence"] == summary.rejected > 0
    assert summary.examples + summary.rejected == rows
    assert "unused-evidence" not in {finding.check for row in read_jsonl(output) for finding in check_row(row)}


@pytest.mark.parametrize(("name", "says"), [("low-support", "--min-support 0.8 --below drop"), ("leak", "--redo LINES")])
def test_findings_of_support_are_no_checks_but_have_an_option(name: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        choose(drop=[name])
    with pytest.raises(SettingsError, match=says):
        choose(error=[f"repeated-query,{name}"])
