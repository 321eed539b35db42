"""Phrases that a person would type into a search box, found in a sentence.

A phrase starts with what is to be done and ends where the thought ends: `split the path at the last slash`. It is
better to leave one out than to ask what no person would ask: a phrase speaks of programming and does not point outside itself.
"""

import re
from typing import NamedTuple

from tracegen.teacher.words import (
    CLAUSE_WORDS,
    DANGLING,
    NOUN_VERBS,
    PRONOUNS,
    STOP_WORDS,
    TECHNICAL,
    WORD,
    stem,
    verb_of,
    word_set,
)

MAX_WORDS = 9
"""A phrase is cut to so many words; with `how to` before it and the language behind it a query stays readable."""

_CLAUSE_END = re.compile(r"[,;:()\[\]{}§—–|=<>\"“”!?]+|\s-+\s|\.{3,}|(?<!\w)\.\.|\.\.(?!\w)|\.(?=\s|$)")
_CHATTER = re.compile(
    r"""^(?:(?:hi|hey|hello|okay|ok|so|now|and|but|also|well|good|nice|thanks|please|pls|plz|then|next|finally|first|ideally|just
    |your\s+task\s+is|your\s+job\s+is|the\s+goal\s+is|(?:the\s+)?(?:program|function|task|result|output)\s+(?:is|should|must|has\s+to)
    |(?:can|could|would|will)\s+(?:you|u|i|we|it)|(?:i|we|you|u)(?:'d|\s+would)?\s+(?:want|need|like|have|must|should|wish)
    |i'?m\s+trying|want|need|like|trying|help\s+me|show\s+me|tell\s+me|it\s+(?:should|must|has)|in\s+this\s+exercise|to)(?!\S)[\s,:]*)+""",
    re.IGNORECASE | re.VERBOSE,
)
_ORDER = re.compile(
    r"""^(?:write|create|make|build|generate|give|produce|implement|define|need|have)\s+(?:me\s+)?(?:(?:an?|the|some|one)\s+)?
    (?:[\w`-]+\s+){0,2}?(?:program|function|script|code|file|module|snippet|expression|method)s?\s+(?:`\S+\s+)?
    (?:that|which|to|for)\s+""",
    re.IGNORECASE | re.VERBOSE,
)
_HOW = re.compile(
    r"""(?:how\s+(?:do|can|would|could|should)\s+(?:you|i|we|one|u)|how\s+to|is\s+it\s+possible\s+to
    |(?:is\s+there\s+)?(?:any|a|another)\s+way\s+(?:to|of))
    \s+(?P<rest>\S.*)""",
    re.IGNORECASE | re.VERBOSE,
)
_EXISTS = re.compile(r"(?:is|are)\s+there\s+(?:already\s+)?(?:an?|any|some)\s+(?P<rest>(?!way\b)\S.*)", re.IGNORECASE)
_WHAT = re.compile(r"(?:^|\s)(?P<rest>(?:what\s+(?:does|do|is|are)|how\s+(?:does|do|can|could|should))\s+\S.*)", re.IGNORECASE)
_EXPLAIN = re.compile(
    r"(?:^|\band\s+)(?:explain|describe)\s+(?:(?:to\s+)?me\s+|briefly\s+|please\s+)*(?P<rest>\S.*)", re.IGNORECASE
)
_TOLD = re.compile(r"what\s+(\S.{0,60}?)\s+(is|are|does|do|means?)(?=[,.;?!\s]*$|\s+and\b)", re.IGNORECASE)
_CODE_WORD = re.compile(r"\w_\w|__|[a-z][A-Z]|\w\.\w")
_AFTER_QUESTION = re.compile(r"\s(?:look\s+like|mean|work|do)$", re.IGNORECASE)
_ASKING = word_set("what how why when which where a an all")
_DULL_VERBS = word_set(
    """build call create define evaluate implement make output pass produce return run set show store take use write"""
)
_NOT_SECOND = word_set("and or if when from with nothing of than by to on in at")
_PAIRS = frozenset(
    f"{verb} {particle}"
    for particle, verbs in {
        "by": "sort group divide multiply index split", "to": "refer round convert", "on": "split", "at": "split look",
        "from": "inherit read import", "with": "combine", "in": "look",
    }.items()
    for verb in verbs.split()
)  # fmt: skip
_VAGUE = word_set("you your i we us ones something anything everything thing things stuff")
_BEFORE_VERB = word_set("""to and then that which please must should can could will also or you we i it either just not""")


class Phrase(NamedTuple):
    """A candidate for a query, and how much there is to be said for it."""

    text: str
    """`split a string on spaces`, without `how to` and without the language; a question is whole."""
    weight: float
    """Larger is better; comparable among the phrases of one prompt."""


def tidy(text: str) -> str:
    """Return a phrase without chatter, dangling words and marks at its ends."""
    words = text.replace("`", "").split()
    while words and (words[-1].lower().strip(".,:;'-") in DANGLING or not any(c.isalnum() for c in words[-1])):
        words.pop()
    return " ".join(words).strip(" .,:;!?-*_")


def cut(text: str, limit: int = MAX_WORDS) -> str:
    """Return the part of a text up to the end of its first clause, at most `limit` words of it."""
    clause = _CLAUSE_END.split(text.strip(), maxsplit=1)[0]
    words = clause.split()
    for place, word in enumerate(words):
        if place >= 3 and word.lower() in CLAUSE_WORDS:
            words = words[:place]
            break
    if len(words) > limit:
        # A cut in the middle of "of the ..." reads badly: go back to the last place where something ended.
        words = words[:limit]
        for place in range(len(words) - 1, 3, -1):
            if words[place].lower() in STOP_WORDS and words[place - 1].lower() not in STOP_WORDS:
                words = words[:place]
                break
    return tidy(" ".join(words))


def request_of(sentence: str) -> str:
    """Return a sentence without greetings and without `please write me a program that`."""
    return _ORDER.sub("", _CHATTER.sub("", sentence))


def questions_in(sentence: str) -> list[Phrase]:
    """Return what a sentence asks outright: `how to make a hidden field visible`, `what does super mean`."""
    if match := _HOW.search(sentence):
        rest = cut(match["rest"], MAX_WORDS + 2)
        # What is asked outright may be said in words that no phrase has.
        clear = "?" in sentence and len(set(rest.lower().split()) - STOP_WORDS) > 3 and rest.isprintable()
        return [Phrase(f"how to {rest}", 4.0)] if clear or _is_sound(rest, strict=False) else []
    if match := _EXISTS.search(sentence):
        rest = cut(match["rest"])
        return [Phrase(rest, 3.5)] if "?" in sentence and _is_sound(rest, strict=False) else []
    if "?" in sentence and (match := _WHAT.search(sentence)):
        rest = _AFTER_QUESTION.split(match["rest"].rstrip("? "))[0] if "look like" in sentence else match["rest"].rstrip("? ")
        rest = re.sub(r"(?i)^what does (.*)", r"\1", rest) if "look like" in sentence else rest
        rest = _CLAUSE_END.split(rest, maxsplit=1)[0].replace("`", "").strip(" .")
        words = rest.split()
        sound = 2 <= len(words) <= MAX_WORDS + 2 and not PRONOUNS & {word.lower() for word in words}
        sound = sound and not any(word.isdigit() for word in words)
        sound = sound and (_technical(words) or _CODE_WORD.search(rest) is not None)
        return [Phrase(rest[0].lower() + rest[1:], 3.5)] if sound else []
    return explained_in(sentence)


def explained_in(sentence: str) -> list[Phrase]:
    """Return what a sentence wants to have explained, as a question or a subject: `what are macros`, `the offside rule`."""
    match = _EXPLAIN.search(request_of(sentence))
    found: list[Phrase] = []
    for part in re.split(r"\s+and\s+(?=what\b|how\b|why\b|when\b)", match["rest"]) if match else ():
        about = cut(re.sub(r",\s", " ", part), MAX_WORDS + 2)
        subject = ""
        if told := _TOLD.match(part):
            subject = told[1]
            verb = {"does": "do", "means": "mean"}.get(told[2].lower(), told[2].lower())
            about = f"what {verb} {told[1]}" if verb in ("is", "are") else f"what does {told[1]} {verb}"
        about = about.replace("`", "")
        words = about.split()
        begins = words[0].lower() if words else "it"
        # `what it does` is turned round: its subject is no longer at the front.
        pointing = PRONOUNS & {word.lower() for word in (*words[:2], *subject.split())} or (
            begins in STOP_WORDS and begins not in _ASKING
        )
        if not pointing and len(about) <= 90 and about.isprintable():
            found.append(Phrase(about, 3.5))
    return found


def phrases_in(sentence: str, *, strict: bool) -> list[Phrase]:
    """Return the verb phrases of a sentence, `strict` where the text is long and mostly about something else."""
    sentence = request_of(sentence)
    found: list[Phrase] = []
    for number, clause in enumerate(_CLAUSE_END.split(sentence)):
        words = clause.split()
        last = -9
        for place, word in enumerate(words):
            verb = verb_of(word.strip("`"))
            if verb is None or place < last + 3 or not _stands_as_verb(words, place, verb):
                continue
            text = cut(" ".join([verb, *words[place + 1 :]]))
            if _is_sound(text, strict=strict):
                found.append(Phrase(text, _weight(text) * (1.2 if number == 0 and place == 0 else 1.0)))
                last = place
    return found


def noun_phrase(sentence: str) -> str | None:
    """Return what a short request without a verb is about (`nested loops with a condition`), or None."""
    rest = cut(request_of(sentence))
    words = rest.split()
    content = [word for word in words if word.lower() not in STOP_WORDS]
    known = [word for word in content if _technical([word])]
    lower = {word.lower() for word in words}
    if len(lower) < len(words) or PRONOUNS & lower or (words and verb_of(words[0])):
        return None
    sound = 2 <= len(words) <= MAX_WORDS and 2 * len(known) >= len(content) > 0
    return rest if sound else None


def _stands_as_verb(words: list[str], place: int, verb: str) -> bool:
    """Return whether the word at a place is a verb that says what to do, and no noun or participle."""
    word, before = words[place].lower().strip("`"), words[place - 1].lower() if place else ""
    after = words[place + 1].lower() if place + 1 < len(words) else ""
    if not after or after in {"is", "are", "of", "was", "has", "should", "must", "can", "will"}:
        return False
    if word == verb:
        return place == 0 or before in _BEFORE_VERB or (verb not in NOUN_VERBS and before not in STOP_WORDS and place == 1)
    if word.endswith("ing"):
        return place == 0 or before in {"by", "for", "of", "without", "when", "and"}
    if word.endswith("ed"):
        return after in {"by", "in", "into", "with", "from", "to", "alphabetically"} and verb not in {"use", "call"}
    return place == 0 or before in {"that", "which", "and", "it", "function"}


def _is_sound(text: str, *, strict: bool) -> bool:
    """Return whether a phrase can stand alone, and speaks of programming rather than of a story."""
    words = [word for word in WORD.findall(text) if not word.isdigit()]
    if len(words) < 2 or len(text) > 90 or not text.isprintable():
        return False
    lower = [word.lower() for word in words]
    if (
        lower[1].split("'")[0] in PRONOUNS
        or (lower[1] in _NOT_SECOND and f"{lower[0]} {lower[1]}" not in _PAIRS)
        or _VAGUE & set(lower)
    ):
        return False
    if lower[1] in {"each", "every", "all", "both"} and (len(lower) == 2 or lower[2] in STOP_WORDS):
        return False
    content = [word for word in words[1:] if word.lower() not in STOP_WORDS]
    known = [word for word in content if _technical([word])]
    strange = len(content) - len(known)
    if (lower[0] in _DULL_VERBS and len(known) < 2) or 3 * len(set(lower)) < 2 * len(lower):
        return False
    return bool(known) and strange <= (1 if strict else 3) and (not strict or len(known) >= strange)


def _technical(words: list[str]) -> bool:
    return any(stem(part) in TECHNICAL for word in words for part in word.strip("`?").split("/"))


def _weight(text: str) -> float:
    """Return how good a phrase is as a query: several words about programming, little else."""
    content = [word for word in WORD.findall(text) if word.lower() not in STOP_WORDS]
    known = sum(stem(word) in TECHNICAL for word in content)
    dull = 0.5 if text.split()[0] in _DULL_VERBS else 1.0
    return dull * (1.0 + 0.5 * min(known, 4)) * known / max(1, len(content))
