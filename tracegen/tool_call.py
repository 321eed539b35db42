"""Checks of a call of the retrieval function: research and serving answer a malformed one with the same text."""

import json

from tracegen.records import RawCall, Tool, ToolReturn

MAX_QUERY_CHARS = 2_000
"""A longer query goes back as an error: no embedder reads that far."""


def read_call(raw: RawCall, tool: Tool) -> tuple[str, ToolReturn | None]:
    """Return the query of a call ("" where there is none), and what goes back where the call is malformed, or None."""
    query, problem = _read(raw, tool)
    return query, None if problem is None else ToolReturn(text=f"Error: {problem}", error=True)


def _read(raw: RawCall, tool: Tool) -> tuple[str, str | None]:
    if raw.name != tool.name:
        return "", f"there is no function {raw.name[:64]!r}. Call {tool.name}."
    form = f'Call {tool.name} with {{"query": "..."}}.'
    try:
        arguments = json.loads(raw.arguments)
        if isinstance(arguments, str):  # some servers encode twice
            arguments = json.loads(arguments)
    except (ValueError, RecursionError):
        return "", f"the arguments are not JSON. {form}"
    query = arguments.get("query") if isinstance(arguments, dict) else None
    if not isinstance(query, str):
        return "", f"the arguments have no text `query`. {form}"
    query = query.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
    if not query:
        return "", f"the query is empty. {form}"
    if len(query) > MAX_QUERY_CHARS:
        return query[:80], f"the query has {len(query)} characters. Ask for one thing, in at most {MAX_QUERY_CHARS}."
    return query, None
