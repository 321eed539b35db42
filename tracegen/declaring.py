"""What headings of a documentation declare: `deduplicate` of `func deduplicate(s)`, `Option` of `pub type Option(a)`."""

import re

_WORDS = (
    r"(?:(?:pub|public|private|protected|static|abstract|final|async|const|inline|unsafe|export|declare|def|fn|func|function|fun|"
    r"proc|template|macro|iterator|method|class|struct|trait|interface|enum|module|exception|classmethod|staticmethod|property|"
    r"val|let|var|type|record|data|newtype|defmacro|external)\s+)+"
)
DECLARING = re.compile(_WORDS + r"(?=[^\W\d])")
"""Words that begin a declaration, before the name that it declares."""

_BEFORE = re.compile(r"[\s`*_\\]*" + _WORDS)
_NAME = re.compile(r"`(?P<quoted>[^`\s]+)`|(?P<name>[^\W\d]\w*(?:(?:\.|::?|/|#)[^\W\d]\w*)*['?!]?)")
# What tells a declaration from a sentence: arguments, parameters of a type, a type or a value behind the name.
_SIGNATURE = re.compile(r"\*?[(\[<{]|\s*(?:::?\s*(?:\S+$|\S*[A-Z(\[<])|=|->|→)")
_END = re.compile(r"[\s`*_:]*$")
_TAGS = r"[\s`*]*(?:\[[\w, ]+\]\s*)?"
SIGN = r"[-+*/%<>=!&|^~?:.@$\\#]"
"""A character of an operator, as a part of a pattern."""
# An operand with marks that say what it is, `+Term`. Between two of them the operator may be a word; without marks, as in
# `a |> b`, it has two signs or more, and the words are no titles: `Strings -> Lists`, `Copy / Paste`.
_MARKED = r"[+?:@!-]{1,2}[A-Z_]\w*"
_OPERATION = re.compile(
    rf"{_TAGS}(?:{_MARKED}\s+(?P<between>{SIGN}+|[a-z]\w*)\s+{_MARKED}|[a-z_]\w*\s+(?P<bare>{SIGN}{{2,}})\s+[a-z_]\w*"
    rf"|(?P<before>{SIGN}+)\s*{_MARKED}|(?:[Tt]he\s+)?`?(?P<alone>{SIGN}+)`?(?:\(\w*\))?(?:\s+operator)?)[\s`*]*"
)


def declared_name(heading: str) -> str | None:
    """Return the name, or the operator, that a heading declares with a word for it: `fold` of `pub fn fold(list)`.

    None where no such word begins it, or where it reads as a sentence: `function composition`, `type inference: an overview`.
    """
    words = _BEFORE.match(heading)
    found = _NAME.match(heading, words.end()) if words else None
    if found is None:
        return None
    name = found["quoted"] or found["name"]
    if _SIGNATURE.match(heading, found.end()):
        return name
    # Without arguments or a type a name has the form of one, such as `class ConfigError`, `module gleam/list`.
    formed = found["quoted"] is not None or name != name.lower() or re.search(r"[._:/#\d]", name)
    return name if formed and _END.match(heading, found.end()) else None


def declared_operator(heading: str) -> str | None:
    """Return the operator that a heading is for, by its form: `=..` of `+Term =.. ?List`, `|>` of `a |> b` and of `|>`."""
    match = _OPERATION.fullmatch(heading)
    return next(filter(None, match.groups())) if match else None
