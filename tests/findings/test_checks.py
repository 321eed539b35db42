"""Each check strikes where it should and nowhere else; no JSON value is too strange."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.findings import rows_of_checks
from tracegen.findings import CHECKS, check_row
from tracegen.findings.search import VERY_LONG_TOKENS
from tracegen.traces.chat import estimate_tokens, quoted, read_chat, split_passages, visible

SCHEMA = {
    "type": "object",
    "properties": {"query": {"type": "string"}, "k": {"type": "integer"}},
    "required": ["query"],
    "additionalProperties": False,
}
TOOLS = [{"type": "function", "function": {"name": "search_docs", "description": "Search.", "parameters": SCHEMA}}]
SYSTEM = {"role": "system", "content": "You write Zorp."}
USER = {"role": "user", "content": "Print 1 to 3."}
OUTPUT = {"role": "assistant", "content": "loop i from 1 to 3 {\n  emit i\n}"}
LOOPS = "[1] zorp/loops.md:3-9 Loops > Counting\nA loop is written loop VAR from A to B."
EMIT = "[1] zorp/emit.md:1-4 Output\nemit EXPR writes a value."


def call(query: Any = "loop syntax", call_id: str | None = "call_a", name: str = "search_docs", **more: Any) -> dict[str, Any]:
    """Return a call in OpenAI's shape."""
    function = {"name": name, "arguments": json.dumps({"query": query, **more})}
    return {"type": "function", "function": function} | ({"id": call_id} if call_id else {})


def asks(*calls: Any, **more: Any) -> dict[str, Any]:
    """Return an assistant message with calls."""
    return {"role": "assistant", "tool_calls": list(calls) or [call()], **more}


def returns(content: Any = LOOPS, call_id: str | None = "call_a") -> dict[str, Any]:
    """Return a tool message."""
    return {"role": "tool", "content": content} | ({"tool_call_id": call_id} if call_id else {})


def row(*messages: Any, tools: Any = TOOLS) -> dict[str, Any]:
    """Return a row."""
    return {"messages": list(messages), "tools": tools}


def two_hops(query: str = "print a value", text: str = EMIT, call_id: str = "call_b") -> dict[str, Any]:
    """Return a row with two hops; the arguments are those of the second."""
    second = (asks(call(query, call_id)), returns(text, call_id))
    return row(SYSTEM, USER, asks(), returns(), *second, OUTPUT)


def broken_call(arguments: Any) -> dict[str, Any]:
    """Return a row whose one call has these arguments."""
    function = {"name": "search_docs", "arguments": arguments}
    return row(SYSTEM, USER, asks({"id": "call_a", "function": function}), returns(), OUTPUT)


GOOD = two_hops()
STRIKES: dict[str, list[Any]] = {
    "no-messages": [{}, {"messages": []}, {"messages": {}}, {"prompt": "a", "completion": "b"}, [], "text", 3, None, True],
    "bad-role": [
        row({"role": "bot", "content": "a"}, OUTPUT),
        row({"content": "a"}, OUTPUT),
        row({"role": []}),
        row("a", None),
    ],
    "unanswered-call": [
        row(USER, asks(), OUTPUT),
        row(USER, asks()),
        row(USER, asks(), USER, returns(), OUTPUT),
        row(USER, asks(call(), call(call_id="call_b")), returns(), OUTPUT),
        row(USER, asks(call(call_id=None)), returns(), OUTPUT),
    ],
    "orphan-return": [row(USER, returns(), OUTPUT), row(USER, asks(), returns(), returns(), OUTPUT)],
    "repeated-call-id": [two_hops(call_id="call_a"), row(USER, asks(call(), call("b")), returns(), returns(), OUTPUT)],
    "unknown-tool": [row(USER, asks(call(name="grep")), returns(), OUTPUT), row(USER, asks(), returns(), OUTPUT, tools=None)],
    "bad-arguments": [
        *map(
            broken_call, ["{", "", "[]", '"x"', None, 5, [], {}, "{}", {"query": "a", "page": 2}, '{"query": "a", "page": 2}']
        ),
        row(USER, asks({"id": "call_a", "function": {"name": "search_docs"}}), returns(), OUTPUT),
    ],
    "no-desired-output": [row(SYSTEM, USER), row(USER, {"role": "assistant", "content": " \n"}), row(USER, asks(), returns())],
    "content-not-text": [
        row(SYSTEM, {"role": "user", "content": [{"type": "text", "text": "a"}]}, OUTPUT),
        row(SYSTEM, {"role": "user"}, OUTPUT),
        row(USER, asks(content=["a"]), returns(), OUTPUT),
        row(USER, asks(), returns(None), OUTPUT),
        row(USER, asks(), returns({"result": 1}), OUTPUT),
    ],
    "empty-return": [two_hops(text=""), two_hops(text=" \n\t")],
    "no-search": [row(SYSTEM, USER, OUTPUT), row(SYSTEM, USER, OUTPUT, tools=json.dumps(TOOLS))],
    "repeated-query": [two_hops("loop syntax"), two_hops("  Loop   SYNTAX ".strip())],
    "nothing-new": [two_hops(text=LOOPS), two_hops(text=LOOPS.replace("Loops", " Loops").replace("written", "written "))],
    "error-return": [two_hops(text="Error: no such tool")],
    "parallel-calls": [row(USER, asks(call(), call("b", "call_b")), returns(), returns(EMIT, "call_b"), OUTPUT)],
    "two-assistant-turns": [row(USER, OUTPUT, OUTPUT, tools=None)],
    "chat-template-tokens": [
        two_hops(text=f"{token} text")
        for token in ("<|im_end|>", "<|im_start|>", "[INST]", "</s>", "<|eot_id|>", "<end_of_turn>", "<｜end▁of▁sentence｜>")
    ],
    "answer-in-return": [
        two_hops(text=f"For example: {OUTPUT['content']}"),
        two_hops(text="loop i from 1 to 3 { emit i }"),
        row(USER, asks(), returns(OUTPUT["content"]), {"role": "assistant", "content": f"```zorp\n{OUTPUT['content']}\n```"}),
    ],
    "very-long": [two_hops(text="word " * VERY_LONG_TOKENS)],
}
PASSES: dict[str, list[Any]] = {
    "no-messages": [row(USER)],
    "bad-role": [row({"role": "developer", "content": "a"}, USER, OUTPUT)],
    "unanswered-call": [
        row(USER, asks(call(call_id=None)), returns(call_id=None), OUTPUT),
        row(USER, asks(call(), call("b", "call_b")), returns(EMIT, "call_b"), returns(), OUTPUT),
    ],
    "orphan-return": [row(USER, asks(call(call_id=None), call("b", None)), returns(call_id=None), returns(EMIT, None), OUTPUT)],
    "repeated-call-id": [row(USER, asks(call(call_id=None), call("b", None)), OUTPUT)],
    "unknown-tool": [row(USER, asks(), returns(), OUTPUT, tools=json.dumps(TOOLS))],
    "bad-arguments": [
        broken_call({"query": "a", "k": 3}),
        broken_call('{"query": "a"}'),
        row(USER, asks(call(page=2)), returns(), OUTPUT, tools=[{"name": "search_docs", "parameters": {"required": "query"}}]),
    ],
    "no-desired-output": [row(USER, {"role": "assistant", "content": [{"type": "text", "text": "a"}]})],
    "content-not-text": [row(USER, asks(content=None), returns(), OUTPUT), row(USER, asks(content=""), returns(), OUTPUT)],
    "empty-return": [two_hops(text="No passage found.")],
    "no-search": [row(SYSTEM, USER, OUTPUT, tools=None), row(SYSTEM, USER, OUTPUT, tools=[])],
    "repeated-query": [two_hops("loop syntax of blocks")],
    "nothing-new": [two_hops(text=f"{LOOPS}\n\n{EMIT.replace('[1]', '[2]')}"), two_hops(text="Error: the query is empty.")],
    "error-return": [two_hops(text="Errors are values.\nError: in the text")],
    "parallel-calls": [GOOD],
    "two-assistant-turns": [row(USER, OUTPUT, USER, OUTPUT)],
    "chat-template-tokens": [two_hops(text="a <| b |> c, <s>, x[INSTALL], <|custom|>")],
    "answer-in-return": [
        row(USER, asks(), returns("true"), {"role": "assistant", "content": "true"}),
        row(USER, asks(), returns(""), {"role": "assistant", "content": ""}),
    ],
    "very-long": [two_hops(text="word " * 100)],
}


ALL_STRIKES = [(check, row) for table in (STRIKES, rows_of_checks.STRIKES) for check, rows in table.items() for row in rows]
ALL_PASSES = [(check, row) for table in (PASSES, rows_of_checks.PASSES) for check, rows in table.items() for row in rows]


def names(value: Any) -> set[str]:
    """Return the names of the checks that strike."""
    return {finding.check for finding in check_row(value)}


def test_every_check_has_a_row_that_it_strikes_and_one_that_it_does_not() -> None:
    assert {name for name, _ in ALL_STRIKES} == {name for name, _ in ALL_PASSES} == {c.name for c in CHECKS if c.find}


@pytest.mark.parametrize(("check", "value"), ALL_STRIKES)
def test_check_strikes(check: str, value: Any) -> None:
    assert check in names(value)


@pytest.mark.parametrize(("check", "value"), ALL_PASSES)
def test_check_does_not_strike(check: str, value: Any) -> None:
    assert check not in names(value)


def test_good_rows_have_no_findings_in_either_shape() -> None:
    objects = json.loads(json.dumps(GOOD))
    for message in objects["messages"]:
        for made in message.get("tool_calls", ()):
            made["function"]["arguments"] = json.loads(made["function"]["arguments"])
            message["content"] = ""
    assert check_row(GOOD) == check_row(objects) == []


def test_messages_say_where() -> None:
    value = row(SYSTEM, USER, asks(), returns(), asks(call("Loop syntax", "call_b")), returns(LOOPS, "call_b"), OUTPUT)
    assert [finding.message for finding in check_row(value)] == [
        'message 5 asks what message 3 asked: {"query": "Loop syntax"}',
        "message 6 returns only what earlier messages returned",
    ]


def test_hops_and_tokens() -> None:
    chat = read_chat(GOOD)
    assert chat.hops == 2
    assert estimate_tokens(read_chat({"messages": [{"role": "user", "content": "12345"}]})) == 2
    assert estimate_tokens(read_chat({})) == 0


def test_passages_split_at_first_lines_only() -> None:
    text = "[1] a/b.md:1-2 A > B\ntext\n[2] c.md:1-2 not a first line\n\n[3] neither\n\n[2] my docs/c.md:7-9\nmore\n\nend"
    first, second = split_passages(text)
    assert first[:3] == (1, "a/b.md:1-2", "A > B")
    assert first.text == "text\n[2] c.md:1-2 not a first line\n\n[3] neither"
    assert second == (2, "my docs/c.md:7-9", "", "more\n\nend")


def test_passages_of_other_forms() -> None:
    assert split_passages("[2] emit EXPR\nwrites") == [(2, "", "", "emit EXPR\nwrites")]
    assert [passage.rank for passage in split_passages("Two passages:\n\n[1] a.md:1-2 A\nx\n\n[2] b.md:1-2 B\ny")] == [0, 1, 2]
    assert split_passages("plain") == [(0, "", "", "plain")]
    assert split_passages("") == [(0, "", "", "")]


def test_nothing_reaches_a_terminal_unescaped() -> None:
    assert visible("\x1b[31m\x9b\u202e\ud800\n") == "\\x1b[31m\\x9b\\u202e\\ud800\\n"
    assert visible("é 日本\u3000👩\u200d🚀") == "é 日本\u3000👩\u200d🚀"
    assert quoted("a" * 50) == f'"{"a" * 39}…"'


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(["role", "content", "tool_calls", "tool_call_id", "weight", "id", "function", "name", "arguments", "x"]),
    st.sampled_from(["system", "user", "assistant", "tool", "a", "{}", '{"query": "a"}', 0, []]) | JSON,
)
CALLS = st.lists(st.fixed_dictionaries({"id": st.sampled_from(["a", "b"]), "function": FIELDS | JSON}) | JSON, max_size=2)
MESSAGES = FIELDS | st.builds(lambda fields, calls: fields | {"role": "assistant", "tool_calls": calls}, FIELDS, CALLS) | JSON
ROWS = JSON | st.fixed_dictionaries({"messages": st.lists(MESSAGES, max_size=5)}, optional={"tools": st.just(TOOLS) | JSON})


@given(ROWS)
def test_any_json_value_gives_findings(value: Any) -> None:
    for finding in check_row(value):
        assert finding.message.isprintable() or " " in finding.message
        finding.message.encode("utf-8")


def test_deep_nesting_is_no_surprise() -> None:
    deep: Any = "x"
    for _ in range(2_000):
        deep = [deep]
    assert "bad-arguments" in names(broken_call(deep))
    assert "bad-arguments" in names(broken_call("[" * 100_000))
    assert "content-not-text" in names(row({"role": "user", "content": {"a": deep}}, OUTPUT))
