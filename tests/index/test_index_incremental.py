"""What a second build reads, cuts and embeds: only what changed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import LIMIT_S, ROOT
from tests.index.conftest import FakeEmbedder
from tracegen.corpus import CHUNKER, Found, read_found
from tracegen.index import build, build_index, open_index, store, writing
from tracegen.index.cache import open_cache
from tracegen.records import Document, Skipped

SIDECAR = ("chunks.jsonl", "vectors.npy", "vectors.sha256", "lengths.npy", "bm25/vocab.index.json", "bm25/data.csc.index.npy")


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the paths of the files that were parsed since, as they are."""
    paths: list[str] = []

    def noting(found: Found) -> Document | Skipped:
        paths.append(found.path)
        return read_found(found)

    monkeypatch.setattr("tracegen.index.scan.read_found", noting)
    return paths


def test_an_unchanged_file_is_not_parsed_and_a_binary_one_not_twice(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, parsed: list[str]
) -> None:
    (docs / "data.md").write_bytes(bytes(range(256)) * 10)
    build_index([docs], tmp_path / "index", embedder=embedder)
    assert parsed == ["arrays.md", "data.md", "guide/strings.md", "imports.txt"]
    parsed.clear()
    second = build_index([docs], tmp_path / "index", embedder=embedder)
    assert not second.changed
    assert [skipped.path for skipped in second.skipped] == ["data.md"]
    (docs / "imports.txt").write_text("Something else now.\n")
    third = build_index([docs], tmp_path / "index", embedder=embedder)
    assert third.changed
    assert set(parsed) == {"imports.txt"}
    assert [skipped.path for skipped in third.skipped] == ["data.md"]


def test_a_page_is_read_again_when_a_file_changes_that_it_includes(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, parsed: list[str]
) -> None:
    (docs / "example.jsonnet").write_text("std.foldl(first, [], 0)\n")
    (docs / "folds.rst").write_text("Folds\n=====\n\nAn example:\n\n.. literalinclude:: example.jsonnet\n")
    build_index([docs], tmp_path / "index", embedder=embedder)
    (docs / "example.jsonnet").write_text("std.foldr(second, [], 0)\n")
    parsed.clear()
    assert build_index([docs], tmp_path / "index", embedder=embedder).embedded == 2
    assert parsed == ["example.jsonnet", "folds.rst"]
    parsed.clear()
    assert not build_index([docs], tmp_path / "index", embedder=embedder).changed
    assert parsed == []


def test_an_update_gives_the_files_of_a_fresh_build(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    (docs / "arrays.md").rename(docs / "zz.md")
    (docs / "imports.txt").unlink()
    (docs / "guide/strings.md").write_text(
        "# Strings\n\nAnother text, the same twice.\n\n# B\n\nAnother text, the same twice.\n"
    )
    (docs / "copy.md").write_text((docs / "guide/strings.md").read_text())
    updated = build_index([docs], tmp_path / "index", embedder=embedder)
    fresh = build_index([docs], tmp_path / "fresh", embedder=FakeEmbedder())
    assert updated.id == fresh.id
    one, other = (store.current_generation(tmp_path / name) for name in ("index", "fresh"))
    assert [(one / name).read_bytes() == (other / name).read_bytes() for name in SIDECAR] == [True] * len(SIDECAR)


def test_one_changed_page_embeds_its_changed_chunks_alone(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    sections = {f"S{n}": " ".join(f"word{n}-{i}" for i in range(80)) for n in range(6)}
    page = docs / "long.md"
    page.write_text("# Long\n\n" + "".join(f"## {name}\n\n{text}.\n\n" for name, text in sections.items()))
    build_index([docs], tmp_path / "index", embedder=embedder)
    embedder.embedded.clear()
    page.write_text(page.read_text().replace("word3-7 ", "other "))
    second = build_index([docs], tmp_path / "index", embedder=embedder)
    assert second.embedded == len(embedder.embedded) == 1
    assert "other" in embedder.embedded[0]
    assert second.removed == 1


def test_a_renamed_page_with_a_title_is_as_if_built_afresh(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    (docs / "arrays.md").rename(docs / "lists.md")
    (docs / "guide").rename(docs / "manual")
    second = build_index([docs], tmp_path / "index", embedder=embedder)
    assert second.changed
    assert second.embedded == 0
    assert second.removed > 0
    with open_index(tmp_path / "index", embedder=embedder) as index:
        assert {hit.chunk.path for hit in index.search("arrays", k=100)} == {"lists.md", "manual/strings.md", "imports.txt"}
    assert second.id == build_index([docs], tmp_path / "fresh", embedder=FakeEmbedder()).id


def test_a_renamed_page_without_a_title_embeds_nothing(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    index = tmp_path / "index"

    def build() -> tuple[str, list[str]]:
        """Return the id of the index, and what was embedded for it."""
        embedder.embedded.clear()
        return build_index([docs], index, embedder=embedder).id, list(embedder.embedded)

    def vector() -> list[float]:
        generation = store.current_generation(index)
        paths = [json.loads(line)["path"] for line in (generation / store.CHUNKS).read_text().splitlines()]
        (row,) = [row for row, path in enumerate(paths) if path.endswith(".txt")]
        return list(np.load(generation / store.VECTORS)[row])

    first, _ = build()
    made = vector()
    # Its name was embedded, so the vector is not what a fresh build makes: such an index has an id of its own.
    (docs / "imports.txt").rename(docs / "files.txt")
    second, embedded = build()
    assert (embedded, vector()) == ([], made)
    assert second not in (first, build_index([docs], tmp_path / "fresh", embedder=FakeEmbedder()).id)
    # It stays so while other things change, and through another name.
    (docs / "arrays.md").write_text("# Arrays\n\nAnother text.\n")
    (docs / "files.txt").rename(docs / "again.txt")
    _, embedded = build()
    assert embedded == ["Arrays\n\nAnother text."]
    assert vector() == made
    with open_index(index, embedder=embedder) as opened:
        assert "again.txt" in {hit.chunk.path for hit in opened.search("another file and its value", k=10)}
        assert opened.manifest.embedded_as == {"again.txt": "imports.txt"}
    # With other text it is embedded by the name it has now.
    (docs / "again.txt").write_text("Imports read something else.\n")
    third, embedded = build()
    assert len(embedded) == 1
    assert "again.txt" in embedded[0]
    assert third == build_index([docs], tmp_path / "afresh", embedder=FakeEmbedder()).id


def test_two_pages_that_change_names_keep_their_vectors(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    (docs / "other.txt").write_text("Something else that has no title.\n")
    first = build_index([docs], tmp_path / "index", embedder=embedder)
    for old, new in (("other.txt", "x"), ("imports.txt", "other.txt"), ("x", "imports.txt")):
        (docs / old).rename(docs / new)
    assert build_index([docs], tmp_path / "index", embedder=embedder).embedded == 0
    with open_index(tmp_path / "index", embedder=embedder) as index:
        texts = {hit.chunk.path: hit.chunk.text for hit in index.search("something else without a title", k=10)}
    assert texts["imports.txt"] == "Something else that has no title."
    for old, new in (("other.txt", "x"), ("imports.txt", "other.txt"), ("x", "imports.txt")):
        (docs / old).rename(docs / new)
    back = build_index([docs], tmp_path / "index", embedder=embedder)
    assert (back.embedded, back.id) == (0, first.id)


def test_another_file_left_out_is_noted_and_no_reason_to_build(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    first = build_index([docs], tmp_path / "index", embedder=embedder)
    generation = store.current_generation(tmp_path / "index")
    (docs / "logo.png").write_bytes(b"\x89PNG")
    (docs / "empty.md").write_bytes(b"")
    second = build_index([docs], tmp_path / "index", embedder=embedder)
    assert not second.changed
    assert second.id == first.id
    assert store.current_generation(tmp_path / "index") == generation
    manifest = store.read_manifest(tmp_path / "index", generation)
    assert {skipped.path: skipped.reason for skipped in manifest.skipped}.keys() == {"logo.png", "empty.md"}
    assert manifest.skipped_digests.keys() == {"empty.md"}


def test_another_way_of_cutting_reads_everything_and_embeds_what_differs(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    parsed.clear()
    monkeypatch.setattr("tracegen.index.build.CHUNKER", CHUNKER + 1)
    second = build_index([docs], tmp_path / "index", embedder=embedder)
    assert second.changed
    assert second.embedded == 0
    assert len(parsed) == 3


def test_vectors_made_before_a_kill_are_not_made_again(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(20):
        (docs / f"page{n}.md").write_text(f"# Page {n}\n\nThis is about the number {n}.\n")
    monkeypatch.setattr(writing, "WINDOW", 4)
    monkeypatch.setattr(build, "_store", lambda folder, report: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        build_index([docs], tmp_path / "index", embedder=embedder)
    monkeypatch.undo()
    assert (tmp_path / "index" / store.CACHE).is_file()
    made = len(embedder.embedded)
    (docs / "page3.md").write_text("# Page 3\n\nThis is about something else.\n")
    again = FakeEmbedder()
    second = build_index([docs], tmp_path / "index", embedder=again)
    assert len(again.embedded) == second.embedded == 1
    assert second.reused == made - 1
    assert not (tmp_path / "index" / store.CACHE).exists()
    fresh = build_index([docs], tmp_path / "fresh", embedder=FakeEmbedder())
    one, other = (store.current_generation(tmp_path / name) for name in ("index", "fresh"))
    assert fresh.id == second.id
    assert [(one / name).read_bytes() == (other / name).read_bytes() for name in SIDECAR] == [True] * len(SIDECAR)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_a_damaged_cache_is_no_obstacle(docs: Path, tmp_path: Path, embedder: FakeEmbedder, content: bytes) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    (tmp_path / "index" / store.CACHE).write_bytes(content)
    (docs / "more.md").write_text("# More\n\nA page that came later.\n")
    assert build_index([docs], tmp_path / "index", embedder=embedder).embedded == 1


def test_the_cache_keeps_the_vectors_of_models_apart(tmp_path: Path, embedder: FakeEmbedder) -> None:
    vectors = embedder.embed_documents(["a", "b"])
    digests = [b"a" * 64, b"b" * 64]
    with open_cache(tmp_path / "cache", "one", 32) as cache:
        cache.put(digests, [3, 4], vectors)
    with open_cache(tmp_path / "cache", "one", 32) as cache:
        assert list(cache.digests()) == digests
        assert cache.get(digests)[b"b" * 64][0] == 4
        assert (cache.get(digests)[b"b" * 64][1] == vectors[1]).all()
    with open_cache(tmp_path / "cache", "other", 32) as cache:
        assert len(cache.digests()) == 0


WAITING = """
import sys, time
from pathlib import Path
from tests.index.conftest import FakeEmbedder
from tracegen.errors import BusyError
from tracegen.index import build_index, store

docs, path, role = sys.argv[1:]
if role == "hold":
    with store.locked(Path(path)):
        print("held", flush=True)
        sys.stdin.readline()
else:
    try:
        say = lambda: print("waiting", flush=True)
        summary = build_index([docs], path, embedder=FakeEmbedder(), wait_s=float(role), on_wait=say)
        print("built", summary.chunks)
    except BusyError as error:
        print("busy", error)
"""


def test_a_second_process_waits_or_says_so(docs: Path, tmp_path: Path) -> None:
    def start(role: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WAITING, str(docs), str(tmp_path / "index"), role]
        return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    holder = start("hold")
    assert holder.stdout
    assert holder.stdin
    assert holder.stdout.readline() == "held\n"
    impatient, patient = start("0.1"), start(str(LIMIT_S))
    out, _ = impatient.communicate(timeout=LIMIT_S)
    assert out.startswith("waiting\nbusy Another process is still building the index")
    assert patient.stdout
    assert patient.stdout.readline() == "waiting\n"
    holder.communicate("done\n", timeout=LIMIT_S)
    out, _ = patient.communicate(timeout=LIMIT_S)
    assert out.startswith("built ")
