"""The lines of batch files, in the shapes of OpenAI's Batch API and of `vllm run-batch`.

A request:  {"custom_id": ID, "method": "POST", "url": "/v1/chat/completions", "body": {...}}
An answer:  {"custom_id": ID, "response": {"status_code": 200, "body": {...}}, "error": null}

Answers come in any order, in an output file and an error file. Older versions of vLLM put the completion directly under
`response`; vLLM gives errors as a text, OpenAI as an object, and some with the status only.
"""

import json
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from tracegen.records import Response
from tracegen.teacher.chat import read_completion
from tracegen.teacher.faults import ErrorAnswer, Fault, is_filtered

URL: Final = "/v1/chat/completions"
_PASSING = (408, 409, 424, 425, 429, 499)
_FOR_ALL = (401, 402, 403, 404)
_QUOTA_WORDS = ("insufficient_quota", "billing", "quota is spent")


class Trouble(NamedTuple):
    """A request of a batch that was not answered."""

    text: str
    """What was said, on one line."""
    status: int | None
    """HTTP status, or None where there is none."""
    code: str
    """The error's own code, or ""."""

    @property
    def expired(self) -> bool:
        """Whether the batch ended before the request was looked at."""
        return self.code == "batch_expired"

    @property
    def cancelled(self) -> bool:
        """Whether the batch was cancelled before."""
        return self.code == "batch_cancelled"

    @property
    def for_all(self) -> bool:
        """Whether it is the same for every request: key, model, quota."""
        if is_filtered(self.status, f"{self.code} {self.text}"):
            return False
        return self.status in _FOR_ALL or any(word in f"{self.code} {self.text}" for word in _QUOTA_WORDS)

    @property
    def context(self) -> bool:
        """Whether the conversation is too long for the model."""
        return Fault("refused", self.text, self.status, self.code).context

    @property
    def passing(self) -> bool:
        """Whether the same request may be answered another time."""
        # Groq's word for a call that was none: the model need not make that slip again.
        slip = "tool_use_failed" in self.code
        return self.status is None or self.status < 400 or self.status >= 500 or self.status in _PASSING or slip


class Answer(NamedTuple):
    """One line of an output or error file."""

    custom_id: str
    """The request that it answers."""
    outcome: Response | Trouble
    """The message, or why there is none."""


def request_line(custom_id: str, body: bytes) -> bytes:
    """Return the line of a request; `body` is JSON on one line."""
    head = json.dumps({"custom_id": custom_id, "method": "POST", "url": URL})
    return head[:-1].encode() + b', "body": ' + body + b"}\n"


def read_answer(value: Any) -> Answer | None:
    """Return the answer that a line holds, or None where it belongs to no request."""
    custom_id = value.get("custom_id") if isinstance(value, dict) else None
    if not isinstance(custom_id, str):
        return None
    response, error = value.get("response"), value.get("error")
    status, body = _status_and_body(response)
    if error is None and (status is None or status < 300) and body is not None:
        try:
            return Answer(custom_id, read_completion(json.dumps(body).encode()))
        except ErrorAnswer as problem:
            return Answer(
                custom_id, Trouble(f"an error in the place of a message: {problem}"[:300], problem.status, problem.code)
            )
        except ValueError as problem:
            return Answer(custom_id, Trouble(f"no chat completion: {problem}"[:300], None, ""))
    return Answer(custom_id, _trouble(status, error, body))


def _status_and_body(response: Any) -> tuple[int | None, Any]:
    if not isinstance(response, dict):
        return None, None
    if "choices" in response:
        return 200, response
    status = response.get("status_code")
    return status if isinstance(status, int) else None, response.get("body")


def _trouble(status: int | None, error: Any, body: Any) -> Trouble:
    inner = error if error is not None else body
    while isinstance(inner, dict) and isinstance(inner.get("error"), dict | str):
        inner = inner["error"]
    code, text = "", inner
    if isinstance(inner, dict):
        code, text = inner.get("code") or inner.get("type") or "", inner.get("message") or inner
        # vLLM's error objects carry the HTTP status as their code.
        status = inner["code"] if status is None and isinstance(inner.get("code"), int) else status
    said = " ".join(str(text if text is not None else "no answer, and no reason").split())
    clean = said.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Trouble(clean[:300], status, str(code))


class Status(NamedTuple):
    """How a service stands with a batch."""

    said: str
    """The service's own word: `in_progress`, `completed`, `expired`, ..."""
    done: bool
    """Whether nothing more will come."""
    files: tuple[str, ...] = ()
    """Ids of the files with answers and with errors."""
    problem: str | None = None
    """Why the batch as a whole was refused, or None."""
    answered: int = 0
    """Requests answered so far."""


class Service(Protocol):
    """Whatever answers files of requests. Its methods raise Passing for what may work another time, else TeacherError."""

    via: str
    """`service` or `folder`, as the run file has it."""
    waits: bool
    """Whether it makes sense to wait for answers: not where a person must bring them."""

    async def upload(self, file: Path, name: str) -> str:
        """Hand in a file, and return its id."""
        ...

    async def forget(self, name: str) -> None:
        """Take away the file with this name, if it was handed in: nobody will ask for its answers."""
        ...

    async def submit(self, file_id: str, key: str) -> str:
        """Submit a file as a batch with this key, once, and return the batch's id."""
        ...

    async def find(self, file_id: str, key: str) -> str | None:
        """Return the id of the batch with this key, or of this file, if it was submitted."""
        ...

    async def status(self, batch_id: str) -> Status:
        """Return how a batch stands."""
        ...

    async def download(self, file_id: str, to: Path) -> None:
        """Write a file of answers to a path."""
        ...

    async def cancel(self, batch_id: str) -> bool:
        """Cancel a batch; False where the service knows none of that id."""
        ...

    def where(self, name: str) -> str:
        """Return, for people, what has to be done about the file of this name; "" where nothing."""
        ...


class Passing(Exception):
    """The service could not be reached, or had too much to do; its text says which."""
