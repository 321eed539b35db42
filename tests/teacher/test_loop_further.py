"""The teacher loop when it is told to search on after its end."""

from typing import Literal

import pytest

from tests.teacher.test_loop import ask, finish, hop, new_loop, saying
from tracegen.records import Further
from tracegen.teacher import Failure
from tracegen.teacher.loop import Loop


def further(loop: Loop, kind: Literal["nudge", "guide"] = "nudge", max_hops: int = 2) -> Further:
    told = Further(kind=kind, message=f"{kind}: look again", max_hops=max_hops, after=len(loop.hops), retrievable=0.25)
    loop.take_further(told)
    return told


def test_a_finished_loop_can_be_told_to_search_on() -> None:
    loop = new_loop()
    hop(loop, "loops")
    ask(loop)
    loop.take_response(saying("for i in 1..3"))
    assert finish(loop).ended == "answered"
    told = further(loop)
    again = ask(loop)
    assert again.tool_choice == "required"
    assert again.messages[-2:] == [
        {"role": "assistant", "content": "for i in 1..3"},
        {"role": "user", "content": "nudge: look again"},
    ]
    hop(loop, "ranges")
    assert ask(loop).tool_choice == "auto"
    loop.take_response(saying("now I know"))
    trace = finish(loop)
    assert (trace.ended, trace.answer, trace.further) == ("answered", "now I know", (told,))
    # What was said for it is beside the hops: an example, which takes these, cannot hold it.
    assert [made.call.arguments["query"] for made in trace.hops] == ["loops", "ranges"]
    assert "look again" not in "".join(made.model_dump_json() for made in trace.hops)


def test_searching_on_has_a_limit_of_its_own() -> None:
    loop = new_loop(max_hops=1)
    hop(loop, "loops")
    assert finish(loop).ended == "max_hops"
    further(loop, max_hops=2)
    # The last message was a return; what an assistant says stands between it and the user's.
    assert [message["role"] for message in ask(loop).messages[-3:]] == ["tool", "assistant", "user"]
    hop(loop, "ranges")
    hop(loop, "printing")
    assert finish(loop).ended == "max_hops"
    assert len(finish(loop).hops) == 3


@pytest.mark.parametrize("end", ["failure", "refusal", "length"])
def test_where_searching_on_fails_the_research_before_it_stays_good(end: str) -> None:
    loop = new_loop()
    hop(loop, "loops")
    loop.take_response(saying("done"))
    further(loop)
    ask(loop)
    if end == "failure":
        loop.take_failure(Failure(detail="context too long"))
    else:
        loop.take_response(saying(None, refusal="no") if end == "refusal" else saying("cut", finish_reason="length"))
    trace = finish(loop)
    assert trace.ended == "answered"
    assert trace.detail.startswith("Searching on failed: ")
    assert len(trace.hops) == 1


def test_searching_on_ends_when_it_is_enough_and_may_go_on_later() -> None:
    loop = new_loop()
    hop(loop, "loops")
    loop.take_response(saying("done"))
    further(loop)
    hop(loop, "ranges")
    ask(loop)
    loop.take_enough()
    trace = finish(loop)
    assert (trace.ended, trace.enough, len(trace.hops)) == ("answered", True, 2)
    further(loop)
    assert [message["role"] for message in ask(loop).messages[-3:]] == ["tool", "assistant", "user"]
    assert not loop.trace.enough


def test_what_has_not_ended_well_cannot_go_on() -> None:
    loop = new_loop()
    with pytest.raises(RuntimeError, match="good end"):
        further(loop)
    with pytest.raises(RuntimeError, match="searches on"):
        loop.take_enough()
    loop.take_failure(Failure(detail="no"))
    with pytest.raises(RuntimeError, match="good end"):
        further(loop)
