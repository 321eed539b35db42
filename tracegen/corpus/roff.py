r"""Words of roff: escapes (`\fB`, `\-`) and the arguments of requests (`.BR ls (1)`)."""

import re
from typing import NamedTuple

_ESCAPE = re.compile(
    r"""\\(?:
      (?P<font>f(?:\[[^\]]*\]|\(..|.)) | (?P<size>s[-+]?(?:\d{1,2}|\[[^\]]*\]|'[^']*')) | (?P<move>[hvwoDLlbZ]'[^']*')
    | \[(?P<long>[^\]\n]*)\] | \((?P<two>..) | \*(?:\[(?P<string>[^\]]*)\]|\((?P<string2>..)|(?P<string1>.))
    | (?P<other>[nmMFgkY](?:\[[^\]]*\]|\(..|.)) | (?P<comment>["\#].*) | (?P<one>.) | \Z )""",
    re.X,
)
_GLYPHS = {
    "em": "—", "en": "–", "hy": "-", "mi": "-", "bu": "•", "aq": "'", "oq": "'", "cq": "'", "lq": '"', "rq": '"', "dq": '"',
    "ga": "`", "aa": "'", "ha": "^", "ti": "~", "rs": "\\", "at": "@", "sh": "#", "Do": "$", "or": "|", "ba": "|", "bv": "|",
    "lB": "[", "rB": "]", "lC": "{", "rC": "}", "la": "<", "ra": ">", "<=": "<=", ">=": ">=",
    "->": "->", "<-": "<-", "!=": "!=",
    "+-": "±", "co": "©", "rg": "®", "tm": "™", "mu": "×", "di": "÷", "de": "°", "sc": "§", "ul": "_", "pl": "+", "eq": "=",
    "ss": "ß", ":a": "ä", ":o": "ö", ":u": "ü", ":A": "Ä", ":O": "Ö", ":U": "Ü", "'e": "é", "`e": "è", "'a": "á", "`a": "à",
    "^e": "ê", ",c": "ç", "~n": "ñ", "oA": "Å", "oa": "å", "/o": "ø", "a.": "·", "...": "...", "Bq": "„", "Fo": "«", "Fc": "»",
    "L\"": "“", "R\"": "”", "lh": "", "Tm": "™", "R": "®", "S": "",
    "Aq": "'", "--": "—", "C+": "C++", "PI": "pi",  # strings of pages made from Perl's documentation
}  # fmt: skip
_ONE = {"-": "-", "e": "\\", "\\": "\\", "'": "'", "`": "`", "~": " ", " ": " ", "0": " ", "t": "\t", ".": ".", "E": "\\"}
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|((?:\\ |\\.|[^\s])+)')
_CONDITION = re.compile(r"[.'][ \t]*(?:el|(?:ie|if)[ \t]+(?:!?[nte]|\S*\"[^\n]*?\"\"|\S+))[ \t]*(?:\\\{\\?)?[ \t]*")
_PARAMETER = re.compile(r"\\{1,2}\$(\d)")
_UNICODE = re.compile(r"u([0-9A-Fa-f]{4,6})(?:_.*)?")


def words(text: str) -> str:
    """Return a line without its escapes."""
    return _ESCAPE.sub(_replaced, text) if "\\" in text else text


def arguments(text: str) -> list[str]:
    """Return the arguments of a request, without their quotes but with their escapes."""
    return [
        match.group(1).replace('""', '"') if match.group(1) is not None else match.group(2)
        for match in _ARGUMENT.finditer(text)
    ]


class Macro(NamedTuple):
    """What a macro that a page defines does, as far as it matters to a reader."""

    lines: tuple[str, ...]
    """Lines that it shows, with `\\$1` for its arguments."""
    begins_tag: bool
    """Whether what it shows is the tag of a paragraph."""
    fills: bool | None
    """Whether lines are filled behind it (code ends) or are not (code begins); None where that stays as it is."""
    parts: bool
    """Whether it ends a paragraph."""

    def shown(self, rest: str) -> str:
        """Return what it shows of these arguments."""
        given = arguments(rest)
        filled = [_PARAMETER.sub(lambda match: ([*given, *[""] * 9])[int(match.group(1)) - 1], line) for line in self.lines]
        return " ".join(" ".join(words(line.replace("\\\\", "\\")).split()) for line in filled).strip()


def macro_of(body: list[str]) -> Macro:
    """Return the macro with this body. Of lines that stand under conditions only the one with most arguments is shown."""
    plain = [_CONDITION.sub("", line, count=1) for line in body]
    requests = {line.split()[0].lstrip(".'") for line in plain if line[:1] in (".", "'") and line.split()}
    texts = [line for line in plain if line[:1] not in (".", "'", "\\{") and _PARAMETER.search(line)]
    if texts and plain != body:
        texts = [max(reversed(texts), key=lambda line: len(set(_PARAMETER.findall(line))))]
    ends, begins = bool({"fi", "EE"} & requests), bool({"nf", "EX"} & requests)
    return Macro(
        lines=tuple(texts),
        begins_tag=bool({"TP", "IP"} & requests),
        fills=None if ends == begins else ends,
        parts=bool({"sp", "PP", "P", "LP", "br", "RS", "RE"} & requests),
    )


def _replaced(match: re.Match[str]) -> str:
    one = match.group("one")
    if one is not None:
        return _ONE.get(one, "" if one in "&|^,/:%cdurpz)!?{}a\n" else one)
    glyph = match.group("long") or match.group("two")
    if glyph:
        code = _UNICODE.fullmatch(glyph)
        return _character(int(code.group(1), 16)) if code else _GLYPHS.get(glyph, "")
    string = match.group("string") or match.group("string2") or match.group("string1")
    return _GLYPHS.get(string, "") if string else ""


def _character(number: int) -> str:
    return chr(number) if 32 <= number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"
