"""Terms of outputs in many languages, most of them read by the general rule alone, and of prose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.traces.prose import is_prose
from tracegen.traces.terms import split_answer, symbols_in, terms_of, words_in

# Of each: the text, terms that it must have, and words in it that must be none.
CASES = {
    "jsonnet": (
        "local tags(list, by=',') = std.split(list, by);\n{ a+: $.b for k in std.objectFields(self), 'c': error 'std.no' } "
        "// std.x",
        {"std.split", "std.objectFields", "self", "error", "local", "for", "+:", "$"},
        {"tags", "list", "by", "std.no", "std.x", "c"},
    ),
    "gleam": (
        "import gleam/list\npub fn total(items: List(Int)) -> Int {\n"
        "  list.fold(items, 0, fn(acc, it) { acc + it }) |> int.to_string\n}",
        {"gleam/list", "list.fold", "int.to_string", "|>", "pub", "List", "Int"},
        {"total", "items", "acc", "it"},
    ),
    "elixir": (
        'defmodule Foo do\n  @spec bar(integer) :: atom\n  def bar(xs) when is_list(xs) do\n'
        '    xs |> Enum.map(fn aa, bb -> aa end) |> IO.puts("#{String.upcase(xs)} Hidden.name")\n  end\nend',
        {"Enum.map", "IO.puts", "String.upcase", "@spec", "|>", "is_list", "when"},
        {"Foo", "bar", "xs", "aa", "bb", "Hidden.name"},
    ),
    "haskell": (
        "module Main where\nimport qualified Data.Map as M\narea wid hei = wid * hei\nmain = do\n  xs <- getLine\n"
        "  mapM_ print $ foldl' (\\acc el -> acc <> el) mempty xs -- Data.Hidden",
        {"Data.Map", "foldl'", "<>", "mapM_", "mempty", "getLine", "import", "$"},
        {"area", "wid", "hei", "acc", "xs", "Data.Hidden"},
    ),
    "sql": (
        "SELECT u.name, COUNT(*) FROM users u LEFT JOIN orders o ON o.uid = u.id WHERE u.kind = 'HIDDEN' -- Comment"
        "\nGROUP BY u.name",
        {"SELECT", "COUNT", "LEFT", "JOIN", "GROUP", "WHERE"},
        {"HIDDEN", "Comment"},
    ),
    "shell": (
        "$ jsonnet -J vendor --tla-str name='Hidden' -o out.json main.jsonnet | jq -r .",
        {"jsonnet", "-J", "--tla-str", "-o", "jq", "-r"},
        {"Hidden", "name"},
    ),
    "yaml": (
        "name: CI\non:\n  push:\n    branches: [main]\njobs:\n  test:\n"
        "    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4",
        {"on", "push", "branches", "jobs", "runs-on", "steps", "uses", "actions/checkout"},
        set[str](),
    ),
    "json": ('{"compilerOptions": {"strict": true, "target": "es2020"}}', {"compilerOptions", "strict", "target"}, {"es2020"}),
    "toml": ("[package]\nedition = \"2021\"\n[dependencies]\nserde = \"1\"", {"package", "edition", "dependencies"}, {"2021"}),
    "latex": (
        "\\documentclass{article}\n\\newcommand{\\mine}{x}\n% a comment with \\hidden"
        "\n\\begin{tabular}{ll}\n\\frac{1}{2} \\mine\n\\end{tabular}",
        {"\\documentclass", "\\frac", "\\begin", "tabular"},
        {"\\mine", "\\hidden"},
    ),
    "prolog": (
        ":- use_module(library(lists)).\npath(X, Y) :- edge(X, Z), \\+ member(Z, [aa]). % say foldl",
        {":-", "\\+", "member", "use_module", "library"},
        {"path", "foldl"},
    ),
    "racket": (
        "#lang racket\n(require racket/string)\n(struct point (x y) #:transparent)\n(define (count-words words)\n"
        "  (for*/fold ([counts (hash)]) ([word (in-list words)] #:unless (string=? word \"\"))\n"
        "    (let* ([size (string->number word)]) (hash-update counts size add1 0))))\n(map point-x (sort ps > #:key cdr))",
        {"#lang", "racket/string", "#:transparent", "#:unless", "#:key", "define", "for*/fold", "hash", "in-list", "string=?",
         "let*", "string->number", "hash-update", "add1", "cdr"},
        {"?", "count-words", "words", "counts", "word", "size", "point-x", "point", "string", "number", "->"},
    ),
    "erlang": (
        "-module(words).\ncount(Words) when is_list(Words) ->\n    Found = lists:foldl(fun add/2, #{}, Words),\n"
        "    case re:run(Found, base64:encode(Words)) of\n        nomatch -> {ok, Found};\n        {match, Rest} -> Rest\n"
        "    end.\nadd(W, M) -> maps:update_with(W, fun erlang:abs/1, 1, M).",
        {"-module", "lists:foldl", "re:run", "base64:encode", "maps:update_with", "erlang:abs", "nomatch", "ok"},
        {"count", "Words", "Found", "Rest", "add", "foldl", "run"},
    ),
    "haskell aliases": (
        "import qualified Data.Map.Strict as Map\ndata User = User { age :: Int }\nsafe :: Int -> FilePath -> Maybe Int\n"
        "safe n p\n  | n > 0 = Map.insertWith n p\n  | otherwise = Nothing\n\ninstance Monoid Largest where\n"
        "  Largest a <> Largest b = Largest (a `max` b)",
        {"Data.Map.Strict.insertWith", "Int", "FilePath", "otherwise", "Nothing", "data", "Monoid", "<>"},
        {"Map", "Map.insertWith", "User", "age"},
    ),
    "fish": (
        "set -gx EDITOR vi\nset -l parts (string split -m 1 -- $argv)\nfor p in *.txt\n"
        "    contains -- $p $parts; or ./run.sh\nend",
        {"set", "-gx", "-l", "string", "split", "-m", "argv", "contains", "or", "for", "in", "end"},
        {"EDITOR", "parts", "*.", "./"},
    ),
    "sql definitions": (
        "CREATE TABLE IF NOT EXISTS booking (span tstzrange);\nWITH RECURSIVE chain AS (SELECT data #>> '{a}' AS name FROM t)\n"
        "SELECT CAST(total AS numeric) FROM chain",
        {"CREATE", "TABLE", "EXISTS", "tstzrange", "RECURSIVE", "AS", "#>>", "CAST", "numeric"},
        {"booking", "chain", "name", ">>"},
    ),
    "guile": (
        "(use-modules (srfi srfi-9))\n(define-record-type <person> (make-person name age) person? (name person-name))\n"
        "(filter even? (map person-name people))",
        {"use-modules", "srfi-9", "define-record-type", "filter", "even?"},
        {"person", "person?", "person-name", "make-person", "?"},
    ),
    "perl": (
        "use strict;\nuse List::Util qw(uniq);\nmy @top = uniq @$list;\nwhile (my $line = <$file>) { print lc $line }",
        {"use", "strict", "List::Util", "uniq", "my", "while", "print", "lc"},
        {"line", "<$", "@$"},
    ),
    "lua": (
        "local Vec = {}\nVec.__index = Vec\nlocal function split(s)\n  return s:rep(2)\nend\nstatic inline fn fast(a) { a }\n"
        "function Vec:grow(by)\n  self.size = by\nend\nfunction Vec.shrink(by) end\n"
        "setmetatable({}, {__len = function() return 0 end})",
        {"__index", "__len", "setmetatable", "local", "function", "return", "rep"},
        {"split", "fast", "Vec", "Vec:grow", "grow", "Vec.shrink", "shrink", "by", "s:rep"},
    ),
    "clauses": (
        "sum([], 0).\nsum([X|Rest], Total) :-\n    sum(Rest, Before), Total #= X + Before, !.\n"
        "main :- sum([1], Total), print(Total).",
        {":-", "#=", "print"},
        {"sum", "main", "Rest", "Total", "Before", "!."},
    ),
    "apl": ("life ← {⊃1 ⍵∨.∧3 4=+/,¯1 0 1∘.⊖⊂⍵} ⍝ Comment", {"⊃", "⍵", "∨", "⊖", "←"}, {"life", "Comment", "⍝"}),
}  # fmt: skip


@pytest.mark.parametrize("language", CASES)
def test_the_general_rule_reads_languages_it_does_not_know(language: str) -> None:
    text, expected, not_expected = CASES[language]
    terms = terms_of(text)
    found = terms.names | terms.qualified | terms.symbols | terms.compounds
    assert expected <= found
    assert not not_expected & found
    assert terms.words == frozenset()


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("for type in kinds:\n    show(type)", "type"),
        ("for func in handlers: func(event)", "func"),
        ("for (const type of kinds) show(type)", "type"),
    ],
)
def test_a_variable_named_as_a_keyword_is_defined(code: str, name: str) -> None:
    assert name in terms_of(code).defined
    assert not {"in", "of"} & terms_of(code).defined
    assert "of" in terms_of("fn of(x) { x }").defined


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("if x in ascii_letters:\n  use(x)", {"ascii_letters"}),
        ("if x in ascii_letters: use(x)\nelse: hold(x)", {"ascii_letters", "else"}),
        ("y = if x in ascii_letters: use(x) else: hold(x)", {"ascii_letters", "else"}),
        ("if ready(x) and x in ascii_letters: use(x)", {"ascii_letters"}),
        ("try:\n  use(x)\nexcept ValueError:\n  hold(x)\nfinally:\n  rest(x)", {"try", "ValueError", "finally"}),
        ("try:\n  use(x)\nexcept json.JSONDecodeError as error:\n  hold(x)", {"as"}),
        ("for c in Letters:\n  use(c)", {"Letters"}),
        ("for c in first, Letters:\n  use(c)", {"Letters"}),
        ("if not isdigit:\n  use(x)", {"isdigit", "not"}),
        ("while lines.remain > LIMIT:\n  use(x)", {"LIMIT"}),
        ("```\ncase kind\nof Letters: use(x)\nof Digits: hold(x)\n```", {"Letters", "Digits"}),
        ("switch (x) { case LIMIT: use(x); default: hold(x) }", {"LIMIT"}),
        ("repeat over shelves:\n  use(x)", {"shelves", "repeat"}),
        ('with open("x") as f:\n  use(f)', {"open", "with"}),
        ("with lock:\n  use(x)", {"lock"}),
    ],
)
def test_what_ends_the_head_of_a_block_is_not_defined(code: str, names: set[str]) -> None:
    assert names <= terms_of(code).names


def test_a_qualified_name_at_the_end_of_a_head_is_no_field() -> None:
    terms = terms_of("try:\n  use(x)\nexcept json.JSONDecodeError:\n  hold(x)")
    assert "json.JSONDecodeError" in terms.qualified
    assert "JSONDecodeError" not in terms.defined


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("let width: Int = 3", "width"),
        ("{\n  width: 3,\n  high: 4\n}", "width"),
        ("{ wide: if x then y else z, width: 2 }", "width"),
        ("self.width: int = 3", "width"),
        ("area(over list: List, with width: Int)", "width"),
        ("area(\n  over list: List,\n  with width: Int,\n)", "width"),
        ("x match {\n  case width: Int => width\n}", "width"),
        ("rule width:\n  use(x)", "width"),
        ("with width as (select 1) select 2", "width"),
        ('with open("x") as width:\n  use(width)', "width"),
    ],
)
def test_what_a_colon_or_a_block_names_is_defined(code: str, name: str) -> None:
    assert name in terms_of(code).defined


METHODS = """
import "random" for Dice

class Shelf {
  construct new(books) { _books = books }
  ==(other) { other is Shelf && other.count == _books.count }
  titles_(least, order = 1) {
    if(least < 0) refuse_("less than none")
    return _books.where {|book| book.pages > least }.map {|book| book.title }.toList
  }
  refuse_(why) { Fiber.abort(why) }
  loud { Fiber.abort(_books.join(", ")) }
  static shuffled(books) {
    __dice = Dice.new()
    __dice.shuffle(books)
    if (books) {
      Button(books) {
      }
    }
  }
}
"""


def test_a_class_defines_methods_and_parameters_without_a_keyword() -> None:
    terms = terms_of(METHODS)
    assert {"titles_", "least", "order", "refuse_", "why", "shuffled", "books", "other"} <= terms.defined
    assert not {"if", "Button", "return", "Dice"} & terms.defined
    # What follows a brace or a parenthesis is a name, what follows a value of the text's own is a member.
    assert {"map", "toList"} <= terms.names
    assert terms.members == {"where", "count", "pages", "title", "join", "shuffle"}
    assert "Dice.new" in terms.qualified


def test_outside_of_a_class_only_types_tell_a_function_from_a_call_with_a_block() -> None:
    defined = terms_of("int area(int wide, Size *high) {\n  return twice(wide) * high->y;\n}\nint main() {\n}").defined
    assert defined == {"area", "wide", "high", "main"}
    assert "fn" not in terms_of("shelf.map fn(book : item) {\n}").defined
    assert not terms_of("describe(shelf) {\n}\nwhenever ready(shelf) {\n}\nelse if (shelf) {\n}").defined


@pytest.mark.parametrize("code", ["assert std.length(name) > 0", "assert length(name) > 0", "let assert Ok(name) = length"])
def test_what_is_asserted_of_is_not_defined(code: str) -> None:
    assert not {"std", "length", "Ok", "assert", "lengt"} & terms_of(code).defined


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (
            'show(X) :-\n    (   X == end\n    ->  true\n    ;   format("~d", [X]),\n        halt_now(X)\n    ).',
            {"format", "halt_now"},
        ),
        ("let run xs = List.map f xs\n  ; List_iter g xs\n(* the end *)", {"List_iter"}),
    ],
)
def test_a_semicolon_before_a_branch_or_a_step_is_no_comment(code: str, names: set[str]) -> None:
    assert names <= terms_of(code).names


@pytest.mark.parametrize(
    "code",
    [
        "(show-all xs)\n; hidden (words)",
        "#lang racket\n; hidden words of a comment that reads as the prose it is\n\n(define (f x)\n  (show-all x))",
        "  ; hidden\n  (show-all xs)",
        "mov(show)\n;; hidden words",
    ],
)
def test_a_semicolon_begins_a_comment_in_a_lisp(code: str) -> None:
    terms = terms_of(code)
    assert "hidden" not in terms.names | terms.words
    assert {"show-all", "show"} & (terms.names | terms.compounds)


def test_prose_has_words_and_what_looks_like_code_in_it() -> None:
    terms = terms_of("The interpreter evaluates fields lazily. Use std.foldl, parse_int or `+:` with --tla-str; don't forget!")
    assert terms.qualified == {"std.foldl"}
    assert terms.symbols == {"--tla-str", "+:"}
    assert terms.names == {"parse_int"}
    assert {"interpreter", "lazily", "forget"} <= terms.words
    assert not {"don", "std", "foldl", "tla"} & terms.words


def test_prose_in_another_language_is_prose() -> None:
    assert is_prose("Die Funktion wertet jedes Feld erst dann aus, wenn es tatsächlich gebraucht wird.")


@pytest.mark.parametrize("language", CASES)
def test_code_is_no_prose(language: str) -> None:
    assert split_answer(CASES[language][0])[1].strip() == ""


def test_strings_and_comments_do_not_make_a_function_prose() -> None:
    code = 'fn verse(n: Int) -> String {\n  // the house that it is in\n  case n { 1 -> "the cat that was in the house" }\n}'
    assert split_answer(code)[1] == ""
    assert "verse" in terms_of(f"let x = 1\n\n{code}").defined


def test_code_and_prose_of_one_answer_are_told_apart() -> None:
    code, prose = split_answer("You need a fold here:\n\n```jsonnet\nstd.foldl(f, a, 0)\n```\n\nThe `init` is the accumulator.")
    assert [(piece.text.strip(), piece.language) for piece in code] == [("std.foldl(f, a, 0)", "jsonnet"), ("init", None)]
    assert "accumulator" in prose
    assert "foldl" not in prose


def test_a_variable_named_a_makes_no_prose() -> None:
    assert not is_prose("instance Semigroup Largest where\n  Largest a <> Largest b = Largest (a `max` b)")
    assert is_prose("That is a sort of a list.")


def test_the_language_of_a_fence_is_used_where_pygments_knows_it() -> None:
    # In Python `//` divides; by the general rule it begins a comment.
    assert "math.floor" in terms_of("```python\nx = 7 // math.floor(y)\n```").qualified
    assert "math.floor" not in terms_of("x = 7 // math.floor(y)").qualified
    # Its lexer calls atoms and operators of Prolog strings.
    terms = terms_of("```prolog\np(X) :- ( open(X, read, 'kept out') -> true ; fail ).\n```")
    assert {"read", "true", "->"} <= terms.names | terms.symbols
    assert "kept" not in terms.names


def test_words_of_passages_stand_with_and_without_their_marks() -> None:
    assert {"empty?", "empty", "foldl'", "runs-on"} <= words_in("Is it empty? See foldl' and runs-on.")
    assert {"string->list", "let*", "exn:fail?", "bytes=?"} <= words_in("(let* ([l (string->list s)]) exn:fail? bytes=?)")
    assert "srfi-1" in words_in("(srfi srfi-1)")
    assert "n-1" not in words_in("n-1")
    assert symbols_in("a $ b ⍴ c -o out") == {"$", "⍴", "-o"}


@given(st.text())
def test_any_text_has_terms(text: str) -> None:
    terms = terms_of(text)
    assert not terms.defined & (terms.names | terms.symbols)


@pytest.mark.parametrize("word", ["b" * 200_000, "aB3" * 70_000])
def test_a_very_long_word_is_read_once(word: str) -> None:
    # Such as a picture in base64. Looked at from each of its characters on, it would take an hour.
    assert word in terms_of(f"let picture = show({word})").names
    assert is_prose(f"The picture is {word} and this is a sentence about it, which is written in plain words.")
    assert "b64" not in terms_of(f"case {word} {{ 0b64 -> 1 }}").defined
