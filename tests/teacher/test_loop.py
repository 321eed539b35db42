"""The teacher loop: what it does next for every kind of response, and what holds for any sequence of them."""

import itertools
import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracegen.records import Message, RawCall, Response, Row, Source, Tool, ToolReturn, Trace, Usage
from tracegen.teacher import Failure
from tracegen.teacher.loop import ANSWER_CUT, NUDGE, Ask, Finish, Loop, Search
from tracegen.tool_call import MAX_QUERY_CHARS

SECRET = "THE-DESIRED-OUTPUT"
TOOL = Tool(name="search_docs", description="d", parameters={"type": "object"}, k=5, rendering=1)
ROW = Row(
    id="0123456789abcdef-1",
    line=1,
    messages=(
        Message(role="system", content="You write Zorp."),
        Message(role="user", content="Print 1 to 3."),
        Message(role="assistant", content=SECRET),
    ),
)


def new_loop(max_hops: int = 8, prompt: str | None = "Research.", row: Row = ROW) -> Loop:
    return Loop(row, TOOL, max_hops=max_hops, prompt=prompt)


def call(query: str) -> RawCall:
    return RawCall(name="search_docs", arguments=json.dumps({"query": query}))


def calling(*calls: RawCall, **fields: Any) -> Response:
    return Response(calls=calls, **{"finish_reason": "tool_calls", **fields})


def saying(content: str | None, **fields: Any) -> Response:
    return Response(content=content, **{"finish_reason": "stop", **fields})


def ask(loop: Loop) -> Ask:
    step = loop.step()
    assert isinstance(step, Ask), step
    return step


def search(loop: Loop) -> str:
    step = loop.step()
    assert isinstance(step, Search), step
    return step.query


def finish(loop: Loop) -> Trace:
    step = loop.step()
    assert isinstance(step, Finish), step
    return step.trace


def hop(loop: Loop, query: str, text: str | None = None) -> None:
    """Make a good hop."""
    ask(loop)
    loop.take_response(calling(call(query)))
    assert search(loop) == query
    loop.take_return(ToolReturn(text=text or f"about {query}"))


def test_the_first_request_requires_the_tool_and_the_next_ones_leave_it_open() -> None:
    loop = new_loop()
    assert ask(loop).tool_choice == "required"
    hop(loop, "loops")
    assert ask(loop).tool_choice == "auto"
    hop(loop, "ranges")
    assert ask(loop).tool_choice == "auto"
    loop.take_response(saying("done", model="m-2", usage=Usage(requests=1, prompt_tokens=10, completion_tokens=3)))
    trace = finish(loop)
    assert (trace.ended, trace.detail, trace.answer, trace.model) == ("answered", "", "done", "m-2")
    assert trace.usage == Usage(requests=3, prompt_tokens=10, completion_tokens=3)
    assert [hop.call.arguments for hop in trace.hops] == [{"query": "loops"}, {"query": "ranges"}]
    assert [hop.returned.text for hop in trace.hops] == ["about loops", "about ranges"]


def test_the_signature_of_a_call_goes_back_with_it_and_reaches_no_trace() -> None:
    loop = new_loop()
    ask(loop)
    loop.take_response(calling(call("loops").model_copy(update={"signature": "Cs0B"}), call("ranges")))
    for query in ("loops", "ranges"):
        assert search(loop) == query
        loop.take_return(ToolReturn(text="a page"))
    sent = [one for message in ask(loop).messages for one in message.get("tool_calls", ())]
    assert [one.get("extra_content") for one in sent] == [{"google": {"thought_signature": "Cs0B"}}, None]
    assert "Cs0B" not in loop.trace.model_dump_json()


def test_the_first_request_holds_the_prompts_and_never_the_desired_output() -> None:
    assert ask(new_loop(prompt="Research.\n")).messages == [
        {"role": "system", "content": "Research.\n\nThe answer will be given under these instructions:\n\nYou write Zorp."},
        {"role": "user", "content": "Print 1 to 3."},
    ]
    assert ask(new_loop(prompt=None)).messages == [
        {"role": "system", "content": "You write Zorp."},
        {"role": "user", "content": "Print 1 to 3."},
    ]


def test_a_row_without_system_message_gets_the_teachers_own_or_none() -> None:
    row = Row(id="r-1", line=1, messages=ROW.messages[1:])
    user = {"role": "user", "content": "Print 1 to 3."}
    assert ask(new_loop(prompt="Research.", row=row)).messages == [{"role": "system", "content": "Research."}, user]
    assert ask(new_loop(prompt=None, row=row)).messages == [user]


def test_earlier_turns_and_developer_messages_of_a_row_are_sent_without_their_other_fields() -> None:
    turns = (
        Message.model_validate({"role": "developer", "content": "Be short.", "weight": 0}),
        Message.model_validate({"role": "user", "content": "Hi", "name": "ann"}),
        Message.model_validate({"role": "assistant", "content": "Hello", "weight": 0}),
        *ROW.messages[1:],
    )
    messages = ask(new_loop(prompt=None, row=Row(id="r-1", line=1, messages=turns))).messages
    assert messages == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Print 1 to 3."},
    ]


def test_parallel_calls_become_one_message_each_and_their_text_stands_beside_the_first() -> None:
    loop = new_loop()
    ask(loop)
    loop.take_response(calling(call("a"), call("b"), content="Let me see.", finish_reason="stop"))
    assert search(loop) == "a"
    loop.take_return(ToolReturn(text="about a"))
    assert search(loop) == "b"
    loop.take_return(ToolReturn(text="about b"))
    first, first_return, second, second_return = ask(loop).messages[2:]
    assert (first["content"], second["content"]) == ("Let me see.", "")
    assert [len(message["tool_calls"]) for message in (first, second)] == [1, 1]
    assert first_return == {"role": "tool", "tool_call_id": first["tool_calls"][0]["id"], "content": "about a"}
    assert second_return == {"role": "tool", "tool_call_id": second["tool_calls"][0]["id"], "content": "about b"}
    loop.take_response(saying("done"))
    assert [hop.content for hop in finish(loop).hops] == ["Let me see.", None]


def test_what_was_thought_before_a_message_is_known_beside_it_and_is_no_part_of_it() -> None:
    loop = new_loop(max_hops=3)
    loop.take_response(calling(call("a"), call("b"), reasoning="Two things."))
    for query in "ab":
        assert search(loop) == query
        loop.take_return(ToolReturn(text=f"about {query}"))
    hop(loop, "c")
    messages = loop._messages
    assert [messages.thoughts.get(place) for place in range(len(messages))] == [
        None,
        None,
        *["Two things.", None] * 2,
        None,
        None,
    ]
    assert "Two things." not in json.dumps(messages)
    assert [made.reasoning for made in loop.hops] == ["Two things.", None, None]


def test_parallel_calls_beyond_the_limit_are_left_out() -> None:
    loop = new_loop(max_hops=3)
    hop(loop, "one")
    loop.take_response(calling(*(call(str(number)) for number in range(50))))
    for query in ("0", "1"):
        assert search(loop) == query
        loop.take_return(ToolReturn(text="x"))
    trace = finish(loop)
    assert trace.ended == "max_hops"
    assert len(trace.hops) == 3


MALFORMED = {
    "unknown tool": (RawCall(name="google", arguments='{"query": "a"}'), "there is no function 'google'. Call search_docs."),
    "no name": (RawCall(name="", arguments='{"query": "a"}'), "there is no function ''."),
    "a name no API takes": (RawCall(name="x y\n\u2028" * 50, arguments="{}"), "there is no function 'x y\\n"),
    "broken": (RawCall(name="search_docs", arguments='{"query": "a'), "the arguments are not JSON."),
    "cut": (RawCall(name="search_docs", arguments="{"), "the arguments are not JSON."),
    "empty": (RawCall(name="search_docs", arguments=""), "the arguments are not JSON."),
    "deep": (RawCall(name="search_docs", arguments="[" * 100_000), "the arguments are not JSON."),
    "a huge number": (RawCall(name="search_docs", arguments='{"query": ' + "9" * 10_000 + "}"), "the arguments are not JSON."),
    "a list": (RawCall(name="search_docs", arguments='["a"]'), "the arguments have no text `query`."),
    "a number": (RawCall(name="search_docs", arguments="-33"), "the arguments have no text `query`."),
    "no query": (RawCall(name="search_docs", arguments='{"q": "a"}'), "the arguments have no text `query`."),
    "a query that is no text": (
        RawCall(name="search_docs", arguments='{"query": ["a"]}'),
        "the arguments have no text `query`.",
    ),
    "a plain string": (RawCall(name="search_docs", arguments='"{\\"query\\": 7}"'), "the arguments have no text `query`."),
    "a string twice": (RawCall(name="search_docs", arguments='"\\"a\\""'), "the arguments have no text `query`."),
    "a string without JSON": (RawCall(name="search_docs", arguments='"a"'), "the arguments are not JSON."),
    "an empty query": (call(""), "the query is empty."),
    "a blank query": (call(" \n\t\u3000"), "the query is empty."),
    "a long query": (call("x" * 50_000), f"the query has 50000 characters. Ask for one thing, in at most {MAX_QUERY_CHARS}."),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_call_goes_back_as_an_error_with_a_history_that_every_server_takes(kind: str) -> None:
    raw, problem = MALFORMED[kind]
    loop = new_loop()
    ask(loop)
    loop.take_response(calling(raw))
    again = ask(loop)
    assert again.tool_choice == "required"  # nothing has been found yet
    asked, returned = again.messages[2:]
    assert returned["content"].startswith(f"Error: {problem}")
    assert len(returned["content"]) < 400
    [wire] = asked["tool_calls"]
    assert set(json.loads(wire["function"]["arguments"])) == {"query"}
    assert len(wire["function"]["arguments"]) < 200
    assert_valid_history(again.messages)
    hop(loop, "good")
    ask(loop)
    loop.take_response(saying("done"))
    trace = finish(loop)
    assert trace.ended == "answered"
    assert [hop.returned.error for hop in trace.hops] == [True, False]
    assert [hop.call.arguments for hop in trace.good_hops] == [{"query": "good"}]


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ('"{\\"query\\": \\"encoded twice\\"}"', "encoded twice"),
        ('{"query": "  trimmed \\n", "k": 99, "other": null}', "trimmed"),
        ('{"query": "half \\ud83d here"}', "half \ufffd here"),
        ('{"query": "whole \\ud83d\\ude00"}', "whole 😀"),
        ('{"query": "' + "x" * MAX_QUERY_CHARS + '"}', "x" * MAX_QUERY_CHARS),
    ],
)
def test_a_query_that_can_be_understood_is_searched_for(arguments: str, query: str) -> None:
    loop = new_loop()
    ask(loop)
    loop.take_response(calling(RawCall(name="search_docs", arguments=arguments)))
    assert search(loop) == query
    loop.take_return(ToolReturn(text="x"))
    history = ask(loop).messages
    assert json.loads(history[2]["tool_calls"][0]["function"]["arguments"]) == {"query": query}
    assert json.dumps(history, ensure_ascii=False).encode()


def test_an_answer_without_a_search_is_asked_again_with_the_tool_required() -> None:
    loop = new_loop()
    ask(loop)
    loop.take_response(saying("I know: 42"))
    again = ask(loop)
    assert again.tool_choice == "required"
    assert again.messages[2:] == [
        {"role": "assistant", "content": "I know: 42"},
        {"role": "user", "content": NUDGE.format(name="search_docs")},
    ]
    hop(loop, "loops")
    ask(loop)
    loop.take_response(saying("now I know"))
    trace = finish(loop)
    assert (trace.ended, trace.answer) == ("answered", "now I know")
    assert len(trace.hops) == 1


@pytest.mark.parametrize("content", ["I know", "", None])
def test_a_second_answer_without_a_search_ends_as_no_calls(content: str | None) -> None:
    loop = new_loop()
    for _ in range(2):
        ask(loop)
        loop.take_response(saying(content))
    trace = finish(loop)
    assert (trace.ended, trace.hops) == ("no_calls", ())
    assert trace.detail == "The teacher answered without a search, also when told to search"
    assert trace.usage.requests == 2


def test_an_answer_after_malformed_calls_alone_is_an_answer_without_a_search() -> None:
    loop = new_loop()
    ask(loop)
    loop.take_response(calling(call("")))
    ask(loop)
    loop.take_response(saying("I give up"))
    assert ask(loop).messages[-1] == {"role": "user", "content": NUDGE.format(name="search_docs")}
    loop.take_response(saying("I give up"))
    assert finish(loop).ended == "no_calls"


def test_a_search_that_failed_is_none() -> None:
    loop = new_loop()
    ask(loop)
    loop.take_response(calling(call("a")))
    search(loop)
    loop.take_return(ToolReturn(text="Error: the index is on fire", error=True))
    assert not loop.searched
    assert ask(loop).tool_choice == "required"


def test_the_limit_ends_the_research_without_another_request() -> None:
    loop = new_loop(max_hops=2)
    hop(loop, "a")
    hop(loop, "b")
    trace = finish(loop)
    assert (trace.ended, trace.detail, trace.answer) == ("max_hops", "", None)
    assert len(trace.good_hops) == 2


def test_the_limit_without_any_good_hop_is_no_calls() -> None:
    loop = new_loop(max_hops=2)
    ask(loop)
    loop.take_response(calling(call("")))
    ask(loop)
    loop.take_response(calling(RawCall(name="google", arguments="{}")))
    trace = finish(loop)
    assert (trace.ended, trace.detail) == (
        "no_calls",
        "All 2 calls of the teacher were malformed; of the last: there is no function 'google'",
    )
    assert len(trace.hops) == 2


@pytest.mark.parametrize("said", ["I ca", None])
@pytest.mark.parametrize("searched", [False, True])
def test_an_answer_that_is_cut_off_does_not_matter_once_there_were_searches(said: str | None, searched: bool) -> None:
    loop = new_loop()
    if searched:
        hop(loop, "a")
    ask(loop)
    loop.take_response(saying(said, finish_reason="length"))
    trace = finish(loop)
    assert (trace.ended, len(trace.good_hops)) == (("answered", 1) if searched else ("length", 0))
    assert "was cut off at its token limit" in trace.detail


LEAKED = '<tool_call>\n{"name": "search_docs", "arguments": {"query": "fold"}}\n</tool_call>'


@pytest.mark.parametrize(
    ("content", "queries", "beside"),
    [
        (LEAKED, ["fold"], None),
        (f"Let me look.\n{LEAKED}\n", ["fold"], "Let me look."),
        (LEAKED + LEAKED.replace("fold", "map"), ["fold", "map"], None),
        (LEAKED.replace("arguments", "parameters"), ["fold"], None),
        (LEAKED.replace('{"query": "fold"}', '"{\\"query\\": \\"fold\\"}"'), ["fold"], None),
        (LEAKED.removesuffix("</tool_call>"), ["fold"], None),
    ],
)
def test_a_call_left_in_the_text_is_taken_as_one(content: str, queries: list[str], beside: str | None) -> None:
    loop = new_loop()
    ask(loop)
    loop.take_response(saying(content))
    for query in queries:
        step = loop.step()
        assert step == Search(query)
        loop.take_return(ToolReturn(text=query))
    loop.take_response(saying("done"))
    trace = finish(loop)
    assert [hop.call.arguments for hop in trace.hops] == [{"query": query} for query in queries]
    assert trace.hops[0].content == beside


@pytest.mark.parametrize(
    "cut", ['<tool_call>{"name": "search_docs", "argum', "<tool_call>nothing</tool_call>", "<tool_call>[]</tool_call>"]
)
def test_half_a_call_in_the_text_goes_back_as_an_error(cut: str) -> None:
    loop = new_loop()
    ask(loop)
    loop.take_response(saying(cut, finish_reason="length"))
    messages = ask(loop).messages
    assert str(messages[-1]["content"]).startswith("Error: ")


def test_an_answer_about_such_tags_is_an_answer() -> None:
    loop = new_loop()
    hop(loop, "a")
    ask(loop)
    loop.take_response(saying(f"A call looks like {LEAKED} in the text."))
    assert finish(loop).ended == "answered"


@pytest.mark.parametrize(
    ("response", "ended", "detail"),
    [
        (saying(None, refusal="I cannot help."), "refused", "The teacher refused: I cannot help."),
        (saying("", finish_reason="content_filter"), "refused", "The teacher refused: its answer was filtered"),
    ],
)
@pytest.mark.parametrize("searched", [False, True])
def test_a_message_that_is_no_answer_ends_the_research(response: Response, ended: str, detail: str, searched: bool) -> None:
    loop = new_loop()
    if searched:
        hop(loop, "a")
    ask(loop)
    loop.take_response(response)
    trace = finish(loop)
    assert trace.ended == ended
    assert trace.detail.startswith(detail)
    assert trace.answer is None


@pytest.mark.parametrize("finish_reason", ["stop", "length", "content_filter", "tool_calls", None, "eos"])
def test_calls_count_whatever_the_finish_reason_says(finish_reason: str | None) -> None:
    loop = new_loop()
    ask(loop)
    loop.take_response(calling(call("a"), finish_reason=finish_reason, refusal="no", content="text"))
    assert search(loop) == "a"


def test_an_empty_message_after_a_search_is_an_answer() -> None:
    loop = new_loop()
    hop(loop, "a")
    ask(loop)
    loop.take_response(Response())
    assert (finish(loop).ended, finish(loop).answer) == ("answered", "")


def test_a_failure_ends_the_research_with_what_was_found() -> None:
    loop = new_loop()
    hop(loop, "a")
    ask(loop)
    loop.take_failure(Failure(detail="The conversation is too long"))
    trace = finish(loop)
    assert (trace.ended, trace.detail) == ("error", "The conversation is too long")
    assert len(trace.hops) == 1


def test_a_return_that_no_search_asked_for_is_refused() -> None:
    loop = new_loop()
    with pytest.raises(RuntimeError, match="no search"):
        loop.take_return(ToolReturn(text="x"))


def test_sources_of_a_return_stay_with_its_hop() -> None:
    source = Source(chunk_id="c", path="a.md", headings=("A",), start_line=1, end_line=2, rank=1, score=0.5)
    loop = new_loop(max_hops=1)
    ask(loop)
    loop.take_response(calling(call("a")))
    search(loop)
    loop.take_return(ToolReturn(text="x", sources=(source,)))
    assert finish(loop).hops[0].returned.sources == (source,)


def test_ids_are_the_same_in_every_run_and_others_for_every_row() -> None:
    def ids(row: Row) -> list[str]:
        loop = new_loop(max_hops=3, row=row)
        for query in "abc":
            hop(loop, query)
        return [hop.call.id for hop in finish(loop).hops]

    other = ROW.model_copy(update={"id": "0123456789abcdef-2"})
    assert ids(ROW) == ids(ROW)
    assert len({*ids(ROW), *ids(other)}) == 6
    assert all(len(call_id) == 29 and call_id.startswith("call_") for call_id in ids(ROW))


def assert_valid_history(messages: list[dict[str, Any]]) -> None:
    """Check what strict servers check: each call is answered by the next message, arguments are objects, ids are unique."""
    seen: set[str] = set()
    waiting: str | None = None
    for number, message in enumerate(messages):
        if waiting is not None:
            assert message["role"] == "tool"
            assert message["tool_call_id"] == waiting
            waiting = None
        else:
            assert message["role"] in ("system", "user", "assistant")
            assert message["role"] != "system" or number == 0
        assert isinstance(message["content"], str)
        for wire in message.get("tool_calls", ()):
            assert message["role"] == "assistant"
            assert waiting is None, "more than one call in a message"
            assert wire["type"] == "function"
            assert isinstance(json.loads(wire["function"]["arguments"]), dict)
            assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", wire["function"]["name"])
            waiting = wire["id"]
            assert waiting not in seen
            seen.add(waiting)
    assert waiting is None
    assert messages[-1]["role"] != "assistant"
    json.dumps(messages, ensure_ascii=False, allow_nan=False).encode()


RAW_CALLS = st.builds(
    RawCall,
    name=st.just("search_docs") | st.text(max_size=80),
    arguments=st.text(max_size=20).map(lambda query: json.dumps({"query": query}))
    | st.sampled_from([raw.arguments for raw, _ in MALFORMED.values() if len(raw.arguments) < 1000])
    | st.text(max_size=20),
)
RESPONSES = st.builds(
    Response,
    content=st.none() | st.text(max_size=20),
    calls=st.lists(RAW_CALLS, max_size=4).map(tuple),
    finish_reason=st.none() | st.sampled_from(["stop", "length", "tool_calls", "content_filter", "other"]),
    refusal=st.none() | st.sampled_from(["", "no"]),
    model=st.none() | st.text(max_size=5),
    usage=st.builds(Usage, requests=st.just(1), prompt_tokens=st.integers(0, 99), completion_tokens=st.integers(0, 99)),
)
CALLING = RESPONSES.filter(lambda response: bool(response.calls))
REPLIES = st.lists(CALLING | RESPONSES | st.builds(Failure, detail=st.text(max_size=20)), max_size=12)
RETURNS = st.lists(st.builds(ToolReturn, text=st.text(max_size=20), error=st.sampled_from([False, False, False, True])))
LAST = saying("done")


def drive(
    loop: Loop, replies: Iterable[Response | Failure], returns: Iterable[ToolReturn]
) -> tuple[Trace, list[Ask], list[Response | Failure | ToolReturn]]:
    """Drive a loop to its end; return its trace, copies of its requests and all that was given to it."""
    reply, returned = iter(replies), iter(returns)
    asks: list[Ask] = []
    given: list[Response | Failure | ToolReturn] = []
    while not isinstance(step := loop.step(), Finish):
        assert loop.step() == step, "the same answer until something is given back"
        if isinstance(step, Search):
            given.append(next(returned, ToolReturn(text="x")))
            take(loop, given[-1])
        else:
            asks.append(Ask(json.loads(json.dumps(step.messages)), step.tool_choice))
            given.append(next(reply, LAST))
            take(loop, given[-1])
        assert len(given) < 100, "the loop does not end"
    assert loop.step() == step
    return step.trace, asks, given


def take(loop: Loop, thing: Response | Failure | ToolReturn) -> None:
    if isinstance(thing, Response):
        loop.take_response(thing)
    elif isinstance(thing, Failure):
        loop.take_failure(thing)
    else:
        loop.take_return(thing)


@given(REPLIES, RETURNS, st.integers(1, 5), st.none() | st.text(max_size=10))
@example([calling(call("a")), saying(""), saying("")], [ToolReturn(text="e", error=True)], 5, None)
def test_any_responses_end_soon_with_valid_requests_and_without_the_desired_output(
    replies: list[Response | Failure], returns: list[ToolReturn], max_hops: int, prompt: str | None
) -> None:
    trace, asks, given = drive(new_loop(max_hops, prompt), replies, returns)
    assert 1 <= len(asks) <= max_hops + 2  # at least one hop each, but for a nudge and an answer
    assert len(trace.hops) <= max_hops
    for request in asks:
        assert_valid_history(request.messages)
        assert SECRET not in json.dumps(request.messages)
    assert asks[0].tool_choice == "required"
    # Each request goes on where the one before stopped, so that servers can keep what they computed.
    for before, after in itertools.pairwise(asks):
        assert after.messages[: len(before.messages)] == before.messages
    responses = [thing for thing in given if isinstance(thing, Response)]
    assert trace.usage == sum((response.usage for response in responses), Usage())
    # Of the kept endings only an answer that was cut off, as the last response says, has a detail: that sentence.
    cut = trace.ended == "answered" and responses[-1].finish_reason == "length"
    if cut:
        assert trace.detail == ANSWER_CUT
    else:
        assert (trace.ended in ("answered", "max_hops")) == (not trace.detail) or trace.ended == "error"
    if trace.ended in ("answered", "max_hops"):
        assert trace.good_hops
    if trace.ended == "no_calls":
        assert not trace.good_hops
    assert Trace.model_validate_json(trace.model_dump_json()) == trace


@given(REPLIES, RETURNS, st.integers(1, 5), st.integers(0, 30))
def test_a_replay_of_what_is_on_disk_comes_back_to_the_same_place(
    replies: list[Response | Failure], returns: list[ToolReturn], max_hops: int, killed_after: int
) -> None:
    trace, asks, given = drive(new_loop(max_hops), replies, returns)
    recorded = [(type(thing), thing.model_dump_json()) for thing in given]
    loop = new_loop(max_hops)
    for kind, body in recorded[:killed_after]:
        loop.step()
        take(loop, kind.model_validate_json(body))
    asked = sum(kind is not ToolReturn for kind, _ in recorded[:killed_after])
    rest = given[killed_after:]
    resumed, asks_again, _ = drive(
        loop,
        [thing for thing in rest if not isinstance(thing, ToolReturn)],
        [thing for thing in rest if isinstance(thing, ToolReturn)],
    )
    assert resumed == trace
    assert asks_again == asks[asked:]


def test_a_row_that_needs_no_search_is_finished_at_once() -> None:
    loop = new_loop(row=ROW.model_copy(update={"search": False}))
    step = loop.step()
    assert isinstance(step, Finish)
    assert (step.trace.ended, step.trace.hops, step.trace.usage.requests) == ("answered", (), 0)
