"""Topics: what to tell a teacher of what it has not found, without saying it.

A topic is a heading path of the documentation: that of a section which shows terms that are missing, shortened until no heading
of it holds such a term. The topics for a row are chosen so that together they lead to as many of its missing terms as possible.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from math import log
from pathlib import PurePosixPath

from tracegen.traces.ratings import Place
from tracegen.traces.support import Term, Vocabulary
from tracegen.traces.vocabulary import SEPARATOR

MOST = 5
"""Topics in one guide."""
COMMON_TITLE = 3
"""A title that so many documents have (`About`) says nothing: the name of the folder goes before it."""
MENTION = 0.4
"""What a section is worth that only mentions a term, beside one that explains it."""
_FILE_NAME = re.compile(r"[\w./-]+\.\w{1,8}")
_SUFFIX = re.compile(r"\.\w{1,8}$")
_WORD = re.compile(r"[^\W\d]\w*[?!]?")


class Contents:
    """The table of contents of a documentation: which topic each chunk belongs to."""

    def __init__(self, vocabulary: Vocabulary, places: Sequence[Place]) -> None:
        """Read it once; `places` are those of the vocabulary's chunks, by number."""
        self._vocabulary = vocabulary
        documents = {(place.headings[0], place.path) for place in places}
        common = {title for title, count in Counter(title for title, _ in documents).items() if count >= COMMON_TITLE}
        self._paths = [_path(place, common) for place in places]

    def topics(self, missing: Iterable[Term], hidden: Iterable[Term]) -> tuple[str, ...]:
        """Return topics for missing terms, best first, at most `MOST`; none holds a hidden term or the last part of one."""
        words = {part.lower() for term in hidden for part in (term.text, _last(term.text))}
        topics = {path: _without(path, words) for path in set(self._paths)}
        paths = [topics[path] for path in self._paths]
        gains: dict[str, dict[str, float]] = defaultdict(dict)
        for term in missing:
            for number in self._vocabulary.showing(term.text, term.kind):
                if topic := paths[number]:
                    gain = term.weight * (1.0 if self._vocabulary.explains(number, term.text, term.kind) else MENTION)
                    gains[topic][term.text] = max(gain, gains[topic].get(term.text, 0.0))
        sizes = Counter(topic for topic in paths if topic in gains)
        return tuple(_choose(gains, {topic: 1 / (1 + log(size)) for topic, size in sizes.items()}))


def _choose(gains: Mapping[str, Mapping[str, float]], chances: Mapping[str, float]) -> Iterator[str]:
    """Yield the topics that lead to most, greedily.

    The more sections a topic has, the smaller the chance that a search for it finds the right one.
    """
    left = {topic: dict(each) for topic, each in gains.items()}
    for _ in range(MOST):
        worth = {topic: sum(each.values()) * chances[topic] for topic, each in left.items()}
        best = max(worth, key=lambda topic: (worth[topic], -len(topic), topic), default="")
        if not best or not worth[best]:
            return
        yield best
        found = left.pop(best)
        for each in left.values():
            for term, gain in found.items():
                # What one topic may lead to need not be looked for below another, unless that one is surer of it.
                each[term] = max(0.0, each.get(term, 0.0) - gain)


def _last(term: str) -> str:
    return SEPARATOR.split(term)[-1] or term


@lru_cache(maxsize=1 << 16)
def _words(heading: str) -> frozenset[str]:
    return frozenset({heading.lower(), *(word.lower() for word in _WORD.findall(heading)), *heading.lower().split()})


def _path(place: Place, common: set[str]) -> tuple[str, ...]:
    title, *rest = place.headings
    if title in common:
        title = PurePosixPath(place.path).parent.name or title
    if title in common or _FILE_NAME.fullmatch(title) or title != place.headings[0]:
        title = " ".join(re.split(r"[-_/\s]+", _SUFFIX.sub("", title)))
    return (title, *rest)


def _without(path: tuple[str, ...], words: set[str]) -> str:
    """Return a heading path down to where a heading holds one of these words."""
    kept = list(takewhile(lambda heading: not _words(heading) & words, path))
    different = [heading for place, heading in enumerate(kept) if not place or _words(heading) != _words(kept[place - 1])]
    return " > ".join(different)
