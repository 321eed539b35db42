"""Prose or code: tells which a paragraph is, and gives the stems of its words."""

import re
from functools import lru_cache
from threading import Lock

import Stemmer

# fmt: off
STOP_WORDS = frozenset([
    "a", "about", "above", "after", "again", "all", "also", "although", "always", "an", "and", "another", "any", "are", "as",
    "at", "be", "because", "been", "before", "being", "below", "between", "both", "but", "by", "can", "cannot", "could", "did",
    "do", "does", "done", "each", "either", "else", "even", "every", "few", "first", "for", "from", "get", "give", "given",
    "gives", "had", "has", "have", "having", "he", "hence", "her", "here", "his", "how", "however", "if", "in", "instead",
    "into", "is", "it", "its", "itself", "just", "last", "less", "let", "like", "made", "make", "makes", "many", "may", "means",
    "might", "more", "most", "much", "must", "need", "needs", "neither", "never", "new", "no", "nor", "not", "now", "of", "off",
    "often", "on", "once", "one", "only", "or", "other", "others", "otherwise", "our", "out", "over", "own", "per", "please",
    "rather", "same", "second", "see", "she", "should", "since", "so", "some", "still", "such", "take", "takes", "than", "that",
    "the", "their", "them", "then", "there", "therefore", "these", "they", "this", "those", "though", "three", "through",
    "thus", "to", "too", "two", "under", "until", "up", "upon", "us", "use", "used", "uses", "using", "very", "want", "was",
    "way", "we", "well", "were", "what", "when", "where", "whether", "which", "while", "who", "whose", "why", "will", "with",
    "within", "without", "would", "yes", "yet", "you", "your", "yourself",
])
# fmt: on
"""Words of English that carry no knowledge of anything."""
# fmt: off
_CODE_HAS_THEM = frozenset([
    "and", "as", "by", "do", "else", "for", "from", "get", "if", "in", "is", "let", "like", "new", "no", "not", "on", "or",
    "over", "take", "then", "to", "use", "using", "when", "where", "while", "with",
])
# fmt: on
_TELLING = STOP_WORDS - _CODE_HAS_THEM
"""Stop words that stand in prose only: no keyword of a language that is known."""
_WORD = re.compile(r"(?<![\w.$@-])[^\W\d_]+(?:['’][^\W\d_]+)?(?![\w(])")
# `a` before a word; in code it is a variable, as in `f a b` or `a + b`.
_ARTICLE = re.compile(r"(?<![\w.$@-])a(?= [^\W\d_]{2})")
_MARKS = re.compile(r"[{}\[\]()<>=;|&@#$%^*+\\/_~]|::|\w\.\w")
_NAME = re.compile(r"(?<!\S)\S*\w[._]\w\S*|--\w\S*")
_LIST_MARK = re.compile(r"^\s*(?:[-*+]|\d+[.)]|#{1,6}|>)\s+", re.M)
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*\s*$")

_STEMMER = Stemmer.Stemmer("english", 0)
_STEMMER_LOCK = Lock()  # it keeps the word it works on in itself


@lru_cache(1 << 16)
def stem_of(word: str) -> str:
    """Return the stem of a word, lower-cased."""
    with _STEMMER_LOCK:
        return str(_STEMMER.stemWord(word.lower()))


def is_prose(paragraph: str) -> bool:
    """Return whether a paragraph reads as sentences, and not as code.

    It does where one word in eight, and two at least, is one that prose alone has (`the`, `are`, `which`) and marks are fewer
    than half the words; or, in other languages than English too, where eight words and more with hardly any mark end as a
    sentence does.
    """
    text = _LIST_MARK.sub("", re.sub(r"`[^`\n]+`", " ", paragraph))
    words = _WORD.findall(text)
    if not words:
        return False
    marks = len(_MARKS.findall(text))
    telling = sum(word.lower() in _TELLING and word != "a" and not word.isupper() for word in words)
    telling += len(_ARTICLE.findall(text))
    if telling >= max(2, len(words) / 8) and marks <= len(words) / 2:
        return True
    marks = len(_MARKS.findall(_NAME.sub(" ", text)))
    return len(words) >= 8 and marks <= len(words) / 8 and _SENTENCE_END.search(text) is not None
