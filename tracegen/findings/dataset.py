"""Checks over all rows of a dataset; each needs one pass over numbers and digests, so time stays linear in the rows."""

from collections.abc import Iterator
from typing import Any

from tracegen.findings.rows import Rows
from tracegen.wording import counted

OUTLIER = 3.5
"""Modified z-score from which on a value is an outlier (Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers)."""
FEW_ROWS = 8
"""With fewer rows than this there is no telling what is usual."""


def duplicate_prompt(rows: Rows) -> Iterator[tuple[int, str]]:
    """Rows with one prompt and one desired output weigh double, and put the same row on both sides of a split.

    Example: line 6 has the prompt and the output of line 1, perhaps with another trace between them.

    To do: leave one of them. The first one of a group is not struck, so `--drop duplicate-prompt` keeps it.
    """
    prompts, outputs = rows.prompts.firsts(), rows.outputs.firsts()
    for place in _later(prompts):
        if outputs[place] == outputs[prompts[place]]:
            yield place, f"the same prompt as line {rows.lines[prompts[place]]}"


def differing_outputs(rows: Rows) -> Iterator[tuple[int, str]]:
    """One prompt with different desired outputs: the rows contradict each other, and the model learns to guess.

    Example: line 2 and line 40 ask the same question, and have two different programs as the answer.

    To do: decide which output is right. Both may be, in a dataset of several answers a question. Struck are all but the first.
    """
    prompts, outputs = rows.prompts.firsts(), rows.outputs.firsts()
    for place in _later(prompts):
        if outputs[place] != outputs[prompts[place]]:
            yield place, f"the prompt of line {rows.lines[prompts[place]]} with another desired output"


def near_duplicate(rows: Rows) -> Iterator[tuple[int, str]]:
    """Rows that are nearly the same teach little more than one of them, and leak between training and validation.

    Example: line 31 is line 30 with another name for its variable.

    To do: keep the better one, or keep both on one side of a split. Rows of a template (`add 3`, `add 4`) are struck, too; a
    row and what names it in `variant_of` are not, nor are two variants of one row.
    """
    prompts = rows.prompts.firsts()
    near = rows.near()
    for place in _later(near):
        if prompts[place] == place:
            yield place, f"nearly the same prompt and output as line {rows.lines[near[place]]}"


def differing_tools(rows: Rows) -> Iterator[tuple[int, str]]:
    """Rows of one file should define the same tools: those that the model is served with.

    Example: all rows define `search_docs`, and line 9 defines `search_documentation`.

    To do: generate the row again with the tool of the others.
    """
    for place in _unlike(rows.toolsets.firsts(), usual := rows.toolsets.usual()):
        yield place, f"not the tools of most rows, such as line {rows.lines[usual]}"


def differing_system(rows: Rows) -> Iterator[tuple[int, str]]:
    """Rows of one task should have the same system prompt: the one that the model is served with.

    Example: 900 rows say `You write Zorp.`, and line 7 says `You are a helpful assistant.`

    To do: give all rows of a task one system prompt, unless you mean to train several tasks.
    """
    for place in _unlike(rows.systems.firsts(), usual := rows.systems.usual()):
        yield place, f"not the system prompt of most rows, such as line {rows.lines[usual]}"


def long_trace(rows: Rows) -> Iterator[tuple[int, str]]:
    """Far longer than the other rows: the search went round in circles, or the row is another task.

    Example: 9 hops where the median row has 2. Measured with the median absolute deviation, which a few giants do not shift.

    To do: read the row. `--max-hops` bounds the hops, and a tool with smaller returns the length (docs/tool.md).
    """
    hops, tokens = _far_above(rows.hops, 3), _far_above(rows.tokens, 500)
    for place in (hops | tokens).nonzero()[0].tolist():
        if hops[place]:
            yield place, f"{counted(rows.hops[place], 'hop')}; the median row has {_median(rows.hops)}"
        else:
            yield place, f"about {rows.tokens[place]:,} tokens; the median row has {_median(rows.tokens):,}"


def _later(firsts: Any) -> list[int]:
    """Return the places of the rows that have something an earlier row has."""
    import numpy as np

    places: list[int] = (firsts != np.arange(len(firsts))).nonzero()[0].tolist()
    return places


def _unlike(firsts: Any, usual: int) -> list[int]:
    places: list[int] = (firsts != usual).nonzero()[0].tolist()
    return places


def _median(values: Any) -> int:
    import numpy as np

    return int(np.percentile(values, 50, method="inverted_cdf"))


def _far_above(values: Any, least: int) -> Any:
    """Return which values are outliers above: by their modified z-score, by at least `least`, and more than twice as much.

    Where more than half of the values are equal, their median deviation is 0, and the mean absolute deviation takes its
    place, as IBM SPSS does it.
    """
    import numpy as np

    numbers = np.asarray(values, dtype="float64")
    if len(numbers) < FEW_ROWS:
        return np.zeros(len(numbers), dtype=bool)
    above = numbers - np.median(numbers)
    deviation = 1.4826 * np.median(np.abs(above)) or 1.2533 * np.mean(np.abs(above))
    return (above > OUTLIER * deviation) & (above >= least) & (above > np.median(numbers))
