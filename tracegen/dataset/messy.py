"""Prompts as people really type them, made by rules: the same question, with everything in it that the desired output needs.

What a rule may change is prose: words outside of code, quotes and brackets that do not stand in the desired output. Code is
what is fenced, in backticks, indented, in quotes, in braces or square brackets, or on a line that is not like a sentence.
The rules `terse`, `rambling` and `premise` know English only, and leave prompts in other languages alone.
"""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from random import Random
from typing import Literal, NamedTuple

RuleKind = Literal["typos", "terse", "rambling", "premise"]

WORDS_PER_TYPO = 9
"""One in so many words that may have a typo has one."""
MOST_TYPOS = 12
LONGEST_TERSE = 120
"""Words. A longer prompt is not terse, whatever is left out of it."""

_CODE = re.compile(
    r"^(?P<fence>`{3,}|~{3,})[^\n]*\n.*?(?:^(?P=fence)[^\n]*$|\Z)"  # a fenced block
    r"|^(?: {4}|\t)[^\n]*$"  # an indented line
    r"|`[^`\n]+`"
    r"|\"[^\"\n]*\""
    r"|(?<!\w)'[^'\n]*'(?!\w)"
    r"|(?<!\w)[“‘«„][^”’»\n]*[”’»]"
    r"|<[^<>\n]+>"
    r"|\]\([^()\n]*\)"  # the address of a link
    r"|^\s{0,3}\[[^\]\n]+\]:[^\n]*$",  # of a link by reference
    re.MULTILINE | re.DOTALL,
)
_BRACKETS = {"{": "}", "[": "]"}
_WORD = re.compile(r"(?<![^\s(])([a-z]{4,})(?=[\s,.;:!?)]|$)")
_TOKEN = re.compile(r"\w+")
_ENGLISH = frozenset(
    "a an and are as at be but by can do for from has have how i if in into is it my not of on one or should so that the then "  # noqa: SIM905
    "this to want was what when where which with without would you your".split()
)
_NEIGHBOURS = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        "sq vn xv sf wr dg fh gj uo hk jl ko nk bm ip ol wa et ad ry yi cb qe zc tu xs".split(),  # noqa: SIM905
        strict=True,
    )
)


class Span(NamedTuple):
    """A part of a prompt."""

    text: str
    """The text; all spans joined are the prompt."""
    is_prose: bool
    """Whether a rule may change it."""


def spans(prompt: str) -> list[Span]:
    """Return a prompt in parts that are prose or code, in order."""
    is_code = bytearray(len(prompt))
    for match in _CODE.finditer(prompt):
        is_code[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    for start, end in _bracketed(prompt, is_code):
        is_code[start:end] = b"\1" * (end - start)
    place = 0
    for line in prompt.splitlines(keepends=True):
        if not _reads_like_prose(line):
            is_code[place : place + len(line)] = b"\1" * len(line)
        place += len(line)
    edges = [0, *(at for at in range(1, len(prompt)) if is_code[at] != is_code[at - 1]), len(prompt)]
    return [Span(prompt[a:b], not is_code[a]) for a, b in pairwise(edges) if a < b]


def _bracketed(prompt: str, is_code: bytearray) -> Iterator[tuple[int, int]]:
    """Yield where outermost braces and square brackets begin and end; one that is never closed protects the rest."""
    open_at: list[tuple[int, str]] = []
    for at, character in enumerate(prompt):
        if is_code[at]:
            continue
        if character in _BRACKETS:
            open_at.append((at, _BRACKETS[character]))
        elif open_at and character == open_at[-1][1]:
            start, _ = open_at.pop()
            if not open_at:
                yield start, at + 1
    if open_at:
        yield open_at[0][0], len(prompt)


def _reads_like_prose(line: str) -> bool:
    """Return whether a line may be changed: at least four words, and few signs of code."""
    words = line.split()
    plain = sum(bool(re.fullmatch(r"[(\"'*_]*[^\W\d_][^\W\d_]*(?:['’-][^\W\d_]+)*[)\"'*_.,;:!?]*", word)) for word in words)
    return plain >= 4 and plain >= 0.6 * len(words)


# --- the rules -----------------------------------------------------------------------------------------------------------


def typos(prompt: str, output: str, random: Random) -> str | None:
    """Return a prompt with typing errors in some words of its prose, or None where there is none to change.

    Words with a capital may be names, and stay.
    """
    kept = {token.casefold() for token in _TOKEN.findall(output)}
    parts = spans(prompt)
    places = [
        (number, match.start(1), match.end(1))
        for number, part in enumerate(parts)
        if part.is_prose
        for match in _WORD.finditer(part.text)
        if match[1].casefold() not in kept
    ]
    if not places:
        return None
    count = min(max(1, len(places) // WORDS_PER_TYPO), MOST_TYPOS)
    texts = [part.text for part in parts]
    for number, start, end in sorted(random.sample(places, count), reverse=True):
        texts[number] = texts[number][:start] + _mistyped(texts[number][start:end], random) + texts[number][end:]
    return "".join(texts)


def _mistyped(word: str, random: Random) -> str:
    """Return a word with one typing error, never in its first letter, and never the word itself."""
    at = random.randrange(1, len(word) - 1)
    here, following = word[at], word[at + 1]
    other = random.choice(_NEIGHBOURS[here])
    ways = [word[:at] + word[at + 1 :], word[:at] + here + word[at:], word[:at] + other + word[at + 1 :]]
    if here != following:
        # The most common error of all.
        ways += [word[:at] + following + here + word[at + 2 :]] * 2
    return random.choice(ways)


_GREETING = re.compile(r"(?i)\s*(?:hi|hello|hey)(?: there| all| everyone)?[!,.]+\s+")
_POLITE = re.compile(
    r"(?i)(?<![^\s(])(?:please\b,?\s+|kindly\s+|(?:can|could|would) you (?:please )?(?=[a-z])"
    r"|i(?: would|'d|’d) like (?:you to|to have)\s+|i(?: would|'d|’d) like (?=an?\b|the\b)"
    r"|i need (?=an?\b|the\b)|i am looking for (?=an?\b|the\b))"
    r"|(?:,\s*|\s+)please(?=[.,;:!?)])"
    r"|(?:,\s*|\s+)(?:thanks|thank you|many thanks|cheers)(?: in advance| a lot| so much)?[!.]*(?=\s*$)"
)
_ARTICLE = re.compile(
    r"(?:(?:(?<![^\n])|(?<=[.!?:]\s))(?:[Aa]n?|[Tt]he)|(?<=\s)(?:an?|the))\s(?=[A-Za-z(`'\"])"
    # where `a` is a name
    r"(?!(?:and|are|as|be|by|can|equals|has|in|is|must|of|or|should|than|to|was|with)\b)"
)


def terse(prompt: str, output: str, random: Random) -> str | None:
    """Return an English prompt without courtesies and articles, or None where it is long or nothing is to be left out."""
    if not is_english(prompt) or len(prompt.split()) > LONGEST_TERSE:
        return None
    kept = {token.casefold() for token in _TOKEN.findall(output)}

    def left_out(match: re.Match[str]) -> str:
        return match[0] if kept & {token.casefold() for token in _TOKEN.findall(match[0])} else ""

    texts: list[str] = []
    for part in spans(prompt):
        polite = _GREETING.sub("", part.text, count=1) if not texts and _GREETING.match(part.text) else part.text
        texts.append(_ARTICLE.sub(left_out, _POLITE.sub(left_out, polite)) if part.is_prose else part.text)
    short = "".join(texts).strip()
    return short if len(short.split()) <= 0.95 * len(prompt.split()) else None


_BEFORE = (
    "Hi all, I hope this is the right place to ask.",
    "So, I have been sitting at this since this morning, my coffee is gone, and I no longer see the wood for the trees.",
    "Sorry if this has been asked a hundred times, I did look around first.",
    "A bit of background: I took this over from a colleague who has left, and nobody else here knows it well.",
    "First of all thanks for your time, I know that questions like this one can be tiring.",
    "ok so this is for a small thing at work, nothing critical, but I promised to have it done by tomorrow.",
    "I am fairly new to this, so bear with me if I use the wrong words.",
    "We had something like it once, but it got lost when the old server was switched off, long story.",
)
_AFTER = (
    "Sorry for the long text, I hope it is clear what I mean.",
    "Anyway, that is about it. My boss asked for it twice already, so thanks a lot in advance!!",
    "I am on my phone, so excuse the formatting.",
    "No hurry, but the sooner the better, you know how it is.",
    "That's all I think. If it works I owe you one.",
    "I tried a few things before that went nowhere, they are not worth showing.",
)


def rambling(prompt: str, output: str, random: Random) -> str | None:
    """Return an English prompt with talk around it that changes nothing of what it asks."""
    if not is_english(prompt):
        return None
    question = _GREETING.sub("", prompt, count=1) if _GREETING.match(prompt) else prompt
    before, after = random.choice(_BEFORE), random.choice(_AFTER)
    return f"{before}{' ' if question[0].isalpha() else chr(10) * 2}{question.rstrip()}\n\n{after}"


_LANGUAGES = ("Python", "JavaScript", "Java", "C++", "PHP", "SQL")
_PREMISES = (
    "I suppose it is written just as in {}.",
    "It should be the same as in {}, I think.",
    "I only know {}, so I assume that the syntax is the one from there.",
    "Somebody told me that this is basically {}, so it will look like that.",
)


def premise(prompt: str, output: str, random: Random) -> str | None:
    """Return an English prompt that also takes the language for another one; the prompt does not name that one."""
    others = [name for name in _LANGUAGES if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", prompt + output)]
    if not is_english(prompt) or not others:
        return None
    return f"{prompt.rstrip()}\n\n{random.choice(_PREMISES).format(random.choice(others))}"


Rule = Callable[[str, str, Random], str | None]
RULES: dict[RuleKind, Rule] = {"typos": typos, "terse": terse, "rambling": rambling, "premise": premise}
"""The rules by name; each takes prompt, desired output and a source of chance."""


def is_english(text: str) -> bool:
    """Return whether the prose of a text reads like English: a fifth of its words are of the most common ones."""
    words = [word.casefold() for part in spans(text) if part.is_prose for word in re.findall(r"[^\W\d_]+", part.text)]
    return len(words) >= 4 and sum(word in _ENGLISH for word in words) >= len(words) / 5


# --- the check -----------------------------------------------------------------------------------------------------------


def lost(prompt: str, output: str, variant: str) -> list[str]:
    """Return what the desired output takes from the prompt and the variant no longer has, in order.

    Words and numbers of the prompt that stand in the output too, however they are spelled, and pieces of code.
    """
    needed = {token.casefold() for token in _TOKEN.findall(output)}
    has = {token.casefold() for token in _TOKEN.findall(variant)}
    missing = dict.fromkeys(
        token
        for token in _TOKEN.findall(prompt)
        if token.casefold() in needed and token.casefold() not in has and token.casefold() not in _ENGLISH
    )
    for part in spans(prompt):
        code = part.text.strip()
        if not part.is_prose and code and code not in variant and needed & {t.casefold() for t in _TOKEN.findall(code)}:
            missing[code] = None
    return list(missing)


def told(prompt: str, output: str, variant: str) -> list[str]:
    """Return the names of the desired output that the variant has and the prompt has not: it gives some of the answer away.

    Only names that are no words of prose: qualified ones, and those with an underscore or a capital within.
    """
    named = re.findall(r"[^\W\d]\w*(?:(?:\.|::)[^\W\d]\w*)+|\w*[a-z0-9][A-Z]\w*|\w+_\w+", output)
    return [name for name in dict.fromkeys(named) if name in variant and name not in prompt]
