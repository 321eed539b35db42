"""The same collection on a Chroma server, for several machines.

    check_collection("http://host:8000", "docs")                before building: may it be written there?
    publish(Path("docs.index"), "http://host:8000", "docs")     after building: sends what changed, deletes what is gone
    path = local_copy("http://host:8000", "docs")               anywhere else: an index for searching, made from the collection

The collection's metadata holds the manifest, which is taken out before anything is written and put back last, and how long the
chunks are: a collection without a manifest was not written whole. A copy is checked against the id in the manifest.
"""

import contextlib
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np

from tracegen.errors import BusyError, OutputError, SettingsError, StoreError
from tracegen.index import chroma, models, store
from tracegen.index.chroma import Part
from tracegen.index.previous import Previous
from tracegen.index.store import Manifest
from tracegen.index.writing import read_chunks
from tracegen.records import Record
from tracegen.wording import are, counted

MANIFEST = "tracegen_manifest"
MAKER = "tracegen_maker"
WRITING = "tracegen_writing"
LENGTHS = "tracegen_lengths"
"""How many texts have how many tokens, as JSON, for `tracegen index --status`."""
LISTED = 2000
"""Rows listed at once."""
SHOWN = 10
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{1,510}[a-zA-Z0-9]")


class Published(Record):
    """What publishing did."""

    collection: str
    """Name of the collection."""
    written: int
    """Chunks sent."""
    deleted: int
    """Chunks removed."""
    unchanged: int
    """Chunks that were there."""


class Remote(NamedTuple):
    """A collection on a server, and how errors speak of it."""

    url: str
    """Of the server."""
    name: str
    """Of the collection."""
    collection: Any
    """As Chroma's client has it."""

    def __str__(self) -> str:
        return f"the collection {self.name} on {self.url}"


def collection_name(docs: Path) -> str:
    """Return the name of a folder as a collection may be called: 3 to 512 of a-z, A-Z, 0-9, dots, underscores, hyphens."""
    name = re.sub(r"[^a-zA-Z0-9._-]+", "-", docs.resolve().name)[:512].strip("._-")
    return name if len(name) >= 3 else f"docs-{name}".strip("-")


@contextlib.contextmanager
def connected(url: str) -> Iterator[Any]:
    """Give a client of a server.

    Raises SettingsError for something else than an address, StoreError where no Chroma answers there.
    """
    import chromadb
    import httpx
    from chromadb.errors import ChromaError

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/") or parts.query:
        raise SettingsError(
            f"{url!r} is no address of a Chroma server. Give one such as http://localhost:8000 as --chroma-url, "
            "without a path: Chroma's client asks for none."
        )
    secure = parts.scheme == "https"
    nobody = StoreError(
        f"No Chroma server answers at {url}. Check --chroma-url, or start one: "
        f"chroma run --path FOLDER --port {parts.port or 8000}"
    )
    try:
        port = parts.port or (443 if secure else 80)
        client: Any = chromadb.HttpClient(parts.hostname, port, ssl=secure, settings=chroma.settings())
    except (ValueError, ChromaError, httpx.HTTPError):
        raise nobody from None
    try:
        yield client
    except httpx.HTTPError as error:
        raise StoreError(f"The connection to {url} was lost ({error or type(error).__name__}). Run again.") from None
    except ChromaError as error:
        raise StoreError(f"The Chroma server at {url} refuses: {error}. Check its log, then run again.") from None


# --- sending -------------------------------------------------------------------------------------------------------------


def check_collection(url: str, name: str) -> None:
    """Check what `publish` needs, as far as it is known before an index is built, which may take long.

    Raises SettingsError where no collection may have that name, or one that is not tracegen's has it; StoreError where no
    server answers.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"A collection cannot be called {name!r}: a name has 3 to 512 of a-z, A-Z, 0-9, dots, underscores and hyphens, the "
            "first and the last of them a letter or digit. Give another --collection."
        )
    with connected(url) as client:
        _existing(client, url, name)


def publish(index: Path, url: str, name: str, progress: Callable[[int, int], None] | None = None) -> Published:
    """Bring a collection on a server to what an index holds; ids, documents, metadatas and embeddings are those of its own.

    Raises StoreError where there is no index or no server, SettingsError where the collection is another model's or not
    tracegen's, BusyError where another process wrote it meanwhile.
    """
    with store.locked(index, wait_s=60.0), connected(url) as client:
        folder = store.current_generation(index)
        manifest = store.read_manifest(index, folder)
        remote = _open_for_writing(client, url, name, manifest)
        kept = remote.collection.metadata or {}
        listed = _their_rows(remote)
        theirs = listed if kept.get(MAKER) == _maker(manifest) else {}
        token, built = uuid.uuid4().hex, Previous(folder, manifest)
        done = {MANIFEST: _portable(manifest), LENGTHS: _counted_lengths(built), MAKER: _maker(manifest)}
        ours = {part.chunk.id: _digest(chroma.metadata(part)) for part in _parts(folder)}
        changed = {chunk_id for chunk_id, digest in ours.items() if theirs.get(chunk_id) != digest}
        gone = [chunk_id for chunk_id in listed if chunk_id not in ours]
        if changed or gone or not done.items() <= kept.items():
            remote.collection.modify(metadata={WRITING: token, MAKER: _maker(manifest)})
            _send(remote, built, changed, progress)
            for start in range(0, len(gone), chroma.BATCH_SIZE):
                remote.collection.delete(ids=gone[start : start + chroma.BATCH_SIZE])
            _finish(client, remote, len(ours), done, token)
    return Published(collection=name, written=len(changed), deleted=len(gone), unchanged=len(ours) - len(changed))


def _open_for_writing(client: Any, url: str, name: str, manifest: Manifest) -> Remote:
    """Return the collection, made where there is none."""
    remote = _existing(client, url, name)
    if remote is None:
        return _create(client, url, name, manifest)
    kept = remote.collection.metadata or {}
    if MAKER in kept and kept[MAKER].split()[0] != manifest.fingerprint:
        other = Manifest.model_validate_json(kept[MANIFEST]).model if MANIFEST in kept else "another one"
        raise SettingsError(
            f"{_capital(remote)} was built with the model {other} (weights {models.short(kept[MAKER].split()[0])}), "
            f"this index with {manifest.model} (weights {models.short(manifest.fingerprint)}). "
            "Choose another name with --collection, or the same --model."
        )
    return remote


def _existing(client: Any, url: str, name: str) -> Remote | None:
    """Return the collection of that name, or None. Raises SettingsError where it is somebody else's."""
    from chromadb.errors import InvalidArgumentError, NotFoundError

    try:
        remote = Remote(url, name, client.get_collection(name, embedding_function=None))
    except (NotFoundError, InvalidArgumentError):
        return None
    if MAKER not in (remote.collection.metadata or {}) and remote.collection.count():
        raise SettingsError(f"{_capital(remote)} is not tracegen's. Choose another name with --collection.")
    return remote


def _create(client: Any, url: str, name: str, manifest: Manifest) -> Remote:
    from chromadb.errors import InvalidArgumentError

    try:
        collection = client.create_collection(
            name, metadata={MAKER: _maker(manifest)}, configuration=chroma.UNFLUSHED, embedding_function=None
        )
    except InvalidArgumentError as error:
        raise SettingsError(f"A collection cannot be called {name!r}: {error}. Give another --collection.") from None
    return Remote(url, name, collection)


def _maker(manifest: Manifest) -> str:
    """Return what decides, with a chunk's id and metadata, about its embedding."""
    return f"{manifest.fingerprint} {manifest.format} {manifest.chunker}"


def _parts(folder: Path) -> Iterator[Part]:
    for _, batch in chroma.batches(read_chunks(folder)):
        yield from batch


def _digest(metadata: dict[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(metadata, sort_keys=True).encode()).digest()


def _their_rows(remote: Remote) -> dict[str, bytes]:
    """Return the ids of all rows with the digests of their metadatas."""
    return {chunk_id: _digest(metadata) for chunk_id, metadata in _listed(remote)}


def _listed(remote: Remote) -> Iterator[tuple[str, dict[str, Any]]]:
    for start in range(0, remote.collection.count(), LISTED):
        page = remote.collection.get(limit=LISTED, offset=start, include=["metadatas"])
        yield from ((chunk_id, dict(metadata or {})) for chunk_id, metadata in zip(page["ids"], page["metadatas"], strict=True))


def _send(remote: Remote, built: Previous, changed: set[str], progress: Callable[[int, int], None] | None) -> None:
    """Write the changed chunks and read them back."""
    sent = 0
    for start, batch in chroma.batches(read_chunks(built.folder)):
        picked = [number for number, part in enumerate(batch) if part.chunk.id in changed]
        if not picked:
            continue
        vectors = built.vectors()[[start + number for number in picked]]
        rows = chroma.rows([batch[number] for number in picked], vectors)
        remote.collection.upsert(**rows)
        stored = remote.collection.get(ids=rows["ids"], include=["embeddings"])
        found = dict(zip(stored["ids"], stored["embeddings"], strict=True))
        if found.keys() != set(rows["ids"]) or not np.allclose(
            np.asarray([found[chunk_id] for chunk_id in rows["ids"]]), vectors, atol=chroma.TOLERANCE
        ):
            raise OutputError(f"{_capital(remote)} gives back other rows than were stored. Check the server, then run again.")
        sent += len(picked)
        if progress:
            progress(sent, len(changed))


def _finish(client: Any, remote: Remote, chunks: int, done: dict[str, str], token: str) -> None:
    """Give the collection the metadata of one that is written whole, where nobody else has written it since."""
    now = client.get_collection(remote.name, embedding_function=None)
    if (now.metadata or {}).get(WRITING) != token or now.count() != chunks:
        raise BusyError(f"Another process wrote {remote} at the same time. Wait until it is done, then run again.")
    remote.collection.modify(metadata=done)


def _counted_lengths(built: Previous) -> str:
    return json.dumps([each.tolist() for each in np.unique(built.lengths(), return_counts=True)])


def _portable(manifest: Manifest) -> str:
    return manifest.model_copy(update={"files": {}}).model_dump_json()


# --- receiving -----------------------------------------------------------------------------------------------------------


def read_remote(client: Any, url: str, name: str | None) -> tuple[Remote, Manifest]:
    """Return a collection and its manifest; without a name the only one that is tracegen's.

    Raises StoreError where there is none, or it was not written whole.
    """
    ours = {each.name: each for each in client.list_collections() if MAKER in (each.metadata or {})}
    if name is None and len(ours) == 1:
        name = next(iter(ours))
    if name is None or name not in ours:
        what = (
            f"There is no index in the collection {name}"
            if name
            else f"There {are(len(ours))} {counted(len(ours), 'index', 'indexes')}"
        )
        names = (
            f"Those there are: {', '.join(sorted(ours)[:SHOWN])}."
            if ours
            else "Put one there: tracegen index DOCS --chroma-url"
        )
        raise StoreError(f"{what} on {url}. Name one with --collection. {names}")
    remote = Remote(url, name, client.get_collection(name, embedding_function=None))
    kept = remote.collection.metadata.get(MANIFEST)
    if kept is None:
        raise unfinished(remote)
    return remote, _manifest(remote, kept)


def read_lengths(remote: Remote) -> tuple[int, ...] | None:
    """Return the tokens of each text in a collection, shortest first; None where an older version wrote it."""
    kept = remote.collection.metadata.get(LENGTHS)
    return None if kept is None else tuple(np.repeat(*json.loads(kept)).tolist())


def unfinished(remote: Remote) -> StoreError:
    """Return the error of a collection that is not what its manifest says."""
    return StoreError(
        f"{_capital(remote)} is not whole: it is being written, or writing it was stopped. "
        "Wait, or write it again: tracegen index DOCS --chroma-url"
    )


def _manifest(remote: Remote, text: str) -> Manifest:
    with contextlib.suppress(ValueError):
        if json.loads(text).get("format") == store.FORMAT:
            return Manifest.model_validate_json(text)
    raise StoreError(
        f"{_capital(remote)} was written by another version of tracegen. Use the same version here, "
        "or write it again: tracegen index DOCS --chroma-url"
    )


def download(remote: Remote, manifest: Manifest, folder: Path) -> None:
    """Write the chunks and vectors of a collection into a folder, in the order of the documentation."""
    order = {path: place for place, path in enumerate(manifest.documents)}
    places = sorted((order.get(row.get("path", ""), -1), row.get("part", -1), chunk_id) for chunk_id, row in _listed(remote))
    if len(places) != manifest.chunks:
        raise unfinished(remote)
    store.reserve_vectors(folder / store.VECTORS, manifest.chunks, manifest.dimension)
    vectors = np.load(folder / store.VECTORS, mmap_mode="r+", allow_pickle=False)
    with (folder / store.CHUNKS).open("wb") as lines:
        for start in range(0, len(places), chroma.BATCH_SIZE):
            ids = [chunk_id for *_, chunk_id in places[start : start + chroma.BATCH_SIZE]]
            page = remote.collection.get(ids=ids, include=["documents", "metadatas", "embeddings"])
            vectors[start : start + len(ids)] = _write_page(remote, ids, page, lines.write)
    vectors.flush()


def _write_page(remote: Remote, ids: Sequence[str], page: Any, write: Callable[[bytes], object]) -> Iterable[Any]:
    """Write the chunks of some rows as lines in the order of `ids`, and return their vectors."""
    found = dict(zip(page["ids"], zip(page["documents"], page["metadatas"], page["embeddings"], strict=True), strict=True))
    try:
        for chunk_id in ids:
            text, metadata, _ = found[chunk_id]
            write(f"{chroma.chunk_of(chunk_id, text, metadata).model_dump_json()}\n".encode())
        return np.asarray([found[chunk_id][2] for chunk_id in ids], dtype=np.float32)
    except (KeyError, ValueError, TypeError):
        raise unfinished(remote) from None


def _capital(remote: Remote) -> str:
    text = str(remote)
    return text[0].upper() + text[1:]
