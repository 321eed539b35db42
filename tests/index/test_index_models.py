"""Where the model comes from, what is refused, and the real model through the whole way."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import huggingface_hub
import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from tracegen.corpus.chunks import embedded_text
from tracegen.errors import EmbedderError, SettingsError, StoreError
from tracegen.index import DEFAULT_MODEL, Embedder, build_index, load_embedder, models, open_index, store

PACKAGED = Path(str(models._find_packaged()))
OFFICIAL = models.OFFICIAL_SHA256["model.safetensors"]


@pytest.fixture
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the extra tracegen[offline]."""
    monkeypatch.setattr(models, "PACKAGE", "no_such_package_of_weights")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty the hub's cache: it is in a folder of the test."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def _cache(cache: Path, name: str, leave_out: tuple[str, ...] = ()) -> Path:
    """Put the packaged model into a hub cache under a name, as a download does."""
    repository = cache / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("1" * 40)
    snapshot = repository / "snapshots" / ("1" * 40)
    shutil.copytree(PACKAGED, snapshot, ignore=shutil.ignore_patterns(*leave_out))
    return snapshot


def test_one_name_for_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    assert models.canonical_name("mine") == str(tmp_path / "mine")
    assert models.canonical_name("./absent") == str(tmp_path / "absent")
    assert models.canonical_name("owner/name") == "owner/name"
    assert models.canonical_name("all-MiniLM-L6-v2") == DEFAULT_MODEL


def test_the_packaged_weights_are_the_official_ones(real_embedder: Embedder) -> None:
    assert real_embedder.name == DEFAULT_MODEL
    assert real_embedder.fingerprint == f"{OFFICIAL}-int8.2"


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json"])
def test_other_packaged_weights_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    package = tmp_path / "tampered_weights"
    shutil.copytree(PACKAGED, package / "model")
    (package / "__init__.py").write_text("raise AssertionError('the package is not imported')")
    with (package / "model" / file).open("ab") as opened:
        opened.write(b" ")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(models, "PACKAGE", "tampered_weights")
    with pytest.raises(EmbedderError, match=f"The packaged {file} .* is not used: its sha256 is"):
        load_embedder()


@pytest.mark.usefixtures("no_package", "empty_cache")
def test_without_hub_and_package_the_error_names_three_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # Offline by setting, offline by a dead network, and offline by an answer that says nothing.
    def dead(*arguments: object, **options: object) -> None:
        raise httpx2.ConnectError("[Errno -2] Name or service not known")

    with pytest.raises(EmbedderError) as by_setting:
        load_embedder()
    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", dead)
    with pytest.raises(EmbedderError) as by_network:
        load_embedder()
    for caught in (by_setting, by_network):
        for way in ("connect to https://huggingface.co", "--model PATH", "pip install 'tracegen[offline]'"):
            assert way in str(caught.value)


@pytest.mark.usefixtures("no_package", "empty_cache")
def test_a_hub_that_does_not_answer_is_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = socket.socket()
    silent.bind(("127.0.0.1", 0))
    silent.listen()
    monkeypatch.setattr(models, "HUB_TIMEOUT_S", 0.2)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    address = f"http://127.0.0.1:{silent.getsockname()[1]}"
    monkeypatch.setattr(huggingface_hub, "HfApi", lambda: huggingface_hub.hf_api.HfApi(endpoint=address))
    with silent, pytest.raises(EmbedderError, match="hub cannot be reached"):
        load_embedder()


@pytest.mark.usefixtures("no_package")
def test_the_cache_is_used_and_half_a_download_is_not(empty_cache: Path, tmp_path: Path) -> None:
    snapshot = _cache(empty_cache, DEFAULT_MODEL)
    assert models.find_model(DEFAULT_MODEL) == snapshot
    _cache(empty_cache, "owner/half", leave_out=("model.safetensors",))
    assert models.find_model("owner/half") is None


@pytest.mark.usefixtures("no_package", "empty_cache")
def test_a_model_is_downloaded_without_what_other_runtimes_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ["config.json", "model.safetensors", "pytorch_model.bin", "onnx/model.onnx", "onnx/config.json"]
    info = SimpleNamespace(siblings=[SimpleNamespace(rfilename=file) for file in files])
    asked: dict[str, Any] = {}

    def download(name: str, local_files_only: bool = False, **options: Any) -> str:
        if local_files_only:
            raise FileNotFoundError
        asked.update(options)
        return str(PACKAGED)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    assert load_embedder("owner/model").name == "owner/model"
    assert "*.safetensors" in asked["allow_patterns"]
    assert "*.bin" not in asked["allow_patterns"]
    assert "onnx/*" in asked["ignore_patterns"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no folder"),
        ({}, "There is no embedding model in"),
        ({"config.json": b"{}"}, "There are no model weights"),
    ],
)
def test_a_folder_without_a_model_is_refused(tmp_path: Path, content: dict[str, bytes] | None, message: str) -> None:
    folder = tmp_path / "model"
    if content is not None:
        folder.mkdir()
        for name, data in content.items():
            (folder / name).write_bytes(data)
    with pytest.raises(EmbedderError, match=message):
        load_embedder(str(folder))


def test_a_damaged_model_is_a_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(PACKAGED, folder)
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    embedder = load_embedder(str(folder))
    with pytest.raises(EmbedderError, match="cannot load the model in"):
        embedder.embed_queries(["anything"])


def test_a_name_that_cannot_be_one(empty_cache: Path) -> None:
    with pytest.raises(EmbedderError, match="There is no embedding model"):
        load_embedder("a/b/c d")


# --- the real model ------------------------------------------------------------------------------------------------------


def test_vectors_are_those_of_sentence_transformers() -> None:
    texts = ["Arrays hold values in order.", "A", "word " * 600, "lone \ud800 surrogate"]
    embedder = load_embedder(precision="float32")
    vectors = embedder.embed_documents(texts)
    assert vectors.shape == (4, embedder.dimension) == (4, 384)
    assert vectors.dtype == np.float32
    expected = SentenceTransformer(str(PACKAGED), device="cpu").encode([texts[0], texts[1], texts[2]])
    assert np.allclose(vectors[:3], expected, atol=1e-5)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_query_has_one_vector_whatever_was_embedded_before(real_embedder: Embedder) -> None:
    fresh = load_embedder()
    first = fresh.embed_queries(["how do I fold an array"])[0]
    real_embedder.embed_documents(["something else"] * 9)
    assert np.array_equal(real_embedder.embed_queries(["how do I fold an array"])[0], first)
    assert not first.flags.writeable
    assert real_embedder.embed_documents([]).shape == (0, 384)


def test_tokens_are_counted_beyond_what_the_model_reads(real_embedder: Embedder) -> None:
    assert real_embedder.max_tokens == 254
    assert real_embedder.count_tokens("fold") == 1
    assert real_embedder.count_tokens("word " * 1000) == 1000
    assert real_embedder.count_tokens("\udce9") >= 1


def test_progress_counts_texts(real_embedder: Embedder) -> None:
    seen: list[tuple[int, int]] = []
    real_embedder.embed_documents(["a", "b"], lambda done, total: seen.append((done, total)))
    assert seen == [(2, 2)]


def test_loading_is_silent_and_leaves_the_environment_alone() -> None:
    script = (
        "import os; from tracegen.index import load_embedder; before = dict(os.environ)\n"
        "load_embedder().embed_queries(['hello'])\n"
        "changed = {k for k in os.environ if os.environ[k] != before.get(k)} - {'TOKENIZERS_PARALLELISM'}\n"
        # torch and scikit-learn set these two themselves
        "assert changed <= {'KMP_DUPLICATE_LIB_OK', 'KMP_INIT_AT_FORK', 'TORCHINDUCTOR_CACHE_DIR'}, changed\n"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=dict(os.environ))
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_meaning_is_found_without_a_common_word(docs: Path, tmp_path: Path, real_embedder: Embedder) -> None:
    build_index([docs], tmp_path / "index", embedder=real_embedder)
    with open_index(tmp_path / "index") as index:
        best = index.search("concatenating text")[0]
    assert best.chunk.path == "guide/strings.md"
    assert best.dense_rank == 1


def test_the_same_weights_in_a_folder_are_the_same_model(docs: Path, tmp_path: Path, real_embedder: Embedder) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(PACKAGED, folder)
    build_index([docs], tmp_path / "index", embedder=real_embedder)
    assert not build_index([docs], tmp_path / "index", model=str(folder)).changed
    with open_index(tmp_path / "index", model=str(folder)) as index:
        assert index.manifest.model == DEFAULT_MODEL

    with (folder / "model.safetensors").open("ab") as file:
        file.write(b" ")
    with pytest.raises(SettingsError, match=f"built with the model {DEFAULT_MODEL}"):
        build_index([docs], tmp_path / "index", model=str(folder))
    with pytest.raises(StoreError, match="Use the same model"):
        open_index(tmp_path / "index", model=str(folder))


def fingerprint_of(index: Path) -> str:
    return store.read_manifest(index, store.current_generation(index)).fingerprint


def test_an_index_in_int8_of_another_version_is_embedded_anew(docs: Path, tmp_path: Path) -> None:
    index = tmp_path / "index"
    built = build_index([docs], index)
    manifest = store.current_generation(index) / store.MANIFEST
    manifest.write_text(manifest.read_text().replace("-int8.2", "-int8"))
    with pytest.raises(
        StoreError, match=r"another version of tracegen \(weights 53aa51172d14-int8\)\. Build it again: tracegen index DOCS"
    ):
        open_index(index)
    again = build_index([docs], index)
    assert (again.embedded, again.reused) == (built.chunks, 0)
    assert fingerprint_of(index) == f"{OFFICIAL}-int8.2"
    assert not build_index([docs], index).changed


@pytest.mark.parametrize(("precision", "other"), [("int8", "float32"), ("float32", "int8")])
def test_an_index_is_searched_and_built_on_in_its_precision(docs: Path, tmp_path: Path, precision: str, other: str) -> None:
    index, wanted = tmp_path / "index", models.at_precision(OFFICIAL, precision)
    built = build_index([docs], index, precision=precision)
    assert built.id != build_index([docs], tmp_path / "other", precision=other).id
    assert fingerprint_of(index) == wanted
    (docs / "new.md").write_text("# Joining\n\nConcatenating text is joining it.\n", encoding="utf-8")
    again = build_index([docs], index)
    assert (again.embedded, again.reused) == (1, built.chunks)
    vectors = np.load(store.current_generation(index) / store.VECTORS)
    with open_index(index) as opened:
        assert opened.manifest.fingerprint == wanted
        assert opened.search("concatenating text")[0].chunk.path == "new.md"
        texts = [embedded_text(chunk) for chunk in opened.chunks()]
    assert np.array_equal(vectors, load_embedder(precision=precision).embed_documents(texts))
    refused = rf"precision {precision}, not {other}\. Use --precision {precision} or leave it out"
    with pytest.raises(SettingsError, match=refused):
        build_index([docs], index, precision=other)
    with pytest.raises(SettingsError, match=refused):
        build_index([docs], index, embedder=load_embedder(precision=other))
    short, other_short = (models.short(models.at_precision(OFFICIAL, one)) for one in (precision, other))
    with pytest.raises(StoreError, match=rf"weights {short}\), not with .* \(weights {other_short}\)\."):
        open_index(index, embedder=load_embedder(precision=other))


def test_a_new_index_is_in_int8_with_the_weights_it_was_measured_with_alone(docs: Path, tmp_path: Path) -> None:
    same, others = tmp_path / "same", tmp_path / "others"
    shutil.copytree(PACKAGED, same)
    shutil.copytree(PACKAGED, others)
    weights = bytearray((others / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (others / "model.safetensors").write_bytes(weights)
    assert load_embedder().fingerprint == load_embedder(str(same)).fingerprint == f"{OFFICIAL}-int8.2"
    assert load_embedder(str(others)).fingerprint == hashlib.sha256(weights).hexdigest()
    assert load_embedder(str(others), precision="int8").fingerprint.endswith("-int8.2")
    for name, model in (("default", DEFAULT_MODEL), ("same", str(same)), ("others", str(others))):
        build_index([docs], tmp_path / f"index-{name}", model=model)
        precision = models.precision_of(fingerprint_of(tmp_path / f"index-{name}"))
        assert precision == ("float32" if name == "others" else "int8")


@pytest.mark.parametrize("precision", models.PRECISIONS)
@pytest.mark.parametrize("damage", ["format", "missing", "chroma"])
def test_an_index_that_has_to_be_built_again_keeps_its_precision(
    docs: Path, tmp_path: Path, precision: str, damage: str
) -> None:
    index = tmp_path / "index"
    built = build_index([docs], index, precision=precision)
    generation = store.current_generation(index)
    if damage == "format":
        manifest = json.loads((generation / store.MANIFEST).read_text())
        (generation / store.MANIFEST).write_text(json.dumps(manifest | {"format": store.FORMAT - 1, "what": "was dropped"}))
    elif damage == "missing":
        (generation / store.CHUNKS).unlink()
    else:
        shutil.rmtree(generation / store.CHROMA)
    again = build_index([docs], index)
    assert (again.changed, again.id) == (True, built.id)
    assert fingerprint_of(index) == models.at_precision(OFFICIAL, precision)


@pytest.mark.parametrize(
    "manifest", ["", "[]", "{}", '{"model": 1, "fingerprint": 1}', f'{{"model": "{DEFAULT_MODEL}", "fingerprint": "1-int4"}}']
)
def test_an_index_whose_manifest_tells_no_precision_is_built_as_a_new_one(docs: Path, tmp_path: Path, manifest: str) -> None:
    index = tmp_path / "index"
    build_index([docs], index, precision="float32")
    (store.current_generation(index) / store.MANIFEST).write_text(manifest)
    build_index([docs], index)
    assert fingerprint_of(index) == f"{OFFICIAL}-int8.2"


def test_int8_weights_in_a_folder_are_the_same_model(docs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(PACKAGED, folder)
    build_index([docs], tmp_path / "index", precision="int8")
    assert not build_index([docs], tmp_path / "index", model=str(folder)).changed
    with open_index(tmp_path / "index", model=str(folder)) as index:
        assert index.search("concatenating text")


def test_a_precision_that_cannot_be_had_is_refused(docs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cased"
    shutil.copytree(PACKAGED, folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"do_lower_case": False}))
    with pytest.raises(EmbedderError, match=r"cased cannot be had in int8: .* and this is none. Build the index without"):
        build_index([docs], tmp_path / "index", model=str(folder), precision="int8")
    with pytest.raises(EmbedderError, match="openai:any cannot be had in int8: an endpoint runs it"):
        load_embedder("openai:any", embeddings_url="http://127.0.0.1:9/v1", precision="int8")
    with pytest.raises(SettingsError, match=r"There is no precision int4\. Give one of float32, int8\."):
        load_embedder(precision="int4")
    build_index([docs], tmp_path / "index", model=str(folder))  # the refusal left nothing in the way


def test_a_model_whose_folder_has_moved(docs: Path, tmp_path: Path) -> None:
    folder, moved, index = tmp_path / "model", tmp_path / "models" / "mine", tmp_path / "index"
    shutil.copytree(PACKAGED, folder)
    built = build_index([docs], index, model=str(folder))
    moved.parent.mkdir()
    folder.rename(moved)
    with pytest.raises(EmbedderError, match="has moved"):
        open_index(index)
    with open_index(index, model=str(moved)) as opened:
        assert opened.search("concatenating text")[0].chunk.path == "guide/strings.md"
    again = build_index([docs], index, model=str(moved))
    assert (again.changed, again.id) == (False, built.id)
    with open_index(index) as opened:
        assert opened.manifest.model == str(moved)
