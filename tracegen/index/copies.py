"""Local copies of collections on Chroma servers: indexes for searching, without Chroma's own files."""

import hashlib
import os
from functools import partial
from pathlib import Path

import numpy as np

from tracegen.errors import StoreError
from tracegen.index import lexical, store
from tracegen.index.build import index_head
from tracegen.index.chroma import TOLERANCE
from tracegen.index.previous import read_previous
from tracegen.index.remote import Remote, connected, download, read_remote
from tracegen.index.sidecar import write_search_files
from tracegen.index.store import Manifest
from tracegen.index.writing import index_id, read_chunks
from tracegen.jsonl import cannot_write

WAIT_S = 600.0


def local_copy(url: str, name: str | None = None, folder: Path | None = None) -> Path:
    """Return the folder of an index that is the same as the collection's; it is fetched where it is not here yet.

    `name` is that of the collection, by default the only one there is. Raises StoreError where there is none, it is not whole,
    or it was written by another version of tracegen; OutputError where the copy cannot be written.
    """
    with connected(url) as client:
        remote, manifest = read_remote(client, url, name)
        if manifest.lexical != lexical.VERSION:
            raise StoreError(f"{remote} was written by another version of tracegen, {manifest.version}. Use the same one here.")
        path = folder or _cache_folder(url, remote.name)
        with store.locked(path, WAIT_S):
            previous = read_previous(path)
            if previous is None or previous.manifest.id != manifest.id:
                _fetch(path, remote, manifest)
            elif previous.manifest != (current := manifest.model_copy(update={"files": previous.manifest.files})):
                store.write_manifest(previous.folder, current)
    return path


def _cache_folder(url: str, name: str) -> Path:
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "tracegen" / f"{name}-{hashlib.sha256(f'{url} {name}'.encode()).hexdigest()[:12]}"


def _fetch(path: Path, remote: Remote, manifest: Manifest) -> None:
    """Write a generation from the collection; it counts once it is checked."""
    try:
        with store.new_generation(path) as folder:
            download(remote, manifest, folder)
            _check(folder, remote, manifest)
            write_search_files(folder, partial(read_chunks, folder))
            store.write_manifest(folder, manifest.model_copy(update={"files": store.file_sizes(folder)}))
    except OSError as error:
        raise cannot_write(path, error) from None


def _check(folder: Path, remote: Remote, manifest: Manifest) -> None:
    """Raise StoreError where the chunks are not those of the manifest, or the vectors are none."""
    vectors = np.load(folder / store.VECTORS, mmap_mode="r", allow_pickle=False)
    lengths = np.concatenate([np.linalg.norm(vectors[start : start + 4096], axis=1) for start in range(0, len(vectors), 4096)])
    same = index_id(folder, index_head(manifest.fingerprint, manifest.embedded_as)) == manifest.id
    if not same or not np.allclose(lengths, 1, atol=10 * TOLERANCE):
        raise StoreError(
            f"What came from {remote} is not what was written there. Run again; if that does not help, delete the collection "
            "and write it again: tracegen index DOCS --chroma-url"
        )
