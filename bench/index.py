"""Chunks per second of indexing a folder and ten times as much, beside the model encoding the same texts alone.

    python -m bench.index DOCS [--times 1 10] [--limit FILES] [--keep INDEX]

Ten times as much is every file ten times, each copy with other text, so that nothing can be reused. The variants:

    model       sentence-transformers encoding the texts of all chunks, in batches of the same size: the floor
    tracegen    build_index: reading, cutting, embedding, storing
    unchanged   build_index again, with nothing to do
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.measure import Clock, print_table, report, run_variant

LEFT_ALONE = re.compile(r"\s*(```|~~~|---|\+\+\+|===|\||$)")
"""Lines that would mean something else with a word behind them: fences, front matter, underlines, tables."""


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


def measure_tracegen(docs: Path, index: Path, texts_file: Path) -> None:
    """Build an index, note the texts that were embedded, and report."""
    from tracegen.index import build_index
    from tracegen.index.embedder import SentenceEmbedder, load_embedder

    embedded: list[str] = []
    embedding_s = 0.0
    embed = SentenceEmbedder.embed_documents

    def noting(self: SentenceEmbedder, texts: Sequence[str], *args: Any, **options: Any) -> Any:
        nonlocal embedding_s
        embedded.extend(texts)
        with Clock() as clock:
            vectors = embed(self, texts, *args, **options)
        embedding_s += clock.seconds
        return vectors

    SentenceEmbedder.embed_documents = noting
    with Clock() as imports:
        # The process's first load is nearly all imports; build_index loads the weights again, which is a tenth of a second.
        load_embedder().embed_query("warm up")
    with Clock() as clock:
        summary = build_index([docs], index)
    texts_file.write_text(json.dumps(embedded), encoding="utf-8")
    if len(embedded) != summary.chunks:
        raise SystemExit(f"{summary.chunks} chunks, but {len(embedded)} texts were embedded")
    report(seconds=clock.seconds, cpu_s=clock.cpu_s, load_s=imports.seconds, embed_s=embedding_s, chunks=summary.chunks)


def measure_unchanged(docs: Path, index: Path) -> None:
    """Build an index that is there already, and report."""
    from tracegen.index import build_index

    with Clock() as clock:
        summary = build_index([docs], index)
    report(seconds=clock.seconds, cpu_s=clock.cpu_s, load_s=0.0, embed_s=0.0, chunks=summary.chunks)


def measure_model(texts_file: Path) -> None:
    """Encode the same texts with the model alone, and report."""
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    from tracegen.index.embedder import BATCH_SIZE
    from tracegen.index.models import DEFAULT_MODEL, resolve_model

    logging.disable_progress_bar()
    texts = json.loads(texts_file.read_text(encoding="utf-8"))
    if len(set(texts)) < len(texts):
        print(f"note: {len(texts) - len(set(texts))} texts are not unique", file=sys.stderr)
    with Clock() as load:
        model = SentenceTransformer(str(resolve_model(DEFAULT_MODEL)), device="cpu", local_files_only=True)
        model.encode_query("warm up")
    with Clock() as clock:
        model.encode_document(texts, batch_size=BATCH_SIZE, normalize_embeddings=True, show_progress_bar=False)
    report(seconds=clock.seconds, cpu_s=clock.cpu_s, load_s=load.seconds, embed_s=clock.seconds, chunks=len(texts))


# --- the comparison ------------------------------------------------------------------------------------------------------


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
    print(f"\n{docs.name} x {times}: {model['chunks']} chunks\n")
    floor = model["chunks"] / model["seconds"]
    lines: list[list[object]] = []
    for name, run in {"model": model, "tracegen": tracegen, "unchanged": unchanged}.items():
        rest = run["seconds"] - run["embed_s"]
        per_s = run["chunks"] / run["seconds"]
        stages = [run["load_s"], run["embed_s"], rest]
        lines.append([name, per_s, per_s / floor, run["seconds"], *stages, run["cpu_s"], run["rss_mb"]])
    heads = ["variant", "chunks/s", "ratio", "seconds", "before: load s", "embed s", "all else s", "CPU s", "peak MB"]
    print_table(heads, lines)


def main() -> None:
    """Run the benchmark, or with --variant one variant for it."""
    parser = argparse.ArgumentParser(prog="python -m bench.index", description="Chunks per second.")
    parser.add_argument("paths", type=Path, nargs="+", metavar="DOCS", help="a folder of documentation")
    parser.add_argument("--times", type=int, nargs="+", default=[1, 10], help="copies of it to index (default: 1 10)")
    parser.add_argument("--limit", type=int, help="files of it to take, for a quick look")
    parser.add_argument("--keep", type=Path, help="folder for the index of the first run")
    parser.add_argument("--variant", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.variant == "tracegen":
        measure_tracegen(*args.paths)
    elif args.variant == "unchanged":
        measure_unchanged(*args.paths[:2])
    elif args.variant == "model":
        measure_model(args.paths[2])
    else:
        for place, times in enumerate(args.times):
            compare(args.paths[0].resolve(), times, args.limit, args.keep if place == 0 else None)


if __name__ == "__main__":
    main()
