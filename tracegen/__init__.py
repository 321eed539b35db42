"""tracegen: training rows that teach a model to look things up.

    import tracegen

    tracegen.build_index(["docs_corpus"], ".tracegen/index")
    with tracegen.open_index(".tracegen/index") as index:
        print(index.call("how to sort an array").text)
    summary = tracegen.generate("examples/train.jsonl", "augmented.jsonl")

The names below are the public API. They are loaded when they are first used, so that importing tracegen costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tracegen.corpus import chunk_document, read_corpus
    from tracegen.dataset import read_rows
    from tracegen.doctor.examination import examine
    from tracegen.errors import TracegenError
    from tracegen.exporting import export
    from tracegen.index import build_index, load_embedder, open_index
    from tracegen.pipeline import generate, generate_async
    from tracegen.selecting import select
    from tracegen.splitting import check_split, split
    from tracegen.traces.runfile import RunFile
    from tracegen.traces.splice import splice
    from tracegen.varying import variants
    from tracegen.waves.driver import BatchOptions

_HOMES = {
    "BatchOptions": "tracegen.waves.driver",
    "RunFile": "tracegen.traces.runfile",
    "TracegenError": "tracegen.errors",
    "build_index": "tracegen.index",
    "check_split": "tracegen.splitting",
    "chunk_document": "tracegen.corpus",
    "examine": "tracegen.doctor.examination",
    "export": "tracegen.exporting",
    "generate": "tracegen.pipeline",
    "generate_async": "tracegen.pipeline",
    "load_embedder": "tracegen.index",
    "open_index": "tracegen.index",
    "read_corpus": "tracegen.corpus",
    "read_rows": "tracegen.dataset",
    "select": "tracegen.selecting",
    "splice": "tracegen.traces.splice",
    "split": "tracegen.splitting",
    "variants": "tracegen.varying",
}

__all__ = [
    "BatchOptions",
    "RunFile",
    "TracegenError",
    "build_index",
    "check_split",
    "chunk_document",
    "examine",
    "export",
    "generate",
    "generate_async",
    "load_embedder",
    "open_index",
    "read_corpus",
    "read_rows",
    "select",
    "splice",
    "split",
    "variants",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tracegen' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
