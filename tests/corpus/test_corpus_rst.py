"""reStructuredText: structure by docutils, Sphinx's directives and roles, and nothing that stops the reading."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tracegen.corpus import chunk_document
from tracegen.corpus.rst import read_rst
from tracegen.corpus.rst_inline import inline
from tracegen.records import Document

PAGE = """\
=====
Title
=====

:orphan:
:author: Me

Section
-------
Words right below.

Example::

    x = 1

    y = 2

* one

  * two::

      z = 3

* three

term
   what it is

-v, --verbose  say more
"""


def shown(text: str) -> list[tuple[str, int, str, int, int]]:
    return [(each.kind, each.level, each.text, each.start_line, each.end_line) for each in read_rst(text).blocks]


def texts(text: str) -> list[str]:
    return [("#" * each.level + " " if each.level else "") + each.text for each in read_rst(text).blocks]


def test_headings_paragraphs_code_and_lists_with_their_lines() -> None:
    assert read_rst(PAGE).title == "Title"
    assert shown(PAGE) == [
        ("heading", 1, "Title", 1, 3),
        ("prose", 0, "- author: Me", 6, 6),
        ("heading", 2, "Section", 8, 9),
        ("prose", 0, "Words right below.", 10, 10),
        ("prose", 0, "Example:", 12, 12),
        ("code", 0, "```\nx = 1\n\ny = 2\n```", 14, 16),
        ("prose", 0, "- one\n  - two:", 18, 20),
        ("code", 0, "```\nz = 3\n```", 22, 22),
        ("prose", 0, "- three", 24, 24),
        ("prose", 0, "**term**\nwhat it is", 27, 28),
        ("prose", 0, "- `-v, --verbose`: say more", 29, 29),
    ]


def test_a_description_is_a_section_with_its_signature() -> None:
    text = """\
Title
=====

.. module:: m
   :synopsis: words

.. py:class:: Box(size)

   Holds things.

   :param size: how many

   .. method:: open(key, *, wait=True)

      Opens it.

.. function:: range(stop)
              range(start, stop)

   Counts.

Back in the section.
"""
    assert texts(text) == [
        "# Title",
        "## Box(size)",
        "Holds things.",
        "- param size: how many",
        "### open(key, *, wait=True)",
        "Opens it.",
        "## range",
        "```\nrange(stop)\nrange(start, stop)\n```",
        "Counts.",
        "## Title (continued)",
        "Back in the section.",
    ]


def test_a_long_signature_stays_with_its_description() -> None:
    arguments = ", ".join(f"argument_{number}=None" for number in range(8))
    more = "\n\n".join(f"   {'More words. ' * 12}" for _ in range(6))
    text = f"Title\n=====\n\n.. function:: call({arguments})\n\n   Calls it.\n\n{more}\n"
    document = Document(path="a.rst", title="Title", sha256="0" * 64, blocks=read_rst(text).blocks)
    chunks = chunk_document(document, count_tokens=lambda text: len(text.split()) * 2, max_tokens=80)
    (chunk,) = [chunk for chunk in chunks if "argument_7" in chunk.text]
    assert "Calls it." in chunk.text


def test_notes_versions_tabs_and_code_directives() -> None:
    text = """\
.. note:: Read this
   first.

.. warning::

   * hot
   * loud

.. versionadded:: 1.2 It is new.

.. code-block:: python
   :linenos:
   :caption: Example

   import os

   print(os)

.. tab-item:: Linux
   :sync: x

   Use it.
"""
    assert texts(text) == [
        "Note: Read this\nfirst.",
        "Warning:\n- hot\n- loud",
        "Added in version 1.2: It is new.",
        "Example",
        "```python\nimport os\n\nprint(os)\n```",
        "**Linux**\nUse it.",
    ]
    assert (read_rst(text).blocks[4].start_line, read_rst(text).blocks[4].end_line) == (15, 17)


@pytest.mark.parametrize(
    ("directive", "expected"),
    [
        (".. versionchanged:: 3.4\n   The *m* of :func:`f`\n   is new.", "Changed in version 3.4: The *m* of `f()`\nis new."),
        (".. versionadded:: 3.6\n   :func:`blake2b` and others.", "Added in version 3.6: `blake2b()` and others."),
        (".. versionadded:: 3.6 :func:`f`.", "Added in version 3.6: `f()`."),
        (".. deprecated-removed:: 3.11 3.13", "Deprecated since version 3.11, removed in 3.13"),
        (".. deprecated-removed:: 3.11 3.13\n   Use *g*.", "Deprecated since version 3.11, removed in 3.13: Use *g*."),
        (".. deprecated:: 3.2", "Deprecated since version 3.2"),
    ],
)
def test_what_changed_is_read_with_its_version(directive: str, expected: str) -> None:
    assert texts(directive + "\n") == [expected]


def test_a_condition_is_no_word_of_the_page() -> None:
    assert texts(".. only:: html and not epub\n\n   Shown.\n\n.. container:: wide\n\n   Seen.\n") == ["Shown.", "Seen."]
    assert texts(".. only:: html\n   Shown.\n\n.. container::\n\n   Seen.\n") == ["Shown.", "Seen."]
    assert shown("T\n=\n\n.. only:: html\n\n   Shown.\n")[1][-2:] == (6, 6)


def test_tables_are_rows() -> None:
    grid = "====  ====\na     b\n====  ====\n1     ``|``\n====  ====\n"
    listed = ".. list-table:: Names\n   :header-rows: 1\n\n   * - a\n     - b\n   * - 1\n     - ``2``\n"
    assert texts(grid) == ["| a | b |\n| --- | --- |\n| 1 | `\\|` |"]
    assert texts(listed) == ["Names", "| a | b |\n| --- | --- |\n| 1 | `2` |"]
    assert texts("=  =\n1  2\n3  4\n=  =\n") == ["|  |  |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |"]  # it has no header
    assert texts(".. csv-table::\n   :header: a, b\n\n   1, 2\n") == ["| a | b |\n| --- | --- |\n| 1 | 2 |"]


def test_nothing_is_included_and_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("SECRET")
    text = "\n\n".join(
        [
            f".. include:: {secret}",
            f".. literalinclude:: {secret}",
            f".. raw:: html\n   :file: {secret}",
            f".. csv-table::\n   :file: {secret}",
            f".. |s| include:: {secret}",
            "`unclosed, |unknown| and :nowhere:`role`.",
            ".. toctree::\n   :maxdepth: 2\n\n   hidden",
        ]
    )
    kept = "\n".join(texts(text))
    assert "SECRET" not in kept
    assert "hidden" not in kept
    assert "`unclosed, |unknown| and `role`." in kept
    assert capfd.readouterr() == ("", "")


def test_what_docutils_cannot_read_keeps_its_words() -> None:
    text = "Title\n=====\n\n=== ===\nbad table\n=== =\n\nA\n--\n\nB\n~~\n\nC\n==\n\nSkip\n~~~~\n\n.. list-table::\n\n   words\n"
    assert texts(text) == ["# Title", "=== ===\nbad table\n=== =", "## A", "### B", "# C", "## Skip", "words"]


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("``a*b``", "`a*b`"),
        (":class:`~a.b.C`", "`a.b.C`"),
        (":py:func:`run`", "`run()`"),
        (":ref:`The guide <guide>`", "The guide"),
        (":doc:`/install`", "/install"),
        ("`a link <https://x.org>`_", "a link"),
        ("`phrase`__ and `name`", "phrase and `name`"),
        ("known_ unknown_ x", "known unknown_ x"),
        ("|sub| |other|", "replaced |other|"),
        (r"a\ b \*c\*", "ab *c*"),
        ("note [1]_.", "note [1]."),
        (":pep:`8` :math:`x^2` :issue:`12`", "PEP 8 $x^2$ #12"),
        ("snake_case_name __init__", "snake_case_name __init__"),
    ],
)
def test_inline_markup(markup: str, words: str) -> None:
    assert inline(markup, {"known"}, {"sub": "replaced"}) == words


LINES = st.lists(
    st.sampled_from(
        ["words", "Title", "=====", "-----", "a::", "   words", ".. code:: py", "", ".. note::", "   ", "* words", "| words",
         ".. function:: f", "   .. x:y:: words", ":f: words", "+--+", "=== ==", ".. |a| replace:: b", "``words``", ".. _a:"]
    ),
    max_size=25,
)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(LINES)
def test_anything_is_read_in_order(lines: list[str]) -> None:
    line = 1
    for block in read_rst("\n".join(lines)).blocks:
        assert line <= block.start_line <= block.end_line <= max(len(lines), 1)
        assert block.text.strip()
        line = block.start_line


def test_an_example_stays_with_the_sentence_that_introduces_it() -> None:
    part = "Words to fill the page with, more and more of them.\n\nRun this::\n\n   run --fast\n\n"
    part += ".. tab-item:: Linux\n\n   .. code::\n\n      apt\n\n"
    document = Document(path="a.rst", title="T", sha256="0" * 64, blocks=read_rst("T\n=\n\n" + part * 12).blocks)
    for chunk in chunk_document(document, count_tokens=lambda text: len(text) // 4 + 1, max_tokens=60):
        assert chunk.text.count("Run this:") == chunk.text.count("run --fast")
        assert chunk.text.count("**Linux**") == chunk.text.count("apt")


def test_substitutions_and_parsed_literals_hold_markup() -> None:
    text = """\
.. |path| replace:: ``<dir>/lib`` of :variable:`ROOT`, |again|
.. |again| replace:: *again* |path|

Look in |path|.

.. parsed-literal::

   find(`NAMES`_ <a> :ref:`PATHS <p>`, **b**) \\*c a * b * c
"""
    blocks = read_rst(text).blocks
    assert blocks[0].text.startswith("Look in `<dir>/lib` of `ROOT`, *again* `<dir>/lib`")
    assert blocks[1].text == "```\nfind(NAMES <a> PATHS, b) *c a * b * c\n```"


def test_formulas_keep_their_backslashes() -> None:
    assert inline(r":math:`0 \le i < N`") == r"$0 \le i < N$"
