"""The language that a query is written in, told from that of the documentation; code and names are no language."""

import re
from functools import lru_cache
from typing import Any

LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai", "tr": "Turkish", "uk": "Ukrainian",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
"""The languages told apart, by ISO 639-1: the fewer, the surer the verdict on a short text."""
FEWEST_WORDS = 4
"""A query of fewer words, in a script of words, is not judged."""
FEWEST_LETTERS = 6
"""A query of fewer letters of another script is not judged."""
SURE = 0.8
"""Probability from which on a language is told."""
ALIKE = 0.05
"""A query that may be in the documentation's language with so large a probability is taken to be."""

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|\"[^\"\n]*\"", re.DOTALL)
_PROSE_WORD = re.compile(r"(?<![\w.:/@#$%<>=(\[{-])[^\W\d_]{2,}(?:['\u2019][^\W\d_]+)?(?![\w(=<>{\[]|[.:/@-]\w)")
_LATIN_OR_SYMBOL = re.compile(r"[\u0000-\u024f\u1e00-\u1eff\u2000-\u2bff]")


def language_of(query: str, documentation: str) -> tuple[str, str]:
    """Return the languages of a query and of its documentation, by ISO 639-1; the same twice where they are not told apart.

    A query half of whose words the documentation uses, in whatever form, is in its language: most queries end here.
    """
    words = prose_words(query)
    text = " ".join(words)
    foreign = len(_LATIN_OR_SYMBOL.sub("", text))
    if len(words) < FEWEST_WORDS and foreign < FEWEST_LETTERS:
        return "", ""
    lower = documentation.casefold()
    if 2 * sum(word.casefold() in lower for word in words) >= len(words):
        return "", ""
    # The pages are searched for prose in their first part only: a page has one language.
    known, sure = _best(" ".join(prose_words(documentation[:6_000])))
    if sure < SURE:
        return "", ""
    odds = dict(_identifier().rank(text))
    spoken = max(odds, key=lambda language: odds[language])
    if spoken != known and odds[spoken] >= SURE and odds.get(known, 0) <= ALIKE:
        return spoken, known
    return known, known


def language_name(code: str) -> str:
    """Return the English name of a language."""
    return LANGUAGES.get(code, code)


def prose_words(text: str) -> list[str]:
    """Return the words of a text that are no code: not in backticks or quotes, no `a.b`, `a_b`, `a(`, `aB`, `--a`."""
    words = [match[0] for match in _PROSE_WORD.finditer(_CODE.sub(" ", text))]
    return [word for word in words if word[1:] == word[1:].lower() or word.isupper()]


@lru_cache(maxsize=256)
def _best(text: str) -> tuple[str, float]:
    language, sure = _identifier().classify(text)
    return str(language), float(sure)


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier
