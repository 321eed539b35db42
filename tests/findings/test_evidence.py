"""What became of returns, and how much of an output is a copy."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.findings.rows_of_checks import FOLD, OUTPUT, TEXT, talk
from tracegen.findings.evidence import (
    Use,
    all_honest_failures,
    evidence_of,
    honest_failures,
    needed_terms,
    says_nothing_found,
)
from tracegen.findings.languages import language_name, language_of, prose_words
from tracegen.findings.output import COPY_RUN, copied_share
from tracegen.findings.secrets import secrets_in
from tracegen.findings.signatures import applied
from tracegen.traces.chat import read_chat
from tracegen.traces.support import passage_of

NOTHING = "No passage found."


def uses(row: Any) -> list[Use]:
    return [found.use for found in evidence_of(read_chat(row))]


@pytest.mark.parametrize(
    "text",
    [
        "No passage found.",
        "No results for `foldr`.",
        "Nothing was found for this query",
        "0 matches",
        "not found",
        "Could not find any page about it.",
        "No such page",
    ],
)
def test_returns_that_say_that_nothing_was_found(text: str) -> None:
    assert says_nothing_found(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "Error: no results",
        "[1] http.md:1-2 Status\n404 means not found.",
        "A list has no end.",
        "`find` returns `Error(Nil)` where there is none.",
        "No passage found. " * 50,
    ],
)
def test_returns_that_do_not(text: str) -> None:
    assert not says_nothing_found(text)


@pytest.mark.parametrize(
    ("row", "expected", "honest"),
    [
        (talk(("a", NOTHING), ("b", FOLD)), ["nothing found", "used"], [0]),
        (talk(("a", TEXT), ("b", FOLD)), ["unused", "used"], [0]),
        (talk(("a", FOLD), ("b", NOTHING)), ["used", "nothing found"], []),
        (talk(("a", TEXT), ("b", NOTHING)), ["unused", "nothing found"], []),
        (talk(("a", TEXT), ("b", FOLD), ("c", TEXT), ("d", FOLD)), ["unused", "used", "unused", "used"], [0, 2]),
        (talk(("a", "Error: no"), ("b", FOLD)), ["unknown", "used"], []),
        # `emit` alone is needed: there is no telling.
        (talk(("a", TEXT), ("b", FOLD), output="emit 1"), ["unknown", "unknown"], []),
        (talk(("a", TEXT), ("b", FOLD), output=""), ["unknown", "unknown"], []),
        (talk(), [], []),
    ],
)
def test_what_became_of_returns(row: Any, expected: list[Use], honest: list[int]) -> None:
    assert uses(row) == expected
    assert honest_failures(evidence_of(read_chat(row))) == honest


def test_words_that_all_returns_show_tell_nothing_but_names_that_are_called_do() -> None:
    pages = [f"[1] a{n}.md:1-2 A\nUse local and import here." for n in range(3)]
    row = talk(*(("a", page) for page in pages), output="local a = import 'b'; list.fold(a, sum) + other_name")
    assert uses(row) == ["unused"] * 3
    called = [page.replace("here.", "here, or other_name(1).") for page in pages]
    row = talk(*(("a", page) for page in called), output="local a = import 'b'; list.fold(a, sum) + other_name(a)")
    assert uses(row) == ["used"] * 3


def test_methods_that_are_called_on_values_of_the_outputs_own_are_needed() -> None:
    code = "class Deck {\n  deal(cards) {\n    cards.shuffle()\n    return cards.top\n  }\n}\nvar deck = 1\ndeck.deal(2)"
    needed = {name for name, kind in needed_terms(code, passage_of("")) if kind == "name"}
    assert "shuffle" in needed
    assert not {"deal", "top", "cards"} & needed


def test_a_row_without_its_failures_has_none() -> None:
    """Leaving one out can make another: a word that all of three remaining returns show tells nothing any more."""
    page = "[1] a.md:1-2 A\nWrite local here."
    row = talk(("a", TEXT), ("b", page), ("c", page), ("d", page + " And `list.fold`."), output="local a = list.fold(b, add)")
    assert uses(row) == ["unused", "used", "used", "used"]
    assert all_honest_failures(read_chat(row)) == {0, 1, 2}


@pytest.mark.parametrize(
    ("output", "text", "share"),
    [
        ("let a = list.fold(items, 0, add)", "let a = list.fold(items, 0, add)", 1),
        ("```zorp\nlet a = list.fold(items, 0, add)\n```", "x\nlet  a = list.fold(items,\n0, add) y", 1),
        ("let a = list.fold(items, 0, add)", "let a = list . other", 0),
        ("let a = f(b, c)\n" + "emit one_two_three\n" * 4, "let a = f(b, c)\nend", 9 / 17),
        ("true", "true", None),
        ("a b c d e f g h", "a b c d e f g h", None),  # 8 words, but 8 letters
    ],
)
def test_copied_share(output: str, text: str, share: float | None) -> None:
    assert copied_share(read_chat(talk(("a", text), output=output))) == share
    assert copied_share(read_chat(talk(output=output))) is None


@given(st.text(), st.lists(st.text(), max_size=3))
def test_a_share_is_one_of_the_output(output: str, texts: list[str]) -> None:
    share = copied_share(read_chat(talk(*(("a", text) for text in texts), output=output)))
    assert share is None or 0 <= share <= 1
    whole = copied_share(read_chat(talk(("a", output), output=output)))
    assert whole in (None, 1)
    if share:
        assert round(share * len(re.findall(r"\w+|[^\w\s]", output))) >= COPY_RUN


CODE = st.text(alphabet="ab.:(),[]{}|>=-*\"'`# \n/$", max_size=60)


@given(CODE | st.text())
def test_any_text_has_calls_secrets_and_words(text: str) -> None:
    for call in applied(text):
        assert call.arity is None or call.arity >= 0
    assert isinstance(secrets_in(text), tuple)
    assert all(word in text for word in prose_words(text))


@given(st.text(), st.text())
def test_any_two_texts_have_languages(query: str, documentation: str) -> None:
    spoken, known = language_of(query, documentation)
    assert language_name(spoken) == "" or known


def test_what_is_code_is_no_prose() -> None:
    text = 'how do `a b` std.foldl foo_bar fooBar f(x) --flag x=1 work in JSON with "quoted words" well'
    assert prose_words(text) == ["how", "do", "work", "in", "JSON", "with", "well"]


def test_the_output_of_the_fixtures_needs_what_one_page_shows() -> None:
    assert uses(talk(("a", FOLD), output=OUTPUT)) == ["used"]
    assert uses(talk(("a", TEXT), output=OUTPUT)) == ["unused"]
