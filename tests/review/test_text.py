"""Text for a terminal."""

import json

from hypothesis import given
from hypothesis import strategies as st

from tracegen.review.text import clip, columns, excerpt, json_page, layout, wrap

WIDTHS = st.integers(20, 100)
TEXTS = st.text(st.characters() | st.sampled_from(" \t\n日-|`#\x1b"), max_size=300)


@given(TEXTS.map(lambda text: text.replace("\n", " ").expandtabs(4)), WIDTHS)
def test_wrapped_lines_fit_and_keep_every_character(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert all(columns(line) <= width for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(TEXTS, WIDTHS)
def test_clipped_text_fits(text: str, width: int) -> None:
    assert columns(clip(text, width)) <= width


@given(TEXTS, WIDTHS)
def test_laid_out_lines_are_printable(text: str, width: int) -> None:
    for line in layout(text, width):
        line.encode("utf-8")
        assert not set(line) & {"\x1b", "\n", "\r", "\t", "\x9b", "\u202e", "\x85", "\u2028"}


def test_columns_of_wide_and_combining_characters() -> None:
    assert [columns(text) for text in ("abc", "日本", "é", "e\u0301", "👩\u200d🚀")] == [3, 4, 1, 1, 4]


def test_wrapping_hangs_below_the_text() -> None:
    assert wrap("  - one two three four", 14) == ["  - one two", "    three four"]
    assert wrap("a" * 12 + " b", 5) == ["aaaaa", "aaaaa", "aa b"]
    assert wrap("日本語日本語", 6) == ["日本語", "日本語"]


def test_code_and_tables_are_not_wrapped() -> None:
    long = "word " * 10 + "end"
    text = f"{long}\n\n```zorp\n{long}\n~~~\n{long}\n```\n{long}\n\n    {long}\n\n| {long} |\n\nsee ```{long}```"
    lines = layout(text, 30)
    assert [line for line in lines if columns(line) > 30] == [long, long, f"    {long}", f"| {long} |"]


def test_a_paragraph_is_not_taken_for_indented_code() -> None:
    assert layout("- item\n    " + "word " * 8 + "end", 24)[1:] == [
        "    word word word word",
        "    word word word word",
        "    end",
    ]


def test_tabs_and_control_characters() -> None:
    assert layout("\ta\tb\r\n\x1b[2Jc", 40) == ["    a   b\\r", "\\x1b[2Jc"]


def test_excerpt_is_one_line() -> None:
    assert excerpt("  a\n\tb\x1b  c ") == "a b\\x1b c"
    assert len(excerpt("word " * 1_000)) == 300


@given(st.recursive(st.none() | st.text(st.characters()), lambda inner: st.dictionaries(st.text(), inner)))
def test_json_stays_json_and_harmless(value: object) -> None:
    page = json_page(value)
    # Two halves of a surrogate pair become one character, as in any JSON.
    assert json.loads(page) == json.loads(json.dumps(value))
    assert not set(page) & {"\x1b", "\x7f", "\x9b", "\u202e", "\r"}
    page.encode("utf-8")


def test_json_nested_too_deeply_is_the_text_that_was_read() -> None:
    value: object = 1
    for _ in range(200_000):
        value = [value]
    assert json_page(value, "[[...]]") == "[[...]]"
