"""`tracegen index`: documentation -> index."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.options import chroma_url_option, collection_option, embeddings_url_option, index_option, quiet_option
from tracegen.cli.progress import Bar
from tracegen.index.models import PRECISIONS
from tracegen.wording import counted

if TYPE_CHECKING:
    from tracegen.index import IndexSummary

SKIPPED_SHOWN = 10


@click.command("index")
@click.argument("docs", nargs=-1, type=click.Path(path_type=Path))
@index_option
@chroma_url_option
@collection_option
@click.option(
    "--model",
    default=None,
    help="Embedding model: a sentence-transformers name, the path of one, or openai:NAME for one behind an OpenAI-compatible "
    "endpoint, such as openai:text-embedding-3-small.  [default: all-MiniLM-L6-v2]",
)
@embeddings_url_option
@click.option(
    "--precision",
    type=click.Choice(PRECISIONS),
    default=None,
    help="What the model calculates in: int8 embeds twice as fast and finds nearly the same (docs/retrieval.md); for the "
    "default model and others of its kind.  [default: as before, at first int8 for the default model, else float32]",
)
@click.option(
    "--tool",
    type=click.Path(path_type=Path),
    default=None,
    metavar="FILE",
    help="TOML file with the name, description and returns of the tool (docs/tool.md), or `default`.  [default: as before]",
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=600,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait while another process builds the same index.",
)
@click.option("--include", multiple=True, metavar="PATTERN", help="Read only what matches, as in .gitignore; may be repeated.")
@click.option("--exclude", multiple=True, metavar="PATTERN", help="Leave out what matches, as in .gitignore; may be repeated.")
@click.option("--all-skipped", is_flag=True, help="List every file that was left out, not only the first ones.")
@click.option(
    "--status",
    is_flag=True,
    help="Build nothing: show what is in the index, or with --chroma-url in the collection. Without DOCS.",
)
@click.option("--json", "as_json", is_flag=True, help="With --status: as data.")
@quiet_option
def command(
    docs: tuple[Path, ...],
    index: Path,
    chroma_url: str | None,
    collection: str | None,
    all_skipped: bool,
    status: bool,
    as_json: bool,
    quiet: bool,
    **options: Any,
) -> None:
    """Build or update the index of the documentation in DOCS (folders or files).

    Only what changed since the last time is embedded again; what is gone from DOCS is removed. With --chroma-url a
    collection on a Chroma server, named after the first of DOCS unless --collection names it, is brought to the same.
    """
    if status == bool(docs):
        raise click.UsageError("--status goes without DOCS." if status else "Missing argument 'DOCS...'.")
    if collection is not None and chroma_url is None:
        raise click.UsageError("--collection goes with --chroma-url.")
    if as_json and not status:
        raise click.UsageError("--json goes with --status.")
    if status:
        _show_status(index, chroma_url, collection, all_skipped, as_json)
        return
    if chroma_url is not None:
        from tracegen.index.remote import check_collection, collection_name

        collection = collection_name(docs[0]) if collection is None else collection
        check_collection(chroma_url, collection)
    _build(docs, index, all_skipped, quiet, **options)
    if chroma_url is not None and collection is not None:
        _publish(index, chroma_url, collection, quiet)


def _show_status(index: Path, chroma_url: str | None, collection: str | None, all_skipped: bool, as_json: bool) -> None:
    from tracegen.cli.status_page import status_data, status_page
    from tracegen.index.status import read_remote_status, read_status
    from tracegen.review.text import json_page

    if chroma_url is None:
        name, status = f"Index {index}", read_status(index)
    else:
        collection, status = read_remote_status(chroma_url, collection)
        name = f"Collection {collection} on {chroma_url}"
    click.echo(json_page(status_data(status)) if as_json else status_page(status, name, all_skipped))


def _build(
    docs: tuple[Path, ...], index: Path, all_skipped: bool, quiet: bool, *, model: str | None, tool: Path | None, **options: Any
) -> None:
    from tracegen.index import DEFAULT_MODEL, build_index
    from tracegen.index.memory import use_one_arena
    from tracegen.index.toolfile import read_tool

    use_one_arena()
    configured = read_tool(tool) if tool else None
    with Bar(quiet=quiet, unit="") as progress:

        def report(stage: str, done: int, total: int) -> None:
            progress.show(stage, done, total)

        def waiting() -> None:
            if not quiet:
                limit = f"{options['wait_s']:g} s at most"
                click.echo(f"Another process is building the index {index}: waiting for it, {limit}.", err=True)

        summary = build_index(
            docs,
            index,
            model=model or DEFAULT_MODEL,
            tool=configured,
            progress=report,
            on_wait=waiting,
            **options,
        )
    if not quiet:
        click.echo(_summary_text(summary, index, all_skipped), err=True)


def _publish(index: Path, url: str, collection: str, quiet: bool) -> None:
    from tracegen.index.remote import publish

    with Bar(quiet=quiet, unit="") as progress:
        done = publish(index, url, collection, lambda sent, total: progress.show("sending", sent, total))
    if not quiet:
        click.echo(
            f"Collection {done.collection} on {url}: {counted(done.written, 'chunk')} sent, {done.deleted:,} deleted, "
            f"{done.unchanged:,} unchanged",
            err=True,
        )


def _summary_text(summary: "IndexSummary", index: Path, all_skipped: bool) -> str:
    lines = [
        f"Index {index}: {'written' if summary.changed else 'unchanged'} in {summary.seconds:.1f} s",
        f"  files read      {summary.documents}",
        f"  files skipped   {len(summary.skipped)}",
        f"  chunks          {summary.chunks} ({summary.embedded} embedded now, {summary.reused} as before, "
        f"{summary.removed} removed)",
    ]
    # What was left out on purpose says nothing new.
    skipped = sorted(summary.skipped, key=lambda each: each.reason.startswith(("excluded by", "not among the included")))
    shown = skipped if all_skipped else skipped[:SKIPPED_SHOWN]
    lines += [f"  skipped: {each.path}: {each.reason}" for each in shown]
    if len(shown) < len(summary.skipped):
        lines.append(f"  ... and {len(summary.skipped) - len(shown)} more (--all-skipped lists them)")
    return "\n".join(lines)
