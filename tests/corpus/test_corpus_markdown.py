"""Markdown: kinds, levels, line ranges, and that the words of a file are all in its blocks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.corpus.markdown import read_markdown
from tracegen.records import Block


def shapes(text: str) -> list[tuple[str, int, int, int]]:
    return [(block.kind, block.level, block.start_line, block.end_line) for block in read_markdown(text).blocks]


def texts(text: str) -> list[str]:
    return [block.text for block in read_markdown(text).blocks]


def test_headings_have_levels_words_and_lines() -> None:
    text = "# A `b` *c* [d](e) <kbd>f</kbd> {#anchor}\n\nSetext\ntwo\n===\n\nUnder { #under }\n---\n#### Four ####\n#\ntext"
    assert read_markdown(text).blocks == (
        Block(kind="heading", text="A b c d f", level=1, start_line=1, end_line=1, anchor="anchor"),
        Block(kind="heading", text="Setext two", level=1, start_line=3, end_line=5),
        Block(kind="heading", text="Under", level=2, start_line=7, end_line=8, anchor="under"),
        Block(kind="heading", text="Four", level=4, start_line=9, end_line=9),
        Block(kind="prose", text="text", start_line=11, end_line=11),
    )


def test_front_matter_gives_title_and_description() -> None:
    page = read_markdown('---\ntitle: "The: title"\ntags: [a]\ndescription: What it says.\n---\n\n# Heading\n')
    assert page.title == "The: title"
    assert page.blocks == (
        Block(kind="prose", text="What it says.", start_line=4, end_line=4),
        Block(kind="heading", text="Heading", level=1, start_line=7, end_line=7),
    )
    # Where there is text, that is what answers.
    page = read_markdown("---\ndescription: What it says.\n---\n\n# Heading\n\nText.\n")
    assert [block.text for block in page.blocks] == ["Heading", "Text."]
    assert read_markdown("+++\ntitle = 'T'\n+++\nx").title == "T"
    assert read_markdown("---\ntitle: >\n  folded\n---\n## Two\n").title == "Two"
    assert read_markdown("text").title == ""


def test_code_keeps_its_fence_and_language() -> None:
    text = "intro:\n\n````rust,ignore\nlet a = 1;\n\n```\n````\n\n    indented\n\n    more\n\n~~~\nopen"
    blocks = read_markdown(text).blocks
    assert [block.language for block in blocks if block.kind == "code"] == ["rust", "", ""]
    assert shapes(text) == [("prose", 0, 1, 1), ("code", 0, 3, 7), ("code", 0, 9, 11), ("code", 0, 13, 14)]
    assert blocks[1].text == "````rust,ignore\nlet a = 1;\n\n```\n````"
    assert blocks[2].text == "    indented\n\n    more"


def test_the_language_of_code_is_the_first_word_behind_its_fence() -> None:
    fences = ["js{1,3}", "{.python .numberLines}", "{r}", "c++ linenums", 'title="x"', "live:eg/pi:module"]
    blocks = read_markdown("".join(f"```{each}\nx\n```\n" for each in fences)).blocks
    assert [block.language for block in blocks] == ["js", "python", "r", "c++", "", "live"]


def test_code_without_a_line_falls_out() -> None:
    assert texts("One:\n```live:eg:output\n```\nTwo.\n\n```js\n\n```\n") == ["One:", "Two."]


def test_between_two_rules_is_no_front_matter() -> None:
    assert texts("---\n\n# Heading\n\nKept words.\n\n---\n\nMore.\n") == ["Heading", "Kept words.", "More."]
    assert texts("---\nexternal help file: x\ntitle: A\n---\nWords.\n") == ["Words."]
    assert texts("---\nshort-description: x\n...\nWords.\n\n---\n\nMore.\n") == ["Words.", "More."]


@pytest.mark.parametrize(
    "lines", ["% Lists(1)\n% Somebody\n", "^title Lists(1)\n^category x\n", "author: Me\nTitle: Lists(1)\ndate: 2001\n"]
)
def test_lines_before_the_text_may_give_the_title(lines: str) -> None:
    page = read_markdown(f"{lines}\nWords: many.\n")
    assert page.title == "Lists(1)"
    assert [(block.text, block.start_line) for block in page.blocks] == [("Words: many.", lines.count("\n") + 2)]


def test_a_file_of_link_definitions_is_prose() -> None:
    assert texts("[foo]: https://x/{{version}}/a\n") == ["[foo]: https://x/{{version}}/a"]


@pytest.mark.parametrize("lines", ["Key:    value\n" * 40, "%    A\n" * 40, "^title    A\n" + "^key    value\n" * 40])
def test_lines_that_give_no_title_are_passed_over_at_once(lines: str) -> None:
    page = read_markdown(f"{lines}Words.\n")
    assert page.title == ""
    assert "\n".join(block.text for block in page.blocks) == f"{lines}Words."


def test_a_long_line_behind_a_fence_is_passed_over_at_once() -> None:
    (block,) = read_markdown(f"```{'.' * 1_000_000}=\nx\n```\n").blocks
    assert (block.kind, block.language) == ("code", "")


def test_indented_code_may_name_its_language() -> None:
    page = read_markdown("So:\n\n    :::wren\n    var x = 1\n      y\n\nOr:\n\n    #!python\n    z\n\n    #!/bin/sh\n")
    assert [
        (block.text, block.language, block.start_line, block.end_line) for block in page.blocks if block.kind == "code"
    ] == [
        ("```wren\nvar x = 1\n  y\n```", "wren", 4, 5),
        ("```python\nz\n\n#!/bin/sh\n```", "python", 10, 12),
    ]


def test_words_of_the_front_matter_stand_where_the_page_shows_them() -> None:
    front = "---\ntitle: bytes at\nbytes: |\n  Takes bytes\n  from a range.\nempty:\n---\n"
    page = read_markdown(front + "# `{{ $frontmatter.title }}` of {{page.empty}}\n\n<div>{{ $frontmatter.bytes }}</div>\n")
    assert [block.text for block in page.blocks] == ["bytes at of {{page.empty}}", "Takes bytes from a range."]
    assert texts("---\ntitle: A\n---\n```vue\n{{ $frontmatter.title }}\n```\n") == ["```vue\n{{ $frontmatter.title }}\n```"]


def test_numbers_and_dates_of_the_front_matter_stand_as_they_are_written() -> None:
    front = "---\ntitle: A\nversion: 1.10\nnum: 010\nday: 2024-05-01\n---\n"
    assert texts(front + "{{ page.version }}, {{ page.num }}, {{ page.day }}\n") == ["1.10, 010, 2024-05-01"]


def test_code_in_a_list_stands_alone() -> None:
    text = "1. first\n\n   ```sh\n   make\n   ```\n\n   then\n2. second\n"
    assert shapes(text) == [("prose", 0, 1, 1), ("code", 0, 3, 5), ("prose", 0, 7, 8)]
    assert texts(text)[1] == "   ```sh\n   make\n   ```"


def test_tables_lists_quotes_and_link_definitions() -> None:
    text = "| a | b |\n|---|---|\n| 1 | 2 |\n\n- x\n  - y\n\n> quote\n> ```\n> code\n> ```\n\n[a]: http://b\n\n***\n\nend"
    assert shapes(text) == [
        ("table", 0, 1, 3),
        ("prose", 0, 5, 6),
        ("prose", 0, 8, 11),
        ("prose", 0, 13, 13),
        ("prose", 0, 17, 17),
    ]


def test_tables_lose_what_makes_their_columns_even() -> None:
    wide = f"| Name{' ' * 300} | `a  b` \\|  c  |\n|:{'-' * 300}:|{'-' * 20}|\n|  1  |      |  \n  x |  y\n"
    (block,) = read_markdown(wide).blocks
    assert block.kind == "table"
    assert block.text == "| Name | `a  b` \\|  c |\n|:---:|---|\n| 1 | |\nx | y"


def test_a_table_in_a_list_is_one() -> None:
    blocks = read_markdown("- Options:\n\n  | a      | b |\n  | ------ | - |\n  | 1      | 2 |\n\n  and so on\n").blocks
    assert [(block.kind, block.text) for block in blocks] == [
        ("prose", "- Options:"),
        ("table", "| a | b |\n| --- | - |\n| 1 | 2 |"),
        ("prose", "  and so on"),
    ]


def test_template_lines_and_html_without_words_fall_out() -> None:
    text = (
        "before\n{% include a.html label=\"x\" %}\nafter\n\n{{< note >}}\n\n<!-- a\n\nremark -->\n\n<img src='x'>\n\n"
        "<div>\nwords\n</div>\n\n<style>\np {}\n\nq {}\n</style>\n\n<h3>Before <b>that</b></h3>\n\n```\n{% kept %}\n```"
    )
    assert texts(text) == ["before", "after", "words", "Before that", "```\n{% kept %}\n```"]
    assert shapes(text)[3] == ("heading", 3, 23, 23)


def test_jekyll_highlight_is_code() -> None:
    (block,) = read_markdown("{% highlight ruby %}\nputs 1\n\nputs 2\n{% endhighlight %}\n").blocks
    assert (block.kind, block.language, block.text) == ("code", "ruby", "```ruby\nputs 1\n\nputs 2\n```")


WORDS = st.sampled_from(
    ["# h", "## `c`", "```", "text", "- item", "  - sub", "> q", "| a |", "|---|", "    c", "", "[x]: y", "1. n"]
)


@given(st.lists(WORDS, max_size=25))
def test_every_word_is_in_a_block_on_its_line(lines: list[str]) -> None:
    text = "\n".join(lines)
    covered: set[int] = set()
    for block in read_markdown(text).blocks:
        span = range(block.start_line, block.end_line + 1)
        assert not covered & set(span)
        covered |= set(span)
        if block.kind != "heading":
            assert block.text == "\n".join(lines[block.start_line - 1 : block.end_line])
    missing = [line for number, line in enumerate(lines, start=1) if number not in covered and line.strip()]
    assert set(missing) <= {"```"}  # around nothing


def test_restructuredtext_in_markdown_is_read_as_such() -> None:
    blocks = read_markdown("Words.\n\n```{eval-rst}\n.. note:: Read ``this``.\n```\n").blocks
    assert [(each.text, each.start_line) for each in blocks] == [("Words.", 1), ("Note: Read `this`.", 4)]
