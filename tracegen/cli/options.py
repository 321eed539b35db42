"""Options that several commands share."""

from pathlib import Path

import click

index_option = click.option(
    "--index",
    "index",
    type=click.Path(path_type=Path),
    default=Path(".tracegen/index"),
    show_default=True,
    help="Folder of the index.",
)

quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress, no notes: errors only.")

embeddings_url_option = click.option(
    "--embeddings-url",
    default=None,
    envvar="TRACEGEN_EMBEDDINGS_URL",
    help="Address of the endpoint of an openai: embedding model.  [default: OPENAI_BASE_URL, else OpenAI's own]",
)

rerank_option = click.option(
    "--rerank",
    default=None,
    metavar="MODEL",
    help="Cross-encoder that puts the best 30 chunks in a new order: a folder, or a name on the hub.  [default: none]",
)
