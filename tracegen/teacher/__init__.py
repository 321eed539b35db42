"""Row -> Trace: the loop without I/O, and the two teachers that it asks."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from pydantic import Field

from tracegen.records import Record, Response

ToolChoice = Literal["required", "auto"]


class Failure(Record):
    """A request that failed for reasons of this row alone, such as a context that is too long."""

    detail: str
    """A sentence: what the endpoint said."""
    broken: bool = False
    """True where the endpoint failed, rather than refused: where many rows in a row fail so, it is not the rows."""
    unexplained: bool = Field(default=False, exclude=True)
    """True where the endpoint refused for a reason that need not be the row's: where all rows fail so, it is not."""


class Teacher(Protocol):
    """Whatever makes the calls; it is asked for the next message of a conversation."""

    @property
    def name(self) -> str:
        """Name for the run file and for people."""
        ...

    async def reply(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], tool_choice: ToolChoice
    ) -> Response | Failure:
        """Return the next message, or why there is none for this conversation.

        Messages and tools are in OpenAI's chat format. Raises TeacherError for what would be the same for every row.
        """
        ...
