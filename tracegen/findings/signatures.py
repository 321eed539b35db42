"""Calls and flags of a desired output that contradict what the returns of its row show.

A signature is `name(a, b)` whose arguments are plain names, with or without types, in a heading, in backticks or after a word
of definition (`fn`, `def`). A call contradicts it where its number of arguments is none that any call or signature of that name
in the returns has. Whoever writes signatures without parentheses (Haskell, shell) is not seen.
"""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from functools import lru_cache
from typing import NamedTuple

from tracegen.findings.evidence import cached_terms
from tracegen.findings.passages import passages_in
from tracegen.findings.rows import prompt_of
from tracegen.traces.chat import Chat, visible
from tracegen.traces.terms import code_of
from tracegen.traces.vocabulary import CODE

ALIKE = 0.85
"""Flags so much alike (Ratcliff and Obershelp 1988, as difflib has it) are two spellings of one."""

_CALL = re.compile(r"(?<![\w.])((?:[^\W\d]\w*(?:\.|::))*)([^\W\d]\w*[?!]?)\(")
# Manuals write `insert (list, [pos,] value)`; of a program that may be a call with a tuple.
_SPACED = re.compile(_CALL.pattern.removesuffix(r"\(") + r" ?\(")
# Outside of code, `sort (in place)` is prose.
_LISTED = re.compile(r",|\[|\.\.\.")
_QUOTED_OR_COMMENT = re.compile(
    r'"""(?:.|\n)*?"""|"(?:\\.|[^"\\\n])*"' r"|'(?:\\.|[^'\\\n])*'|/\*(?:.|\n)*?\*/|(?<![:\w])//[^\n]*|(?:(?<=\s)|^)# [^\n]*",
    re.M,
)
_DEFINES = re.compile(r"(?:\b(?:fn|fun|func|function|def|proc|sub|macro|method)|`|^#+\s*|^)\s*$")
# In the line of headings above a passage; elsewhere it compares.
_BELOW = re.compile(r"\s>\s+$")
_PARAMETER = re.compile(r"[^\W\d]\w*(?:\s+[^\W\d]\w*)?(?:\s*:\s*[^=?]+)?\Z")
_OPEN_ENDED = re.compile(r"\.\.\.|…|=|\?|\*|\[|\boptional\b", re.IGNORECASE)
_PIPE = re.compile(r"(?:<-|\|>|\|>>|->>?|%>%|\||\.|!|>>=?|<\||\$)\s*\Z")
_FLAG = re.compile(r"(?<![\w-])--[a-zA-Z][\w-]*\w")
_LONGEST_ARGUMENTS = 2_000
_NO_NAMES = frozenset(
    """function fn fun func lambda proc def sub macro method if elif else while for foreach until switch match case when catch
    return yield assert not and or in is as with import typeof sizeof new delete await async print super self this""".split()  # noqa: SIM905 - readable so
)
"""Words with parentheses behind them that are no function of that name in one language or another."""


class Applied(NamedTuple):
    """A name with parentheses behind it."""

    qualifier: str
    """`std` of `std.join`, or ""."""
    name: str
    arity: int | None
    """Number of arguments; None where it cannot be told."""
    signature: bool
    """Whether it looks like a signature."""
    open_ended: bool
    """Whether parameters may be left out or repeated."""
    piped: bool
    """Whether an argument may come from elsewhere: after a pipe, on a value, or given in further parentheses."""
    text: str


def arity_conflicts(chat: Chat) -> Iterator[str]:
    """Yield the calls of a desired output that have another number of arguments than all that its returns show."""
    code = code_of(chat.desired_output)
    defined = cached_terms(chat.desired_output).defined
    calls = [call for call in applied(code) if not call.piped and call.arity is not None and call.name not in defined]
    if not calls:
        return
    shown: dict[str, list[tuple[Applied, str, int]]] = {}
    for turn, _ in chat.returns:
        for passage in passages_in(turn.text or ""):
            place = f"{passage.place} {passage.headings}"
            for found in _applied(f"{passage.headings}\n{passage.text}"):
                shown.setdefault(found.name, []).append((found, place, turn.number))
    told = set()
    for call in calls:
        known = shown.get(call.name, [])
        signatures = [entry for entry in known if entry[0].signature and _same_function(call, entry[0], entry[1])]
        # A name with a signature that leaves something open, or with several, may be called in many ways.
        if not signatures or any(found.open_ended or found.arity is None for found, _, _ in known if found.signature):
            continue
        counts = {found.arity for found, _, _ in known} | {
            found.arity + 1 for found, _, _ in known if found.piped and found.arity is not None
        }
        if call.arity not in counts and len({found.arity for found, _, _ in signatures}) == 1 and call.text not in told:
            told.add(call.text)
            signature, _, number = signatures[0]
            yield f"the output has {visible(call.text, 60)}; message {number} has {visible(signature.text, 60)}"


def flag_conflicts(chat: Chat) -> Iterator[str]:
    """Yield the flags of a desired output that neither prompt nor returns have, where the returns have one much alike."""
    used = set(_FLAG.findall(chat.desired_output))
    if not used:
        return
    prompt = {flag for turn in prompt_of(chat) for flag in _FLAG.findall(turn.text or "")}
    shown = {flag: turn.number for turn, _ in reversed(chat.returns) for flag in _FLAG.findall(turn.text or "")}
    for flag in sorted(used - prompt - set(shown)):
        for known, number in sorted(shown.items()):
            if known not in used and _two_spellings(flag, known):
                yield f"the output has {visible(flag, 40)}; message {number} has {visible(known, 40)}"
                break


def _two_spellings(one: str, other: str) -> bool:
    plain_one, plain_other = (re.sub(r"[-_]", "", flag).casefold() for flag in (one, other))
    if plain_one == plain_other:
        return True
    # `--input` and `--no-input`, `--tla-str` and `--tla-str-file` are two flags; so are `--arg1` and `--arg2`.
    contained = plain_one.startswith(plain_other) or plain_other.startswith(plain_one)
    contained = contained or plain_one.endswith(plain_other) or plain_other.endswith(plain_one)
    differ = set(re.split(r"[-_]", one.strip("-"))) ^ set(re.split(r"[-_]", other.strip("-")))
    if contained or len(differ) != 2 or min(map(len, differ)) < 4 or any(re.search(r"\d", part) for part in differ):
        return False
    first, second = sorted(differ)
    return SequenceMatcher(None, first, second).ratio() >= ALIKE


def _same_function(call: Applied, found: Applied, place: str) -> bool:
    if call.qualifier == found.qualifier:
        return True
    # `list.fold` in the output, and `fold(...)` on the page of `list`.
    return bool(call.qualifier) and not found.qualifier and re.search(rf"\b{re.escape(call.qualifier)}\b", place) is not None


@lru_cache(maxsize=2_048)
def _applied(text: str) -> tuple[Applied, ...]:
    # The same passages come back in row after row.
    return tuple(applied(text, _SPACED))


def applied(text: str, pattern: re.Pattern[str] = _CALL) -> list[Applied]:
    """Return every name with parentheses behind it, in order; strings and comments are empty."""
    bare = _QUOTED_OR_COMMENT.sub(lambda match: '""' if match[0][0] in "\"'" else "", text)
    marked = [found.span() for found in CODE.finditer(bare)] if pattern is _SPACED else []
    first_line = bare.find("\n")
    results = []
    for match in pattern.finditer(bare):
        inside = _inside(bare, match.end())
        if inside is None or match[2] in _NO_NAMES:
            continue
        parts = _parts(inside)
        after = bare[match.end() + len(inside) + 1 : match.end() + len(inside) + 3].lstrip(" ")
        before = bare[max(match.start() - 40, 0) : match.start()]
        named = any(re.match(r"\s*[^\W\d]\w*\s*=(?!=)", part) for part in parts)
        spread = any(part.strip().startswith(("..", "*", "&")) for part in parts)
        line = before.rsplit("\n", 1)[-1]
        defines = _DEFINES.search(line) or (match.start() < first_line and _BELOW.search(line))
        signature = bool(defines) and all(_PARAMETER.match(part.strip()) or _OPEN_ENDED.search(part) for part in parts)
        if signature and bare[match.end() - 2] == " " and not _LISTED.search(inside):
            signature = any(start < match.start() < end for start, end in marked)
        results.append(
            Applied(
                qualifier=re.sub(r"\W+\Z", "", match[1]).replace("::", ".").rsplit(".", 1)[-1],
                name=match[2],
                arity=None if named or spread else len(parts),
                signature=signature,
                open_ended=_OPEN_ENDED.search(inside) is not None,
                piped=_PIPE.search(before) is not None or (after.startswith(("(", "{")) and not signature),
                text=f"{match[1]}{match[2]}({' '.join(inside.split())})",
            )
        )
    return results


def _inside(text: str, start: int) -> str | None:
    """Return what stands between the parenthesis before `start` and its partner, or None where there is none near."""
    depth = 1
    for at in range(start, min(len(text), start + _LONGEST_ARGUMENTS)):
        if text[at] in "([{":
            depth += 1
        elif text[at] in ")]}":
            depth -= 1
            if not depth:
                return text[start:at] if text[at] == ")" else None
    return None


def _parts(inside: str) -> list[str]:
    """Return the arguments: what commas outside of brackets part; a comma at the end parts nothing."""
    parts, depth, last = [], 0, 0
    for at, sign in enumerate(inside):
        if sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        elif sign == "," and not depth:
            parts.append(inside[last:at])
            last = at + 1
    parts.append(inside[last:])
    return parts if parts[-1].strip() else parts[:-1]
