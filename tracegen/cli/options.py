"""Options that several commands share, and what they mean."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

EXIT_WITH_REJECTED = 3
"""Exit code of a command that is done, but has left out lines or rows."""

F = TypeVar("F", bound=Callable[..., Any])


def all_of(options: Sequence[Callable[[F], F]]) -> Callable[[F], F]:
    """Return what adds all these options to a command, in their order."""

    def add(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return add


index_option = click.option(
    "--index",
    "index",
    type=click.Path(path_type=Path),
    default=Path(".tracegen/index"),
    show_default=True,
    help="Folder of the index.",
)

chroma_url_option = click.option(
    "--chroma-url",
    default=None,
    metavar="URL",
    help="Chroma server that has the index as a collection, such as http://localhost:8000.",
)

collection_option = click.option("--collection", default=None, help="Name of the collection on the server.")

quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress, no notes: errors only.")

embeddings_url_option = click.option(
    "--embeddings-url",
    default=None,
    envvar="TRACEGEN_EMBEDDINGS_URL",
    help="Address of the endpoint of an openai: embedding model.  [default: OPENAI_BASE_URL, else OpenAI's own]",
)

model_option = click.option(
    "--model",
    default=None,
    help="Where the embedding model of the index is taken from, such as a folder that has moved since; its weights have to be "
    "the same.  [default: what it was built with]",
)

rerank_option = click.option(
    "--rerank",
    default=None,
    metavar="MODEL",
    help="Cross-encoder that puts the best 30 chunks in a new order: a folder, or a name on the hub.  [default: none]",
)


def index_folder(index: Path, chroma_url: str | None, collection: str | None) -> Path:
    """Return the folder of the index that is meant: `index`, or a copy of the collection on a server, fetched where needed."""
    if chroma_url is None:
        if collection is not None:
            raise click.UsageError("--collection goes with --chroma-url.")
        return index
    from tracegen.index.copies import local_copy

    return local_copy(chroma_url, collection)
