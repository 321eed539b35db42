"""One row as a conversation."""

import json
from typing import Any

import click
from hypothesis import given
from hypothesis import strategies as st

from tracegen.records import Source
from tracegen.review.conversation import render_row
from tracegen.review.text import columns
from tracegen.traces.chat import read_chat

PARAMETERS = {"type": "object", "properties": {"query": {}, "k": {}}, "required": ["query"], "additionalProperties": False}
TOOLS = [{"type": "function", "function": {"name": "search_docs", "description": "Search.", "parameters": PARAMETERS}}]
LOOPS = """\
[1] zorp/loops.md:41-63 Loops > Counting
A loop, with emit

```zorp
loop VAR from A to B { a line of code that is far too long for eighty columns and stays whole }
```

[2] zorp/ranges.md:1-9 Ranges
one
two
three
four
five
six
seven
eight"""


def asks(query: Any, call_id: str, **more: Any) -> dict[str, Any]:
    """Return an assistant message with a call."""
    function = {"name": "search_docs", "arguments": query if isinstance(query, str) else json.dumps(query)}
    return {"role": "assistant", "tool_calls": [{"id": call_id, "type": "function", "function": function}], **more}


def returns(text: Any, call_id: str) -> dict[str, Any]:
    """Return a tool message."""
    return {"role": "tool", "tool_call_id": call_id, "content": text}


ROW = {
    "messages": [
        {"role": "system", "content": "You write Zorp."},
        {
            "role": "user",
            "content": "Print 1 to 3, each on a line of its own, and do it with the one loop that Zorp has.\n\nThanks!",
        },
        asks({"query": "loop syntax", "k": 3}, "call_1"),
        returns(LOOPS, "call_1"),
        asks({"query": "loop  Syntax", "k": 3}, "call_2", weight=0),
        returns("No passage found.", "call_2"),
        {"role": "assistant", "content": "loop i from 1 to 3 {\n\n  emit i\n}"},
    ],
    "tools": TOOLS,
}

PAGE = """\
train.jsonl, line 17: 7 messages, 2 hops, about 173 tokens (estimated)
tool search_docs(query, k?)

warning  repeated-query  message 5 asks what message 3 asked: {"query": "loop
         Syntax", "k": 3}

▌ trained on: what the assistant writes. The rest is context, read and not
▌ learnt, where the trainer masks it (TRL: assistant_only_loss=True).

  1  system
     You write Zorp.

  2  user
     Print 1 to 3, each on a line of its own, and do it with the one loop that
     Zorp has.

     Thanks!

▌ 3  assistant  call call_1
▌    search_docs(query="loop syntax", k=3)

  4  tool  call_1, 2 passages, 238 characters
     [1] zorp/loops.md:41-63 Loops > Counting
         A loop, with emit

         ```zorp
         loop VAR from A to B { a line of code that is far too long for eighty columns and stays whole }
         ```
     [2] zorp/ranges.md:1-9 Ranges
         one
         two
         three
         four
         five
         six
         … 2 more lines (--full)

  5  assistant  call call_2, weight 0: not trained on
     search_docs(query="loop  Syntax", k=3)

  6  tool  call_2, 17 characters
     No passage found.

▌ 7  assistant  desired output
▌    loop i from 1 to 3 {
▌
▌      emit i
▌    }"""


def page(row: Any, **more: Any) -> str:
    """Return the page of a row without colours."""
    return click.unstyle(render_row(row, name="train.jsonl", line=17, **more))


def test_page() -> None:
    assert page(ROW) == PAGE


def test_full_shows_returns_whole() -> None:
    text = page(ROW, full=True)
    assert "        eight" in text
    assert "--full" not in text


def test_sources_show_chunks_and_scores() -> None:
    place: dict[str, Any] = {"path": "zorp/loops.md", "headings": ("Loops",), "start_line": 41, "end_line": 63}
    found = Source(chunk_id="3f2a9c11aa00bb22", rank=1, score=0.03252247, **place)
    other = Source(chunk_id="00bb", rank=1, score=1.0, **place)
    text = page(ROW, sources={"call_1": (found,), "call_2": (other,)})
    assert "[1] zorp/loops.md:41-63 Loops > Counting (chunk 3f2a9c11aa00bb22, score" in text
    assert "0.03252)" in text
    assert "source 1: zorp/loops.md:41-63 (chunk 00bb, score 1)" in text


def test_what_is_trained_on_is_marked_without_colours() -> None:
    marked = [line[2:].split()[0] for line in page(ROW).split("\n") if line.startswith("▌ ") and line[2].isdigit()]
    assert marked == ["3", "7"]


def test_arguments_as_object_look_the_same() -> None:
    objects = json.loads(json.dumps(ROW))
    for message in objects["messages"]:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    assert page(objects) == page(ROW)


def test_broken_calls_and_orphans_are_shown_as_they_stand() -> None:
    text = page({"messages": [asks('{"query": \x1b', "call_1"), returns("x", "call_9"), {"role": "bot", "content": None}]})
    assert 'search_docs({"query": \\x1b)   <- they are not JSON' in text
    assert "call_9, 1 character, answers no call" in text
    assert "error    orphan-return" in text


def test_several_calls_have_their_ids_beside_them() -> None:
    message = asks({"query": "a"}, "call_1")
    message["tool_calls"] += asks({"query": "b"}, "call_2")["tool_calls"]
    text = page({"messages": [message], "tools": TOOLS})
    assert '2 calls\n▌    search_docs(query="a")\n▌        call_1\n▌    search_docs(query="b")\n▌        call_2' in text


def test_content_that_is_not_text() -> None:
    parts = [{"type": "text", "text": "one"}, {"type": "image_url", "image_url": {"url": "x"}}, "two"]
    text = page({"messages": [{"role": "user", "content": parts}, {"role": "user", "content": {"a": 1}}, 5, None]})
    assert "1  user\n     one\n     two" in text
    assert '     {"a": 1}' in text
    assert "3  no role\n     5" in text


def test_fields_that_are_not_shown_are_named() -> None:
    message = {"role": "user", "content": "a", "reasoning_content": "b", "tool_calls": [1]}
    assert "other fields: reasoning_content, tool_calls" in page({"messages": [message]})


def test_a_row_that_is_no_conversation_is_shown_as_it_stands() -> None:
    text = page({"prompt": "a\x1b", "completion": "b"})
    assert "error    no-messages  no `messages`; the row has `prompt`, `completion`" in text
    assert '  "prompt": "a\\u001b",' in text
    assert "the row is an array" in page([1])


def test_many_findings_are_cut() -> None:
    assert "and 9 more findings" in page({"messages": [{"role": "bot", "content": "a"}] * 28})


SAFE = st.text(st.characters())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | SAFE,
    lambda inner: st.lists(inner) | st.dictionaries(SAFE, inner),
    max_leaves=6,
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool"])
CALLS = st.lists(
    st.fixed_dictionaries({"function": st.fixed_dictionaries({"name": SAFE, "arguments": VALUES})}) | VALUES, max_size=2
)
FIELDS = {"role": ROLES | VALUES, "content": VALUES, "tool_calls": CALLS | VALUES, "tool_call_id": VALUES, "weight": VALUES}
MESSAGES = st.fixed_dictionaries({}, optional=FIELDS) | VALUES
ROWS = VALUES | st.fixed_dictionaries({"messages": st.lists(MESSAGES, max_size=4)}, optional={"tools": st.just(TOOLS) | VALUES})


@given(ROWS, st.booleans())
def test_any_json_value_gives_a_harmless_page(value: Any, full: bool) -> None:
    text = page(value, full=full)
    text.encode("utf-8")
    assert not set(text) & {"\x1b", "\r", "\t", "\x9b", "\u202e"}


@given(st.text(st.characters(exclude_characters="`~|\n")), st.text(st.characters(exclude_characters="`~|\n")))
def test_prose_fits_into_80_columns(asked: str, returned: str) -> None:
    asked, returned = asked.strip(), returned.strip()
    row = {"messages": [{"role": "user", "content": asked}, asks({"query": asked}, asked), returns(returned, asked)]}
    assert read_chat(row).hops == 1
    assert [line for line in page(row, full=True).split("\n") if columns(line) > 80] == []
