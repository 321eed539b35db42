"""Words of people who program: the small vocabulary below the built-in researcher.

Words are compared by their stems. A stem is no word ("remov"); it only makes `remove`,
`removes` and `removing` equal.
"""

import re
from functools import lru_cache

WORD = re.compile(r"(?<![^\W_])(?<!__)[^\W_](?:[\w'’/+#-]|\.(?=\w))*")
"""A word of prose or an identifier in it: `don't`, `lower-case`, `std.foldl`, `src/main`, `C#`; `__index` is no word."""

_VOWELS = set("aeiouy")


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return the stem of an English word; other words come back in lower case."""
    word = word.lower().replace("’", "'").removesuffix("'s").strip("'")
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) >= 3 and _VOWELS & set(base):
            word = base[:-1] if base[-1] == base[-2] and base[-1] not in "lsz" else base
            break
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def stems_of(text: str) -> list[str]:
    """Return the stems of the words of a text, in order."""
    return [stem(word) for word in WORD.findall(text)]


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text that is written to be read as a set."""
    return frozenset(text.split())


STOP_WORDS = word_set(
    """a about after again all also although am an and any are as at be because been before being below but by can could
    did do does done down each either etc even every few for from further get gets give given gives go goes got had has
    have having he hello her here hers hey hi him his how i i'd i'll i'm i've if in into is it it's its itself just let
    like made make makes many may me might more most much must my need needs no nor not now of off on once only onto or
    other our out over own per please pls should so some such than thanks that that's the their them then there there's
    these they this those through to too under until up upon us use used uses using very via want wants was we well were
    what when where whether which while who whom whose why will with within without would yes you your yours"""
)
"""Words that say nothing about a subject."""

CLAUSE_WORDS = word_set(
    """and so but where which that because when if then while until whose who nor instead since unless such"""
)
"""Words that begin another clause."""

PRONOUNS = word_set("""i me my we us our you your he him his she her they them their it its this these those that""")
"""Words that point at something outside of the phrase they stand in."""

DANGLING = STOP_WORDS - word_set("all each every once most more only not") | word_set(
    "called named respectively e.g i.e equals equal between both least following relative own"
)
"""Words that no query ends with."""

VERBS = word_set(
    """add access append apply assert build calculate call cast change check chunk clamp collect combine compare compose
    compute concatenate convert copy count create decode deduplicate define delete derive destructure detect divide drop
    emit encode escape evaluate exclude expand export extend extract fail filter find flatten fold format generate group
    handle hide implement import include increment index inherit insert interpolate intersect invert iterate join limit
    look loop lowercase make map match merge modify multiply negate nest normalise normalize order override pad parse
    pass patch pick pipe print produce prune raise read reduce refer remove rename render repeat replace resolve return
    reverse rotate round run search select serialize set shift show shuffle skip slice sort split square store strip
    substitute subtract sum swap take test throw transform translate transpose traverse trim truncate turn unwrap update
    uppercase validate verify wrap write zip"""
)
"""What programs do, in the base form."""

FILE_SUFFIXES = word_set("md txt json yaml yml toml html css js ts py rs go sh ini conf csv xml log")
"""What a dotted name that is a file ends with."""

_VERB_OF_STEM = {stem(verb): verb for verb in sorted(VERBS, reverse=True)}

NOUN_VERBS = word_set(
    """access call cast change chunk count drop format group index limit loop map match nest order pad pass patch pick
    pipe print repeat round run search set shift show slice square store sum swap test zip return sort split filter join
    look make take turn write read test copy reverse import include export"""
)
"""Verbs that are nouns as often, so that they count as verbs only where one is expected."""


def verb_of(word: str) -> str | None:
    """Return the base form of a verb that programs do (`joins` -> `join`), or None."""
    return _VERB_OF_STEM.get(stem(word))


TECHNICAL = frozenset(_VERB_OF_STEM) | frozenset(
    stem(word)
    for word in word_set(
        """alias alphabetical anonymous argument array ascending ascii assertion assignment backslash base base64 binary bit
        block boolean bool branch bracket builtin byte bytes capital case character char chunk class closure codepoint code
        column comma comment comparison comprehension concatenation condition conditional config configuration constant
        constructor conversion csv custom data date decimal declaration deep default descending dict dictionary digit
        division document duplicate dynamic element else empty entries entry enum environment equality error even exception
        expression external factor false field file first float floating fold formatting function generic graph grapheme
        guard hash header hex hidden html identifier if import indentation index inheritance ini input int integer
        interpolation item iterator json key keyword label lambda last leading length letter level library line list literal
        local loop lowercase lower map matrix merge method mixin modulo module multi-line name nested nested-merge newline
        node null number numeric object octal odd opaque operator option optional order output override overflow pair
        palindrome parameter parent parser path pattern percent pipeline pointer position power prefix prime printf private
        process property queue quote quotes random range raw record recursion recursive reference regex regular remainder
        result reverse root row runtime schema scope separator sequence set shell slice sorted source space square stack
        statement std stdlib string struct sublist subset substring suffix sum super switch syntax table tail tail-recursive
        template ternary text time toml top-level total trailing tree trim true tuple type unicode union unique unquoted
        uppercase upper utf-8 value variable variant whitespace width word xml yaml zero"""
    )
)
"""Stems of words that mean something in nearly every programming language."""

_SYNONYMS = """
    array list, object dict map record, field key property, join concatenate concat, character char grapheme letter, fold
    reduce accumulate, uppercase upper, lowercase lower, remove delete strip drop, string text, function method, count
    length size number, largest max maximum highest biggest, smallest min minimum lowest, sum total add, integer int number,
    decimal float, convert transform turn to, merge combine union, find search lookup get, error failure fail, optional
    option maybe, unique distinct duplicate set, repeat recursion loop, remainder modulo mod, round floor ceil truncate,
    parse decode read, generate render manifest write, replace substitute, check test is has, contains member contain has,
    default unwrap fallback, group partition bucket, prefix start, suffix end, split chunk separate, reverse backwards,
    inherit extend override, random shuffle, hidden private, boolean bool, codepoint ascii unicode ord char, square sqrt
    root, power pow exponent, print debug trace, all every, transpose columns, sort order compare, filter select keep, pad
    align, element item member
"""
SYNONYMS = tuple(tuple(group.split()) for group in _SYNONYMS.split(","))
"""Groups of words that documentation uses for one another; the first of a group is the plainest."""

_GROUPS_OF_STEM: dict[str, list[tuple[str, ...]]] = {}
for _group in SYNONYMS:
    for _word in _group:
        _GROUPS_OF_STEM.setdefault(stem(_word), []).append(_group)


def synonyms_of(word: str) -> list[str]:
    """Return other words that documentation may use for a word, the plainest first."""
    own = stem(word)
    return [other for group in _GROUPS_OF_STEM.get(own, ()) for other in group if stem(other) != own]
