"""Which lines of a source file are documentation, by the comment marks of its language: no parser of any language."""

import inspect
import re
from collections.abc import Iterator
from typing import NamedTuple

_SLASH = frozenset([
    "c", "cpp", "csharp", "java", "javascript", "typescript", "jsx", "tsx", "kotlin", "rust", "go", "swift", "scala", "dart",
    "zig", "gleam", "groovy", "php", "solidity", "protobuf", "jsonnet", "d", "haxe", "objectivec", "v", "systemverilog", "wgsl",
    "glsl", "scss", "less", "rescript", "fsharp", "odin", "cue", "hcl", "typst", "bicep", "chapel",
])  # fmt: skip
_HASH = frozenset([
    "python", "cython", "mojo", "starlark", "ruby", "crystal", "r", "julia", "elixir", "perl", "raku", "sh", "bash", "zsh",
    "fish", "nim", "nix", "cmake", "make", "tcl", "graphql", "powershell", "awk", "just", "nu", "jsonnet", "php", "rego",
    "roc",
])  # fmt: skip
_DASH = frozenset(["lua", "haskell", "sql", "elm", "ada", "purescript", "idris", "agda", "lean", "dhall", "vhdl"])
_SEMICOLON = frozenset(["lisp", "clojure", "scheme", "racket", "elisp"])
_PERCENT = frozenset(["erlang", "prolog"])

_LINE_MARKS = (
    (_SLASH, re.compile(r"//"), re.compile(r"//[/!]")),
    (_HASH, re.compile(r"#(?![!\[{])"), re.compile(r"#[#':]")),
    (_DASH, re.compile(r"--"), re.compile(r"--(?:-|\s*[|^])")),
    (_SEMICOLON, re.compile(r";"), re.compile(r";;;")),
    (_PERCENT, re.compile(r"%"), re.compile(r"%%%|%% *@doc")),
    (frozenset(["idris"]), re.compile(r"\|\|\|"), re.compile(r"\|\|\|")),
)
_WITHOUT_LINE_COMMENTS = frozenset(["css", "ocaml", "sml", "json", "xml"])
_BLOCK_BEGIN = re.compile(r"/\*(?:[*!](?!/))?|\(\*\*(?!\))|\{-\s*\||--\[=*\[|/-[-!]|/\+\+(?!/)")
_BLOCK_ENDS = {
    "/*": re.compile(r"\*/"), "(*": re.compile(r"\*\)"), "{-": re.compile(r"-\}"), "--": re.compile(r"\]=*\]"),
    "/-": re.compile(r"-/"), "/+": re.compile(r"\++/"),
}  # fmt: skip
_PLAIN_BLOCKS_DOCUMENT = frozenset(["chapel", "odin"])
_STRIPPED = re.compile(r"[ \t]*(?:/{2,}!?|#+[':]?|-{2,}\s?[|^]?|;+|%+(?:\s*@doc)?|\|\|\|)?[ ]?")
_GUTTER = re.compile(r"[ \t]*[*+]+(?![*+/)])[ ]?")
_DOCSTRING = re.compile(
    r"""^(?P<indent>[ \t]*)(?:async[ ]+)?(?:def|class|fn|struct|trait)\b"""
    r"""[^\n]*(?:\n(?![ \t]*(?:async[ ]+def|def|class|fn|struct|trait)\b)[^\n]*){0,30}?:[ \t]*(?:\#[^\n]*)?\n"""
    r"""(?P<before>\s*)[rRuU]?(?P<quotes>\"{3}|'{3})(?P<text>(?:(?!(?P=quotes)).)*)(?P=quotes)[ \t]*(?=\n|\Z)""",
    re.M | re.S,
)
_MODULE_DOCSTRING = re.compile(
    r"""\s*(?:\#[^\n]*\n\s*)*[rRuU]?(?P<quotes>\"{3}|'{3})(?P<text>.*?)(?P=quotes)[ \t]*(?=\n|\Z)""", re.S
)
_WORDS = re.compile(r"[^\W\d_]{2,}")
_LEGAL = re.compile(r"copyright|spdx|licen[sc]e|all rights", re.I)
_NOTHING_DECLARED = re.compile(
    r"\s*(?:import|from|use|using|package|include|require|return|if|for|while|else|case|end|begin|try|switch|break|open)\b|\s*(?![\w@#\[(.<'\"$\s])"
)
_DECORATION = re.compile(
    r"\s*(?:@[\w.]+(?:\(.*\))?|#\[.*\]|@?\[[\w.,() \"]+\]|%\w+"
    r"|(?:(?:public|private|export|total|partial|covering|static|inline)\s*+)+)\s*"
)
_TAIL = re.compile(r"(?<!\s)\s*+(?:\{|=|:|\bdo|->|=>|\bis|\bwhere)\s*$")
_LONGEST_SIGNATURE = 120


class Doc(NamedTuple):
    """A piece of documentation; lines count from 0, ends are exclusive."""

    start: int
    """First line of the comment."""
    end: int
    """Line after it."""
    text: str
    """Its words, without marks."""
    code: int
    """Line where what it documents begins, -1 for the whole file; before the comment for a docstring."""


def doc_comments(lines: list[str], language: str) -> list[Doc]:
    """Return the documentation in a source file, in order."""
    docs = list(_docstrings(lines)) if language in ("python", "cython", "mojo", "starlark") else []
    taken = {line for doc in docs for line in range(doc.start, doc.end)}
    docs += [doc for doc in _comments(lines, language) if doc.start not in taken and len(_WORDS.findall(doc.text)) > 2]
    return sorted(docs)


def signature(lines: list[str], number: int) -> str:
    """Return the line that declares something there, behind decorations; "" where none does."""
    for line in lines[number : number + 5]:
        if not _DECORATION.fullmatch(line):
            words = _TAIL.sub("", line.strip())
            return "" if _NOTHING_DECLARED.match(line) else words[:_LONGEST_SIGNATURE]
    return ""


def _docstrings(lines: list[str]) -> Iterator[Doc]:
    text = "\n".join(lines)
    whole = _MODULE_DOCSTRING.match(text)
    if whole:
        start = text.count("\n", 0, whole.start("quotes"))
        yield Doc(start, start + whole.group("text").count("\n") + 1, inspect.cleandoc(whole.group("text")), -1)
    position = line = 0
    for match in _DOCSTRING.finditer(text):
        line += text.count("\n", position, match.start())
        position = match.start()
        start = line + text.count("\n", match.start(), match.start("quotes"))
        yield Doc(start, start + match.group("text").count("\n") + 1, inspect.cleandoc(match.group("text")), line)


def _comments(lines: list[str], language: str) -> Iterator[Doc]:
    """Yield the comments that document what follows them at once, and the first one of the file."""
    marks = [(line, doc) for languages, line, doc in _LINE_MARKS if language in languages]
    blocks = not marks or language in _SLASH or language in _DASH
    if not marks and language not in _WITHOUT_LINE_COMMENTS:
        marks = _likely_marks(lines)
    number = 0
    while number < len(lines):
        stripped = lines[number].lstrip()
        end = number
        is_doc = False
        for line_mark, doc_mark in marks:
            if line_mark.match(stripped):
                end = _run_end(lines, number, line_mark)
                is_doc = bool(doc_mark.match(stripped))
        begin = _BLOCK_BEGIN.match(stripped) if blocks else None
        if begin and (begin.group() != "/*" or language != "css"):
            end, is_doc = _block_end(lines, number, begin.group()), begin.group() != "/*" or language in _PLAIN_BLOCKS_DOCUMENT
            if end < 0:  # never closed: nor is any after it
                end, blocks = number, False
        if end == number:
            number += 1
            continue
        is_block = begin is not None and begin.group() != "/*" and not begin.group().startswith("--")
        code = _documented(lines, number, end, is_doc, is_block)
        if code is not None:
            yield Doc(number, end, _stripped(lines[number:end]), code)
        number = end


def _likely_marks(lines: list[str]) -> list[tuple[re.Pattern[str], re.Pattern[str]]]:
    """Return the marks that most lines of a file begin with, for a language that is not known; nothing where none does."""
    counts = [sum(1 for text in lines if line.match(text)) for _, line, _ in _LINE_MARKS]
    most = max(counts)
    return [(line, doc) for (_, line, doc), count in zip(_LINE_MARKS, counts, strict=True) if most and count == most][:1]


def _documented(lines: list[str], start: int, end: int, is_doc: bool, is_block: bool) -> int | None:
    """Return the line that a comment documents, -1 for none or the file, or None where it is but a remark."""
    first = not any(line.strip() and not line.startswith(("#!", "<?")) for line in lines[:start])
    if first and _LEGAL.search("\n".join(lines[start:end])):
        return None
    followed = end < len(lines) and bool(lines[end].strip())
    if followed and (is_doc or not lines[start][:1].isspace()) and signature(lines, end):
        return end
    return -1 if first or is_block or lines[start].lstrip().startswith("//!") else None


def _run_end(lines: list[str], start: int, mark: re.Pattern[str]) -> int:
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start
    while end < len(lines) and mark.match(lines[end], indent) and not lines[end][:indent].strip():
        end += 1
    return end


def _block_end(lines: list[str], start: int, begin: str) -> int:
    """Return the line after a block comment; the start where code follows on its last line, -1 where it is never closed."""
    for number in range(start, len(lines)):
        at = lines[number].index(begin) + len(begin) if number == start else 0
        match = _BLOCK_ENDS[begin[:2]].search(lines[number], at)
        if match:
            return number + 1 if not lines[number][match.end() :].strip() else start
    return -1


def _stripped(lines: list[str]) -> str:
    """Return the words of a comment without its marks."""
    begin = _BLOCK_BEGIN.match(lines[0].lstrip()) if lines else None
    if begin is None:
        return inspect.cleandoc("\n".join(_STRIPPED.sub("", line.rstrip(), count=1) for line in lines))
    lines = [*lines[:-1], _BLOCK_ENDS[begin.group()[:2]].sub("", lines[-1])]
    first = lines[0].lstrip()[begin.end() :].lstrip("*!-|").removeprefix(" ").rstrip()
    if begin.group().startswith("{-") and len(lines) > 1 and not lines[-1].strip():
        # Elm's examples are indented, and are often all that is below the first line: the end mark tells from where.
        return "\n".join([first, *(line.rstrip().removeprefix(lines[-1]) for line in lines[1:-1])])
    inner = [line.rstrip() for line in lines[1:]]
    if all(_GUTTER.match(line) for line in inner if line):
        inner = [_GUTTER.sub("", line, count=1) for line in inner]
    return inspect.cleandoc("\n".join([first, *inner]))
