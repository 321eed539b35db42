"""`tracegen serve`: the tool in production."""

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.options import embeddings_url_option, index_option, model_option, quiet_option, rerank_option
from tracegen.cli.progress import Bar
from tracegen.wording import counted

if TYPE_CHECKING:
    from tracegen.serve.answer import Served
    from tracegen.serve.verify import Verification

EXIT_DIFFERENT = 1
SHOWN_CHARS = 400


@click.command("serve")
@index_option
@model_option
@embeddings_url_option
@rerank_option
@click.option(
    "--transport",
    type=click.Choice(["stdio", "http"]),
    default="stdio",
    show_default=True,
    help="stdio: MCP for the program that starts this one. http: MCP at /mcp, and plain HTTP at /tools and /call.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; the default is this machine alone.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="Port to listen on; 0 is any free one."
)
@click.option(
    "--verify",
    type=click.Path(path_type=Path),
    default=None,
    metavar="RUN",
    help="Serve nothing: make the searches of this run file again, and show which returns differ from what was trained on.",
)
@quiet_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    index: Path,
    transport: str,
    host: str,
    port: int,
    verify: Path | None,
    quiet: bool,
    **models: Any,
) -> None:
    """Serve the tool to the tuned model, exactly as it was trained with: over MCP, or over HTTP.

    Ctrl-C stops it. With --verify the exit code is 0 where all is as it was, and 1 where anything differs.
    """
    if verify is not None:
        ctx.exit(_verify(verify, index, models, quiet))
    import tracegen
    from tracegen.index import open_index
    from tracegen.searcher import Searcher
    from tracegen.serve.answer import Served

    with open_index(index, **models) as opened, Searcher(opened) as search:
        served = Served(opened.tool, search, opened.id, tracegen.__version__)
        if transport == "stdio":
            _serve_stdio(served, index, quiet)
        else:
            _serve_http(served, index, host, port, quiet)


def _serve_stdio(served: "Served", index: Path, quiet: bool) -> None:
    import asyncio

    from tracegen.serve.mcp import serve_stdio

    # The SDK reads standard input in a thread that nothing can interrupt, so an orderly end would wait for the next line.
    # Nothing is lost: answers are written out at once, and the index is only read.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))
    if not quiet:
        click.echo(f"Serving {served.tool.name} of {index} over stdio (MCP). Ctrl-C stops.", err=True)
    asyncio.run(serve_stdio(served))


def _serve_http(served: "Served", index: Path, host: str, port: int, quiet: bool) -> None:
    import asyncio

    from tracegen.serve.http import is_loopback, listen, serve_http

    with listen(host, port) as listening:
        address = f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"
        if not is_loopback(host):
            click.echo(f"Warning: whoever can reach {host} on this port can search this documentation.", err=True)
        if not quiet:
            click.echo(
                f"Serving {served.tool.name} of {index}. MCP: {address}/mcp. HTTP: {address}/tools and {address}/call. "
                "Ctrl-C stops.",
                err=True,
            )
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            asyncio.run(serve_http(served, listening, host))
        except KeyboardInterrupt:
            # The way a server is meant to end, with nothing left undone: exit 0, so that no supervisor calls it a failure.
            click.echo("Stopped.", err=True)


def _verify(run: Path, index: Path, models: dict[str, Any], quiet: bool) -> int:
    """Compare and print; return the exit code."""
    from tracegen.index import open_index
    from tracegen.serve.verify import verify
    from tracegen.traces.runfile import RunFile

    searching = open_index(index, **models)
    with RunFile.open_run(run) as opened, searching as searched, Bar(quiet=quiet, unit="row") as progress:
        verification = verify(opened, searched, lambda done, total: progress.show("verify", done, total))
    click.echo(_verification_text(verification))
    return 0 if verification.same else EXIT_DIFFERENT


def _verification_text(verification: "Verification") -> str:
    from tracegen.traces.chat import visible

    lines = [
        f"{counted(verification.returns, 'return')} of {counted(verification.rows, 'example')}: "
        f"{verification.returns - verification.differing:,} as trained on, {verification.differing:,} different, in "
        f"{counted(verification.differing_rows, 'example')}.",
        *(f"  {line}" for line in verification.settings),
    ]
    for difference in verification.first:
        lines.append(f"line {difference.line}: {difference.query}")
        lines += [f"  {line}" for line in difference.diff]
    if verification.same:
        lines.append("The model is served with what it was trained on.")
    else:
        lines.append("Build the index as it was for this run, or train again on what it holds now.")
    return "\n".join(visible(line, SHOWN_CHARS) for line in lines)
