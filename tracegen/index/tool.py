"""The retrieval function as the model sees it: the same file serves research, training and production.

What a model reads is trained on: whoever changes the definition or the text of a return changes what a tuned model expects.
Raise RENDERING when `render` or `within_budget` gives another text for the same hits and the same tool, or when passages are
joined in another way.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from tracegen.records import Chunk, Hit, Tool

RENDERING = 7

PASSAGE_CHARS = 1300
"""Characters that a return has for each passage on average, or fewer where the tool has a smaller budget: the choice between
what is found and the tokens that training rows cost. Figures in docs/retrieval.md."""
PASSAGE_TOKENS = 325
"""And tokens, where the tool's budget is in tokens."""
LONGEST_PASSAGE = 2.0
"""How many times its even share of a return a passage may have. With 1.75 fewer rows are found, by up to two points."""

DEFAULT_TOOL = Tool(
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

CUT = "\n..."
"""What stands behind a passage that was cut."""
EMPTY_QUERY = "Error: the query is empty. Say what to look for."


def within_budget(hits: Sequence[Hit], tool: Tool, count_tokens: Callable[[str], int]) -> list[Hit]:
    """Return the first hits, as many as the tool's return has room for; where not even one fits, the first one, cut.

    A passage is cut at the end of a line where that is possible: the start of a page still says where to look on.
    """
    size, budget = (len, tool.max_chars) if tool.max_chars else (count_tokens, tool.max_tokens)
    if not budget or not hits:
        return list(hits)
    count = next((n for n in range(len(hits), 0, -1) if size(render(hits[:n])) <= budget), 0)
    return list(hits[:count]) or [_cut(hits[0], lambda hit: size(render([hit])), budget)]


def _cut(hit: Hit, size: Callable[[Hit], int], budget: int) -> Hit:
    """Return a hit whose text is cut to the budget."""
    text = hit.chunk.text

    def shortened(length: int) -> Hit:
        kept = text[:length]
        return hit.model_copy(update={"chunk": hit.chunk.model_copy(update={"text": kept + CUT})})

    # The longest beginning that fits; not even the heading may fit, then the text is cut off whole.
    length = max(bisect_right(range(len(text)), budget, key=lambda length: size(shortened(length))) - 1, 0)
    line_end = text.rfind("\n", 0, length + 1)
    return shortened(line_end if line_end > 0 else length)


def render(hits: Sequence[Hit], nothing_found: str = DEFAULT_TOOL.nothing_found) -> str:
    """Return the text of a return: the passages in order, a blank line between them.

    [1] std/arrays.md:41-63 Arrays > std.foldl
    `std.foldl(func, arr, init)` calls the function on ...
    """
    return "\n\n".join(map(_passage, hits)) or nothing_found


def head(rank: int, chunk: Chunk) -> str:
    """Return the line above a passage."""
    return f"[{rank}] {chunk.path}:{chunk.start_line}-{chunk.end_line} {' > '.join(chunk.headings) or chunk.title}"


def _passage(hit: Hit) -> str:
    return f"{head(hit.rank, hit.chunk)}\n{hit.chunk.text}"
