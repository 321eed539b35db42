"""Build an index: read, cut, embed what is new, store; the old index counts until the new one is whole."""

import gc
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tracegen import __version__
from tracegen.corpus import CHUNKER, find_files
from tracegen.errors import InputError, SettingsError
from tracegen.index import chroma, lexical, models, store, writing
from tracegen.index.cache import open_cache, remove_cache
from tracegen.index.embedder import Embedder, load_embedder
from tracegen.index.memory import give_back
from tracegen.index.models import DEFAULT_MODEL
from tracegen.index.previous import Previous, read_fingerprint, read_previous
from tracegen.index.scan import Scan, scan_files
from tracegen.index.sidecar import write_search_files
from tracegen.index.store import Manifest
from tracegen.index.tool import DEFAULT_TOOL, RENDERING
from tracegen.index.writing import Cut, Progress, read_chunks
from tracegen.jsonl import cannot_write
from tracegen.records import Record, Skipped, Tool

DEFAULT_MAX_TOKENS = 220
SMALLEST_MAX_TOKENS = 32
# Words count differently in a whole text than in its parts: room for that below what the model reads.
MARGIN_TOKENS = 10
SKIPPED_SHOWN = 5
DEFAULT_WAIT_S = 600.0


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
    precision: str | None = None,
    max_tokens: int = DEFAULT_MAX_TOKENS,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    embedder: Embedder | None = None,
    tool: Tool | None = None,
    progress: Progress | None = None,
    wait_s: float = DEFAULT_WAIT_S,
    on_wait: Callable[[], None] | None = None,
) -> IndexSummary:
    """Build the index of some folders or files, or bring it up to date: only new text is embedded.

    `embeddings_url` is where a model behind an endpoint, `openai:NAME`, is asked.
    `precision` is float32 or int8, by default that of the index, be it damaged or old, or else int8 for the default model and
    float32 for others.
    `max_tokens` bounds a chunk, in tokens of the model; `include` and `exclude` are patterns as in `.gitignore`. `tool` is the
    retrieval function as models see it, by default the one that the index has, or else tracegen's own; a change of it embeds
    nothing. An index that needs no change is not touched, and the model not loaded.
    While another process builds it, `on_wait` is called once and the index is awaited for `wait_s` seconds.
    Raises InputError where there is nothing to read, SettingsError where the index was built with another model or precision,
    EmbedderError where the model cannot be had, OutputError where the index cannot be written, BusyError where it does not
    become free.
    """
    started = time.perf_counter()
    if max_tokens < SMALLEST_MAX_TOKENS:
        raise SettingsError(f"max_tokens is {max_tokens}, too small for a readable chunk. Give at least {SMALLEST_MAX_TOKENS}.")
    roots, path = [Path(root) for root in docs], Path(index)
    found = find_files(roots, include, exclude)  # raises before the index's folder is made
    with store.locked(path, wait_s, on_wait):
        previous = read_previous(path)
        if previous:
            _refuse_other_model(path, previous.manifest, embedder, model, precision)
        tool = _tool(tool, previous)
        scan = scan_files(found, _paths_in_roots(path, roots), _comparable(previous, max_tokens, embedder))
        skipped = scan.without_documents() if previous and _has_all_files(previous) else None
        if previous and skipped is not None:
            manifest = _noted(previous, scan, skipped, tool, embedder.name if embedder else models.canonical_name(model))
            counts = Counts(embedded=0, reused=manifest.chunks, removed=0)
        else:
            if not scan.files:
                raise _nothing_to_read(roots, [])
            known = previous.manifest.fingerprint if previous else read_fingerprint(path, models.canonical_name(model))
            load = partial(load_embedder, model, embeddings_url=embeddings_url, known=known, precision=precision)
            report = progress or _silent
            manifest, counts = _build(path, roots, scan, previous, embedder, load, max_tokens, tool, report)
    return IndexSummary(
        id=manifest.id,
        documents=len(manifest.documents),
        skipped=manifest.skipped,
        chunks=manifest.chunks,
        seconds=time.perf_counter() - started,
        changed=previous is None or skipped is None or manifest.tool != previous.manifest.tool,
        **counts._asdict(),
    )


def _silent(stage: str, done: int, total: int) -> None:
    """Report to nobody."""


def _comparable(previous: Previous | None, max_tokens: int, embedder: Embedder | None) -> Manifest | None:
    """Return the manifest of the last build where the same file would give the same chunks today, else None."""
    if previous is None:
        return None
    manifest = previous.manifest
    same = (manifest.version, manifest.chunker, manifest.max_tokens) == (__version__, CHUNKER, max_tokens)
    return manifest if same and (embedder is None or embedder.fingerprint == manifest.fingerprint) else None


def _has_all_files(previous: Previous) -> bool:
    """Return whether the last build stored what this one would store of the same chunks."""
    same = previous.manifest.lexical == lexical.VERSION and models.is_current(previous.manifest.fingerprint)
    return same and chroma.exists(previous.folder / store.CHROMA)


def _noted(previous: Previous, scan: Scan, skipped: Sequence[Skipped], tool: Tool, model: str) -> Manifest:
    """Return the manifest of an index whose documents did not change, written anew where other things did."""
    before = Path(previous.manifest.model)
    has_moved = before.is_absolute() and not before.is_dir()  # the folder of the same weights is another one now
    manifest = previous.manifest.model_copy(
        update={
            "skipped": tuple(skipped),
            "skipped_digests": scan.digests_of(skipped),
            "tool": tool,
            "model": model if has_moved else previous.manifest.model,
        }
    )
    if manifest == previous.manifest:
        return previous.manifest
    store.write_manifest(previous.folder, manifest)
    return manifest


def _refuse_other_model(path: Path, manifest: Manifest, embedder: Embedder | None, model: str, precision: str | None) -> None:
    """Raise SettingsError where the model wanted is not the one the index was built with; nothing is loaded or downloaded."""
    own = models.precision_of(manifest.fingerprint)
    wanted = models.precision_of(embedder.fingerprint) if embedder else precision
    if wanted not in (None, own):
        raise SettingsError(
            f"The index {path} was built with precision {own}, not {wanted}. Use --precision {own} or leave it out, "
            "or use another place (--index), or delete the folder and build it again."
        )
    name = embedder.name if embedder else models.canonical_name(model)
    if name == manifest.model:
        return
    if embedder:
        same = embedder.fingerprint == manifest.fingerprint
    else:
        folder = models.find_model(name)
        same = folder is not None and models.at_precision(models.fingerprint(folder), own) == manifest.fingerprint
    if not same:
        raise SettingsError(
            f"The index {path} was built with the model {manifest.model}, not with {name}. Use --model {manifest.model}, "
            "or another place (--index), or delete the folder and build it again."
        )


def _paths_in_roots(path: Path, roots: Sequence[Path]) -> list[str]:
    """Return what the index is called where it lies inside a folder that is indexed."""
    place = path.resolve()
    return [place.relative_to(root.resolve()).as_posix() for root in roots if place.is_relative_to(root.resolve())]


def _nothing_to_read(roots: Sequence[Path], skipped: Sequence[Skipped]) -> InputError:
    where = ", ".join(map(str, roots))
    reasons = "; ".join(f"{one.path}: {one.reason}" for one in skipped[:SKIPPED_SHOWN])
    more = f"; and {len(skipped) - SKIPPED_SHOWN} more" if len(skipped) > SKIPPED_SHOWN else ""
    left_out = f" Left out: {reasons}{more}." if skipped else ""
    return InputError(f"There is no readable text in {where}.{left_out} Name the folder or files of your documentation.")


def _tool(wanted: Tool | None, previous: Previous | None) -> Tool:
    """Return the tool of the index, rendered as this program does: the one wanted, else the one it has, else the default."""
    tool = wanted or (previous.manifest.tool if previous else DEFAULT_TOOL)
    return tool.model_copy(update={"rendering": RENDERING})


def _budget(max_tokens: int, embedder: Embedder) -> int:
    """Return the tokens that a chunk may have: no more than the model reads."""
    return min(max_tokens, embedder.max_tokens - MARGIN_TOKENS)


class _Model(NamedTuple):
    """What a manifest notes of an embedder."""

    name: str
    fingerprint: str
    dimension: int
    budget: int


def _build(
    path: Path,
    roots: Sequence[Path],
    scan: Scan,
    previous: Previous | None,
    given: Embedder | None,
    load: Callable[[], Embedder],
    max_tokens: int,
    tool: Tool,
    report: Progress,
) -> tuple[Manifest, Counts]:
    """Write a generation and make it the one that counts.

    Where no embedder is given, `load` makes one, which leaves memory when all is embedded.
    Raises OutputError where it cannot be written; the index that was there still counts then.
    """
    embedder = given or load()
    if previous and not previous.is_whole():
        previous = None
    same_model = previous is not None and previous.manifest.fingerprint == embedder.fingerprint
    if not same_model:
        scan = scan.afresh()
    try:
        with store.new_generation(path) as folder:
            cut = writing.cut(scan, folder, embedder, _budget(max_tokens, embedder), previous, report)
            if not cut.chunks:
                raise _nothing_to_read(roots, cut.skipped)
            with open_cache(path / store.CACHE, embedder.fingerprint, embedder.dimension) as cache:
                embedded = writing.embed(folder, embedder, previous if same_model else None, cache, report)
            model = _Model(embedder.name, embedder.fingerprint, embedder.dimension, _budget(max_tokens, embedder))
            del embedder  # what it needs is not to add up with what storing needs
            if given is None:
                gc.collect()  # torch's modules hold one another; in a large program it takes a second
            give_back()
            _store(folder, report)
            manifest = _manifest(folder, roots, scan, cut, model, max_tokens).model_copy(update={"tool": tool})
            store.write_manifest(folder, manifest)
        remove_cache(path / store.CACHE)
    except OSError as error:
        raise cannot_write(path, error) from None
    return manifest, Counts(embedded, cut.chunks - embedded, cut.removed)


def _store(folder: Path, report: Progress) -> None:
    """Write the files that follow from the chunks and their vectors."""
    chunks = partial(read_chunks, folder)
    vectors = partial(np.load, folder / store.VECTORS, mmap_mode="r", allow_pickle=False)
    chroma.write_collection(folder / store.CHROMA, chunks, vectors, partial(report, "storing"))
    write_search_files(folder, chunks)


def index_head(fingerprint: str, embedded_as: Mapping[str, str]) -> str:
    """Return what goes into an index's id beside its chunks."""
    # Vectors made by another name are others: searches may differ from those of an index that was built afresh.
    names = f" {json.dumps(embedded_as, sort_keys=True)}" if embedded_as else ""
    return f"{store.FORMAT} {lexical.VERSION} {fingerprint}{names}"


def _manifest(folder: Path, roots: Sequence[Path], scan: Scan, cut: Cut, model: _Model, max_tokens: int) -> Manifest:
    """Return the manifest of a generation whose other files are written."""
    return Manifest(
        format=store.FORMAT,
        id=writing.index_id(folder, index_head(model.fingerprint, cut.embedded_as)),
        model=model.name,
        fingerprint=model.fingerprint,
        dimension=model.dimension,
        version=__version__,
        chunker=CHUNKER,
        lexical=lexical.VERSION,
        max_tokens=max_tokens,
        budget=model.budget,
        roots=tuple(str(root) for root in roots),
        documents=cut.documents,
        document_chunks=cut.counts,
        embedded_as=cut.embedded_as,
        skipped=tuple(cut.skipped),
        skipped_digests=scan.digests_of(cut.skipped),
        chunks=cut.chunks,
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        files=store.file_sizes(folder),
    )
