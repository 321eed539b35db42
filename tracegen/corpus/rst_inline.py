"""Inline markup of reStructuredText -> Markdown, by patterns.

docutils can do this as well, but takes nine tenths of its time for it, and seconds for some pages of 50 kB.
"""

import re
from collections.abc import Collection, Mapping

_INLINE = re.compile(
    r"""
    ``(?P<literal>(?=\S).*?\S|\S)``(?!`)
  | (?<!\w):(?P<role>[\w.+:-]+):`(?P<content>(?:\\.|[^`\\])+)`(?!\w)
  | (?<![\w`])`(?P<before>(?=\S)(?:\\.|[^`\\])+)`:(?P<after>[\w.+:-]+):
  | (?<![\w`])_?`(?P<quoted>(?=\S)(?:\\.|[^`\\])+)`(?:(?P<link>__?)(?!\w)|(?!\w))
  | \|(?P<substitution>(?=\S)[^|\n]{1,80})\|(?:__?(?!\w))?
  | (?P<footnote>\[[\w#*.-]+\])_(?!\w)
  | (?<![\w`])(?P<reference>[^\W_](?:[\w.+-]*[^\W_])?)__?(?![\w`])
  | \\(?P<escaped>\s|.|\Z)
    """,
    re.X | re.S,
)
_EXPLICIT = re.compile(r"(.*?)\s*(?<!\\)<([^<>]*)>", re.S)
_ESCAPE = re.compile(r"\\(\s|.|\Z)", re.S)
_NUMBERED = {"pep": "PEP ", "rfc": "RFC "}
_NUMBERS = {"issue", "pr", "pull", "gh", "ghissue", "ghpull", "bpo", "ticket", "issues"}
_WORDS = {"ref", "doc", "term", "numref", "download", "any", "index", "abbr", "sup", "sub", "title-reference", "title", "eq"}
_CALLED = {"func", "meth", "function", "method"}
_LOUD = {"strong": "**", "emphasis": "*"}


def inline(text: str, names: Collection[str] = (), substitutions: Mapping[str, str] | None = None) -> str:
    """Return the text as Markdown: roles and links give their words, names of code stand in backticks.

    `names` are the link targets of the document, in lower case: `name_` refers to one of them or stands as it is.
    """
    if not any(mark in text for mark in "`|_\\"):
        return text

    def replaced(match: re.Match[str]) -> str:
        return _replaced(match, names, substitutions or {})

    return _INLINE.sub(replaced, text)


def unescaped(text: str) -> str:
    r"""Return the text without its backslashes: `\*` is a star, a backslash before white space nothing."""
    return _ESCAPE.sub(lambda match: match.group(1).strip(), text)


def _replaced(match: re.Match[str], names: Collection[str], substitutions: Mapping[str, str]) -> str:
    kind = match.lastgroup or ""
    groups = match.groupdict()
    if kind == "literal":
        return _code(groups["literal"])
    if kind in ("content", "after"):
        return role_words(groups["role"] or groups["after"], groups["content"] or groups["before"])
    if kind in ("quoted", "link"):
        words = unescaped(groups["quoted"])
        return _spoken(words) if groups["link"] or match.group().startswith("_") else _code(words)
    if kind == "substitution":
        return substitutions.get(" ".join(groups["substitution"].split()), match.group())
    if kind == "footnote":
        return groups["footnote"]
    if kind == "reference":
        return groups["reference"] if groups["reference"].lower() in names else match.group()
    return groups["escaped"].strip()


def role_words(role: str, content: str) -> str:
    """Return what a role shows; the name of a role of a domain counts without the domain."""
    name = role.rpartition(":")[2].lower()
    if name == "math":
        return f"${' '.join(content.split())}$"
    content = unescaped(" ".join(content.split()))
    if name in _LOUD:
        return f"{_LOUD[name]}{content}{_LOUD[name]}"
    explicit = _EXPLICIT.fullmatch(content)
    if explicit and explicit.group(1):
        words = explicit.group(1)
        return words if name in _WORDS or " " in words else _code(words)
    if name in _WORDS:
        return content.lstrip("!~")
    if name in _NUMBERED:
        return _NUMBERED[name] + content
    if name in _NUMBERS:
        return f"#{content}" if content.isdigit() else content
    content = content.lstrip("!~.")
    return _code(content + "()" if name in _CALLED and not content.endswith(")") else content)


def _spoken(words: str) -> str:
    """Return the words of a link without its target."""
    explicit = _EXPLICIT.fullmatch(words)
    return (explicit.group(1) or explicit.group(2)) if explicit else words


def _code(words: str) -> str:
    return f"`` {words} ``" if "`" in words else f"`{words}`"
