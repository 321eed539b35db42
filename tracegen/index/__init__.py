"""Documentation to searchable index: chunk -> embedder -> Chroma and BM25, search, and the tool that the model sees.

    summary = build_index([Path("docs")], Path("docs.index"))
    with open_index(Path("docs.index")) as index:
        index.search("fold a list", k=5)      # -> list[Hit], for people and checks
        index.call("fold a list").text        # -> what the model gets back

Importing this package loads none of numpy, torch, sentence_transformers and chromadb; the functions do when they need them, and
searching never loads chromadb.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tracegen.index.models import DEFAULT_MODEL

if TYPE_CHECKING:
    from tracegen.index.build import DEFAULT_MAX_TOKENS, IndexSummary, build_index
    from tracegen.index.embedder import Embedder, load_embedder
    from tracegen.index.search import Index, open_index
    from tracegen.index.store import Manifest

# Nobody is told what is indexed here, unless the user says so: huggingface_hub reads the first when it is loaded, and counts
# use by requests of its own; Chroma has no telemetry since 1.5.4, but reads the second.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")

__all__ = [
    "DEFAULT_MAX_TOKENS",
    "DEFAULT_MODEL",
    "Embedder",
    "Index",
    "IndexSummary",
    "Manifest",
    "build_index",
    "load_embedder",
    "open_index",
]

_HOMES = {
    "DEFAULT_MAX_TOKENS": "build",
    "Embedder": "embedder",
    "Index": "search",
    "IndexSummary": "build",
    "Manifest": "store",
    "build_index": "build",
    "load_embedder": "embedder",
    "open_index": "search",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name when the name is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
