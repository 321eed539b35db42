"""The built-in researcher: what it asks, and when it stops."""

import ast
import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracegen.teacher
from tracegen.records import Response, Usage
from tracegen.teacher.conversation import Conversation
from tracegen.teacher.further import nearby
from tracegen.teacher.messages import errors_in
from tracegen.teacher.names import language_of, names_met, passages_of
from tracegen.teacher.operations import OPERATIONS, operations_in
from tracegen.teacher.phrases import explained_in, phrases_in
from tracegen.teacher.reading import clauses_of, read_prompt
from tracegen.teacher.researcher import Researcher
from tracegen.teacher.wording import is_repeated, with_articles
from tracegen.teacher.words import stem, stems_of

SYSTEM = "You write Quill. Answer with one complete program and nothing else."
EXERCISE = """# Introduction

You bought a box of old radios at a garage sale.

# Instructions

Given a list of words, count how many words start with each letter.
Sort the letters alphabetically and return them with their counts, separated by commas.
If a word is empty, return an error.

```quill
pub fn tally(words: List(String)) -> Result(String, Nil) {
  todo
}
```
"""

DISCARDED = "expression of type int has to be used (or discarded)"

Search = Callable[[str], str]


def conversation(prompt: str, system: str = SYSTEM) -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": prompt}]


def reply(messages: Sequence[Mapping[str, Any]], *, tool_choice: str | None = "auto", max_queries: int = 6) -> Response:
    return asyncio.run(Researcher(max_queries=max_queries).reply(messages, [], tool_choice))


def hop(query: str, returned: str) -> list[dict[str, Any]]:
    function = {"name": "search_docs", "arguments": json.dumps({"query": query})}
    return [
        {"role": "assistant", "content": "", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "call_1", "content": returned},
    ]


def query_of(response: Response) -> str:
    (call,) = response.calls
    assert call.name == "search_docs"
    arguments = json.loads(call.arguments)
    assert list(arguments) == ["query"]
    return str(arguments["query"])


def research(messages: list[dict[str, Any]], search: Search, max_queries: int = 6) -> list[str]:
    """Run the loop to its end and return the queries."""
    messages = list(messages)
    queries: list[str] = []
    for _ in range(max_queries + 1):
        response = reply(messages, max_queries=max_queries)
        if not response.calls:
            assert response.content
            return queries
        queries.append(query_of(response))
        messages += hop(queries[-1], search(queries[-1]))
    raise AssertionError("the research did not end")


def something_new(query: str) -> str:
    """Answer every query with a passage of its own."""
    return f"[1] guide/{stem(query.split()[-1])}-{len(query)}.md:1-9 Guide > About {query}\nSome text."


def passage(place: str, headings: str, text: str) -> str:
    return f"[1] {place} {headings}\n{text}"


def test_a_request_becomes_several_different_queries_in_its_own_words() -> None:
    queries = research(conversation(EXERCISE), something_new)

    assert 4 <= len(queries) <= 6
    assert len({query.lower() for query in queries}) == len(queries)
    assert not any(is_repeated(query, queries[:n], "Quill") for n, query in enumerate(queries))
    assert all(len(query.split()) <= 12 for query in queries)
    assert any("count" in query for query in queries)
    assert not any(word in " ".join(queries) for word in ("garage", "radio", "tally"))


def test_a_short_simple_request_gets_few_queries() -> None:
    queries = research(conversation("sort an array of objects by a field"), something_new)

    assert "sort an array of objects by a field" in queries[0]
    assert 2 <= len(queries) <= 3


@pytest.mark.parametrize(
    ("prompt", "first"),
    [
        ("How do I format a number with two decimals?", "how to format a number with two decimals"),
        ("Is it possible to emit XML from Quill? I need a string.", "how to emit XML from Quill"),
        ("hi! is there a raw string literal?", "raw string literal"),
        ("what does +: do", "what does `+:` do"),
        ("It fails with RUNTIME ERROR: field does not exist: port\n\tmain.q:3:37", "error: field does not exist"),
        ('"max stack frames exceeded" - why??', "error: max stack frames exceeded"),
        ("It says 'attempt to compare nil with number':\n```quill\nx > 1\n```", "error: attempt to compare nil with number"),
        ("I get the error: Quill: type error: undefined identifier `alldiff'", "error: undefined identifier"),
        ("error: expression 'add2(3)' of type 'int' has to be used (or discarded)", f"error: {DISCARDED}"),
        (f"Why do I get \"Error: expression 'add2(3)' of type 'int' {DISCARDED[23:]}\"?", f"error: {DISCARDED}"),
        (
            'It crashes with "Error: unhandled exception: key not found: bob [KeyError]":\nf("bob")',
            "error: key not found [KeyError]",
        ),
        ("Fix: type mismatch: got 'string' for 'x' but expected 'int'", "error: type mismatch got string but expected int"),
        (
            'I get "No permission to modify static procedure `count/1`" when I call it',
            "error: no permission to modify static procedure",
        ),
        ('I get the message "Arguments are not sufficiently bound". Why?', "error: arguments are not sufficiently bound"),
        ("ERROR: /home/u/a.q:12:5: catch/3: Unknown procedure: foo/2", "error: unknown procedure"),
        (
            "Warning: Clauses of go/0 are not together in the file. How do I fix it?",
            "warning: clauses are not together in the file",
        ),
        ("ValueError: invalid literal for number 12: 'abc'", "ValueError: invalid literal for number"),
        ("error[E12]: cannot borrow `x` as mutable, why?", "error: cannot borrow as mutable"),
        ("panicked at src/main.q:4:5: index out of bounds: the len is 3 but the index is 5", "error: index out of bounds"),
        ('How do I split a string like "a,b,c" at the commas and get pieces?', "how to split a string at the commas"),
        ('How do I count the characters of "naïve café"? Bytes are no good.', "how to count the characters"),
        (
            "How do I require that exactly 3 of the guests sit together?",
            "how to require that exactly 3 of the guests sit together",
        ),
        ("Explain what metatables are and what __index does.", "what are metatables"),
        ("Explain by example: sort the names of a list.", "sort the names of a list"),
        ("Can you explain lazy, strict and by-need parameters?", "lazy strict and by-need parameters"),
        ("What is the difference between `soft_max` and `soft_min`?", "what is the difference between soft_max and soft_min"),
        ("Use the soft_max constraint to count equal pairs", "soft_max example"),
    ],
)
def test_what_is_asked_outright_is_asked_first(prompt: str, first: str) -> None:
    assert query_of(reply(conversation(prompt))) == first


@pytest.mark.parametrize(
    "sentence", ["Explain what it does and why.", "explain what that means", "Please explain what all of this does."]
)
def test_what_only_points_at_something_is_not_explained(sentence: str) -> None:
    assert explained_in(sentence) == []


@pytest.mark.parametrize(
    ("prompt", "ask"),
    [
        ("Filter it: even on error the file is closed", "check if a number is even or odd"),
        ("Check whether a number is whole", "loop with the index of each element"),
        ("What is the difference between pairs and ipairs?", "absolute value of a number"),
        ("Write a function that splits a string and returns a table of the pieces", "return a function from a function"),
        ("Give it its include folder, and include the headers", "check if a list contains a value"),
        ("set bit 3 of the flags", "check if a value is in a set"),
        ("Run a script before the build", "fold a list into one value"),
        ("A bit of background: nobody else knows it", "bitwise operations"),
        ("Accounts are used from multiple threads in multiple ways", "remainder of an integer division"),
        ("The word is made up of one or more letters", "guards in a case expression"),
        ("A bit of background: nobody else knows it", "if, else if and else"),
        ("I have already told you", "check if a value is in a set"),
        ("It says 'attempt to raise an invalid signal', why?", "return an error"),
        ("was ist die Summe der Zahlen", "return an error"),
        ("What does __index do?", "find the position of an element"),
        ("Write unit tests for a function that doubles its argument", "use the inherited value of a field"),
        ("Write unit tests for a function that doubles its argument", "replace part of a string"),
        ("Add the key unless there is an existing value", "use the inherited value of a field"),
        ("The number of days between two dates", "number of elements of a list"),
        ("How many days are between two dates?", "count elements that match a condition"),
        ("A type that owns an allocated buffer", "queue or stack"),
        ("Keep a priority queue of tasks", "queue or stack"),
        ("Keep a priority queue of tasks", "filter a list"),
        ("Build a JSON object with a nested list", "flatten a nested list"),
        ("A global counter, without assert", "assert a condition"),
        ("Do not use recursion: compute it", "recursive function"),
        ("The sum of squares", "raise a number to a power"),
        ("The even squares of 1..10", "raise a number to a power"),
        ("Write a predicate that prints a list", "anonymous function"),
        ("It sets the others to zero", "update a field of a record"),
        ("Count the words of a sentence", "join a list of strings with a separator"),
        ("A counter that survives restarts", "extend a nested object without replacing it"),
    ],
)
def test_everyday_words_are_no_operations(prompt: str, ask: str) -> None:
    asks = [operation.ask.replace("{list}", "list") for operation, _ in read_prompt(prompt).operations]

    assert ask in [operation.ask.replace("{list}", "list") for operation in OPERATIONS]
    assert ask not in asks


@pytest.mark.parametrize(
    "text",
    [
        "except KeyError: return the_default_value",
        "pub fn extract_error(problem: Result(a, b)) -> b {",
        '"INVALID" -> error',
        "I get no output when I run it",
        'Print "not a number" when it is not valid.',
        "Unknown letters should give an error that names the letter",
        "Invalid input returns an error: the string 'oops'",
    ],
)
def test_what_speaks_of_errors_quotes_none(text: str) -> None:
    assert errors_in(text) == []


def test_the_words_of_an_error_are_not_what_is_wanted() -> None:
    prompt = read_prompt('I get "cannot modify or discard the whole list": why?')

    assert [question.text for question in prompt.questions] == ["error: cannot modify or discard the whole list"]
    assert prompt.operations == ()


@pytest.mark.parametrize(
    ("prompt", "query"),
    [
        ("Keep a priority queue of tasks, the smallest comes first.", "priority queue"),
        ("How many days are there between 2023-01-15 and 2024-03-01?", "difference between two dates"),
        ("Write unit tests for a function that doubles its argument.", "unit tests"),
        ("A type that owns a buffer and frees it in its destructor", "destructor"),
    ],
)
def test_what_the_prompt_calls_the_thing_is_asked_first(prompt: str, query: str) -> None:
    assert query in query_of(reply(conversation(prompt)))


def test_what_is_refused_is_not_asked() -> None:
    for prompt in ("Don't use foldl. Add the numbers of a list up.", "Remove the duplicates without a loop, please"):
        queries = " ".join(research(conversation(prompt), something_new))

        assert "foldl" not in queries
        assert "loop" not in queries
    assert any("duplicates" in query for query in research(conversation("Sort it without duplicates"), something_new))


def test_a_good_query_is_not_followed_by_one_about_nothing() -> None:
    for prompt in (
        "How do I deep copy a table?",
        "Fix this code, it says 'cannot mix tabs and spaces'",
        "Wie kopiere ich das?",
    ):
        queries = research(conversation(prompt), something_new)

        assert len(queries) == 1, queries
        assert "syntax" not in queries[0]


def test_types_and_modules_of_a_stub_are_looked_up() -> None:
    prompt = (
        "Complete this:\n```quill\nimport quill/dict.{type Dict}\n\npub fn f(x: Dict(String, Int)) -> Int {\n  todo\n}\n```"
    )

    queries = research(conversation(prompt), something_new)

    assert any("quill/dict" in query or "Dict" in query for query in queries)


def test_names_in_pasted_code_are_looked_up() -> None:
    prompt = "make this shorter:\n```quill\nlocal a = core.mapWithKey(function(k, v) v, x);\ncore.foldl(f, a, 0)\n```"

    queries = research(conversation(prompt), something_new)

    assert any("core.mapWithKey" in query for query in queries)
    assert any("core.foldl" in query for query in queries)


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("I want the even squares of a range with filterIt and mapIt", ["filterIt", "mapIt"]),
        ("Sum of squares from 1 to N using foldl and numlist", ["foldl", "numlist"]),
        ("Collect the children using setof/3, please", ["setof/3"]),
        ("Add them up, but do not use foldl: use sumlist.", ["sumlist"]),
        ("Sort them with commas and spaces, using a loop or recursion", []),
        ("A tenant with maxItems 20 and one with darkMode: true", []),
        ("Shorten it, using sumAll:\n```quill\nfn sumAll(x)\n```", []),
    ],
)
def test_names_that_the_prompt_says_to_use_are_asked_first(prompt: str, names: list[str]) -> None:
    queries = research(conversation(prompt), something_new)

    assert list(read_prompt(prompt).used) == names
    assert all(name in query for name, query in zip(names, queries, strict=False))
    assert not any(query.endswith("module") for query in queries)


@pytest.mark.parametrize("mentioned", ["with `tally`", "with tabulate in two steps", "by tally_all"])
def test_what_the_prompt_mentions_and_the_documentation_has_as_a_name_is_asked(mentioned: str) -> None:
    name = mentioned.strip("`").removesuffix(" in two steps").split()[-1].strip("`")
    messages = conversation(f"Sort the words of a list, then count them {mentioned}.")
    messages += hop("sort a list", passage("a.md:1-9", f"Lists > [pure]core.{name}(+List, -Count)", "Text."))

    assert name in query_of(reply(messages))


def test_a_name_that_a_return_shows_is_followed_up() -> None:
    text = "Joining is the opposite of splitting.\n```quill\ncore.splitLimit('a b c', ' ', 1)\n```"
    heading = passage("core/strings.md:1-9", "Strings > core.join", text)
    messages = conversation("Split each line of the input at the first space, then join the words with commas.")
    messages += hop("how to split a string", heading) + hop("join strings", something_new("join strings"))

    assert "core.splitLimit" in query_of(reply(messages))


def test_a_name_that_has_nothing_to_do_with_the_prompt_is_not_followed_up() -> None:
    text = "```quill\ncore.arcTangent(1)\n```"
    heading = passage("core/strings.md:1-9", "Strings > core.join", text)

    queries = research(conversation(EXERCISE), lambda query: heading if "join" in query else something_new(query))

    assert not any("arcTangent" in query for query in queries)


def test_a_search_that_brings_nothing_new_is_said_in_other_words() -> None:
    seen = passage("core/arrays.md:1-9", "Arrays > core.sort", "Sorts.")
    messages = conversation(EXERCISE) + hop("sort a list", seen) + hop("filter the words", seen)

    query = query_of(reply(messages))

    assert query in {"select the words", "keep the words"}


def test_two_fruitless_searches_in_a_row_end_the_research() -> None:
    always_the_same = passage("core/arrays.md:1-9", "Arrays > core.sort", "Sorts.")

    queries = research(conversation(EXERCISE), lambda query: always_the_same)

    assert len(queries) == 3


@pytest.mark.parametrize("returned", ["", "Error: the index is closed.", "Nothing found."])
def test_returns_without_passages_neither_stop_nor_break_it(returned: str) -> None:
    assert len(research(conversation(EXERCISE), lambda query: returned)) >= 4


def test_it_stops_at_the_limit() -> None:
    assert len(research(conversation(EXERCISE * 3), something_new, max_queries=2)) == 2


def test_it_answers_with_text_where_no_call_is_allowed() -> None:
    response = reply(conversation(EXERCISE), tool_choice="none")

    assert response.calls == ()
    assert response.content


def test_it_costs_no_tokens() -> None:
    assert reply(conversation(EXERCISE)).usage == Usage(requests=1)


def test_the_same_messages_give_the_same_reply() -> None:
    messages = conversation(EXERCISE) + hop("sort a list", something_new("sort a list"))

    assert reply(messages) == reply(json.loads(json.dumps(messages)))
    assert research(conversation(EXERCISE), something_new) == research(conversation(EXERCISE), something_new)


def test_one_researcher_serves_many_rows_without_mixing_them() -> None:
    researcher = Researcher()

    async def both() -> list[Response]:
        prompts = ("reverse a string", "parse a YAML file", "reverse a string")
        return [await researcher.reply(conversation(prompt), [], "auto") for prompt in prompts]

    first, second, again = asyncio.run(both())
    assert first == again != second


def test_the_messages_are_not_changed() -> None:
    messages = conversation(EXERCISE) + hop("sort a list", something_new("sort a list"))
    before = json.dumps(messages)

    reply(messages)

    assert json.dumps(messages) == before


def test_it_knows_neither_index_nor_dataset() -> None:
    package = Path(tracegen.teacher.__file__).parent
    for module in ("messages", "names", "operations", "phrases", "reading", "researcher", "wording", "words"):
        tree = ast.parse((package / f"{module}.py").read_text(encoding="utf-8"))
        imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        ours = {name for name in imported if name.startswith("tracegen")}
        assert all(name == "tracegen.records" or name.startswith("tracegen.teacher.") for name in ours)


def test_a_turn_that_says_nothing_alone_is_read_with_the_turns_before() -> None:
    messages = [
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": "Sort the names and remove duplicates."},
        {"role": "assistant", "content": "local x = 1; x"},
        {"role": "user", "content": "thanks, and now the same for me"},
    ]

    assert any(word in query_of(reply(messages)) for word in ("sort", "duplicates"))


@pytest.mark.parametrize(
    "prompt",
    [
        "日本語の配列をソートして重複を取り除く方法を教えてください。",
        "Напиши функцию, которая сортирует массив объектов по полю name",
        "Ich brauche eine sortierte Liste aller Schlüssel eines Objekts, bitte.",
    ],
)
def test_other_languages_are_asked_in_their_own_words(prompt: str) -> None:
    assert query_of(reply(conversation(prompt))) in prompt


def test_what_is_understood_comes_before_another_language() -> None:
    named = "Schreibe eine Funktion, die mit `core.mapKeys()` eine Liste aller Werte umkehrt und sortiert"
    plain = "Schreibe eine Funktion, die eine Liste aller Werte umkehrt und doppelte Elemente entfernt"

    assert "core.mapKeys" in query_of(reply(conversation(named)))
    assert not any(query.startswith("Schreibe") for query in research(conversation(plain), something_new))


@pytest.mark.parametrize("prompt", ["", " ", "?", "\ud800", "hi", "```", "{}", "\x00"])
def test_a_prompt_without_words_gets_a_query_about_the_language(prompt: str) -> None:
    assert "Quill" in query_of(reply(conversation(prompt)))


@pytest.mark.parametrize(
    "messages", [[], [{"role": "user", "content": None}], [{"role": "user", "content": [{"text": "sort a list"}]}]]
)
def test_odd_conversations_get_a_query_too(messages: list[dict[str, Any]]) -> None:
    assert query_of(reply(messages))


def test_a_call_whose_arguments_cannot_be_read_is_passed_over() -> None:
    messages = conversation("sort a list") + hop("sort a list", "x")
    messages[2]["tool_calls"][0]["function"]["arguments"] = "{"

    assert query_of(reply(messages))


@given(
    prompt=st.text(alphabet=st.characters(exclude_categories=()))
    | st.text(alphabet="a.`{}()[]\n#:;,'\"->how to sort list error"),
    returned=st.text(max_size=200),
)
def test_any_prompt_gives_fit_queries_and_an_end(prompt: str, returned: str) -> None:
    answers = {0: returned, 1: f"[1] a.md:1-2 A > b.c\n{returned}"}

    for query in research(conversation(prompt), lambda query: answers[len(query) % 2]):
        assert query == query.strip()
        assert 0 < len(query) <= 200
        assert query.isprintable()
        query.encode()


@pytest.mark.parametrize("piece", ["(a", "\n", "a\n", "type A {\n", "how to ", "[a](", "{", "sort the list. ", '"', "x.y("])
def test_very_long_prompts_get_short_queries(piece: str) -> None:
    queries = research(conversation(piece * (50_000 // len(piece))), something_new)

    assert all(len(query) <= 120 for query in queries)


@pytest.mark.parametrize(
    ("system", "prompt", "language"),
    [
        ("You write Jsonnet. Answer with one program.", "", "Jsonnet"),
        ("You are a Gleam programming assistant.", "", "Gleam"),
        ("You answer questions about Kubernetes.", "", "Kubernetes"),
        ("Ask one thing at a time. Read what comes back.", "Write it in Elm, please", "Elm"),
        ("You write SWI-Prolog.", "", "SWI-Prolog"),
        ("", "nothing to go on", ""),
    ],
)
def test_the_language_is_recognised(system: str, prompt: str, language: str) -> None:
    assert language_of(system, prompt, (), []) == language


def test_the_language_is_recognised_from_the_fences_of_returns() -> None:
    passages = passages_of(passage("a.md:1-2", "Why Quill", "```quill\nx\n```\n```json\n{}\n```"))

    assert language_of("", "", (), passages) == "Quill"


def test_passages_and_their_names_are_read_from_a_return() -> None:
    returned = (
        "[1] std/arrays.md:41-63 Arrays > std.foldl\n`std.foldl(func, arr, init)`, see `std.foldr` and config.json\n\n"
        "[2] lib/list.md:1-9 quill/list > fold\n```quill\nuser.name |> list.map(f)\n```"
    )
    passages = passages_of(returned)

    assert [p.place for p in passages] == ["std/arrays.md:41-63", "lib/list.md:1-9"]
    met = {name.name: name.documented for name in names_met(passages)}
    assert met == {"std.foldl": True, "std.foldr": False, "list.fold": True, "list.map": False}


def test_operations_are_recognised_by_general_words() -> None:
    asks = {operation.ask for operation in operations_in(stems_of("Count how often each letter occurs, ignoring case."))}

    assert {"count how often each element occurs", "convert a string to lowercase"} <= asks
    assert all(operation.ask and operation.signs and operation.weight > 0 for operation in OPERATIONS)


@pytest.mark.parametrize(
    ("sentence", "phrase"),
    [
        ("Please write me a function that joins strings with a comma.", "join strings with a comma"),
        ("The names have to be sorted by length", "sort by length"),
        (
            "Your task is to convert a number to a string of digits, as the wizard said.",
            "convert a number to a string of digits",
        ),
    ],
)
def test_phrases_are_whole(sentence: str, phrase: str) -> None:
    assert phrase in [found.text for found in phrases_in(sentence, strict=False)]


@pytest.mark.parametrize(
    "sentence",
    ["Give the extra cookie to someone in the queue.", "You find it.", "Take the", "Sort it and", "Make every wizard happy"],
)
def test_stories_and_fragments_are_no_phrases(sentence: str) -> None:
    assert phrases_in(sentence, strict=True) == []


@pytest.mark.parametrize(
    ("prompt", "query"),
    [
        ("The three best paid people of each department from employees", "The three best paid people of each department"),
        ("With mapAccumL, please", "mapAccumL"),
        ("We had something once. The three best paid people of them", "The three best paid people of them"),
        (
            "Minimal Build.txt for a program of main.cpp and util.cpp",
            "Minimal Build.txt for a program of main.cpp and util.cpp",
        ),
        ("Fetch the thing from git at tag v1.14.0 and link it with the other one", "Fetch the thing from git at tag v1.14.0"),
        ("the flags -Wall and -Wextra for gcc alone", "the flags -Wall and -Wextra for gcc alone"),
        ("A tiny vector with + and == and a nice form", "A tiny vector"),
        ("I want the even squares of 1..10, please", "the even squares of 1..10"),
        ("Make a module stack exporting push/3, pop/3 and empty/1.", "make a module stack exporting"),
        ("Take a thing like foo(a,b,c) apart, and build it again.", "Take a thing apart"),
    ],
)
def test_what_speaks_of_no_operation_is_asked_as_it_stands(prompt: str, query: str) -> None:
    assert query_of(reply(conversation(prompt))) == query


def test_a_row_of_dots_is_read_once() -> None:
    # Looked at from each of its dots on, it would take hours.
    assert clauses_of("." * 1_000_000 + "x") == []
    assert clauses_of("sort the list... print the sum") == ["sort the list", "print the sum"]


def test_code_and_prose_are_told_apart() -> None:
    prompt = read_prompt("Fix this please:\n\nlocal x = { a: 1 };\nx.a\n\n```quill\nlet y = 2\n```\nIt must return a list.")

    assert "must return a list" in prompt.prose
    assert "let y" not in prompt.prose
    assert "local x" not in prompt.prose
    assert prompt.labels == ("quill",)


def test_articles_follow_their_words() -> None:
    assert with_articles("a array and an list of a one and a object") == "an array and a list of a one and an object"


@pytest.mark.parametrize(
    ("headings", "first"),
    [
        ("Manual > 6.4 – String handling > string.rep (s, n [, sep])", "string handling"),
        ("Manual > 6.4 – String Handling", "String Handling"),
        ("quill/list > fold", "quill/list functions"),
        ("Manual > CMD_LINE > x", "CMD_LINE"),
        ("predicate count(array[int] of int: x);", "count"),
        ("predicate count (array[int] of int: x)", "count"),
        ("insert (list, [pos,] value)", "insert"),
        ("Manual > Getting started (Windows)", "Getting started (Windows)"),
        ("Manual > Regular expressions (PCRE)", "Regular expressions (PCRE)"),
        ("[det]must_be(+Type, @Term)", "must_be"),
        ("[ISO]?Term =.. ?List", "=.. operator"),
        ("[semidet, multi]element(X, List)", "element"),
        ("Manual > Files -- Folders", "Files -- Folders"),
        ("std/count_fn.q", "count_fn"),
        ("settings.json", "settings"),
        ("std.foldl", "std.foldl"),
        ("string.len", "string.len"),
        ("Array.push", "Array.push"),
        ("Node.js", "Node.js"),
        ("--json [FILE], -j", "--json"),
        ("pack [cx] FILE [<options>]", "pack"),
        ("Changes in version 2", None),
        ("Releases > 1.4.0 (May)", None),
        ("Example", None),
    ],
)
def test_what_stands_nearby_is_asked_by_its_subject(headings: str, first: str | None) -> None:
    messages = conversation("hello there") + hop("x", passage("a.md:1-2", headings, "Text."))

    assert next(nearby(Conversation(messages)), None) == first


def test_a_prompt_that_gives_one_query_is_looked_up_where_that_has_led() -> None:
    pages = [
        passage("a.md:1-2", "Manual > Weather", "Text."),
        passage("b.md:1-2", "Manual > Releases > circuits in 1.4.0", "Text."),
        passage("c.md:1-2", "Manual > circuit(array[int] of var int: x)", "Text."),
    ]
    asked = conversation("Find a Hamiltonian circuit") + hop("Find a Hamiltonian circuit", "\n\n".join(pages))

    assert query_of(reply(asked)) == "circuit"
    assert reply(conversation("Find it") + hop("find it", pages[0])).calls == ()


@pytest.mark.parametrize(
    ("query", "repeated"), [("sort a list", True), ("sort a list of numbers by size", False), ("list.sort", False)]
)
def test_a_part_of_what_was_asked_is_asked_already(query: str, repeated: bool) -> None:
    assert is_repeated(query, ["how to sort a list by a key or a custom order"], "Quill") is repeated
