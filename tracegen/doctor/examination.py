"""The examination of a dataset: all checks, one after the other, and the advice that follows."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tracegen.dataset import read_rows
from tracegen.doctor.advice import advise
from tracegen.doctor.checking import CheckCommand, check_outputs, read_command
from tracegen.doctor.dataset import count_system_prompts, find_repetitions, find_thin_prompts, measure
from tracegen.doctor.prospects import prospects
from tracegen.doctor.records import Documentation, Report, Retrieval, Skipped, Variety
from tracegen.doctor.tasks import count_tasks
from tracegen.doctor.weighing import Findings
from tracegen.errors import EmbedderError
from tracegen.records import Chunk, Row
from tracegen.review.figures import BadLine
from tracegen.traces.terms import terms_of

if TYPE_CHECKING:
    from tracegen.index import Embedder
    from tracegen.index.sidecar import Sidecar

SAMPLE = 200
"""Rows that searches are made for; the built-in researcher takes some 50 ms for each."""
NO_INDEX = "without an index; make one: tracegen index DOCS"

Progress = Callable[[str, int, int], None]


def examine(
    dataset: Path | str,
    index: Path | str | None = None,
    *,
    check: CheckCommand | None = None,
    language: str | None = None,
    sample: int = SAMPLE,
    seed: int = 0,
    embeddings_url: str | None = None,
    progress: Progress = lambda *_: None,
) -> Report:
    """Examine a dataset, against the documentation of an index where there is one, and return the report.

    `check` is a command run on every desired output; `language` is that of the outputs, where Pygments knows it. Searches are
    made for `sample` rows, drawn with `seed`. Asks nothing of any model but the embedding model.
    Raises InputError where the dataset cannot be read, StoreError where the index is damaged, SettingsError where the command
    cannot be run or Pygments does not know the language.
    """
    from tracegen.index.sidecar import read_sidecar

    dataset = Path(dataset)
    # What is wrong with the settings is said before anything takes time.
    if check is not None:
        read_command(check)
    terms_of("", language)
    sidecar = read_sidecar(Path(index)) if index is not None else None
    rows, unusable = _read(dataset)
    progress("read", len(rows), len(rows))
    repetitions = find_repetitions(rows)
    tasks = count_tasks(rows)
    checked = check_outputs(rows, check, _stage(progress, "check")) if check is not None else None
    settings = _Settings(language, sample, seed, embeddings_url, progress)
    if index is None or sidecar is None:
        against = _without_index(rows, settings)
    else:
        against = _against_documentation(rows, Path(index), sidecar, settings)
    findings = Findings(
        dataset=str(dataset),
        rows=len(rows),
        unusable=unusable,
        repetitions=repetitions,
        thin_prompts=find_thin_prompts(rows),
        tasks=tasks,
        system_prompts=count_system_prompts(rows),
        variety=against.variety,
        checked=checked,
        documentation=against.documentation,
        retrieval=against.retrieval,
        prospects=prospects(len(rows), repetitions, tasks, checked, against.documentation, against.retrieval),
    )
    fields = {name: getattr(findings, name) for name in findings._fields if name != "rows"}
    skipped = list(against.skipped)
    if check is None:
        skipped.append(Skipped(part="outputs", reason="without a command; give one: --check-cmd 'PROGRAM {file}'"))
    return Report(advice=advise(findings), sizes=measure(rows), skipped=tuple(skipped), **fields)


class _Against(NamedTuple):
    """What takes an embedding model or an index."""

    variety: Variety | None
    documentation: Documentation | None
    retrieval: Retrieval | None
    skipped: tuple[Skipped, ...]


class _Settings(NamedTuple):
    language: str | None
    sample: int
    seed: int
    embeddings_url: str | None
    progress: Progress


def _without_index(rows: Sequence[Row], settings: _Settings) -> _Against:
    """Examine what needs an embedding model alone, if there is one."""
    from tracegen.index import load_embedder
    from tracegen.index.models import FLOAT32

    skipped = [Skipped(part=part, reason=NO_INDEX) for part in ("documentation", "retrieval")]
    try:
        return _Against(_variety(rows, load_embedder(precision=FLOAT32), settings), None, None, tuple(skipped))
    except EmbedderError as error:
        skipped.insert(0, Skipped(part="variety", reason=f"without an embedding model. {error}"))
        return _Against(None, None, None, tuple(skipped))


def _against_documentation(rows: Sequence[Row], path: Path, sidecar: "Sidecar", settings: _Settings) -> _Against:
    from tracegen.doctor.documentation import examine_documentation, needs_of
    from tracegen.doctor.retrieval import examine_retrieval
    from tracegen.index import load_embedder, open_index
    from tracegen.index.models import FLOAT32
    from tracegen.traces.support import Vocabulary

    manifest = sidecar.manifest
    load = partial(load_embedder, manifest.model, embeddings_url=settings.embeddings_url, known=manifest.fingerprint)
    chunks = [Chunk.model_validate_json(line) for line in sidecar.lines]
    vocabulary = Vocabulary(chunks)
    rated = [row for row in rows if row.is_rated]
    needs = needs_of(rated, vocabulary, settings.language, _stage(settings.progress, "read outputs"))
    documentation = examine_documentation(manifest.id, chunks, needs)
    with open_index(path, embedder=load()) as index:
        variety = _variety(rows, load(precision=FLOAT32), settings)
        retrieval = examine_retrieval(
            rated,
            index,
            [chunk.path for chunk in chunks],
            vocabulary,
            sample=settings.sample,
            seed=settings.seed,
            language=settings.language,
            progress=_stage(settings.progress, "search"),
        )
    return _Against(variety, documentation, retrieval, ())


def _variety(rows: Sequence[Row], embedder: "Embedder", settings: _Settings) -> Variety:
    from tracegen.doctor.variety import examine_variety

    return examine_variety(rows, embedder, seed=settings.seed, progress=_stage(settings.progress, "embed prompts"))


def _read(dataset: Path) -> tuple[list[Row], tuple[BadLine, ...]]:
    rows: list[Row] = []
    unusable: list[BadLine] = []
    for entry in read_rows(dataset):
        if isinstance(entry.outcome, Row):
            rows.append(entry.outcome)
        else:
            unusable.append(BadLine(line=entry.outcome.line, reason=entry.outcome.reason))
    return rows, tuple(unusable)


def _stage(progress: Progress, name: str) -> Callable[[int, int], None]:
    return lambda done, total: progress(name, done, total)
