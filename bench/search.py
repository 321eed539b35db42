"""Milliseconds of a search beside the embedding of its query, on an index of so many chunks.

    python -m bench.search [--chunks 100000] [--queries 200]

Texts are made of words whose frequencies fall as they do in English (Zipf), vectors are random: what is measured is the work of
ranking, reading and joining, not quality. The floor is one product of all vectors with one query, which any exact search needs.
Times are CPU, on one thread, so that other work on the machine does not count; the last column is the wall clock.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.digests import Digests
from bench.measure import Clock, print_table, report, run_variant

WORDS = 20_000
CHUNKS_EACH = 3
"""Chunks of a section; there are ten sections in a page."""


def write_index(path: Path, count: int) -> None:
    """Write what a search reads of an index."""
    from tracegen.index import store
    from tracegen.index.sidecar import write_search_files
    from tracegen.index.store import Manifest
    from tracegen.records import Chunk

    random = np.random.default_rng(0)
    places = np.minimum(random.zipf(1.2, size=(count, 60)) - 1, WORDS - 1)
    chunks = [
        Chunk(
            id=f"{number:016x}",
            path=f"part{number // 3000}/page{number // (10 * CHUNKS_EACH)}.md",
            title=f"Page {number // (10 * CHUNKS_EACH)}",
            headings=("Page", f"mod.name{number // CHUNKS_EACH}"),
            text=" ".join(f"w{place}" for place in places[number]),
            start_line=number,
            end_line=number,
        )
        for number in range(count)
    ]
    vectors = random.normal(size=(count, Digests.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    folder = path / "gen-0001"
    folder.mkdir(parents=True)
    (folder / store.CHUNKS).write_text("".join(f"{chunk.model_dump_json()}\n" for chunk in chunks), encoding="utf-8")
    np.save(folder / store.VECTORS, vectors)
    write_search_files(folder, lambda: chunks)
    embedder = Digests
    manifest = Manifest(
        format=store.FORMAT, id="0" * 16, model=embedder.name, fingerprint=embedder.fingerprint, dimension=embedder.dimension,
        version="", chunker=0, lexical=0, max_tokens=0, budget=0, roots=(), documents={}, document_chunks={}, skipped=(),
        skipped_digests={}, chunks=count, built="", files=store.file_sizes(folder),
    )  # fmt: skip
    (folder / store.MANIFEST).write_text(manifest.model_dump_json())
    (path / store.CURRENT).write_text("gen-0001\n")


def measure_search(path: Path, queries: int) -> None:
    """Open the index, search, and report."""
    from tracegen.index import open_index

    with Clock() as opening:
        index = open_index(path, embedder=Digests())
        index.search("w1")
    vectors = np.load(path / "gen-0001" / "vectors.npy", mmap_mode="r").view(np.ndarray)
    random = np.random.default_rng(1)
    texts = [" ".join(f"w{place}" for place in random.integers(0, 2000, size=6)) for _ in range(queries)]
    names = [f"mod.name{place}" for place in random.integers(0, len(index) // CHUNKS_EACH, size=queries)]

    def product(query: str) -> None:
        _ = vectors @ Digests().embed_queries([query])[0]

    report(
        opening_s=opening.seconds,
        product=_percentiles(product, texts),
        six_words=_percentiles(index.search, texts),
        a_name=_percentiles(index.search, names),
    )


def _percentiles(run: Callable[[str], object], queries: list[str]) -> list[float]:
    """Return the 50th, 95th and 99th percentile of CPU milliseconds, and the 95th of the wall clock."""
    cpu, wall = [], []
    for query in queries:
        start, begin = time.perf_counter(), time.thread_time()
        run(query)
        cpu.append(1000 * (time.thread_time() - begin))
        wall.append(1000 * (time.perf_counter() - start))
    return [*np.percentile(cpu, [50, 95, 99]).tolist(), float(np.percentile(wall, 95))]


def main() -> None:
    """Run the benchmark, or with --variant one variant for it."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description="Milliseconds of a search.")
    parser.add_argument("--chunks", type=int, default=100_000, help="chunks of the index (default: 100000)")
    parser.add_argument("--queries", type=int, default=200, help="searches of each kind (default: 200)")
    parser.add_argument("--variant", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant:
        measure_search(args.variant, args.queries)
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for the variant
    with tempfile.TemporaryDirectory() as folder:
        write_index(Path(folder, "index"), args.chunks)
        run = run_variant("bench.search", "--variant", str(Path(folder, "index")), "--queries", str(args.queries))
    print(f"\n{args.chunks} chunks; opened and searched once in {run['opening_s']:.2f} s\n")
    floor = run["product"][0]
    kinds = ("product", "six_words", "a_name")
    rows = [[kind, *run[kind][:3], run[kind][0] / floor, run[kind][3]] for kind in kinds]
    print_table(["", "p50 ms", "p95 ms", "p99 ms", "p50 ratio", "p95 wall ms"], rows)


if __name__ == "__main__":
    main()
