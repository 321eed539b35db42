"""The terms of a text: the names in it that carry knowledge of a language or product.

A term is an identifier, a qualified name (`list.fold`, `std::vec`), an operator of two characters or more (`|>`, `+:`) or a
flag (`--tla-str`). The contents of strings, comments and numbers are not. Nor is what the text itself defines: variables,
parameters, functions of its own. The rule is general, since the languages tracegen is made for are those that no lexer knows;
where Pygments knows the language (`language`), it tells strings and comments apart instead of the rule.

What the rule cannot see: a definition in a syntax of its own (then the name counts as a term, and lowers the support of the
row), and words that are strings in one language and names in another.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from tracegen.errors import SettingsError

COMMON_OPERATORS = frozenset("== != <= >= && || ++ -- += -= *= /= // /* */ => ..".split())  # noqa: SIM905 - readable so
"""Operators that nearly every language has; to know them is no knowledge of this one."""

_FENCED = re.compile(r"^(?P<fence>`{3,}|~{3,})(?P<language>[^\n`]*)\n(?P<code>.*?)(?:^(?P=fence)[`~]*\s*$|\Z)", re.M | re.S)
_INLINE = re.compile(r"`([^`\n]+)`")
_STRING = re.compile(
    r'"""(?:.|\n)*?"""|' r"'''(?:.|\n)*?'''|" r'"(?:\\.|[^"\\\n])*"|' r"'(?:\\.|[^'\\\n])*'|" r"\|\|\|(?:.|\n)*?\|\|\|"
)
_COMMENT = re.compile(r"/\*(?:.|\n)*?\*/|(?<![:\w])//[^\n]*|(?:(?<=\s)|^)#(?![\[{!\w(])[^\n]*|(?:(?<=\s)|^)-- [^\n]*", re.M)
_FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]+")
_NAME = re.compile(r"[^\W\d][\w]*[?!]?")
_QUALIFIED = re.compile(r"[^\W\d]\w*(?:(?:\.|::|/)[^\W\d]\w*[?!]?)+")
_OPERATOR = re.compile(r"[!$%&*+\-/<=>?@^|~:.\\]{2,}")

_DEFINING = (
    # A keyword of definition before it.
    re.compile(
        r"\b(?:let|local|var|val|const|def|defp|fn|fun|func|function|type|class|struct|enum|trait|interface|module|mod|macro|"
        r"proc|sub|method|mut|static|as|for|foreach|each|with|lambda|where|alias|data|record|use|assert)\s+(?:mut\s+|rec\s+)?"
        r"([^\W\d]\w*)"
    ),
    # Something is assigned to it: `x =`, `x :=`, `x <-`, and `name:` of a field, a parameter or an annotation.
    re.compile(r"([^\W\d]\w*)\s*(?::=|<-|=(?![=>~])|\+?:{1,3}(?![:=\w]))"),
    re.compile(r"([^\W\d]\w*)\s*->|([^\W\d]\w*)\s*=>"),
)
_PARAMETERS = re.compile(
    r"(?:\b(?:fn|fun|func|function|lambda|def|proc|sub)\b\s*[\w.]*\s*\(([^()]*)\)|\|([\w\s,]+)\||"
    r"(?<=\()([\w\s,]*)(?=\)\s*(?:->|=>|=)))"
)


class Terms(NamedTuple):
    """The terms of a text."""

    names: frozenset[str]
    """Identifiers that the text does not define."""
    qualified: frozenset[str]
    """Qualified names, separators as they stand."""
    symbols: frozenset[str]
    """Operators and flags."""
    defined: frozenset[str]
    """Names that the text defines itself; no terms."""
    called: frozenset[str]
    """The names that are called, `name(`: unknown ones are no variables."""


def code_of(text: str) -> str:
    """Return the code of an answer: its fenced blocks and inline code where it has any, else the whole text."""
    fenced = [match["code"] for match in _FENCED.finditer(text)]
    if not fenced:
        return text
    prose = _FENCED.sub("\n", text)
    return "\n".join([*fenced, *_INLINE.findall(prose)])


def terms_of(text: str, language: str | None = None) -> Terms:
    """Return the terms of a text.

    Raises SettingsError where Pygments does not know the language.
    """
    code = code_of(text)
    bare = _lexed(code, language) if language else _COMMENT.sub(" ", _STRING.sub('""', code))
    defined = frozenset(_defined(bare))
    qualified = {match[0] for match in _QUALIFIED.finditer(bare)}
    called = frozenset(re.findall(r"([^\W\d]\w*[?!]?)\s*\(", bare))
    # What stands inside a qualified name is not a name of its own.
    rest = _QUALIFIED.sub(" ", bare)
    names = {match[0] for match in _NAME.finditer(rest) if len(match[0]) > 1} - defined
    flags = set(_FLAG.findall(bare))
    operators = {match[0] for match in _OPERATOR.finditer(_FLAG.sub(" ", rest))} - COMMON_OPERATORS
    own = {name for name in qualified if re.split(r"\.|::|/", name)[0] in defined}
    return Terms(frozenset(names), frozenset(qualified - own), frozenset(flags | operators), defined, called)


def _defined(code: str) -> Iterator[str]:
    for pattern in _DEFINING:
        for match in pattern.finditer(code):
            yield from (group for group in match.groups() if group)
    for match in _PARAMETERS.finditer(code):
        for part in (group for group in match.groups() if group):
            for parameter in part.split(","):
                yield from _NAME.findall(parameter)[:2]


def _lexed(code: str, language: str) -> str:
    """Return the code without strings, comments and numbers, by the lexer of its language."""
    from pygments import lex
    from pygments.lexers import get_lexer_by_name
    from pygments.token import Comment, Literal
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language)
    except ClassNotFound:
        raise SettingsError(
            f"Pygments knows no language {language!r}. Leave --language out: the general rule works for every language."
        ) from None
    return "".join(" " if kind in Comment or kind in Literal else text for kind, text in lex(code, lexer))
