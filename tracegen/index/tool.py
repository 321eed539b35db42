"""The retrieval function as the model sees it: the same file serves research, training and production.

What a model reads is trained on: whoever changes the definition or the text of a return changes what a tuned model expects.
Raise RENDERING when `render` gives another text for the same hits.
"""

from collections.abc import Sequence

from tracegen.records import Hit, Tool

RENDERING = 2

RETURN_CHARS = 6000
"""Characters of the passages of one return, heads not counted; what is there beside the best chunks fills it."""
SECTION_CHARS = 2400
"""Characters that one passage may grow to: a section of this size is returned whole."""

TOOL = Tool(
    name="search_docs",
    description=(
        "Search the documentation. Returns the passages that match best, each with its file, lines and headings. "
        "Ask for one thing at a time: a short question, or the exact name of what you look for. "
        "Search again with other words when the passages do not answer."
    ),
    parameters={
        "type": "object",
        "properties": {"query": {"type": "string", "description": "What to look for."}},
        "required": ["query"],
        "additionalProperties": False,
    },
    k=5,
    rendering=RENDERING,
)

NOTHING_FOUND = "No passage found."
EMPTY_QUERY = "Error: the query is empty. Say what to look for."


def render(hits: Sequence[Hit]) -> str:
    """Return the text of a return: the passages in order, a blank line between them.

    [1] std/arrays.md:41-63 Arrays > std.foldl
    `std.foldl(func, arr, init)` calls the function on ...
    """
    return "\n\n".join(map(_passage, hits)) or NOTHING_FOUND


def _passage(hit: Hit) -> str:
    chunk = hit.chunk
    where = f"{chunk.path}:{chunk.start_line}-{chunk.end_line}"
    return f"[{hit.rank}] {where} {' > '.join(chunk.headings) or chunk.title}\n{chunk.text}"
