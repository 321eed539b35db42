"""A split that leaks nothing, and a check of one that exists. Joins samples, dataset and index."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from tracegen.dataset.clusters import Clusters, cluster
from tracegen.dataset.similar import joined_groups, near_duplicate_groups
from tracegen.dataset.split import hold_out, quarters
from tracegen.errors import InputError, OutputError, SettingsError
from tracegen.jsonl import replacing
from tracegen.minhash import words
from tracegen.samples import Sample, Unusable, opened_run, read_samples

SHORTEST_OUTPUT = 8
"""Words and signs. Shorter outputs are not compared: different questions may have the same short answer."""

Kind = Literal["row", "prompt", "output"]


class Part(NamedTuple):
    """A cluster, and how it was split."""

    rows: int
    """Its rows."""
    valid: int
    """Those held out."""


class Split(NamedTuple):
    """What was split, and how evenly."""

    outputs: tuple[Path, Path]
    """The training file and the validation file."""
    train: int
    """Rows in the training file."""
    valid: int
    """Rows in the validation file."""
    groups: int
    """Groups of rows that must stay together; one for each row without a near-duplicate."""
    clusters: tuple[Part, ...]
    """The clusters of prompts, the largest first."""
    quarters: tuple[Part, ...]
    """The quarters by length, the shortest rows first."""
    unusable: tuple[Unusable, ...]
    """Lines that are in neither file."""

    @property
    def share(self) -> float:
        """Share of rows held out."""
        return self.valid / (self.train + self.valid)

    @property
    def deviation(self) -> float:
        """Largest distance, in rows, between what was held out of a cluster or quarter and its even share."""
        return max(abs(part.valid - part.rows * self.share) for part in (*self.clusters, *self.quarters))


class Leak(NamedTuple):
    """A line of a validation file that nearly stands in the training file."""

    valid_line: int
    """Line in the validation file, counted from 1."""
    train_lines: tuple[int, ...]
    """Lines in the training file."""
    kind: Kind
    """What they have in common: the row that they are or are variants of, nearly the prompt, or nearly the output."""


def split(
    dataset: Path | str,
    train: Path | str | None = None,
    valid: Path | str | None = None,
    *,
    share: float = 0.1,
    seed: int = 0,
    model: str | None = None,
    run: Path | str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Split:
    """Split a dataset, or finished examples, into two files, and return how.

    Near-duplicates, by prompt or by output, and variants of one row stay on one side. The lines are copied as they stand, in
    their order; both files appear whole or not at all. `train` and `valid` are NAME.train.jsonl and NAME.valid.jsonl beside
    the dataset where they are not given. `model` embeds the prompts; `run` is the run file of finished examples, by default
    the one beside them, if there is one. The same file and seed give the same split.

    Raises InputError where the file cannot be split, SettingsError where the share or the outputs are wrong, OutputError
    where these cannot be written.
    """
    dataset = Path(dataset)
    outputs = [
        Path(path) if path is not None else dataset.with_name(f"{dataset.name.removesuffix('.jsonl')}.{name}.jsonl")
        for name, path in (("train", train), ("valid", valid))
    ]
    if len({dataset.resolve(), *(path.resolve() for path in outputs)}) < 3:
        raise SettingsError(
            f"{dataset} and both outputs have to be three files. Name others with --train-output and --valid-output."
        )
    for path in outputs:
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise OutputError(f"Cannot write {path}: give a file in a folder that is there.")
    if not 0 < share < 1:
        raise SettingsError(f"--valid {share}: give a share between 0 and 1, such as 0.1.")
    with opened_run(dataset, run) as opened:
        samples = read_samples(dataset, opened)
    groups = joined_groups(len(samples.usable), *_groupings(samples.usable).values())
    if len(set(groups)) < 2:
        why = "are near-duplicates of one another" if len(groups) > 1 else "are one row"
        raise InputError(f"All rows of {dataset} {why}: nothing can be held out.")
    clusters = topics([sample.prompt for sample in samples.usable], model=model, seed=seed, progress=progress).labels
    lengths = [sample.length for sample in samples.usable]
    held = hold_out(groups, clusters, lengths, share=share, seed=seed)
    with replacing(outputs[0]) as train_file, replacing(outputs[1]) as valid_file:
        for sample, is_held in zip(samples.usable, held, strict=True):
            (valid_file if is_held else train_file).write(sample.text + "\n")
    return Split(
        outputs=(outputs[0], outputs[1]),
        train=held.count(False),
        valid=held.count(True),
        groups=len(set(groups)),
        clusters=_parts(clusters, held),
        quarters=_parts(quarters(lengths).tolist(), held),
        unusable=samples.unusable,
    )


def check_split(train: Path | str, valid: Path | str) -> list[Leak]:
    """Return the lines of a validation file that nearly stand in the training file, in their order.

    Lines without a prompt and a desired output are not compared. Raises InputError where a file cannot be read.
    """
    sides = []
    for path in (Path(train), Path(valid)):
        with opened_run(path, None) as run:
            sides.append(read_samples(path, run).usable)
    trained, held = sides
    groupings = _groupings([*trained, *held])
    members = {kind: _members(groups[: len(trained)]) for kind, groups in groupings.items()}
    leaks = []
    for position, sample in enumerate(held, start=len(trained)):
        for kind, groups in groupings.items():
            if found := members[kind].get(groups[position]):
                leaks.append(Leak(sample.line, tuple(trained[number].line for number in found), kind))
                break
    return leaks


def topics(
    prompts: Sequence[str],
    *,
    model: str | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Clusters:
    """Return the clusters of prompts, embedded by a model, the default one where none is named.

    Raises EmbedderError where the model cannot be had.
    """
    from tracegen.index import load_embedder
    from tracegen.index.models import DEFAULT_MODEL, FLOAT32

    embedder = load_embedder(model or DEFAULT_MODEL, precision=FLOAT32)
    return cluster(embedder.embed_documents(prompts, progress), seed=seed)


def _groupings(samples: Sequence[Sample]) -> dict[Kind, list[int]]:
    """Return three groupings, each as `near_duplicate_groups`: by family, by prompt, and by output."""
    families: dict[str, int] = {}
    long = [number for number, sample in enumerate(samples) if len(words(sample.output)) >= SHORTEST_OUTPUT]
    outputs = list(range(len(samples)))
    for number, first in zip(long, near_duplicate_groups([samples[number].output for number in long]), strict=True):
        outputs[number] = long[first]
    return {
        "row": [families.setdefault(sample.family, number) for number, sample in enumerate(samples)],
        "prompt": near_duplicate_groups([sample.prompt for sample in samples]),
        "output": outputs,
    }


def _members(groups: Sequence[int]) -> dict[int, list[int]]:
    members: dict[int, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        members[group].append(number)
    return members


def _parts(labels: Sequence[int], held: Sequence[bool]) -> tuple[Part, ...]:
    rows, valid = Counter(labels), Counter(label for label, is_held in zip(labels, held, strict=True) if is_held)
    return tuple(Part(rows[label], valid[label]) for label in sorted(rows))
