"""`tracegen inspect` as a user meets it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tracegen.cli import group
from tracegen.errors import InputError

PARAMETERS = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
CALL = {"id": "call_1", "type": "function", "function": {"name": "search_docs", "arguments": '{"query": "loops"}'}}
ROW: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Print 日本 1 to 3."},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "[1] loops.md:1-2 loop\n\x1b[31mred\x1b[0m\u202e"},
        {"role": "assistant", "content": "loop i from 1 to 3"},
    ],
    "tools": [{"type": "function", "function": {"name": "search_docs", "parameters": PARAMETERS}}],
}
LINE = json.dumps(ROW, ensure_ascii=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file with a row on line 1 and 4, an empty line, and a line that is cut."""
    path = tmp_path / "train.jsonl"
    path.write_text(f"{LINE}\n\n{LINE[:40]}\n{LINE}\n", encoding="utf-8")
    return path


def run(*words: Any, **more: Any) -> Result:
    """Run the command."""
    return CliRunner().invoke(group, ["inspect", *map(str, words)], prog_name="tracegen", **more)


def test_summary(file: Path) -> None:
    result = run(file)
    assert result.exit_code == 0
    assert ": 2 rows, 1 line not usable" in result.stdout.replace("\n", " ")
    assert "line 3      not JSON: " in result.stdout
    assert "duplicate-prompt      1 row: line 4" in result.stdout
    assert "\x1b" not in result.stdout


def test_summary_as_data(file: Path) -> None:
    data = json.loads(run(file, "--json").stdout)
    assert (data["rows"], data["unusable"], data["hops"]["median"]) == (2, 1, 1)
    assert data["strangest"][0]["findings"][0]["check"] == "duplicate-prompt"


def test_row(file: Path) -> None:
    result = run(file, 4)
    assert result.exit_code == 0
    assert '▌    search_docs(query="loops")' in result.stdout
    assert "\\x1b[31mred\\x1b[0m\\u202e" in result.stdout
    assert "\x1b" not in result.stdout


def test_row_as_it_stands(file: Path) -> None:
    result = run(file, 1, "--json")
    assert json.loads(result.stdout) == ROW
    assert "日本" in result.stdout
    assert not set(result.stdout) & {"\x1b", "\u202e"}


def test_colours_only_where_they_are_wanted(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in run(file, 1, color=True).stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run(file, 1, color=True).stdout


def test_output_that_cannot_write_the_marks(file: Path) -> None:
    result = CliRunner(charset="ascii").invoke(group, ["inspect", str(file), "1"])
    assert result.exit_code == 0
    assert '|    search_docs(query="loops")' in result.stdout
    assert "\\u65e5\\u672c" in result.stdout


def test_standard_input() -> None:
    assert "-: 1 row, 0 lines not usable" in run("-", input=LINE).stdout
    assert "4  assistant  desired output" in run("-", 1, input=LINE).stdout


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (5, "There is no line 5: {} has 2 rows, the last on line 4. Choose a line from 1 to 4."),
        (0, "There is no line 0: {} has 2 rows, the last on line 4. Choose a line from 1 to 4."),
        (2, "Line 2 of {} is empty. {} has 2 rows, the last on line 4."),
    ],
)
def test_lines_that_are_not_there(tmp_path: Path, row: int, says: str) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(f"{LINE}\n\n\n{LINE}", encoding="utf-8")
    error = run(file, row).exception
    assert isinstance(error, InputError)
    assert str(error) == says.replace("{}", str(file))


def test_a_line_that_is_not_json(file: Path) -> None:
    error = run(file, 3).exception
    assert isinstance(error, InputError)
    assert f"{file}:3: not JSON: " in str(error)
    assert '{"messages": [{"role"' in str(error)


@pytest.mark.parametrize("words", [[], ["1"], ["--json"]])
def test_files_that_cannot_be_read(tmp_path: Path, words: list[str]) -> None:
    for path in (tmp_path, tmp_path / "missing.jsonl"):
        assert isinstance(run(path, *words).exception, InputError)


def test_files_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_bytes(b"")
    assert "0 rows" in run(path).stdout
    assert str(run(path, 1).exception).endswith("has no rows: it is empty.")
    path.write_text("[\n1\n]\n", encoding="utf-8")
    assert "3 lines not usable" in run(path).stdout.replace("\n", " ")
    assert "the row is a number, not an object" in run(path, 2).stdout


def test_lone_surrogates_and_deep_nesting(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"messages": [{"role": "\\ud800", "content": "\\ud800"}]}\n' + "[" * 100_000 + "\n", encoding="utf-8")
    for words in ([], [1], ["--json"], [1, "--json"]):
        assert run(path, *words).exit_code == 0
