"""Info: nodes, definitions, examples, menus."""

import gzip
from pathlib import Path

from tracegen.corpus import read_corpus
from tracegen.corpus.formats import Format, format_of
from tracegen.corpus.info import read_info
from tracegen.records import Document

INFO = """This is toy.info, produced by makeinfo.

START-INFO-DIR-ENTRY
* Toy Reference: (toy).     The manual.
END-INFO-DIR-ENTRY

\x1f
File: toy.info,  Node: Top,  Next: Lists,  Up: (dir)

The Toy
*******

* Menu:

* Lists::

Appendices

* Index::

\x1f
File: toy.info,  Node: Lists,  Prev: Top,  Up: Top

1 Lists
*******

Use ‘map’ (*note Folding::), or see *note the other one: Sets.  For
example:

     (map f l)

       (more)

   Items:

‘-s’
     Takes a script:

     Not an example, but a second paragraph of the same.

 -- Procedure: map proc list1
          list2
 -- C Function: toy_map (proc)
     Applies.

     Returns a list, as in

          (map car l)
 -- Variable: pi
     Half.

   After all.

   ---------- Footnotes ----------

   (1) A note.

\x1f
Tag Table:
Node: Top\x7f12
"""


def shown(text: str) -> list[str]:
    return [f"{'#' * block.level} {block.text}" if block.level else block.text for block in read_info(text).blocks]


def test_reads_info() -> None:
    page = read_info(INFO)
    assert page.title == "Toy Reference"
    assert shown(INFO) == [
        "# Toy Reference",
        "## The Toy",
        "## 1 Lists",
        "Use `map` (see Folding), or see the other one.  For\nexample:",
        "```\n(map f l)\n\n  (more)\n```",
        "Items:",
        "`-s`\n     Takes a script:",
        "     Not an example, but a second paragraph of the same.",
        "### Procedure: map proc list1 list2",
        "```\nProcedure: map proc list1 list2\nC Function: toy_map (proc)\n```",
        "Applies.",
        "Returns a list, as in",
        "     (map car l)",
        "### Variable: pi",
        "Half.",
        "### 1 Lists (continued)",
        "After all.",
        "(1) A note.",
    ]
    lines = INFO.split("\n")
    assert all(block.text.split()[-1] in lines[block.end_line - 1] for block in page.blocks if block.text.startswith("After"))


def test_what_octave_defines_is_named_by_its_function() -> None:
    text = "\x1f\nFile: o.info,  Node: A,  Up: Top\n\nA\n=\n\n -- : [Q, R] = deconv (Y, A)\n     Divides.\n"
    assert shown(text)[2:] == ["#### deconv (Y, A)", "```\n[Q, R] = deconv (Y, A)\n```", "Divides."]


def test_parts_are_read_and_tags_are_no_binary_content(tmp_path: Path) -> None:
    assert format_of("info/guile.info-10") == Format("info")
    assert format_of("info/guile.info-2.gz") == Format("info", packed=True)
    tagged = INFO.replace("Items:", "\0\x08[image src=a.png\0\x08]Items:")
    (tmp_path / "toy.info-1.gz").write_bytes(gzip.compress(tagged.encode()))
    (document,) = read_corpus([tmp_path])
    assert isinstance(document, Document)
    assert "Items:" in [block.text for block in document.blocks]
    assert [block.text for block in read_info("no node\n\nat all").blocks] == ["no node", "at all"]


def test_lists_keep_the_indents_of_their_items() -> None:
    lines = [
        "\x1f",
        "File: a.info,  Node: A,  Up: (dir)",
        "",
        "   Words of a",
        "paragraph.",
        "",
        "   * one",
        "     more",
        "   * two",
    ]
    assert shown("\n".join(lines))[-2:] == ["Words of a\nparagraph.", "* one\n  more\n* two"]
