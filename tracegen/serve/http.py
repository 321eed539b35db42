"""The tool over HTTP: MCP at /mcp, and plain JSON for whoever runs the model's loop himself.

    GET  /tools    the tools, as a request of OpenAI's chat format carries them
    POST /call     {"name": ..., "arguments": JSON text or object} -> {"content": text}
    GET  /health   what is served

A malformed call of the model is answered with status 200 and the text that it was trained with; a malformed request of the
program around it with status 400 and {"error": ...}.
"""

import errno
import ipaddress
import json
import socket

import uvicorn
from mcp.server.transport_security import RequestBodyLimitMiddleware
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from tracegen.errors import SettingsError, TracegenError
from tracegen.serve.answer import Served, answer
from tracegen.serve.mcp import mcp_server

MAX_BODY_BYTES = 1_000_000
"""A larger request is refused: no call is that long."""
SHUTDOWN_S = 3
"""What is still being answered when the server is stopped has so long."""


def http_app(served: Served, host: str) -> Starlette:
    """Return the app; bound to this machine alone it refuses requests under other names, which only a web page would make."""

    async def tools(request: Request) -> JSONResponse:
        return JSONResponse([served.tool.definition])

    async def call(request: Request) -> JSONResponse:
        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError):
            return _refused("the body is not JSON")
        if not isinstance(body, dict) or not isinstance(body.get("name"), str):
            return _refused("the body has no text `name`")
        return JSONResponse({"content": (await answer(served, body["name"], body.get("arguments"))).text})

    async def health(request: Request) -> JSONResponse:
        about = {"status": "ok", "tool": served.tool.name, "index": served.index_id, "version": served.version}
        return JSONResponse(about)

    # Stateless: a call needs nothing of the one before, so any of several servers may answer it.
    app = mcp_server(served).streamable_http_app(
        host=host,
        stateless_http=True,
        json_response=True,
        custom_starlette_routes=[
            Route("/tools", tools),
            Route("/call", call, methods=["POST"]),
            Route("/health", health),
        ],
    )
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES)
    if is_loopback(host):
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]", host], www_redirect=False)
    app.add_exception_handler(TracegenError, _failed)
    return app


def _refused(problem: str) -> JSONResponse:
    example = '{"name": "...", "arguments": {"query": "..."}}'
    return JSONResponse({"error": f"Cannot read the request: {problem}. Send {example}."}, status_code=400)


def _failed(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status_code=500)


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free one.

    Raises SettingsError where that is not possible.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = f"Port {port} of {host} is in use. Choose another with --port (0: any free one)"
        else:
            problem = f"Cannot listen on port {port} of {host}: {error.strerror}. Choose another --port or --host"
        raise SettingsError(f"{problem}, or stop what listens there.") from None


async def serve_http(served: Served, listening: socket.socket, host: str) -> None:
    """Serve on a listening socket until the process is told to stop."""
    config = uvicorn.Config(
        http_app(served, host),
        log_config=None,
        log_level="warning",
        access_log=False,
        ws="none",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    await uvicorn.Server(config).serve(sockets=[listening])
