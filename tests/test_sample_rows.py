"""Machine-check the rows of the sample dataset.

A row of ``examples/train.jsonl`` and ``examples/valid.jsonl`` ends in a complete
Jsonnet program, and ``examples/expected.jsonl`` says what that program has to
evaluate to.  This module runs all of them with the real interpreter, so that no
row can teach a model something that the language does not do.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _jsonnet
import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
CORPUS = ROOT / "docs_corpus"

MIN_ROWS = {"train.jsonl": 80, "valid.jsonl": 20}
MIN_STD_NAMES = 60
MIN_LINES, MAX_LINES = 3, 40

_STD_NAME = re.compile(r"\bstd\.([A-Za-z]\w*)")
_OUTSIDE = re.compile(r"\bimport(?:str|bin)?\s*['\"|@]|\bstd\.(?:extVar|native|thisFile)\b")


@dataclass(frozen=True)
class SampleRow:
    """One line of a sample file."""

    file: str
    line: int
    """The number of the line, from 1."""
    data: Any

    @property
    def test_id(self) -> str:
        """The file and the line of the row, such as ``train.jsonl:17``."""
        return f"{self.file}:{self.line}"

    def texts(self, role: str) -> list[str]:
        """List what the messages of one role say, in order."""
        return [message["content"] for message in self.data["messages"] if message["role"] == role]

    @property
    def prompt(self) -> str:
        """What the user says in all turns, without differences in case and white space."""
        return " ".join(" ".join(self.texts("user")).casefold().split())

    @property
    def program(self) -> str:
        """The desired output."""
        return self.texts("assistant")[-1]


def read_lines(name: str) -> list[Any]:
    """Read a file of the sample, one JSON value a line."""
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    assert text.endswith("\n"), f"{name} must end in a newline"
    return [json.loads(line) for line in text.splitlines()]


def read_rows(name: str) -> list[SampleRow]:
    """Read the rows of a file of the sample."""
    return [SampleRow(name, number, data) for number, data in enumerate(read_lines(name), start=1)]


def evaluate(program: str) -> Any:
    """Run a program that needs nothing from outside and give its result."""
    return json.loads(_jsonnet.evaluate_snippet("row.jsonnet", program))


def canonical(value: Any) -> str:
    """Bring a JSON value into a form that ignores key order and keeps numbers and booleans apart."""
    return json.dumps(json.loads(json.dumps(value), parse_int=float), sort_keys=True)


def std_names(program: str) -> set[str]:
    """Find the names of the standard library in a program or a page."""
    return set(_STD_NAME.findall(program))


ROWS: list[SampleRow] = [row for name in MIN_ROWS for row in read_rows(name)]
EXPECTED: dict[str, Any] = {f"{item['file']}:{item['line']}": item["result"] for item in read_lines("expected.jsonl")}

each_row = pytest.mark.parametrize("row", [pytest.param(row, id=row.test_id) for row in ROWS])


@each_row
def test_result(row: SampleRow) -> None:
    """The desired output evaluates to what the prompt asks for."""
    assert canonical(evaluate(row.program)) == canonical(EXPECTED[row.test_id])


@each_row
def test_form(row: SampleRow) -> None:
    """A row is a system message, then a user and an assistant message in turn, at the end the desired output."""
    assert set(row.data) == {"messages"}
    messages = row.data["messages"]
    assert all(set(message) == {"role", "content"} for message in messages)
    roles = [message["role"] for message in messages]
    assert roles == ["system"] + ["user", "assistant"] * (len(roles) // 2)
    assert len(roles) >= 3
    for message in messages:
        assert message["content"]
        assert message["content"] == message["content"].strip()


@each_row
def test_program_form(row: SampleRow) -> None:
    """A desired output is a Jsonnet program of some lines, bare of Markdown, that needs nothing from outside."""
    lines = row.program.splitlines()
    assert MIN_LINES <= len(lines) <= MAX_LINES
    assert "```" not in row.program
    assert "\t" not in row.program
    assert all(line == line.rstrip() for line in lines)
    assert not _OUTSIDE.search(row.program)


@each_row
def test_earlier_answers(row: SampleRow) -> None:
    """What the assistant says in earlier turns is a program that evaluates, too."""
    for program in row.texts("assistant")[:-1]:
        assert "```" not in program
        evaluate(program)


def test_expected_results_match_the_rows() -> None:
    """There is one expected result for each row, in the order of the rows, and none beyond."""
    items = read_lines("expected.jsonl")
    assert all(set(item) == {"file", "line", "result"} for item in items)
    assert [f"{item['file']}:{item['line']}" for item in items] == [row.test_id for row in ROWS]


@pytest.mark.parametrize("name", MIN_ROWS)
def test_number_of_rows(name: str) -> None:
    """There are enough rows to train and to validate with."""
    assert len(read_rows(name)) >= MIN_ROWS[name]


def test_one_system_prompt() -> None:
    """All rows have the same system prompt."""
    assert len({tuple(row.texts("system")) for row in ROWS}) == 1


def test_no_prompt_twice() -> None:
    """No prompt stands twice in a file or in both files, not even in other letter case or spacing."""
    where: dict[str, list[str]] = {}
    for row in ROWS:
        where.setdefault(row.prompt, []).append(row.test_id)
    assert [ids for ids in where.values() if len(ids) > 1] == []


def test_no_program_twice() -> None:
    """No desired output stands twice."""
    assert [program for program, number in Counter(row.program for row in ROWS).items() if number > 1] == []


def test_some_rows_have_several_turns() -> None:
    """Both files have a row whose last turn asks for a change."""
    assert {row.file for row in ROWS if len(row.texts("user")) > 1} == set(MIN_ROWS)


def test_std_coverage() -> None:
    """The desired outputs use a good part of the standard library."""
    used = set().union(*(std_names(row.program) for row in ROWS))
    assert len(used) >= MIN_STD_NAMES


def test_std_names_are_documented() -> None:
    """Each name of the standard library that a desired output uses stands in the sample documentation."""
    documentation = "\n".join(path.read_text(encoding="utf-8") for path in sorted(CORPUS.rglob("*.md")))
    documented = std_names(documentation)
    missing = {name: row.test_id for row in ROWS for name in std_names(row.program) if name not in documented}
    assert missing == {}


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1.0, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        (1, True, False),
        ([1, 2], [2, 1], False),
        ("1", 1, False),
        (None, {}, False),
    ],
)
def test_canonical(left: Any, right: Any, equal: bool) -> None:
    """The comparison of results neither looks at key order nor mixes up types."""
    assert (canonical(left) == canonical(right)) is equal
