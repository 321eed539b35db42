"""What becomes of the chunks found: whole sections, each once, nothing twice, by path."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.index.conftest import index_of, paragraph
from tracegen.index import Index
from tracegen.index.catalogue import is_thin
from tracegen.index.passages import join_texts
from tracegen.index.tool import LONGEST_PASSAGE, PASSAGE_CHARS, render
from tracegen.records import Chunk


def test_a_small_section_comes_back_whole_in_reading_order(tmp_path: Path) -> None:
    parts = [paragraph(number) for number in range(4)]
    other = "\n\n".join(paragraph(number) for number in range(20, 23))
    pages = {"long.md": "# Page\n\n## Section\n\n" + "\n\n".join(parts) + f"\n\n## Other\n\n{other}\n"}
    hit, *_ = index_of(tmp_path, pages).search("word2x1 word2x2 word3x3", k=1)
    assert hit.chunk.text == "\n\n".join(parts)
    assert (hit.chunk.start_line, hit.chunk.end_line) == (5, 11)
    assert len(hit.parts) == 4
    assert hit.chunk.id in hit.parts
    assert hit.source().parts == hit.parts


def test_passages_are_of_different_sections_and_a_long_one_stays_within_bounds(tmp_path: Path) -> None:
    pages = {
        f"page{page}.md": f"# Page {page}\n\n" + "\n\n".join(paragraph(page * 100 + n) for n in range(40)) for page in range(6)
    }
    hits = index_of(tmp_path, pages).search("word101x3 word220x1 word222x1 word305x3 word405x1 word505x1")
    assert len({hit.chunk.path for hit in hits}) == 5
    for hit in hits:
        assert len(hit.chunk.text) <= LONGEST_PASSAGE * PASSAGE_CHARS
    assert 4 * PASSAGE_CHARS < len(render(hits)) <= 5 * PASSAGE_CHARS


def _sections(*names: str, paragraphs: int = 2) -> str:
    """Return a page of sections, whose words are numbered from 100 for the first one, 200 for the second."""
    texts = ("\n\n".join(paragraph(place * 100 + n) for n in range(paragraphs)) for place in range(1, len(names) + 1))
    return "# Lists\n\n" + "\n\n".join(f"## {name}\n\n{text}" for name, text in zip(names, texts, strict=True))


def test_a_passage_goes_on_beyond_its_section_where_more_of_the_query_stands(tmp_path: Path) -> None:
    pages = {"lists.md": _sections("map", "filter", "fold"), "other.md": "# Other\n\nWhat it says is of no interest.\n"}
    hit, *others = index_of(tmp_path, pages).search("word100x1 word100x2 word200x3", k=2)
    texts = ["\n\n".join(paragraph(first + n) for n in range(2)) for first in (100, 200, 300)]
    assert hit.chunk.headings == ("Lists", "map")
    assert hit.chunk.text == f"{texts[0]}\n\n## filter\n\n{texts[1]}\n\n## fold\n\n{texts[2]}"
    assert (hit.chunk.start_line, hit.chunk.end_line) == (5, 19)
    assert [one.chunk.path for one in others] == ["other.md"]


def test_a_section_near_a_better_one_joins_it_and_gives_its_place_to_another_page(tmp_path: Path) -> None:
    pages = {f"page{n}.md": f"# Page {n}\n\n{paragraph(n)} word300x5\n" for n in range(4)}
    index = index_of(tmp_path, {"lists.md": _sections("map", "filter", "fold", paragraphs=1)} | pages)
    hits = index.search("word300x5 word300x6 word300x7 word300x8 word300x9 word100x1", k=4)
    assert len({hit.chunk.path for hit in hits}) == 4
    joined = next(hit for hit in hits if hit.chunk.path == "lists.md")
    # The best section is the last one; the line above the passage is about its beginning.
    assert joined.chunk.headings == ("Lists", "map")
    assert joined.chunk.text == f"{paragraph(100)}\n\n## filter\n\n{paragraph(200)}\n\n## fold\n\n{paragraph(300)}"
    assert joined.chunk.id == joined.parts[-1]


def test_beside_the_section_of_a_name_nothing_else_grows(tmp_path: Path) -> None:
    parts = "\n\n".join(paragraph(number) for number in range(3))
    pages = {
        "list.md": f"# list\n\n## fold\n\n{parts}\n",
        "news.md": f"# News\n\nNow list.fold is quicker.\n\n{parts.replace('word', 'other')}\n",
    }
    index = index_of(tmp_path, pages)
    asked, said = index.search("list.fold", k=2), index.search("what is quicker now", k=2)
    assert [(hit.chunk.path, len(hit.parts)) for hit in asked] == [("list.md", 3), ("news.md", 0)]
    assert [len(hit.parts) > 0 for hit in said if hit.chunk.path == "news.md"] == [True]


@given(
    words=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 9)), min_size=1, max_size=8),
    k=st.integers(1, 8),
    chars=st.integers(100, 1500),
)
@settings(max_examples=60)
def test_passages_keep_to_their_room_and_show_nothing_twice(
    pages_index: Index, words: list[tuple[int, int]], k: int, chars: int
) -> None:
    pages_index.tool = pages_index.tool.model_copy(update={"max_chars": k * chars})
    hits = pages_index.search(" ".join(f"word{number}x{place}" for number, place in words), k)
    shown = [part for hit in hits for part in hit.parts or (hit.chunk.id,)]
    assert len(shown) == len(set(shown))
    assert len(hits) <= k
    # Where the best chunks alone are more than there is room for, nothing grows.
    assert len(render(hits)) <= k * chars or not any(hit.parts for hit in hits)


def test_what_a_name_is_comes_before_the_part_of_its_section_that_matches_best(tmp_path: Path) -> None:
    parts = [paragraph(number) for number in range(30)]
    page = "# gleam/result\n\n## try\n\nGoes on with a value.\n\n" + "\n\n".join([*parts, "result.try result.try result.try."])
    hit = index_of(tmp_path, {"gleam/result.md": page}).search("result.try", k=1)[0]
    assert hit.named
    assert hit.chunk.text.startswith("Goes on with a value.")


@pytest.mark.parametrize("budget", [{"max_chars": 3600}, {"max_tokens": 420}])
def test_passages_grow_within_the_budget_of_the_tool(tmp_path: Path, budget: dict[str, int]) -> None:
    """None is dropped because another one has grown."""
    pages = {
        f"page{page}.md": f"# Page {page}\n\n" + "\n\n".join(paragraph(page * 100 + n, words=10) for n in range(9))
        for page in range(6)
    }
    index = index_of(tmp_path, pages)
    index.tool = index.tool.model_copy(update=budget)
    query = "word101x3 word220x1 word222x1 word305x3 word405x1 word505x1"
    found = index.search(query)
    assert {len(hit.parts) > 0 for hit in found} == {True, False}
    assert index.call(query).text == render(found)


def test_the_definition_of_a_name_comes_before_what_speaks_of_it(tmp_path: Path) -> None:
    pages = {
        "guide.md": "# Guide\n\n## Working with result.try\n\n" + "Use result.try, result.try and again result.try. " * 3,
        "gleam/result.md": "# gleam/result\n\n## map\n\nChanges a value that is there.\n\n## try\n\nGoes on with a value.\n",
        "other.md": "# Other\n\n## try\n\nTry it out at home.\n",
        "pipes.md": "# Pipes\n\nInstead of a call with brackets around it one may write a |> f as well.\n",
    }
    index = index_of(tmp_path, pages)
    for query in ("result.try", "how do I use result.try here", "gleam/result.try"):
        first, second, *_ = index.search(query)
        assert (first.chunk.path, first.named) == ("gleam/result.md", True)
        assert second.chunk.path == "guide.md"
    assert index.search("|>")[0].chunk.path == "pipes.md"


def test_pages_that_say_the_same_are_returned_once(tmp_path: Path) -> None:
    text = paragraph(1) + "\n\n" + paragraph(2)
    pages = {
        "a/about.md": f"# About\n\n{text}\n",
        "a/introduction.md": f"# Introduction\n\n{text}\n",
        "b.md": "# Else\n\nword1x1 in another place.\n",
    }
    found = [hit.chunk.path for hit in index_of(tmp_path, pages).search("word1x1 word1x2 word1x3")]
    assert sorted(found) == sorted({*found})
    assert ("a/about.md" in found) != ("a/introduction.md" in found)
    assert "b.md" in found


def test_almost_the_same_within_one_page_is_meant(tmp_path: Path) -> None:
    text = "Divides one number by another one and returns what remains of it afterwards, or an error for zero. " * 2
    pages = {"int.md": f"# int\n\n## modulo\n\n{text}modulo\n\n## remainder\n\n{text}remainder\n"}
    hit, *others = index_of(tmp_path, pages).search("divides one number")
    assert not others
    assert hit.chunk.text.count("Divides one number") == 4
    assert "remainder" in hit.chunk.text


def test_a_list_of_links_comes_behind_what_it_links_to(tmp_path: Path) -> None:
    links = "\n".join(f"- [Sorting arrays {n}](sorting{n}.md)" for n in range(4))
    pages = {"index.md": f"# Arrays\n\n{links}\n", "sorting.md": "# Order\n\nSorting arrays is done by the sort function.\n"}
    assert [hit.chunk.path for hit in index_of(tmp_path, pages).search("sorting arrays")] == ["sorting.md", "index.md"]


@pytest.mark.parametrize(
    ("text", "thin"),
    [
        ("- [One](one.md)\n- [Two](two.md)", True),
        ("All about sorting.", True),
        ("See [the page about sorting arrays and what else there is to know](a.md) and https://example.com/a/b/c/d/e/f", True),
        ("Sorting an array gives a new array with its values in order.", False),
        ("```\nsort([2, 1])\n```", False),
    ],
)
def test_what_is_thin(text: str, thin: bool) -> None:
    assert is_thin(text) is thin


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("std/*", {"std/arrays.md", "std/deep/strings.md"}),
        ("std", {"std/arrays.md", "std/deep/strings.md"}),
        ("./std/", {"std/arrays.md", "std/deep/strings.md"}),
        ("*strings*", {"std/deep/strings.md", "strings.md"}),
        ("std/arrays.md", {"std/arrays.md"}),
        ("nothing/*", set()),
    ],
)
def test_a_search_keeps_to_some_paths(tmp_path: Path, pattern: str, paths: set[str]) -> None:
    names = ("std/arrays.md", "std/deep/strings.md", "strings.md", "stdlib.md")
    index = index_of(tmp_path, {name: f"# Page\n\nWhat {name} has to say about joining.\n" for name in names})
    assert {hit.chunk.path for hit in index.search("joining strings", path=pattern)} == paths


def test_a_passage_has_headings_between_sections_and_no_seam_where_a_block_was_cut() -> None:
    def chunk(text: str, joint: str | None = None, headings: tuple[str, ...] = ("A",)) -> Chunk:
        return Chunk(id="0" * 16, path="a.md", title="A", headings=headings, text=text, start_line=1, end_line=1, joint=joint)

    head = "| a | b |\n| --- | --- |\n"
    table = [chunk(f"Before.\n\n{head}| 1 | 2 |"), chunk(f"{head}| 3 | 4 |", "\n"), chunk("After.")]
    assert join_texts(table) == f"Before.\n\n{head}| 1 | 2 |\n| 3 | 4 |\n\nAfter."
    assert join_texts([table[2], chunk("More.", headings=("A", "B"))]) == "After.\n\n## B\n\nMore."
    assert join_texts([table[0], chunk(f"{head}| 5 | 6 |")]).count("---") == 4  # another table
    code = [chunk("So:\n\n```go\na\n```"), chunk("```go\n  b\n```\n\nAfter.", "\n\n")]
    assert join_texts(code) == "So:\n\n```go\na\n\n  b\n```\n\nAfter."


@pytest.mark.parametrize(
    ("before", "headings", "text", "joined"),
    [
        (("A", "B"), ("A", "C"), "Text.", "## C\n\nText."),
        (("A", "B", "x"), ("A", "C", "x"), "Text.", "## C\n\n### x\n\nText."),
        (("A",), ("A", "B", "x"), "Text.", "## B\n\n### x\n\nText."),
        # A group of small sections that follows a section of the same parent.
        (("A", "B", "x"), ("A", "B"), "### y\n\nText.", "### y\n\nText."),
        (("A", "B", "x"), ("A",), "## C\n\nText.", "## C\n\nText."),
        # A page that leaves out levels.
        (("A", "B", "x"), ("A", "B"), "##### y\n\nText.", "##### y\n\nText."),
        # The same heading again, with a text of its own.
        (("A", "B", "x"), ("A", "B"), "Text.", "## B\n\nText."),
        (("A",), (), "Text.", "Text."),
    ],
)
def test_a_section_within_a_passage_has_the_headings_that_are_new(
    before: tuple[str, ...], headings: tuple[str, ...], text: str, joined: str
) -> None:
    first = Chunk(id="0" * 16, path="a.md", title="A", headings=before, text="Before.", start_line=1, end_line=1)
    assert join_texts([first, first.model_copy(update={"headings": headings, "text": text})]) == f"Before.\n\n{joined}"


def test_the_headings_of_a_passage_count_in_its_size(tmp_path: Path) -> None:
    sections = "\n\n".join(f"## {place} {'long ' * 9}\n\n### same\n\n{paragraph(place)}" for place in range(30))
    index = index_of(tmp_path, {f"page{page}.md": f"# Page {page}\n\n{sections}" for page in range(4)})
    hits = index.search("word1x1 word5x2 word9x3 word12x4 word22x5", k=4)
    assert "### same" in hits[0].chunk.text
    assert len(render(hits)) <= 4 * PASSAGE_CHARS
