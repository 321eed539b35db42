"""What became of each return: whether anything of it went into a later query, or into the desired output.

A return is evidence where it shows a term of the desired output that the prompt does not give, or is the first to show a word
of a later query. Words that every one of three or more returns shows, such as the keywords of the language, tell nothing about
any one of them and do not count, unless they are called or qualified; and of an output with fewer than two terms that do
count there is no telling. A search has failed where its return says that nothing was found, or is no evidence; a failure
is honest where a later search did find something that was used: nothing found, searched again, found.

What this cannot see: a return that was read and rightly not followed, and an output whose terms the prompt gives all.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal, NamedTuple

from tracegen.findings.passages import passages_in
from tracegen.findings.rows import prompt_of
from tracegen.traces.chat import Chat, Return
from tracegen.traces.support import Kind, Passage, passage_of, shows
from tracegen.traces.terms import SEPARATOR, Terms, terms_of

Use = Literal["used", "unused", "nothing found", "unknown"]

FEWEST_TERMS = 2
"""Terms of a desired output from which on a return that shows none of them is no evidence."""
NOTHING_FOUND_CHARACTERS = 300
"""A return that says that nothing was found is short; a longer one is documentation that speaks of such a thing."""
_NOTHING_FOUND = re.compile(
    r"\b(?:no|zero|0)\s+(?:\w+\s+){0,2}(?:passages?|results?|match(?:es)?|documents?|hits?|entries|entry|pages?)\b"
    r"|\bnothing\s+(?:\w+\s+){0,2}(?:found|match\w*)|\b(?:not|n't)\s+find\s+any|\bnot?\s+found\b|\bno\s+such\s+\w+\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_][\w.]*\w")


class Evidence(NamedTuple):
    """A return, and what became of it."""

    returned: Return
    use: Use
    """`unknown` where the return is an error, or where nothing is asked or written after it that could use it."""

    @property
    def failed(self) -> bool:
        """Whether the search for it failed."""
        return self.use in ("unused", "nothing found")


def evidence_of(chat: Chat) -> list[Evidence]:
    """Return what became of each return of a row, in order."""
    return list(map(Evidence, chat.returns, _uses_of(chat, range(len(chat.returns)))))


def _uses_of(chat: Chat, places: Iterable[int]) -> tuple[Use, ...]:
    """Return what became of some returns of a row, as if there were no others."""
    returns = [chat.returns[place] for place in places]
    prompt = "\n".join(turn.text or "" for turn in prompt_of(chat))
    return _uses(prompt, tuple(map(query_of, returns)), tuple(found.turn.text or "" for found in returns), chat.desired_output)


@lru_cache(maxsize=4)
def _uses(prompt_text: str, queries: tuple[str, ...], texts: tuple[str, ...], output: str) -> tuple[Use, ...]:
    # Cached, since a row is asked about by several checks, one right after the other.
    prompt = passage_of(prompt_text)
    needed = needed_terms(output, prompt)
    passages = [passages_of(text) for text in texts]
    shown = [{term for term in needed if shows_any(found, *term)} for found in passages]
    common = _common(shown) - {(name, "name") for name in cached_terms(output).called}
    asked = [_asked(query) for query in queries]
    uses: list[Use] = []
    for place, text in enumerate(texts):
        use: Use = "used"
        if says_nothing_found(text):
            use = "nothing found"
        elif text.startswith("Error:") or len(needed - common) < FEWEST_TERMS:
            use = "unknown"
        elif not shown[place] - common and not _taught(place, passages, asked, prompt):
            use = "unused"
        uses.append(use)
    return tuple(uses)


def honest_failures(evidence: list[Evidence]) -> list[int]:
    """Return the places of failed searches after which a later one found something that was used."""
    last = max((place for place, found in enumerate(evidence) if found.use == "used"), default=-1)
    return [place for place, found in enumerate(evidence) if found.failed and place < last]


def all_honest_failures(chat: Chat) -> frozenset[int]:
    """Return the places of the returns without which a row has no honest failure.

    More than `honest_failures`: without those, terms that all of the remaining returns show tell nothing any more.
    """
    left = list(range(len(chat.returns)))
    while True:
        evidence = [Evidence(chat.returns[place], use) for place, use in zip(left, _uses_of(chat, left), strict=True)]
        failed = set(honest_failures(evidence))
        if not failed:
            return frozenset(range(len(chat.returns))) - frozenset(left)
        left = [place for at, place in enumerate(left) if at not in failed]


def says_nothing_found(text: str) -> bool:
    """Return whether a return says that nothing was found: short, no passage, and in such words."""
    if not text.strip() or len(text) > NOTHING_FOUND_CHARACTERS or text.startswith("Error:"):
        return False
    return not any(passage.rank for passage in passages_in(text)) and _NOTHING_FOUND.search(text) is not None


def needed_terms(output: str, prompt: Passage) -> frozenset[tuple[str, Kind]]:
    """Return the terms of a desired output that neither its prompt gives nor it defines itself."""
    terms = cached_terms(output)
    # `xs.sort()` needs `sort`; what is not called may be a field of anybody's.
    names = terms.names | terms.compounds | (terms.members & terms.called)
    named: list[tuple[str, Kind]] = [(name, "name") for name in names - stop_words() if len(name) > 2]
    named += [(name, "qualified") for name in terms.qualified if not terms.is_file(name) and not _is_own(name, terms)]
    named += [(symbol, "symbol") for symbol in terms.symbols]
    return frozenset(term for term in named if not shows(prompt, *term))


def _is_own(name: str, terms: Terms) -> bool:
    """Return whether a qualified name is a field of the output's own: `self.total`, but not `Object.keys` beside `keys`."""
    first, *_, last = SEPARATOR.split(name)
    # What begins with a variable of the output's own is no term at all.
    return last in terms.defined and (first in ("self", "this", "super") or last not in terms.called)


@lru_cache(maxsize=4)
def cached_terms(output: str) -> Terms:
    """Return the terms of a desired output, which several checks ask for."""
    return terms_of(output)


def passages_of(text: str) -> list[Passage]:
    """Return the passages of a return."""
    return [_passage(found.text, found.place, found.headings) for found in passages_in(text)]


def shows_any(passages: list[Passage], term: str, kind: Kind) -> bool:
    """Return whether one of the passages shows a term."""
    return any(shows(passage, term, kind) for passage in passages)


@lru_cache(maxsize=2_048)
def _passage(text: str, place: str, headings: str) -> Passage:
    # The same passages come back in row after row.
    return passage_of(text, place, (headings,))


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """Return the English words that say nothing about a subject."""
    from bm25s.stopwords import STOPWORDS_EN_PLUS

    return frozenset(STOPWORDS_EN_PLUS)


def _common(shown: list[set[tuple[str, Kind]]]) -> set[tuple[str, Kind]]:
    """Return the words and symbols that all of three or more returns show."""
    return {term for term in set.intersection(*shown) if term[1] != "qualified"} if len(shown) > 2 else set()


def query_of(returned: Return) -> str:
    """Return the query that a return answers: the texts among the arguments of its call."""
    arguments = returned.call.arguments if returned.call is not None else None
    return " ".join(value for value in (arguments or {}).values() if isinstance(value, str))


def _asked(query: str) -> list[str]:
    return [word for word in _WORD.findall(query) if word.lower() not in stop_words() and len(word) > 2]


def _taught(place: int, passages: list[list[Passage]], asked: list[list[str]], prompt: Passage) -> bool:
    """Return whether a later query has a word that this return was the first to show."""
    known = {word for query in asked[: place + 1] for word in query}
    for word in {word for query in asked[place + 1 :] for word in query} - known:
        kind: Kind = "qualified" if "." in word else "name"
        before = [prompt, *(passage for found in passages[:place] for passage in found)]
        if shows_any(passages[place], word, kind) and not shows_any(before, word, kind):
            return True
    return False
