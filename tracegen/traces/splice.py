"""The splice: a row's own prompt, the real calls and returns, and its own desired output."""

from tracegen.records import Example, Row, Tool, Trace

KEPT_ENDINGS = ("answered", "max_hops")
"""Endings after which the trace is whole: `max_hops` too, since its calls and returns are real."""


def splice(row: Row, trace: Trace, tool: Tool) -> Example | str:
    """Return the example of a row and its trace, or the reason why there is none.

    Hops whose return is an error are left out; so is whatever the teacher wrote beside its calls, and its answer.
    """
    if trace.ended not in KEPT_ENDINGS:
        return f"{trace.ended}: {trace.detail}"
    return Example(row=row, hops=trace.good_hops, tools=(tool.definition,))
