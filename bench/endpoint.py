"""A fake chat endpoint in OpenAI's format: a real HTTP server process with a scripted teacher that counts what it is asked.

    python -m bench.endpoint --hops 3 --latency-ms 200      prints `ready http://127.0.0.1:PORT/v1`

    with start(hops=3) as endpoint:                         the same from Python, stopped at the end of the block
        ...                                                 use endpoint.base_url
        assert endpoint.counts().repeated == 0

The teacher is deterministic: while fewer than `hops` tool returns stand after the last user message it calls the first tool
that the request offers, then it answers with text. Histories are checked as the strictest servers check them, so that a client
whose messages only lenient servers take is found out here. `bench.script.FAULTS` lists what can go wrong on purpose, and
`bench.judge_script.JUDGES` how it can judge instead.

Besides `/v1/chat/completions`, `/v1/responses`, `/v1/embeddings` and `/v1/models` there are, for whoever runs it, GET
`/counts`, POST `/reset` (counts back to 0, nothing stalled), POST `/fault` (`{"name": "error_500", "times": 2}`: for the next
two requests; without `times` until further notice; name null: none), POST `/stall` (`{"after": 20}`: requests after the next
twenty are never answered; null: all are) and POST `/stall-embeddings`, the same for requests for embeddings.
"""

import argparse
import asyncio
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from aiohttp import web

from bench.judge_script import JUDGES
from bench.script import (
    FAULTS,
    Json,
    Reply,
    chat_of,
    digest_of,
    embedded,
    error,
    history_problem,
    read_turn,
    response_of,
    scripted,
)

SCRIPTS = FAULTS | JUDGES
"""What the endpoint can be made to do instead of being a good teacher, by name."""

# --- the server ----------------------------------------------------------------------------------------------------------


@dataclass
class Counts:
    """What the endpoint was asked."""

    requests: int = 0
    """All requests for a completion, refused ones too."""
    answered: int = 0
    """Requests whose reply held a message and went out whole: what a real service is paid for."""
    repeated: int = 0
    """Requests with exactly a body that was answered before."""
    in_flight_max: int = 0
    """Most requests open at one time."""
    in_flight_mean: float = 0.0
    """Mean number of requests open, by time, from the first request's arrival to the last one's end."""
    embeddings: int = 0
    """Requests for embeddings, which are in none of the other figures."""


class Meter:
    """Keeps the counts."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.bodies: set[str] = set()
        self.open = 0
        self.began: float | None = None
        self.changed = 0.0
        self.area = 0.0

    def enter(self, digest: str) -> None:
        """Note a request's arrival."""
        self.step(1)
        self.counts.requests += 1
        self.counts.repeated += digest in self.bodies
        self.counts.in_flight_max = max(self.counts.in_flight_max, self.open)

    def answer(self, digest: str) -> None:
        """Note that a message went out whole."""
        self.counts.answered += 1
        self.bodies.add(digest)

    def step(self, change: int) -> None:
        """Note that `change` more requests are open from now on."""
        now = time.monotonic()
        self.began = now if self.began is None else self.began
        self.area += self.open * (now - self.changed)
        self.changed = now
        self.open += change
        self.counts.in_flight_mean = self.area / (now - self.began) if now > self.began else 0.0


@dataclass
class Server:
    """The handlers, and the state they share."""

    hops: int = 3
    latency_ms: float = 0
    key: str | None = None
    model: str | None = None
    fault: str | None = None
    times: int | None = None
    """Requests that the fault is still for; None for all."""
    answering: int | None = None
    """Requests that are still answered, all others wait for ever; None for all."""
    embedding: int | None = None
    """The same for requests for embeddings."""
    meter: Meter = field(default_factory=Meter)

    def app(self) -> web.Application:
        """Return the application with all routes."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self.complete)
        app.router.add_post("/v1/responses", self.complete)
        app.router.add_post("/v1/embeddings", self.embed)
        app.router.add_get("/v1/models", self.list_models)
        app.router.add_get("/counts", self.show_counts)
        app.router.add_post("/reset", self.reset_counts)
        app.router.add_post("/fault", self.set_fault)
        app.router.add_post("/stall", self.set_stall)
        app.router.add_post("/stall-embeddings", self.set_stall_of_embeddings)
        return app

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer a request for a completion."""
        raw = await request.read()
        digest, meter = digest_of(raw), self.meter
        meter.enter(digest)
        try:
            if self.answering is not None:
                self.answering -= 1
                if self.answering < 0:
                    await asyncio.Event().wait()
            other = request.path.endswith("/responses")
            reply = self.refuse(request) or self.reply(raw, other=other)
            reply = response_of(reply) if other else reply
            await asyncio.sleep(self.latency_ms / 1000)
            response, whole = await send(request, reply)
            if whole and reply.answers:
                meter.answer(digest)
        finally:
            meter.step(-1)
        return response

    async def embed(self, request: web.Request) -> web.StreamResponse:
        """Answer a request for embeddings."""
        body = await request.json()
        self.meter.counts.embeddings += 1
        if self.embedding is not None:
            self.embedding -= 1
            if self.embedding < 0:
                await asyncio.Event().wait()
        return (await send(request, self.refuse(request) or embedded(body)))[0]

    def refuse(self, request: web.Request) -> Reply | None:
        """Return the refusal of a request with a wrong key, or None."""
        if self.key is None or request.headers.get("Authorization") == f"Bearer {self.key}":
            return None
        return error(401, "Incorrect API key provided.", "invalid_api_key")

    def reply(self, raw: bytes, *, other: bool) -> Reply:
        """Return the reply to a body: a strict server's refusal, the fault that is set, or the script.

        A body of the `other` API, Responses, is answered as if it were one for a chat completion.
        """
        try:
            body = json.loads(raw)
        except ValueError:
            return error(400, "We could not parse the JSON body of your request.")
        if not isinstance(body, dict):
            return error(400, "The body must be a JSON object.")
        if other:
            try:
                body = chat_of(body)
            except (KeyError, TypeError, AttributeError):
                return error(400, "The request is not that of a response.")
        if self.model is not None and body.get("model") != self.model:
            return error(404, f"The model `{body.get('model')}` does not exist.", "model_not_found")
        if body.get("stream"):
            return error(400, "This endpoint does not stream.")
        if problem := history_problem(body.get("messages")):
            return error(400, problem)
        try:
            turn = read_turn(body, raw, self.hops)
        except (KeyError, TypeError, AttributeError):
            return error(400, "The request is not that of a chat completion.")
        return SCRIPTS.get(self.take_fault(), scripted)(turn)

    def take_fault(self) -> str:
        """Return the fault that is set, or "", and count it down."""
        if self.times is not None:
            self.times -= 1
            if self.times < 0:
                return ""
        return self.fault or ""

    async def list_models(self, request: web.Request) -> web.StreamResponse:
        """Answer with the one model there is."""
        model = {"id": self.model or "scripted", "object": "model", "created": 1700000000, "owned_by": "bench"}
        reply = self.refuse(request) or Reply(json.dumps({"object": "list", "data": [model]}).encode())
        return (await send(request, reply))[0]

    async def show_counts(self, request: web.Request) -> web.StreamResponse:
        """Answer with the counts."""
        return web.json_response(asdict(self.meter.counts))

    async def reset_counts(self, request: web.Request) -> web.StreamResponse:
        """Set the counts to 0, forget which bodies were answered, and stall no more."""
        self.meter, self.answering, self.embedding = Meter(), None, None
        return web.json_response({})

    async def set_fault(self, request: web.Request) -> web.StreamResponse:
        """Set the fault."""
        wanted = await request.json()
        name, times = wanted.get("name"), wanted.get("times")
        if name is not None and name not in SCRIPTS:
            return web.json_response({"error": f"no fault {name!r}; there are: {', '.join(SCRIPTS)}"}, status=400)
        self.fault, self.times = name, times
        return web.json_response({})

    async def set_stall(self, request: web.Request) -> web.StreamResponse:
        """Set how many requests are still answered."""
        self.answering = (await request.json())["after"]
        return web.json_response({})

    async def set_stall_of_embeddings(self, request: web.Request) -> web.StreamResponse:
        """Set how many requests for embeddings are still answered."""
        self.embedding = (await request.json())["after"]
        return web.json_response({})


async def send(request: web.Request, reply: Reply) -> tuple[web.StreamResponse, bool]:
    """Send a reply; return the response, and whether the whole of it went out to a client that is still there."""
    headers = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.body))} | reply.headers
    response = web.StreamResponse(status=reply.status, headers=headers)
    try:
        await asyncio.sleep(reply.wait_s)
        await response.prepare(request)
        for place in range(len(reply.body) if reply.trickle_s else 0):
            await response.write(reply.body[place : place + 1])
            await asyncio.sleep(reply.trickle_s)
        if not reply.trickle_s:
            await response.write(reply.body[: len(reply.body) // 2] if reply.cut else reply.body)
        if reply.cut:
            reset_connection(request)
        else:
            await response.write_eof()
    except ConnectionError:
        return response, False
    return response, request.transport is not None and not request.transport.is_closing()


def reset_connection(request: web.Request) -> None:
    """End a connection the hard way."""
    if request.transport is not None:
        # Without lingering, closing sends a reset instead of a clean end.
        raw_socket = request.transport.get_extra_info("socket")
        raw_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()


async def serve(server: Server, port: int) -> None:
    """Serve until the process is ended; says on stdout where."""
    # The access log would cost more than the script.
    runner = web.AppRunner(server.app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    print(f"ready http://127.0.0.1:{runner.addresses[0][1]}/v1", flush=True)
    await asyncio.Event().wait()


def end_with_stdin() -> None:
    """End the process when its stdin ends: whoever started it is gone, however it went."""
    sys.stdin.buffer.read()
    os._exit(0)


def parser(module: str, description: str) -> argparse.ArgumentParser:
    """Return the command line that both endpoints have."""
    made = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    made.add_argument("--port", type=int, default=0, help="0: any free one (default)")
    made.add_argument("--hops", type=int, default=3, help="searches before the answer (default: 3)")
    made.add_argument("--latency-ms", type=float, default=0, help="wait before each reply (default: 0)")
    made.add_argument("--end-with-stdin", action="store_true", help="end when stdin ends")
    return made


def run(server: Server, args: argparse.Namespace) -> None:
    """Serve until Ctrl-C, or until stdin ends where that is wanted."""
    if args.end_with_stdin:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    try:
        asyncio.run(serve(server, args.port))
    except KeyboardInterrupt:
        sys.exit(130)


def main() -> None:
    """Run the endpoint from the command line."""
    options = parser("bench.endpoint", "A fake chat endpoint in OpenAI's format.")
    options.add_argument("--key", help="API key; any other gets 401 (default: any will do)")
    options.add_argument("--model", help="model name; any other gets 404 (default: any will do)")
    options.add_argument("--fault", choices=SCRIPTS, help="what goes wrong (default: nothing)")
    args = options.parse_args()
    run(Server(args.hops, args.latency_ms, args.key, args.model, args.fault), args)


# --- from Python ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Endpoint:
    """A running endpoint, as its user sees it."""

    base_url: str
    """What an OpenAI client takes as its base URL: `http://127.0.0.1:PORT/v1`."""

    def counts(self) -> Counts:
        """Return the counts since the start or the last reset."""
        return Counts(**self.control("/counts"))

    def reset(self) -> None:
        """Set the counts to 0, and stall no more."""
        self.control("/reset", {})

    def fault(self, name: str | None, times: int | None = None) -> None:
        """Set the fault for the next `times` requests, or for all; None for no fault."""
        self.control("/fault", {"name": name, "times": times})

    def stall(self, after: int | None) -> None:
        """Answer the next `after` requests and never another, so that whoever asks cannot be done; None: answer all.

        A test that kills a process at work need not be quicker than the process.
        """
        self.control("/stall", {"after": after})

    def stall_embeddings(self, after: int | None) -> None:
        """Answer the next `after` requests for embeddings and never another; None: answer all."""
        self.control("/stall-embeddings", {"after": after})

    def control(self, path: str, body: Json | None = None) -> Json:
        """Return the answer to a request to the server itself: GET, or POST where there is a body."""
        url = self.base_url.removesuffix("/v1") + path
        # A proxy from the environment is not for this machine's own addresses.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        data = None if body is None else json.dumps(body).encode()
        with opener.open(urllib.request.Request(url, data), timeout=30) as response:
            answer: Json = json.load(response)
        return answer


@contextmanager
def process_of(module: str, options: Mapping[str, object]) -> Iterator[str]:
    """Start an endpoint in a process of its own, on a free port, and give its base URL; it ends with the block or this process.

    An option whose value is None is left out.
    """
    words = [f"{name}={value}" for name, value in options.items() if value is not None]
    command = [sys.executable, "-m", module, "--end-with-stdin", *words]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = process.stdout.readline().split()
            if said[:1] != ["ready"]:
                raise RuntimeError("the endpoint did not start; what it said is above")
            yield said[1]
        finally:
            process.kill()


@contextmanager
def start(
    *, hops: int = 3, latency_ms: float = 0, key: str | None = None, model: str | None = None, fault: str | None = None
) -> Iterator[Endpoint]:
    """Start an endpoint in a process of its own, on a free port; it ends with the block, or with this process."""
    options = {"--hops": hops, "--latency-ms": latency_ms, "--key": key, "--model": model, "--fault": fault}
    with process_of("bench.endpoint", options) as base_url:
        yield Endpoint(base_url)


if __name__ == "__main__":
    main()
