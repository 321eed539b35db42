"""Datasets: any line is a row or is rejected with its file, line and reason, and no text of a row is changed."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.dataset import Entry, read_rows
from tracegen.dataset.shapes import as_chat
from tracegen.errors import InputError
from tracegen.jsonl import dump
from tracegen.records import Rejected, Row
from tracegen.samples import read_samples

USER = {"role": "user", "content": "a prompt"}
OUTPUT = {"role": "assistant", "content": "an output"}
GOOD = dump({"messages": [USER, OUTPUT]})

# st.text() makes no surrogates, so every such value can stand in a UTF-8 file.
EXTRA = st.dictionaries(
    st.text(max_size=5).filter(lambda key: key not in ("role", "content", "tool_calls", "function_call")),
    st.recursive(
        st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda children: st.lists(children) | st.dictionaries(st.text(), children),
        max_leaves=5,
    ),
    max_size=2,
)
FILLED = st.text(min_size=1).filter(lambda text: bool(text.strip()))


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw the messages of a good row."""
    middle = draw(st.lists(st.tuples(st.sampled_from(["system", "developer", "user", "assistant"]), st.text()), max_size=3))
    turns = [*middle, ("user", draw(FILLED)), ("assistant", draw(FILLED))]
    return [{"role": role, "content": content, **draw(EXTRA)} for role, content in turns]


def read(tmp_path: Path, *lines: str, limit: int | None = None) -> list[Row | Rejected]:
    path = tmp_path / "train.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    return [entry.outcome for entry in read_rows(path, limit)]


def rows(tmp_path: Path, *lines: str) -> list[Row]:
    outcomes = read(tmp_path, *lines)
    found = [outcome for outcome in outcomes if isinstance(outcome, Row)]
    assert len(found) == len(outcomes), outcomes
    return found


def reason(tmp_path: Path, line: str) -> str:
    """Return why a line between two good ones is rejected."""
    before, bad, after = read(tmp_path, GOOD, line, GOOD)
    assert isinstance(before, Row)
    assert isinstance(after, Row)
    assert isinstance(bad, Rejected)
    assert bad.line == 2
    place, _, text = bad.reason.partition("train.jsonl:2: ")
    assert place == ""
    return text


def messages(*turns: Any) -> str:
    return json.dumps({"messages": turns})


@given(conversations())
def test_every_text_and_every_other_field_stays_as_it_is(
    tmp_path_factory: pytest.TempPathFactory, conversation: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("rows")
    for line in (dump({"messages": conversation}), json.dumps({"messages": conversation})):
        [row] = rows(path, line)
        assert [message.model_dump() for message in row.messages] == conversation
        assert row.desired_output == conversation[-1]["content"]
        assert [message.content for message in row.prompt] == [turn["content"] for turn in conversation[:-1]]
        # As the run file keeps it.
        assert Row.model_validate_json(row.model_dump_json()) == row


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda children: (
        st.lists(children, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=3), children, max_size=3)
        | st.fixed_dictionaries({}, optional={"messages": st.lists(children, max_size=4)})
        | st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "assistant", "system", "tool"]) | children, "content": children},
            optional={"tool_calls": children, "weight": children, "name": children},
        )
        | st.fixed_dictionaries({"type": st.sampled_from(["text", "image_url"]) | children, "text": children})
    ),
    max_leaves=12,
)


# Good rows but for one message, and good messages but for one field.
ANY_FIELD = st.dictionaries(st.text(st.characters(), max_size=3) | st.sampled_from(["role", "content", "tool_calls"]), JSON)
ONE_WRONG = st.one_of(
    JSON.map(lambda turn: [turn, USER, OUTPUT]),
    JSON.map(lambda turn: [USER, turn]),
    ANY_FIELD.map(lambda fields: [USER, {**OUTPUT, **fields}]),
    ANY_FIELD.map(lambda fields: [{**USER, **fields}, OUTPUT]),
    st.lists(JSON, max_size=4),
).map(lambda turns: {"messages": turns})


@given(st.lists(ONE_WRONG | ONE_WRONG | JSON, max_size=4))
def test_any_json_is_a_row_or_rejected_with_its_place(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    outcomes = read(tmp_path_factory.mktemp("rows"), GOOD, *(json.dumps(value) for value in values))
    assert len(outcomes) == len(values) + 1
    for number, outcome in enumerate(outcomes, start=1):
        assert outcome.line == number
        if isinstance(outcome, Rejected):
            assert outcome.reason.startswith(f"train.jsonl:{number}: ")
            assert len(outcome.reason.encode()) < 1000
        else:
            assert Row.model_validate_json(outcome.model_dump_json()) == outcome


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('{"messages": [{"role": "user", "content": "cut', "not JSON: Unterminated string"),
        ("not json", "not JSON: Expecting value at column 1"),
        ("[1, 2]", "the line is a JSON array, not an object with `messages`"),
        ('"text"', "the line is a JSON string, not an object with `messages`"),
        ("null", "the line is a JSON null, not an object with `messages`"),
        ("{}", "no `messages` list in the row (it has no key at all)"),
        ('{"prompt": "a", "label": "b"}', "no `messages` list in the row (it has `prompt`, `label`)"),
        ('{"messages": []}', "`messages` is empty"),
        ('{"messages": {"role": "user"}}', "`messages` is a JSON object, not a list"),
        ('{"messages": null}', "`messages` is a JSON null, not a list"),
        (messages("hello"), "message 1 is a JSON string, not an object"),
        (messages({"content": "a"}, OUTPUT), "message 1 has the role JSON null; known are system, developer, user, assistant"),
        (messages({"role": "human", "content": "a"}, OUTPUT), 'message 1 has the role "human"; known are'),
        (messages(USER), "no desired output: the last message is from user, not from assistant"),
        (messages(OUTPUT), "no user turn"),
        (messages({"role": "system", "content": "be good"}, OUTPUT), "no user turn"),
        (messages(USER, {"role": "assistant", "content": ""}), "the desired output is empty"),
        (messages(USER, {"role": "assistant", "content": " \n"}), "the desired output is empty"),
        (messages(USER, {"role": "assistant", "content": None}), "message 2 has no content"),
        (messages(USER, {"role": "assistant"}), "message 2 has no content"),
        (messages(USER, {"role": "assistant", "content": 7}), "message 2 has a JSON number as content, not a text"),
        (messages(USER, {"role": "assistant", "content": {"text": "a"}}), "message 2 has a JSON object as content"),
        (messages({"role": "user", "content": " "}, OUTPUT), "the last user turn is empty"),
        (messages(USER, OUTPUT, OUTPUT), "the message before the desired output is from assistant, not from user"),
        (messages(USER, {"role": "system", "content": "s"}, OUTPUT), "the message before the desired output is from system"),
        (
            messages({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}, OUTPUT),
            'message 1 has a content part that is not text ("image_url")',
        ),
        (messages({"role": "user", "content": [3]}, OUTPUT), "message 1 has a content part that is not text (number)"),
        (
            messages({"role": "user", "content": [{"type": "text", "text": None}]}, OUTPUT),
            'message 1 has a content part that is not text ("text")',
        ),
    ],
)
def test_a_line_that_is_no_row_says_why(tmp_path: Path, line: str, expected: str) -> None:
    assert reason(tmp_path, line).startswith(expected)


CALL = {"id": "a", "type": "function", "function": {"name": "search", "arguments": "{}"}}


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "content": "with text", "tool_calls": [CALL]},
        {"role": "assistant", "content": "with text", "function_call": {"name": "search", "arguments": "{}"}},
        {"role": "tool", "tool_call_id": "a", "content": "found"},
        {"role": "function", "name": "search", "content": "found"},
    ],
)
def test_a_row_that_has_calls_already_is_rejected(tmp_path: Path, turn: dict[str, Any]) -> None:
    assert reason(tmp_path, messages(USER, turn, USER, OUTPUT)).startswith("message 2 belongs to a tool call")


@pytest.mark.parametrize(
    "turns",
    [
        [{"role": "user", "content": "\ud83d"}, OUTPUT],
        [USER, {"role": "assistant", "content": "half \ude00"}],
        [USER, {"role": "assistant", "content": "a", "name": "\ud83d"}],
        [USER, {"role": "assistant", "content": "a", "\ud83d": 1}],
    ],
)
def test_half_a_character_is_rejected_wherever_it_stands(tmp_path: Path, turns: list[Any]) -> None:
    assert "lone surrogate" in reason(tmp_path, messages(*turns))


@pytest.mark.parametrize(
    "line",
    [
        '{"\\ud83d": 1}',
        messages({"role": "\ud83d", "content": "a"}),
        messages({"role": "user", "content": [{"type": "\ud83d"}]}),
        messages({"role": "x" * 100_000, "content": "a"}),
        dump({"k" * 100_000: 1}),
    ],
)
def test_a_reason_is_always_a_short_text_that_a_file_can_hold(tmp_path: Path, line: str) -> None:
    assert len(reason(tmp_path, line).encode()) < 300


@pytest.mark.parametrize("depth", [65, 200, 260, 900])
def test_a_field_nested_too_deep_to_be_written_is_rejected(tmp_path: Path, depth: int) -> None:
    field = "[" * depth + "]" * depth
    line = f'{{"messages": [{dump(USER)}, {{"role": "assistant", "content": "a", "x": {field}}}]}}'
    assert reason(tmp_path, line) == "message 2 has values nested more than 64 deep"


def test_a_field_nested_less_deep_survives_the_run_file(tmp_path: Path) -> None:
    field = "[" * 60 + "]" * 60
    [row] = rows(tmp_path, f'{{"messages": [{dump(USER)}, {{"role": "assistant", "content": "a", "x": {field}}}]}}')
    assert Row.model_validate_json(row.model_dump_json()) == row


def test_a_number_that_python_cannot_hold_is_rejected(tmp_path: Path) -> None:
    line = f'{{"messages": [{dump(USER)}, {{"role": "assistant", "content": "a", "weight": 1e999}}]}}'
    assert reason(tmp_path, line) == "message 2 has a number that is too large for a JSON reader"


def test_a_rejected_row_keeps_what_stood_there(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(f'{GOOD}\n{{"prompt": "caf\u00e9"}}\n {{"cut": \n', encoding="utf-8")
    _, unusable, cut = read_rows(path)
    assert isinstance(unusable.outcome, Rejected)
    assert isinstance(cut.outcome, Rejected)
    assert unusable.outcome.row == {"prompt": "café"}
    assert unusable.raw == '{"prompt": "café"}'
    assert cut.outcome.row == cut.raw == ' {"cut": '


def test_a_bom_and_crlf_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + f"{GOOD}\r\n\r\n{GOOD}\r\n".encode())
    first, second = (entry.outcome for entry in read_rows(path))
    [plain] = rows(tmp_path, GOOD)
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert (first.messages, first.id, first.line) == (plain.messages, plain.id, 1)
    assert (second.messages, second.line) == (plain.messages, 3)


def test_content_as_text_parts_becomes_their_text(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "one\n"}, "two", {"type": "text", "text": " three"}]
    [row] = rows(tmp_path, messages({"role": "user", "content": parts}, OUTPUT))
    assert row.prompt[0].content == "one\ntwo three"


def test_keys_that_are_null_are_left_out_and_others_kept(tmp_path: Path) -> None:
    turn = {"role": "assistant", "content": "a", "tool_calls": None, "refusal": None, "weight": 0, "name": "x"}
    [row] = rows(tmp_path, messages(USER, turn))
    assert row.messages[-1].model_dump() == {"role": "assistant", "content": "a", "weight": 0, "name": "x"}


def test_several_turns_and_a_developer_message_are_a_row(tmp_path: Path) -> None:
    turns = [{"role": "developer", "content": "d"}, USER, {"role": "assistant", "content": "mid"}, USER, OUTPUT]
    [row] = rows(tmp_path, messages(*turns))
    assert [message.role for message in row.prompt] == ["developer", "user", "assistant", "user"]
    assert row.desired_output == "an output"


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_ids_are_distinct_and_the_same_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str], rng: random.Random
) -> None:
    tmp_path = tmp_path_factory.mktemp("rows")
    lines = [messages({"role": "user", "content": prompt}, OUTPUT) for prompt in prompts]
    before = rows(tmp_path, *lines)
    rng.shuffle(lines)
    after = rows(tmp_path, *lines)
    assert len({row.id for row in before}) == len(prompts)
    assert {row.id: row.prompt for row in before} == {row.id: row.prompt for row in after}


def test_an_id_follows_every_part_of_the_messages_and_nothing_else(tmp_path: Path) -> None:
    [plain] = rows(tmp_path, GOOD)
    [spaced] = rows(tmp_path, json.dumps({"id": 7, "messages": [USER, OUTPUT]}, indent=None, separators=(" ,", " : ")))
    assert spaced.id == plain.id
    others = [
        [USER, {"role": "assistant", "content": "an output "}],
        [{"role": "user", "content": "A prompt"}, OUTPUT],
        [{"role": "system", "content": ""}, USER, OUTPUT],
        [USER, {**OUTPUT, "weight": 1}],
    ]
    lines = [json.dumps({"messages": turns}) for turns in others]
    assert len({plain.id, *(row.id for row in rows(tmp_path, *lines))}) == 5


def test_limit_counts_the_lines_that_are_not_empty(tmp_path: Path) -> None:
    outcomes = read(tmp_path, GOOD, "", "bad", GOOD, GOOD, limit=3)
    assert [(isinstance(outcome, Row), outcome.line) for outcome in outcomes] == [(True, 1), (False, 3), (True, 4)]


def test_a_limit_that_meets_no_row_does_not_speak_of_the_rest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No line among the first 1 of .* is a usable row\. train\.jsonl:1: not JSON"):
        read(tmp_path, "bad", GOOD, limit=1)


@pytest.mark.parametrize("content", ["", "\n\r\n \n", "\ufeff"])
def test_an_empty_file_is_an_error(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match=r"train\.jsonl is empty\. Give a JSON object per line"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    "content", [f"[{GOOD}]", f"[\n{GOOD},\n{GOOD}\n]", f"\n\n  [{GOOD},\n{GOOD}]", "[]"], ids=["one", "many", "late", "empty"]
)
def test_a_json_array_is_an_error_that_says_how_to_turn_it(tmp_path: Path, content: str) -> None:
    with pytest.raises(InputError, match=r"train\.jsonl:\d: the file is a JSON array, not JSON lines.*jq -c"):
        read(tmp_path, content)


def test_a_file_without_any_row_is_an_error_with_the_first_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No line of .*train\.jsonl is a usable row\. train\.jsonl:1: no `messages`"):
        read(tmp_path, '{"text": "a"}', '{"text": "b"}')


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Cannot read .*none\.jsonl: No such file"):
        list(read_rows(tmp_path / "none.jsonl"))


def test_the_marks_of_a_variant_are_read_and_change_no_id(tmp_path: Path) -> None:
    messages = [{"role": "user", "content": "p"}, {"role": "assistant", "content": "o"}]
    marked = {"messages": messages, "variant_of": "parent", "variant": "typos", "search": False}
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (marked, {"messages": messages, "variant_of": 7, "search": 0})))
    one, other = (entry.outcome for entry in read_rows(path))
    assert isinstance(one, Row)
    assert isinstance(other, Row)
    assert (one.variant_of, one.search) == ("parent", False)
    assert (other.variant_of, other.search) == (None, True)
    assert [row.id.split("-")[1] for row in (one, other)] == ["1", "2"]


def texts_of(entry: Entry) -> list[tuple[str, str]]:
    assert isinstance(entry.outcome, Row), entry.outcome
    return [(message.role, message.content) for message in entry.outcome.messages]


ASKED, DONE = ("user", "A prompt"), ("assistant", " an output\n")
TURNS = [{"role": "user", "content": ASKED[1]}, {"role": "assistant", "content": DONE[1]}]
SHAPES: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"prompt": ASKED[1], "completion": DONE[1]}, [ASKED, DONE]),
    ({"prompt": ASKED[1], "response": DONE[1], "id": 7}, [ASKED, DONE]),
    ({"question": ASKED[1], "answer": DONE[1], "input": "not the prompt"}, [ASKED, DONE]),
    ({"input": ASKED[1], "output": DONE[1]}, [ASKED, DONE]),
    ({"prompt": TURNS[:1], "completion": TURNS[1:]}, [ASKED, DONE]),
    ({"instruction": ASKED[1], "input": "", "output": DONE[1], "system": ""}, [ASKED, DONE]),
    ({"instruction": "Sort", "input": "[2, 1]", "output": DONE[1]}, [("user", "Sort\n\n[2, 1]"), DONE]),
    (
        {"instruction": ASKED[1], "output": DONE[1], "system": "Be brief.", "history": [["one", "two"]]},
        [("system", "Be brief."), ("user", "one"), ("assistant", "two"), ASKED, DONE],
    ),
    (
        {"conversations": [{"from": "human", "value": ASKED[1]}, {"from": "gpt", "value": DONE[1]}], "system": "Be brief."},
        [("system", "Be brief."), ASKED, DONE],
    ),
    ({"conversations": TURNS}, [ASKED, DONE]),
    ({"messages": TURNS, "prompt": "another one", "completion": "x"}, [ASKED, DONE]),
]


@pytest.mark.parametrize(("row", "messages"), SHAPES)
def test_rows_of_other_shapes_are_read(tmp_path: Path, row: dict[str, Any], messages: list[tuple[str, str]]) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    [entry] = read_rows(path)
    assert texts_of(entry) == messages
    [sample] = read_samples(path).usable
    assert (sample.prompt.endswith(messages[-2][1]), sample.output) == (True, DONE[1])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": 7, "completion": "x"}, "message 1 has a JSON number as content, not a text"),
        ({"prompt": "p", "completion": ""}, "the desired output is empty"),
        ({"prompt": "p", "completion": None}, "message 2 has no content"),
        ({"prompt": [], "completion": "x"}, "the last user turn is empty"),
        ({"conversations": [{"from": "human", "value": "p"}]}, "no desired output: the last message is from user"),
        ({"conversations": [{"from": "observation", "value": "p"}]}, 'message 1 has the role "observation"'),
        ({"conversations": []}, "`messages` is empty"),
        ({"instruction": "p", "output": "x", "history": ["one"]}, "message 2 has no content"),
        ({"instruction": "p", "output": "x", "history": "one"}, "message 2 has no content"),
        ({"prompt": "p"}, "no `messages` list in the row (it has `prompt`)"),
    ],
)
def test_rows_of_other_shapes_are_refused_with_a_reason(tmp_path: Path, row: dict[str, Any], reason: str) -> None:
    good = {"prompt": "p", "completion": "x"}
    rejected, _ = read(tmp_path, json.dumps(row), json.dumps(good))
    assert isinstance(rejected, Rejected)
    assert reason in rejected.reason
    assert rejected.row == row


@given(prompt=st.text(min_size=1), output=st.text(min_size=1))
def test_any_text_of_a_completion_stays_as_it_is(prompt: str, output: str) -> None:
    for row in ({"prompt": prompt, "completion": output}, {"instruction": prompt, "output": output}):
        assert [message["content"] for message in as_chat(row)["messages"]] == [prompt, output]


def test_of_other_files_it_says_what_chat_jsonl_is(tmp_path: Path) -> None:
    for first in ("prompt,completion", '{"text": "x"}', "null"):
        with pytest.raises(InputError, match=r"Give a JSON object per line, .*docs/datasets\.md"):
            read(tmp_path, first)
    with pytest.raises(InputError, match=r"tool call; tracegen adds traces to rows that have none\."):
        read(tmp_path, json.dumps({"messages": [{"role": "tool", "content": "x"}]}))
