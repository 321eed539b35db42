"""Terms and support: what counts, where it stands, how it is weighed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.errors import SettingsError
from tracegen.records import Chunk, Message, Row, Trace
from tracegen.traces.support import MENTIONED, Support, Vocabulary, passage_of, rate, shows, support_of
from tracegen.traces.terms import code_of, terms_of
from tracegen.traces.vocabulary import explains


def chunk(path: str, headings: tuple[str, ...], text: str) -> Chunk:
    return Chunk(id="0" * 16, path=path, title=headings[0], headings=headings, text=text, start_line=1, end_line=2)


VOCABULARY = Vocabulary(
    [
        chunk("std/arrays.md", ("Arrays", "std.foldl"), "`std.foldl(func, arr, init)` goes through the array."),
        chunk("std/arrays.md", ("Arrays", "std.map"), "`std.map(func, arr)` calls the function. See `std.foldl`."),
        chunk("gleam/list.md", ("gleam/list", "fold"), "pub fn fold(over list: List(a)) -> a"),
        chunk("language/objects.md", ("Objects",), "`a +: b` merges; `self` is the object itself."),
    ]
)


def support(output: str, prompt: str = "", *shown: str) -> Support:
    return rate(output, passage_of(prompt), [passage_of(text) for text in shown], VOCABULARY)


def statuses(rated: Support) -> dict[str, str]:
    return {term.text: term.status for term in rated.terms}


def test_strings_comments_and_numbers_hold_no_terms() -> None:
    terms = terms_of("local x = std.map('std.foldl', 12) // std.join\n/* std.sort */ 'it\\'s' |||\n  std.lines\n|||")
    assert terms.qualified == {"std.map"}
    assert "x" not in terms.names


def test_what_the_output_defines_is_no_term() -> None:
    code = "fn area(width, height) { let total = width * height\n total }\nfield: area(1, 2)"
    assert not {"area", "width", "height", "total", "field"} & terms_of(code).names


def test_operators_and_flags_are_terms_unless_every_language_has_them() -> None:
    terms = terms_of("a |> b == c && d +: e --tla-str")
    assert terms.symbols == {"|>", "+:", "--tla-str"}


def test_of_an_answer_with_fences_the_code_counts() -> None:
    assert code_of("Use `std.map`:\n\n```jsonnet\nstd.foldl(f, a, 0)\n```\nand enjoy").split() == [
        "std.foldl(f,", "a,", "0)", "std.map",
    ]  # fmt: skip


def test_each_term_is_given_shown_documented_or_undocumented() -> None:
    output = "std.foldl(f, std.map(g, a), std.madeUp(self))"
    rated = support(output, "use std.foldl", "`std.map(func, arr)` calls")
    assert statuses(rated) == {
        "std.foldl": "given", "std.map": "shown", "self": "documented", "std.madeUp": "undocumented",
    }  # fmt: skip


def test_the_formula() -> None:
    rated = support("std.foldl(x, std.map(y, z), std.madeUp())", "", "`std.map(func, arr)`")
    foldl, mapped, made_up = math.log1p(4 / 2), math.log1p(4 / 1), math.log1p(4 / 1)
    assert rated.support == pytest.approx(mapped / (mapped + foldl + made_up))
    assert rated.retrievable == pytest.approx(mapped / (mapped + foldl))


def test_rare_terms_weigh_more() -> None:
    weights = {term.text: term.weight for term in support("std.foldl(x, std.map(y, z), 1)").terms}
    assert weights["std.map"] > weights["std.foldl"]


def test_a_qualified_name_is_shown_below_the_heading_of_its_module() -> None:
    shown = passage_of("pub fn fold(over list) -> a", "gleam/list.md", ("gleam/list > fold",))
    elsewhere = passage_of("pub fn fold(over dict) -> a", "gleam/dict.md", ("gleam/dict > fold",))
    for passage, status in ((shown, "shown"), (elsewhere, "documented")):
        rated = rate("import gleam/list\nlist.fold(x, 0, f)", passage_of(""), [passage], VOCABULARY)
        assert statuses(rated)["list.fold"] == status


def test_a_mention_in_passing_counts_half_where_the_documentation_explains_the_term() -> None:
    mentioned = support("std.foldl(x, y, z)", "", "There is more in the lists: `std.map`, `std.foldl`.")
    assert [(term.status, term.share) for term in mentioned.terms] == [("shown", MENTIONED)]
    assert mentioned.support == mentioned.retrievable == MENTIONED
    explained = support("std.foldl(x, y, z)", "", "- `std.foldl(func, arr, init)` goes through the array")
    assert explained.support == 1


def test_a_mention_is_all_there_is_where_no_chunk_explains_the_term() -> None:
    vocabulary = Vocabulary([chunk("a.md", ("Page",), "More in the lists: `std.map`, `std.foldl`.")])
    rated = rate("std.foldl(x, y)", passage_of(""), [passage_of("see `std.foldl`, too")], vocabulary)
    assert rated.support == 1


@pytest.mark.parametrize(
    ("text", "heading", "explained"),
    [
        ("| `std.map(f, arr)` | each element |", "", True),
        ("**`std.map(func, arr)`**", "", True),
        ("x std.map y\nx std.map y\nx std.map y", "", True),
        ("x std.map y\nx std.map y", "", False),
        ("See also `std.map`.", "", False),
        ("See also `std.map`.", "Arrays > std.map", True),
        ("See also `std.mapWithKey`.", "Arrays > std.mapWithKey", False),
    ],
)
def test_what_explains_a_name(text: str, heading: str, explained: bool) -> None:
    assert explains(passage_of(text, "", (heading,)), "std.map", "qualified") is explained


def test_below_its_module_a_name_is_code_and_not_a_word_of_prose() -> None:
    page = ("std/arrays.md", ("Arrays",))
    assert not shows(passage_of("Use `std.map`; the length of the result is the same.", *page), "std.length", "qualified")
    assert shows(passage_of("Then `length(arr)` of the result.", *page), "std.length", "qualified")
    assert not shows(passage_of("Then `string.length(arr)`.", *page), "std.length", "qualified")


def test_rare_words_of_prose_are_terms() -> None:
    chunks = [chunk(f"{n}.md", (f"Page {n}",), "Plain text about nothing, hence short.") for n in range(40)]
    chunks.append(chunk("lazy.md", ("Lazy evaluation",), "A field is evaluated lazily.\n\nHence laziness costs nothing."))
    vocabulary = Vocabulary(chunks)
    output = "Fields are evaluated lazily, hence the text about an unused field is never a problem."
    rated = rate(output, passage_of("when is a field computed?"), [], vocabulary)
    assert statuses(rated) == {"evaluated": "documented"}
    shown = rate(output, passage_of(""), [passage_of("Of laziness", "", ("Lazy evaluation",))], vocabulary)
    assert [(term.text, term.kind, term.share) for term in shown.terms] == [("evaluated", "word", 1)]


def test_what_earlier_turns_say_is_given() -> None:
    messages = (
        Message(role="user", content="join them"),
        Message(role="assistant", content="std.map(f, a)"),
        Message(role="user", content="now fold them"),
        Message(role="assistant", content="std.foldl(f, std.map(g, a), 0)"),
    )
    trace = Trace(hops=(), ended="no_calls", model="m")
    rated = support_of(Row(id="r", line=1, messages=messages), trace, VOCABULARY)
    assert statuses(rated) == {"std.map": "given", "std.foldl": "documented"}


def test_keys_of_configuration_are_terms_and_fields_of_a_program_are_not() -> None:
    vocabulary = Vocabulary([chunk("ci.md", ("Workflows",), "```yaml\njobs:\n  x:\n    runs-on: y\n```")])
    rated = rate("jobs:\n  mine:\n    runs-on: here\n", passage_of(""), [], vocabulary)
    assert statuses(rated) == {"jobs": "documented", "runs-on": "documented"}


def test_a_field_of_the_outputs_own_is_not_undocumented() -> None:
    assert statuses(support("{ total: 3, half: self.total }")) == {"self": "documented"}


def test_a_field_that_the_library_has_too_is_the_librarys_below_its_name() -> None:
    vocabulary = Vocabulary(
        [
            chunk("std/arrays.md", ("Arrays", "std.avg"), "`std.avg(arr)` is the mean."),
            chunk("objects.md", ("Objects",), "```\n{ x: 1, y: self.x }\n```"),
        ]
    )
    rated = rate("{ avg: std.avg([1]), x: 2, z: self.x }", passage_of(""), [], vocabulary)
    assert statuses(rated) == {"std.avg": "documented", "self": "documented"}


def test_a_name_of_several_parts_is_one_where_the_documentation_has_it_and_its_parts_where_they_stand_alone() -> None:
    vocabulary = Vocabulary([chunk("hash.html", ("(hash-update hash key)",), "See `hash`, `set-box!` and `first`: rest:bits")])
    rated = rate("(hash-update (hash) (first-time x)) <<rest:bits>> set-box!", passage_of(""), [], vocabulary)
    assert set(statuses(rated)) == {"hash-update", "hash", "first", "set-box!"}


def test_a_function_of_a_module_before_a_colon_is_shown_on_the_page_of_the_module() -> None:
    passage = passage_of("foldl(Fun, Acc0, List) -> Acc1", "lists.html", ("lists", "foldl(Fun, Acc0, List) -> Acc1"))
    assert explains(passage, "lists:foldl", "qualified")
    vocabulary = Vocabulary([chunk("lists.html", ("lists", "foldl(Fun, Acc0, List)"), "See lists:map/2.")])
    rated = rate("lists:foldl(F, 0, L), lists:fold(F), {a:lists(1)}", passage_of(""), [], vocabulary)
    assert statuses(rated) == {"lists:foldl": "documented", "lists:fold": "undocumented", "lists": "documented"}


def test_a_method_of_a_qualified_name_is_not_one_name_with_it() -> None:
    known = Vocabulary(
        [chunk("io.md", ("io", "io.stderr"), "`io.stderr` is a file."), chunk("io.md", ("io", "file:write"), "x")]
    )
    rated = rate("io.stderr:write('x')", passage_of(""), [], known)
    assert statuses(rated) == {"io.stderr": "documented", "write": "documented"}


def test_files_are_no_names() -> None:
    known = Vocabulary([chunk("a.md", ("add_program",), "`add_program(demo main.c)`, and `data.json` too, `data.load`")])
    rated = rate("add_program(tool main.c my.cpp data.json)", passage_of(""), [], known)
    assert set(statuses(rated)) == {"add_program"}


def test_what_is_called_may_be_documented_in_the_other_case() -> None:
    vocabulary = Vocabulary([chunk("sql.html", ("NULLIF",), "`NULLIF(value1, value2)` and `lower`, `URL`")])
    rated = rate("SELECT nullif(url, LOWER(a))", passage_of(""), [], vocabulary)
    assert statuses(rated) == {"NULLIF": "documented", "lower": "documented"}


def test_short_flags_that_stand_together_are_those_that_the_documentation_has() -> None:
    vocabulary = Vocabulary([chunk("set.rst", ("set",), "**-g** or **-x**: global, exported. `test -ne`, `-n`, `-e`")])
    rated = rate("set -gx EDITOR vi\ntest -ne 1 2", passage_of(""), [], vocabulary)
    assert {term.text for term in rated.terms if term.kind == "symbol"} == {"-g", "-x", "-ne"}


def test_an_output_that_needs_nothing_has_no_support() -> None:
    rated = support("{ a: 1 }", "an object with a")
    assert (rated.support, rated.retrievable) == (None, None)


def test_a_lexer_of_the_language_may_be_named() -> None:
    assert terms_of("local x = std.map(# std.foldl\n 1)", "jsonnet").qualified == {"std.map"}
    with pytest.raises(SettingsError, match="knows no language 'zorp'"):
        terms_of("x", "zorp")


def test_a_single_character_counts_where_it_is_marked_and_is_shown_where_it_stands_in_code() -> None:
    vocabulary = Vocabulary([chunk("a.md", ("Format",), "The operator `%` formats."), chunk("b.md", ("B",), "50 & 20")])
    rated = rate("a % b & c", passage_of(""), [passage_of("```\nx % y\n```")], vocabulary)
    assert statuses(rated) == {"%": "shown"}
    assert not shows(passage_of("20 % of `code`"), "%", "symbol")


@given(st.text("`~\nab$%⍴ -.:|*#_'"), st.text("ab$%.-⍴"))
def test_any_passage_can_be_read(text: str, heading: str) -> None:
    passage = passage_of(text, "a.md:1-2", (heading,))
    for name in passage.words:
        assert shows(passage, name, "name")
    assert all(shows(passage, symbol, "symbol") for symbol in passage.symbols)


@given(st.text(), st.text(), st.text())
def test_any_text_has_a_support_between_0_and_1_and_all_of_it_is_1(output: str, prompt: str, shown: str) -> None:
    rated = support(output, prompt, shown)
    assert rated.support is None or 0 <= rated.support <= 1
    assert all(term.weight >= 0 for term in rated.terms)
    whole = [passage_of(f"{term.text}") for term in rated.terms if term.status != "given"]
    again = rate(output, passage_of(prompt), whole, VOCABULARY)
    assert again.support in (None, 1.0) or again.of("documented") or again.of("undocumented")


ADD_AND_COUNT = """### **add**(item)

Appends it.

### **count**

The number of them.

```
# removed is a comment
xs.add(1)
```"""
MANUAL = Vocabulary(
    [
        chunk("core/list.md", ("List class", "Methods"), ADD_AND_COUNT),
        chunk("core/sequence.md", ("Sequence class", "map(change)"), "Goes through it. `parts.split(sign)` makes it."),
        chunk("people.md", ("People",), "`person.name` is a field, `Random.new()` is not."),
    ]
)


def needs(output: str) -> dict[str, str]:
    return statuses(rate(output, passage_of(""), [], MANUAL))


def test_methods_of_values_are_needed_whatever_the_value_is() -> None:
    body = "book.title.split(1)\n    _books.add(book)\n    book.reads(1)\n    return _books.count"
    assert needs(f"class Shelf {{\n  put(book) {{\n    {body}\n  }}\n}}").keys() == {"split", "add", "count"}


def test_fields_and_methods_of_ones_own_are_not_needed() -> None:
    assert not needs("class Shelf {\n  name(book) {\n    person = book\n    person.name\n    person.removed\n  }\n}")


COUNTING = Vocabulary(
    [
        chunk(
            "tables.html", ("std/tables", "proc inc(t: var Table; key: K)"), "```\nresult = start()\nresult.fill(1)\nit.go\n```"
        ),
        chunk("json.html", ("json", "json.parse(text)"), "Reads. `for node in json.parse(text)` shows `node.kind`."),
        chunk(
            "guide.md", ("Guide", "decode"), "The other way. See `host.look(x)`.\n\n```\nimport web/pages\n\npages.show(1)\n```"
        ),
    ]
)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("result.inc(word)", {"inc": "documented"}),
        ("it.inc(word)", {"inc": "documented"}),
        ("it.inc word", {"inc": "documented"}),
        # Fields and methods of values that examples have, too.
        ("node.left(word)", {}),
        ("result.total", {}),
        # What the documentation has for a module has no such name.
        ("json.decode(word)", {"json.decode": "undocumented"}),
        ("tables.decode(word)", {"tables.decode": "undocumented"}),
        ("pages.decode(word)", {"pages.decode": "undocumented"}),
        ("host.find(word)", {"host.find": "undocumented"}),
        ("import it\nit.inc(word)", {"it.inc": "undocumented"}),
    ],
)
def test_a_module_is_what_the_documentation_has_for_one(output: str, expected: dict[str, str]) -> None:
    found = statuses(rate(output, passage_of("use up a word of it"), [], COUNTING))
    values = {"result", "node", "word", "it", "import"}
    assert {name: status for name, status in found.items() if name not in values} == expected


@pytest.mark.parametrize(
    ("text", "heading", "shown"),
    [
        ("They do not take a value, as `drop` does.", "", False),
        ("Nor do they take one.", "", False),
        ("Then `take(2, xs, ys)` of it.", "", True),
        ("Then take(2, xs, ys).", "", True),
        ("See take/3 and drop/3.", "", True),
        ("Then `take` them.", "", True),
        ("```\nys = take 2 xs\n```", "", True),
        ("(take xs 2)", "", True),
        ("The first ones.", "take", True),
    ],
)
def test_what_is_called_is_shown_by_a_name_and_not_by_the_word(text: str, heading: str, *, shown: bool) -> None:
    known = Vocabulary([chunk("lists.md", ("Lists", "take(N, Xs, Ys)"), "The first ones.")])
    rated = rate("head(L, R) :- take(2, L, R).", passage_of(""), [passage_of(text, "", (heading,))], known)
    assert statuses(rated)["take"] == ("shown" if shown else "documented")


def test_a_call_of_what_the_documentation_has_as_a_word_alone_is_undocumented() -> None:
    known = Vocabulary([chunk("a.md", ("Options",), "They do not take a value.")])
    assert statuses(rate("head(L, R) :- take(2, L, R).", passage_of(""), [], known)) == {"take": "undocumented"}
    # So it is where passages have code, too, so that their prose is known as such.
    known = Vocabulary([chunk("a.md", ("Options",), "They do not take a value: `--fast`.")])
    assert statuses(rate("head(L, R) :- take(2, L, R).", passage_of(""), [], known)) == {"take": "undocumented"}


def test_what_is_not_called_is_known_by_the_word() -> None:
    known = Vocabulary([chunk("a.md", ("Options",), "They do not take a value.")])
    # It may be a keyword, or a command.
    assert statuses(rate("value = 1\nx = take", passage_of(""), [], known)) == {"take": "documented"}


def test_what_an_import_brings_from_elsewhere_is_undocumented() -> None:
    assert needs('import "tools" for Texts\n\nx = Texts.loud(y)') == {"Texts.loud": "undocumented"}


@pytest.mark.parametrize(
    "heading",
    [
        "func deduplicate(s)",
        "proc deduplicate[T](xs: openArray[T]): seq[T] {.inline.}",
        "def deduplicate(xs)",
        "`pub fn deduplicate(xs: List(a)) -> List(a)`",
        "public static deduplicate: List",
        "let deduplicate = function",
        "type deduplicate",
    ],
)
def test_a_heading_that_declares_documents_what_it_declares(heading: str) -> None:
    known = Vocabulary([chunk("seqs.html", ("Sequences", heading), "Without repetitions. `xs.deduplicate()` makes it.")])
    alone = heading == "type deduplicate"  # may as well be words, as `function composition` is
    assert known.has_member("deduplicate", called=False) is not alone
    assert not known.has_member(heading.strip("`").split()[0], called=False) or alone


def test_a_heading_that_begins_as_a_declaration_does_may_be_words() -> None:
    known = Vocabulary([chunk("a.md", ("Guide", "function composition"), "x"), chunk("a.md", ("Guide", "class Shelf"), "x")])
    assert not known.has_member("composition", called=False)
    assert known.has_member("Shelf", called=False)


def test_a_method_below_a_declaration_is_needed() -> None:
    known = Vocabulary([chunk("seqs.html", ("Sequences", "func deduplicate(s)"), "Without repetitions.")])
    assert statuses(rate("xs = f(1)\nxs.deduplicate", passage_of(""), [], known)) == {"deduplicate": "documented"}


def test_each_section_of_a_chunk_documents_its_name() -> None:
    assert MANUAL.knows("count")
    assert MANUAL.has_member("count", called=False)
    assert not MANUAL.has_member("removed", called=False)
