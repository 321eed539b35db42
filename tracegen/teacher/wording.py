"""Wording of queries: as people type them, never twice the same thing."""

import re
from collections.abc import Iterator, Sequence

from tracegen.teacher.names import subwords
from tracegen.teacher.phrases import cut
from tracegen.teacher.words import STOP_WORDS, TECHNICAL, WORD, stem, synonyms_of, verb_of, word_set

MAX_QUERY_CHARS = 120
"""A query is never longer; people's are shorter."""
SAME_SHARE = 0.6
"""With so large a share of their words in common two queries ask the same."""

_ONE_WORD = {"array": "list", "object": "dict", "dictionary": "dict", "rais": "return", "throw": "return"}
_FRAME = word_set("how to what does do is in the a an of example use function functions module type error operator")
_AS_IT_IS = re.compile(r"(?:how|what) |(?:warning|\w*(?:error|Error|Exception)): ")
_ARTICLE = re.compile(r"\b(a|an) (?=([a-tv-z]\w*))")


def with_articles(text: str) -> str:
    """Return a text with `a` and `an` put right, after words were put in."""
    return _ARTICLE.sub(lambda match: "an " if match[2][0] in "aeio" and not match[2].startswith("one") else "a ", text)


def phrased(text: str, language: str, variant: int, names: Sequence[str]) -> str:
    """Return a phrase as people type it: as a question, with the language, or bare."""
    if text in names and verb_of(text) is None:
        return about_name(text, variant)
    if _AS_IT_IS.match(text):
        return text
    # A capital at the beginning of a sentence is none at the beginning of a query; a name keeps its own.
    if text[0].isupper() and stem(text.split()[0]) in TECHNICAL and text.split()[0][1:].islower():
        text = text[0].lower() + text[1:]
    with_language = f"{text} in {language}" if language and language.lower() not in text.lower() else text
    first, second = (*text.split(), "")[:2]
    if verb_of(first) == first and second != "of":
        return (f"how to {text}", text, f"how to {text}", text, with_language, f"how to {text}", text)[variant % 7]
    return (text, text, with_language, text, text)[variant % 5]


def about_name(name: str, variant: int) -> str:
    """Return a query about a name from code."""
    if not any(c.isalnum() for c in name):
        return f"what does `{name}` do" if variant % 2 else f"{name} operator"
    if "/" in name and not name[-1].isdigit():  # `setof/3` is no module
        return f"{name} module" if variant % 2 else f"{name} functions"
    if name[0].isupper() and "." not in name:
        return (f"{name} type", f"how to use {name}", f"{name} functions")[variant % 3]
    return (f"how to use {name}", f"{name} example", name, f"what does {name} do")[variant % 4]


def clean(query: str) -> str:
    """Return a query fit to be sent: one line, no surrogates or control characters, not too long."""
    query = "".join(c if c.isprintable() else " " for c in query)
    query = " ".join(query.split())
    return query if len(query) <= MAX_QUERY_CHARS else query[:MAX_QUERY_CHARS].rsplit(" ", 1)[0]


def is_repeated(query: str, asked: Sequence[str], language: str) -> bool:
    """Return whether a query asks what one of those before asked, if in other words."""
    own = _content(query, language)
    before = [_content(other, language) for other in asked]
    # A part of what was asked asks nothing more.
    part = " " in query and len(own) > 1 and any(own < other for other in before)
    return part or query.lower() in map(str.lower, asked) or any(_same(own, other) for other in before)


def _content(query: str, language: str) -> frozenset[str]:
    """Return the stems that make out a query; a name counts by its words."""
    parts = re.sub(r"([a-z])([A-Z])", r"\1 \2", query.replace(".", " ").replace("_", " ").replace("/", " "))
    stems = {_ONE_WORD.get(word, word) for word in map(stem, WORD.findall(parts))} or set(query.split())
    stems.update(re.findall(r"[^\w\s`?'\"(),;]{2,}", query))
    return frozenset(stems - {stem(word) for word in _FRAME | STOP_WORDS} - {stem(language)}) or frozenset(stems)


def _same(a: frozenset[str], b: frozenset[str]) -> bool:
    return len(a & b) >= SAME_SHARE * len(a | b)


def in_other_words(query: str, language: str) -> Iterator[str]:
    """Yield a query again, with another word for the same thing, and then without its details."""
    words = query.split()
    for place, word in enumerate(words):
        bare = word.strip("?`")
        others = [] if bare.lower() in _FRAME | STOP_WORDS else synonyms_of(bare)
        for other in others[:2]:
            yield with_articles(" ".join([*words[:place], other, *words[place + 1 :]]))
    if names := [part for part in re.findall(r"[A-Za-z_]\w*(?:\.\w+)+", query) if part != language]:
        yield " ".join(subwords(names[0])) + " function"
    core = [word for word in words if word.lower() not in _FRAME and word != language]
    if len(core) > 2:
        yield cut(" ".join(core[:3]))
