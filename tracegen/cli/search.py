"""`tracegen search`: what a model would get back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracegen.cli.options import chroma_url_option, collection_option, index_folder, index_option

if TYPE_CHECKING:
    from tracegen.records import Hit


@click.command("search")
@click.argument("query")
@index_option
@chroma_url_option
@collection_option
@click.option("--scores", is_flag=True, help="Show on stderr why each passage was found: ranks and scores of both searches.")
@click.option("--json", "as_json", is_flag=True, help="Print the hits with all their fields as JSON.")
def command(query: str, index: Path, chroma_url: str | None, collection: str | None, scores: bool, as_json: bool) -> None:
    """Search the documentation for QUERY, and print exactly the text that a model would get back."""
    from tracegen.errors import InputError
    from tracegen.index import open_index
    from tracegen.jsonl import dump

    if not query.strip():
        raise InputError("The query is empty. Say what to look for: tracegen search 'how to join strings'.")
    with open_index(index_folder(index, chroma_url, collection)) as opened:
        if as_json:
            click.echo(dump([hit.model_dump() for hit in opened.search(query)]))
            return
        click.echo(opened.call(query).text)
        if scores:
            click.echo("\n" + _scores_table(opened.search(query)), err=True)


def _scores_table(hits: "list[Hit]") -> str:
    """Return one line per hit: both searches' ranks and scores, and where the chunk stands."""
    lines = ["rank  fused   dense (cosine)   lexical (BM25)   chunk             source"]
    for hit in hits:
        dense = _place(hit.dense_rank, hit.dense_score)
        lexical = _place(hit.lexical_rank, hit.lexical_score)
        source = f"{hit.chunk.path}:{hit.chunk.start_line}-{hit.chunk.end_line}"
        lines.append(f"{hit.rank:>4}  {hit.score:.4f}  {dense:<15}  {lexical:<15}  {hit.chunk.id}  {source}")
    return "\n".join(lines)


def _place(rank: int | None, score: float | None) -> str:
    return "-" if rank is None or score is None else f"#{rank} ({score:.3f})"
