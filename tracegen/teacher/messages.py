"""Error messages that a prompt quotes, and what of them is worth a search.

What a message says of everybody's mistake is asked; names of the user's own program, values, paths and line numbers are not.
"""

import re
from typing import NamedTuple

from tracegen.teacher.phrases import tidy
from tracegen.teacher.words import STOP_WORDS, word_set

MAX_MESSAGES = 2
"""Of so many messages of a prompt the first ones are asked: the later ones follow from them."""
MAX_MESSAGE_WORDS = 12
"""A message is cut to so many words; `or discarded` may be the ones that tell."""
LINE_CHARS = 400
"""Of a longer line the beginning is read."""

_HEAD = r"(?:warning|error|exception|(?-i:[A-Z]\w{0,40}(?:Error|Exception))|panic(?:ked)?)(?!\w)(?:\[\w{1,12}\])?"
_ANNOUNCED = re.compile(
    rf"(?P<open>[\"“`'‘]?)(?<![\w.(])(?P<head>(?:[\w]+\.){{0,6}}{_HEAD})[^\n:\]]{{0,30}}:\s*(?P<message>\S[^\n]{{5,300}})",
    re.IGNORECASE,
)
_HANDLED = re.compile(r"\s*\W{0,2}\s*(?:except|catch|rescue|raise|throw|case|class|when)\b")
"""A line of code that deals with errors by name quotes none."""
_WRONG = (
    r"\b(?:not|no|missing|unexpected|unknown|undefined|undeclared|unhandled|uncaught|expected|exceeded|invalid|illegal|cannot"
    r"|couldn't|can't|unable|failed|mismatch|denied|ambiguous|unsupported|unresolved)\b"
)
_TROUBLE = re.compile(_WRONG, re.IGNORECASE)
_GET = (
    r"(?:\b(?:says?|said|complains|prints|reports|(?:fails|crashes|dies|stops|aborts|ends) with|(?:i|we) (?:get|got|see)"
    r"|getting)(?: that| an?| the| this)?(?: following)?(?: error| exception| warning| message)*)"
)
_SAID = (
    # Of a quotation that some word of trouble leads to or that has a question after it, all is read up to its end.
    re.compile(
        rf"{_GET}:?\s+(?:\"(?=[^\"\n]*{_WRONG})(?P<double>[^\"\n]{{8,200}})\""
        rf"|“(?=[^”\n]*{_WRONG})(?P<curly>[^”\n]{{8,200}})”"
        rf"|[`‘](?=[^\n]*{_WRONG})(?P<tick>[^\n]{{8,200}}?)[`'’](?!\w)(?![^`\n]{{0,40}}`)"
        rf"|'(?=[^\n]*{_WRONG})(?P<single>[^\n]{{8,200}}?)'(?=[\s.,;:?!]*$|[.,;:?!]*\s(?!\w+')))",
        re.IGNORECASE,
    ),
    re.compile(r"\"(?P<asked>[a-z][^\"\n]{8,80})\"[\s-]*why\b", re.IGNORECASE),
    re.compile(rf"\bwhy\b[^\"\n]{{0,40}}\"(?=[^\"\n]*{_WRONG})(?P<whyed>[a-z][^\"\n]{{8,80}})\"", re.IGNORECASE),
    re.compile(rf"\"(?=[^\"\n]*{_WRONG})(?P<doubted>[a-z][^\"\n]{{8,80}})\"[\s-]*\?", re.IGNORECASE),
    re.compile(
        rf"(?:^\s*|\bwhat does )[\"“](?=[^\"”\n]*{_WRONG})(?P<alone>[a-z][^\"”\n]{{8,120}})[\"”](?:\s*$| mean\b)", re.IGNORECASE
    ),
    re.compile(r"(?:fails|crashes|dies|aborts|stops) with: (?P<with>[a-z][^\n]{12,120})", re.IGNORECASE),
    re.compile(r"(?:it says|fails with|complains):?\s+['‘`\"“](?P<told>[a-z][^'’`\"”\n]{12,80})['’`\"”]", re.IGNORECASE),
    re.compile(
        rf"{_GET}:?\s+(?!(?:it|i|you|we|they|he|she|this|that)\b)"
        rf"(?=[^\"”.\n]*{_WRONG.replace('|no|', '|')})(?P<bare>[^\"”.\n]{{8,90}})",
        re.IGNORECASE,
    ),
    # A line that begins as only messages begin, and goes on as no request does.
    re.compile(
        r"^\s*(?:\w+: )?[\"`“]?(?P<line>(?:no (?:such|permission|matching|instance|rule)|unknown|undefined|undeclared"
        r"|unexpected|unhandled|uncaught|cannot|could not|invalid|illegal|type mismatch|mismatched)\b"
        r"(?!.*(?:\b(?:i|you|we|my|me|please|should|must)\b|[-=]>))[^\n]{8,160})$",
        re.IGNORECASE,
    ),
)
_CLOSING = {'"': '"', "“": "”", "`": "`", "‘": "’", "'": "'"}
_END = re.compile(
    r"\t|;\s|[?!](?=\s|$)|(?<![\s.])[.](?=\s+(?-i:[^\sa-z])|\s*$)|\s§|,\s*(?:why|how|what|but (?:i|my))\b"
    r"|[\"”][\s.,-]*(?:why|how|what|when|$)"
    r"|\swhen (?:i|we|my|you|calling|running|trying|compiling)\b",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"(?:\b(?:at|in|on|from|of)\s+)?(?:\bfile\s+)?(?:[\w.~-]*[/\\][\w.~/\\-]*\.\w+(?:[:(]\d+(?:[:,]\s*\d+)?\)?)?"
    r"|(?<!\w)[/~][\w.-]+(?:/[\w.-]+)+|[\w-]+\.\w{1,5}(?::\d+|\(\d+)(?:[:,]\s*\d+)?\)?|\S+:\d+:\d+"
    r"|\b(?:line|column|col|row|char|position)\s+\d+)"
)
_QUOTED = re.compile(r"\"([^\"\n]*)\"|“([^”\n]*)”|[`‘]([^`'’\n]*)[`'’]|(?<!\w)'([^'\n]*)'(?!\w)|<([^<>\n]*)>")
_BEFORE_TYPE = re.compile(r"\b(?:types?|trait|interface|got|expected|found|expecting)\W*$", re.IGNORECASE)
_KIND_OF_ERROR = re.compile(r"\[([A-Z][a-z]\w{2,40})\]")
_ASIDE = re.compile(r"\((?![a-z]+(?: [a-z]+){0,3}\))[^()]*\)|\[[^\][]*\]|[(\[{]\s*$")
_OWN = re.compile(r"(?<![\w/])[A-Za-z_]\w*/\d+(?!\w)")
_NUMBER = re.compile(r"(?<![\w.])-?\d[\w.]*(?:\s*\.\.<?\s*-?\d[\w.]*)?")
_LIKE_NAME = re.compile(r"(?<![\w.])(?:[a-z]+_\w+|[a-z]+[A-Z]\w*)(?![\w.])")
_GONE = "\0"
_WITH_GONE = re.compile(rf"(?:(?<!not)\s(?:of|for|to|from|with|by|in|at|on|named|called))?\s*{_GONE}")
_VALUES = re.compile(rf"\b(?:is|was|are|were)\s*{_GONE}")
_FRAME = re.compile(r"(?:.*\s)?(?:\w*error|\w*exception|warning|fatal|panic|panicked)", re.IGNORECASE)
_TYPES = word_set(
    """string str text char int integer float double number bool boolean list array seq dict map object set tuple function
    nil null none void unit option result atom symbol table bytes byte pointer iterator iterable sequence any type"""
)


class Message(NamedTuple):
    """An error message that a prompt quotes."""

    quoted: str
    """As it stands in the prompt."""
    query: str
    """What of it is worth a search, as one types it: `error: field does not exist`."""


def errors_in(text: str) -> list[Message]:
    """Return the error messages that a text quotes, those that say something."""
    found: dict[str, Message] = {}
    for line in text.split("\n"):
        line = line[:LINE_CHARS]
        if not _HANDLED.match(line) and (quoted := _quoted_in(line)):
            head, message = quoted
            # A `warning:` may be the user's own.
            query = None if head.lower() == "warning" and not _TROUBLE.search(message) else _query(head, message, text)
            if query:
                found.setdefault(query, Message(message, query))
    return list(found.values())[:MAX_MESSAGES]


def without_errors(prose: str, errors: list[Message]) -> str:
    """Return a text without the error messages that it quotes: their words are not what it wants."""
    for error in errors:
        prose = re.sub(r"(?i)\b(?:warning|error|exception)\s*:", " ", prose).replace(error.quoted, " ")
    return _PLACE.sub(" ", prose) if errors else prose


def _quoted_in(line: str) -> tuple[str, str] | None:
    """Return the kind of the error that a line quotes, if it says one, and its message."""
    if match := _ANNOUNCED.search(line):
        message = match["message"]
        # A quotation ends with it; a quote before the word and none behind means that the line does.
        opened = match["open"] or next(iter(re.findall(r"([\"“])[^\"”]*$", line[: match.start()])), "")
        closing = _CLOSING.get(opened)
        if closing and closing in message and closing != "'":
            message = message[: message.index(closing)]
        elif message[0] in _CLOSING and message.count(message[0]) == 1 + (message[0] == _CLOSING[message[0]]):
            inside = message[1:].split(_CLOSING[message[0]], 1)[0]
            message = inside if " " in inside else message
        elif message.count('"') % 2:
            message = message[: message.index('"')]  # Of a quotation that began before.
        return match["head"], _END.split(message, maxsplit=1)[0].strip()
    for pattern in _SAID:
        if match := pattern.search(line):
            message = next(group for group in match.groups() if group)
            return "", _END.split(message, maxsplit=1)[0].strip()
    return None


def _query(head: str, message: str, text: str) -> str | None:
    """Return what to ask about a message, or None where it says nothing."""
    kind = _KIND_OF_ERROR.search(message)
    elsewhere = text.replace(message, " ")

    def said(match: re.Match[str]) -> str:
        word = next((group for group in match.groups() if group), "").strip()
        named = re.fullmatch(r"[A-Za-z][\w.]+", word) is not None
        is_type = word.lower() in _TYPES or (
            named and _BEFORE_TYPE.search(match.string[: match.start()]) and not re.search(rf"\b{re.escape(word)}\b", elsewhere)
        )
        # A quotation of several plain words is more of the message than a value.
        plain = re.fullmatch(r"[a-z]+(?: [a-z]+)+", word) is not None
        return word if is_type or plain else _GONE

    message = _ASIDE.sub(" ", _QUOTED.sub(said, _PLACE.sub(_GONE, _KIND_OF_ERROR.sub(" ", message))))
    message = _NUMBER.sub(_GONE, _OWN.sub(_GONE, message))
    message = _LIKE_NAME.sub(lambda match: _GONE if re.search(rf"\b{match[0]}\b", elsewhere) else match[0], message)
    parts = re.split(r":(?=\s|$)", message)
    # `Prog: type error: undefined name` is about the last, and what one word says behind a colon is a value.
    # `The size is 3 but the place is 5` says nothing without its values.
    parts = [part for number, part in enumerate(parts) if not (number and _VALUES.search(part))]
    parts = [" ".join(_WITH_GONE.sub(" ", f" {part}").split()) for part in parts]
    parts = [part[0].lower() + part[1:] if part[1:2].islower() and part[0].isalpha() else part for part in parts]
    telling = [part for part in parts if " " in part.strip(" .,'\"") and not _FRAME.fullmatch(part)]
    if not telling:
        telling = [part for part in parts if " " in part or _FRAME.fullmatch(part)][-1:]
    words = tidy(re.sub(r"[\"“”`‘]|(?<!\w)'|'(?!\w)|,(?=\s)|\s[^\w\s(]+(?=\s)", " ", " ".join(telling))).split()
    name = head.rsplit(".", 1)[-1]
    if not words or len(words) + bool(kind) < 2 or not all(word.isprintable() for word in words):
        return None
    if not {word.lower() for word in words} - STOP_WORDS - _TYPES:
        return None
    # Of a kind of error of one's own (`KeyError`) manuals tell.
    begin = name if re.fullmatch(r"[A-Z][a-z]+\w*[a-z](?:Error|Exception)", name) else "error"
    begin = "warning" if name.lower() == "warning" else begin
    end = f" [{kind[1]}]" if kind else ""
    return f"{begin}: {_short(words)}{end}"


def _short(words: list[str]) -> str:
    """Return so many words of a message, without a half parenthesis at the end."""
    short = " ".join(words[:MAX_MESSAGE_WORDS])
    if short.count("(") > short.count(")"):
        # A closing mark that tidying took comes back, one that was cut off leaves with what it closed.
        short = f"{short})" if len(words) <= MAX_MESSAGE_WORDS else short[: short.rindex("(")]
    return tidy(short) if not short.endswith(")") else short
