"""AsciiDoc: headings, listings, tables, admonitions, and nothing included."""

from hypothesis import given
from hypothesis import strategies as st

from tracegen.corpus.asciidoc import read_asciidoc


def texts(text: str) -> list[str]:
    return [("#" * each.level + " " if each.level else "") + each.text for each in read_asciidoc(text).blocks]


def test_headings_and_listings_with_their_lines() -> None:
    page = read_asciidoc("= Title\n\nIntro:\n[source,go]\n----\nx := 1\n\ny := 2\n----\n== Next\nsome text\n----\nopen")
    assert page.title == "Title"
    assert [(each.kind, each.level, each.text, each.start_line, each.end_line) for each in page.blocks] == [
        ("heading", 1, "Title", 1, 1),
        ("prose", 0, "Intro:", 3, 3),
        ("code", 0, "```go\nx := 1\n\ny := 2\n```", 6, 8),
        ("heading", 2, "Next", 10, 10),
        ("prose", 0, "some text\n----\nopen", 11, 13),
    ]


def test_attributes_below_the_author_and_the_version_of_a_book() -> None:
    text = "= Book\nAda Who <ada@example.org>\nv1.0, 2024-01-01\n:toc:\n:name: Red\n\nThe {name} one.\n:not: this\n"
    assert texts(text) == ["# Book", "Ada Who <ada@example.org>\nv1.0, 2024-01-01", "The Red one.\n:not: this"]


def test_attributes_links_and_what_is_dropped() -> None:
    text = """\
= The {name} Book
:name: Red
:toc:

// a comment
include::secret.txt[]
[[anchor]]
[#id.role]
See <<other,the other>>, link:x.html[a page^], https://a.org[there] and `+x+` of {name}.

////
not shown
////
image::x.png[]
"""
    assert texts(text) == ["# The {name} Book", "See the other, a page, there and `x` of Red."]


def test_tables_admonitions_lists_and_titles() -> None:
    text = """\
NOTE: Read
this.

[WARNING]
====
Hot.

Very.
====

.Names
[cols="1,2",options="header"]
|===
|Name |Use

|`a`
|first

|b
|second
more
|===

* one
** two
. three
term:: what it is

[source,ruby]
puts 1
puts 2

.Example
----
x
----
"""
    assert texts(text) == [
        "Note: Read\nthis.",
        "Warning: Hot.",
        "Very.",
        "**Names**",
        "| Name | Use |\n| --- | --- |\n| `a` | first |\n| b | second more |",
        "- one\n  - two\n1. three\n**term**\nwhat it is",
        "```ruby\nputs 1\nputs 2\n```",
        "**Example**",
        "```\nx\n```",
    ]


@given(st.lists(st.sampled_from(["words", "----", "....", "", "== h", "|===", "|a |b", ".words", "NOTE: words", "[source]", "+",
                                 "* words", "****", "words:: x", " words"]), max_size=25))  # fmt: skip
def test_loses_no_words_and_no_order(lines: list[str]) -> None:
    blocks = read_asciidoc("\n".join(lines)).blocks
    assert sum("words" in line for line in lines) == "\n".join(block.text for block in blocks).count("words")
    starts = [block.start_line for block in blocks]
    assert starts == sorted(starts)
    assert all(1 <= block.start_line <= block.end_line <= max(len(lines), 1) for block in blocks)


def test_a_language_may_be_an_attribute() -> None:
    text = ":lang: pkl\n\n[source,{lang}]\n----\na\n----\n\n[source,{cue}]\n----\nb\n----\n"
    assert texts(text) == ["```pkl\na\n```", "```cue\nb\n```"]


def test_an_attribute_that_names_no_language_gives_none() -> None:
    assert texts("[source,{lang}]\n----\na\n----\n") == ["```\na\n```"]
    assert texts(":source-language: sh\n\n[source,{lang}]\n----\na\n----\n") == ["```sh\na\n```"]


def test_code_may_end_in_two_semicolons() -> None:
    assert texts("Run:\n\n    let x = 1;;\n    x + 1;;\n") == ["Run:", "```\nlet x = 1;;\nx + 1;;\n```"]
    assert texts("term;; what it is\n") == ["**term**\nwhat it is"]


def test_terms_within_terms_are_no_code() -> None:
    text = """\
*map* [-a]::
    _alias_ m +
    Maps.

    *-a <x>*:::
        All.

        `in`::::
            Deep.

    f :: Int
"""
    assert texts(text) == [
        "**map [-a]**\n    _alias_ m\n    Maps.",
        "**-a <x>**\n        All.",
        "**`in`**\n            Deep.",
        "```\nf :: Int\n```",
    ]
