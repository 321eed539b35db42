"""`tracegen support`: the report of a run, and its index checked."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Ended, database

Run = Callable[..., Ended]


def test_the_least_supported_rows_come_first(tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    tracegen("generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index)
    run = tmp_path / "out.run.db"
    page = tracegen("support", run, "--index", sample_index)
    assert page.code == 0
    shares = [float(line.split()[1]) for line in page.out.splitlines()[4:] if not line.startswith("  ...")]
    assert shares == sorted(shares)
    rows = [json.loads(line) for line in tracegen("support", run, "--index", sample_index, "--json").out.splitlines()]
    assert [row["line"] for row in rows] == list(range(1, 9))
    assert {term["status"] for row in rows for term in row["terms"]} <= {"given", "shown", "documented", "undocumented"}


def test_another_index_is_refused(tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    tracegen("generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "--limit", 1)
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "page.md").write_text("# Other\n\nOther documentation of something else.\n")
    tracegen("index", docs, "--index", tmp_path / "other")
    ended = tracegen("support", tmp_path / "out.run.db", "--index", tmp_path / "other")
    assert ended.code == 1
    assert "researched with the index" in ended.err


def test_the_table_has_a_line_for_each_line_of_the_dataset(
    tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path
) -> None:
    with dataset.open("a", encoding="utf-8") as file:
        file.write("no JSON\n")
    tracegen("generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index, "--min-support", 0.9)
    run = tmp_path / "out.run.db"
    assert tracegen("support", run, "--index", sample_index, "--csv", tmp_path / "report.csv").code == 0
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["line"]) for row in rows] == list(range(1, 10))
    printed = [json.loads(line) for line in tracegen("support", run, "--index", sample_index, "--json").out.splitlines()]
    for row, support in zip(rows, printed, strict=False):
        for status in ("given", "shown", "documented", "undocumented"):
            terms = [term["text"] for term in support["terms"] if term["status"] == status]
            assert (int(row[status]), row[f"{status}_terms"]) == (len(terms), " ".join(terms))
        assert (row["retrievable"] == "") == (support["retrievable"] is None)
    assert (rows[8]["id"], rows[8]["support"], rows[8]["shown"]) == ("", "", "")


def test_what_is_measured_is_stored_once(tracegen: Run, dataset: Path, tmp_path: Path, sample_index: Path) -> None:
    tracegen("generate", dataset, "-o", tmp_path / "out.jsonl", "--index", sample_index)
    run = tmp_path / "out.run.db"
    with database(run) as opened:
        opened.execute("UPDATE support SET at = 'before' WHERE retrievable IS NOT NULL")
        opened.execute("DELETE FROM support WHERE retrievable IS NULL")
        kept = opened.execute("SELECT count(*) FROM support").fetchone()[0]
    tracegen("support", run, "--index", sample_index)
    with database(run) as opened:
        stamps = dict(opened.execute("SELECT at = 'before', count(*) FROM support GROUP BY 1"))
    assert stamps.pop(1) == kept
    assert sum(stamps.values()) == 8 - kept
