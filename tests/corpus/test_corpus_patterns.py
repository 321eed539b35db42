"""Include and exclude patterns, the order of a site, and generated files."""

from pathlib import Path

import pytest

from tests.corpus.test_corpus_walk import write
from tracegen.corpus import read_corpus
from tracegen.corpus.order import site_order
from tracegen.errors import InputError
from tracegen.records import Document, Skipped

PAGES: dict[str, str | bytes] = {
    "index.md": "# Index",
    "guide/a.md": "# A",
    "guide/b.md": "# B",
    "old/c.md": "# C",
    "x.py": "x",
}


def read(root: Path, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> tuple[list[str], dict[str, str]]:
    results = list(read_corpus([root], include, exclude))
    documents = [each.path for each in results if isinstance(each, Document)]
    return documents, {each.path: each.reason for each in results if isinstance(each, Skipped)}


def test_patterns_leave_out_with_a_reason(tmp_path: Path) -> None:
    write(tmp_path, PAGES)
    documents, skipped = read(tmp_path, ("*.md",), ("/old/", "b.*"))
    assert documents == ["guide/a.md", "index.md"]
    assert skipped == {
        "guide/b.md": "excluded by a pattern",
        "old": "excluded by a pattern",
        "x.py": "not among the included patterns",
    }


def test_a_folder_has_an_ignore_file_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, {**PAGES, ".tracegenignore": "# comment\n*.py\nguide/*\n!guide/b.md\n"})
    documents, skipped = read(tmp_path)
    assert documents == ["guide/b.md", "index.md", "old/c.md"]
    assert skipped["guide/a.md"] == skipped["x.py"] == "excluded by .tracegenignore"


def test_a_bad_pattern_raises_at_once(tmp_path: Path) -> None:
    write(tmp_path, PAGES)
    with pytest.raises(InputError, match="Bad pattern in --exclude"):
        read_corpus([tmp_path], (), ("!",))


def test_the_pages_a_site_lists_come_first(tmp_path: Path) -> None:
    write(tmp_path, {**PAGES, "llms.txt": "# Site\n\n- [B](https://x.org/docs/guide/b.html): b\n- [Home](/)\n- [No](/no)\n"})
    assert read(tmp_path)[0] == ["guide/b.md", "index.md", "guide/a.md", "llms.txt", "old/c.md", "x.py"]
    (tmp_path / "llms.txt").write_text("no links")
    sitemap = "<urlset><url><loc>https://x.org/old/c/</loc></url><url><loc>https://x.org/guide/a</loc></url></urlset>"
    (tmp_path / "sitemap.xml").write_text(sitemap)
    documents, skipped = read(tmp_path)
    assert documents[:3] == ["old/c.md", "guide/a.md", "guide/b.md"]
    assert skipped == {"sitemap.xml": "site map"}


def test_links_find_files_by_their_path(tmp_path: Path) -> None:
    write(tmp_path, {"llms.txt": "[a](v1.2/guide.md) [b](/std/list/index.html#x) [c](caf%C3%A9)"})
    paths = ["v1.2/guide.md", "std/list.html", "café/README.md", "guide.md"]
    assert site_order(tmp_path, paths) == {"v1.2/guide.md": 0, "std/list.html": 1, "café/README.md": 2}


def test_generated_files_are_left_out(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {"a.chunk.js": "x", "gradle.lockfile": "x", "data.json": "[" + "1," * 60_000 + "1]"}
    write(tmp_path, {**files, "searchindex.js": "x", "SPONSORS.md": "# Sponsors\n\n- A\n"})
    documents, skipped = read(tmp_path)
    assert documents == ["SPONSORS.md"]
    assert skipped == {
        "a.chunk.js": "minified bundle",
        "data.json": "generated file",
        "gradle.lockfile": "lock file",
        "searchindex.js": "search index",
    }
