"""Chunks per second of indexing a folder and ten times as much, beside the model encoding the same texts alone.

    python -m bench.index DOCS [--times 1 10] [--limit FILES] [--keep INDEX]
    python -m bench.index DOCS --memory [--model] [--times 1 15]

Ten times as much is every file ten times, each copy with other text, so that nothing can be reused. The variants:

    model       sentence-transformers encoding the texts of all chunks, in batches of the same size: the floor
    tracegen    build_index: reading, cutting, embedding, storing
    unchanged   build_index again, with nothing to do

--memory measures the largest resident memory instead, stage by stage, with vectors from digests in place of the model's: what
reading, cutting and storing need, without the model and its minutes. With --model besides, the default model is loaded, counts
all tokens and embeds the first texts, as in `tracegen index`; the vectors of the others are from digests.
"""

import argparse
import json
import re
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import Clock, peak_rss_mb, print_table, report, run_variant

LEFT_ALONE = re.compile(r"\s*(```|~~~|---|\+\+\+|===|\||$)")
"""Lines that would mean something else with a word behind them: fences, front matter, underlines, tables."""

EMBEDDED_FIRST = 512
"""Texts that the model embeds where its memory is measured."""


def copy_docs(docs: Path, target: Path, times: int, limit: int | None) -> None:
    """Copy a folder so many times, every copy with other text than the first."""
    files = sorted(path for path in docs.rglob("*") if path.is_file())[:limit]
    for number in range(times):
        for path in files:
            copy = target / f"copy-{number}" / path.relative_to(docs)
            copy.parent.mkdir(parents=True, exist_ok=True)
            text = path.read_text(encoding="utf-8", errors="replace")
            copy.write_text(altered(text, number, path.suffix) if number else text, encoding="utf-8")


def altered(text: str, number: int, suffix: str) -> str:
    """Return text with a word more in each line, or in each text between tags, that no other copy has."""
    if suffix in {".html", ".htm"}:
        return re.sub(r">([^<>]*\w[^<>]*)<", rf">\1 v{number}<", text)
    return "\n".join(line if LEFT_ALONE.match(line) else f"{line} v{number}" for line in text.split("\n"))


# --- the variants, each in a process of its own --------------------------------------------------------------------------


class Noting:
    """An embedder that notes what it embeds, and when."""

    def __init__(self, embedder: Any) -> None:
        self._embedder = embedder
        self.texts: list[str] = []
        self.embed_s = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def embed_documents(self, texts: Sequence[str], progress: Any = None) -> Any:
        self.texts.extend(texts)
        with Clock() as clock:
            vectors = self._embedder.embed_documents(texts, progress)
        self.embed_s += clock.seconds
        return vectors


def measure_tracegen(docs: Path, index: Path, texts_file: Path) -> None:
    """Build an index, note the texts that were embedded, and report."""
    from tracegen.index import build_index, load_embedder
    from tracegen.index.memory import use_one_arena

    use_one_arena()
    stage_ends: dict[str, float] = {}

    def note_stage(stage: str, done: int, total: int) -> None:
        stage_ends[stage] = time.perf_counter()

    with Clock() as load:
        embedder = Noting(load_embedder())
        embedder.embed_queries(["warm up"])
    with Clock() as clock:
        began = time.perf_counter()
        summary = build_index([docs], index, embedder=embedder, progress=note_stage)
        ended = time.perf_counter()
    texts_file.write_text(json.dumps(embedder.texts), encoding="utf-8")
    read_s, store_s = stage_ends["reading"] - began, ended - stage_ends["embedding"]
    stages = {"read_s": read_s, "cut_s": clock.seconds - read_s - embedder.embed_s - store_s, "store_s": store_s}
    # Equal texts are embedded once, so the texts are what both variants have in common.
    report(
        seconds=clock.seconds,
        cpu_s=clock.cpu_s,
        load_s=load.seconds,
        embed_s=embedder.embed_s,
        **stages,
        texts=len(embedder.texts),
        chunks=summary.chunks,
    )


class EmbeddingFirst(Noting):
    """An embedder that embeds the first texts only: later ones need no more memory."""

    def embed_documents(self, texts: Sequence[str], progress: Any = None) -> Any:
        from bench.digests import Digests

        if len(self.texts) >= EMBEDDED_FIRST:
            return Digests().embed_documents(texts, progress)
        return super().embed_documents(texts, progress)


def measure_memory(docs: Path, index: Path, with_model: bool) -> None:
    """Build an index and report the largest memory at the end of each stage."""
    from bench.digests import Digests
    from tracegen.index import build, build_index, load_embedder
    from tracegen.index.memory import use_one_arena

    use_one_arena()
    peaks: dict[str, float] = {"start": peak_rss_mb()}

    def note_peak(stage: str, done: int, total: int) -> None:
        peaks[stage] = peak_rss_mb()

    if with_model:
        # Not given as an argument: who holds an embedder keeps it in memory while the index is stored.
        vars(build)["load_embedder"] = lambda *args, **options: EmbeddingFirst(load_embedder(*args, **options))
    with Clock() as clock:
        summary = build_index([docs], index, embedder=None if with_model else Digests(), progress=note_peak)
    megabytes = sum(file.stat().st_size for file in docs.rglob("*") if file.is_file()) / 1e6
    report(seconds=clock.seconds, chunks=summary.chunks, megabytes=megabytes, **peaks)


def measure_unchanged(docs: Path, index: Path) -> None:
    """Build an index that is there already, and report."""
    from tracegen.index import build_index

    with Clock() as clock:
        summary = build_index([docs], index)
    if summary.changed:
        raise SystemExit("nothing had changed, and yet the index was built again")
    report(seconds=clock.seconds, cpu_s=clock.cpu_s, texts=summary.chunks)


def measure_model(texts_file: Path) -> None:
    """Encode the same texts with the model alone, and report."""
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    from tracegen.index.embedder import BATCH_SIZE
    from tracegen.index.models import DEFAULT_MODEL, resolve_model

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    texts = json.loads(texts_file.read_text(encoding="utf-8"))
    with Clock() as load:
        model = SentenceTransformer(str(resolve_model(DEFAULT_MODEL)), device="cpu", local_files_only=True)
        model.encode_query("warm up")
    with Clock() as clock:
        model.encode_document(texts, batch_size=BATCH_SIZE, normalize_embeddings=True, show_progress_bar=False)
    report(seconds=clock.seconds, cpu_s=clock.cpu_s, load_s=load.seconds, embed_s=clock.seconds, texts=len(texts))


# --- the comparisons ------------------------------------------------------------------------------------------------------


def compare(docs: Path, times: int, limit: int | None, keep: Path | None) -> None:
    """Run all variants on so many copies of a folder, and print their table."""
    with tempfile.TemporaryDirectory() as folder:
        copies, index, texts = Path(folder, "docs"), Path(folder, "index"), Path(folder, "texts.json")
        copy_docs(docs, copies, times, limit)
        paths = [str(copies), str(index), str(texts)]
        # tracegen first: it says which texts the model is to encode.
        tracegen = run_variant("bench.index", "--variant", "tracegen", *paths)
        unchanged = run_variant("bench.index", "--variant", "unchanged", *paths)
        model = run_variant("bench.index", "--variant", "model", *paths)
        if keep:
            shutil.copytree(index, keep, dirs_exist_ok=True)
    print(f"\n{docs.name} x {times}: {tracegen['chunks']} chunks, {tracegen['texts']} different texts\n")
    floor = model["texts"] / model["seconds"]
    lines: list[list[object]] = []
    for name, run in {"model": model, "tracegen": tracegen, "unchanged": unchanged}.items():
        per_s = run["texts"] / run["seconds"]
        stages = [run.get(stage, 0.0) for stage in ("read_s", "cut_s", "embed_s", "store_s")]
        lines.append([name, per_s, per_s / floor, run["seconds"], *stages, run.get("load_s", 0.0), run["cpu_s"], run["rss_mb"]])
    heads = ["variant", "chunks/s", "ratio", "seconds", "read", "cut", "embed", "store", "(load)", "CPU s", "peak MB"]
    print_table(heads, lines)


def compare_memory(docs: Path, times: Sequence[int], limit: int | None, variant: str) -> None:
    """Index each number of copies, and print how memory grows."""
    stages = ("start", "reading", "embedding", "storing", "rss_mb")
    lines: list[list[object]] = []
    for number in times:
        with tempfile.TemporaryDirectory() as folder:
            copy_docs(docs, Path(folder, "docs"), number, limit)
            run = run_variant("bench.index", "--variant", variant, str(Path(folder, "docs")), str(Path(folder, "index")))
        lines.append([f"{run['megabytes']:.1f} MB", run["chunks"], run["seconds"], *(run[stage] for stage in stages)])
    print(f"\n{docs.name}: largest resident memory in MB at the end of each stage\n")
    print_table(["docs", "chunks", "seconds", "(start)", "read + cut", "embed", "Chroma", "BM25"], lines)


def main() -> None:
    """Run the benchmark, or with --variant one variant for it."""
    parser = argparse.ArgumentParser(prog="python -m bench.index", description="Chunks per second.")
    parser.add_argument("paths", type=Path, nargs="+", metavar="DOCS", help="a folder of documentation")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10], help="copies of it to index (default: 1 10)")
    parser.add_argument("--limit", type=int, help="files of it to take, for a quick look")
    parser.add_argument("--keep", type=Path, help="folder for the index of the first run")
    parser.add_argument("--memory", action="store_true", help="measure memory, without a model")
    parser.add_argument("--model", action="store_true", help="with --memory: load the default model, too")
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant == "tracegen":
        measure_tracegen(*args.paths)
    elif args.variant == "unchanged":
        measure_unchanged(*args.paths[:2])
    elif args.variant == "model":
        measure_model(args.paths[2])
    elif args.variant in {"memory", "memory-with-model"}:
        measure_memory(args.paths[0], args.paths[1], with_model=args.variant == "memory-with-model")
    elif args.memory:
        variant = "memory-with-model" if args.model else "memory"
        compare_memory(args.paths[0].resolve(), args.times, args.limit, variant)
    else:
        for place, times in enumerate(args.times):
            compare(args.paths[0].resolve(), times, args.limit, args.keep if place == 0 else None)


if __name__ == "__main__":
    main()
