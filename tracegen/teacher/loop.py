"""The teacher loop as a state machine without I/O.

Give it a response or a return, and it says what to do next: ask the teacher, search, or finish. It knows neither network nor
index nor files, so the same loop runs row by row, in waves of a batch service, or on several machines; and fed with recorded
responses and returns it comes back to where a killed run stood.

    loop = Loop(row, tool, max_hops=8, prompt=None)
    while not isinstance(step := loop.step(), Finish):
        if isinstance(step, Ask):
            loop.take_response(...)      # or take_failure
        else:
            loop.take_return(...)
    step.trace

A finished loop can be told to search on (`take_further`); it then asks again, until it is finished once more. What was said for
that stands in the conversation, and in the trace beside the hops, so that no example holds it.
"""

import hashlib
import json
import re
from collections import deque
from typing import Any, NamedTuple

from tracegen.records import Ending, Further, Hop, RawCall, Response, Row, Tool, ToolCall, ToolReturn, Trace, Usage
from tracegen.teacher import Failure, ToolChoice
from tracegen.teacher.leaked import calls_of
from tracegen.teacher.wire import Conversation, signed
from tracegen.tool_call import read_call

NUDGE = "You have not searched yet. Call {name} before you answer."
ANSWER_CUT = "The teacher's answer, which is thrown away, was cut off at its token limit"
STOPPED = "I have searched as much as I may."
"""Stands for the teacher's answer where it gave none: some services refuse a user message right after a return."""
GOES_ON: tuple[Ending, ...] = ("answered", "max_hops")
"""Endings after which a teacher can be told to search on."""
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")


class Ask(NamedTuple):
    """Ask the teacher for its next message."""

    messages: list[dict[str, Any]]
    """The conversation so far, in OpenAI's chat format; it belongs to the loop: read it, do not change it."""
    tool_choice: ToolChoice
    """`required` until a search was made since the beginning, or since the teacher was told to search on; then `auto`."""


class Search(NamedTuple):
    """Call the retrieval function."""

    query: str
    """The query of the call, never empty."""


class Finish(NamedTuple):
    """Nothing is left to do."""

    trace: Trace
    """The research of the row."""


class _Made(NamedTuple):
    """A call as the teacher made it, with what it said and thought before it."""

    call: RawCall
    content: str | None = None
    reasoning: str | None = None


class Loop:
    """The research of one row."""

    def __init__(self, row: Row, tool: Tool, *, max_hops: int, prompt: str | None) -> None:
        """Start the research of a row; `prompt` is the teacher's own system prompt, None for the row's alone."""
        self._row = row
        self._tool = tool
        self._max_hops = max_hops
        self._messages = Conversation(opening(row, prompt))
        self._hops: list[Hop] = []
        self._pending: deque[_Made] = deque()
        self._current: tuple[ToolCall, _Made] | None = None
        self._nudged = False
        self._usage = Usage()
        self._model: str | None = None
        self._thought: str | None = None
        self._answer: str | None = None
        self._last_answer: str | None = None
        self._ended: tuple[Ending, str] | None = None if row.search else ("answered", "")
        self._further: list[Further] = []
        self._before: Ending = "answered"
        self._enough = False

    @property
    def searched(self) -> bool:
        """Whether a search has been made that was not an error."""
        return self._searched_after(0)

    @property
    def hops(self) -> tuple[Hop, ...]:
        """The hops so far."""
        return tuple(self._hops)

    @property
    def trace(self) -> Trace:
        """The research so far, as if it ended here."""
        return self._trace(*(self._ended or (self._before, "")))

    @property
    def further(self) -> tuple[Further, ...]:
        """What the teacher was told after it had stopped, so far."""
        return tuple(self._further)

    def step(self) -> Ask | Search | Finish:
        """Return what to do next; the same answer until something is given back."""
        while self._ended is None and self._current is None and self._pending:
            self._begin(self._pending.popleft())
        if self._current is not None:
            return Search(str(self._current[0].arguments["query"]))
        if self._ended is None and len(self._hops) >= self._max_hops:
            self._end_at_limit()
        if self._ended is None:
            began = self._further[-1].after if self._further else 0
            return Ask(self._messages, "auto" if self._searched_after(began) else "required")
        return Finish(self._trace(*self._ended))

    def take_response(self, response: Response) -> None:
        """Take the teacher's message."""
        self._usage += response.usage
        self._model = response.model or self._model
        self._thought = response.reasoning
        calls, content = calls_of(response, self._tool.name)
        if calls:
            # Calls beyond the limit are left out here; the run keeps the whole response.
            room = self._max_hops - len(self._hops)
            for number, call in enumerate(calls[:room]):
                self._pending.append(_Made(call, content, response.reasoning) if number == 0 else _Made(call))
        elif response.refusal or response.finish_reason == "content_filter":
            self._end("refused", f"The teacher refused: {response.refusal or 'its answer was filtered'}")
        elif response.finish_reason == "length" and self._searched_after(self._further[-1].after if self._further else 0):
            # The answer is thrown away: where it breaks off is of no interest. What was searched before is whole.
            self._answer = self._last_answer = response.content
            self._ended = ("answered", ANSWER_CUT)
        elif response.finish_reason == "length":
            self._end("length", "The teacher's message was cut off at its token limit; allow it more tokens")
        else:
            self._take_answer(response.content or "")

    def take_failure(self, failure: Failure) -> None:
        """Take note that the teacher cannot be asked any further about this row."""
        self._end("error", failure.detail)

    def take_further(self, further: Further) -> None:
        """Go on after the end: the teacher is told to search on.

        Raises RuntimeError where nothing has ended that could go on.
        """
        if self._ended is None or self._ended[0] not in GOES_ON:
            raise RuntimeError("only research that came to a good end can go on")
        self._messages.say({"role": "assistant", "content": self._last_answer or STOPPED}, self._thought)
        self._messages.append({"role": "user", "content": further.message})
        self._further.append(further)
        self._max_hops = len(self._hops) + further.max_hops
        self._before, self._ended = self._ended[0], None
        self._last_answer, self._enough = None, False

    def take_enough(self) -> None:
        """End searching on: nothing more is wanted.

        Raises RuntimeError where the teacher was not told to, or is not to be asked now.
        """
        if not (self._further and isinstance(self.step(), Ask)):
            raise RuntimeError("only a teacher that searches on can be stopped before it is asked")
        self._ended, self._enough = (self._before, ""), True

    def take_return(self, returned: ToolReturn) -> None:
        """Take the return of the search that `step` asked for."""
        if self._current is None:
            raise RuntimeError("a return was given that no search asked for")
        (call, made), self._current = self._current, None
        self._add_hop(call, made, returned)

    def _searched_after(self, hops: int) -> bool:
        return any(not hop.returned.error for hop in self._hops[hops:])

    def _end(self, ended: Ending, detail: str) -> None:
        """End the research; where the teacher was only searching on, what it had found before stays good."""
        self._ended = (self._before, f"Searching on failed: {detail}") if self._further else (ended, detail)

    def _begin(self, made: "_Made") -> None:
        """Make the next call the current one, or answer a malformed one with an error right away."""
        raw = made.call
        query, error = read_call(raw, self._tool)
        # Some servers refuse a history with arguments that are no JSON object, so malformed ones are repaired in it.
        call = ToolCall(
            id=call_id(self._row, len(self._hops)),
            name=raw.name if _NAME.match(raw.name) else self._tool.name,
            arguments={"query": query},
        )
        if error is None:
            self._current = (call, made)
        else:
            self._add_hop(call, made, error)

    def _add_hop(self, call: ToolCall, made: "_Made", returned: ToolReturn) -> None:
        self._hops.append(Hop(call=call, returned=returned, content=made.content, reasoning=made.reasoning))
        function = {"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)}
        wire_call: dict[str, Any] = {"id": call.id, "type": "function", "function": function}
        if made.call.signature:
            wire_call["extra_content"] = signed(made.call.signature)
        # "" beside calls is what every server measured takes back; null or a missing content is refused by some.
        self._messages.say({"role": "assistant", "content": made.content or "", "tool_calls": [wire_call]}, self._thought)
        self._messages.append({"role": "tool", "tool_call_id": call.id, "content": returned.text})

    def _take_answer(self, answer: str) -> None:
        self._answer = self._last_answer = answer
        if self.searched:
            self._ended = ("answered", "")
        elif self._nudged:
            self._ended = ("no_calls", "The teacher answered without a search, also when told to search")
        else:
            self._nudged = True
            self._messages.say({"role": "assistant", "content": answer}, self._thought)
            self._messages.append({"role": "user", "content": NUDGE.format(name=self._tool.name)})

    def _end_at_limit(self) -> None:
        if self.searched:
            self._ended = ("max_hops", "")
        else:
            why = self._hops[-1].returned.text.removeprefix("Error: ").partition(". ")[0]
            self._ended = ("no_calls", f"All {len(self._hops)} calls of the teacher were malformed; of the last: {why}")

    def _trace(self, ended: Ending, detail: str) -> Trace:
        return Trace(
            hops=tuple(self._hops),
            ended=ended,
            detail=detail,
            answer=self._answer,
            model=self._model,
            usage=self._usage,
            further=tuple(self._further),
            enough=self._enough,
        )


def opening(row: Row, prompt: str | None) -> list[dict[str, Any]]:
    """Return the conversation a teacher starts from: never with the desired output.

    With a `prompt`, that is the system message, and the row's own system message is quoted below it.
    """
    own = [message.content for message in row.prompt if message.role in ("system", "developer")]
    if prompt is not None and own:
        own = [prompt.rstrip(), "The answer will be given under these instructions:\n\n" + "\n\n".join(own)]
    elif prompt is not None:
        own = [prompt.rstrip()]
    system = [{"role": "system", "content": "\n\n".join(own)}] if own else []
    turns = [message for message in row.prompt if message.role in ("user", "assistant")]
    return system + [{"role": message.role, "content": message.content} for message in turns]


def call_id(row: Row, number: int) -> str:
    """Return the id of a row's call: stable across runs, 29 characters (OpenAI takes at most 40)."""
    return "call_" + hashlib.sha256(f"{row.id}:{number}".encode()).hexdigest()[:24]
