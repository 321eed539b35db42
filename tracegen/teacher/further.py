"""What the built-in researcher asks when it is told to go on: from what it has read, and from topics where it is given some.

It knows the prompt, what was returned, and headings of the documentation; names it takes only from these.
"""

import re
from collections.abc import Iterator
from itertools import islice

from tracegen.teacher.conversation import Conversation
from tracegen.teacher.operations import OPERATIONS, Operation
from tracegen.teacher.wording import with_articles
from tracegen.teacher.words import FILE_SUFFIXES, STOP_WORDS, TECHNICAL, stem, stems_of, word_set

_LINK = re.compile(r"\[([^\][\n]{3,60})\]\([^()\s]{1,200}\)")
_NUMBER = re.compile(r"^(?:§\s*)?\d+(?:\.\d+)*\.?\s+(?:[–—:-]\s+)?(?=[^\W\d])")
# What a signature is marked with, `[det]must_be(+Type, @Term)`, is no part of its name; that of an operator stands in between.
_TAG = re.compile(r"^\[\w+(?:,\s*\w+)*\]\s*(?=\S)")
_INFIX = re.compile(r"[?:+@!-]?[A-Za-z_]\w*\s+(?!-+\s|-+>|=+>)([^\w\s\[\](){},;\"'`–—]{2,4})\s+[?:+@!-]?[A-Za-z_]\w*")
# With a space before the parenthesis (`predicate count (list)`) what stands before the name may make it prose.
_CALLED = re.compile(
    r"(?:[^(]*\s(?=[^\s(]+\()|(?:predicate|function|macro|procedure|method|fn|fun|func|def|proc|sub)\s+)?"
    r"([^\W\d][\w.:/-]*[?!]?) ?\(.*"
)
# `Node.js` and `math.log` are no files, nor is `std.foldl`.
_SUFFIX = "|".join(sorted(FILE_SUFFIXES - {"js", "log"}))
_FILE = re.compile(rf"(?:.*/|(?=\S+\.(?:{_SUFFIX})\Z))([^/\s]+)\.[a-z]\w{{0,4}}")
_MODULE = re.compile(r"[a-z]\w*(?:[/.][a-z]\w*)*")
_DULL = word_set("description example examples index introduction notes overview solution synopsis usage")
_RELEASE = re.compile(r"\bv?\d+\.\d+|\bchange ?log\b|\brelease notes\b|\bbug fixes\b|\bchanges\b", re.IGNORECASE)
_KINDS = {
    "string": "string text character", "number": "number int integer float math rounding power arithmetic",
    "list": "list array set", "dict": "dict object map dictionary field key", "record": "record type object class custom",
    "function": "function", "error": "error result exception assertion failure", "optional": "option optional maybe",
}  # fmt: skip
_KIND_OF = {stem(word): kind for kind, words in _KINDS.items() for word in words.split()}


def guided(conversation: Conversation) -> Iterator[str]:
    """Yield queries about the topics, in turns: a section by its heading, a module by what one does with such things."""
    topics = [_Topic(topic, conversation) for topic in conversation.topics]
    topics = [topic for topic in topics if not topic.is_release] or topics
    turn = (len(conversation.queries) - conversation.before) % max(1, len(topics))
    streams = [topic.queries() for topic in (*topics[turn:], *topics[:turn])]
    while streams:
        for stream in list(streams):
            query = next(stream, None)
            if query is None:
                streams.remove(stream)
            else:
                yield query


def linked(conversation: Conversation) -> Iterator[str]:
    """Yield what the returns link to, as they call it."""
    for returned in reversed(conversation.returns):
        for text in dict.fromkeys(_LINK.findall(returned)):
            words = text.strip("`* ").split()
            # Names of people and of releases are linked as often as things to know.
            if 1 < len(words) <= 6 and sum(stem(word) in TECHNICAL for word in words) * 2 >= len(words):
                yield text.strip("`* ")


def nearby(conversation: Conversation) -> Iterator[str]:
    """Yield queries about the pages that passages came from, the latest first."""
    # A title may be that of a whole manual: of a name the section that it is in, else the section.
    paths = (passage.headings for passage in reversed(conversation.all_passages) if passage.headings[0])
    heads = dict.fromkeys(path[-2] if len(path) > 1 and " " not in subject_of(path[-1]) else path[-1] for path in paths)
    for topic in (_Topic(head, conversation) for head in heads):
        if not topic.is_release:
            yield from topic.queries()


def closer(conversation: Conversation) -> Iterator[str]:
    """Yield queries about the sections that were found and that the prompt speaks of, the best first."""
    for path in dict.fromkeys(passage.headings for passage in conversation.all_passages if passage.headings[0]):
        topic = _Topic(path[-1], conversation)
        if topic.is_spoken_of and not topic.is_release:
            yield from islice(topic.queries(), 1)


def subject_of(heading: str) -> str:
    """Return what a heading is about: `6.4 – Strings`, `insert (list, value)`, `--json [FILE], -j`, `lib/sort.q`."""
    heading = _NUMBER.sub("", heading.strip("`: ")) or heading
    heading = _TAG.sub("", heading)
    if match := _INFIX.fullmatch(heading):
        return f"{match[1]} operator"
    if heading.startswith("-"):
        return re.split(r"[,\[<=\s]", heading)[0]
    match = _CALLED.fullmatch(heading) or _FILE.fullmatch(heading)
    return match[1] if match else re.split(r"\s[\[<]", heading)[0]  # `tar [cxt] FILE`


class _Topic:
    """A heading path as something to ask about."""

    def __init__(self, topic: str, conversation: Conversation) -> None:
        self._path = topic.split(" > ")
        self._conversation = conversation
        self._stems = frozenset(stems_of(re.sub(r"[/._]", " ", self._path[-1]))) - STOP_WORDS

    @property
    def is_release(self) -> bool:
        """Whether it is the news of a release: much is mentioned there, and little explained."""
        return _RELEASE.search(subject_of(self._path[-1])) is not None

    @property
    def is_spoken_of(self) -> bool:
        """Whether the prompt has one of its words."""
        return bool(self._stems & self._conversation.read.stems)

    def queries(self) -> Iterator[str]:
        """Yield queries, best first."""
        heading = subject_of(self._path[-1])
        if heading.lower() in _DULL:
            return
        is_module = "/" in heading or any(
            self._path[-1] in passage.headings[:-1] for passage in self._conversation.all_passages
        )
        is_module = is_module and _MODULE.fullmatch(heading) is not None
        # A capital or a dot inside, and the first is one of a name or a title.
        as_written = "." in heading or heading[1:] != heading[1:].lower()
        yield f"{heading} functions" if is_module else heading if as_written else heading[0].lower() + heading[1:]
        if not is_module and " " not in heading:
            return
        for operation in self._operations():
            ask = with_articles(operation.ask.format_map(self._conversation.list_and_dict_words))
            yield f"{heading}: {ask}" if is_module else ask
        yield f"{heading} examples"

    def _operations(self) -> list[Operation]:
        """Return what one does with the things of the topic, what the prompt speaks of first."""
        kinds = {_KIND_OF[own] for own in self._stems if own in _KIND_OF}
        spoken = dict(self._conversation.read.operations)

        def fit(operation: Operation) -> float:
            shared = len(self._stems & set(stems_of(operation.ask)))
            return (operation.kind in kinds) + 0.5 * shared + spoken.get(operation, 0.0) + 0.2 * operation.weight

        fitting = [each for each in OPERATIONS if each.kind in kinds or self._stems & set(stems_of(each.ask))]
        return sorted(fitting, key=lambda operation: -fit(operation))
