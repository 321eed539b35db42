"""Doc comments and docstrings: prose below the signature they belong to; all other comments stay in the code."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.corpus import chunk_document
from tracegen.corpus.doc_comments import signature
from tracegen.corpus.source import read_source
from tracegen.records import Document


def shown(text: str, language: str) -> list[tuple[str, str, int, int]]:
    return [(each.kind, each.text, each.start_line, each.end_line) for each in read_source(text, language).blocks]


GLEAM = """\
//// Working with lists, in a module.

import gleam/int

/// Counts the elements of a list.
///
/// ```gleam
/// length([])
/// ```
pub fn length(of list: List(a)) -> Int {
  // a remark inside of it
  do_length(list, 0)
}

fn do_length() { 1 }
"""


def test_doc_comments_are_prose_below_the_signature() -> None:
    assert shown(GLEAM, "gleam") == [
        ("prose", "Working with lists, in a module.", 1, 1),
        ("code", "```gleam\nimport gleam/int\n```", 3, 3),
        ("heading", "pub fn length(of list: List(a)) -> Int", 5, 5),
        ("prose", "Counts the elements of a list.", 5, 5),
        ("code", "```gleam\nlength([])\n```", 7, 9),
        (
            "code",
            "```gleam\npub fn length(of list: List(a)) -> Int {\n  // a remark inside of it\n  do_length(list, 0)\n}\n\n"
            "fn do_length() { 1 }\n```",
            10,
            15,
        ),
    ]


def test_docstrings_are_taken_out_of_the_code() -> None:
    text = '"""About the whole module."""\n\nimport x\n\n\nclass A:\n'
    text += '    def f(\n        self,\n    ):\n        """Does it.\n\n        Well.\n        """\n        return 1\n'
    assert shown(text, "python") == [
        ("prose", "About the whole module.", 1, 1),
        ("code", "```python\nimport x\n\n\nclass A:\n```", 3, 6),
        ("heading", "def f(", 7, 7),
        ("prose", "Does it.", 7, 10),
        ("prose", "Well.", 7, 12),
        ("code", "```python\n    def f(\n        self,\n    ):\n        return 1\n```", 7, 14),
    ]


@pytest.mark.parametrize(
    ("language", "text", "prose", "heading"),
    [
        ("javascript", "/**\n * Adds two numbers.\n * @param a one\n */\nexport function add(a, b) {\n}\n",
         "Adds two numbers.\n@param a one", "export function add(a, b)"),
        ("go", "// Add gives the sum.\nfunc Add(a int) int {\n}\n", "Add gives the sum.", "func Add(a int) int"),
        ("ruby", "# Gives the sum.\ndef add(a)\nend\n", "Gives the sum.", "def add(a)"),
        ("lua", "--- Gives the sum.\nfunction add(a)\nend\n", "Gives the sum.", "function add(a)"),
        ("haskell", "-- | Gives the sum.\nadd :: Int -> Int\n", "Gives the sum.", "add :: Int -> Int"),
        ("elisp", ";;; Gives the sum.\n(defun add (a) 1)\n", "Gives the sum.", "(defun add (a) 1)"),
        ("rust", "x\n\n    /// Gives the sum.\n    #[inline]\n    fn add(a: u8) {\n", "Gives the sum.", "fn add(a: u8)"),
        ("ocaml", "(** Gives the sum. *)\nval add : int -> int\n", "Gives the sum.", "val add : int -> int"),
        ("lean", "x\n\n/-- Gives the sum. -/\n@[simp]\ndef add (a : Nat) := a\n", "Gives the sum.",
         "def add (a : Nat) := a"),
        ("lean", "x\n\n/-!\n# All\n\n* Gives the sum.\n-/\n\n/-- Adds two things. -/\ndef a := 1\n", "* Gives the sum.",
         "def a := 1"),
        ("idris", "x\n\n||| Gives the sum.\npublic export\nadd : Int\n", "Gives the sum.", "add : Int"),
        ("roc", "## Gives the sum.\nadd : I64, I64 -> I64\n", "Gives the sum.", "add : I64, I64 -> I64"),
        ("d", "/++\n + Gives the sum.\n +/\nint add(int a);\n", "Gives the sum.", "int add(int a);"),
        ("chapel", "x\n\n  /* Gives the sum.\n  */\n  proc add(a: int) {\n", "Gives the sum.", "proc add(a: int)"),
        ("c", "x\n\n/* Gives the sum. */\nint add(int a);\n", "Gives the sum.", "int add(int a);"),
        ("mojo", 'x\n\nfn add(a: Int) -> Int:\n    """Gives the sum."""\n    return a\n', "Gives the sum.",
         "fn add(a: Int) -> Int"),
    ],
)  # fmt: skip
def test_comments_of_many_languages(language: str, text: str, prose: str, heading: str) -> None:
    blocks = read_source(text, language).blocks
    assert prose in [block.text for block in blocks if block.kind == "prose"]
    assert [block.text for block in blocks if block.kind == "heading"] == [heading]


def test_what_is_in_a_comment_keeps_its_own_marks() -> None:
    lean = "/-- Adds two things.\n```lean\n#eval 1 -- one\n``` -/\ndef a := 1\n"
    assert [block.text for block in read_source(lean, "lean").blocks][2] == "```lean\n#eval 1 -- one\n```"
    elm = "{-| Adds two things.\n\n    add 1 2 == 3\n-}\nadd : Int\n"
    assert [block.kind for block in read_source(elm, "elm").blocks] == ["heading", "prose", "code", "code"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("css", "/* Colours of the page */\np { }"),
        ("c", "/* Copyright of somebody */\nint x;\n"),
        ("python", "# Copyright (c) somebody, all rights\nx = 1\n"),
        ("go", "x\n\n// A remark that is alone.\n\nfunc f() {}\n"),
        ("python", "def f():\n    # A remark in the body\n    return 1\n"),
        ("javascript", "var a = '/** no comment here at all */';\n"),
        ("rust", "/** never closed at all"),
        ("json", '{"a": "// no comment here"}'),
    ],
)
def test_what_is_no_documentation_stays_in_the_code(language: str, text: str) -> None:
    (block,) = read_source(text, language).blocks
    assert block.kind == "code"
    assert block.text == f"```{language}\n{text.rstrip()}\n```"


def test_a_function_stays_with_its_description() -> None:
    functions = "\n".join(f"/// Gives {n} words back.\npub fn f{n}(a: Int) -> Int {{\n  {'x + ' * 30}1\n}}\n" for n in range(9))
    document = Document(path="a.gleam", title="a.gleam", sha256="0" * 64, blocks=read_source(functions, "gleam").blocks)
    for chunk in chunk_document(document, count_tokens=lambda text: len(text) // 4 + 1, max_tokens=120):
        for n in range(9):
            assert (f"Gives {n} words" in chunk.text) == (f"pub fn f{n}(a: Int) -> Int {{" in chunk.text)


LINES = st.lists(
    st.sampled_from(["/// three words here", "# three words here", "/**", " */", "words", "", "def f():", '    """', '"""',
                     "(** a b c *)", "    words", "-- | three words here", "//! three words here"]),
    max_size=20,
)  # fmt: skip


@given(LINES, st.sampled_from(["python", "rust", "gleam", "jsonnet", "haskell", "lua", "ocaml", "php"]))
def test_no_words_are_lost(lines: list[str], language: str) -> None:
    blocks = read_source("\n".join(lines), language).blocks
    kept = "\n".join(block.text for block in blocks if block.kind != "heading")
    assert sum("words" in line for line in lines) == kept.count("words")
    starts = [block.start_line for block in blocks]
    assert starts == sorted(starts)
    assert all(1 <= block.start_line <= block.end_line <= len(lines) for block in blocks)


def test_a_menu_in_javascript_is_left_out() -> None:
    assert read_source('var list =\n[\n    [ "at", "classList.html#a1", null ]\n];', "javascript").problem == "menu of a site"
    pike = """Doc.register('PCX').addChildren('method', [{"link":"ex/PCX/decode.html","modifiers":null,"name":"decode"}]);"""
    assert read_source(pike, "javascript").problem == "menu of a site"
    code = "".join(f"const page{number} = load('page{number}');\nrender(page{number});\n" for number in range(5))
    assert not read_source(code + "go('index.html');", "javascript").problem


def test_extensions_that_languages_share() -> None:
    assert read_source(":- module(a, [b/1]).\nb(1).\n", "perl").blocks[0].language == "prolog"
    assert read_source("/* Plays. */\nplay(X, Y) :-\n    won(X).\n", "perl").blocks[0].language == "prolog"
    assert read_source("% Adds.\nfunction y = f (x)\n", "objectivec").blocks[-1].language == "matlab"
    assert read_source("my $x = 1;\n", "perl").blocks[0].language == "perl"
    assert read_source("@implementation A\n@end\n", "objectivec").blocks[0].language == "objectivec"


def test_a_docstring_in_restructuredtext_is_read_as_such() -> None:
    words = "Like :func:`g`.\n\n    .. code-block:: toy\n\n        f 1\n\n    :param x: a number\n    "
    shown = [block.text for block in read_source(f'def f(x):\n    """{words}"""\n    return x\n', "python").blocks]
    assert shown == [
        "def f(x)",
        "Like `g()`.",
        "```toy\nf 1\n```",
        "- param x: a number",
        "```python\ndef f(x):\n    return x\n```",
    ]


@pytest.mark.parametrize(("mark", "other"), [("//", "#"), ("#", "--"), ("--", ";"), (";;", "%"), ("%", "//")])
def test_the_comments_of_an_unknown_language_are_found_by_their_marks(mark: str, other: str) -> None:
    words = f"{mark} Tools for lists of all kinds.\n\n{mark} Returns the items the other way round.\n"
    text = f"{words}turn items =\n  {other} items\n"
    blocks = read_source(text, "quux").blocks
    assert [(block.kind, block.text) for block in blocks] == [
        ("prose", "Tools for lists of all kinds."),
        ("heading", "turn items"),
        ("prose", "Returns the items the other way round."),
        ("code", f"```quux\nturn items =\n  {other} items\n```"),
    ]


def test_a_long_line_gives_its_signature_at_once() -> None:
    assert signature([f"public{' ' * 1_000_000}x"], 0).startswith("public ")
