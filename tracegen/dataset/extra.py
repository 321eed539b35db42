"""Rows that are not variants: those that need no search, and those whose search finds nothing.

Their desired outputs are honest because nothing in them is known by heart: the one is a text that stands in the prompt, the
other says that the documentation does not mention a name, and the name was looked for in all of it.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from tracegen.records import NOTHING_FOUND, Row

NOT_DOCUMENTED = "The documentation does not mention `{name}`."
"""The desired output about a name that is nowhere; its user may give another, with {name} in it."""

_AGAIN = (
    "Here is what I have:\n\n{fenced}\n\nGive it back to me exactly as it stands, without the fence.",
    "{fenced}\n\nRepeat this unchanged, nothing else please.",
    "I only want to see whether copying works here. Please return this text as it is:\n\n{fenced}",
    "nothing to change in this one, just print it again without the backticks:\n\n{fenced}",
)
_ABOUT: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("{fenced}\n\nHow many lines does it have? Only the number.", lambda text: str(len(text.splitlines()))),
    ("What is the first line of this?\n\n{fenced}", lambda text: text.splitlines()[0]),
    ("{fenced}\n\nI need this as one JSON string, to paste it into a file.", lambda text: json.dumps(text, ensure_ascii=False)),
)
_ASKED = (
    "What does `{name}` do?",
    "Which arguments does `{name}` take?",
    "Show me how to use `{name}`.",
    "is there something to watch out for with {name}?",
    "How do I call `{name}` correctly?",
)
_CALLED = re.compile(r"(?<!\w)((?:[^\W\d]\w*(?:\.|::))*)([^\W\d]\w*)\(")
_PART = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def without_search(row: Row, random: Random) -> dict[str, Any]:
    """Return a row that is answered from its prompt alone: it has the desired output of another row, and asks for it again.

    Where the row has instructions of its own, the output is that text and nothing else, as they may want it; else it may also
    be something counted or copied from it. `search` is false, so that it is not researched. Empty lines around the text are
    left out, as the fence would hide them.
    """
    text = row.desired_output.strip("\n")
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    fenced = f"{fence}\n{text}\n{fence}"
    instructions = [message.model_dump() for message in row.prompt if message.role in ("system", "developer")]
    ways: list[tuple[str, Callable[[str], str]]] = [(words, str) for words in _AGAIN]
    if not instructions and text.splitlines()[0].strip():
        ways += _ABOUT
    words, answer = random.choice(ways)
    messages = [
        *instructions,
        {"role": "user", "content": words.format(fenced=fenced)},
        {"role": "assistant", "content": answer(text)},
    ]
    return {"messages": messages, "search": False, "variant_of": row.id, "variant": "no-search"}


class Name(NamedTuple):
    """A name that is called."""

    qualifier: str
    """`std.`, or ""."""
    last: str
    """`objectFields`."""


def invented_names(rows: Sequence[Row], documented: Collection[str], random: Random) -> Iterator[str]:
    """Yield names that look like those that the desired outputs call, and are in neither documentation nor rows.

    `documented` are the words of the whole documentation, case-folded. A name is put together from the parts of two real ones
    with one qualifier: from `std.objectFields` and `std.splitLimit`, `std.objectLimit`. All there are, in an order of chance.
    """
    texts = [message.content for row in rows for message in row.messages]
    taken = {word.casefold() for text in texts for word in re.findall(r"\w+", text)} | set(documented)
    called = {Name(*found) for row in rows for found in _CALLED.findall(row.desired_output)}
    real = sorted(name for name in called if name.last.casefold() in documented)
    found = []
    for one in real:
        for other in real:
            parts, ends = _PART.findall(one.last), _PART.findall(other.last)
            if one.qualifier != other.qualifier or one == other or not parts or not ends:
                continue
            snake = "_" in one.last or "_" in other.last or not any(name.last != name.last.lower() for name in real)
            last = f"{parts[0]}_{ends[-1]}" if snake else parts[0] + ends[-1][0].upper() + ends[-1][1:]
            if last.casefold() not in taken:
                taken.add(last.casefold())
                found.append(one.qualifier + last)
    random.shuffle(found)
    yield from found


def about_nothing(name: str, rows: Sequence[Row], answer: str, random: Random) -> dict[str, Any]:
    """Return a row that asks about a name that is documented nowhere, under the instructions of one of the rows."""
    instructions = [m.model_dump() for m in random.choice(rows).prompt if m.role in ("system", "developer")]
    messages = [
        *instructions,
        {"role": "user", "content": random.choice(_ASKED).format(name=name)},
        {"role": "assistant", "content": answer.replace("{name}", name)},
    ]
    return {"messages": messages, "variant": NOTHING_FOUND}
