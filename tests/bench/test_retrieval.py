"""The measure of bench.retrieval: what is asked, what counts as found, and the arithmetic."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.retrieval import by_task, first_tokens, interval, make_tasks, print_speeds, score, shows, summarise
from bench.retrieval_engines import Answer, Variant, ask_variants, kept_reranker
from bench.retrieval_questions import Corpus, Question, Target, heading_questions, letters, name_questions, row_questions
from tracegen.index.reranker import Reranker

PAGES = {
    "lists.md": """# Lists

Lists keep values in order.

## Turning a list around

The last element becomes the first one, and so on, until every element stands in a new place.

## list.fold

`list.fold(items, start, step)` carries a value along and calls `step` for every one of the items.

## Notes

Short.
""",
    "guide/underlined.md": """Errors
======

What goes wrong is said in one line.

Catching an error early
-----------------------

Whoever asks before acting has no need to recover afterwards, which is the cheaper way of the two.
""",
    "maps.md": """# acme/maps

Maps keep pairs.

## insert

Puts a pair into a map with `insert`, in place of one with the same key that may have been there.

## Notes

Nothing of interest is noted here, but the heading occurs twice and is therefore not asked about.
""",
}
ROWS = [
    ("Sum the numbers.", "import acme/maps\nlist.fold(numbers, 0, add) |> maps.insert(total, _) |> row.field"),
    ("Use list.fold to sum.", "list.fold(numbers, 0, add)"),
]


class WordEmbedder:
    """Vectors that count words."""

    name = "tests/words"
    fingerprint = "w" * 64
    max_tokens = 254
    dimension = 64
    queries_together, batches_at_once = 8, 2

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def count_tokens(self, text: str) -> int:
        return len(text.split())

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Any:
        self.embedded += texts
        return np.array([self._embed(text) for text in texts], dtype=np.float32).reshape(len(texts), self.dimension)

    def embed_queries(self, texts: Sequence[str]) -> Any:
        return [self._embed(text) for text in texts]

    def _embed(self, text: str) -> Any:
        vector = np.full(self.dimension, 0.01, dtype=np.float32)
        for word in re.findall(r"\w+", text.lower()):
            vector[sum(word.encode()) % self.dimension] += 1
        return vector / np.linalg.norm(vector)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    root = tmp_path / "docs"
    for name, text in PAGES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    for prompt, output in ROWS:
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": output}]
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"messages": messages}) + "\n")
    return path


def test_headings_are_hidden_in_a_copy_and_nothing_else_is_changed(docs: Path, tmp_path: Path) -> None:
    questions = heading_questions(Corpus(docs), tmp_path / "copy", 10, seed=0)
    asked = [question.queries[0] for question in questions]
    assert sorted(asked) == ["Catching an error early", "Turning a list around"]
    for name, text in PAGES.items():
        expected = text
        for heading in asked:
            expected = expected.replace(heading, "Section 1")
        assert (tmp_path / "copy" / name).read_text(encoding="utf-8") == expected
        assert (docs / name).read_text(encoding="utf-8") == text


def test_a_heading_that_its_file_names_again_is_not_asked_about(docs: Path, tmp_path: Path) -> None:
    page = docs / "lists.md"
    page.write_text(
        page.read_text(encoding="utf-8") + "\nSee [above](#turning-a-list-around): turning a list around.\n", "utf-8"
    )
    questions = heading_questions(Corpus(docs), tmp_path / "copy", 10, seed=0)
    assert [question.queries[0] for question in questions] == ["Catching an error early"]


def test_targets_are_found_by_their_text_whatever_the_markup(docs: Path) -> None:
    by_name = {question.queries[0]: question.targets[0] for question in name_questions(Corpus(docs), 10, seed=0)}
    assert set(by_name) == {"list.fold", "maps.insert"}
    target = by_name["maps.insert"]
    assert target.probe == letters(PAGES["maps.md"].partition("## insert")[2])[:60]
    assert shows("* Puts a pair\n  into a __map__ with insert, in place of one with the same key that may have been", target)
    assert not shows("Puts a pair into a map", target)


def test_names_count_as_whole_words() -> None:
    target = Target(name="list.fold")
    assert shows("use list.fold(items)", target)
    assert not shows("use list.fold_right(items) or mylist.fold", target)
    assert shows("list.fold_right, but also list.fold", target)


def test_rows_want_documented_names_that_the_prompt_does_not_say(docs: Path, rows: Path) -> None:
    questions = row_questions(Corpus(docs), rows)
    assert [[target.name for target in question.targets] for question in questions] == [["list.fold", "maps.insert"]]
    assert 1 <= len(questions[0].queries) <= 3


def ranked(passages: list[str]) -> Answer:
    """Return what a program gives whose passages have one length."""
    return Answer(passages[:5], passages)


def test_recall_and_rank() -> None:
    question = Question(("a", "b"), (Target(name="x.y"), Target(name="p.q"), Target(name="r.s")))
    answers = [ranked(["none"] * 6 + ["p.q"]), ranked(["none", "x.y", "none"])]
    figures = score(question, answers, count=len)
    assert figures["r5"] == pytest.approx(1 / 3)
    assert figures["r10"] == pytest.approx(2 / 3)
    assert figures["mrr"] == pytest.approx((1 / 2 + 1 / 7) / 3)
    assert figures["r1000"] == pytest.approx(2 / 3)
    assert figures["tokens"] == (5 * 4 + 4 + 3 + 4) / 2


def test_five_passages_are_those_of_a_return_of_five() -> None:
    question = Question(("a",), (Target(name="x.y"),))
    figures = score(question, [Answer(["long, with x.y"], ["long"] * 10)], count=len)
    assert (figures["r5"], figures["r10"], figures["mrr"]) == (1, 0, 0)


def test_what_lies_beyond_the_tenth_passage_is_not_found() -> None:
    figures = score(Question(("a",), (Target(name="x.y"),)), [ranked(["none"] * 10 + ["x.y"])], count=len)
    assert figures.pop("tokens") == 20
    assert set(figures.values()) == {0.0}


def test_the_last_passage_is_cut_where_the_tokens_end() -> None:
    assert first_tokens(["aaaa", "bbbb", "cccc"], 6, len) == ["aaaa", "bb"]
    assert first_tokens(["aaaa"], 6, len) == ["aaaa"]


def test_figures_are_percents_beside_the_first_contestant() -> None:
    def own(*recalls: float) -> list[dict[str, float]]:
        return [{"r5": recall, "r10": 1, "mrr": 0.5, "r1000": 0, "tokens": 9} for recall in recalls]

    summary = summarise({"default": own(1, 0, 1, 0), "other": own(1, 1, 1, 0)})
    assert (summary["default"]["r5"], summary["other"]["r5"]) == (50, 75)
    assert (summary["default"]["to_default"], summary["other"]["to_default"]) == (0, 25)
    assert summary["default"]["to_default_interval"] == 0
    assert (summary["other"]["mrr"], summary["other"]["tokens"]) == (50, 9)


def test_the_interval_is_that_of_the_normal_distribution_where_there_is_much() -> None:
    values = [0.0, 1.0] * 200
    assert interval(values) == pytest.approx(1.96 * 0.5 / 20, rel=0.1)
    assert interval([1.0] * 9) == 0


def test_variants_rank_the_same_index_differently(docs: Path, rows: Path, tmp_path: Path) -> None:
    tasks = make_tasks(Corpus(docs), rows, tmp_path / "copy", limit=10, seed=0)
    wanted = [
        Variant("default"),
        Variant("dense", order="dense"),
        Variant("lexical", order="lexical"),
        Variant("bare", headings=False),
    ]
    embedder = WordEmbedder()
    cache: dict[str, Any] = {}
    found = by_task(tasks, lambda queries: ask_variants(docs, queries, wanted, cache, embedder=embedder))
    assert set(found) == {"headings", "names", "rows"}
    assert list(found["names"]) == ["default", "dense", "lexical", "bare"]
    for name, answers in found["names"].items():
        for question, own in zip(tasks["names"], answers, strict=True):
            assert score(question, own, embedder.count_tokens)["r5"] == 1, name
    # Each text once, with its headings and without.
    assert len(embedder.embedded) == len(set(embedder.embedded))
    bare = [text.partition("\n\n")[2] for text in embedder.embedded if text.startswith("Lists\n\n")]
    assert bare
    assert set(bare) <= set(embedder.embedded)


def test_a_reranker_reads_a_text_once_for_a_query(
    docs: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, str]] = []

    def backwards(self: Reranker, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        asked.extend((query, text) for text in texts)
        return np.linspace(0, 1, len(texts))

    monkeypatch.setattr(Reranker, "likely", backwards)
    (tmp_path / "model").mkdir()
    (tmp_path / "model/model.safetensors").write_bytes(b"weights")
    wanted = [Variant("default"), Variant("reranked", order="reranked")]
    queries = ["list.fold", "Catching an error early"]
    answers = []
    for _ in range(2):
        with kept_reranker(tmp_path / "model", tmp_path) as reranker:
            answers.append(ask_variants(docs, queries, wanted, {}, reranker, WordEmbedder()))
    assert answers[0] == answers[1]
    assert len(asked) == len(set(asked))
    assert {query for query, _ in asked} == set(queries)
    assert answers[0]["default"] != answers[0]["reranked"]
    with kept_reranker(None, tmp_path / "none") as nothing:
        assert nothing is None


def test_documentation_that_nothing_is_asked_of_has_its_speed(capsys: pytest.CaptureFixture[str]) -> None:
    speed = {"name": "own", "chunks": 8, "ingest_s": 2.0, "ingest_cpu_s": 3.0, "rss_mb": 90.0, "load_s": 0.5, "query_ms": []}
    print_speeds([speed], kb=10.0)
    [row] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| own")]
    assert [cell.strip() for cell in row.split("|")[-3:-1]] == ["-", "-"]
