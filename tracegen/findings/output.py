"""Checks of the desired output against the returns: copied from them, or contradicting them."""

import re
from collections.abc import Iterator
from functools import lru_cache

from tracegen.findings.signatures import arity_conflicts, flag_conflicts
from tracegen.traces.chat import Chat

COPY_MIN_CHARACTERS = 20
"""A desired output shorter than this (`true`, `[1, 2]`) stands in many a return by chance."""
COPY_RUN = 8
"""Words and signs in a row that count as copied: fewer stand in a return by chance."""
COPIED = 0.8
"""Share of the desired output from which on it is an open-book copy."""

_ONE_FENCE = re.compile(r"\s*(```+|~~~+)[^\n]*\n(.*)\n\1\s*", re.DOTALL)
_TOKEN = re.compile(r"\w+|[^\w\s]")


def answer_in_return(chat: Chat) -> Iterator[str]:
    """Desired outputs that stand word for word in a return teach copying; a few such rows do no harm.

    Example: the documentation has the exercise with its solution. Struck where the output stands in one return, whatever its
    white space, or where 80 % of its words and signs stand in the returns in runs of at least 8.

    To do: look at the share of such rows that `inspect` gives. If it is large, leave the page with the solutions out of the
    index.
    """
    output = _words(_bare(chat.desired_output))
    if len(output) < COPY_MIN_CHARACTERS:
        return
    where = [turn.number for turn, _ in chat.returns if output in _words(turn.text or "")]
    for number in where:
        yield f"message {number} returns the desired output word for word"
    share = 0 if where else copied_share(chat) or 0
    if share >= COPIED:
        yield f"{share:.0%} of the desired output stands in the returns, in runs of {COPY_RUN} words and signs or more"


def copied_share(chat: Chat) -> float | None:
    """Return how much of the desired output stands in the returns, 0 to 1: words and signs in runs of at least `COPY_RUN`.

    None where there is no return, or the output is too short to tell.
    """
    return _copied_share(chat.desired_output, tuple(turn.text or "" for turn, _ in chat.returns))


@lru_cache(maxsize=4)
def _copied_share(desired: str, texts: tuple[str, ...]) -> float | None:
    output = _TOKEN.findall(_bare(desired))
    if not texts or len(output) < COPY_RUN or sum(map(len, output)) < COPY_MIN_CHARACTERS:
        return None
    runs = {tuple(output[at : at + COPY_RUN]) for at in range(len(output) - COPY_RUN + 1)}
    found: set[tuple[str, ...]] = set()
    for text in texts:
        words = _TOKEN.findall(text)
        found.update(runs.intersection(zip(*(words[start:] for start in range(COPY_RUN)), strict=False)))
    copied = [False] * len(output)
    for at in range(len(output) - COPY_RUN + 1):
        if tuple(output[at : at + COPY_RUN]) in found:
            copied[at : at + COPY_RUN] = [True] * COPY_RUN
    return sum(copied) / len(output)


def contradicts_returns(chat: Chat) -> Iterator[str]:
    """Other numbers of arguments or other flags than the returns show: the row teaches not to believe what was read.

    Example: a return says `std.join(sep, arr)`, and the output calls `std.join(arr)`; or `--tla-str` and `--tla_str`. Only what
    can be seen is struck: signatures of names alone, in parentheses. Calls after a pipe, of methods and of curried functions,
    signatures with defaults, optional or repeated parameters, and names with several signatures are left alone.

    To do: run the output, and correct it or the documentation: one may be of another version.
    """
    if chat.returns:
        yield from arity_conflicts(chat)
        yield from flag_conflicts(chat)


def _bare(output: str) -> str:
    fenced = _ONE_FENCE.fullmatch(output)
    return fenced[2] if fenced else output


def _words(text: str) -> str:
    return " ".join(text.split())
