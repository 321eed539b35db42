"""tracegen by the rivals' protocol: the default index and search, in a process of its own; the setting may be `float32`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from protocol import Contest

from bench.retrieval_engines import shown
from tracegen import __version__, build_index, load_embedder, open_index


def main() -> None:
    """Do the job."""
    contest = Contest()
    setting = contest.job["setting"]
    embedder = load_embedder(precision=None if setting == "documented" else setting)
    embedder.embed_queries(["warm up"])
    store = Path(contest.job["store"])
    contest.loaded()
    summary = build_index([contest.docs], store, embedder=embedder)
    contest.ingested(summary.chunks)
    contest.figures["versions"] = {"tracegen": __version__}
    with open_index(store, embedder=embedder) as index:
        contest.answer(lambda query: [shown(hit) for hit in index.search(query, contest.job["k"])])


if __name__ == "__main__":
    main()
