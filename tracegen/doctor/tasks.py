"""The tasks of a dataset: what is asked for, and what the answers look like. Rules, no model."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable

from tracegen.doctor.records import Request, Shape, TaskCount
from tracegen.doctor.texts import first_lines
from tracegen.records import Row

CODE_DENSITY = 0.045
"""Share of brackets and operators among all characters, from which on a text without fences is code.

Every program of the sample and of gleam has 0.05 and more, and half of their documentation's paragraphs have none; of 1,653
such paragraphs 38 are taken for code (2026-11)."""
LOOKED_AT = 20_000
"""Characters of an output that its shape is read from."""

_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1[`~]*\s*$", re.M | re.S)
_MARK = re.compile(r"[{}()\[\]=;<>|\\/_&$#@+*^~]|(?<=\w):\s*['\"{\[\d]")
_KEY = re.compile(r"^\s*(?:- )?[\w.\"'-]+:(?:\s|$)", re.M)
_INDENTED = re.compile(r"^(?: {2,}|\t)\S", re.M)

_INLINE = re.compile(r"`[^`\n]+`|\]\([^)\s]+\)")
_FIXING = re.compile(
    r"\b(?:(?:fix|debug|repair) (?:this|it|the|my)|what(?:'s| is) wrong|bug in|"
    r"(?:does|do|did)(?:n't| not) (?:work|compile|run|parse)|fails with|"
    r"(?:get|got|getting) (?:an?|this|the) (?:\w+ )?error)\b|^\s*(?:\w+ )?error:",
    re.I | re.M,
)
_ASKING = 400
"""Characters at either end of a prompt that say what is wanted; what stands between is material."""


def count_tasks(rows: Iterable[Row]) -> tuple[TaskCount, ...]:
    """Return the tasks of a dataset, the most frequent first."""
    groups: dict[tuple[Request, Shape], list[Row]] = defaultdict(list)
    total = 0
    for row in rows:
        total += 1
        shape = shape_of(row.desired_output)
        groups[request_of(row, shape), shape].append(row)
    made = [
        TaskCount(request=request, shape=shape, rows=len(group), share=len(group) / total, lines=first_lines(group))
        for (request, shape), group in groups.items()
    ]
    return tuple(sorted(made, key=lambda task: (-task.rows, task.lines)))


def shape_of(output: str) -> Shape:
    """Return what an output looks like."""
    text = output[:LOOKED_AT].strip()
    if text[:1] in "{[" and _is_json(output):
        return "JSON"
    outside = _FENCE.sub("", text)
    if outside != text:
        return "prose with code" if outside.strip() else "code"
    lines = text.count("\n") + 1
    if lines > 2 and len(_KEY.findall(text)) > lines / 2:
        return "code"
    # Names and links in prose are quoted; code has them bare.
    bare = _INLINE.sub("", text)
    density = len(_MARK.findall(bare)) / max(1, len(bare))
    # Code with few marks, such as Python's, is indented; prose is not, but for lists.
    indented = len(_INDENTED.findall(text)) / lines
    return "code" if density >= CODE_DENSITY or (indented > 0.3 and density >= CODE_DENSITY / 2) else "prose"


def request_of(row: Row, shape: Shape) -> Request:
    """Return what a row asks for: prose answers explain; of the others, the words of the prompt tell mending from writing."""
    if shape.startswith("prose"):
        return "explain"
    prompt = row.prompt[-1].content
    asking = prompt if len(prompt) <= 2 * _ASKING else f"{prompt[:_ASKING]}\n{prompt[-_ASKING:]}"
    return "fix" if _FIXING.search(asking) else "write"


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
