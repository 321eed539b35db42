"""A call -> what goes back; the same text, also for a malformed call, that the teacher loop gave in training."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from tracegen.records import RawCall, Tool, ToolReturn
from tracegen.tool_call import read_call

SearchFunction = Callable[[str], Awaitable[ToolReturn]]
"""Searches without holding up the event loop."""


class Served(NamedTuple):
    """What is served."""

    tool: Tool
    """The retrieval function."""
    search: SearchFunction
    """What answers its calls."""
    index_id: str
    """Id of the index searched."""
    version: str
    """Version of tracegen."""


async def answer(served: Served, name: str, arguments: Any) -> ToolReturn:
    """Return what goes back for a call; `arguments` is what the model gave, JSON text or a JSON value."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    query, error = read_call(RawCall(name=name, arguments=text), served.tool)
    return error or await served.search(query)
