"""The fake chat endpoint with what the tests of long runs need besides: which requests it was asked, one by one.

    python -m bench.batch_endpoint --hops 3                 prints `ready http://127.0.0.1:PORT/v1`

    with start_batch() as endpoint:                         the same from Python, stopped at the end of the block
        endpoint.asked()                                    [("prompt of a row", 0), ("prompt of a row", 1), ...]

GET `/asked` lists the requests for a completion since the last reset, each as the text of the last user message and the number
of tool returns after it.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from bench.endpoint import Endpoint, Server, end_with_stdin, serve
from bench.script import Reply, read_turn

Asked = tuple[str, int]


@dataclass
class BatchServer(Server):
    """The handlers of the chat endpoint, and those of its own."""

    asked: list[Asked] = field(default_factory=list)

    def app(self) -> web.Application:
        """Return the application with all routes."""
        app = super().app()
        app.router.add_get("/asked", self.show_asked)
        return app

    def reply(self, raw: bytes) -> Reply:
        """Return the reply to a body, and note what was asked."""
        turn = read_turn(json.loads(raw), raw, self.hops)
        self.asked.append((turn.topic, turn.hop))
        return super().reply(raw)

    async def show_asked(self, request: web.Request) -> web.StreamResponse:
        """Answer with the requests since the last reset."""
        return web.json_response({"asked": self.asked})

    async def reset_counts(self, request: web.Request) -> web.StreamResponse:
        """Set the counts to 0, and forget what was asked."""
        self.asked = []
        return await super().reset_counts(request)


@dataclass(frozen=True)
class BatchEndpoint(Endpoint):
    """A running endpoint, as its user sees it."""

    def asked(self) -> list[Asked]:
        """Return the requests for a completion since the last reset: text of the last user message, returns after it."""
        return [(topic, hop) for topic, hop in self.control("/asked")["asked"]]


def main() -> None:
    """Run the endpoint from the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.batch_endpoint", description="A fake endpoint that keeps a list.")
    parser.add_argument("--port", type=int, default=0, help="0: any free one (default)")
    parser.add_argument("--hops", type=int, default=3, help="searches before the answer (default: 3)")
    parser.add_argument("--latency-ms", type=float, default=0, help="wait before each reply (default: 0)")
    parser.add_argument("--end-with-stdin", action="store_true", help="end when stdin ends")
    args = parser.parse_args()
    if args.end_with_stdin:
        threading.Thread(target=end_with_stdin, daemon=True).start()
    try:
        asyncio.run(serve(BatchServer(args.hops, args.latency_ms), args.port))
    except KeyboardInterrupt:
        sys.exit(130)


@contextmanager
def start_batch(*, hops: int = 3, latency_ms: float = 0) -> Iterator[BatchEndpoint]:
    """Start an endpoint in a process of its own, on a free port; it ends with the block, or with this process."""
    words = ["--end-with-stdin", f"--hops={hops}", f"--latency-ms={latency_ms}"]
    command = [sys.executable, "-m", "bench.batch_endpoint", *words]
    root = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            said = process.stdout.readline().split()
            if said[:1] != ["ready"]:
                raise RuntimeError("the endpoint did not start; what it said is above")
            yield BatchEndpoint(said[1])
        finally:
            process.kill()


if __name__ == "__main__":
    main()
