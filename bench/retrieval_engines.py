"""The contestants of `bench.retrieval`: tracegen in several settings, and other programs that speak a small protocol.

The protocol: `PYTHON SCRIPT JOB ANSWER`. The job is JSON: `docs` (a folder), `model` (a folder), `queries`, `k`, `store` (a
folder for the database), `setting`. The answer is JSON: `passages` (for each query the texts of its passages, as a model would
see them, best first), `chunks`, `load_s` (imports, model), `ingest_s` and `ingest_cpu_s` (reading, cutting, embedding,
storing), `query_ms` (of each query), `rss_mb` (largest resident memory), `versions`.
"""

import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracegen import build_index, load_embedder
from tracegen.index import DEFAULT_MAX_TOKENS
from tracegen.index.models import FLOAT32, INT8
from tracegen.index.passages import find_passages
from tracegen.index.ranking import Found, rank
from tracegen.index.reader import Reader
from tracegen.index.reranker import Reranker
from tracegen.index.search import Index
from tracegen.index.sidecar import Sidecar, read_sidecar
from tracegen.records import Hit

RIVALS = Path(__file__).resolve().parent / "rivals"
SCRIPTS = {
    "tracegen": RIVALS / "tracegen_own.py",
    "langchain": RIVALS / "langchain_rag.py",
    "llamaindex": RIVALS / "llamaindex_rag.py",
}
FEW, MANY = 5, 10
"""Passages that a query is asked for: what a model gets by default, and twice as many."""

Passages = list[str]
"""What one query brought, best first."""


class Answer(NamedTuple):
    """What a contestant gives for one query: two returns, because a passage may be longer where fewer are asked for."""

    few: Passages
    """The return of FEW passages."""
    many: Passages
    """The return of MANY."""


@dataclass(frozen=True)
class Variant:
    """A setting of tracegen."""

    name: str
    max_tokens: int = DEFAULT_MAX_TOKENS
    headings: bool = True
    """Whether the title and the heading path are embedded with a chunk's text."""
    order: str = "fused"
    """What ranks the chunks before they become passages: `fused` (the search as it is), `dense` (cosine alone), `lexical`
    (BM25 of the words alone), `reranked` (the search with a cross-encoder)."""
    precision: str = INT8
    """What the model calculates in."""


def variants(sizes: Sequence[int], reranker: bool) -> list[Variant]:
    """Return the settings to compare, the default first."""
    default = Variant("default")
    others = [Variant(f"chunks of {size} tokens", max_tokens=size) for size in sizes if size != default.max_tokens]
    return [
        default,
        *others,
        Variant("no headings embedded", headings=False),
        Variant("dense only", order="dense"),
        Variant("dense only, no headings embedded", headings=False, order="dense"),
        Variant("lexical only", order="lexical"),
        Variant("float32", precision=FLOAT32),
        Variant("float32, dense only", precision=FLOAT32, order="dense"),
        *([Variant("reranked", order="reranked")] if reranker else []),
    ]


class CachedEmbedder:
    """The default model, which embeds a text once for all variants of a precision."""

    def __init__(self, cache: dict[str, Any], headings: bool = True, embedder: Any = None, precision: str = INT8) -> None:
        self._embedder = embedder or load_embedder(precision=precision)
        self._cache = cache
        self._headings = headings

    def __getattr__(self, name: str) -> Any:
        return getattr(self._embedder, name)

    def embed_documents(self, texts: Sequence[str], progress: Any = None) -> Any:
        # The line above the first empty one is the title with the heading path.
        wanted = [text if self._headings else text.partition("\n\n")[2] or text for text in texts]
        keys = [self._key("document", text) for text in wanted]
        new = {key: text for key, text in zip(keys, wanted, strict=True) if key not in self._cache}
        self._cache.update(zip(new, self._embedder.embed_documents(list(new.values()), progress), strict=True))
        return np.array([self._cache[key] for key in keys], dtype=np.float32)

    def embed_queries(self, texts: Sequence[str]) -> Any:
        return [self._embed(text) for text in texts]

    def _embed(self, text: str) -> Any:
        key = self._key("query", text)
        if key not in self._cache:
            [self._cache[key]] = self._embedder.embed_queries([text])
        return self._cache[key]

    def _key(self, kind: str, text: str) -> str:
        return hashlib.sha256(f"{self._embedder.fingerprint} {kind} {text}".encode("utf-8", "replace")).hexdigest()


@contextmanager
def kept_vectors(folder: Path | None) -> Iterator[dict[str, Any]]:
    """Give a cache of vectors, kept in a folder for the next run where one is named."""
    cache: dict[str, Any] = {}
    file = folder and folder / "vectors.npz"
    if file and file.exists():
        with np.load(file, allow_pickle=False) as kept:
            cache = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))
    yield cache
    if file:
        np.savez(file, keys=np.array(list(cache)), vectors=np.array(list(cache.values()), dtype=np.float32))


def shown(hit: Hit) -> str:
    """Return what a model sees of a hit: place, headings, text."""
    chunk = hit.chunk
    return f"{chunk.path}:{chunk.start_line}-{chunk.end_line} {' > '.join(chunk.headings) or chunk.title}\n{chunk.text}"


def ask_variants(
    docs: Path,
    queries: Sequence[str],
    wanted: Sequence[Variant],
    cache: dict[str, Any],
    reranker: Reranker | None = None,
    embedder: Any = None,
) -> dict[str, list[Answer]]:
    """Return the answers to each query by the name of the variant; one index serves all orders of its chunks."""
    found: dict[str, list[Answer]] = {}
    for setting in dict.fromkeys((variant.max_tokens, variant.headings, variant.precision) for variant in wanted):
        cached = CachedEmbedder(cache, setting[1], embedder, setting[2])
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "index")
            build_index([docs], path, max_tokens=setting[0], embedder=cached)
            for variant in wanted:
                if (variant.max_tokens, variant.headings, variant.precision) == setting:
                    found[variant.name] = answers(path, queries, variant.order, cached, reranker)
    return {variant.name: found[variant.name] for variant in wanted}


def answers(path: Path, queries: Sequence[str], order: str, embedder: Any, reranker: Reranker | None) -> list[Answer]:
    """Return what an index answers in one of the orders."""
    if order in ("dense", "lexical"):
        sidecar = read_sidecar(path)
        return [alone(sidecar, query, embedder.embed_queries([query])[0], order) for query in queries]
    with Index(read_sidecar(path), embedder, reranker if order == "reranked" else None) as index:
        return [Answer(*([shown(hit) for hit in index.search(query, k)] for k in (FEW, MANY))) for query in queries]


class Remembering(Reranker):
    """A cross-encoder that reads a text once for each query, though several returns are asked for: it takes a second for 30."""

    def __init__(self, folder: Path, said: dict[str, float]) -> None:
        super().__init__(folder.name, folder)
        self._said = said

    def likely(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return how likely each text answers a query; only what was not asked before is read."""
        keys = [hashlib.sha256(json.dumps([self.id, query, text]).encode()).hexdigest() for text in texts]
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._said}
        if new:
            self._said.update(zip(new, super().likely(query, list(new.values())).tolist(), strict=True))
        return np.array([self._said[key] for key in keys])


@contextmanager
def kept_reranker(model: Path | None, folder: Path | None) -> Iterator[Reranker | None]:
    """Give a cross-encoder, if one is named; what it says is kept in a folder for the next run where one is named."""
    file = folder and folder / "reranked.json"
    said: dict[str, float] = json.loads(file.read_text()) if file and file.exists() else {}
    yield Remembering(model, said) if model else None
    if file and said:
        file.write_text(json.dumps(said))


def alone(sidecar: Sidecar, query: str, vector: Any, order: str) -> Answer:
    """Return the passages of a query where one of the rankings behind the search decides alone, exact names among the rest."""
    ranked: list[tuple[int, Found]] = []
    scores = np.full(sidecar.manifest.chunks, -np.inf, dtype=np.float32)
    for found in rank(sidecar, query, vector, sidecar.manifest.chunks, sidecar.catalogue.originals()).found:
        scores[found.number] = getattr(found, f"{order}_score")
        place = getattr(found, f"{order}_rank")
        if place:
            ranked.append((place, found._replace(bonus=0.0)))
    best = [found for _, found in sorted(ranked, key=lambda pair: pair[0])]
    reader = Reader(sidecar)
    return Answer(*([shown(hit) for hit in find_passages(best, scores, reader, k)] for k in (FEW, MANY)))


def run_rival(name: str, python: str, job: dict[str, Any], cache: Path | None = None) -> dict[str, Any]:
    """Return the answer of a program of its own to a job; `name` may name a setting, `langchain:fitted`.

    An answer that is in the folder `cache` is taken from there, where script, documentation and queries are the same.
    """
    script, _, setting = name.partition(":")
    job = job | {"setting": setting or "documented"}
    kept = cache and cache / f"{name.replace(':', '-')}-{digest_of(SCRIPTS[script], job)}.json"
    if kept and kept.exists():
        answer: dict[str, Any] = json.loads(kept.read_text())
        return answer
    with tempfile.TemporaryDirectory() as folder:
        job_file, answer_file = Path(folder, "job.json"), Path(folder, "answer.json")
        job_file.write_text(json.dumps(job | {"store": str(Path(folder, "store"))}))
        command = [python, str(SCRIPTS[script]), str(job_file), str(answer_file)]
        # Threads of torch that spin while they wait are slow beside other work; tracegen chooses the same for itself.
        done = subprocess.run(command, env={"OMP_WAIT_POLICY": "PASSIVE"} | os.environ, check=False)
        if done.returncode != 0:
            raise SystemExit(f"{name} ended with {done.returncode}; what it said is above")
        answer = json.loads(answer_file.read_text())
    if kept:
        kept.write_text(json.dumps(answer))
    return answer


def digest_of(script: Path, job: dict[str, Any]) -> str:
    """Return a digest of all that an answer follows from."""
    docs = Path(job["docs"])
    digest = hashlib.sha256(script.read_bytes() + json.dumps(job | {"docs": ""}).encode())
    for path in sorted(path for path in docs.rglob("*") if path.is_file()):
        digest.update(str(path.relative_to(docs)).encode() + path.read_bytes())
    return digest.hexdigest()[:16]
