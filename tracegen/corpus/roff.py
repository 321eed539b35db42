r"""Words of roff: escapes (`\fB`, `\-`) and the arguments of requests (`.BR ls (1)`)."""

import re

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
}  # fmt: skip
_ONE = {"-": "-", "e": "\\", "\\": "\\", "'": "'", "`": "`", "~": " ", " ": " ", "0": " ", "t": "\t", ".": ".", "E": "\\"}
_ARGUMENT = re.compile(r'"((?:[^"]|"")*)"?|((?:\\ |\\.|[^\s])+)')
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
