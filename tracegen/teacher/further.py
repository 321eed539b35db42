"""What the built-in researcher asks when it is told to go on: from what it has read, and from topics where it is given some.

It knows the prompt, what was returned, and headings of the documentation; names it takes only from these.
"""

import re
from collections.abc import Iterator

from tracegen.teacher.conversation import Conversation
from tracegen.teacher.operations import OPERATIONS, Operation
from tracegen.teacher.wording import with_articles
from tracegen.teacher.words import STOP_WORDS, TECHNICAL, stem, stems_of

_LINK = re.compile(r"\[([^\][\n]{3,60})\]\([^()\s]{1,200}\)")
_RELEASE = re.compile(r"\bv?\d+\.\d+")
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
    heads = dict.fromkeys(passage.headings[0] for passage in reversed(conversation.all_passages) if passage.headings[0])
    for head in heads:
        yield from _Topic(head, conversation).queries()


class _Topic:
    """A heading path as something to ask about."""

    def __init__(self, topic: str, conversation: Conversation) -> None:
        self._path = topic.split(" > ")
        self._conversation = conversation
        self._stems = frozenset(stems_of(re.sub(r"[/._]", " ", self._path[-1]))) - STOP_WORDS

    @property
    def is_release(self) -> bool:
        """Whether it is the news of a release: much is mentioned there, and little explained."""
        return _RELEASE.search(self._path[-1]) is not None

    def queries(self) -> Iterator[str]:
        """Yield queries, best first."""
        heading = self._path[-1].strip("`")
        is_name = " " not in heading
        if not is_name:
            yield heading[0].lower() + heading[1:] if heading[1:2].islower() else heading
        else:
            yield f"{heading} functions"
        for operation in self._operations():
            ask = with_articles(operation.ask.format_map(self._conversation.list_and_dict_words))
            yield f"{heading}: {ask}" if is_name else ask
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
