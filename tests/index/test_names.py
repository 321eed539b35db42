"""Exact names: what counts as one in a text, a heading and a query."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.index.names import _NAME, DEFINED, SPOKEN_OF, chunk_names, names_in, query_names
from tracegen.records import Chunk


def _names(*headings: str, text: str = "", path: str = "page.md") -> list[str]:
    chunk = Chunk(id="0" * 16, path=path, title="Page", headings=headings, text=text, start_line=1, end_line=1)
    return chunk_names(chunk)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("call std.foldl(f, a, 0)", ["std.foldl"]),
        ("gleam/list.fold and Array::push", ["gleam.list.fold", "array.push"]),
        ("xs |> f <> g", ["|>", "<>"]),
        ("a +: b; c == d; [1, ..rest]", ["+:", "==", ".."]),
        ("@external and --ext-str, -v", ["@external", "--ext-str", "-v"]),
        ("snake_case camelCase _private XMLParser", ["snake_case", "camelcase", "_private", "xmlparser"]),
        ("fold(list)", ["fold"]),
        ("-----\n=====\n*** /* note */ // note", ["//"]),
        ("|---|---|\n+-----+---+\n|:---:|", []),
        ("half is 1/2, see a/b/2", ["a.b"]),
        ("Plain words, and one end of a sentence. Next", []),
        ("well-known twenty-one", []),
    ],
)
def test_names_in_a_text(text: str, names: list[str]) -> None:
    assert list(names_in(text)) == names


def test_a_function_has_its_own_name_and_that_with_its_module() -> None:
    names = _names("gleam/list", "fold", path="modules/gleam/list.md")
    assert {DEFINED + name for name in ("fold", "list.fold", "gleam.list.fold")} <= set(names)
    assert {DEFINED + "foldl", DEFINED + "std.foldl"} <= set(_names("Arrays", "std.foldl(func, arr, init)"))
    assert {DEFINED + "map", DEFINED + "filter"} <= set(_names("Lists", "map, filter"))
    assert DEFINED + "pattern matching" in _names("Pattern matching")


def test_the_headings_of_tiny_sections_that_were_joined_are_names_too() -> None:
    names = _names("gleam/list", text="## fold\n\nText.\n\n```\n## no heading\n```\n\n### `length`\n\nText.")
    assert {DEFINED + "list.fold", DEFINED + "list.length", DEFINED + "gleam/list".replace("/", ".")} <= set(names)
    assert DEFINED + "no heading" not in names


def test_a_name_within_a_heading_is_less_than_the_heading() -> None:
    names = _names("Guide", "Tracing with `std.trace`")
    assert SPOKEN_OF + "std.trace" in names
    assert DEFINED + "std.trace" not in names
    assert SPOKEN_OF + "$" in _names("self, super and $")
    assert SPOKEN_OF + "|>" in _names("The |> operator")
    assert SPOKEN_OF + "use" in _names("The `use` expression")
    assert SPOKEN_OF + "discard" in _names("Discard statement")
    assert SPOKEN_OF + "while" in _names("3.4. The while loop")


def test_the_anchor_of_a_section_is_a_name_where_it_has_an_arity() -> None:
    chunk = Chunk(id="0" * 16, path="page.md", title="Page", headings=("?Term =.. ?List",), text="", start_line=1, end_line=1)
    for anchor, name in {"=../2": "=..", "%7C%3E/2": "|>", "c:init/1": "init", "is/2": "is"}.items():
        assert DEFINED + name in chunk_names(chunk.model_copy(update={"anchor": anchor}))
    assert chunk_names(chunk.model_copy(update={"anchor": "section-4/2x"})) == chunk_names(chunk)


def test_a_text_mentions_a_name_with_and_without_its_module() -> None:
    assert _names(text="Like gleam/list.fold.")[:3] == ["gleam.list.fold", "list.fold", "fold"]


def test_a_query_names_what_has_the_form_of_a_name_is_quoted_or_stands_alone() -> None:
    assert query_names("how does list.fold differ from `use`?").mentioned == ["list.fold", "use"]
    assert query_names("fold").mentioned == ["fold"]
    assert query_names("fold/3").mentioned == ["fold"]
    assert query_names("|>").mentioned == ["|>"]
    assert query_names("=../2").mentioned == ["=.."]
    assert query_names("+/2").mentioned == ["+"]
    assert query_names("what are =../2, ++/2 and #<==> for").mentioned == ["=..", "++", "#<==>"]
    assert [query_names(query).last for query in ("seq.add", "add", "|>", "a seq.add")] == ["add", "", "", ""]
    assert query_names(":- dynamic").wanted == [":-", "dynamic"]
    assert query_names("|> operator").wanted == ["|>"]
    assert query_names("1..10 range").wanted == ["..", "1 10 range"]
    assert ".." not in query_names("index 5 not in 0 .. 4 of the list").wanted
    assert query_names("$").mentioned == ["$"]
    assert query_names("fold a list from the left").mentioned == []
    assert query_names("Pattern matching").wanted == ["pattern matching"]


def test_what_may_be_a_make_is_a_name_where_it_is_quoted_or_alone() -> None:
    assert query_names("bit arrays on JavaScript and macOS").mentioned == ["javascript", "macos"]
    assert query_names("bit arrays on JavaScript and macOS").wanted == ["bit arrays on javascript and macos"]
    assert "javascript" in query_names("JavaScript").wanted
    assert "arraylist" in query_names("how does `ArrayList` grow").wanted
    assert "useeffect" in query_names("how does useEffect work").wanted


@given(text=st.text())
def test_any_text_has_names_that_are_not_empty(text: str) -> None:
    assert all(names_in(text))
    assert all(query_names(text).mentioned)
    assert all(_names(text, text=text, path=text or "-"))


@pytest.mark.parametrize(
    ("heading", "names"),
    [
        ("def fold(list, from)", {"fold", "list.fold"}),
        ("over :: ASetter s t -> s", {"over", "list.over"}),
        ("std.foldl(f, a, i)", {"std.foldl", "foldl"}),
        ("Class List", {"list"}),
        ("Generic Function: shift-left number count", {"shift-left"}),
        ("Function std::mem::swap", {"std.mem.swap", "mem.swap", "swap"}),
        ("map, filter", {"map", "filter"}),
        ("standard procedure: list-ref list k", {"list-ref"}),
        ("SRFI 1 procedure: dotted-list? object", {"dotted-list?"}),
        ("(floor x) → integer", {"floor"}),
        ("(send a-table set-status str) → void?", {"set-status"}),
        ("(struct posn (x y))", {"posn"}),
        ("list_to_binary/1", {"list_to_binary"}),
        ("9.9.2. date_trunc", {"date_trunc"}),
    ],
)
def test_a_signature_defines_the_name_it_declares(heading: str, names: set[str]) -> None:
    found = {name.removeprefix(DEFINED) for name in _names("List", heading, path="list.html") if name.startswith(DEFINED)}
    assert names <= found
    assert not found & {"a", "i", "from", "t", "def"}


@pytest.mark.parametrize(
    "heading", ["function composition", "Using std.foldl", "Type inference", "Class methods", "(optional) Parameters"]
)
def test_words_in_a_heading_are_no_names(heading: str) -> None:
    found = {name.removeprefix(DEFINED) for name in _names(heading, path="guide.md") if name.startswith(DEFINED)}
    assert {name for name in found if " " not in name} == set()


def test_a_method_has_the_name_of_its_class() -> None:
    found = _names("class toy.Box(size)", "fill(value)", path="api.html")
    assert {DEFINED + name for name in ("fill", "box.fill", "toy.box.fill")} <= set(found)


@given(text=st.text(st.one_of(st.sampled_from("abAB_1.:/#->@$!?(|=<`, \n"), st.characters()), max_size=20))
def test_words_that_are_passed_over_hide_no_name(text: str) -> None:
    slow = re.compile(re.sub(r"\(\?P<plain>.*\n\s*\|", "", _NAME.pattern), re.VERBOSE)
    assert "plain" not in slow.groupindex
    found = [match for match in _NAME.finditer(text) if match.lastgroup != "plain"]
    assert [(each.span(), each.lastgroup) for each in found] == [(each.span(), each.lastgroup) for each in slow.finditer(text)]
