"""What a prompt says: its prose, its code, and what of them is worth a search.

Everything is a pure function of the text. Patterns are applied to bounded pieces, so that the time is linear in the length.
"""

import re
from itertools import pairwise
from typing import NamedTuple

from tracegen.teacher.messages import errors_in, without_errors
from tracegen.teacher.operations import Operation, operations_in
from tracegen.teacher.phrases import MAX_WORDS, Phrase, noun_phrase, phrases_in, questions_in, request_of
from tracegen.teacher.words import CLAUSE_WORDS, FILE_SUFFIXES, PRONOUNS, STOP_WORDS, TECHNICAL, WORD, stem, stems_of, word_set

HEAD_CHARS = 6_000
TAIL_CHARS = 3_000
"""Of a longer prompt the beginning and the end are read: there people say what they want."""
LONG_PROSE_WORDS = 90
"""From so many words on, most of a text is about its subject and not about programming."""

LEAST_STRENGTH = 0.45
"""Weaker operations are accidents: one everyday word, or a word of the story."""
SIGNATURE_WEIGHT = 1.2
"""What a function's types say, beside a sentence."""

_FENCE = re.compile(r"[ \t]*(```+|~~~+)[ \t]*([\w.+#/-]*)")
_LINK = re.compile(
    r"!?\[([^\][\n]{1,80})\](?:\([^()\n]{0,500}\)|\[[^\][\n]{0,80}\])|^\[[^\]\n]{1,80}\]:.*$|https?://\S+", re.MULTILINE
)
_LITERAL = re.compile(r"\{[^{}\n]*\}|\[[^\[\]\n]*\]|<[^<>\n]{1,80}>|\"[^\"\n]{1,200}\"|(?<!\w)'[^'\n]{1,80}'(?!\w)")
_CODE_LINE = re.compile(
    r"""\s*(?:[|+*=_-]{3,}|\||//|(?:import|local|let|fn|pub|def|class|return)\s|[}\])]
    |(?:-\s+)?[\w.'"$-]+\s*(?:[:=]{1,3}|\+:+)\s*(?:[\[{("'\d|]|\S+\s*$)|[\w.]+\([^)]*\)\s*[;,{]?\s*$)|.*(?:=>|[{;]\s*$)""",
    re.VERBOSE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?;:])\s+|(?<=[?!])(?=\w)|\n[ \t]*\n|\n[ \t]*(?:[-*•]|\d+[.)])[ \t]+|[。！？；：]")
_MARKS = re.compile(r"^#+\s*(?:\d+\.)?|^>\s?", re.MULTILINE)
_EMPHASIS = re.compile(r"(?<![\w*_])([*_]{1,3})(?=\S)([^\n]{1,300}?)(?<=\S)\1(?![\w*_])")
_SOFT_BREAK = re.compile(r"(?<=[^\n])\n(?=[a-z(`])")
_TITLE = re.compile(r"^(?=#{1,6}\s)", re.MULTILINE)
_SIDE_TITLES = word_set("introduction background story note credit credits hint hints example examples")
_LIKE_CODE = re.compile(r"(?<![\w./@-])(?:__[a-z]\w*|[a-z]+_\w+|[a-z]+[A-Z]\w*)(?!\w|[(/@-]|\.\w)")
_USED = re.compile(r"(?i:\b(?:us(?:e|es|ing)|via|explain|does|do|between)\s+(?:the\s+)?)`?(?=[a-z_])(\w+)`?(?![\w(./@-])")
_NAME = r"`?[a-z_]\w*(?:/\d)?`?(?!\w|[(/@-]|\.\w)"
_WITH = re.compile(
    rf"\b(?P<how>us(?:e|ing)|via|with)\s+(?:the\s+)?(?P<names>{_NAME}(?:(?:,\s*(?:and\s+)?|\s+(?:and|or)\s+){_NAME})*)"
    r"(?P<end>\s*(?:[.,;:!?)\n]|$|(?:to|for|in|on|instead|please|only)\b))?",
    re.IGNORECASE,
)
_NAME_FORM = re.compile(r"\w+/\d|[a-z]+_\w+|__[a-z]\w*|[a-z]+[A-Z]\w*")
_VALUE_NEXT = re.compile(r"\s*(?:[=:]\s*\S|\d|(?:set|is|of|as)\b)")
_REFUSED = re.compile(
    r"""\b(?:(?:do(?:es)?\s+not|don['’]t|doesn['’]t|never|must\s+not|mustn['’]t|may\s+not|cannot|can['’]t|should\s+not|shouldn['’]t
    |not\s+allowed\s+to|avoid|without|instead\s+of|rather\s+than)\s+us(?:e|ing)\s
    |without\s+(?:(?:an?|any|the)\s+)?(?=(?:assert\w*|recurs\w+|loops?|regex\w*|regular|imports?|mutat\w+|variables?|librar\w+
    |exceptions?|folds?|map|filter|eval|macros?|globals?|comprehensions?|class(?:es)?|lambdas?|closures?)\b))
    (?:(?!\s(?:but|to|for|when|so|because|if)\b)[^\n,;.:!?()]){1,60}""",
    re.IGNORECASE | re.VERBOSE,
)
"""What is not to be used: asked for all the same, it would be looked up before what is."""
_LISTED = re.compile(r"\s(?:`?\w+/\d`?,\s+)+(?:(?:and|or)\s+)?`?\w+/\d`?(?:,?\s+(?:and|or)\s+`?\w+/\d`?)?(?![\w/])")
"""Names with their number of arguments, in a row: what is to be defined, and no place to cut a phrase."""
_EXAMPLE = re.compile(r"\s(?:like|such as|e\.g\.,?)\s+(?:\"[^\"\n]{1,80}\"|\w+\([^()\n]{0,80}\))(?=\s)", re.IGNORECASE)
"""`a string like "a,b"`: what comes behind belongs to what stands before."""
_SPOKEN_CODE = re.compile(r"`([^`\n]{1,40})`")
_DOTTED = re.compile(r"(?<![\w./@:\"'-])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){1,3}(?![\w/@.\"'-])")
_MODULE = re.compile(
    r"^[ \t]*(?:import|from|use|require|open|include)\s+[\"']?([A-Za-z_][\w/:-]*(?:\.[a-z]\w*)*)", re.MULTILINE
)
_OPERATOR = re.compile(r"(?<!\S)[+\-*/%<>=!&|^~?:.$@]{2,3}(?!\S)|(?<=\w)(?:\+?:{1,3}|\?\.)(?=\s)")
_ASKED_CODE = re.compile(
    r"\bwhat (?:does|is|do) (?:the )?[`'\"]?([^\s\w`'\"?()\[\]{},.;]{1,3})[`'\"]?(?: operator)?(?: do| mean| for)?\b",
    re.IGNORECASE,
)
_COMMON_OPERATORS = word_set(
    """+ - * / = == != < > <= >= && || ! . : -> => % ? & | // ... .. -- --- ** $ @ *** === ~ ^ */ /* ++ += -= ::"""
)
# A dot in a name ends nothing, and neither do two colons; a sign that stands alone does. A row of dots is looked at once.
_CLAUSE = re.compile(r"[\n!?;,()¿¡\"„“”«»。！？；：，、]+|(?<!\.)\.+(?=\s|$)|(?<!:):(?=\s|$)|(?<=\s)[^\w\s]+(?=\s)")
_TYPE = re.compile(r"(?::|->)\s*((?:#\()?[A-Z][\w(), ]*)")
_SIGNATURE = re.compile(
    r"\((?P<takes>[^()]*(?:\([^()]*(?:\([^()]*\)[^()]*)*\)[^()]*)*)\)\s*->\s*(?P<returns>[A-Z]\w*(?:\([^\n{]*)?)"
)
_DEFINED = re.compile(r"\b(?:type|class|struct|enum|interface|trait|record|data)\s+([A-Z]\w*)[^{\n]*(\{[^}]{0,1000}\})?")
_FUNCTION = re.compile(r"\b(?:fn|function|def|func|fun)\s+\w+\s*\(|\blocal\s+\w+\(")
_KINDS = {
    "string": "string", "str": "string", "text": "string", "int": "number", "float": "number", "integer": "number",
    "number": "number", "list": "list", "array": "list", "vec": "list", "set": "list", "dict": "dict", "map": "dict",
    "hashmap": "dict", "bool": "boolean", "boolean": "boolean", "option": "optional", "maybe": "optional",
    "result": "error", "either": "error",
}  # fmt: skip
_PLAIN_TYPES = word_set(
    """String Int Float Bool List Nil Str Integer Number Boolean Array None Null True False Self Ok Err Some"""
)


class Prompt(NamedTuple):
    """A prompt, read."""

    prose: str
    """Its prose, without code."""
    words: int
    """Number of words of its prose."""
    parts: int
    """Number of functions, titles and list items: each wants something."""
    questions: tuple[Phrase, ...]
    """What it asks outright and the errors it quotes: whole queries, best first."""
    phrases: tuple[Phrase, ...]
    """Verb phrases in its own words, best first."""
    operations: tuple[tuple[Operation, float], ...]
    """The operations it speaks of, with their strength, strongest first."""
    names: tuple[str, ...]
    """What of its code documentation may explain: dotted names, modules, operators, types."""
    labels: tuple[str, ...]
    """What its code fences call their language."""
    stems: frozenset[str]
    """Stems of the words of its prose that say something."""
    english: bool
    """Whether the prose looks like English."""
    used: tuple[str, ...]
    """What it says to use and what looks like a name: `with filterIt and mapIt`, `using foldl`."""
    mentioned: tuple[str, ...]
    """What may be a name, if the documentation knows it as one: `gen_server`, what stands in backticks, what follows `with`."""
    spoken: tuple[str, ...]
    """The words of its prose that look like code: `gen_server`, `mapAccumL`."""
    clauses: tuple[str, ...]
    """Its clauses as they stand, those of some length first."""
    lines: tuple[str, ...]
    """The clauses where it is not English, so that little of the above can be trusted."""


def read_prompt(text: str) -> Prompt:
    """Read a prompt."""
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = text[:HEAD_CHARS] + "\n\n" + text[-TAIL_CHARS:]
    prose, code, labels = split_code(text)
    words = len(WORD.findall(prose))
    errors = errors_in(text)
    spoken = without_errors(prose, errors)
    wanted = _EXAMPLE.sub("", _LISTED.sub(" ", _REFUSED.sub(" ", spoken)))
    sentences = sentences_of(wanted)
    types = library_types(prose, code)
    used, mentioned = used_in(prose, code)
    phrases = [
        Phrase(phrase.text, phrase.weight * weight)
        for sentence, weight in sentences
        for phrase in phrases_in(sentence, strict=words > LONG_PROSE_WORDS)
    ]
    asked = [Phrase(f"what does `{code}` do", 5.0) for code in _ASKED_CODE.findall(prose)[:2]]
    questions = [*(Phrase(error.query, 5.0) for error in errors), *asked]
    questions += [question for sentence, _ in sentences for question in questions_in(sentence)]
    if words <= 25 and not questions and not phrases:
        questions = [Phrase(about, 2.0) for sentence, _ in sentences if (about := noun_phrase(sentence))]
    return Prompt(
        prose=prose,
        words=words,
        parts=len(_FUNCTION.findall(code)) + len(re.findall(r"^#{2,6}\s|^[ \t]*(?:[-*•]|\d+[.)])\s", prose, re.MULTILINE)),
        questions=tuple(sorted(questions, key=lambda question: -question.weight)),
        phrases=tuple(sorted(phrases, key=lambda phrase: -phrase.weight)),
        operations=rank_operations(sentences_of(wanted, literals=words <= LONG_PROSE_WORDS), code, types),
        names=tuple(dict.fromkeys((*used, *names_in(prose, code), *types))),
        labels=labels,
        stems=frozenset(stems_of(prose)) - STOP_WORDS,
        english=_is_english(prose),
        used=used,
        mentioned=mentioned,
        spoken=tuple(dict.fromkeys(_LIKE_CODE.findall(prose)))[:4],
        clauses=(clauses := tuple(clauses_of(wanted))),
        lines=() if questions or _is_english(prose) else _telling(clauses),
    )


def _telling(clauses: tuple[str, ...]) -> tuple[str, ...]:
    """Return the clauses of some length, if there are any: `Schreibe eine Funktion` says nothing."""
    return tuple(clause for clause in clauses if clause.count(" ") >= 3) or clauses


def _is_english(prose: str) -> bool:
    """Return whether enough of the words are those that English cannot do without; a few words alone may be any language."""
    words = [word.lower() for word in WORD.findall(prose)]
    little = sum(word in STOP_WORDS for word in words)
    return (prose.isascii() and 0 < len(words) < 8 and little > 0) or little >= 0.14 * len(words) > 0


def clauses_of(prose: str) -> list[str]:
    """Return the beginnings of clauses, as they stand: the way to ask in a language that nothing is known about.

    Clauses of some length come first: they are about something.
    """
    found: list[str] = []
    for clause in _CLAUSE.split(_LITERAL.sub("\n", prose))[:60]:
        tokens = [token.strip("`'*_~|<>=") for token in request_of(clause.strip()).split()]
        for words in _parts([token for token in tokens if WORD.search(token) and len(token) <= 40]):
            if len(words) >= 3 or any(len(word) >= 5 and not word.isascii() for word in words):
                kept = words[:MAX_WORDS]
                while len(kept) > 2 and kept[-1].lower() in STOP_WORDS - PRONOUNS:
                    kept.pop()  # nothing ends in `of`
                found.append(" ".join(kept)[:80])
    return sorted(found, key=lambda clause: clause.count(" ") < 3)


def _parts(words: list[str]) -> list[list[str]]:
    """Return the words of a clause, in parts where it is too long for a query: `... and link it`, not `... and a link`."""
    places = range(3, len(words) - 3) if len(words) > MAX_WORDS else ()
    ends = [at for at in places if words[at].lower() in CLAUSE_WORDS and words[at + 1].lower() not in ("a", "an", "the")]
    return [words[start + 1 : end] for start, end in pairwise([-1, *ends, len(words)])]


def split_code(text: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the prose of a text, its code, and the languages that its fences name."""
    prose: list[str] = []
    code: list[str] = []
    labels: list[str] = []
    fence = ""
    for line in _LINK.sub(lambda match: match[1] or " ", text).split("\n"):
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
            labels += [mark[2]] if mark[2] else []
            prose.append("")
        elif mark and mark[1].startswith(fence):
            fence = ""
        elif fence or _looks_like_code(line):
            code.append(line)
        else:
            prose.append(line)
    return "\n".join(prose), "\n".join(code), tuple(labels)


def _looks_like_code(line: str) -> bool:
    """Return whether a line outside of a fence is code or data: it has the form, and not many words besides."""
    if not _CODE_LINE.match(line[:200]) or line.rstrip().endswith((".", "?")):
        return False
    spoken = re.findall(r"(?<!\S)[A-Za-z][a-z']*(?=[\s,.]|$)", _LITERAL.sub(" ", line[:400]))
    return len(spoken) < 5


def sentences_of(prose: str, *, literals: bool = False) -> list[tuple[str, float]]:
    """Return the sentences of a text with weights: what stands in an introduction or in a note matters less."""
    result: list[tuple[str, float]] = []
    for section in _TITLE.split(prose):
        title = section.split("\n", 1)[0].strip("# \t").lower() if section.startswith("#") else ""
        weight = 0.4 if title in _SIDE_TITLES else 1.0
        body = _SOFT_BREAK.sub(" ", _EMPHASIS.sub(r"\2", _MARKS.sub("", section if literals else _LITERAL.sub(" § ", section))))
        pieces = (piece.strip(" \t\n*-•§") for piece in _SENTENCE_END.split(body))
        result += [(piece, weight) for piece in pieces if piece]
    return result


def library_types(prose: str, code: str) -> tuple[str, ...]:
    """Return the types in the signatures of some code that are not its own, without the plainest ones."""
    own = {name for name in re.findall(r"[`'\"]([A-Z]\w*)[`'\"]", prose)} | set(re.findall(r"the '?([A-Z]\w*)'? ", code))
    for name, body in _DEFINED.findall(code):
        own |= {name, *re.findall(r"[A-Z]\w*", body)}
    signatures = "\n".join(line for line in re.sub(r'"[^"\n]*"', "", code).split("\n") if "(" in line)
    found = [name for expression in _TYPE.findall(signatures) for name in re.findall(r"\b[A-Z][a-z]\w*", expression)]
    return tuple(dict.fromkeys(name for name in found if name not in own and name not in _PLAIN_TYPES))


def signatures_in(code: str) -> list[str]:
    """Return what functions take and return, in general words: `string->list`, `->error`."""
    found: dict[str, None] = {}
    for match in _SIGNATURE.finditer(code[:20_000]):
        takes, returns = _kinds_in(match["takes"]), _kinds_in(match["returns"])
        found.update(dict.fromkeys(f"->{kind}" for kind in returns))
        found.update(dict.fromkeys(f"{a}->{b}" for a in takes for b in returns))
    return list(found)


def _kinds_in(code: str) -> list[str]:
    words = (_KINDS.get(word.lower()) for word in re.findall(r"\b[A-Z][a-z]+\b", code))
    return list(dict.fromkeys("int" if kind == "number" else kind for kind in words if kind))


def names_in(prose: str, code: str) -> list[str]:
    """Return the names and operators of a prompt that documentation may explain, those spoken of in the prose first."""
    spoken = [name.rstrip("()") for name in _SPOKEN_CODE.findall(prose)]
    spoken = [name for name in spoken if _is_special(name) or _is_library_name(name)]
    # `use soft_max`, `what does __index do`, unless it is what the code defines.
    spoken += [name for name in _USED.findall(prose) if _LIKE_CODE.fullmatch(name) and not re.search(rf"\w {name}\b", code)]
    written = [
        name for name in _DOTTED.findall(f"{prose}\n{code}") if name.split(".")[0] not in {"self", "this", "super", "e", "i"}
    ]
    modules = [name for name in _MODULE.findall(code) if len(name) > 2]
    # What is called belongs to a module more often than to a variable, a file or a host.
    text = f"{prose}\n{code}"
    own_files = set(re.findall(r"[/`](\w+)\.\w+", prose))
    written = [name for name in written if f"{name}(" in text and name.split(".")[0] not in own_files]
    operators = [operator for operator in _OPERATOR.findall(code) if _is_special(operator)]
    return list(dict.fromkeys([*spoken, *modules, *written, *operators]))[:8]


def used_in(prose: str, code: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what a prompt says to use that looks like a name, and all that may be one if the documentation knows it.

    English has an article or a plural where a thing is used: `using a loop`, `with commas`. A word that has neither and ends
    its clause is a name or a notion, `using foldl and numlist`, and either can be asked for.
    """
    prose = _REFUSED.sub(" ", prose)
    used: list[str] = []
    mentioned = [name for name in _SPOKEN_CODE.findall(prose) if re.fullmatch(r"[A-Za-z_]\w+(?:/\d)?", name)]
    mentioned += _LIKE_CODE.findall(prose)
    for match in _WITH.finditer(prose):
        names = [name.strip("`") for name in re.split(r",\s*(?:and\s+)?|\s+(?:and|or)\s+", match["names"])]
        named = [name for name in names if _NAME_FORM.fullmatch(name)]
        if match["how"].lower() != "with" and match["end"] is not None and all(map(_may_be_name, names)):
            named = names
        if not _VALUE_NEXT.match(prose, match.end("names")):
            used += [name for name in named if not re.search(rf"(?:\w |^\s*){re.escape(name)}\b", code, re.MULTILINE)]
        mentioned += [name for name in names if _may_be_name(name)]
    return tuple(dict.fromkeys(used))[:4], tuple(dict.fromkeys(mentioned))[:8]


def _may_be_name(word: str) -> bool:
    """Return whether a word stands for itself: neither little nor plural, and none of what every language has."""
    plain = word.lower()
    return (
        len(word) > 2
        and word[0].islower()
        and not ({plain, stem(plain)} & (STOP_WORDS | TECHNICAL))
        and not plain.endswith(("s", "ly", "ed", "ing"))
    )


def _is_library_name(name: str) -> bool:
    """Return whether a name looks like a function of a library; a plain `spec.replicas` is a path into data as often."""
    last = name.rsplit(".", 1)[-1]
    return bool(_DOTTED.fullmatch(name)) and last not in FILE_SUFFIXES and ("_" in last or not last.islower())


def _is_special(text: str) -> bool:
    return (
        2 <= len(text) <= 3 and not any(c.isalnum() or c in "\"'_ ()[]{},;\\#`" for c in text) and text not in _COMMON_OPERATORS
    )


def rank_operations(
    sentences: list[tuple[str, float]], code: str, types: tuple[str, ...]
) -> tuple[tuple[Operation, float], ...]:
    """Return the operations that sentences speak of; those that fit the types of the code's signatures are stronger."""
    score: dict[Operation, float] = {}
    for sentence, weight in sentences:
        for operation, strength in operations_in(stems_of(sentence)).items():
            # The second mention says less than the first.
            score[operation] = score.get(operation, 0.0) * 0.6 + strength * weight if operation in score else strength * weight
    for operation, strength in operations_in(signatures_in(code)).items():
        score[operation] = score.get(operation, 0.0) + SIGNATURE_WEIGHT * strength
    kinds = {_KINDS[word.lower()] for word in {*re.findall(r"\b[A-Za-z]+\b", code), *types} if word.lower() in _KINDS}
    ranked = [(operation, value * _fit(operation, kinds)) for operation, value in score.items()]
    return tuple(sorted((pair for pair in ranked if pair[1] >= LEAST_STRENGTH), key=lambda pair: -pair[1]))


def _fit(operation: Operation, kinds: set[str]) -> float:
    if not kinds or not operation.kind:
        return 1.0
    return 1.3 if operation.kind in kinds else 0.7
