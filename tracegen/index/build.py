"""Build an index: read, cut, embed what is new, store; the old index counts until the new one is whole."""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tracegen import __version__
from tracegen.corpus import chunk_document, embedded_text, read_corpus
from tracegen.errors import InputError, SettingsError, StoreError
from tracegen.index import chroma, lexical, models, store
from tracegen.index.embedder import Embedder, Vectors, load_embedder
from tracegen.index.models import DEFAULT_MODEL
from tracegen.index.sidecar import Sidecar, read_sidecar, write_sidecar
from tracegen.index.store import Manifest
from tracegen.jsonl import cannot_write
from tracegen.records import Chunk, Document, Record, Skipped

DEFAULT_MAX_TOKENS = 220
SMALLEST_MAX_TOKENS = 32
# Words count differently in a whole text than in its parts: room for that below what the model reads.
MARGIN_TOKENS = 10
SKIPPED_SHOWN = 5

Progress = Callable[[str, int, int], None]
"""Called with a stage (`reading`, `embedding`, `storing`), what is done and how much there is; 0 where that is not known."""


class IndexSummary(Record):
    """What building an index did."""

    id: str
    """Id of the index."""
    documents: int
    """Documents read."""
    skipped: tuple[Skipped, ...]
    """Files and folders left out, and why."""
    chunks: int
    """Chunks in the index."""
    embedded: int
    """Texts embedded by this build."""
    reused: int
    """Chunks whose embedding was there: from the last build, or from a chunk with the same text."""
    removed: int
    """Chunks of the last build that are gone."""
    seconds: float
    """Wall-clock time."""
    changed: bool
    """False where the index was as it should be, and was not touched."""


class Embedded(NamedTuple):
    """Chunks with their vectors."""

    chunks: list[Chunk]
    """In the order of the documentation."""
    vectors: Vectors
    """Shape (n, dimension)."""
    digests: list[str]
    """Of the texts that were embedded, one for each chunk."""


class Counts(NamedTuple):
    """What became of the chunks, as in IndexSummary."""

    embedded: int
    reused: int
    removed: int


def build_index(
    docs: Sequence[Path | str],
    index: Path | str,
    *,
    model: str = DEFAULT_MODEL,
    embeddings_url: str | None = None,
    max_tokens: int = DEFAULT_MAX_TOKENS,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
) -> IndexSummary:
    """Build the index of some folders or files, or bring it up to date: only new text is embedded.

    `embeddings_url` is where a model behind an endpoint, `openai:NAME`, is asked. `max_tokens` bounds a chunk, in tokens of the
    model. An index that needs no change is not touched, and the model not loaded.
    Raises InputError where there is nothing to read, SettingsError where the index was built with another model, EmbedderError
    where the model cannot be had, OutputError where the index cannot be written, BusyError where another process builds it.
    """
    started = time.perf_counter()
    if max_tokens < SMALLEST_MAX_TOKENS:
        raise SettingsError(f"max_tokens is {max_tokens}, too small for a readable chunk. Give at least {SMALLEST_MAX_TOKENS}.")
    roots, path = [Path(root) for root in docs], Path(index)
    report = progress or _silent
    corpus = read_corpus(roots)
    with store.locked(path):
        previous = _previous(path)
        if previous:
            _refuse_other_model(path, previous.manifest, embedder, model)
        documents, skipped = _read(corpus, _paths_in_roots(path, roots), report)
        if not documents:
            raise _nothing_to_read(roots, skipped)
        if previous and _is_current(previous, documents, max_tokens, embedder):
            manifest = previous.manifest
            counts = Counts(embedded=0, reused=manifest.chunks, removed=0)
        else:
            if embedder is None:
                known = previous.manifest.fingerprint if previous else ""
                embedder = load_embedder(model, embeddings_url=embeddings_url, known=known)
            chunks = _cut(documents, embedder, _budget(max_tokens, embedder))
            if not chunks:
                raise _nothing_to_read(roots, skipped)
            embedded, counts = _embed(chunks, embedder, previous, report)
            manifest = _manifest(roots, documents, chunks, embedder, max_tokens)
            manifest = _write(path, manifest, embedded, report)
    return IndexSummary(
        id=manifest.id,
        documents=len(documents),
        skipped=tuple(skipped),
        chunks=manifest.chunks,
        seconds=time.perf_counter() - started,
        changed=manifest is not (previous.manifest if previous else None),
        **counts._asdict(),
    )


def _silent(stage: str, done: int, total: int) -> None:
    """Report to nobody."""


def _previous(path: Path) -> Sidecar | None:
    """Return the index as it is, or None where there is none that can be used."""
    try:
        return read_sidecar(path)
    except StoreError:
        return None


def _refuse_other_model(path: Path, manifest: Manifest, embedder: Embedder | None, model: str) -> None:
    """Raise SettingsError where the model wanted is not the one the index was built with; nothing is loaded or downloaded."""
    name = embedder.name if embedder else models.canonical_name(model)
    if name == manifest.model:
        return
    if embedder:
        same = embedder.fingerprint == manifest.fingerprint
    else:
        folder = models.find_model(name)
        same = folder is not None and models.fingerprint(folder) == manifest.fingerprint
    if not same:
        raise SettingsError(
            f"The index {path} was built with the model {manifest.model}, not with {name}. Use --model {manifest.model}, "
            "or another place (--index), or delete the folder and build it again."
        )


def _paths_in_roots(path: Path, roots: Sequence[Path]) -> list[str]:
    """Return what the index is called where it lies inside a folder that is indexed."""
    place = path.resolve()
    return [place.relative_to(root.resolve()).as_posix() for root in roots if place.is_relative_to(root.resolve())]


def _read(corpus: Iterable[Document | Skipped], own: Sequence[str], report: Progress) -> tuple[list[Document], list[Skipped]]:
    """Return the documents and what was left out; the index's own files, below `own`, are neither."""
    documents: list[Document] = []
    skipped: list[Skipped] = []
    for read in corpus:
        if any(f"/{name}/" in f"/{read.path}" for name in own):
            continue
        if isinstance(read, Skipped):
            skipped.append(read)
        else:
            documents.append(read)
            report("reading", len(documents), 0)
    return documents, skipped


def _nothing_to_read(roots: Sequence[Path], skipped: Sequence[Skipped]) -> InputError:
    where = ", ".join(map(str, roots))
    reasons = "; ".join(f"{one.path}: {one.reason}" for one in skipped[:SKIPPED_SHOWN])
    more = f"; and {len(skipped) - SKIPPED_SHOWN} more" if len(skipped) > SKIPPED_SHOWN else ""
    left_out = f" Left out: {reasons}{more}." if skipped else ""
    return InputError(f"There is no readable text in {where}.{left_out} Name the folder or files of your documentation.")


def _is_current(previous: Sidecar, documents: Sequence[Document], max_tokens: int, embedder: Embedder | None) -> bool:
    manifest = previous.manifest
    return (
        manifest.documents == {document.path: document.sha256 for document in documents}
        and manifest.max_tokens == max_tokens
        and (manifest.version, manifest.lexical) == (__version__, lexical.VERSION)
        and (embedder is None or embedder.fingerprint == manifest.fingerprint)
        and chroma.exists(previous.folder / store.CHROMA)
    )


def _budget(max_tokens: int, embedder: Embedder) -> int:
    """Return the tokens that a chunk may have: no more than the model reads."""
    return min(max_tokens, embedder.max_tokens - MARGIN_TOKENS)


def _cut(documents: Sequence[Document], embedder: Embedder, budget: int) -> list[Chunk]:
    """Return the chunks of all documents, each id once: of files that are the same in path and text one is enough."""
    chunks: dict[str, Chunk] = {}
    for document in documents:
        for chunk in chunk_document(document, count_tokens=embedder.count_tokens, max_tokens=budget):
            chunks.setdefault(chunk.id, chunk)
    return list(chunks.values())


def _embed(chunks: list[Chunk], embedder: Embedder, previous: Sidecar | None, report: Progress) -> tuple[Embedded, Counts]:
    """Embed the texts that have no vector yet, each once."""
    digests, texts = [], {}
    for chunk in chunks:
        text = embedded_text(chunk)
        digests.append(hashlib.sha256(text.encode()).hexdigest())
        texts[digests[-1]] = text
    known = _known_vectors(previous, embedder)
    new = [digest for digest in texts if digest not in known]
    fresh = embedder.embed_documents([texts[digest] for digest in new], partial(report, "embedding"))
    known |= dict(zip(new, fresh, strict=True))
    kept = {chunk.id for chunk in chunks}
    removed = sum(json.loads(line)["id"] not in kept for line in previous.lines) if previous else 0
    vectors = np.stack([known[digest] for digest in digests])
    return Embedded(chunks, vectors, digests), Counts(len(new), len(chunks) - len(new), removed)


def _known_vectors(previous: Sidecar | None, embedder: Embedder) -> dict[str, Vectors]:
    """Return the vectors of the last build by the digests of their texts."""
    if previous is None or previous.manifest.fingerprint != embedder.fingerprint:
        return {}
    digests = (previous.folder / store.TEXT_DIGESTS).read_text(encoding="ascii").split()
    return dict(zip(digests, previous.vectors, strict=True))


def _manifest(
    roots: Sequence[Path], documents: Sequence[Document], chunks: Sequence[Chunk], embedder: Embedder, max_tokens: int
) -> Manifest:
    """Return the manifest of a generation that is not written yet."""
    return Manifest(
        format=store.FORMAT,
        id=_index_id(embedder, chunks),
        model=embedder.name,
        fingerprint=embedder.fingerprint,
        dimension=embedder.dimension,
        version=__version__,
        lexical=lexical.VERSION,
        max_tokens=max_tokens,
        budget=_budget(max_tokens, embedder),
        roots=tuple(str(root) for root in roots),
        documents={document.path: document.sha256 for document in documents},
        chunks=len(chunks),
        files={},
    )


def _index_id(embedder: Embedder, chunks: Sequence[Chunk]) -> str:
    digest = hashlib.sha256(f"{store.FORMAT} {lexical.VERSION} {embedder.fingerprint}\n".encode())
    for chunk in chunks:
        digest.update(chunk.model_dump_json().encode() + b"\n")
    return digest.hexdigest()[:16]


def _write(path: Path, manifest: Manifest, embedded: Embedded, report: Progress) -> Manifest:
    """Write a generation and make it the one that counts; return its manifest.

    Raises OutputError where it cannot be written; the index that was there still counts then.
    """
    chunks, vectors, digests = embedded
    try:
        with store.new_generation(path) as folder:
            chroma.write_collection(folder / store.CHROMA, chunks, vectors, partial(report, "storing"))
            write_sidecar(folder, chunks, vectors)
            (folder / store.TEXT_DIGESTS).write_text("".join(f"{digest}\n" for digest in digests), encoding="ascii")
            manifest = manifest.model_copy(update={"files": store.file_sizes(folder)})
            (folder / store.MANIFEST).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    except OSError as error:
        raise cannot_write(path, error) from None
    return manifest
