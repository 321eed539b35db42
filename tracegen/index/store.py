"""The index on disk: generations, the pointer to the one that counts, the manifest, the lock.

    docs.index/
      CURRENT               name of the generation that counts
      .lock                 held while an index is built
      embeddings.db         while an index is built: the vectors that it has by now, see tracegen.index.cache
      gen-0007/
        manifest.json       what it was built from; written last
        chroma/             the store of record: any Chroma client opens it, see tracegen.index.chroma
        chunks.jsonl        the chunks, in the order of the rows of vectors.npy
        vectors.npy         their embeddings, float32, length 1
        vectors.sha256      digests of the texts embedded: what the next build can take over
        lengths.npy         tokens of these texts
        bm25/               the lexical half of the search

A build writes a new generation, checks it, and moves the pointer: killed at any moment it leaves the old index or the new one.
Chroma's own files do not survive being killed while they are written, so they are never written in place.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import Field

from tracegen.errors import BusyError, SettingsError, StoreError
from tracegen.index.tool import DEFAULT_TOOL
from tracegen.jsonl import cannot_write, replacing
from tracegen.records import Record, Skipped, Tool
from tracegen.wording import in_shell

FORMAT = 2
"""Version of the files in a generation; an index with another one is built again."""

CURRENT = "CURRENT"
LOCK = ".lock"
MANIFEST = "manifest.json"
CHROMA = "chroma"
CHUNKS = "chunks.jsonl"
VECTORS = "vectors.npy"
TEXT_DIGESTS = "vectors.sha256"
LENGTHS = "lengths.npy"
CATALOGUE = "catalogue.npz"
BM25 = "bm25"
NAMES = "names"
CACHE = "embeddings.db"

LOCK_POLL_S = 0.2
_GENERATION = re.compile(r"gen-(\d+)")
_ROWS_AT_ONCE = 4096


class Manifest(Record):
    """What a generation was built from, and how."""

    format: int
    """Version of the files."""
    id: str
    """16 hex digits: equal where documents, chunks and model are equal, so that searches give the same."""
    model: str
    """Canonical name of the embedding model."""
    fingerprint: str
    """Digest of the model's weights, with `-int8` after it where it calculates in int8."""
    dimension: int
    """Length of a vector."""
    version: str
    """Version of tracegen that built it."""
    chunker: int
    """Version of reading and cutting the documents."""
    lexical: int
    """Version of the words of the lexical half."""
    max_tokens: int
    """Tokens of a chunk that were asked for."""
    budget: int
    """Tokens of a chunk that were used: fewer where the model reads fewer."""
    roots: tuple[str, ...]
    """Folders and files indexed, as they were given."""
    documents: dict[str, str]
    """Path of each document to the digest of its bytes, in the order of the chunks."""
    document_chunks: dict[str, int]
    """Path of each document to the number of its chunks."""
    embedded_as: dict[str, str] = Field(default_factory=dict)
    """Path of each document that was renamed and has its vectors from before, to the path by which it was embedded."""
    skipped: tuple[Skipped, ...]
    """What was left out, and why."""
    skipped_digests: dict[str, str]
    """Path of each file left out because of its content to the digest of its bytes."""
    chunks: int
    """Number of chunks."""
    built: str
    """When it was built, in UTC: `2026-11-20T14:05:00+00:00`."""
    files: dict[str, int]
    """Size in bytes of each file that a search reads."""
    tool: Tool = DEFAULT_TOOL
    """The retrieval function over this index; no part of the id, and the one thing that may be written anew."""


def reserve_vectors(file: Path, count: int, dimension: int) -> None:
    """Write a file of vectors, shape (count, dimension), that are all zero.

    Its space is taken now: where a disk is full, writing to a mapped file that has holes ends the process without a word.
    Raises OSError where there is no room.
    """
    import numpy as np

    header = {"descr": "<f4", "fortran_order": False, "shape": (count, dimension)}
    with file.open("wb") as written:
        np.lib.format.write_array_header_1_0(written, header)
        for start in range(0, count, _ROWS_AT_ONCE):
            written.write(bytes(4 * dimension * min(_ROWS_AT_ONCE, count - start)))


@contextlib.contextmanager
def locked(path: Path, wait_s: float = 0.0, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the index for building, its folder made where there is none.

    Where another process holds it, `on_wait` is called once and the index is awaited for so many seconds.
    Raises BusyError where it is not free then, SettingsError where the folder holds something else than an index,
    OutputError where it cannot be written.
    """
    _refuse_foreign_folder(path)
    lock = FileLock(path / LOCK)
    try:
        path.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if on_wait:
                on_wait()
            lock.acquire(timeout=wait_s, poll_interval=LOCK_POLL_S)
    except Timeout:
        raise BusyError(
            f"Another process is still building the index {path} after {wait_s:g} s. "
            "Run again when it is done, or wait longer with --wait SECONDS."
        ) from None
    except OSError as error:
        raise cannot_write(path, error) from None
    try:
        yield
    finally:
        lock.release()


def _refuse_foreign_folder(path: Path) -> None:
    if path.is_dir() and not (path / CURRENT).exists():
        foreign = [entry.name for entry in path.iterdir() if not _is_own(entry.name)]
        if foreign:
            raise SettingsError(
                f"{path} is no index and not empty: it holds {sorted(foreign)[0]}. Choose another place with --index."
            )


def _is_own(name: str) -> bool:
    # SQLite's journal lies beside its file; that of CURRENT beside it while it is written.
    return name == LOCK or name.startswith((CACHE, f".{CURRENT}.")) or bool(_GENERATION.fullmatch(name))


def current_generation(path: Path) -> Path:
    """Return the folder of the generation that counts.

    Raises StoreError where there is no index.
    """
    try:
        name = (path / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise StoreError(
            f"There is no index in {path}. Name another with --index, or build one: "
            f"tracegen index DOCS --index {in_shell(path)}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(path, f"{CURRENT}: {error}") from None
    if not _GENERATION.fullmatch(name):
        raise damaged(path, f"{CURRENT} names {name[:40]!r}")
    return path / name


def read_manifest(path: Path, generation: Path) -> Manifest:
    """Return the manifest of a generation whose files are all there in full size.

    Raises StoreError where they are not, or where the generation is of another format.
    """
    try:
        value = json.loads((generation / MANIFEST).read_bytes())
        if isinstance(value, dict) and value.get("format", FORMAT) != FORMAT:
            raise StoreError(
                f"The index {path} was built by another version of tracegen. "
                f"Build it again: tracegen index DOCS --index {in_shell(path)}"
            )
        manifest = Manifest.model_validate_json(json.dumps(value))
    except OSError as error:
        raise damaged(path, f"{MANIFEST}: {error.strerror}") from None
    except ValueError:
        raise damaged(path, f"{MANIFEST} is not a manifest") from None
    for name, size in manifest.files.items():
        found = (generation / name).stat().st_size if (generation / name).is_file() else None
        if found != size:
            raise damaged(path, f"{name} is missing" if found is None else f"{name} has {found} bytes instead of {size}")
    return manifest


def write_manifest(generation: Path, manifest: Manifest) -> None:
    """Write the manifest of a generation, whole or not at all.

    Raises OutputError where it cannot be written.
    """
    with replacing(generation / MANIFEST) as file:
        file.write(manifest.model_dump_json(indent=1))


def damaged(path: Path, detail: str) -> StoreError:
    """Return the error for an index whose files are not what they were."""
    return StoreError(f"The index {path} is damaged ({detail}). Build it again: tracegen index DOCS --index {in_shell(path)}")


@contextlib.contextmanager
def new_generation(path: Path) -> Iterator[Path]:
    """Give a new folder to write a generation into; it becomes the one that counts when the block ends well.

    What killed builds left is removed first, what this one replaces afterwards. Raises OSError and OutputError.
    """
    # A number is not given twice, so that a reader which is late finds nothing rather than something else.
    numbers = [int(match[1]) for entry in path.iterdir() if (match := _GENERATION.fullmatch(entry.name))]
    _remove_others(path)
    folder = path / f"gen-{max(numbers, default=0) + 1:04d}"
    folder.mkdir()
    try:
        yield folder
        _sync_tree(folder)
        with replacing(path / CURRENT) as file:
            file.write(folder.name + "\n")
        _sync(path)
    finally:
        _remove_others(path)


def _remove_others(path: Path) -> None:
    """Remove all generations but the one that counts; what a reader has open on Windows stays for the next time."""
    keep = (path / CURRENT).read_text(encoding="utf-8").strip() if (path / CURRENT).is_file() else ""
    for entry in path.iterdir():
        if _GENERATION.fullmatch(entry.name) and entry.name != keep:
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name.startswith(f".{CURRENT}."):
            entry.unlink(missing_ok=True)


def file_sizes(generation: Path) -> dict[str, int]:
    """Return the size of each file that a search reads, Chroma's not among them: its own clients may rewrite them."""
    files = [file for file in generation.rglob("*") if file.is_file() and CHROMA not in file.relative_to(generation).parts]
    return {file.relative_to(generation).as_posix(): file.stat().st_size for file in sorted(files)}


def _sync_tree(folder: Path) -> None:
    for entry in folder.rglob("*"):
        _sync(entry)
    _sync(folder)


def _sync(path: Path) -> None:
    # Windows knows no handle of a folder, and its renames are durable without.
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
