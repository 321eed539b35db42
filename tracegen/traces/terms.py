r"""The terms of a text: what in it carries knowledge of a language or product.

Of code: identifiers and keywords, qualified names (`list.fold`, `std::vec`, `gleam/list`, `lists:map(`), names of several parts
(`runs-on`, `string->list`, `let*`), operators (`|>`, `+:`, `⍴`), flags (`--tla-str`, `-o` in a shell) and commands such as
`\frac` or `@external`. Of prose: what looks like code, and its words. The contents of strings, comments and numbers are no
terms, nor is what the text itself defines: variables, parameters, functions, fields of its own. A name below an alias is the
one that the alias stands for. In configuration (YAML, TOML, JSON) the keys are terms.

The rule is general, since the languages tracegen is made for are those that no lexer knows. Where Pygments knows the language
(`language`, or the name behind the fence) it tells strings and comments apart instead of the rule.

What the rule cannot see: a definition in a syntax of its own (then the name counts as a term if the documentation has the same
one), words that are strings in one language and names in another, and letters of either case where a language takes both.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple

from tracegen.errors import SettingsError
from tracegen.traces.prose import is_prose

COMMON_OPERATORS = frozenset("== != <= >= && || ++ -- += -= *= /= // /* */ => .. ... **".split())  # noqa: SIM905 - readable so
"""Operators that nearly every language has; to know them is no knowledge of this one."""
HEAD_CHARS = 400
"""So much is read before a colon that may end the head of a block."""
LISP_CHARS = 600
"""So much is read after the head of a form that binds names."""
SEPARATOR = re.compile(r"\.|::?|/")
"""What stands between the parts of a qualified name."""
# fmt: off
FILE_SUFFIXES = frozenset([
    "c", "cc", "cpp", "css", "csv", "cxx", "h", "hpp", "html", "js", "json", "md", "png", "py", "rs", "toml", "ts", "txt",
    "xml", "yaml", "yml", "zip",
])
# fmt: on
"""What a dotted name in code that is a file ends with. The researcher, who reads prose, has a list of its own."""
SHELLS = frozenset({"sh", "bash", "shell", "zsh", "console", "shell-session", "powershell", "fish"})
"""Languages in which `-o` is a flag and no subtraction."""

_FENCED = re.compile(r"^(?P<fence>`{3,}|~{3,})(?P<language>[^\n`]*)\n(?P<code>.*?)(?:^(?P=fence)[`~]*\s*$|\Z)", re.M | re.S)
_INLINE = re.compile(r"`([^`\n]+)`")
_STRING = re.compile(
    r'"""(?:.|\n)*?"""|'
    r"'''(?:.|\n)*?'''|"
    r'"(?:\\.|[^"\\\n])*"|'
    r"(?<![\w&<])'(?:\\.|[^'\\\n])*'|"
    r"\|\|\|(?:.|\n)*?\|\|\|"
)
_INTERPOLATED = re.compile(r"[#$]\{([^{}\n]*)\}|\\\(([^()\n]*(?:\([^()\n]*\))*[^()\n]*)\)")
_COMMENT = re.compile(
    r"/\*(?:.|\n)*?\*/|\{-(?:.|\n)*?-\}|<!--(?:.|\n)*?-->|(?<![:\w])//[^\n]*|(?:(?<=\s)|^)#+(?:[ \t]|[-=*~]{3}|$)[^\n]*|"
    r"(?:(?<=\s)|^)-- [^\n]*|^\s*%+(?:\s[^\n]*)?$|(?<=[.,;}])\s+%\s[^\n]*|^\s*;{2,}(?:\s[^\n]*)?$|⍝[^\n]*",
    re.M,
)
# One semicolon begins a comment where the code is a Lisp's, and stands before the next branch or step elsewhere:
# `;   format(X)` in Prolog, `; List.iter show xs` in OCaml. There a parenthesis that begins a line has a space or `*` behind
# it, or stands further in than the lines around it.
_SEMICOLON_COMMENT = re.compile(r"^[ \t]*;(?:\s[^\n]*)?$", re.M)
_LISP_LINE = re.compile(r"^(?P<indent>[ \t]*)(?:(?P<form>\((?![\s*]))|[^\s;])", re.M)
_URL = re.compile(r"\b[a-z][a-z\d+.-]*://\S+")
_FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]+")
_SHORT_FLAG = re.compile(r"(?<![\w-])-[a-zA-Z](?![\w-])")
_COMMAND = re.compile(r"(?<!\\)\\[A-Za-z]{2,}|(?<![\w@#%])(?:#:|[@#%])[A-Za-z_]\w+(?:-\w+)*")
_NAME = re.compile(r"(?<!\w)[^\W\d]\w*(?:[?!]|'(?!\w))?")
_MODULE_COLON = r":(?=[^\W\d]\w*(?:\(|/\d))"
"""A colon that qualifies: a call or an arity follows, `lists:map(`, `lists:map/2`."""
# `runs-on`, `string->list`, `let*`, `string=?`, `exn:fail?`; which of them is one name, the documentation says.
_COMPOUND = re.compile(
    rf"(?<![\w.?!*:/<>@#%$\\-])(?![^\W\d]\w*{_MODULE_COLON})[^\W\d]\w*(?:[?!*]?(?:->|[-:/])[^\W\d]\w*|(?<=\w\w)-\d\w*)*"
    r"(?:[<>=]{1,2}\?|[?!*])?(?![\w*-]|\.\w|:[\w:]|/\w)"
)
_MARK = re.compile(r"(?<=\w)[?!](?!\w)")
_JOINT = re.compile(r"->|[-:*<>=]")
_QUALIFIED = re.compile(rf"(?<!\w)[^\W\d]\w*(?:(?:\.|::|/|{_MODULE_COLON})[^\W\d]\w*(?:[?!]|'(?!\w))?)+")
_OPERATOR = re.compile(r"[!$%&*+\-/<=>?@^|~:.\\#]{2,}")
# A dot before a field or at the end of a clause, the mark of a variable: `$.field`, `!.`, `<$file`.
_NO_OPERATOR = re.compile(r"(?<=[!$%&*+\-/<=>?@^|~:\\])(?:\.(?=\w|\s*$)|[$@%](?=\w))", re.M)
_PATH = re.compile(r"(?<![\w.])\.{1,2}/(?=\w)")
_LONE = re.compile(r"(?<![!$%&*+\-/<=>?@^|~:.\\#])[$^~@?%\\#](?![!$%&*+\-/<=>?@^|~:.\\#])")
# `$ jsonnet`, or `set -l x`: a word, a flag, and what looks like an argument.
_COMMAND_LINE = re.compile(r"\A\s*\$ \w|^[ \t]*[a-z][\w-]*[ \t]+--?[a-zA-Z][\w-]*[ \t]+[\w\"'$./(-]", re.M)
_LIKE_CODE = re.compile(r"(?<![\w.])(?:\w+_\w+|[a-z\d]+[A-Z]\w*|[A-Z]+[a-z\d]+[A-Z]\w*)(?![\w.])")
_PROSE_WORD = re.compile(r"(?<![\w'’])[^\W\d_]{3,}(?:(?!['’]?\w)|(?=['’]s\b))")

# A word may be a megabyte long, such as a picture in base64: names are looked for where words begin, and not at each character.
_DEFINING = (
    # A keyword of definition before it, or several: `local function f`. In `for type in kinds` it is `type`.
    re.compile(
        r"\b(?:let|local|var|val|const|def|defp|defmodule|fn|fun|func|function|type|class|struct|enum|trait|interface|module|mod|"
        r"macro|proc|sub|method|mut|static|as|for|foreach|each|lambda|where|alias|data|record|newtype)"
        r"(?:[ \t]+-[\w-]+)*[ \t]+(?:(?:mut|rec|async|inline|static|const|fn|fun|func|function|class|struct|enum|type|macro)"
        r"[ \t]+)*(?!(?:in|of|as|assert)[ \t])([^\W\d]\w*)"
    ),
    # `let assert first = x` binds; `assert self.port > 0` and `assert ready(x)` ask.
    re.compile(r"\bassert[ \t]+(?!(?:in|of|as)[ \t])([^\W\d]\w*)(?![\w.(]|::)"),
    # A function of something: `function Account:deposit(v)`, `def self.build`, `fun String.twice()`.
    re.compile(r"\b(?:function|func|fun|fn|def|sub|proc|method)[ \t]+[^\W\d]\w*(?:[.:]{1,2}[^\W\d]\w*)*[.:]{1,2}([^\W\d]\w*)"),
    re.compile(r"\buse[ \t]+([^\W\d]\w*)(?=[\w, \t]*<-)"),
    re.compile(r"^[ \t]*set(?:[ \t]+-[\w-]+)*[ \t]+(?!as\b)([^\W\d]\w*)", re.M),
    # `with recent as (select ...`; `with open(path) as file:` opens something, and defines what is behind `as`.
    re.compile(r"\bwith[ \t]+(?:recursive[ \t]+)?([^\W\d]\w*)[ \t]+as[ \t]*\("),
    # The same in capitals: `CREATE TABLE t`, `WITH t AS (`, `count(*) AS n`, not `AS integer)`, which is a type.
    re.compile(r"\b(?:CREATE(?:[ \t]+[A-Z]+){1,6}|WITH(?:[ \t]+RECURSIVE)?|AS|WINDOW)[ \t]+([a-z_]\w*)\b(?!\))"),
    # Something is assigned to it: `x =`, `x :=`, `x <-`. A colon is read elsewhere.
    re.compile(r"(?<!\| )\b([^\W\d]\w*)\s*(?::=|<-|←|=(?![=>~?]))"),
    # A pattern; what begins with a capital there is a constructor, or a type.
    re.compile(r"\b(?![A-Z])([^\W\d]\w*)\s*[-=]>(?!\w)"),
    re.compile(r"\\(?:new|renew|provide)command\*?\{?(\\[A-Za-z]+)"),
)
# `name:` of a field, a parameter or an annotation; and a bracket, or what parts a line.
_COLON = re.compile(r"(?P<name>(?<!\| )\b[^\W\d]\w*)\s*\+?:{1,3}(?![:=\w])(?P<ends>[ \t]*$)?|[()\[\]{},;\n]", re.M)
_BLOCK = re.compile(
    r"(?<![\w.@:-])(?:if|elif|elsif|elseif|unless|while|until|for|foreach|case|match|switch|when|with|try|except|catch|rescue)"
    r"(?![\w-])|^[ \t]*of\b"
)
"""What begins a block whose head a colon may end, and `of` where a line begins with it."""
_LONG_HEAD = re.compile(r"[ \t]*[^\W\d]\w*[ \t]+(?:[^\W\d]\w*[ \t]+|[^\n]*[^\s\w])")
_BLOCK_ALONE = frozenset({"else", "try", "finally"})
_TYPED_PATTERN = re.compile(r"[ \t]*[^\W\d][\w.]*(?:[\[<][\w., ]{0,60}[\]>])?(?:[ \t]+if\b[^\n]{0,200}?)?[ \t]*=>")
# The head of a clause, `path(X, Y) :-`, `area({W, H}) ->`, and a fact, `edge(a, b).`
_CLAUSE = re.compile(r"^(?!fn\b|fun\b)([a-z]\w*)(?:\s*:-|\(([^\n]*)\)\s*(?::-|-->|->|when\b|\.[ \t]*$))", re.M)
# What is defined by its place alone: `add(item, count) {` in a class, `int add(int a, int b) {` anywhere.
_HEAD = re.compile(
    r"^[ \t]*(?P<before>(?:[^\W\d][\w<>\[\].?*&:]{0,60}[ \t]+[*&]?){0,5})"
    r"(?P<name>[^\W\d]\w*[?!]?|[^\w\s(){};]{1,3}|\[[\w, \t]{0,60}\]=?)\((?P<parameters>[^(){}\n]{0,200})\)[^\n(){};=]{0,60}\{",
    re.M,
)
_CLASS = re.compile(
    r"\b(?:class|trait|interface|struct|object|mixin|protocol|actor|contract|impl|extension)[ \t]+[^\W\d][^\n;{}()]{0,200}\{"
)
_PARAMETER = re.compile(r"(?:[^\W\d][\w<>\[\].?]*[ \t*&]+)*[^\W\d]\w*(?:[ \t]*:[^=]+)?(?:[ \t]*=.*)?\Z")
_TYPED_PARAMETER = re.compile(r"[^\W\d][^\s*&]*[ \t*&]+[^\W\d]|[^\W\d]\w*[ \t]*:")
# fmt: off
_NO_HEAD = frozenset([
    "and", "assert", "await", "case", "catch", "constructor", "def", "defer", "defp", "deinit", "do", "elif", "else",
    "elseif", "elsif", "except", "fn", "for", "foreach", "fun", "func", "function", "get", "given", "go", "guard", "if",
    "import", "in", "init", "is", "lambda", "let", "lock", "loop", "match", "new", "not", "of", "on", "operator", "or",
    "proc", "raise", "receive", "repeat", "rescue", "return", "select", "set", "sub", "super", "switch", "synchronized",
    "then", "this", "throw", "try", "unless", "until", "use", "using", "when", "where", "while", "with", "yield",
])
# fmt: on
"""Words before a block with parentheses that define nothing, or a hook of the language, or what is read elsewhere."""
_IMPORT_LINE = re.compile(r"^[ \t]*import\b(?:(?!\bas\b)[^\n])*", re.M)
_VARIABLE = re.compile(r"(?<![\w?.:])_?[A-Z]\w*\b(?![(.:])")
_CAPITAL_ASSIGNED = re.compile(r"^\s*[A-Z]\w*\s*=\s", re.M)
_LISP = re.compile(
    r"\((?P<head>def(?:ine[\w*/-]*|n-?|un|macro|var|parameter|struct)?|let[\w*-]*|for\*?(?:/[\w*-]+)?|lambda|λ|fn|struct)"
    r"(?=[\s\[(])[ \t\n]*(?P<name>[^\W\d][^\s()\[\]]*|<[^\s()\[\]]+>)?\s*"
)
_LISP_TOKEN = re.compile(r"[()\[\]]|[^\s()\[\]]+")
_ALIAS = re.compile(
    r"^[ \t]*(?:from[ \t]+\S+[ \t]+)?(?:import|use|alias|require|open)\b[^\n]{0,99}?([^\W\d][\w./:]*)(?:[ \t]+qualified)?,?"
    r"[ \t]+as:?[ \t]+([^\W\d]\w*)",
    re.M,
)
_PARAMETERS = re.compile(
    r"(?:\b(?:fn|fun|func|function|lambda|def|defp|proc|sub)\b\s*[\w.]*[?!]?\s*\(([^()]*)\)|\|([\w\s,]+)\||"
    r"(?<=\()([\w\s,=.'\"]*)(?=\)\s*(?:->|=>|=))|(?:\bfn\b|\\)\s*([^\W\d][\w\s,]*?)\s*->)"
)
_EQUATION = re.compile(r"^([^\W\d]\w*'?)((?:[ \t]+(?![A-Z])[^\W\d]\w*'?)+)[ \t]*=(?![=>~])[ \t]*(.*)$", re.M)
_PAIR = re.compile(r"^\s*(?:-\s+)*[\"']?([^\W\d][\w./ -]*?)[\"']?\s*:(?:\s+(?!.*[,{\[(;]\s*$).*)?$")
_ITEM = re.compile(r"^\s*-\s+\S[^,;{(]*$")
_ASSIGNED = re.compile(r"^\s*([^\W\d][\w.-]*)\s*=\s*\S.*$")
_SECTION = re.compile(r"^\s*\[+[^\[\]]+\]+\s*$")


class Terms(NamedTuple):
    """The terms of a text."""

    names: frozenset[str]
    """Identifiers and keywords that the text does not define."""
    qualified: frozenset[str]
    """Qualified names, separators as they stand."""
    symbols: frozenset[str]
    """Operators, flags and commands."""
    defined: frozenset[str]
    """Names that the text defines itself; no terms."""
    called: frozenset[str]
    """The names that are called, `name(`: unknown ones are no variables."""
    words: frozenset[str] = frozenset()
    """The words of its prose, lower-cased."""
    members: frozenset[str] = frozenset()
    """What stands behind a dot after a value of the text's own, `sort` of `xs.sort()`: a method, or a field of anybody's."""
    compounds: frozenset[str] = frozenset()
    """What may be one name or several, as the documentation has it: `runs-on`, `string->list`, `let*`."""

    def is_file(self, name: str) -> bool:
        """Return whether a qualified name is a file, `main.cpp`, and no function of such a name: `list.zip(`."""
        last = SEPARATOR.split(name)[-1]
        return last in FILE_SUFFIXES and last not in self.called


class Code(NamedTuple):
    """A piece of code of an answer."""

    text: str
    language: str | None
    """What the fence calls it, or None."""


def split_answer(text: str, language: str | None = None) -> tuple[list[Code], str]:
    """Return the code and the prose of an answer.

    Code is what stands in fences and in backticks; where there are no fences, the paragraphs that do not read as prose, or the
    whole text where a `language` is given.
    """
    fenced = [Code(match["code"], (match["language"].split() or [None])[0]) for match in _FENCED.finditer(text)]
    if fenced:
        prose = _FENCED.sub("\n", text)
    elif language is not None:
        return [Code(text, None)], ""
    else:
        lisp = _is_lisp(text)
        blocks = [
            (block, is_prose(_without_comments(_STRING.sub(" ", block), lisp=lisp))) for block in re.split(r"\n\s*\n", text)
        ]
        prose = "\n\n".join(block for block, reads in blocks if reads)
        if code := "\n\n".join(block for block, reads in blocks if not reads):
            fenced = [Code(code, None)]
    inline = [Code(match, None) for match in _INLINE.findall(prose)]
    return fenced + inline, _INLINE.sub(" ", prose)


def terms_of(text: str, language: str | None = None) -> Terms:
    """Return the terms of a text.

    Raises SettingsError where Pygments does not know the language.
    """
    pieces, prose = split_answer(text, language)
    if language:
        _lexer(language)
    bare = "\n".join(_bare(piece, language, shell=_is_shell([piece], language)) for piece in pieces)
    keys = frozenset(key for piece in pieces for key in _keys(piece.text))
    # Two underscores before it are a mark of the language's own hooks: `__index = ...`, `def __init__`.
    bound = frozenset(_defined(bare)) - keys
    defined = frozenset(name for name in bound if not name.startswith("__"))
    in_prose = _URL.sub(" ", prose)
    called = frozenset(re.findall(r"(?<!\w)([^\W\d]\w*[?!]?)\s*\(", bare))
    # What stands inside a compound or a qualified name is not a name of its own.
    compounds = compounds_in(bare)
    single = _COMPOUND.sub(lambda match: " " if match[0] in compounds else match[0], bare)
    qualified = {match[0] for match in _QUALIFIED.finditer(single)}
    qualified |= {name for name in _QUALIFIED.findall(in_prose) if "/" not in name}
    rest = _QUALIFIED.sub(" ", single)
    hooks = {last for name in qualified if (last := SEPARATOR.split(name)[-1]).startswith("__")}
    names = names_in(rest) | {*_LIKE_CODE.findall(in_prose), *keys} | hooks
    aliases = {alias: path for path, alias in _ALIAS.findall(bare)}
    qualified = {_in_full(name, aliases) for name in qualified}
    own = {name for name in qualified if SEPARATOR.split(name)[0] in bound}
    # `text:lower()` needs `lower`, whatever `text` is.
    names |= {name.rsplit(":", 1)[1] for name in own if re.search(r"(?<!:):\w+\Z", name)}
    names -= {name for name in names if name.rstrip("?!") in defined}
    own |= {name for name in compounds if defined.issuperset(_NAME.findall(name))}
    return Terms(
        names=frozenset(names - defined),
        qualified=frozenset(qualified - own),
        symbols=(symbols_in(_MARK.sub("", rest), short_flags=_is_shell(pieces, language)) | frozenset(_FLAG.findall(in_prose)))
        - defined,
        defined=defined,
        called=called,
        members=frozenset(part for name in own for part in members_of(name)) - defined,
        compounds=frozenset(compounds - own - defined),
        words=frozenset(word.lower() for word in _PROSE_WORD.findall(_QUALIFIED.sub(" ", _FLAG.sub(" ", in_prose)))),
    )


def members_of(name: str) -> list[str]:
    """Return what stands behind the dots of a qualified name: of `xs.keys.sort` `keys` and `sort`."""
    return re.findall(r"(?<=\.)[^\W\d]\w+[?!]?", name)


def code_of(text: str) -> str:
    """Return the code of an answer: what stands in fences and backticks, or all that does not read as prose."""
    return "\n".join(piece.text for piece in split_answer(text)[0])


def names_in(text: str) -> set[str]:
    """Return the names in code, without those of one ASCII letter, which are variables, and those in flags and commands."""
    names = _NAME.findall(_COMMAND.sub(" ", _FLAG.sub(" ", text)))
    return {name for name in names if len(name) > 1 or not name.isascii()}


def compounds_in(text: str) -> set[str]:
    """Return what may be a name of several parts: `runs-on`, `string->list`, `let*`, `exn:fail?`."""
    return {match[0] for match in _COMPOUND.finditer(text) if _JOINT.search(match[0])}


def words_in(text: str) -> frozenset[str]:
    """Return the words of a passage: names with and without the mark at their end (`even?`), and those of several parts."""
    compounds = compounds_in(text)
    words = {*_NAME.findall(text), *compounds, *(part for name in compounds for part in re.split("[:/]", name) if part)}
    return frozenset(words | {word.rstrip("?!'") for word in words})


def symbols_in(text: str, *, short_flags: bool = True) -> frozenset[str]:
    """Return the operators, flags and commands of a text.

    Among single characters those that not every language has, ASCII ones such as `$` and all others such as `⍴`.
    """
    flags = set(_FLAG.findall(text)) | (set(_SHORT_FLAG.findall(text)) if short_flags else set())
    commands = set(_COMMAND.findall(text))
    rest = _COMMAND.sub(" ", _FLAG.sub(" ", text))
    # `$.field` holds `$`; `+.` is an operator.
    rest = _NO_OPERATOR.sub(" ", rest)
    operators = set(_OPERATOR.findall(rest))
    other = {character for character in set(text) if _is_symbol(character)}
    return frozenset(flags | commands | operators | set(_LONE.findall(rest)) | other) - COMMON_OPERATORS


def _is_symbol(character: str) -> bool:
    r"""Return whether a character is one of mathematics or of a language such as APL, and no emoji, frame or bullet."""
    return "\x7f" < character < "\U0001f000" and (
        unicodedata.category(character) in ("Sm", "Sk")
        or (unicodedata.category(character) == "So" and "\u2190" <= character < "\u2500")
    )


def _is_shell(pieces: list[Code], language: str | None) -> bool:
    """Return whether some code is of a shell, by its name or its form."""
    return any((language or piece.language or "").lower() in SHELLS or _COMMAND_LINE.search(piece.text) for piece in pieces)


def _keys(code: str) -> Iterator[str]:
    """Yield the keys of configuration; nothing where the text is none."""
    try:
        value = json.loads(code)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict | list):
        yield from _keys_of(value)
        return
    lines = [line for line in code.split("\n") if line.strip() and not line.lstrip().startswith("#")]
    pair = _ASSIGNED if any(_SECTION.match(line) for line in lines) else _PAIR
    matches = [match for line in lines if (match := pair.match(line))]
    others = sum(bool(_ITEM.match(line) or _SECTION.match(line)) and not pair.match(line) for line in lines)
    if matches and len(matches) >= others / 2 and len(matches) + others >= 0.7 * len(lines):
        yield from (match[1] for match in matches)


def _keys_of(value: Any) -> Iterator[str]:
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield from item
        waiting += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()


def _in_full(name: str, aliases: dict[str, str]) -> str:
    """Return a qualified name with what its alias stands for: `M.insert` as `Data.Map.insert`."""
    root = SEPARATOR.split(name)[0]
    return aliases[root] + name[len(root) :] if root in aliases else name


def _defined(code: str) -> Iterator[str]:
    clauses = list(_CLAUSE.finditer(code))
    yield from (match[1] for match in clauses)
    # Where a clause has them, names with a capital are variables, and no others.
    capitals = any(_VARIABLE.search(match[2] or "") for match in clauses) or (clauses and _CAPITAL_ASSIGNED.search(code))
    if capitals:
        yield from _VARIABLE.findall(code)
        return
    # What is imported is not the text's own: `import "random" for Random`.
    own = _IMPORT_LINE.sub(" ", code)
    for pattern in _DEFINING:
        for match in pattern.finditer(own):
            yield from (group for group in match.groups() if group)
    yield from _before_colons(own)
    yield from _heads(code)
    for match in _PARAMETERS.finditer(code):
        for part in (group for group in match.groups() if group):
            for parameter in re.split(r",|(?<=\w)\s+(?=\w+$)", part):
                yield from _NAME.findall(parameter)[:2]
    # `area w h = w * h` defines all three; `dim x = 3` shows by what follows that `dim` is a keyword.
    for match in _EQUATION.finditer(code):
        parameters = _NAME.findall(match[2])
        if set(parameters) & set(_NAME.findall(match[3])):
            yield from (match[1], *parameters)
    for match in _LISP.finditer(code):
        yield from _bound(match["head"], match["name"], code[match.end() : match.end() + LISP_CHARS])


def _before_colons(code: str) -> Iterator[str]:
    """Yield the names that a colon defines, `width: 3`, `(width: Int)`, and not those that the head of a block ends with."""
    # Of each open bracket the bracket, where the statement in it begins, and where the part of that between commas does.
    open_ones = [("", 0, 0)]
    for match in _COLON.finditer(code):
        bracket, statement, _ = open_ones[-1]
        if match["name"]:
            if not _ends_head(code, match, *open_ones[-1]):
                yield match["name"]
        elif match[0] in ")]}":
            # What stood before the bracket goes on: `if ready(word) and word in words:`.
            del open_ones[max(1, len(open_ones) - 1) :]
        elif match[0] in "([{":
            open_ones.append((match[0], match.end(), match.end()))
        else:
            open_ones[-1] = (bracket, statement if match[0] == "," else match.end(), match.end())


def _ends_head(code: str, match: re.Match[str], bracket: str, statement: int, part: int) -> bool:
    """Return whether a name before a colon ends the head of a block: `except ValueError:`, `else:`."""
    if bracket not in ("(", "[") and match["name"] in _BLOCK_ALONE:
        return True
    at_end = match["ends"] is not None and not bracket
    before = code[max(statement if at_end else part, match.start() - HEAD_CHARS) : match.start()]
    if block := _BLOCK.search(before):
        # `with fun: Int` is a parameter with a label, and `case error: Timeout =>` a pattern with a type.
        first = not before[block.end() :].strip()
        return not (first and (bracket == "(" or _TYPED_PATTERN.match(code, match.end())))
    # By its form alone: `repeat over shelves:`. Where fewer words stand before it, it is what they declare: `rule all:`.
    return at_end and _LONG_HEAD.match(before) is not None


def _heads(code: str) -> Iterator[str]:
    """Yield the functions, and their parameters, that no keyword introduces: `add(item) {`, `int add(int a, int b) {`."""
    in_class = _CLASS.search(code) is not None
    for match in _HEAD.finditer(code):
        before = match["before"].split()
        parameters = [part.strip() for part in match["parameters"].split(",") if part.strip()]
        if _NO_HEAD.intersection([*before, match["name"]]) - ({"new"} if before else set()) or not all(
            map(_PARAMETER.match, parameters)
        ):
            continue
        # Outside of a class, `ready(x) {` may as well be a call that a block is given to; so may `Button(x) {` within one.
        typed = bool(before) and all(map(_TYPED_PARAMETER.match, parameters))
        if not typed and (not in_class or (not before and match["name"][:1].isupper())):
            continue
        if re.match(r"\w", match["name"]):
            yield match["name"].rstrip("?!")
        for parameter in parameters:
            names = _NAME.findall(parameter.split("=")[0].split(":")[0])
            yield from names[-1:]


def _bound(head: str, name: str | None, after: str) -> Iterator[str]:
    """Yield what a form of a Lisp binds: `(define (f x) ...)`, `(let ([x 1]) ...)`, `(for/fold ([sum 0]) ([x xs]) ...)`."""
    if name:
        yield name.strip("<>")
        if re.fullmatch(r"def(?:ine(?!-struct|-record).*|var|parameter)?", head):
            return  # a value follows
    groups = 2 if head.endswith("fold") else 1
    depth, first, condition = 0, False, False
    for token in _LISP_TOKEN.findall(after):
        if token in "([":
            depth += 1
            first = not (condition and depth == 2)
        elif token in ")]":
            depth -= 1
            groups -= depth == 0
        elif (depth == 1 or (depth == 2 and first)) and re.match(r"[^\W\d]", token):
            yield token
        if depth < 1 and (groups < 1 or token not in ")]"):
            return
        if token not in "([":
            first, condition = False, token.startswith("#:")  # `#:when (even? x)`


def _bare(piece: Code, language: str | None, *, shell: bool = False) -> str:
    """Return code without strings, comments, numbers and addresses; what is computed inside a string stays."""
    lexer = _lexer(language) if language else _lexer_of_fence(piece.language)
    if lexer is None:
        # In a shell two dashes end the options; elsewhere they begin a comment.
        text = re.sub(r"(?<=\s)--(?=\s)", " ", piece.text) if shell else piece.text
        plain = _without_comments(_STRING.sub(lambda match: f'"" {_inside(match[0])} ', text), lisp=_is_lisp(text))
    else:
        from pygments import lex
        from pygments.token import Comment, Literal

        plain = "".join(
            " " if kind in Comment or (kind in Literal and not _is_atom(kind, text)) else text
            for kind, text in lex(piece.text, lexer)
        )
    return _PATH.sub(" ", _URL.sub(" ", plain))


def _without_comments(code: str, *, lisp: bool) -> str:
    plain = _COMMENT.sub(" ", code)
    return _SEMICOLON_COMMENT.sub(" ", plain) if lisp else plain


def _is_lisp(code: str) -> bool:
    """Return whether code reads as a Lisp: of the lines that stand out furthest one is a form, `(define (area w)`."""
    lines = list(_LISP_LINE.finditer(code))
    least = min((len(line["indent"]) for line in lines), default=0)
    return any(line["form"] and len(line["indent"]) == least for line in lines)


def _is_atom(kind: Any, text: str) -> bool:
    """Return whether a literal is a name that stands for itself, such as `ok` or `->` in Prolog."""
    from pygments.token import String

    return kind in String.Symbol or (kind in String.Atom and text[:1] not in "'\"`")


def _inside(string: str) -> str:
    return " ".join(part for match in _INTERPOLATED.finditer(string) for part in match.groups() if part)


def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        raise SettingsError(
            f"Pygments knows no language {language!r}. Leave --language out: the general rule works for every language."
        ) from None


def _lexer_of_fence(name: str | None) -> Any:
    if name is None or name.lower() in ("text", "txt", "plain", "plaintext", "output"):
        return None
    try:
        return _lexer(name)
    except SettingsError:
        return None
