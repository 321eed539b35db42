"""The fake chat endpoint with what the tests of long runs need besides: a Batch API, and a list of what it was asked.

    python -m bench.batch_endpoint --hops 3                 prints `ready http://127.0.0.1:PORT/v1`

    with start_batch() as endpoint:                         the same from Python, stopped at the end of the block
        endpoint.asked()                                    [("prompt of a row", 0), ("prompt of a row", 1), ...]

GET `/asked` lists the requests for a completion since the last reset, each as the text of the last user message and the number
of tool returns after it; requests in batches are among them. `/v1/files` and `/v1/batches` have OpenAI's shapes; batches are
done at the second look, their answers in reverse order. POST `/batch-fault` (`{"name": "expire", "times": 1}`) sets what goes
wrong with the next batches: see BATCH_FAULTS.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bench.endpoint import Endpoint, Server, parser, process_of, reset_connection, run, send
from bench.script import Json, Reply, error, read_turn

Asked = tuple[str, int]

BATCH_FAULTS = {
    "expire": "ends as expired; every second request is not answered",
    "error_lines": "every second request ends with status 500 in the error file",
    "refuse_lines": "every second request ends with status 400 in the error file",
    "refuse_all_lines": "every request ends with status 400 in the error file",
    "quota": "every second request ends with status 429 in the error file, because the money is spent",
    "learn": "requests without reasoning_effort end with status 400 in the error file",
    "invalid": "the file is refused",
    "too_much": "the batch is refused while another is at work",
    "duplicate": "every answer is there twice",
    "missing": "the first answer is not there",
    "unknown": "there are answers to requests that nobody made",
    "old_shape": "the completion stands directly under `response`",
    "lost_reply": "the batch is made, but the reply to its making is lost",
    "stuck": "the batch is never done",
    "no_calls": "the teacher answers without a call",
    "small_files": "a file with more than two requests is refused",
    "cut_downloads": "every second download breaks off",
    "capitals": "the status is written in capitals",
}
"""What can go wrong with a batch."""


@dataclass
class BatchServer(Server):
    """The handlers of the chat endpoint, and those of its own."""

    asked: list[Asked] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    batches: dict[str, Json] = field(default_factory=dict)
    batch_fault: str | None = None
    batch_times: int | None = None
    downloads: int = 0

    def app(self) -> web.Application:
        """Return the application with all routes."""
        app = super().app()
        app.router.add_get("/asked", self.show_asked)
        app.router.add_get("/batches", self.show_batches)
        app.router.add_post("/batch-fault", self.set_batch_fault)
        app.router.add_post("/v1/files", self.upload)
        app.router.add_get("/v1/files/{id}/content", self.download)
        app.router.add_post("/v1/batches", self.create_batch)
        app.router.add_get("/v1/batches", self.list_batches)
        app.router.add_get("/v1/batches/{id}", self.retrieve_batch)
        app.router.add_post("/v1/batches/{id}/cancel", self.cancel_batch)
        return app

    def reply(self, raw: bytes, *, other: bool = False) -> Reply:
        """Return the reply to a body, and note what was asked."""
        turn = read_turn(json.loads(raw), raw, self.hops)
        self.asked.append((turn.topic, turn.hop))
        return super().reply(raw, other=other)

    async def show_asked(self, request: web.Request) -> web.StreamResponse:
        """Answer with the requests since the last reset."""
        return web.json_response({"asked": self.asked})

    async def show_batches(self, request: web.Request) -> web.StreamResponse:
        """Answer with all batches as they are."""
        return web.json_response({"batches": list(self.batches.values()), "files": len(self.files)})

    async def set_batch_fault(self, request: web.Request) -> web.StreamResponse:
        """Set what goes wrong with the next batches."""
        wanted = await request.json()
        self.batch_fault, self.batch_times = wanted.get("name"), wanted.get("times")
        return web.json_response({})

    def take_batch_fault(self) -> str | None:
        """Return the fault that is set, or None, and count it down."""
        if self.batch_times is not None:
            self.batch_times -= 1
            if self.batch_times < 0:
                return None
        return self.batch_fault

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Take a file."""
        form = await request.post()
        file = form.get("file")
        if form.get("purpose") != "batch" or not isinstance(file, web.FileField):
            return refusal(400, "A file for a batch needs `file`, and `purpose` batch.")
        content = file.file.read()
        if self.batch_fault == "small_files" and content.count(b"\n") > 2:
            return refusal(413, "Request Entity Too Large")
        file_id = self.keep(content)
        fields = {"id": file_id, "object": "file", "bytes": len(self.files[file_id]), "created_at": 1_795_000_000}
        return web.json_response(fields | {"filename": file.filename, "purpose": "batch", "status": "processed"})

    def keep(self, content: bytes) -> str:
        """Keep a file, and return its id."""
        file_id = f"file-{len(self.files) + 1:04}"
        self.files[file_id] = content
        return file_id

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Give a file back."""
        content = self.files.get(request.match_info["id"])
        if content is None:
            return refusal(404, "No such File object.")
        self.downloads += 1
        cut = self.batch_fault == "cut_downloads" and self.downloads % 2 == 1
        return (await send(request, Reply(content, content_type="application/octet-stream", cut=cut)))[0]

    async def create_batch(self, request: web.Request) -> web.StreamResponse:
        """Make a batch."""
        wanted = await request.json()
        if wanted.get("input_file_id") not in self.files:
            return refusal(400, f"Invalid file id {wanted.get('input_file_id')!r}.")
        if wanted.get("endpoint") != "/v1/chat/completions" or wanted.get("completion_window") != "24h":
            return refusal(400, "Invalid endpoint or completion_window.")
        batch = wanted | {"id": f"batch_{len(self.batches) + 1:04}", "object": "batch", "created_at": 1_795_000_000, "looks": 0}
        batch |= {"status": "validating", "fault": self.take_batch_fault()}
        busy = any(other["status"] in ("validating", "in_progress") for other in self.batches.values())
        self.batches[batch["id"]] = batch
        if batch["fault"] == "too_much" and not busy:
            batch["fault"] = None
        if batch["fault"] == "lost_reply":
            reset_connection(request)
        return web.json_response(batch)

    async def list_batches(self, request: web.Request) -> web.StreamResponse:
        """List the batches, the newest first, page by page."""
        ids = sorted(self.batches, reverse=True)
        after, limit = request.query.get("after"), int(request.query.get("limit", 20))
        ids = ids[ids.index(after) + 1 :] if after in ids else ids
        page = [self.batches[batch_id] for batch_id in ids[:limit]]
        return web.json_response({"object": "list", "data": page, "has_more": len(ids) > limit})

    async def retrieve_batch(self, request: web.Request) -> web.StreamResponse:
        """Show a batch; it gets on a step with each look."""
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return refusal(404, "No such batch.")
        batch["looks"] += 1
        if batch["fault"] in ("invalid", "too_much") and batch["status"] == "validating":
            code, message = "invalid_json_line", "This line is not parseable as valid JSON."
            if batch["fault"] == "too_much":
                code, message = "token_limit_exceeded", "Enqueued token limit reached for this model."
            errors = {"object": "list", "data": [{"code": code, "message": message, "param": None, "line": 1}]}
            batch |= {"status": "failed", "errors": errors}
        elif batch["status"] in ("validating", "in_progress", "cancelling"):
            self.get_on(batch)
        capitals = {"status": batch["status"].upper()} if batch["fault"] == "capitals" else {}
        return web.json_response(batch | capitals)

    async def cancel_batch(self, request: web.Request) -> web.StreamResponse:
        """Cancel a batch."""
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return refusal(404, "No such batch.")
        if batch["status"] not in ("validating", "in_progress"):
            return refusal(409, f"Cannot cancel a batch with status '{batch['status']}'.")
        batch["status"] = "cancelling"
        return web.json_response(batch)

    def get_on(self, batch: Json) -> None:
        """Bring a batch to its next state."""
        if batch["status"] == "validating" or (batch["fault"] == "stuck" and batch["status"] == "in_progress"):
            batch["status"] = "in_progress"
            return
        output, errors = self.answer(batch)
        end = "cancelled" if batch["status"] == "cancelling" else "expired" if batch["fault"] == "expire" else "completed"
        batch["request_counts"] = {"total": len(output) + len(errors), "completed": len(output), "failed": len(errors)}
        batch["status"] = end
        for name, lines in (("output_file_id", output), ("error_file_id", errors)):
            if lines:
                batch[name] = self.keep("".join(f"{json.dumps(line)}\n" for line in lines).encode())

    def answer(self, batch: Json) -> tuple[list[Json], list[Json]]:
        """Return the lines of the output file and of the error file."""
        output: list[Json] = []
        errors: list[Json] = []
        fault = batch["fault"]
        for number, line in enumerate(self.files[batch["input_file_id"]].splitlines()):
            request = json.loads(line)
            why = not_answered(batch, number, request["body"])
            if why is not None:
                errors.append({"id": f"batch_req_{number}", "custom_id": request["custom_id"], **why})
                continue
            body = request["body"] | ({"tools": [], "tool_choice": "none"} if fault == "no_calls" else {})
            reply = self.reply(json.dumps(body).encode())
            completion = json.loads(reply.body)
            response = {"status_code": reply.status, "request_id": f"req_{number}", "body": completion}
            if reply.status >= 400:
                errors.append(
                    {"id": f"batch_req_{number}", "custom_id": request["custom_id"], "response": response, "error": None}
                )
                continue
            given = completion if fault == "old_shape" else response
            output.append({"id": f"batch_req_{number}", "custom_id": request["custom_id"], "response": given, "error": None})
        if fault == "missing":
            output = output[1:]
        if fault == "duplicate":
            output += output
        if fault == "unknown":
            output.append({**output[0], "custom_id": "nobody.0"})
        return output[::-1], errors[::-1]

    async def reset_counts(self, request: web.Request) -> web.StreamResponse:
        """Set the counts to 0, and forget what was asked."""
        self.asked, self.files, self.batches = [], {}, {}
        self.batch_fault = self.batch_times = None
        return await super().reset_counts(request)


def not_answered(batch: Json, number: int, body: Json) -> Json | None:
    """Return the rest of an error line where a batch's fault or end leaves a request without an answer, else None."""
    fault = batch["fault"]
    second = number % 2 == 1
    if batch["status"] == "cancelling" and second:
        return {"response": None, "error": {"code": "batch_cancelled", "message": "This request was cancelled."}}
    if fault == "expire" and second:
        return {"response": None, "error": {"code": "batch_expired", "message": "This request could not be executed in time."}}
    status, message = 0, ""
    if fault == "error_lines" and second:
        status, message = 500, "The server had an error."
    if fault == "quota" and second:
        status, message = 429, "You exceeded your current quota (insufficient_quota)."
    if fault == "refuse_all_lines" or (fault == "refuse_lines" and second):
        status, message = 400, "This model's maximum context length is 8192 tokens."
    if fault == "learn" and "reasoning_effort" not in body:
        status, message = 400, "Function tools are only supported with reasoning_effort set to none."
    if not status:
        return None
    said = {"error": {"message": message, "type": "x", "param": None, "code": None}}
    return {"response": {"status_code": status, "request_id": "req_0", "body": said}, "error": None}


def refusal(status: int, message: str) -> web.Response:
    """Return an error in OpenAI's shape."""
    reply = error(status, message)
    return web.Response(status=reply.status, body=reply.body, content_type="application/json")


@dataclass(frozen=True)
class BatchEndpoint(Endpoint):
    """A running endpoint, as its user sees it."""

    def asked(self) -> list[Asked]:
        """Return the requests for a completion since the last reset: text of the last user message, returns after it."""
        return [(topic, hop) for topic, hop in self.control("/asked")["asked"]]

    def batches(self) -> list[dict[str, Any]]:
        """Return the batches that were made since the last reset."""
        found: list[dict[str, Any]] = self.control("/batches")["batches"]
        return found

    def batch_fault(self, name: str | None, times: int | None = None) -> None:
        """Set what goes wrong with the next `times` batches, or with all; None for nothing."""
        assert name is None or name in BATCH_FAULTS
        self.control("/batch-fault", {"name": name, "times": times})


def main() -> None:
    """Run the endpoint from the command line."""
    args = parser("bench.batch_endpoint", "A fake endpoint with a Batch API.").parse_args()
    run(BatchServer(args.hops, args.latency_ms), args)


@contextmanager
def start_batch(*, hops: int = 3, latency_ms: float = 0) -> Iterator[BatchEndpoint]:
    """Start an endpoint in a process of its own, on a free port; it ends with the block, or with this process."""
    with process_of("bench.batch_endpoint", {"--hops": hops, "--latency-ms": latency_ms}) as base_url:
        yield BatchEndpoint(base_url)


if __name__ == "__main__":
    main()
