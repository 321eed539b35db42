"""Retrieval quality: recall@5, recall@10 and MRR of tracegen's settings, and of other programs, on real documentation.

    python -m bench.retrieval                                       the sample: docs_corpus and examples/train.jsonl
    python -m bench.retrieval --docs DIR --rows FILE                any other
    python -m bench.retrieval --rival langchain=PYTHON --rival llamaindex:fitted=PYTHON

The questions are made by `bench.retrieval_questions`, from a seed. Everything is deterministic but the figures of speed. With
`--cache FOLDER` vectors, the rivals' answers (and so their speed) and what a reranker said are kept: what is changed here is
soon measured again.

Columns: `R@5` and `R@10`, share of what is asked for that a return of 5 and one of 10 passages shows; `MRR`, mean of 1/rank of
the first passage that shows it, 0 beyond the tenth; `R@1000t`, share that the first 1,000 tokens of the return of 10 show, so
that long passages win nothing; `tokens`, mean length of a return of 5, as the default model counts. A row of a dataset has
several queries; the best rank among them counts. `+-` is half the 95 % interval of a bootstrap over the questions; `to default`
is R@5 less that of the default, on the same questions.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.measure import ROOT, note, print_table
from bench.retrieval_engines import FEW, MANY, Answer, Variant, ask_variants, kept_reranker, kept_vectors, run_rival, variants
from bench.retrieval_questions import Corpus, Question, Target, heading_questions, letters, name_questions, row_questions
from tracegen import load_embedder
from tracegen.index.models import DEFAULT_MODEL, resolve_model

TOKENS = 1000
RESAMPLES = 2000
OWN = "tracegen"
"""tracegen in a process of its own, for its speed; its answers are those of the default."""
TITLES = {
    "headings": "heading -> its section",
    "names": "exact name -> its section",
    "rows": "row -> names of its desired output",
}
FIGURES = {"r5": "R@5", "r10": "R@10", "mrr": "MRR", "r1000": "R@1000t"}

# --- the measure ---------------------------------------------------------------------------------------------------------


letters_of = lru_cache(1 << 16)(letters)


def shows(passage: str, target: Target) -> bool:
    """Return whether a passage holds the target's probe, or mentions its name."""
    if target.probe and target.probe in letters_of(passage):
        return True
    place = passage.find(target.name) if target.name else -1
    while place >= 0:
        around = passage[place - 1 : place] + passage[place + len(target.name) : place + len(target.name) + 1]
        if not any(c.isalnum() or c == "_" for c in around):
            return True
        place = passage.find(target.name, place + 1)
    return False


def rank_of(target: Target, passages: Sequence[str]) -> int | None:
    """Return the place of the first passage that shows a target, counted from 1."""
    return next((rank for rank, passage in enumerate(passages, start=1) if shows(passage, target)), None)


def first_tokens(passages: Sequence[str], limit: int, count: Callable[[str], int]) -> list[str]:
    """Return the passages that so many tokens hold, the last one cut where it does not fit."""
    kept: list[str] = []
    for passage in passages:
        size = count(passage)
        if size > limit:
            return [*kept, passage[: len(passage) * limit // size]]
        kept.append(passage)
        limit -= size
    return kept


def score(question: Question, answers: Sequence[Answer], count: Callable[[str], int]) -> dict[str, float]:
    """Return the figures of one question: means over its targets, and `tokens`, the mean over its queries."""
    cut = [first_tokens(answer.many[:MANY], TOKENS, count) for answer in answers]
    totals = dict.fromkeys(FIGURES, 0.0)
    for target in question.targets:
        ranks = [rank for answer in answers if (rank := rank_of(target, answer.many[:MANY]))]
        totals["r5"] += any(rank_of(target, answer.few[:FEW]) for answer in answers)
        totals["r10"] += bool(ranks)
        totals["mrr"] += 1 / min(ranks) if ranks else 0.0
        totals["r1000"] += any(rank_of(target, passages) for passages in cut)
    figures = {name: total / len(question.targets) for name, total in totals.items()}
    tokens = sum(count(passage) for answer in answers for passage in answer.few[:FEW]) / len(answers)
    return figures | {"tokens": tokens}


def interval(values: Sequence[float], seed: int = 0) -> float:
    """Return half the 95 % interval of a mean, by a bootstrap."""
    numbers = np.asarray(values, dtype=np.float64)
    places = np.random.default_rng(seed).integers(0, len(numbers), (RESAMPLES, len(numbers)))
    low, high = np.percentile(numbers[places].mean(axis=1), [2.5, 97.5])
    return float(high - low) / 2


def summarise(scores: dict[str, list[dict[str, float]]]) -> dict[str, dict[str, float]]:
    """Return the figures of each contestant in percent, beside the first one."""
    first = next(iter(scores.values()))
    summary = {}
    for name, own in scores.items():
        figures = {figure: 100 * float(np.mean([one[figure] for one in own])) for figure in FIGURES}
        difference = [one["r5"] - other["r5"] for one, other in zip(own, first, strict=True)]
        figures["tokens"] = float(np.mean([one["tokens"] for one in own]))
        figures["r5_interval"] = 100 * interval([one["r5"] for one in own])
        figures["to_default"] = 100 * float(np.mean(difference))
        figures["to_default_interval"] = 100 * interval(difference)
        summary[name] = figures
    return summary


# --- the runs ------------------------------------------------------------------------------------------------------------


def make_tasks(corpus: Corpus, rows: Path | None, copy: Path, limit: int, seed: int) -> dict[str, list[Question]]:
    """Return the questions of each task that there are questions for."""
    tasks = {
        "headings": heading_questions(corpus, copy, limit, seed),
        "names": name_questions(corpus, limit, seed),
        "rows": row_questions(corpus, rows) if rows else [],
    }
    return {name: questions for name, questions in tasks.items() if questions}


def by_task(tasks: dict[str, list[Question]], ask: Callable[[list[str]], dict[str, list[Answer]]]) -> dict[str, Any]:
    """Return the answers to each question, by task and contestant; all queries are asked at once."""
    queries = list(dict.fromkeys(query for questions in tasks.values() for one in questions for query in one.queries))
    found = {name: dict(zip(queries, answers, strict=True)) for name, answers in ask(queries).items()}
    return {
        task: {name: [[answers[query] for query in one.queries] for one in questions] for name, answers in found.items()}
        for task, questions in tasks.items()
    }


def measure(args: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run all contestants on all tasks, and return all figures."""
    corpus, copy = Corpus(args.docs), folder / "hidden"
    tasks = make_tasks(corpus, args.rows, copy, args.limit, args.seed)
    wanted: list[Variant] = variants(args.sizes, bool(args.reranker))
    # Where headings are hidden, only the questions for them are asked.
    trees = [(copy, {"headings"}), (args.docs, {"names", "rows"})]
    answers: dict[str, Any] = {}
    speeds: list[dict[str, Any]] = []
    for docs, names in trees:
        asked = {name: questions for name, questions in tasks.items() if name in names}
        title = ", ".join(asked) or "no questions"
        note(f"{title}: {len(wanted)} variants of tracegen")
        with kept_vectors(args.cache) as vectors, kept_reranker(args.reranker, args.cache) as reranker:
            answers |= by_task(asked, partial(ask_variants, docs, wanted=wanted, cache=vectors, reranker=reranker))
        for rival, python in args.rivals.items():
            own = rival.partition(":")[0] == OWN
            if own and docs is copy:
                continue
            note(f"{title}: {rival}")
            found, speed = ask_rival(asked, rival, python, docs, None if own else args.cache)
            if docs is args.docs:
                speeds.append(speed)
            for task in () if own else asked:
                answers[task] |= found[task]
    return {
        "docs": docs_name(args.docs),
        "bytes": sum(path.stat().st_size for path in args.docs.rglob("*") if path.is_file()),
        "tasks": {task: evaluate(tasks[task], answers[task]) for task in tasks},
        "speeds": speeds,
    }


def docs_name(docs: Path) -> str:
    """Return what to call documentation: its folder's name, or that of the folder above where that says nothing."""
    docs = docs.resolve()
    return docs.parent.name if docs.name in {"doc", "docs"} else docs.name


def ask_rival(
    asked: dict[str, list[Question]], rival: str, python: str, docs: Path, cache: Path | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the passages that a program of its own finds, by task, and the figures of its speed."""
    speed: dict[str, Any] = {"name": rival}

    def ask(queries: list[str]) -> dict[str, list[Answer]]:
        model = str(resolve_model(DEFAULT_MODEL))
        answer = run_rival(rival, python, {"docs": str(docs.resolve()), "model": model, "queries": queries, "k": MANY}, cache)
        passages = answer.pop("passages")
        speed.update(answer)
        return {rival: [Answer(found[:FEW], found) for found in passages]}

    return by_task(asked, ask), speed


def evaluate(questions: list[Question], answers: dict[str, list[list[Answer]]]) -> dict[str, Any]:
    """Return the figures of a task, and what the default missed."""
    count = lru_cache(1 << 16)(load_embedder().count_tokens)
    scores = {
        name: [score(one, own, count) for one, own in zip(questions, found, strict=True)] for name, found in answers.items()
    }
    default, missed = next(iter(answers.values())), []
    for one, own in zip(questions, default, strict=True):
        lost = [target for target in one.targets if not any(rank_of(target, answer.few) for answer in own)]
        if lost:
            heads = [[passage.split("\n", 1)[0] for passage in answer.few] for answer in own]
            missed.append({"queries": one.queries, "wanted": [target.name or target.probe for target in lost], "found": heads})
    return {"questions": len(questions), "figures": summarise(scores), "missed": missed}


# --- the tables ----------------------------------------------------------------------------------------------------------


def print_report(report: dict[str, Any]) -> None:
    """Print all tables as Markdown."""
    for task, result in report["tasks"].items():
        print(f"\n### {report['docs']}: {TITLES[task]} ({result['questions']} questions)\n")
        print_quality(result["figures"])
    if report["speeds"]:
        print(f"\n### {report['docs']}: speed, each in a process of its own, one after the other\n")
        print_speeds(report["speeds"], report["bytes"] / 1000)


def print_quality(figures: dict[str, dict[str, float]]) -> None:
    """Print the table of a task."""
    rows: list[list[str]] = []
    for name, own in figures.items():
        recall, *others = [f"{own[figure]:.1f}" for figure in FIGURES]
        beside = f"{own['to_default']:+.1f} +- {own['to_default_interval']:.1f}" if rows else ""
        rows.append([name, recall, f"{own['r5_interval']:.1f}", *others, f"{own['tokens']:.0f}", beside])
    recall, *others = FIGURES.values()
    print_table(["contestant", recall, "+-", *others, "tokens", "to default"], rows)


def print_speeds(speeds: list[dict[str, Any]], kb: float) -> None:
    """Print the table of the programs' speed on so much documentation."""
    rows: list[list[Any]] = []
    for one in speeds:
        seconds = one["ingest_s"]
        # Documentation that documents no names, and comes without rows, is only indexed.
        p50, p95 = np.percentile(one["query_ms"], [50, 95]).tolist() if one["query_ms"] else ("-", "-")
        rows.append([one["name"], one["chunks"], seconds, one["chunks"] / seconds, kb / seconds])
        rows[-1] += [one["ingest_cpu_s"], one["rss_mb"], one["load_s"], p50, p95]
    heads = [
        "contestant",
        "chunks",
        "ingest s",
        "chunks/s",
        "KB docs/s",
        "CPU s",
        "peak MB",
        "(load s)",
        "query p50 ms",
        "p95 ms",
    ]
    print_table(heads, rows)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.retrieval", description="Retrieval quality.")
    parser.add_argument("--docs", type=Path, help="a folder of documentation (default: docs_corpus)")
    parser.add_argument("--rows", type=Path, help="a dataset for it (default: examples/train.jsonl, where DOCS is the default)")
    parser.add_argument("--sizes", type=int, nargs="*", default=[120, 180, 220], help="chunk sizes (default: 120 180 220)")
    parser.add_argument("--limit", type=int, default=300, help="questions for headings, and for names (default: 300)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reranker", type=Path, metavar="FOLDER", help="a cross-encoder, for a variant more")
    parser.add_argument("--rival", action="append", default=[], metavar="NAME[:SETTING]=PYTHON", help="another program")
    parser.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="keeps vectors, and what rivals and reranker said, for the next run"
    )
    parser.add_argument("--json", type=Path, help="file for all figures, and for what the default missed")
    args = parser.parse_args()
    if args.cache:
        args.cache.mkdir(parents=True, exist_ok=True)
    args.rivals = dict(rival.split("=", 1) for rival in args.rival)
    if args.rivals:
        args.rivals = {OWN: sys.executable, f"{OWN}:float32": sys.executable} | args.rivals
    if args.docs is None:
        args.docs, args.rows = ROOT / "docs_corpus", args.rows or ROOT / "examples/train.jsonl"
    with tempfile.TemporaryDirectory() as folder:
        report = measure(args, Path(folder))
    print_report(report)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
