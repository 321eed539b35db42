"""Pages that take in other files: examples stand where they are shown, lines stay those of the page."""

from pathlib import Path

import pytest

from tracegen.corpus import file_digest, find_files, read_corpus
from tracegen.records import Document

SOURCE = "import x\n# ANCHOR: main\nx.go()\n# ANCHOR_END: main\nend()\n"


def pages(root: Path, files: dict[str, str]) -> dict[str, Document]:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return {each.path: each for each in read_corpus([root]) if isinstance(each, Document)}


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        (
            "a.rst",
            "T\n=\n\nSo:\n\n.. literalinclude:: code/x.py\n   :lines: 1,5\n\nAfter.\n",
            "```python\nimport x\nend()\n```",
        ),
        (
            "a.rst",
            "T\n=\n\nSo:\n\n.. literalinclude:: /code/x.py\n   :start-after: ANCHOR_END\n\nAfter.\n",
            "```python\nend()\n```",
        ),
        ("a.md", "# T\n\nSo:\n\n```py\n{{#include code/x.py:main}}\n```\n\nAfter.\n", "```py\nx.go()\n```"),
        ("a.md", '# T\n\nSo:\n\n```py\n--8<-- "code/x.py:1:1"\n```\n\nAfter.\n', "```py\nimport x\n```"),
        ("a.md", "# T\n\nSo:\n\n<<< @/code/x.py#main{1}\n\nAfter.\n", "```python\nx.go()\n```"),
        ("a.md", "# T\n\nSo:\n\n[!code-py[Title](code/x.py?range=5)]\n\nAfter.\n", "```py\nend()\n```"),
        ("a.md", "# T\n\nSo:\n\n```{literalinclude} code/x.py\n:lines: 5\n```\n\nAfter.\n", "```python\nend()\n```"),
        ("a.adoc", "= T\n\nSo:\n\n[source,py]\n----\ninclude::code/x.py[lines=1..1]\n----\n\nAfter.\n", "```py\nimport x\n```"),
    ],
)
def test_an_example_stands_where_its_page_shows_it(tmp_path: Path, name: str, text: str, code: str) -> None:
    page = pages(tmp_path, {name: text, "code/x.py": SOURCE})[name]
    assert [block.text for block in page.blocks] == ["T", "So:", code, "After."]
    lines = text.split("\n")
    assert lines[page.blocks[-1].start_line - 1] == "After."
    assert all(1 <= block.start_line <= block.end_line <= len(lines) for block in page.blocks)


def test_what_one_directive_takes_in_ends_before_the_next(tmp_path: Path) -> None:
    page = "T\n=\n\n.. include:: b.txt\n.. literalinclude:: x.py\n.. include:: b.txt\n   :start-line: 1\n"
    blocks = pages(tmp_path, {"a.rst": page, "b.txt": "Words.\n\nMore.\n", "x.py": "go()\n"})["a.rst"].blocks
    assert [(block.text, block.start_line) for block in blocks[1:]] == [
        ("Words.", 4),
        ("More.", 4),
        ("```python\ngo()\n```", 5),
        ("Words.", 6),
        ("More.", 6),
    ]


def test_text_is_taken_in_and_what_is_in_that_as_well(tmp_path: Path) -> None:
    files = {"a.rst": "T\n=\n\n.. include:: b.txt\n", "b.txt": "Words.\n\n.. include:: c.txt\n", "c.txt": "More words.\n"}
    assert [block.text for block in pages(tmp_path, files)["a.rst"].blocks] == ["T", "Words.", "More words."]


def test_resources_of_antora_lie_in_the_folders_of_their_modules(tmp_path: Path) -> None:
    page = "= T\ninclude::ROOT:partial$names.adoc[]\n\nSee {it}.\n\n----\ninclude::example$a.zig[]\n----\n"
    files = {
        "modules/ROOT/partials/names.adoc": ":it: a *thing*",
        "modules/guide/examples/a.zig": "const x = 1;",
        "modules/guide/pages/deep/p.adoc": page,
        "p.adoc": page,
    }
    found = pages(tmp_path, files)
    texts = [block.text for block in found["modules/guide/pages/deep/p.adoc"].blocks]
    assert texts == ["T", "See a *thing*.", "```\nconst x = 1;\n```"]
    assert [block.text for block in found["p.adoc"].blocks] == ["T", "See {it}."]


def test_nothing_from_outside_and_no_circle(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("Secret.")
    files = {
        "a.md": '# A\n\n--8<-- "../secret.md"\n\n--8<-- "b.md"\n',
        "b.md": '# B\n\n--8<-- "a.md"\n\n{{#include none.md}}\n',
    }
    for page in pages(tmp_path / "docs", files).values():
        assert not any("Secret" in block.text for block in page.blocks)


def test_a_change_in_an_included_file_changes_the_digest_of_the_page(tmp_path: Path) -> None:
    before = pages(tmp_path, {"a.md": "# T\n\n{{#include b.txt}}\n", "b.txt": "one"})["a.md"]
    (tmp_path / "b.txt").write_text("two")
    (found,) = [each for each in find_files([tmp_path]) if each.path == "a.md"]
    after = pages(tmp_path, {})["a.md"]
    assert before.sha256 != after.sha256 == file_digest(found)


def test_files_that_take_in_one_another_a_thousand_times_are_read_in_a_moment(tmp_path: Path) -> None:
    texts = {f"{name}.md": "# T\n\nSo.\n" + f"{{{{#include {other}.md}}}}\n" * 300 for name, other in ("ab", "bc", "ca")}
    found = pages(tmp_path, texts)
    assert found["a.md"].blocks[0].text == "T"
    one = next(file for file in find_files([tmp_path]) if file.path == "a.md")
    before = file_digest(one)
    (tmp_path / "c.md").write_text("# Other\n", encoding="utf-8")
    assert file_digest(one) != before


def test_an_included_file_that_cannot_be_read_is_an_empty_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pages(tmp_path, {"a.md": "# T\n\n{{#include x.txt}}\n\nAfter.\n", "x.txt": "inside\n"})
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "x.txt":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    one = next(file for file in find_files([tmp_path]) if file.path == "a.md")
    assert file_digest(one)
