"""Building an index: what is embedded, what is kept, what is refused."""

import json
import weakref
from pathlib import Path

import chromadb
import numpy as np
import pytest

from tests.index.conftest import FakeEmbedder
from tracegen.errors import BusyError, InputError, OutputError, SettingsError
from tracegen.index import build, build_index, models, open_index, store
from tracegen.records import Skipped


def _generation(path: Path) -> Path:
    return store.current_generation(path)


def test_an_index_is_built_and_its_counts_agree(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    stages: list[tuple[str, int, int]] = []
    (docs / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    summary = build_index([docs], tmp_path / "index", embedder=embedder, progress=lambda *stage: stages.append(stage))
    assert summary.changed
    assert (summary.documents, summary.removed, summary.reused) == (3, 0, 0)
    assert summary.embedded == summary.chunks == len(embedder.embedded) >= 3
    assert [skipped.path for skipped in summary.skipped] == ["logo.png"]
    assert [stage for stage, *_ in stages] == ["reading"] * 3 + ["embedding", "storing"]
    with open_index(tmp_path / "index", embedder=embedder) as index:
        assert len(index) == summary.chunks
        assert index.id == summary.id
        assert set(index.manifest.documents) == {"arrays.md", "guide/strings.md", "imports.txt"}


def test_chroma_own_client_gives_all_chunks(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    summary = build_index([docs], tmp_path / "index", embedder=embedder)
    client = chromadb.PersistentClient(_generation(tmp_path / "index") / "chroma")
    try:
        collection = client.get_collection("chunks", embedding_function=None)
        everything = collection.get(include=["documents", "metadatas", "embeddings"])
        nearest = collection.query(query_embeddings=[embedder.embed_queries(["array function"])[0].tolist()], n_results=1)
    finally:
        client.close()  # type: ignore[attr-defined]
    with open_index(tmp_path / "index", embedder=embedder) as index:
        hits = {hit.chunk.id: hit for hit in index.search("array function", k=100)}
    assert len(everything["ids"]) == summary.chunks
    assert set(everything["ids"]) == set(hits)
    rows = zip(everything["ids"], everything["documents"] or [], everything["metadatas"] or [], strict=True)
    for chunk_id, document, metadata in rows:
        chunk = hits[chunk_id].chunk
        assert document == chunk.text
        assert metadata == {
            "path": chunk.path,
            "title": chunk.title,
            "headings": " > ".join(chunk.headings),
            "start_line": chunk.start_line,
            "end_line": chunk.end_line,
            "headings_json": json.dumps(chunk.headings),
            "part": metadata["part"],
        }
    assert hits[nearest["ids"][0][0]].dense_rank == 1
    assert nearest["distances"] is not None
    assert nearest["distances"][0][0] == pytest.approx(1 - (hits[nearest["ids"][0][0]].dense_score or 0), abs=1e-5)


def test_an_unchanged_folder_is_left_alone_and_no_model_is_loaded(
    docs: Path, tmp_path: Path, embedder: FakeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build_index([docs], tmp_path / "index", embedder=embedder)
    monkeypatch.setattr(build, "load_embedder", lambda model: pytest.fail("the model is not needed"))
    before = sorted((tmp_path / "index").rglob("*"))
    # The name alone is compared.
    monkeypatch.setattr(models, "canonical_name", lambda model: model)
    second = build_index([docs], tmp_path / "index", model="tests/fake")
    assert not second.changed
    assert (second.id, second.chunks, second.reused, second.embedded) == (first.id, first.chunks, first.chunks, 0)
    assert sorted((tmp_path / "index").rglob("*")) == before


def test_only_what_changed_is_embedded_and_what_is_gone_is_removed(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    first = build_index([docs], tmp_path / "index", embedder=embedder)
    embedder.embedded.clear()
    page = docs / "guide/strings.md"
    page.write_text(page.read_text() + "\n## Length\n\n" + "The length of a string is counted in characters. " * 8 + "\n")
    second = build_index([docs], tmp_path / "index", embedder=embedder)
    assert second.changed
    assert second.id != first.id
    assert 1 <= len(embedder.embedded) == second.embedded < second.chunks
    assert any("counted in characters" in text for text in embedder.embedded)

    embedder.embedded.clear()
    page.unlink()
    third = build_index([docs], tmp_path / "index", embedder=embedder)
    assert embedder.embedded == []
    assert third.removed == second.chunks - third.chunks > 0
    assert third.reused == third.chunks
    with open_index(tmp_path / "index", embedder=embedder) as index:
        assert all(hit.chunk.path != "guide/strings.md" for hit in index.search("length of a string", k=100))


def test_reused_vectors_are_those_of_their_texts(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    (docs / "arrays.md").unlink()
    (docs / "a-new-first.md").write_text("# New\n\nSomething else stands here now.\n")
    build_index([docs], tmp_path / "index", embedder=embedder)
    build_index([docs], tmp_path / "fresh", embedder=embedder)
    updated, fresh = (np.load(_generation(tmp_path / name) / "vectors.npy") for name in ("index", "fresh"))
    assert np.array_equal(updated, fresh)


def test_equal_texts_are_embedded_once(tmp_path: Path, embedder: FakeEmbedder) -> None:
    docs = tmp_path / "docs"
    for folder in ("v1", "v2"):
        (docs / folder).mkdir(parents=True)
        (docs / folder / "page.md").write_text("# Page\n\nThe same text in both.\n")
    summary = build_index([docs], tmp_path / "index", embedder=embedder)
    assert summary.chunks == 2
    assert summary.embedded == len(embedder.embedded) == len(set(embedder.embedded))


def test_the_same_documents_give_the_same_index(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "a", embedder=embedder)
    docs.rename(tmp_path / "moved")
    build_index([tmp_path / "moved"], tmp_path / "b", embedder=embedder)
    a, b = _generation(tmp_path / "a"), _generation(tmp_path / "b")
    for name in ("chunks.jsonl", "vectors.npy", "bm25/vocab.index.json", "bm25/data.csc.index.npy"):
        assert (a / name).read_bytes() == (b / name).read_bytes()
    with open_index(tmp_path / "a", embedder=embedder) as one, open_index(tmp_path / "b", embedder=embedder) as other:
        assert one.id == other.id


def test_another_chunk_size_builds_again(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    first = build_index([docs], tmp_path / "index", embedder=embedder)
    second = build_index([docs], tmp_path / "index", embedder=embedder, max_tokens=40)
    assert second.changed
    assert second.chunks > first.chunks
    with pytest.raises(SettingsError, match="at least 32"):
        build_index([docs], tmp_path / "index", embedder=embedder, max_tokens=3)


def test_another_model_is_refused_with_the_way_out(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    other = FakeEmbedder(name="tests/other", fingerprint="0" * 64)
    with pytest.raises(SettingsError, match=r"built with the model tests/fake, not with tests/other\. Use --model tests/fake"):
        build_index([docs], tmp_path / "index", embedder=other)
    # The same weights under another name are the same model.
    assert not build_index([docs], tmp_path / "index", embedder=FakeEmbedder(name="tests/copy")).changed


def test_new_weights_under_the_old_name_embed_everything_again(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    first = build_index([docs], tmp_path / "index", embedder=embedder)
    renewed = FakeEmbedder(fingerprint="0" * 64)
    summary = build_index([docs], tmp_path / "index", embedder=renewed)
    assert summary.embedded == first.embedded


@pytest.mark.parametrize("content", [{}, {"a.bin": b"\x00\x01\x02", "b.md": b""}])
def test_nothing_to_read_says_what_was_left_out(tmp_path: Path, embedder: FakeEmbedder, content: dict[str, bytes]) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    for name, data in content.items():
        (docs / name).write_bytes(data)
    with pytest.raises(InputError, match=r"no readable text in .*docs") as caught:
        build_index([docs], tmp_path / "index", embedder=embedder)
    assert all(name in str(caught.value) for name in content)
    with pytest.raises(InputError):
        build_index([tmp_path / "missing"], tmp_path / "never", embedder=embedder)
    assert not (tmp_path / "never").exists()


def test_a_long_list_of_skipped_files_is_cut() -> None:
    message = str(build._nothing_to_read([Path("docs")], [Skipped(path=f"{n}.bin", reason="binary content") for n in range(9)]))
    assert "4.bin: binary content; and 4 more." in message
    assert "5.bin" not in message


def test_a_second_builder_is_told_so(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    with store.locked(tmp_path / "index"), pytest.raises(BusyError, match="Another process is still building"):
        build_index([docs], tmp_path / "index", embedder=embedder, wait_s=0.05)


def test_a_folder_with_other_things_is_not_touched(docs: Path, embedder: FakeEmbedder) -> None:
    before = sorted(docs.rglob("*"))
    with pytest.raises(SettingsError, match=r"is no index and not empty: it holds arrays\.md"):
        build_index([docs], docs, embedder=embedder)
    assert sorted(docs.rglob("*")) == before


def test_an_index_inside_the_documentation_does_not_read_itself(docs: Path, embedder: FakeEmbedder) -> None:
    first = build_index([docs], docs / "index", embedder=embedder)
    second = build_index([docs], docs / "index", embedder=embedder)
    assert not second.changed
    assert second.documents == first.documents == 3
    assert second.skipped == ()


def test_a_place_that_cannot_be_written_is_a_sentence(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Cannot write"):
        build_index([docs], tmp_path / "file" / "index", embedder=embedder)
    with pytest.raises(OutputError, match="Cannot write"):
        build_index([docs], tmp_path / "file", embedder=embedder)


def test_a_damaged_index_is_built_again(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    first = build_index([docs], tmp_path / "index", embedder=embedder)
    (_generation(tmp_path / "index") / "vectors.npy").write_bytes(b"")
    second = build_index([docs], tmp_path / "index", embedder=embedder)
    assert second.changed
    assert second.id == first.id
    assert len(list((tmp_path / "index").glob("gen-*"))) == 1


def test_a_lost_chroma_folder_is_built_again_without_embedding(docs: Path, tmp_path: Path, embedder: FakeEmbedder) -> None:
    build_index([docs], tmp_path / "index", embedder=embedder)
    (_generation(tmp_path / "index") / "chroma" / "chroma.sqlite3").unlink()
    second = build_index([docs], tmp_path / "index", embedder=embedder)
    assert second.changed
    assert second.embedded == 0


def test_the_model_leaves_memory_before_the_index_is_stored(
    docs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[weakref.ref[FakeEmbedder]] = []
    in_memory: dict[str, bool] = {}

    def load(*args: object, **options: object) -> FakeEmbedder:
        embedder = FakeEmbedder()
        embedder.itself = embedder  # type: ignore[attr-defined]  # as in torch's modules: only the garbage collector finds it
        loaded.append(weakref.ref(embedder))
        return embedder

    def note(stage: str, done: int, total: int) -> None:
        in_memory[stage] = loaded[0]() is not None

    monkeypatch.setattr(build, "load_embedder", load)
    build_index([docs], tmp_path / "index", progress=note)
    assert in_memory == {"reading": True, "embedding": True, "storing": False}


def test_the_space_of_vectors_is_taken_before_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "vectors.npy"
    store.reserve_vectors(file, 5000, 7)
    vectors = np.load(file, mmap_mode="r+")
    assert vectors.shape == (5000, 7)
    assert vectors.dtype == np.float32
    assert not vectors.any()
    assert file.stat().st_blocks * 512 >= 5000 * 7 * 4
