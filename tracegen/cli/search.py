"""`tracegen search`: what a model would get back."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracegen.cli.options import (
    chroma_url_option,
    collection_option,
    embeddings_url_option,
    index_folder,
    index_option,
    model_option,
    rerank_option,
)

if TYPE_CHECKING:
    from tracegen.index.search import Costs
    from tracegen.records import Hit


@click.command("search")
@click.argument("query")
@index_option
@chroma_url_option
@collection_option
@model_option
@embeddings_url_option
@rerank_option
@click.option(
    "--path", default=None, metavar="GLOB", help="Search only documents whose path matches, such as 'std/*', or a folder."
)
@click.option("--scores", is_flag=True, help="Show on stderr why each passage was found: ranks and scores of both searches.")
@click.option("--json", "as_json", is_flag=True, help="Print the hits with all their fields as JSON.")
def command(
    query: str,
    index: Path,
    chroma_url: str | None,
    collection: str | None,
    path: str | None,
    scores: bool,
    as_json: bool,
    **models: Any,
) -> None:
    """Search the documentation for QUERY, and print exactly the text that a model would get back."""
    from tracegen.errors import InputError
    from tracegen.index import open_index
    from tracegen.jsonl import dump

    if not query.strip():
        raise InputError("The query is empty. Say what to look for: tracegen search 'how to join strings'.")
    with open_index(index_folder(index, chroma_url, collection), **models) as opened:
        hits = opened.search(query, path=path)
        if as_json:
            click.echo(dump([hit.model_dump() for hit in hits]))
            return
        click.echo(opened.returned(hits).text)
        if not hits:
            click.echo(f"No document of the index has a path like {path!r}.", err=True)
        if scores:
            click.echo(f"\n{_scores_table(hits)}\n\n{_costs_text(opened.costs)}", err=True)


def _scores_table(hits: "list[Hit]") -> str:
    """Return one line per hit: both searches' ranks and scores, and where the chunk stands."""
    lines = ["rank  fused   dense (cosine)   lexical (BM25)   name  chunk             source"]
    for hit in hits:
        dense = _place(hit.dense_rank, hit.dense_score)
        lexical = _place(hit.lexical_rank, hit.lexical_score)
        anchor = f"#{hit.chunk.anchor}" if hit.chunk.anchor else ""
        source = f"{hit.chunk.path}{anchor}:{hit.chunk.start_line}-{hit.chunk.end_line}"
        name = "yes" if hit.named else "-"
        lines.append(f"{hit.rank:>4}  {hit.score:.4f}  {dense:<15}  {lexical:<15}  {name:<4}  {hit.chunk.id}  {source}")
    return "\n".join(lines)


def _costs_text(costs: "Costs") -> str:
    return f"query embedded in {1000 * costs.embed_s:.1f} ms, searched in {1000 * costs.search_s:.1f} ms"


def _place(rank: int | None, score: float | None) -> str:
    return "-" if rank is None or score is None else f"#{rank} ({score:.3f})"
