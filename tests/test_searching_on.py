"""Rows whose support is too low are searched on: by the fake endpoint, by the built-in researcher, through kills, and later."""

import asyncio
import json
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.endpoint import Endpoint
from tests.conftest import ROOT, Ended, database, read_jsonl
from tracegen.errors import SettingsError
from tracegen.pipeline import Summary, generate
from tracegen.prompts import read_prompt
from tracegen.records import Response
from tracegen.research import take_event
from tracegen.teacher import ToolChoice
from tracegen.teacher.loop import Finish, Loop
from tracegen.teacher.researcher import Researcher
from tracegen.traces.ratings import read_rating
from tracegen.traces.runfile import RunFile

HOPS = 3
FURTHER_HOPS = 2
ROWS = 8
CONCURRENCY = 4


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Return a dataset whose rows need what the small index has and the scripted teacher does not find."""
    path = tmp_path / "rows.jsonl"
    lines = (ROOT / "examples/train.jsonl").read_text(encoding="utf-8").splitlines()
    path.write_text("".join(f"{line}\n" for line in lines if "std." in line.split('"assistant"')[1])[:200_000], "utf-8")
    kept = path.read_text("utf-8").splitlines()[:ROWS]
    path.write_text("".join(f"{line}\n" for line in kept), "utf-8")
    return path


@pytest.fixture
def research(rows: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint) -> Callable[..., Summary]:
    """Return a function that generates with the fake endpoint as teacher."""

    def run(**options: Any) -> Summary:
        defaults = {"teacher": "scripted", "base_url": endpoint.base_url, "index": sample_index, "further_hops": FURTHER_HOPS}
        return generate(rows, tmp_path / "out.jsonl", **{**defaults, **options})

    return run


def events(run_file: Path, kind: str) -> int:
    with database(f"file:{run_file}?mode=ro", uri=True, timeout=30) as run:
        return int(run.execute("SELECT count(*) FROM events WHERE kind = ?", (kind,)).fetchone()[0])


def short_rows(run_file: Path, least: float) -> int:
    with database(f"file:{run_file}?mode=ro", uri=True, timeout=30) as run:
        return int(run.execute("SELECT count(*) FROM support WHERE retrievable < ?", (least,)).fetchone()[0])


def test_a_finished_run_goes_on_where_it_is_short_and_asks_nothing_else(
    research: Callable[..., Summary], endpoint: Endpoint
) -> None:
    first = research()
    assert (first.support.rated, first.support.searched_on) == (ROWS, 0)
    short = short_rows(first.run_file, 0.95)
    assert short > 0
    endpoint.reset()
    second = research(min_support=0.95)
    # The scripted teacher searches on until the limit, or until it is enough; then it is not asked any more.
    responses = events(second.run_file, "response") - ROWS * (HOPS + 1)
    assert endpoint.counts().requests == responses <= short * (FURTHER_HOPS + 1)
    assert events(second.run_file, "further") == second.support.searched_on == short
    assert second.examples == ROWS
    assert (second.support.left_in, second.support.above >= first.support.above) == (0, True)
    endpoint.reset()
    third = research(min_support=0.95)
    fourth = research(min_support=0.2)
    assert endpoint.counts().requests == 0
    assert third.output.read_bytes() == fourth.output.read_bytes()


def test_a_guide_added_later_costs_only_what_it_says(research: Callable[..., Summary], endpoint: Endpoint) -> None:
    research(min_support=0.95)
    endpoint.reset()
    summary = research(min_support=0.95, guide=True)
    with RunFile.open_run(summary.run_file) as run:
        further = [result.trace.further for result in run.results() if result.trace]
    guided = [told[1] for told in further if len(told) == 2]
    assert guided
    assert {told[0].kind for told in further if told} == {"nudge"}
    assert all(told.topics and f"- {told.topics[0]}" in told.message for told in guided)
    assert 0 < endpoint.counts().requests <= len(guided) * (FURTHER_HOPS + 1)


def test_what_was_told_is_in_the_run_and_in_no_example(research: Callable[..., Summary]) -> None:
    summary = research(min_support=0.95, guide=True)
    written = summary.output.read_text("utf-8")
    for line in (read_prompt(name="nudge") + read_prompt(name="guide")).splitlines():
        if len(line) > 20 and "{" not in line:
            assert line not in written
    for row in read_jsonl(summary.output):
        roles = [message["role"] for message in row["messages"]]  # type: ignore[attr-defined]
        start = roles.index("assistant")
        assert roles[start:-1] == ["assistant", "tool"] * (len(roles[start:-1]) // 2)
    assert events(summary.run_file, "further") >= 1


class Recording:
    """The built-in researcher, which remembers what it was sent."""

    name = "built-in researcher"

    def __init__(self) -> None:
        self.sent: list[str] = []
        self._researcher = Researcher(max_queries=1)

    async def reply(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], tool_choice: ToolChoice
    ) -> Response:
        self.sent.append(json.dumps(list(messages)))
        return await self._researcher.reply(messages, tools, tool_choice)


def test_what_was_sent_follows_from_the_run_file(rows: Path, tmp_path: Path, sample_index: Path) -> None:
    teacher = Recording()
    options: dict[str, Any] = {"min_support": 1.0, "guide": True, "further_hops": 1}
    summary = generate(rows, tmp_path / "out.jsonl", index=sample_index, teacher=teacher, **options)
    again: list[str] = []
    with RunFile.open_run(summary.run_file) as run:
        from tracegen.records import Tool

        tool = Tool.model_validate(run.meta()["settings"]["tool"])
        for result in run.results():
            assert result.row is not None
            loop = Loop(result.row, tool, max_hops=8, prompt=None)
            for event in run.events(result.row.id):
                if event.kind in ("response", "failure"):
                    again.append(json.dumps(list(loop.step().messages)))  # type: ignore[union-attr]
                take_event(loop, event)
            step = loop.step()
            assert isinstance(step, Finish)
            assert step.trace == result.trace
    assert sorted(again) == sorted(teacher.sent)
    assert any("These topics of the documentation are missing" in sent for sent in teacher.sent)


def test_the_built_in_researcher_gains_without_a_leak(rows: Path, tmp_path: Path, sample_index: Path) -> None:
    # After one query it stops, as a teacher that is easily content does.
    options: dict[str, Any] = {"index": sample_index, "teacher": Researcher(max_queries=1)}
    before = generate(rows, tmp_path / "out.jsonl", **options)
    after = generate(rows, tmp_path / "out.jsonl", **options, min_support=0.95, guide=True)
    assert after.support.retrievable > before.support.retrievable
    assert after.support.left_in == 0
    with RunFile.open_run(after.run_file) as run:
        for result in run.results():
            rating = read_rating(run, result.row.id) if result.row else None
            assert rating is not None
            assert rating.left_in() == 0


def start(rows: Path, output: Path, index: Path, endpoint: Endpoint) -> subprocess.Popen[str]:
    words = ["generate", rows, "-o", output, "--index", index, "--teacher", "scripted", "--base-url", endpoint.base_url]
    options = ["--concurrency", CONCURRENCY, "--min-support", 0.95, "--guide", "--further-hops", FURTHER_HOPS]
    command = [sys.executable, "-m", "tracegen", *map(str, words + options)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def recorded(run_file: Path, kind: str = "%") -> int:
    try:
        with database(f"file:{run_file}?mode=ro", uri=True, timeout=30) as run:
            return int(run.execute("SELECT count(*) FROM events WHERE kind LIKE ?", (kind,)).fetchone()[0])
    except sqlite3.OperationalError:  # the file or its tables are not made yet
        return 0


def test_killed_while_searching_on_it_ends_with_the_same_files(
    rows: Path, tmp_path: Path, sample_index: Path, endpoint: Endpoint
) -> None:
    whole, killed = tmp_path / "whole.jsonl", tmp_path / "killed.jsonl"
    with start(rows, whole, sample_index, endpoint) as process:
        assert process.wait() == 0
    needed = endpoint.counts().requests
    total = recorded(tmp_path / "whole.run.db")
    assert events(tmp_path / "whole.run.db", "further") > ROWS // 2

    endpoint.reset()
    run_file, chance, parts = tmp_path / "killed.run.db", random.Random(5), (0.4, 0.6, 0.75)
    # The first pass of a row is half of it at least: most of these moments are in the second.
    for part in parts:
        # However late the kill comes, the run is not over. Answers that a kill kept out of the run file are asked for again.
        endpoint.stall(after=needed - 3 - recorded(run_file, "response"))
        wanted = int(total * part) + chance.randint(0, 5)
        with start(rows, killed, sample_index, endpoint) as process:
            while process.poll() is None and recorded(run_file) < wanted:
                time.sleep(0.005)
            assert process.poll() is None
            process.kill()
    assert not killed.exists()
    endpoint.stall(None)
    with start(rows, killed, sample_index, endpoint) as process:
        assert process.wait() == 0
    assert killed.read_bytes() == whole.read_bytes()
    assert needed <= endpoint.counts().requests <= needed + len(parts) * CONCURRENCY
    assert endpoint.counts().repeated <= len(parts) * CONCURRENCY


def test_where_the_endpoint_breaks_while_searching_on_the_first_pass_is_kept(
    research: Callable[..., Summary], endpoint: Endpoint
) -> None:
    first = research()
    endpoint.fault("context_length")
    second = research(min_support=0.95)
    endpoint.fault(None)
    assert second.examples == ROWS
    assert second.output.read_bytes() == first.output.read_bytes()
    with RunFile.open_run(second.run_file) as run:
        details = [result.trace.detail for result in run.results() if result.trace and result.trace.further]
    assert details
    assert all(detail.startswith("Searching on failed: ") for detail in details)


def test_rows_that_stay_short_are_kept_dropped_or_rejected(research: Callable[..., Summary], endpoint: Endpoint) -> None:
    kept = research(min_support=0.95)
    short = short_rows(kept.run_file, 0.95)
    assert short
    assert (kept.examples, kept.dropped, kept.rejected) == (ROWS, 0, 0)
    endpoint.reset()
    dropped = research(min_support=0.95, below="drop")
    assert (dropped.examples, dropped.dropped, dropped.rejected) == (ROWS - short, short, 0)
    rejected = research(min_support=0.95, below="reject")
    assert (rejected.examples, rejected.dropped, rejected.reasons) == (ROWS - short, 0, {"low-support": short})
    reasons = [str(row["reason"]) for row in read_jsonl(rejected.rejected_output)]
    assert all(reason.startswith("low-support: Retrievable support is ") for reason in reasons)
    assert endpoint.counts().requests == 0


def test_options_that_say_nothing_alone_are_refused(research: Callable[..., Summary], endpoint: Endpoint) -> None:
    with pytest.raises(SettingsError, match="--guide is for rows"):
        research(guide=True)
    with pytest.raises(SettingsError, match="knows no language 'zorp'"):
        research(language="zorp")
    with pytest.raises(SettingsError, match="--below drop needs to know"):
        research(below="drop")
    assert endpoint.counts().requests == 0


def test_export_leaves_out_what_is_short(
    research: Callable[..., Summary], tracegen: Callable[..., Ended], sample_index: Path, tmp_path: Path
) -> None:
    run_file = research().run_file
    short = short_rows(run_file, 0.5)
    words = ["export", run_file, "-o", tmp_path / "train.jsonl", "--min-support", 0.5]
    assert "dropped" in tracegen(*words, "--below", "drop").err
    assert len(read_jsonl(tmp_path / "train.jsonl")) == ROWS - short
    tracegen(*words, "--below", "reject")
    assert len(read_jsonl(tmp_path / "train.rejected.jsonl")) == short
    assert tracegen("export", run_file, "-o", tmp_path / "train.jsonl", "--below", "drop").code == 2
    # An older run has no stored support: it is said what to do, and that helps.
    with database(run_file) as run:
        run.execute("DELETE FROM support")
    refused = tracegen(*words, "--below", "drop")
    assert (refused.code, f"tracegen support {run_file}" in refused.err) == (2, True)
    tracegen("support", run_file, "--index", sample_index)
    assert tracegen(*words, "--below", "drop").code == 0


def test_a_row_that_is_researched_anew_loses_its_rating(research: Callable[..., Summary]) -> None:
    run_file = research(min_support=0.95).run_file
    with RunFile.open_existing(run_file) as run:
        row_id = next(iter(run.results())).row.id  # type: ignore[union-attr]
        assert read_rating(run, row_id) is not None
        run.set_aside([row_id])
        assert read_rating(run, row_id) is None
    assert research(min_support=0.95).support.rated == ROWS


def test_it_can_be_awaited(rows: Path, tmp_path: Path, sample_index: Path) -> None:
    from tracegen.pipeline import generate_async

    summary = asyncio.run(generate_async(rows, tmp_path / "out.jsonl", index=sample_index, min_support=0.9, limit=2))
    assert summary.support.rated == 2
