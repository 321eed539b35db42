"""Plain text, reStructuredText, AsciiDoc and source files."""

from hypothesis import given
from hypothesis import strategies as st

from tracegen.corpus.source import read_source
from tracegen.corpus.text import read_text
from tracegen.records import Block


def test_plain_text_is_paragraphs() -> None:
    page = read_text("\none\ntwo\n\n\n  three\n", "text")
    assert page.title == ""
    assert page.blocks == (
        Block(kind="prose", text="one\ntwo", start_line=2, end_line=3),
        Block(kind="prose", text="  three", start_line=6, end_line=6),
    )


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
    page = read_text(RST, "rst")
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


def test_asciidoc_headings_and_listings() -> None:
    page = read_text("= Title\n\nIntro:\n[source,go]\n----\nx := 1\n\ny := 2\n----\n== Next\ntext\n----\nopen", "asciidoc")
    assert page.title == "Title"
    assert [(each.kind, each.level, each.text, each.start_line, each.end_line) for each in page.blocks] == [
        ("heading", 1, "Title", 1, 1),
        ("prose", 0, "Intro:", 3, 3),
        ("code", 0, "```go\nx := 1\n\ny := 2\n```", 6, 8),
        ("heading", 2, "Next", 10, 10),
        ("prose", 0, "text\n----\nopen", 11, 13),
    ]


LINES = st.lists(
    st.sampled_from(["words", "Title", "=====", "-----", "a::", "   x", ".. code:: py", "", ".. note::", "== h"]), max_size=25
)


@given(LINES)
def test_rst_loses_no_words(lines: list[str]) -> None:
    kept = "\n".join(block.text for block in read_text("\n".join(lines), "rst").blocks)
    for word in ("words", "Title", "x", ".. note::"):
        assert sum(word in line for line in lines) == kept.count(word), kept


@given(LINES)
def test_asciidoc_loses_no_words(lines: list[str]) -> None:
    kept = "\n".join(block.text for block in read_text("\n".join(lines), "asciidoc").blocks)
    assert sum("words" in line for line in lines) == kept.count("words")


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
