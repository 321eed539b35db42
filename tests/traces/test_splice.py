"""The splice: what goes between prompt and desired output, and which traces make no example."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.records import Ending, Example, Hop, Message, Row, Tool, ToolCall, ToolReturn, Trace
from tracegen.traces.splice import splice

TOOL = Tool(
    name="search_docs",
    description="Search the manual.",
    parameters={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    k=5,
    rendering=1,
)


def make_row(prompt: str = "p", output: str = "o") -> Row:
    return Row(id="r-1", line=1, messages=(Message(role="user", content=prompt), Message(role="assistant", content=output)))


def make_hop(query: str, *, error: bool = False, content: str | None = None) -> Hop:
    text = "Error: no" if error else f"about {query}"
    call = ToolCall(id=f"call_{query}", name=TOOL.name, arguments={"query": query})
    return Hop(call=call, returned=ToolReturn(text=text, error=error), content=content)


@given(
    st.text(), st.text(), st.lists(st.tuples(st.text(), st.booleans()), max_size=6), st.sampled_from(["answered", "max_hops"])
)
def test_the_row_stays_whole_and_good_hops_stay_in_order(
    prompt: str, output: str, calls: list[tuple[str, bool]], ended: Ending
) -> None:
    row = make_row(prompt, output)
    hops = tuple(make_hop(query, error=error, content="let me see") for query, error in calls)
    example = splice(row, Trace(hops=hops, ended=ended, answer="thrown away"), TOOL)
    assert isinstance(example, Example)
    assert example.row == row
    assert [hop.call.arguments["query"] for hop in example.hops] == [query for query, error in calls if not error]
    assert all(hop in hops for hop in example.hops)
    assert example.tools == (TOOL.definition,)
    assert "thrown away" not in example.model_dump_json(exclude={"row"})


@pytest.mark.parametrize("ended", ["no_calls", "length", "refused", "error"])
def test_other_endings_make_no_example_but_a_reason(ended: Ending) -> None:
    trace = Trace(hops=(make_hop("a"),), ended=ended, detail="It said so")
    assert splice(make_row(), trace, TOOL) == f"{ended}: It said so"
