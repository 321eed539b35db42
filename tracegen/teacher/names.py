"""What returns show: their passages, the names that they mention, and the language that they are about."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tracegen.teacher.words import FILE_SUFFIXES, STOP_WORDS, stem, synonyms_of, word_set

_PASSAGE = re.compile(r"^\[\d+\] (?P<place>(?P<path>\S[^\n]*?):\d+-\d+)(?: (?P<headings>[^\n]*))?$", re.MULTILINE)
_DOTTED = re.compile(r"(?<![\w./\"'-])([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)+)(?![\w/-])")
_IMPORTED = re.compile(r"^\s*(?:import|from|use|require)\s+[\"']?(?:[\w@-]+[/.:])*(\w+)", re.MULTILINE)
_IDENTIFIER = re.compile(r"`?([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)`?(?:\(.*)?$")
_MODULE = re.compile(r"`?(?:[a-z_]\w*/)*([a-z_]\w*)`?$")
_FENCE_LABEL = re.compile(r"^(?:```|~~~)([A-Za-z][\w+#.-]*)", re.MULTILINE)
_SUBWORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_DATA_LABELS = word_set(
    """text txt plain plaintext json jsonc yaml yml toml ini xml html css csv diff sh bash shell console error output sql md
    markdown log none http"""
)
_SYSTEM_LANGUAGE = (
    re.compile(
        r"\b(?:an?|the)\s+(?:\w+\s+)?([A-Z][\w+#]*(?:-[A-Z]\w*)?)\s+(?:programming|coding|language|code|configuration|assistant|expert|developer"
        r"|programmer|engineer|tutor|compiler)\b"
    ),
    re.compile(
        r"\b(?:writes?|generates?|produces?|outputs?|speaks?|in|about|with|for)\s+(?:\w+\s+)?([A-Z][\w+#]*(?:-[A-Z]\w*)?)"
    ),
    re.compile(
        r"\b([A-Z][\w+#]*(?:-[A-Z]\w*)?)\s+(?:program|module|code|file|function|template|configuration|language|documentation)s?\b"
    ),
)
_PROMPT_LANGUAGE = re.compile(r"\b[Ii]n\s+([A-Z][a-z]\w*|[A-Z]\w*[+#]+)(?=[\s.,?!:;)]|$)")
_NO_LANGUAGE = word_set(
    """answer before english read look ask markdown json yaml xml the you your i this it never always only use complete api
    sql one if when everything"""
)


_VAGUE = word_set("""string str object array list dict number int float value get to from is of map type all by ex new""")
"""Words in names that say little: half of a library's names have one of them."""


class Passage(NamedTuple):
    """A passage of a return."""

    place: str
    """Path and lines: what makes it the same passage in another return."""
    path: str
    """Path of its file."""
    headings: tuple[str, ...]
    """Heading path."""
    text: str
    """Its text below the first line."""


class MetName(NamedTuple):
    """A name that returns mention."""

    name: str
    """As code writes it: `std.foldl`, `list.fold`."""
    documented: bool
    """Whether a passage under its own heading was already shown."""
    mentions: int
    """Number of passages that mention it."""


def passages_of(returned: str) -> list[Passage]:
    """Return the passages of the text of a return; none where it is an error or says that nothing was found."""
    heads = list(_PASSAGE.finditer(returned))
    ends = [*(head.start() for head in heads[1:]), len(returned)]
    return [
        Passage(head["place"], head["path"], tuple((head["headings"] or "").split(" > ")), returned[head.end() : end])
        for head, end in zip(heads, ends, strict=False)
    ]


def names_met(passages: Iterable[Passage]) -> list[MetName]:
    """Return the names of functions that passages mention in headings and code, in the order met."""
    passages = list({passage.place: passage for passage in passages}.values())
    roots = _roots(passages)
    documented = {name for passage in passages if (name := _own_name(passage))}
    mentions: Counter[str] = Counter()
    for passage in passages:
        found = dict.fromkeys(
            root + rest for root, rest in _DOTTED.findall(passage.text[:6_000]) if _is_member(root, rest, roots)
        )
        own = _own_name(passage)
        mentions.update(list(dict.fromkeys([*([own] if own else []), *found])))
    return [MetName(name, name in documented, count) for name, count in mentions.items()]


def _is_member(root: str, rest: str, roots: set[str]) -> bool:
    """Return whether a dotted name is a member of a module of the documentation, and no file name."""
    return root in roots and rest.count(".") == 1 and rest[1:] not in FILE_SUFFIXES


def _roots(passages: Sequence[Passage]) -> set[str]:
    """Return what dotted names of the documentation begin with: a name of the reader's own, as in `user.name`, is none."""
    roots = {name.split(".")[0] for passage in passages if "." in (name := _own_name(passage) or "")}
    for passage in passages:
        roots.update(_IMPORTED.findall(passage.text))
    return roots


def _own_name(passage: Passage) -> str | None:
    """Return the name that a passage documents, from its heading: `Arrays > std.foldl`, `gleam/list > fold`."""
    match = _IDENTIFIER.match(passage.headings[-1].strip())
    if match is None:
        return None
    if "." in match[1]:
        return match[1]
    module = _MODULE.match(passage.headings[-2].strip()) if len(passage.headings) > 1 else None
    return f"{module[1]}.{match[1]}" if module and match[1].islower() and match[1] not in STOP_WORDS else None


def subwords(name: str) -> list[str]:
    """Return the words in the last part of a name: `std.objectFields` -> object, fields."""
    return [word.lower() for word in _SUBWORD.findall(name.rsplit(".", 1)[-1])]


def interest(name: MetName, wanted: frozenset[str], thought_of: frozenset[str]) -> float:
    """Return how well a name fits what is wanted (stems of the prompt) and what was thought of (stems of the queries)."""
    parts = subwords(name.name)
    if not parts:
        return 0.0
    fits: list[float] = []
    for part in parts:
        own = stem(part)
        near = {stem(word) for word in synonyms_of(part)}
        fit = max(1.0 * (own in wanted), 0.8 * (own in thought_of), 0.6 * bool(near & wanted), 0.5 * bool(near & thought_of))
        fits.append(0.25 * fit if part in _VAGUE else fit)
    whole = 0.7 * max(fits) + 0.3 * sum(fits) / len(fits)
    return whole + (-0.3 if name.documented else 0.1 * min(name.mentions, 4))


def language_of(system: str, prompt: str, labels: Sequence[str], passages: Sequence[Passage]) -> str:
    """Return the name of the language or product that a conversation is about, or "" where nothing gives it away."""
    for pattern in _SYSTEM_LANGUAGE:
        for name in pattern.findall(system):
            if name.lower() not in _NO_LANGUAGE:
                return str(name)
    texts = [prompt, *(passage.text[:2_000] for passage in passages), *(" ".join(passage.headings) for passage in passages)]
    fences = Counter(label for passage in passages for label in _FENCE_LABEL.findall(passage.text))
    for label in [*labels, *(label for label, _ in fences.most_common(3))]:
        if label.lower() not in _DATA_LABELS:
            return _as_written(label, texts)
    spoken = [name for name in _PROMPT_LANGUAGE.findall(prompt) if name.lower() not in _NO_LANGUAGE]
    return spoken[0] if spoken else ""


def _as_written(label: str, texts: Iterable[str]) -> str:
    """Return a fence's label as people write the language: with its capitals, if any text shows them."""
    spellings = Counter(word for text in texts for word in re.findall(rf"(?i)\b{re.escape(label)}\b", text))
    capital = [word for word, _ in spellings.most_common() if word[:1].isupper()]
    return capital[0] if capital else label
