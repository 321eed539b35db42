"""Bytes -> text: encodings, binary content, line ends."""

import codecs
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

_SAMPLE = 64 * 1024
_BOMS = (  # the longer ones first: UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b")) + b"\x7f"
_SURROGATES = re.compile("[\ud800-\udfff]")
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")  # where a line may break: in a name they hide it from the search
_PAYLOAD = re.compile(r"(?<![A-Za-z0-9+/])([A-Za-z0-9+/]{40})[A-Za-z0-9+/]{216,}={0,2}")
_DECLARED = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)


def decode(data: bytes, *, webpage: bool = False) -> str | None:
    r"""Return the text with `\n` line ends and without surrogates, or None where it is binary content.

    UTF-8 and what a byte-order mark or a web page declares come first; the rest is guessed. Of bytes written in base64 or
    hexadecimal digits the beginning is kept: an image within a page would be thousands of chunks.
    """
    text = _decode(data, webpage=webpage)
    if text is None or _is_garbage(text):
        return None
    text = _INVISIBLE.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return _PAYLOAD.sub(r"\1...", _SURROGATES.sub("\ufffd", text))


def _decode(data: bytes, *, webpage: bool) -> str | None:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            return data.decode(encoding, errors="replace")
    unmarked = _unmarked_utf16(data[:_SAMPLE])
    if unmarked:
        return data.decode(unmarked, errors="replace")
    if _is_binary(data):
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        where = error.start
    declared = _declared(data) if webpage else None
    if declared is not None:
        return data.decode(declared, errors="replace")
    if _nearly_utf8(data):
        return data.decode("utf-8", errors="replace")
    guessed = _guess(data, where)
    return None if guessed is None else data.decode(guessed, errors="replace")


def _unmarked_utf16(head: bytes) -> str:
    """Return which UTF-16 it is that has no byte-order mark, "" for none: of Western text nearly every other byte is zero."""
    high, low = head[::2].count(0), head[1::2].count(0)
    if min(high, low) or max(high, low) <= len(head) * 0.4:
        return ""
    return "utf-16-le" if low else "utf-16-be"


def _is_binary(data: bytes) -> bool:
    head = data[:_SAMPLE]
    return b"\0" in data or len(head) - len(head.translate(None, _CONTROL)) > len(head) * 0.1


def _is_garbage(text: str) -> bool:
    head = text[:_SAMPLE]
    bad = len(_CONTROL_CHARACTERS.findall(head)) + head.count("\ufffd")
    return bad > len(head) * 0.1


def _nearly_utf8(data: bytes) -> bool:
    """Tell whether damage in a UTF-8 file is the better explanation than another encoding."""
    text = data[: 16 * _SAMPLE].decode("utf-8", errors="replace")
    damaged = text.count("\ufffd")
    foreign = sum(1 for character in text if character > "\x7f") - damaged
    return foreign > 10 * damaged


def _declared(data: bytes) -> str | None:
    match = _DECLARED.search(data[:4096])
    if match is None:
        return None
    try:
        codec = codecs.lookup(match.group(1).decode("ascii"))
        # Only what decodes bytes to text; `rot13` and `base64` are codecs as well.
        return codec.name if isinstance(codec.decode(b"a", "strict")[0], str) and codec.name != "utf-7" else None
    except (LookupError, ValueError, TypeError, AttributeError):
        return None


def _alike(match: "CharsetMatch", best: "CharsetMatch") -> bool:
    return match.language == best.language and match.coherence >= best.coherence


def _guess(data: bytes, where: int) -> str | None:
    """Return the likeliest encoding, from a sample around the first byte that is not UTF-8."""
    from charset_normalizer import from_bytes

    start = max(0, where - _SAMPLE // 2)
    sample = data[start : start + _SAMPLE]
    matches = from_bytes(sample, cp_exclusion=["utf_7"])
    best = matches.best()
    if best is not None:
        # Between sister encodings that spell the same language as well, the most widely used one.
        sisters = {name for match in matches if _alike(match, best) for name in match.could_be_from_charset}
        return "cp1252" if "cp1252" in sisters else str(best.encoding)
    # A few accents in much ASCII are too little evidence for a guess; this is what they are nearly always.
    foreign = sum(1 for byte in sample if byte > 127)
    return "cp1252" if foreign < len(sample) * 0.2 else None
