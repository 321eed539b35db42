"""A chat model behind any OpenAI-compatible endpoint, as a teacher.

Requests go through the `openai` SDK's HTTP client (authentication, proxies, timeouts), but as bytes of our own: its typed
`chat.completions.create` costs about four times the CPU, because it walks through every message of the growing conversation.
The SDK's retries are no use here: each row would wait for itself, and they know neither a common pause nor what has to stop a
run (`tracegen.teacher.pacing`). Responses are read tolerantly: real servers differ in every detail that the format leaves open.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tracegen.errors import TeacherError
from tracegen.records import Response
from tracegen.teacher import Failure, ToolChoice, completion, responses
from tracegen.teacher.asking import Asking
from tracegen.teacher.budget import Budget
from tracegen.teacher.completion import read_completion as read_completion
from tracegen.teacher.connection import Connection, proxies
from tracegen.teacher.faults import ErrorAnswer, Fault, exhausted_s, fault_of_answer
from tracegen.teacher.gate import Gate
from tracegen.teacher.pacing import Pace, Ticket
from tracegen.teacher.quirks import Quirks, in_form
from tracegen.teacher.size import Size, with_estimate
from tracegen.teacher.wire import returns

if TYPE_CHECKING:
    import httpx2
    import openai

TRIES = 6
"""Tries for one row of what others succeed with; then it is the row's own failure."""
TRIES_AT_FIRST = 3
"""Tries of an endpoint that has never answered; a wrong address is found out soon."""
MANY_ROWS = 3
"""So many rows fail, and none succeeds for as long as patience lasts: then it is the endpoint's failure, not theirs."""
LONGEST_PAUSE_S = 3600.0
"""A server that asks for more is asked again by another start."""
REMEMBERED = 4096
"""Conversations whose shortening is remembered."""

TOO_LONG = "The conversation is too long for the teacher"
"""What is said of a row whose conversation no leaving out makes short enough."""

_AT_FIRST = " It has not answered once, so the run stops here."
_KEPT = "What was answered is kept: run the same command again to go on."


class ChatTeacher:
    """A teacher that is a chat model. Close it when done; its connections and its pace are shared by all rows."""

    option = "--teacher"
    """How the user names the model."""

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        asking: Asking | None = None,
        pace: Pace | None = None,
        budget: Budget | None = None,
        learned: Iterable[str] = (),
        http_client: "httpx2.AsyncClient | None" = None,
    ) -> None:
        """Prepare a client; nothing is sent yet. Key and base URL default to OPENAI_API_KEY and OPENAI_BASE_URL.

        `learned` is what an earlier start has learned of the endpoint's quirks.
        """
        self.name = model
        self.asking = asking or Asking()
        self.quirks = Quirks(learned)
        self.known = False
        """Whether an earlier start of the run had answers: then a first refusal may be a single row's fault."""
        pace = pace or Pace()
        self.gate = Gate(pace, budget)
        self._connection = Connection(model, base_url, api_key, self.asking, pace.concurrency, http_client)
        self._size = Size(self.asking.max_tokens)
        is_chat = self.asking.api == "chat"
        self._path = completion.PATH if is_chat else responses.PATH
        self._read = read_completion if is_chat else responses.read_body
        self._tools: tuple[Any, bytes] = (None, b"")
        self._left_out: dict[str, int] = {}
        self._failing: set[int] = set()
        self._numbers = itertools.count()

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._connection.base_url

    @property
    def client(self) -> "openai.AsyncOpenAI":
        """The SDK's client, for other services of the same endpoint."""
        return self._connection.client

    async def close(self) -> None:
        """Close the connections."""
        await self._connection.close()

    async def reply(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], tool_choice: ToolChoice
    ) -> Response | Failure:
        """Return the model's next message, or why this conversation gets none.

        What can pass is tried again. Raises TeacherError for what is the same for every row: key, model, address, quota, an
        endpoint without tools or that has not worked for too long; BudgetError where the budget is reached.
        """
        try:
            return await self._reply(messages, tools, tool_choice)
        except TeacherError as error:
            # Whoever waits need not find it out again.
            self.gate.stop(error)
            raise

    async def _reply(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]], tool_choice: ToolChoice
    ) -> Response | Failure:
        number, tries, failed_at, failed_last = next(self._numbers), 0, None, 0.0
        while True:
            fields = self.fields(tool_choice)
            body = self.body(messages, tools, fields, self._left_out.get(_key(messages), 0) if self._left_out else 0)
            ticket = await self.gate.enter(
                self._size.prompt_tokens(body), self._size.answer_tokens, again=failed_at is not None
            )
            outcome = await self._send(ticket, body)
            if isinstance(outcome, Response):
                self._failing.clear()
                return outcome
            if outcome.kind == "refused":
                if self._adapt(outcome, fields, messages):
                    continue
                return self._refused(outcome, messages)
            self._failing.add(number)
            # Where none was answered since the last try, an endpoint that is away has failed once more, not this row.
            goes_on = tries > 0 and self._is_away(outcome) and self.gate.pacer.last_success < failed_last
            tries += outcome.kind == "broken" and not goes_on
            failed_last = self.gate.now()
            failed_at = failed_last if failed_at is None else failed_at
            if failure := self._given_up(outcome, tries, failed_at):
                return failure
            if outcome.kind == "broken":
                await self.gate.sleep(max(self.gate.pacer.backoff_s(tries), outcome.pause_s or 0))

    def fields(self, tool_choice: ToolChoice) -> dict[str, Any]:
        """Return the fields of a request besides messages and tools, as this endpoint takes them."""
        # "auto" is always said: one server silently drops the tools where tool_choice is missing.
        return self.quirks.apply({"model": self.name, "tool_choice": tool_choice, **self.asking.fields})

    def body(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]],
        fields: dict[str, Any],
        left_out: int = 0,
    ) -> bytes:
        """Return the body of a request without the text of the oldest `left_out` returns, the same on every path it takes."""
        write = responses.write_body if self.asking.api == "responses" else completion.write_body
        formed, sent = in_form(messages, fields)
        return write(formed, self._tools_json(tools), sent, left_out)

    def learn(self, refusal: str, sent: dict[str, Any]) -> bool:
        """Learn from a refusal of a request with these fields; return whether it is worth sending again, in another form."""
        return self.quirks.learn(refusal, sent)

    async def _send(self, ticket: Ticket, body: bytes) -> Response | Fault:
        """Send a request, and tell the gate how it went."""
        try:
            answer = await self._connection.post(self._path, body)
        except BaseException:
            self.gate.left(ticket)
            raise
        if isinstance(answer, Fault):
            self._tell(ticket, answer)
            return answer
        raw, headers = answer
        try:
            response = self._read(raw)
        except ValueError as error:
            fault = self._no_message(error, headers)
            self._tell(ticket, fault)
            return fault
        self._size.learn(body, response.usage)
        response = with_estimate(response, ticket.prompt_tokens)
        self.gate.answered(ticket, *response.usage.tokens)
        if wait_s := exhausted_s(headers, datetime.now(UTC)):
            self.gate.pause(min(wait_s, LONGEST_PAUSE_S), "nothing is left of a rate limit, as the endpoint says")
        return response

    def _no_message(self, error: ValueError, headers: Mapping[str, str]) -> Fault:
        """Return what it means that an answer with status 200 held no message."""
        text = self._connection.shown(" ".join(str(error).split()))
        if isinstance(error, ErrorAnswer):
            if fault := fault_of_answer(error, headers):
                return fault._replace(text=text)
            text = f"an error, {text!r}"
        what = "chat completion" if self.asking.api == "chat" else "response"
        return Fault("broken", f"answered with no {what}: {text}", 200, sent=True)

    def _tell(self, ticket: Ticket, fault: Fault) -> None:
        if fault.kind == "overload":
            self.gate.overloaded(ticket, fault.pause_s, self._said(fault))
        elif fault.kind == "broken":
            self.gate.failed(ticket, self._said(fault), sent=fault.sent)
        else:
            self.gate.left(ticket)

    def _adapt(self, fault: Fault, sent: dict[str, Any], messages: Sequence[Mapping[str, Any]]) -> bool:
        """Change what is sent after a refusal; False where that is no help."""
        if fault.context:
            return self._leave_out_more(messages)
        # OpenRouter's refusal of a tool_choice is that no provider takes it, a 404.
        return fault.status in (400, 404, 422) and self.learn(fault.text, sent)

    def _leave_out_more(self, messages: Sequence[Mapping[str, Any]]) -> bool:
        """Leave out one more return of a conversation that is too long; False where only the newest is left."""
        key = _key(messages)
        left_out = self._left_out.pop(key, 0)
        if left_out >= len(returns(messages)):
            return False
        self._left_out[key] = left_out + 1
        if len(self._left_out) > REMEMBERED:
            del self._left_out[next(iter(self._left_out))]
        return True

    def _refused(self, fault: Fault, messages: Sequence[Mapping[str, Any]]) -> Failure:
        """Return a failure of this row, or raise where every row would fail."""
        said = self._said(fault)
        if fault.code == "certificate":
            raise TeacherError(
                f"The certificate of {self.base_url} is not trusted: {fault.text}. If it is a server of your own, name "
                "the file with its authority's certificate in SSL_CERT_FILE."
            )
        if fault.quota:
            raise TeacherError(f"The quota is spent: {said}. What was answered is kept; run again when there is quota.")
        if fault.filtered:
            return Failure(detail=f"The endpoint filtered the conversation: {fault.text[:300]}")
        if fault.status == 403 and (self.gate.pacer.proven or self.known):
            # The key has worked, so it may be this conversation alone, as with a firewall that reads along; where it is the key
            # after all, the next rows fail too, and that stops the run.
            return Failure(detail=f"The endpoint refused the conversation, though not others: {said}", broken=True)
        if fault.status in (401, 403):
            kept = f" {_KEPT}" if self.gate.pacer.proven else ""
            raise TeacherError(f"The key was not accepted: {said}. Check OPENAI_API_KEY.{kept}")
        is_chat = self.asking.api == "chat"
        if is_chat and "/responses" in fault.text:
            raise TeacherError(f"This model wants the other API: {said}. Run with --api responses.")
        if fault.model:
            there, check = ("chat endpoint", "") if is_chat else ("Responses API", ", or leave out --api responses")
            raise TeacherError(
                f"No model {self.name!r}, or no {there} there: {said}. Check {self.option} and --base-url{check}."
            )
        if fault.context:
            detail = f"{TOO_LONG}: {fault.text[:300]}"
            at_once = not any(message["role"] == "tool" for message in messages)
            # Said of a conversation that has hardly begun it may be the limit of a proxy, and so of every row.
            return self._for_this_row(detail) if at_once and fault.status == 413 else Failure(detail=detail)
        # vLLM takes `required` without its option for tool calls, but not `auto`: each row would pay its first request in vain.
        if "enable-auto-tool-choice" in fault.text or ("tool" in fault.text.lower() and not self.gate.pacer.proven):
            raise TeacherError(
                f"The endpoint takes no tools: {said}. Choose a model that can call functions, and a server that is "
                "started with tool calling on."
            )
        return self._for_this_row(f"The request failed: {said}")

    def _given_up(self, fault: Fault, tries: int, failed_at: float) -> Failure | None:
        """Return the failure of a row that was tried often enough, raise where nothing works any more, else None: try again."""
        pacer, said = self.gate.pacer, self._said(fault)
        if fault.kind == "broken" and tries >= TRIES and pacer.last_success >= failed_at:
            return Failure(detail=f"The request failed {tries} times, while others were answered: {said}", broken=True)
        worked = pacer.proven or (self.known and fault.status not in (None, 200))
        if not worked and fault.kind == "broken" and tries >= TRIES_AT_FIRST:
            raise TeacherError(f"{said}.{_hint(fault)} {_KEPT if fault.status is None else ''}".rstrip())
        if (fault.pause_s or 0) > LONGEST_PAUSE_S:
            raise TeacherError(f"The endpoint asks to wait {(fault.pause_s or 0) / 3600:.1f} hours: {said}. {_KEPT}")
        if self._is_away(fault):
            if not self.gate.outlasted():
                return None
        elif not self.gate.hopeless():
            return None
        elif fault.kind == "broken" and len(self._failing) < MANY_ROWS:
            return Failure(detail=f"The request failed {tries} times: {said}", broken=True) if tries >= TRIES else None
        if fault.status == 429:
            raise TeacherError(f"Too many requests, for too long: {said}. {_KEPT} A lower --rpm or --concurrency may help.")
        if fault.kind == "overload":
            raise TeacherError(f"The server has not been available for too long: {said}. {_KEPT}")
        raise TeacherError(f"Nothing has worked for too long: {said}. {_KEPT}")

    def _is_away(self, fault: Fault) -> bool:
        """Return whether it is the endpoint that fails, after it has worked, and not this row."""
        return self.gate.pacer.proven and (fault.away or len(self._failing) >= MANY_ROWS)

    def _for_this_row(self, detail: str) -> Failure:
        """Return a failure of this row; raise where the endpoint has not worked even once."""
        if not (self.gate.pacer.proven or self.known):
            raise TeacherError(f"{detail}. It was the first answer, so the run stops here.")
        return Failure(detail=detail, unexplained=True)

    def _said(self, fault: Fault) -> str:
        text = fault.text[:300].rstrip(".")
        if fault.status is None:
            return f"No answer from {self.base_url}: {text}"
        return f"{self.base_url} {text}" if fault.status == 200 else f"{self.base_url} said {fault.status}: {text}"

    def _tools_json(self, tools: Sequence[Mapping[str, Any]]) -> bytes:
        """Return the tools as JSON, which is the same for all requests of a run."""
        if self._tools[0] is not tools:
            write = responses.write_tools if self.asking.api == "responses" else completion.write_tools
            self._tools = (tools, write(tools))
        return self._tools[1]


def _hint(fault: Fault) -> str:
    """Return what may be wrong with an endpoint that has never answered."""
    if fault.status is None:
        hint = " Is the address right and the server running?"
        if names := proxies():
            hint = f"{hint} It is asked through a proxy, as {names} says, unless NO_PROXY names it."
        return hint
    return " Is it the address of an API? Most end in /v1." if fault.status == 200 and "not JSON" in fault.text else _AT_FIRST


def _key(messages: Sequence[Mapping[str, Any]]) -> str:
    """Return what tells a conversation from all others: the id of its first call, or "" before there is one."""
    return next((str(message["tool_call_id"]) for message in messages if message["role"] == "tool"), "")
