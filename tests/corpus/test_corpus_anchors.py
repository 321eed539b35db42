"""Anchors: the ids by which links lead to headings, as each format gives them, and what a chunk keeps of them."""

from collections.abc import Callable

import pytest

from tracegen.corpus.asciidoc import read_asciidoc
from tracegen.corpus.chunks import chunk_document
from tracegen.corpus.markdown import read_markdown
from tracegen.corpus.pages import Page
from tracegen.corpus.rst import read_rst
from tracegen.corpus.vimhelp import read_vimhelp
from tracegen.corpus.webpage import read_webpage
from tracegen.records import Document

FILLER = "<p>" + "Words of a page that say something. " * 20 + "</p>"


@pytest.mark.parametrize(
    ("read", "text", "anchors"),
    [
        (read_markdown, "# A {#a}\n\n## B\n\n## C {: .x #c }\n\ntext {#no}\n", ["a", "", "c"]),
        (read_markdown, '<a id="a"></a>\n\n# A\n\n## <a name="b"></a>B\n\n<h3 id="c">C</h3>\n\n## D\n', ["a", "b", "c", ""]),
        (read_markdown, "## A\n{: #a}\n\n(b)=\n\n## B\n\ntext\n", ["a", "b"]),
        (read_markdown, '## Use `<input name="x">`\n\ntext\n', [""]),
        (read_markdown, '# A {color="#fff"}\n\n## B {.x #b key="#c"}\n\ntext\n', ["", "b"]),
        (read_webpage, f'{FILLER}<h1 id="a">A</h1>x<h2><a name="b"></a>B</h2>y<h2>C</h2>z', ["a", "b", ""]),
        (read_webpage, f'{FILLER}<section id="a"><h2>A</h2><p>x<h3>B</h3>y</section><a id="c"></a><h2>C</h2>z', ["a", "", "c"]),
        (read_webpage, f'{FILLER}<dl><dt id="lib.f"><code>lib.f(x)</code></dt><dd>What it does.</dd></dl>', ["lib.f"]),
        (read_rst, "A b\n===\n\nx\n\n.. _c d:\n\nB\n-\n\ny\n\n.. _e:\n\nC\n-\n\nz\n", ["a-b", "c d", "e"]),
        (read_asciidoc, "= A\n\n[[b]]\n== B\n\n[#c]\n== C\n\n== [[d]]D\n\n[[no]]\ntext\n\n== E\n", ["", "b", "c", "d", ""]),
        (read_asciidoc, "= A\n\n[[no]]\n----\ncode\n----\n\n== B\n\ntext\n", ["", ""]),
        (read_vimhelp, f"*a.txt* A\n\n{'=' * 78}\nFOLD{' ' * 40}*a-fold* *a-f*\n\nFolds.\n", ["", "a-fold"]),
    ],
)
def test_headings_have_the_ids_that_links_lead_to(read: Callable[[str], Page], text: str, anchors: list[str]) -> None:
    assert [block.anchor for block in read(text).blocks if block.kind == "heading"] == anchors


def test_a_chunk_has_the_anchor_of_its_section_or_of_the_nearest_one_above() -> None:
    page = read_markdown("# A\n\none\n\n## B {#b}\n\ntwo two\n\n### C\n\nthree three\n")
    document = Document(path="a.md", title="A", sha256="0" * 64, blocks=page.blocks)
    chunks = chunk_document(document, count_tokens=lambda text: len(text.split()), max_tokens=6, min_tokens=1)
    assert [(chunk.headings[-1], chunk.anchor) for chunk in chunks] == [("A", None), ("B", "b"), ("C", "b")]
