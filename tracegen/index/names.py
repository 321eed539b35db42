r"""Exact names: what a query calls by its name is found where that name is explained, and where it is used.

    result.try   std.foldl   gleam/list.fold   Array::push   snake_case   camelCase   @decorator   --flag   |>   `use`

Words alone do not do it: `\w+` drops operators and takes `std.foldl` apart. These names have an index of their own beside
that of the words, because one index for both was worse: plain words with stems find 86 of 100 names first, dotted names kept
whole among them 51 to 69 (2026-11).
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

from tracegen.declaring import DECLARING, SIGN
from tracegen.records import Chunk

DEFINED = "= "
"""Stands before a name that is the heading of a chunk's section: `std.foldl`."""
SPOKEN_OF = "~ "
"""Stands before a name that is in that heading: `Tracing with std.trace`."""
MAX_PARTS = 4
SHORT_QUERY = 4
"""Words of a query that asks for something as it stands, `1..10 range`, at most."""

# First what is most of any text: words that can be no name, without a capital within, and with nothing of a name behind them.
# The other ways would each go through them again: the names of a query took 60 microseconds, a twentieth of its search, and
# take 18 (2026-11).
_NAME = re.compile(
    rf"""
      (?P<plain>(?<!\w)[A-Za-z]?[a-z]++(?![\w$.:/\#(-]))
    | (?P<dotted>(?<![\w@$-])[^\W\d][\w$]*(?:(?:\.|::|/|\#|->)[^\W\d][\w$]*)+[!?]?)
    | (?P<marked>@[^\W\d][\w.]*|(?<![\w-])--?[^\W\d][\w-]*|(?<![\w$])\$[^\W\d]\w*)
    | (?P<joined>(?<!\w)(?:\w+_\w+|_\w+|[a-z\d]+[A-Z]\w*[a-z]\w*)(?!\w))
    | (?P<capital>(?<!\w)(?:[a-z\d]+[A-Z]+|[A-Z]+[a-z\d]+[A-Z]\w*|[A-Z]{{2,}}[a-z]\w*)(?!\w))
    | (?P<called>(?<!\w)[^\W\d]\w*(?=\())
    | (?P<operator>(?<![^\w\s()\[\]{{}},;"'`])(?:
          {SIGN}{{1,8}}?(?=/\d+(?!\w|\.\w))
        | {SIGN}{{2,8}}(?![^\w\s()\[\]{{}},;"'`])))
    """,
    re.VERBOSE,
)
_QUOTED = re.compile(r"`+\s*([^`\n]{1,60}?)\s*`+")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_FENCED = re.compile(r"^(```+|~~~+).*?^\1", re.MULTILINE | re.DOTALL)
_LONE_OPERATOR = re.compile(r"(?<!\S)[^\w\s(){}\[\],;\"'`]{1,8}(?=[\s:,]|$)")
_SEPARATOR = re.compile(r"::|->|[./#]")
# Rules, heads of tables and ends of comments, in every page, say nothing.
_NO_OPERATOR = re.compile(r"([-=.*#~/:+])\1*|\*/|/\*|//|(?=.{5}).*(.)\2\2.*")
_TELLING = {"..", "...", "::", "==", "**", "++", "--", "//", "==="}
_WORDS = re.compile(r"\w+")
_TYPED = re.compile(r"\s::?\s|\(|(?<=\w)[<\[{]")
_CATEGORY = re.compile(
    r"(?:[a-z][\w-]* (?:\d+ )?)*(?:Function|Macro|Command|Variable|Option|Form|Method|Procedure|Type|Class|Condition|Syntax|"
    r"Operator|Structure|Parameter|Constant): (\S+)",
    re.IGNORECASE,
)
_FORM = re.compile(r"\((?:(?:struct|new|send\s+\S+)\s+)?([^\s()\[\]\"]+)(?=[\s)])(?!\)\s+\w)")
_BETWEEN_NUMBERS = re.compile(r"(?<=\d)\s*([^\w\s`\"'()\[\]{},;]{2,8})\s*(?=-?\d)")
_ANCHOR = re.compile(r"(?:[a-z]:)?(\S+)/\d+")  # of ExDoc, EDoc, PlDoc: `map/2`, `c:init/1`, `=../2`
_SAYS_OPERATOR = {"operator", "operators", "syntax", "symbol"}
_KIND_BEHIND = re.compile(
    r"(?:the )?([^\W\d]\w*) (?:statement|expression|keyword|operator|function|macro|directive|command|clause|loop|block|pragma|"
    r"method|attribute|instruction|construct|builtin)s?",
    re.IGNORECASE,
)
_ARITY = re.compile(r"(?<=\S)/\d+$")
_SECTION_NUMBER = re.compile(r"\A(?:\d+|[A-Z])(?:[.-]\d+)+\.?\s+(?=\S)")
_KIND = re.compile(
    r"(?:Class|Interface|Struct|Trait|Function|Enum|Module|Macro|Package|Type|Method|Record|Namespace|Object|Constant) "
)


def names_in(text: str, *, capital: bool = True) -> Iterator[str]:
    """Return the names that stand in a text, in one form each: lower-cased, their parts joined by dots.

    Without `capital` those are left out that may as well be a make, a platform or a language: JavaScript, macOS, ArrayList.
    """
    return (name for name, kind in _found(text) if capital or kind != "capital")


def _found(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names in a text with the form that made them names."""
    for match in _NAME.finditer(text):
        kind = match.lastgroup or ""
        if kind == "plain":
            continue
        found = match[0]
        if kind != "operator":
            yield found.lower() if kind == "marked" else _dotted(found), kind
        elif found in _TELLING or not _NO_OPERATOR.fullmatch(found):
            yield found.lower(), kind


def chunk_names(chunk: Chunk) -> list[str]:
    """Return the names that a chunk can be found by: those it mentions, and marked as such those of its headings."""
    mentioned = [form for name in names_in("\n".join((*chunk.headings, chunk.text))) for form in _endings(name)]
    page = chunk.path.rpartition("/")[2].partition(".")[0]
    path = chunk.headings or (chunk.title,)
    # The headings of tiny sections that were joined are in the text.
    inner = [(heading, path[-1]) for heading in _HEADING.findall(_FENCED.sub("", chunk.text))]
    headings = [(path[-1], path[-2] if len(path) > 1 else ""), *inner]
    defined = {name for heading, parent in headings for name in _defined(heading, (parent, page))}
    if anchor := _ANCHOR.fullmatch(unquote(chunk.anchor or "")):
        defined.update(_endings(_alone(anchor[1])))
    spoken_of = {name for heading, _ in headings for name in _spoken_of(heading)}
    return [*mentioned, *(DEFINED + name for name in sorted(defined)), *(SPOKEN_OF + name for name in sorted(spoken_of))]


class QueryNames(NamedTuple):
    """The names that a query asks for, each once."""

    mentioned: list[str]
    """Those with a form that only names have, and what is quoted or stands alone."""
    wanted: list[str]
    """Those whose sections are asked for: without what may as well be a language, and the whole query may be a heading."""
    last: str
    """The last part of a query that is a name, `add` of `seq.add`, which counts where no heading has the whole; or ""."""


def query_names(query: str) -> QueryNames:
    """Return the names in a query."""
    found = list(_found(query))
    said = [_alone(text) for text in _QUOTED.findall(query)]
    words = query.split()
    alone = _alone(query) if len(words) == 1 else ""
    if alone:
        said.append(alone)
    elif len(words) == 2 and not _WORDS.search(words[0]) and words[1].casefold() not in _SAYS_OPERATOR:
        said.append(_alone(words[1]))  # `:- dynamic`
    # In a sentence, `index 5 not in 0 .. 4`, what stands between numbers is not what is asked for.
    values = {operator.lower() for operator in _BETWEEN_NUMBERS.findall(query)} if len(words) > SHORT_QUERY else set()
    wanted = (name for name, kind in found if kind != "capital" and not (kind == "operator" and name in values))
    return QueryNames(
        mentioned=_distinct([*(name for name, _ in found), *said]),
        wanted=_distinct([*wanted, *said, _phrase(query)]),
        last=alone.rpartition(".")[2] if "." in alone and _WORDS.search(alone) else "",
    )


def _distinct(names: Iterable[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name]


def _defined(own: str, parents: tuple[str, ...]) -> set[str]:
    """Return the names that a heading is: of `fold` below `gleam/list` these are fold, list.fold, gleam.list.fold."""
    own = _SECTION_NUMBER.sub("", own)
    found = {_phrase(own)}
    form = _FORM.match(own)
    if form:  # `(floor x) → integer`, of a Lisp
        own = form[1]
    typed = _TYPED.search(own)
    # The commas behind a bracket are between arguments.
    for part in [own] if typed and "," not in own[: typed.start()] else own.split(","):
        name = _declared(part.strip(), {_alone(parent) for parent in parents})
        if name and not any(character.isspace() for character in name):
            found.update(_endings(name))
            outer = filter(None, (_declared(parent, set()) for parent in parents))
            found.update(form for parent in outer for form in _endings(f"{parent}.{name}"))
    return found - {""}


def _declared(part: str, parents: set[str]) -> str:
    """Return what a signature declares: `fold` of `def fold(list)` and `fold :: a -> b`, `math` of `Class Math` on its page."""
    category = _CATEGORY.match(part)
    if category:  # Texinfo's `Function: fold list from`
        return _alone(category[1])
    whole = _TYPED.split(part, maxsplit=1)[0].strip()
    name = DECLARING.sub("", whole, count=1)
    # Without arguments or a type these are words: `function composition`.
    if name != whole and name == part[-len(name) :] and name == name.lower() and not _SEPARATOR.search(name):
        name = whole
    described = _KIND.sub("", name, count=1)
    return _alone(described if _alone(described) in parents or _SEPARATOR.search(described) else name)


def _spoken_of(own: str) -> set[str]:
    """Return the names within a heading; here one character is enough for an operator, and `Discard statement` has one."""
    quoted = (_alone(quoted) for quoted in _QUOTED.findall(own))
    kind = _KIND_BEHIND.fullmatch(_SECTION_NUMBER.sub("", own))
    keyword = (kind[1].lower(),) if kind else ()
    return {form for name in (*names_in(own), *quoted, *keyword, *_LONE_OPERATOR.findall(own)) for form in _endings(name)}


def _alone(text: str) -> str:
    """Return what stands alone as a name: without quotes, and without the brackets of a call."""
    text = _ARITY.sub("", text.strip().strip("`'\"").strip().rstrip(":;,").removesuffix("()"))
    return _dotted(text) if _WORDS.search(text) and not text.startswith(("-", "@")) else text.lower()


def _dotted(name: str) -> str:
    return _SEPARATOR.sub(".", name).strip(".").lower()


def _endings(name: str) -> list[str]:
    """Return a dotted name and what is left of it without its first parts: a.b.c, b.c, c."""
    parts = name.split(".")
    if len(parts) == 1 or not all(parts):
        return [name] if name else []
    return [".".join(parts[start:]) for start in range(max(0, len(parts) - MAX_PARTS), len(parts))]


def _phrase(text: str) -> str:
    """Return the words of a heading, or of a query that may be one."""
    words = _WORDS.findall(text.lower())
    return " ".join(words) if len(words) > 1 else ""
