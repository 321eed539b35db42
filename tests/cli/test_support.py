"""`tracegen support`: the report of a run, and its index checked."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Ended

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
