"""Reading folders: order, links, what is skipped, and no input that raises."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tracegen.corpus import read_corpus, reading
from tracegen.corpus.formats import Format, format_of
from tracegen.errors import InputError
from tracegen.records import Document, Skipped


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def read(*roots: Path) -> tuple[dict[str, Document], dict[str, str]]:
    results = list(read_corpus(roots))
    assert [each.path for each in results] == sorted(each.path for each in results)
    documents = {each.path: each for each in results if isinstance(each, Document)}
    skipped = {each.path: each.reason for each in results if isinstance(each, Skipped)}
    assert len(documents) + len(skipped) == len(results)
    return documents, skipped


def all_text(document: Document) -> str:
    return "\n".join(block.text for block in document.blocks)


def test_reads_every_format_in_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "b/page.html": "<h1>Page</h1><p>words",
            "a.md": "# Title\n\ntext",
            "README": "read me",
            "code.gleam": "pub fn main() {}\n",
            "b/notes.RST": "Notes\n=====\n\ntext",
        },
    )
    documents, skipped = read(tmp_path)
    assert list(documents) == ["README", "a.md", "b/notes.RST", "b/page.html", "code.gleam"]
    assert not skipped
    titles = {path: document.title for path, document in documents.items()}
    assert titles == {
        "README": "README",
        "a.md": "Title",
        "b/notes.RST": "Notes",
        "b/page.html": "Page",
        "code.gleam": "code.gleam",
    }
    assert documents["code.gleam"].blocks[0].text == "```gleam\npub fn main() {}\n```"


def test_title_of_a_file_without_one_is_its_name_with_its_folder(tmp_path: Path) -> None:
    write(tmp_path, {"tour/lesson06_pipelines/en.html": "<p>words</p>"})
    documents, _ = read(tmp_path)
    assert documents["tour/lesson06_pipelines/en.html"].title == "lesson06_pipelines/en.html"


def test_what_is_skipped_says_why(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "binary.md": b"\x7fELF\x00\x01\x02" * 20,
            "control.txt": bytes(range(1, 9)) * 50,
            "empty.md": "",
            "blank.txt": " \n\t\n",
            "nothing.html": "<script>x</script>",
            "photo.png": b"\x89PNG",
            "docs.zip": "PK",
            "package-lock.json": "{}",
            "poetry.lock": "x",
            "app.min.js": "x",
            "big.js": "x=1;" * 5000,
            "paper.docx": "PK",
            "thing.csv": "x",
            ".git/config": "x",
            ".hidden.md": "x",
            "node_modules/a/README.md": "x",
        },
    )
    documents, skipped = read(tmp_path)
    assert not documents
    assert skipped == {
        ".git": "hidden folder",
        ".hidden.md": "hidden file",
        "app.min.js": "minified bundle",
        "big.js": "minified bundle",
        "binary.md": "binary content",
        "blank.txt": "empty",
        "control.txt": "binary content",
        "docs.zip": "archive (.zip)",
        "empty.md": "empty",
        "node_modules": "installed packages",
        "nothing.html": "no text in it",
        "package-lock.json": "lock file",
        "paper.docx": "not readable (.docx); convert it to Markdown, HTML or text",
        "photo.png": "image, font, sound or film (.png)",
        "poetry.lock": "lock file",
        "thing.csv": "unknown kind of file (.csv)",
    }


def test_links_in_a_circle_and_to_what_is_read_already(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"extra.md": "# Extra"})
    docs = write(tmp_path / "docs", {"real/page.md": "# Page", "real/deep/more.md": "# More"})
    (docs / "real/deep/up").symlink_to(docs / "real")
    (docs / "real/self").symlink_to(docs)
    (docs / "above").symlink_to(tmp_path)
    (docs / "a_link").symlink_to(docs / "real")
    (docs / "a_page.md").symlink_to(docs / "real/page.md")
    (docs / "elsewhere").symlink_to(outside)
    (docs / "gone.md").symlink_to(tmp_path / "missing.md")
    (docs / "loop.md").symlink_to(docs / "loop.md")
    documents, skipped = read(docs)
    assert list(documents) == ["elsewhere/extra.md", "real/deep/more.md", "real/page.md"]
    assert skipped.pop("loop.md").startswith("cannot be read: ")
    assert skipped == {
        "a_link": "already read as real",
        "a_page.md": "already read as real/page.md",
        "above": "link in a circle",
        "gone.md": "cannot be read: No such file or directory",
        "real/deep/up": "link in a circle",
        "real/self": "link in a circle",
    }


def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.md")
    documents, skipped = read(tmp_path)
    assert (documents, skipped) == ({}, {"pipe.md": "not a regular file"})
    with pytest.raises(InputError, match="neither a folder nor a file"):
        read_corpus([tmp_path / "pipe.md"])


def test_an_unreadable_file_and_folder_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"closed.md": "x", "open.md": "# Open", "room/in.md": "x"})
    read_bytes, scandir = Path.read_bytes, os.scandir

    def deny_bytes(path: Path) -> bytes:
        if path.name == "closed.md":
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    def deny_folder(path: Path) -> object:
        if Path(path).name == "room":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(Path, "read_bytes", deny_bytes)
    monkeypatch.setattr(os, "scandir", deny_folder)
    documents, skipped = read(tmp_path)
    assert list(documents) == ["open.md"]
    assert skipped == {"closed.md": "cannot be read: Permission denied", "room": "cannot be read: Permission denied"}
    with pytest.raises(InputError, match="Permission denied"):
        read_corpus([tmp_path / "room"])


def test_a_missing_root_raises_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Cannot read .*nowhere: No such file or directory\. Check the path"):
        read_corpus([tmp_path / "nowhere"])


def test_an_empty_folder_gives_nothing(tmp_path: Path) -> None:
    assert list(read_corpus([tmp_path])) == []


def test_too_large_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"large.md": "x" * 101, "fits.md": "x" * 100})
    monkeypatch.setattr(reading, "MAX_BYTES", 100)
    documents, skipped = read(tmp_path)
    assert list(documents) == ["fits.md"]
    assert skipped["large.md"].startswith("larger than ")


def test_roots_with_the_same_path_are_told_apart_by_name(tmp_path: Path) -> None:
    one = write(tmp_path / "one", {"index.md": "# One", "only.md": "# Only"})
    two = write(tmp_path / "two", {"index.md": "# Two"})
    three = write(tmp_path / "three", {"other.md": "# Three"})
    assert list(read(one, two, three)[0]) == ["one/index.md", "one/only.md", "other.md", "two/index.md"]
    assert list(read(one, three)[0]) == ["index.md", "only.md", "other.md"]


def test_roots_with_the_same_name_are_told_apart_by_more_of_their_path(tmp_path: Path) -> None:
    one = write(tmp_path / "one/docs", {"index.md": "# One"})
    two = write(tmp_path / "two/docs", {"index.md": "# Two"})
    assert list(read(one, two)[0]) == ["one/docs/index.md", "two/docs/index.md"]
    assert list(read(one / "index.md", two / "index.md")[0]) == ["one/docs/index.md", "two/docs/index.md"]


def test_single_files_roots_twice_and_roots_in_roots(tmp_path: Path) -> None:
    write(tmp_path, {"docs/page.md": "# Page", "docs/sub/inner.md": "# Inner"})
    assert list(read(tmp_path / "docs/page.md")[0]) == ["page.md"]
    assert list(read(tmp_path / "docs", tmp_path / "docs")[0]) == ["page.md", "sub/inner.md"]
    documents, skipped = read(tmp_path / "docs", tmp_path / "docs/sub")
    assert sorted([*documents, *skipped]) == ["inner.md", "page.md", "sub/inner.md"]
    assert len(documents) == 2
    assert list(skipped.values()) == [f"already read as {path}" for path in documents if path.endswith("inner.md")]


def test_a_file_name_that_is_not_utf8(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.md", "wb") as file:
        file.write(b"# Coffee")
    documents, _ = read(tmp_path)
    assert list(documents) == ["caf\ufffd.md"]


EXTENSIONS = [
    "md", "mdx", "html", "txt", "rst", "adoc", "py", "gleam", "json", "js", "ipynb", "yaml", "1", "3.gz", "pdf", "epub",
    "pod", "pm", "info", "unknown", "",
]  # fmt: skip
WORDS = [
    "# a", "```", "~~~py", "---", "===", "| a | b |", "| - | - |", "> ", "- ", "1. ", "    code", "<div>", "</div>", "<pre>",
    "<table><tr><td>", "<h1>", "</h1>", "&#xD800;", "<!--", "-->", "[a]: b", "{% x %}", "::", "----", "+++", "\ufeff", "\x0c",
    "\u2028", "é", "a.", "title: x", "<li>", "<ul>", "<code>", "<br>", "==== x", "\t", "\x85",
    "`", ".SH x", ".TP", ".nf", ".TS",
    "\\fB", "*tag*", " >", "a: |", "- a: b", "|===", "[source]", "* x",
    "=item x", "=cut", "\x1f\nFile: a,  Node: b", " -- F: x",
    ".. note:: a", ":::note", "!!! note", "///", "%PDF-1.4", "PK\x03\x04", ":x:`y`",
]  # fmt: skip
MARKUP = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from(["", "\n", "\n\n"])).map("".join),
    max_size=30,
).map(lambda words: "".join(words).encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(content=st.one_of(st.binary(max_size=300), MARKUP, st.text(max_size=200).map(lambda text: text.encode("utf-16"))))
@pytest.mark.parametrize("extension", EXTENSIONS)
def test_arbitrary_bytes_give_a_document_or_a_reason(tmp_path: Path, extension: str, content: bytes) -> None:
    path = tmp_path / (f"file.{extension}" if extension else "file")
    path.write_bytes(content)
    (result,) = read_corpus([path])
    if isinstance(result, Skipped):
        assert result.reason
        return
    assert result.title.strip()
    assert all_text(result).strip()
    lines = max(content.decode("utf-8", "replace").count("\n"), content.count(b"\r"), len(content)) + 1
    end = 0
    for block in result.blocks:
        block.text.encode()  # raises on a surrogate
        assert block.text.strip()
        assert 1 <= block.start_line <= block.end_line <= lines
        assert block.start_line >= end or extension in ("html", "epub")
        assert (block.level > 0) == (block.kind == "heading")
        end = block.start_line


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("html/genindex-A.html", "index of a site"),
        ("Manual/DocIndex.html", "index of a site"),
        ("api/java/util/class-use/List.html", "index of a site"),
        ("api/index-files/index-3.html", "index of a site"),
        ("html/search/all_1f.js", "search index"),
        ("html/list_8h_source.html", "listing of a source file"),
        ("html/_sources/api.rst.txt", "source of a page of a site"),
        ("html/_static/basic.css", "design of a site"),
        ("python_docs_theme/static/pydoctheme.css", "design of a site"),
        ("assets/css/main.scss", "design of a site"),
        ("themes/plain/menu.js", "design of a site"),
        ("_templates/layout.html", "design of a site"),
        ("source/conf.py", "settings of a site"),
        ("mkdocs.yml", "settings of a site"),
        ("docusaurus.config.ts", "settings of a site"),
    ],
)
def test_what_generators_add_to_a_site_is_left_out(path: str, reason: str) -> None:
    assert format_of(path) == reason
    for page in ("tour/functions.html", "hierarchy.html", "guide/search.html", "globals.html"):
        assert format_of(page) == Format("webpage")
    for file in ("examples/js/list.js", "static/list.js", "examples/colours.css", "examples/my_conf.py", "themes/dark.md"):
        assert isinstance(format_of(file), Format)


def test_languages_are_known_by_extension_and_what_is_to_be_converted_is_said() -> None:
    assert format_of("a/token.move") == Format("source", "move")
    assert format_of("a/sort.sml") == Format("source", "sml")  # as Pygments has it
    assert format_of("a/boot.s") == Format("source", "s")  # several languages have it
    assert format_of("a/tour.quux") == Format("source", "quux")  # as no language has that anybody here knows
    assert format_of("notes.2024") == "unknown kind of file (.2024)"
    assert format_of("de.po") == "unknown kind of file (.po)"
    assert format_of("guide.org") == "not readable (.org); convert it to Markdown, HTML or text"


def test_packed_pages_are_read(tmp_path: Path) -> None:
    (tmp_path / "guide.md.gz").write_bytes(gzip.compress(b"# Guide\n\nWords."))
    (tmp_path / "div_t.3type.gz").write_bytes(gzip.compress(b".TH div_t 3\n.SH NAME\ndiv_t\n"))
    read = list(read_corpus([tmp_path]))
    assert [(each.path, each.title) for each in read if isinstance(each, Document)] == [
        ("div_t.3type.gz", "div_t(3)"), ("guide.md.gz", "Guide")
    ]  # fmt: skip


def test_a_book_on_one_page_is_left_out_beside_its_pages(tmp_path: Path) -> None:
    page = "<p>Words</p>"
    write(tmp_path, {"book/print.html": page, "book/book-1a2b.js": "x", "book/a.html": page, "f/print.html": page})
    documents, skipped = read(tmp_path)
    assert skipped["book/print.html"] == "all pages of a book once more"
    assert {"book/a.html", "f/print.html"} <= set(documents)
    assert list(read(tmp_path / "book/print.html")[0]) == ["print.html"]


@pytest.mark.parametrize("name", ["a/package-frame.html", "overview-frame.html", "api/index_values.html"])
def test_frames_of_a_site_are_indexes(name: str) -> None:
    assert format_of(name) == "index of a site"


@pytest.mark.parametrize(
    ("path", "text", "title"),
    [
        ("ref/values.md", "# Maps\n\nA.\n\n# Lists\n\nB.\n", "ref/values.md"),
        ("ref/str.md", "# Introduction\n\nA.\n\n## Names\n", "ref/str.md"),
        ("ref/sorting.md", "# How to sort\n\nA.\n\n# Errors\n\nB.\n", "How to sort"),
        ("ref/README.md", "# Maps\n\nA.\n\n# Lists\n\nB.\n", "Maps"),
        ("ref/01-intro.rst", "Introduction\n============\n\nA.\n", "Introduction"),
        ("ref/values.md", "# Maps\n\nA.\n\n## Lists\n\nB.\n", "Maps"),
        ("ref/values.md", "---\ntitle: Maps\n---\n# Maps\n\nA.\n\n# Lists\n\nB.\n", "Maps"),
    ],
)
def test_a_page_whose_first_heading_is_that_of_a_section_is_called_as_its_file(
    tmp_path: Path, path: str, text: str, title: str
) -> None:
    documents, _ = read(write(tmp_path, {path: text}))
    assert documents[path].title == title
