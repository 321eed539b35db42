"""Rows that need no search, and rows whose search finds nothing."""

import json
from random import Random

import pytest

from tracegen.dataset.extra import NOT_DOCUMENTED, about_nothing, invented_names, without_search
from tracegen.records import Message, Row


def row(output: str, *, system: str | None = None, id: str = "0123456789abcdef-1") -> Row:
    turns = [Message(role="user", content="write it"), Message(role="assistant", content=output)]
    return Row(id=id, line=1, messages=tuple(([Message(role="system", content=system)] if system else []) + turns))


def test_the_answer_stands_in_the_prompt() -> None:
    text = "let x = ``1``\n```\nx + 1"
    answers = set()
    for seed in range(40):
        value = without_search(row(text), Random(seed))
        prompt, answer = (message["content"] for message in value["messages"])
        assert f"````\n{text}\n````" in prompt
        assert (value["search"], value["variant_of"], value["variant"]) == (False, "0123456789abcdef-1", "no-search")
        answers.add(answer)
    assert answers == {text, "3", "let x = ``1``", json.dumps(text)}


def test_with_instructions_the_answer_is_the_text_and_nothing_else() -> None:
    values = [without_search(row("x", system="Only code."), Random(seed)) for seed in range(40)]
    assert {value["messages"][-1]["content"] for value in values} == {"x"}
    assert {value["messages"][0]["content"] for value in values} == {"Only code."}


@pytest.mark.parametrize("output", ["x\n", "\n\n  x\n\n", "`x`\n"])
def test_empty_lines_around_the_text_are_left_out(output: str) -> None:
    for seed in range(10):
        value = without_search(row(output, system="Only code."), Random(seed))
        prompt, answer = (message["content"] for message in value["messages"][1:])
        assert answer == output.strip("\n")
        assert f"```\n{answer}\n```" in prompt


def test_invented_names_are_nowhere() -> None:
    rows = [row("std.objectFields(x)"), row("std.splitLimit(y, 1)"), row("helper(std.sortBy(z))"), row("other.thing_of(1)")]
    documented = {"objectfields", "splitlimit", "sortby", "sortfields", "std"}
    names = list(invented_names(rows, documented, Random(0)))
    assert set(names) == {"std.objectLimit", "std.objectBy", "std.splitFields", "std.splitBy", "std.sortLimit"}
    assert names != list(invented_names(rows, documented, Random(1)))
    assert list(invented_names(rows[:1], documented, Random(0))) == []


def test_a_word_of_a_megabyte_is_read_once() -> None:
    assert list(invented_names([row("b" * 1_000_000)], set(), Random(0))) == []


def test_names_are_joined_as_the_language_does() -> None:
    names = invented_names([row("list.filter_map(x)"), row("list.sort(y)")], {"filter_map", "sort"}, Random(0))
    assert set(names) == {"list.filter_sort", "list.sort_map"}


def test_a_row_about_nothing_says_so() -> None:
    value = about_nothing("std.objectLimit", [row("x", system="Only code.")], NOT_DOCUMENTED, Random(0))
    assert [message["role"] for message in value["messages"]] == ["system", "user", "assistant"]
    assert "std.objectLimit" in value["messages"][1]["content"]
    assert value["messages"][2]["content"] == "The documentation does not mention `std.objectLimit`."
    assert "variant_of" not in value
