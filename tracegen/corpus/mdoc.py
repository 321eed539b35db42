"""Words of mdoc's macros, which stand many in a line: `.Op Fl f Ar file`."""

from tracegen.corpus.roff import arguments, words

_WRAPS = {
    "Op": ("[", "]"), "Oo": ("[", ""), "Oc": ("]", ""), "Bq": ("[", "]"), "Pq": ("(", ")"), "Po": ("(", ""), "Pc": (")", ""),
    "Aq": ("<", ">"), "Qq": ('"', '"'), "Dq": ('"', '"'), "Sq": ("'", "'"), "Ql": ("`", "`"), "Brq": ("{", "}"),
    "Bo": ("[", ""), "Bc": ("]", ""), "Bro": ("{", ""), "Brc": ("}", ""), "Do": ('"', ""), "Dc": ('"', ""), "So": ("'", ""),
    "Sc": ("'", ""),
}  # fmt: skip
_PLAIN = frozenset([
    "Ar", "Cm", "Em", "Sy", "Li", "Pa", "Va", "Vt", "Ev", "Er", "Dv", "Ic", "No", "Tn", "Ad", "An", "Ft", "Fa", "Fd", "In",
    "Lk", "Mt", "Bx", "Ox", "Nx", "Fx", "At", "St", "Rv", "Ex", "Ms", "Cd", "Nd", "Rs", "Re", "Xo", "Xc", "Ta", "Bf", "Ef",
    "Dd", "Os", "Lb", "Ap", "Tg", "Eo", "Ec", "Es", "En", "Bk", "Ek", "Sm", "Pf", "Ns", "Fo", "Fc",
])  # fmt: skip
_SILENT = frozenset(["Rs", "Re", "Dd", "Os", "Bf", "Ef", "Bk", "Ek", "Sm", "Tg"])
_CLOSING = frozenset([".", ",", ":", ";", ")", "]", "?", "!"])


def mdoc_words(rest: str, name: str) -> str:
    """Return what a line of macros shows; `name` is what `Nm` stands for."""
    given = arguments(rest)
    if given and given[0] in _SILENT:
        return ""
    out: list[str] = []
    closing: list[str] = []
    at, glue = 0, False
    while at < len(given):
        token = given[at]
        at += 1
        shown = ""
        if token in _WRAPS:
            opening, after = _WRAPS[token]
            closes = opening in ("]", ")", "}")
            _put(out, opening, glue, closes)
            glue = not closes
            if after:
                closing.append(after)
            continue
        if token in ("Fl", "Nm", "Xr", "Fn"):
            shown, at = _macro(token, given, at, name)
        elif token in ("Ns", "Pf"):
            glue = token == "Ns"
            continue
        elif token not in _PLAIN:
            shown = words(token)
        if shown:
            if shown in _CLOSING and at == len(given):
                while closing:
                    out[-1:] = [out[-1] + closing.pop()] if out else [""]
            _put(out, shown, glue, shown in _CLOSING)
            glue = shown in ("(", "[") or (token, shown) == ("Fl", "-")
    while closing and out:
        out[-1] += closing.pop()
    return " ".join(out)


def _put(out: list[str], shown: str, glue: bool, close: bool) -> None:
    if out and (glue or close):
        out[-1] += shown
    else:
        out.append(shown)


def _macro(token: str, given: list[str], at: int, name: str) -> tuple[str, int]:
    """Return what a macro with arguments of its own shows, and where the next token is."""
    more = given[at] if at < len(given) else ""
    is_word = (
        bool(more) and more not in _PLAIN and more not in _WRAPS and more not in _CLOSING and more not in ("Fl", "Ns", "|")
    )
    if token == "Fl":
        return (f"-{words(more)}", at + 1) if is_word else ("-", at)
    if token == "Nm":
        return (words(more), at + 1) if is_word else (name, at)
    if token == "Fn":
        parameters = []
        end = at + 1
        while end < len(given) and given[end] not in _CLOSING:
            parameters.append(words(given[end]))
            end += 1
        return f"{words(more)}({', '.join(parameters)})", end
    section = given[at + 1] if at + 1 < len(given) else ""
    return (f"{words(more)}({section})", at + 2) if section.isalnum() else (words(more), at + 1)
