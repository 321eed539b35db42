"""Verifying: a run against the index it was made with, and against what became of it."""

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.conftest import ROOT, database
from tracegen.cli import group
from tracegen.errors import InputError
from tracegen.index import build_index, open_index
from tracegen.index.tool import DEFAULT_TOOL, RENDERING
from tracegen.pipeline import generate
from tracegen.serve.verify import DIFF_LINES, DIFFERENCES_SHOWN, _diff, verify
from tracegen.traces.runfile import RunFile

PAGES = [*sorted((ROOT / "docs_corpus/std").glob("strings-*.md")), ROOT / "docs_corpus/language/strings.md"]
SAME = "The model is served with what it was trained on."


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Return a folder with the documentation of the sample index, to change."""
    folder = tmp_path / "docs"
    folder.mkdir()
    for page in PAGES:
        (folder / page.name).write_bytes(page.read_bytes())
    return folder


@pytest.fixture
def index(sample_index: Path, tmp_path: Path) -> Path:
    """Return an index of that folder, to change: a copy of the sample's, which has the same pages."""
    shutil.copytree(sample_index, tmp_path / "index")
    return tmp_path / "index"


def make_run(dataset: Path, index: Path, folder: Path) -> Path:
    """Return the run file of a run with the built-in researcher."""
    return generate(dataset, folder / "augmented.jsonl", index=index, teacher="builtin").run_file


def invoke(run: Path, index: Path, *words: str) -> Result:
    result = CliRunner().invoke(group, ["serve", "--verify", str(run), "--index", str(index), *words], prog_name="tracegen")
    assert result.exit_code in (0, 1), result.output
    return result


def trained_returns(run: Path) -> int:
    lines = (run.parent / "augmented.jsonl").read_text(encoding="utf-8").splitlines()
    return sum(message["role"] == "tool" for line in lines for message in json.loads(line)["messages"])


def test_nothing_differs_on_the_index_of_the_run(dataset: Path, sample_index: Path, tmp_path: Path) -> None:
    run = make_run(dataset, sample_index, tmp_path)
    steps: list[tuple[int, int]] = []
    with RunFile.open_run(run) as opened, open_index(sample_index) as index:
        result = verify(opened, index, lambda done, total: steps.append((done, total)))
    assert result.same
    assert (result.differing, result.differing_rows, result.first, result.settings) == (0, 0, (), ())
    assert result.returns == trained_returns(run) > result.rows > 0
    assert steps == [(done, 8) for done in range(1, 9)]
    said = invoke(run, sample_index)
    assert (said.exit_code, said.stderr) == (0, "")
    counted = f"{result.returns} returns of {result.rows} examples: {result.returns} as trained on, 0 different, in 0 examples."
    assert said.stdout.splitlines() == [counted, SAME]


def test_a_change_of_the_documentation_is_reported(dataset: Path, docs: Path, index: Path, tmp_path: Path) -> None:
    run = make_run(dataset, index, tmp_path)
    page = docs / re.findall(r"\[1\] (\S+\.md):", (tmp_path / "augmented.jsonl").read_text(encoding="utf-8"))[0]
    page.write_text(page.read_text(encoding="utf-8").replace(" the ", " this "), encoding="utf-8")
    build_index([docs], index)
    with RunFile.open_run(run) as opened, open_index(index) as changed:
        result = verify(opened, changed)
    assert not result.same
    assert result.same_definition
    assert 0 < result.differing <= result.returns
    assert 0 < result.differing_rows <= result.rows
    assert len(result.first) == min(DIFFERENCES_SHOWN, result.differing)
    assert all(any(line.startswith("-") for line in one.diff) for one in result.first)
    assert [line.split(":")[0] for line in result.settings] == ["index"]
    said = invoke(run, index)
    assert said.exit_code == 1
    assert f"{result.differing} different, in {result.differing_rows} examples." in said.stdout
    assert f"line {result.first[0].line}: {result.first[0].query}" in said.stdout
    assert "Build the index as it was for this run" in said.stdout


def test_another_tool_is_reported(dataset: Path, docs: Path, index: Path, tmp_path: Path) -> None:
    run = make_run(dataset, index, tmp_path)
    build_index([docs], index, tool=DEFAULT_TOOL.model_copy(update={"name": "look_up", "max_chars": 100_000}))
    said = invoke(run, index)
    assert said.exit_code == 1
    assert 'tool, name: "search_docs" when trained, "look_up" now' in said.stdout
    assert "tool, max_chars: null when trained, 100000 now" in said.stdout
    assert " 0 different, in 0 examples." in said.stdout
    build_index([docs], index, tool=DEFAULT_TOOL.model_copy(update={"k": 1}))
    said = invoke(run, index)
    assert said.exit_code == 1
    assert "tool, k: 5 when trained, 1 now" in said.stdout
    assert " 0 different" not in said.stdout


def test_a_tool_under_another_name_is_trained_and_verified(dataset: Path, docs: Path, index: Path, tmp_path: Path) -> None:
    build_index([docs], index, tool=DEFAULT_TOOL.model_copy(update={"name": "look_up", "k": 2, "max_tokens": 300}))
    run = make_run(dataset, index, tmp_path)
    assert trained_returns(run)
    example = json.loads((tmp_path / "augmented.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert example["tools"][0]["function"]["name"] == "look_up"
    assert {call["function"]["name"] for message in example["messages"] for call in message.get("tool_calls", [])} == {
        "look_up"
    }
    said = invoke(run, index)
    assert (said.exit_code, said.stdout.splitlines()[1:]) == (0, [SAME])


def test_another_rendering_is_said(dataset: Path, sample_index: Path, tmp_path: Path) -> None:
    run = make_run(dataset, sample_index, tmp_path)
    with database(run) as connection:
        settings = json.loads(connection.execute("SELECT value FROM meta WHERE key = 'settings'").fetchone()[0])
        settings["tool"]["rendering"] = 0
        connection.execute("UPDATE meta SET value = ? WHERE key = 'settings'", (json.dumps(settings),))
    connection.close()
    said = invoke(run, sample_index)
    assert said.exit_code == 0  # the texts are the same all the same
    assert f"tool, rendering: 0 when trained, {RENDERING} now" in said.stdout


def test_a_run_without_an_example_proves_nothing(sample_index: Path, tmp_path: Path) -> None:
    with RunFile.create_or_resume(tmp_path / "empty.run.db", {"tool": DEFAULT_TOOL.model_dump()}, {}):
        pass
    with (
        RunFile.open_run(tmp_path / "empty.run.db") as run,
        open_index(sample_index) as index,
        pytest.raises(InputError, match="has no example yet"),
    ):
        verify(run, index)


def test_a_difference_is_shown_shortly() -> None:
    assert _diff("same\n--- a\nlast", "same\n+++ b\nlast") == ("---- a", "++++ b")
    assert _diff("a\n", "a") == ("-",)
    assert _diff("a\r\nb", "a\nb") == ("-a\r", "+a")
    long = _diff("\n".join("abcdefghij"), "\n".join("0123456789"))
    assert len(long) == DIFF_LINES + 1
    assert long[-1] == f"... and {20 - DIFF_LINES} more lines"
