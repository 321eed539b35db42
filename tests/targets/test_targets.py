"""The targets: each trainer's shape, and texts that survive byte for byte."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.jsonl import dump
from tracegen.records import Example, Hop, Message, Row, ToolCall, ToolReturn
from tracegen.targets import TARGETS, WithReasoning, write_hf, write_openai

DEFINITION: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "search_docs",
        "description": "Search the Zorp language manual.",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string", "description": "What to look up."}},
            "required": ["query"],
            "additionalProperties": False,
        },
    },
}
ROW = Row(
    id="r-1",
    line=1,
    messages=(
        Message(role="system", content="You write Zorp."),
        Message(role="user", content="Print 1 to 3."),
        Message(role="assistant", content="loop i from 1 to 3 {\n  emit i\n}"),
    ),
)


def make_hop(number: int, query: str, text: str, content: str | None = None, reasoning: str | None = None) -> Hop:
    call = ToolCall(id=f"call_{number}", name="search_docs", arguments={"query": query})
    return Hop(call=call, returned=ToolReturn(text=text), content=content, reasoning=reasoning)


EXAMPLE = Example(
    row=ROW,
    hops=(make_hop(1, "loop syntax", "[1] loops", content="let me look"), make_hop(2, 'the "emit" – ä', "[2] emit")),
    tools=(DEFINITION,),
)


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """Draw an example with any texts, roles and number of hops."""
    prompt = draw(st.lists(st.tuples(st.sampled_from(["system", "developer", "user", "assistant"]), st.text()), min_size=1))
    turns = (Message(role=role, content=content) for role, content in [*prompt, ("assistant", draw(st.text()))])
    hops = draw(st.lists(st.tuples(st.text(), st.text(), st.none() | st.text(), st.none() | st.text()), max_size=4))
    return Example(
        row=Row(id="r-1", line=1, messages=tuple(turns)),
        hops=tuple(make_hop(number, *hop) for number, hop in enumerate(hops)),
        tools=(DEFINITION,),
    )


def written(target: str, example: Example) -> dict[str, Any]:
    """Return the line of an example as its reader sees it: encoded, on one line, decoded."""
    line = dump(TARGETS[target](example)).encode()
    assert b"\n" not in line
    value: dict[str, Any] = json.loads(line)
    return value


def test_the_openai_line_in_full() -> None:
    assert write_openai(EXAMPLE) == {
        "messages": [
            {"role": "system", "content": "You write Zorp."},
            {"role": "user", "content": "Print 1 to 3."},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "search_docs", "arguments": '{"query": "loop syntax"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "[1] loops"},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "call_2",
                        "type": "function",
                        "function": {"name": "search_docs", "arguments": '{"query": "the \\"emit\\" – ä"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_2", "content": "[2] emit"},
            {"role": "assistant", "content": "loop i from 1 to 3 {\n  emit i\n}"},
        ],
        "tools": [DEFINITION],
    }


def test_the_hf_line_in_full() -> None:
    function = {"name": "search_docs", "arguments": {"query": "loop syntax"}}
    second = {"name": "search_docs", "arguments": {"query": 'the "emit" – ä'}}
    assert write_hf(EXAMPLE) == {
        "messages": [
            {"role": "system", "content": "You write Zorp."},
            {"role": "user", "content": "Print 1 to 3."},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "call_1", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": "call_1", "name": "search_docs", "content": "[1] loops"},
            {"role": "assistant", "content": "", "tool_calls": [{"id": "call_2", "type": "function", "function": second}]},
            {"role": "tool", "tool_call_id": "call_2", "name": "search_docs", "content": "[2] emit"},
            {"role": "assistant", "content": "loop i from 1 to 3 {\n  emit i\n}"},
        ],
        "tools": [DEFINITION],
    }


@pytest.mark.parametrize("target", sorted(TARGETS))
@given(example=examples())
def test_what_the_teacher_thought_is_there_only_where_it_is_asked_for(target: str, example: Example) -> None:
    bare, write = written(target, example), WithReasoning(TARGETS[target])
    asked = json.loads(dump(write(example)))
    assert all("reasoning_content" not in message for message in bare["messages"])
    thought = [message.pop("reasoning_content", "") for message in asked["messages"] if "tool_calls" in message]
    assert thought == [hop.reasoning or "" for hop in example.hops]
    assert write.calls == sum(map(bool, thought))
    assert asked == bare


@pytest.mark.parametrize("target", sorted(TARGETS))
@given(example=examples())
def test_prompt_returns_and_desired_output_survive_byte_for_byte(target: str, example: Example) -> None:
    messages = written(target, example)["messages"]
    prompt, output = messages[: len(example.row.prompt)], messages[-1]
    assert [turn["content"] for turn in prompt] == [message.content for message in example.row.prompt]
    assert output == {"role": "assistant", "content": example.row.desired_output}
    returns = [message["content"] for message in messages if message["role"] == "tool"]
    assert returns == [hop.returned.text for hop in example.hops]
    calls = [message["tool_calls"][0]["function"]["arguments"] for message in messages if "tool_calls" in message]
    objects = [json.loads(call) if isinstance(call, str) else call for call in calls]
    assert objects == [hop.call.arguments for hop in example.hops]


@pytest.mark.parametrize("target", sorted(TARGETS))
@given(example=examples())
def test_each_call_stands_alone_and_is_answered_at_once(target: str, example: Example) -> None:
    line = written(target, example)
    assert set(line) == {"messages", "tools"}
    hops = line["messages"][len(example.row.prompt) : -1]
    assert len(hops) == 2 * len(example.hops)
    for asked, returned in zip(hops[::2], hops[1::2], strict=True):
        [call] = asked["tool_calls"]
        assert (asked["role"], returned["role"]) == ("assistant", "tool")
        assert returned["tool_call_id"] == call["id"]
        assert call["function"]["name"] == line["tools"][0]["function"]["name"]
        if target == "openai":
            assert set(asked) == {"role", "tool_calls"}
            assert set(returned) == {"role", "tool_call_id", "content"}
            assert isinstance(call["function"]["arguments"], str)
        else:
            assert asked["content"] == ""
            assert returned["name"] == call["function"]["name"]
            assert isinstance(call["function"]["arguments"], dict)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_a_developer_message_is_written_as_system_and_other_fields_stay(target: str) -> None:
    turns = (
        Message(role="developer", content="d"),
        Message.model_validate({"role": "user", "content": "u", "name": "ann"}),
        Message.model_validate({"role": "assistant", "content": "a", "weight": 1}),
    )
    example = Example(row=Row(id="r-1", line=1, messages=turns), hops=(), tools=(DEFINITION,))
    assert written(target, example)["messages"] == [
        {"role": "system", "content": "d"},
        {"role": "user", "content": "u", "name": "ann"},
        {"role": "assistant", "content": "a", "weight": 1},
    ]
    assert turns[0].role == "developer"
