"""What is in an index, from its manifest and the lengths of its texts: nothing is loaded, nothing is searched."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tracegen.errors import StoreError
from tracegen.index import store
from tracegen.index.previous import Previous
from tracegen.index.remote import connected, read_lengths, read_remote, unfinished
from tracegen.index.store import Manifest
from tracegen.records import Record, Skipped


class IndexStatus(Record):
    """What is in an index."""

    id: str
    """Id of the index."""
    built: str
    """When it was built, in UTC."""
    version: str
    """Version of tracegen that built it."""
    model: str
    """Embedding model."""
    fingerprint: str
    """Digest of the model's weights, with `-int8` after it where it calculates in int8."""
    dimension: int
    """Length of a vector."""
    roots: tuple[str, ...]
    """Folders and files indexed, as they were given."""
    documents: int
    """Number of documents."""
    chunks: int
    """Number of chunks."""
    max_tokens: int
    """Most tokens of a chunk, as asked for."""
    budget: int
    """Most tokens of a chunk, as used: fewer where the model reads fewer."""
    lengths: tuple[int, ...] | None
    """Tokens of each text embedded, in the order of the chunks, from a server shortest first.

    None where an older version wrote the collection there.
    """
    skipped: tuple[Skipped, ...]
    """What was left out, and why."""
    bytes: Mapping[str, int] | None
    """Size on disk: of the `chroma` store, of the `search` files beside it, of what is `other`; a server does not say it."""


def read_status(path: Path | str) -> IndexStatus:
    """Return what is in an index.

    Raises StoreError where there is none, or it is damaged.
    """
    path = Path(path)
    folder = store.current_generation(path)
    manifest = store.read_manifest(path, folder)
    try:
        lengths = Previous(folder, manifest).lengths()
    except (OSError, ValueError, EOFError) as error:
        raise store.damaged(path, f"{store.LENGTHS}: {error}") from None
    if lengths.shape != (manifest.chunks,) or lengths.dtype != np.int32:
        raise StoreError(str(store.damaged(path, f"{store.LENGTHS} does not fit")))
    return _status(manifest, tuple(lengths.tolist()), _sizes(path, folder, sum(manifest.files.values())))


def read_remote_status(url: str, name: str | None) -> tuple[str, IndexStatus]:
    """Return the name of a collection on a server, and what is in it; without a name the only one there.

    Raises StoreError where there is none, or it was not written whole; SettingsError where `url` is no address.
    """
    with connected(url) as client:
        remote, manifest = read_remote(client, url, name)
        if remote.collection.count() != manifest.chunks:
            raise unfinished(remote)
    return remote.name, _status(manifest, read_lengths(remote), None)


def _status(manifest: Manifest, lengths: tuple[int, ...] | None, sizes: Mapping[str, int] | None) -> IndexStatus:
    same = manifest.model_dump(include=IndexStatus.model_fields.keys() - {"documents", "skipped"})
    return IndexStatus(**same, documents=len(manifest.documents), lengths=lengths, skipped=manifest.skipped, bytes=sizes)


def _sizes(path: Path, generation: Path, search: int) -> dict[str, int]:
    files = {file: file.stat().st_size for file in path.rglob("*") if file.is_file()}
    chroma = sum(size for file, size in files.items() if file.is_relative_to(generation / store.CHROMA))
    return {"chroma": chroma, "search": search, "other": sum(files.values()) - chroma - search}
