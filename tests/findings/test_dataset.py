"""Checks over a whole dataset: what one row cannot show."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.findings.rows_of_checks import FOLD, TOOLS, talk
from tests.findings.test_checks import ROWS
from tracegen.findings import CHECKS, Rows
from tracegen.traces.chat import read_chat
from tracegen.traces.marks import key_of

WORDS = "the quick brown fox jumps over the lazy dog while nine small cats sit on a red mat and watch it go by".split()  # noqa: SIM905


def prompt_of_words(number: int, words: int = 20) -> str:
    """Return a prompt that shares no run of three words with one of another number."""
    return " ".join(f"{word}{number}" for word in WORDS[:words])


def simple(number: int, hops: int = 2, **more: Any) -> dict[str, Any]:
    """Return a row whose prompt is like no other's."""
    defaults = {"prompt": prompt_of_words(number), "output": f"emit {number}"}
    return talk(*[("fold a list", FOLD)] * hops, **{**defaults, **more})


def strikes(check: str, rows: list[Any]) -> dict[int, str]:
    """Return the message by line of a check."""
    seen = Rows()
    for line, row in enumerate(rows, start=1):
        seen.add(line, read_chat(row))
    find = next(each.find_over for each in CHECKS if each.name == check)
    assert find is not None
    return {seen.lines[place]: message for place, message in find(seen)}


def test_a_row_and_its_variants_are_no_near_duplicates_of_one_another() -> None:
    parent = simple(3, prompt=CHANGED)
    key = key_of(parent["messages"])
    variant = simple(3, prompt=f"Please {CHANGED}") | {"variant_of": f"{key}-1", "variant": "typos"}
    sibling = simple(3, prompt=f"{CHANGED} thanks") | {"variant_of": f"{key}-1", "variant": "rambling"}
    assert strikes("near-duplicate", [*NINE[:3], parent, variant, sibling]) == {}
    # Another row is one of each of them, whatever they are to one another.
    other = simple(3, prompt=f"{CHANGED} now")
    assert list(strikes("near-duplicate", [other, parent, variant, sibling])) == [2, 3, 4]


def test_rows_about_names_that_are_nowhere_are_meant_to_be_alike() -> None:
    rows = [
        talk(
            ("x", FOLD),
            prompt=f"Is there something that one has to watch out for with std.a{n} here?",
            output=f"The documentation does not mention std.a{n}.",
        )
        for n in "bc"
    ]
    assert list(strikes("near-duplicate", rows)) == [2]
    assert strikes("near-duplicate", [row | {"variant": "nothing-found"} for row in rows]) == {}


NINE = [simple(number) for number in range(9)]
CHANGED = prompt_of_words(3).replace("fox3", "wolf")


@pytest.mark.parametrize(
    ("check", "row", "message"),
    [
        ("duplicate-prompt", simple(3), "the same prompt as line 4"),
        ("differing-outputs", simple(3, output="emit 9"), "the prompt of line 4 with another desired output"),
        ("near-duplicate", simple(3, prompt=CHANGED), "nearly the same prompt and output as line 4"),
        ("near-duplicate", simple(3, prompt=f"  {CHANGED.upper()} "), "nearly the same prompt and output as line 4"),
        ("differing-tools", simple(11, tools=[*TOOLS, *TOOLS]), "not the tools of most rows, such as line 1"),
        ("long-trace", simple(11, hops=9), "9 hops; the median row has 2"),
        ("long-trace", simple(11, hops=2, output="emit 1\n" * 4_000), "about 7,152 tokens; the median row has 149"),
    ],
)
def test_check_strikes_the_row_and_no_other(check: str, row: Any, message: str) -> None:
    assert strikes(check, NINE) == {}
    assert strikes(check, [*NINE, row]) == {10: message}


def test_differing_system() -> None:
    other = simple(11)
    other["messages"].insert(0, {"role": "system", "content": "You write Zorp."})
    assert strikes("differing-system", [*NINE, other]) == {10: "not the system prompt of most rows, such as line 1"}


@pytest.mark.parametrize(
    ("check", "rows"),
    [
        ("duplicate-prompt", [{"messages": []}, {"text": "a"}, {"text": "b"}]),
        ("duplicate-prompt", [simple(3), simple(3, output="emit 9")]),
        ("differing-outputs", [simple(3), simple(3)]),
        # The same row is told by duplicate-prompt.
        ("near-duplicate", [simple(3), simple(3)]),
        ("near-duplicate", [simple(3), simple(4)]),
        # Half of it is the same: another question about the same thing.
        ("near-duplicate", [simple(3), simple(3, prompt=prompt_of_words(3, 10) + " " + prompt_of_words(4, 10))]),
        ("near-duplicate", [simple(1, prompt="Print a."), simple(2, prompt="Print a, b.")]),
        ("long-trace", [*NINE, simple(11, hops=4)]),
        (
            "long-trace",
            [*(simple(n, output=f"emit {n}\n" * 400) for n in range(9)), simple(11, output="emit 11\n" * 700)],
        ),  # not twice
        ("long-trace", [simple(number, hops=1 + number % 8) for number in range(40)]),
        ("long-trace", [simple(1), simple(2), simple(3, hops=20)]),  # too few to tell
        ("differing-tools", []),
        ("near-duplicate", []),
        ("long-trace", []),
    ],
)
def test_check_strikes_none(check: str, rows: list[Any]) -> None:
    assert strikes(check, rows) == {}


def test_a_giant_does_not_hide_another() -> None:
    """With mean and standard deviation it would: the largest of ten values is never more than 2.85 deviations above."""
    rows = [simple(number, hops=1 + number % 2) for number in range(30)]
    giants = [simple(40, hops=30), simple(41, hops=9)]
    assert set(strikes("long-trace", rows + giants)) == {31, 32}


def test_each_is_near_to_the_first_of_its_kind() -> None:
    rows = [simple(3, prompt=CHANGED.replace("wolf", animal)) for animal in ("cow", "pig", "hen")]
    assert strikes("near-duplicate", [simple(4), *rows]) == {
        line: "nearly the same prompt and output as line 2" for line in (3, 4)
    }


@given(st.lists(ROWS, max_size=10))
def test_any_json_values_give_findings(values: list[Any]) -> None:
    rows = Rows()
    for line, value in enumerate(values * 2, start=1):
        rows.add(line, read_chat(value))
    for check in CHECKS:
        places = [place for place, message in (check.find_over(rows) if check.find_over else ()) if message]
        assert places == sorted(set(places))
        assert all(0 <= place < len(rows) for place in places)
