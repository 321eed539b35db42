"""Plain text, Vim's help, the simple reader of reStructuredText, and source files."""

from hypothesis import given
from hypothesis import strategies as st

from tracegen.corpus.source import read_source
from tracegen.corpus.text import read_plain, read_simple_rst
from tracegen.records import Block


def test_plain_text_is_paragraphs() -> None:
    page = read_plain("\none\ntwo\n\n\n  three\n")
    assert page.title == ""
    assert page.blocks == (
        Block(kind="prose", text="one\ntwo", start_line=2, end_line=3),
        Block(kind="prose", text="  three", start_line=6, end_line=6),
    )


def test_plain_text_may_have_underlined_headings() -> None:
    page = read_plain("Title\n=====\n\nPart\n----\nwords\n\n+++\nno\n+++\n")
    assert page.title == "Title"
    assert [(each.kind, each.level, each.text) for each in page.blocks] == [
        ("heading", 1, "Title"),
        ("heading", 2, "Part"),
        ("prose", 0, "words"),
        ("prose", 0, "+++\nno\n+++"),
    ]


VIM = """\
*abs.txt*  For Vim version 9.0

==============================================================================
1. Numbers                                      *numbers* *digits*

See |abs()| and `:echo`.

abs({expr})                                     *abs()*
    Returns the absolute value.  Example: >
        echo abs(-4)
<    It is 4.

 vim:tw=78:ft=help:norl:
"""


def test_vim_help() -> None:
    page = read_plain(VIM)
    assert page.title == "abs.txt"
    assert [(each.kind, each.level, each.text, each.start_line, each.end_line) for each in page.blocks] == [
        ("heading", 1, "abs.txt", 1, 1),
        ("prose", 0, "For Vim version 9.0", 1, 1),
        ("heading", 2, "1. Numbers", 4, 4),
        ("prose", 0, "`numbers` `digits`", 4, 4),
        ("prose", 0, "See `abs()` and `:echo`.", 6, 6),
        ("heading", 4, "abs({expr})", 8, 8),
        ("prose", 0, "Returns the absolute value.  Example:", 9, 9),
        ("code", 0, "```\necho abs(-4)\n```", 10, 10),
        ("prose", 0, "It is 4.", 11, 11),
    ]


RST = """\
=====
Title
=====

Section
-------
Words right below.

Sub
~~~

Example::

    x = 1

    y = 2

.. code-block:: python
   :linenos:

   print(1)
Back again.

Second
------
"""


def test_rst_headings_and_literal_blocks() -> None:
    page = read_simple_rst(RST)
    assert page.title == "Title"
    assert [(each.kind, each.level, each.text, each.start_line, each.end_line) for each in page.blocks] == [
        ("heading", 1, "Title", 1, 3),
        ("heading", 2, "Section", 5, 6),
        ("prose", 0, "Words right below.", 7, 7),
        ("heading", 3, "Sub", 9, 10),
        ("prose", 0, "Example::", 12, 12),
        ("code", 0, "```\nx = 1\n\ny = 2\n```", 14, 16),
        ("code", 0, "```python\n:linenos:\n\nprint(1)\n```", 19, 21),
        ("prose", 0, "Back again.", 22, 22),
        ("heading", 2, "Second", 24, 25),
    ]


LINES = st.lists(
    st.sampled_from(["words", "Title", "=====", "-----", "a::", "   x", ".. code:: py", "", ".. note::", "== h"]), max_size=25
)


@given(LINES)
def test_rst_loses_no_words(lines: list[str]) -> None:
    kept = "\n".join(block.text for block in read_simple_rst("\n".join(lines)).blocks)
    for word in ("words", "Title", "x", ".. note::"):
        assert sum(word in line for line in lines) == kept.count(word), kept


def test_source_is_one_block_with_its_lines() -> None:
    page = read_source("\n\n// note\nfn a() {}\n\n\nfn b() {}\n\n", "rust")
    assert page.blocks == (
        Block(
            kind="code",
            text="```rust\n// note\nfn a() {}\n\n\nfn b() {}\n```",
            start_line=3,
            end_line=7,
            language="rust",
        ),
    )


def test_markup_in_a_text_file_is_read_as_such() -> None:
    rst = "Models\n======\n\nSee :doc:`fields`.\n\n.. code-block:: python\n\n    x = 1\n"
    assert [block.text for block in read_plain(rst).blocks] == ["Models", "See fields.", "```python\nx = 1\n```"]
    asciidoc = "git-add(1)\n==========\n\nNAME\n----\nSee linkgit:git-rm[1].\n\n-n::\n\tDo nothing.\n\n----\n$ git add\n----\n"
    assert [(block.level, block.text) for block in read_plain(asciidoc).blocks] == [
        (1, "git-add(1)"), (2, "NAME"), (0, "See git-rm(1)."), (0, "**-n**\n\tDo nothing."), (0, "```\n$ git add\n```")
    ]  # fmt: skip
    markdown = "# Tool\n\n```sh\nmake\n```\n"
    assert [block.text for block in read_plain(markdown).blocks] == ["Tool", "```sh\nmake\n```"]
    plain = "# a comment\nSee :here: and a::b.\n\nNote::\n\n    text\n"
    assert [block.kind for block in read_plain(plain).blocks] == ["prose", "prose", "prose"]


def test_an_index_of_tags_is_left_out() -> None:
    assert (
        read_plain("".join(f"{name}\tlist.txt\t/*{name}*\n" for name in ("map()", "fold()", "zip()"))).problem
        == "index of tags"
    )


def test_headings_in_capitals_stand_above_indented_text() -> None:
    text = "LS(1)\n\nNAME\n       ls - lists\n\nLONG DESCRIPTION\n\n       It lists.\n\nSEE ALSO\n       dir(1)\n"
    text += "\nNOTE THIS\nAnd that.\n"
    page = read_plain(text)
    assert page.title == ""
    assert [(block.kind, block.text, block.start_line) for block in page.blocks] == [
        ("prose", "LS(1)", 1),
        ("heading", "NAME", 3),
        ("prose", "       ls - lists", 4),
        ("heading", "LONG DESCRIPTION", 6),
        ("prose", "       It lists.", 8),
        ("heading", "SEE ALSO", 10),
        ("prose", "       dir(1)", 11),
        ("prose", "NOTE THIS\nAnd that.", 13),
    ]


def test_headings_in_capitals_below_a_title_leave_it() -> None:
    assert read_plain("My Title\n========\n\nIntro.\n\nCD\n  x\n\nEF\n  y\n\nGH\n  z\n").title == "My Title"
