"""`tracegen index`: documentation -> index."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracegen.cli.options import embeddings_url_option, index_option, quiet_option
from tracegen.cli.progress import Bar

if TYPE_CHECKING:
    from tracegen.index import IndexSummary

SKIPPED_SHOWN = 10


@click.command("index")
@click.argument("docs", nargs=-1, required=True, type=click.Path(path_type=Path))
@index_option
@click.option(
    "--model",
    default=None,
    help="Embedding model: a sentence-transformers name, the path of one, or openai:NAME for one behind an OpenAI-compatible "
    "endpoint, such as openai:text-embedding-3-small.  [default: all-MiniLM-L6-v2]",
)
@embeddings_url_option
@click.option("--all-skipped", is_flag=True, help="List every file that was left out, not only the first ones.")
@quiet_option
def command(
    docs: tuple[Path, ...], index: Path, model: str | None, embeddings_url: str | None, all_skipped: bool, quiet: bool
) -> None:
    """Build or update the index of the documentation in DOCS (folders or files).

    Only what changed since the last time is embedded again; what is gone from DOCS is removed.
    """
    from tracegen.index import DEFAULT_MODEL, build_index

    with Bar(quiet=quiet, unit="") as progress:

        def report(stage: str, done: int, total: int) -> None:
            progress.show(stage, done, total)

        summary = build_index(docs, index, model=model or DEFAULT_MODEL, embeddings_url=embeddings_url, progress=report)
    if not quiet:
        click.echo(_summary_text(summary, index, all_skipped), err=True)


def _summary_text(summary: "IndexSummary", index: Path, all_skipped: bool) -> str:
    lines = [
        f"Index {index}: {'written' if summary.changed else 'unchanged'} in {summary.seconds:.1f} s",
        f"  files read      {summary.documents}",
        f"  files skipped   {len(summary.skipped)}",
        f"  chunks          {summary.chunks} ({summary.embedded} embedded now, {summary.reused} as before, "
        f"{summary.removed} removed)",
    ]
    shown = summary.skipped if all_skipped else summary.skipped[:SKIPPED_SHOWN]
    lines += [f"  skipped: {skipped.path}: {skipped.reason}" for skipped in shown]
    if len(shown) < len(summary.skipped):
        lines.append(f"  ... and {len(summary.skipped) - len(shown)} more (--all-skipped lists them)")
    return "\n".join(lines)
