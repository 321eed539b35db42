"""The chunker: budget, what stays together, what is cut where, that nothing is lost, ids and lines."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracegen.corpus import chunk_document, embedded_text
from tracegen.corpus.markdown import read_markdown
from tracegen.corpus.pages import continued, unfence
from tracegen.corpus.source import read_source
from tracegen.index.passages import join_texts
from tracegen.records import Block, Chunk, Document


def count(text: str) -> int:
    return len(text) // 4 + 1


def words(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def document(text: str, path: str = "page.md", title: str = "") -> Document:
    page = read_source(text, "gleam") if path.endswith(".gleam") else read_markdown(text)
    return Document(path=path, title=title or page.title or path, sha256="0" * 64, blocks=page.blocks)


def chunks(text: str, max_tokens: int = 60, min_tokens: int = 0, path: str = "page.md", title: str = "") -> list[Chunk]:
    return chunk_document(document(text, path, title), count_tokens=words, max_tokens=max_tokens, min_tokens=min_tokens)


def sentences(number: int, word: str = "word") -> str:
    return " ".join(f"{word.capitalize()}{index} is here for this test." for index in range(number))


def test_a_page_that_fits_is_one_chunk() -> None:
    (chunk,) = chunks("# Title\n\nWords.\n\n## Part\n\n```go\nx\n```\n")
    assert chunk.headings == ("Title",)
    assert chunk.text == "Words.\n\n## Part\n\n```go\nx\n```"
    assert (chunk.start_line, chunk.end_line) == (3, 9)
    assert embedded_text(chunk) == "Title\n\n" + chunk.text


def test_sections_are_chunks_with_their_heading_path() -> None:
    text = f"# Title\n\n{sentences(6)}\n\n## Part\n\n{sentences(6)}\n\n### Deep\n\n{sentences(6)}\n\n## Other\n\n{sentences(6)}"
    got = chunks(text)
    assert [(each.headings, each.start_line) for each in got] == [
        (("Title",), 3),
        (("Title", "Part"), 7),
        (("Title", "Part", "Deep"), 11),
        (("Title", "Other"), 15),
    ]
    assert embedded_text(got[2]).startswith("Title > Part > Deep\n\nWord0")


def test_without_a_first_level_heading_the_path_begins_with_the_title() -> None:
    text = f"{sentences(6)}\n\n## Part\n\n{sentences(6)}"
    assert [each.headings for each in chunks(text, title="Front")] == [("Front",), ("Front", "Part")]
    several = f"# One\n\n{sentences(6)}\n\n# Two\n\n{sentences(6)}"
    got = chunks(several, title="Front")
    assert [each.headings for each in got] == [("One",), ("Two",)]
    assert embedded_text(got[1]).startswith("Front > Two\n\n")


def test_a_title_without_subject_is_embedded_with_its_folder() -> None:
    (chunk,) = chunks("# About\n\nWords.", path="concepts/pipe-operator/about.md")
    assert chunk.headings == ("About",)
    assert embedded_text(chunk) == "pipe operator > About\n\nWords."


def test_repeated_headings_belong_to_the_named_one_before() -> None:
    part = sentences(5)
    text = "# list\n\n" + "\n\n".join(f"## {name}\n\n{part}\n\n## Examples\n\n{part}" for name in ("map", "fold"))
    assert [each.headings for each in chunks(text)] == [
        ("list", "map"),
        ("list", "map", "Examples"),
        ("list", "fold"),
        ("list", "fold", "Examples"),
    ]


def test_the_heading_of_a_part_is_below_that_of_its_section_in_the_text_too() -> None:
    repeated = "".join(f"## {name}\n\nIt {name}s.\n\n## Examples\n\n### Long\n\nSo.\n\n" for name in ("map", "fold"))
    slip = "# dict\n\n## map\n\nIt maps.\n\n# Examples\n\nSo."
    [both], [slipped] = chunks(f"# list\n\n{repeated}", max_tokens=500), chunks(slip)
    shown = ["## map", "### Examples", "#### Long", "## fold", "### Examples", "#### Long"]
    assert [line for line in both.text.split("\n") if line.startswith("#")] == shown
    assert "\n\n### Examples\n\n" in slipped.text


def test_overloads_that_follow_one_another_keep_their_place() -> None:
    part = sentences(5)
    text = "# Math\n\n" + "\n\n".join(f"## {name}\n\n{part}" for name in ("abs", "min", "min", "max"))
    assert [each.headings for each in chunks(text)] == [("Math", "abs"), ("Math", "min"), ("Math", "min"), ("Math", "max")]
    between = "# Math\n\n" + "\n\n".join(f"## {name}\n\n{part}" for name in ("sum", "abs", "min", "abs"))
    assert [each.headings[1:] for each in chunks(between)] == [("sum",), ("abs",), ("min",), ("abs",)]
    declared = [f"proc {name}(...)" for name in ("find", "escape", "find")]
    text = "# Re\n\n" + "\n\n".join(f"## {heading}\n\n{part}" for heading in declared)
    assert [each.headings[1:] for each in chunks(text)] == [(heading,) for heading in declared]


def test_tiny_sections_join_their_neighbour_and_keep_their_headings() -> None:
    text = f"# Log\n\n## v3\n\n- three\n\n## v2\n\n- two\n\n## v1\n\n{sentences(7)}"
    got = chunks(text, min_tokens=10)
    assert [(each.headings, each.start_line, each.end_line) for each in got] == [(("Log",), 3, 9), (("Log", "v1"), 13, 13)]
    assert got[0].text == "## v3\n\n- three\n\n## v2\n\n- two"
    assert [each.headings for each in chunks(text, min_tokens=0)] == [("Log", "v3"), ("Log", "v2"), ("Log", "v1")]


def test_tiny_sections_of_different_parents_stay_apart() -> None:
    text = f"# T\n\n## A\n\n{sentences(5)}\n\n### A1\n\n- a\n\n## B\n\n{sentences(7)}"
    assert all(not ("A1" in "".join(each.headings) and "B" in each.text) for each in chunks(text, min_tokens=20))
    assert {each.headings[:2] for each in chunks(text, min_tokens=20)} == {("T", "A"), ("T", "B")}


def test_a_bare_heading_is_neither_lost_nor_alone() -> None:
    got = chunks(f"# One\n\n# Two\n\n{sentences(5)}\n\n{sentences(5)}")
    assert got[0].text.startswith("# One\n\nWord0")
    assert [each.text for each in chunks("# Only")] == ["# Only"]


def test_code_that_fits_is_never_split_and_keeps_the_sentence_before_it() -> None:
    code = "```go\n" + "\n\n".join(f"x{index} := {index}" for index in range(9)) + "\n```"
    text = f"# T\n\n{sentences(8)} This shows it:\n\n{code}\n\n{sentences(8)}"
    got = chunks(text, max_tokens=64)
    (with_code,) = [each for each in got if "```" in each.text]
    assert with_code.text == f"This shows it:\n\n{code}"
    assert (with_code.start_line, with_code.end_line) == (3, 23)


def test_a_signature_stays_with_its_description() -> None:
    text = f"# T\n\n## f\n\n```go\nfunc f()\n```\n\nDoes {sentences(4)}\n\n{sentences(6)}\n\n{sentences(6)}"
    first = chunks(text)[0]
    assert first.text.startswith("```go\nfunc f()\n```\n\nDoes")


def test_an_example_stays_with_its_result() -> None:
    example = "An example:\n\n```jsonnet\nstd.abs(-1) + 2 + 3\n```\n\nThe result is:\n\n```json\n6\n```"
    for before in range(3, 9):
        got = chunks(f"# T\n\n{sentences(before)}\n\n{example}\n\n{sentences(7)}")
        (with_code,) = [each for each in got if "```" in each.text]
        assert example in with_code.text


def test_what_stands_before_the_only_title_joins_its_section() -> None:
    got = chunks(f"About lists.\n\n# T\n\n{sentences(4)}\n\n## Part\n\n{sentences(6)}")
    assert got[0].text.startswith("About lists.\n\nWord0")
    assert (got[0].headings, got[0].start_line, got[0].end_line) == (("T",), 1, 5)


def test_long_code_is_cut_at_empty_lines_with_its_fences() -> None:
    functions = [f"pub fn f{index}() {{\n  let a = {index}\n\n  a + a\n}}" for index in range(12)]
    got = chunks("# T\n\n```gleam\n" + "\n\n".join(functions) + "\n```\n")
    assert len(got) > 2
    for each in got:
        assert each.text.startswith("```gleam\npub fn f")
        assert each.text.endswith("\n}\n```")
    assert got[0].start_line == 4
    assert got[-1].end_line == 4 + 12 * 6 - 2


def test_source_files_know_the_lines_of_their_parts() -> None:
    lines = [f"const a{index} = {index}" if index % 5 else "" for index in range(60)]
    got = chunks("\n".join(lines), path="lib/values.gleam", title="values.gleam")
    assert len(got) > 2
    for each in got:
        assert each.headings == ("values.gleam",)
        body = each.text.removeprefix("```gleam\n").removesuffix("\n```")
        assert body == "\n".join(lines[each.start_line - 1 : each.end_line])


@pytest.mark.parametrize(
    "block",
    [
        "```gleam\n" + "\n\n".join(f"pub fn f{index}() {{\n  let a = {index}\n\n  a + a\n}}" for index in range(12)) + "\n```",
        "~~~\n" + "a = 1\n" * 300 + "~~~",
        "```json\n[" + "1, " * 2000 + "1]\n```",
        "| Name | Does |\n|---|---|\n" + "\n".join(f"| name{index} | does this and that |" for index in range(40)),
        "| Name | Does |\n|---|---|\n| a | " + "word " * 1000 + "|\n| b | c |",
        sentences(40),
        "\n".join(f"- item {index}. It is\n  long enough." for index in range(30)),
    ],
)
def test_a_block_that_was_cut_is_whole_again_where_its_parts_are_read_together(block: str) -> None:
    got = chunks(f"# T\n\nHere it comes:\n\n{block}\n\nAfter it.")
    assert len(got) > 2
    assert join_texts(got) == f"Here it comes:\n\n{block}\n\nAfter it."


def test_long_tables_are_cut_by_rows_below_their_header() -> None:
    rows = [f"| name{index} | does this and that |" for index in range(20)]
    got = chunks("# T\n\n| Name | Does |\n|---|---|\n" + "\n".join(rows))
    assert len(got) > 2
    shown = []
    for each in got:
        head, rule, *body = each.text.split("\n")
        assert (head, rule) == ("| Name | Does |", "|---|---|")
        assert each.start_line == 5 + rows.index(body[0])
        assert each.end_line == 5 + rows.index(body[-1])
        shown += body
    assert shown == rows


def test_long_prose_is_cut_at_sentences_and_lists_at_items() -> None:
    for each in chunks("# T\n\n" + sentences(40)):
        assert each.text.endswith("test.")
        assert each.text.startswith("Word")
    items = "\n".join(f"- item {index}. It is\n  long enough." for index in range(30))
    for each in chunks("# T\n\n" + items):
        assert each.text.startswith("- item")
        assert each.text.endswith("long enough.")


@pytest.mark.parametrize("letter", ["a", "ж", "  ", "a.", "- ", "[", "`", "|"])
def test_an_enormous_line_is_cut_into_chunks_that_fit(letter: str) -> None:
    text = "# T\n\n" + letter * 100_000 + " end"
    counted = 0

    def counting(part: str) -> int:
        nonlocal counted
        counted += len(part)
        return count(part)

    got = chunk_document(document(text), count_tokens=counting, max_tokens=220)
    assert max(count(embedded_text(each)) for each in got) <= 220
    assert "".join("".join(each.text.split()) for each in got).removeprefix("#T") == "".join(text.split()).removeprefix("#T")
    # The tokenizer is the dear part: it must see the text a few times, not once per word.
    assert counted < 10 * len(text)


def test_a_word_that_the_tokenizer_takes_for_one_token_is_cut_all_the_same() -> None:
    got = chunk_document(document("x" * 50_000), count_tokens=lambda text: len(text.split()), max_tokens=100)
    assert max(len(each.text) for each in got) <= 1600


def test_a_counter_that_is_no_sum_of_its_parts_is_obeyed() -> None:
    def sly(text: str) -> int:
        return len(text) // 4 + text.count("\n\n") * 7

    text = "# T\n\n" + "\n\n".join(sentences(2, f"w{index}") for index in range(40))
    got = chunk_document(document(text), count_tokens=sly, max_tokens=100)
    assert max(sly(embedded_text(each)) for each in got) <= 100
    code = "```gleam\n" + "\n\n".join(f"let a{index} = {index}" for index in range(60)) + "\n```"
    got = chunk_document(document(f"# T\n\n{code}"), count_tokens=sly, max_tokens=100)
    assert len(got) > 3
    assert join_texts(got) == code


def test_a_heading_path_longer_than_the_budget_leaves_room_for_text() -> None:
    got = chunks(f"# {'Long heading ' * 100}\n\n## {'Other heading ' * 100}\n\n{sentences(20)}")
    assert all(len(embedded_text(each)) - len(each.text) < 250 for each in got)
    assert len(got) < 20


def test_ids_are_stable_and_unique() -> None:
    text = f"# T\n\n{sentences(6)}\n\n## Same\n\n{sentences(6)}\n\n## Same\n\n{sentences(6)}"
    got = chunks(text)
    assert [each.id for each in got] == [each.id for each in chunks(text)]
    assert len({each.id for each in got}) == len(got) == 3
    assert all(re.fullmatch("[0-9a-f]{16}", each.id) for each in got)
    moved = chunks("\n\n" + text)
    assert [each.id for each in moved] == [each.id for each in got]
    assert {each.id for each in chunks(text, path="other.md")}.isdisjoint(each.id for each in got)


# --- nothing is lost -----------------------------------------------------------------------------------------------------

LINE = st.one_of(
    st.sampled_from(
        ["# One", "## Two", "## Examples", "### Deep", "", "", "```", "```go", "| a | b |", "|---|---|", "- item", ">"]
    ),
    st.text(alphabet="abcé. \t`|#-:", min_size=1, max_size=60),
    st.integers(1, 80).map(lambda number: "word. " * number),
    st.integers(1, 300).map(lambda number: "x" * number),
)


@settings(deadline=None, max_examples=300)
@given(st.lists(LINE, max_size=30), st.integers(20, 80), st.integers(0, 30), st.sampled_from(["page.md", "code.gleam"]))
def test_every_character_of_every_block_is_in_the_chunks_in_order(
    lines: list[str], max_tokens: int, min_tokens: int, path: str
) -> None:
    read = document("\n".join(lines), path)
    got = chunk_document(read, count_tokens=count, max_tokens=max_tokens, min_tokens=min_tokens)
    remaining = iter("".join("".join(each.text.split()) for each in got))
    for block in read.blocks:
        if block.kind != "heading":
            missing = [letter for letter in _body(block) if letter not in remaining]  # consumes what comes before
            assert not missing, (block, [each.text for each in got])
    last = 0
    for each in got:
        assert each.text.strip()
        assert last <= each.start_line <= each.end_line <= len(lines)
        last = each.start_line
        head = count(embedded_text(each)) - count(each.text)
        assert count(embedded_text(each)) <= max_tokens or head >= max_tokens // 2 - 2
    assert len({each.id for each in got}) == len(got)


@settings(deadline=None, max_examples=300)
@given(st.lists(LINE, max_size=30), st.integers(20, 80), st.integers(0, 30), st.sampled_from(["page.md", "code.gleam"]))
def test_read_together_the_chunks_have_no_seam_in_a_block(
    lines: list[str], max_tokens: int, min_tokens: int, path: str
) -> None:
    read = document("\n".join(lines), path)
    got = chunk_document(read, count_tokens=count, max_tokens=max_tokens, min_tokens=min_tokens)
    joined = join_texts(got) if got else ""
    for block in read.blocks:
        if block.kind == "code":
            assert unfence(block.text).body.strip() in joined
        elif block.kind != "heading":
            assert "".join(block.text.split()) in "".join(joined.split())


def _body(block: Block) -> str:
    """Return the characters of a block without its fences, which the chunker may write anew."""
    lines = block.text.split("\n")
    if block.kind == "code" and lines[0].lstrip().startswith(("```", "~~~")):
        lines = lines[1:-1] if len(lines) > 1 else lines
    return "".join("".join(lines).split())


def test_a_part_that_pretends_to_be_a_page_stays_in_its_section() -> None:
    """Gleam's documentation of `dict.fold` has `# Examples` where all others have `## Examples`."""
    text = f"# dict\n\n## fold\n\n{sentences(6)}\n\n# Examples\n\n{sentences(6)}\n\n## each\n\n{sentences(6)}"
    assert [each.headings for each in chunks(text)] == [("dict", "fold"), ("dict", "fold", "Examples"), ("dict", "each")]


def test_a_part_of_a_higher_level_right_below_a_heading_stays_with_it() -> None:
    """Erlang's pages have `### Types` below each `#### function`."""
    text = "# dict\n\n" + "\n\n".join(f"#### {name}\n\n### Types\n\n{sentences(6)}" for name in ("fold", "each"))
    assert [each.headings for each in chunks(text)] == [("dict", "fold", "Types"), ("dict", "each", "Types")]


def test_a_page_gives_the_same_chunks_however_often_it_is_cut() -> None:
    """Pieces were once remembered by the address of their block, which another block may get when it is gone."""
    parts = [f"{sentences(5, f'part{n}')} It is written so:\n\n```go\ncall{n}()\nend{n}()\n```\n" for n in range(40)]
    text = "# Title\n\n" + "\n".join(parts)
    first = chunks(text, max_tokens=30)
    for number in range(40):
        assert sum(f"call{number}()" in each.text for each in first) == 1
    for _ in range(20):
        assert chunks(text, max_tokens=30) == first


def test_a_long_line_that_is_nearly_the_head_of_a_table_is_passed_over_at_once() -> None:
    part = f"| a |\n{'-|' * 100_000}x\n| 1 |"
    assert continued("| a |\n|---|\n| 0 |", part, "\n") == f"| a |\n|---|\n| 0 |\n{part}"
