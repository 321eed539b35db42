"""The most varied, best supported rows of a dataset or of finished examples. Joins samples, dataset, index and proof."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tracegen.dataset.clusters import cluster, effective_number
from tracegen.dataset.select import most_varied
from tracegen.errors import SettingsError
from tracegen.jsonl import replacing
from tracegen.pipeline import check_output
from tracegen.proof import make_rater, rate_run
from tracegen.samples import Unusable, opened_run, read_samples
from tracegen.traces.marks import keys_of
from tracegen.traces.ratings import stored_supports
from tracegen.traces.runfile import RunFile


class Group(NamedTuple):
    """Rows, and how varied and supported they are."""

    rows: int
    """How many."""
    topics: float
    """Effective number of topics, as `tracegen.dataset.clusters` counts them over all rows."""
    support: float | None
    """Mean support, of 1; None where none is known."""


class Selection(NamedTuple):
    """What was selected."""

    output: Path
    """The file written."""
    chosen: Group
    """The rows in it."""
    all: Group
    """The rows to choose from."""
    unusable: tuple[Unusable, ...]
    """Lines that could not be chosen."""


def select(
    dataset: Path | str,
    output: Path | str,
    best: int,
    *,
    run: Path | str | None = None,
    index: Path | str = Path(".tracegen/index"),
    by_support: bool = True,
    model: str | None = None,
    language: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Selection:
    """Write the `best` rows of a dataset, or of finished examples, to `output`, in the order of their choice.

    The first n lines are what `best=n` gives. Rows are chosen for the variety of their prompts, each counting as much as its
    support in the run file: `run`, or the one beside the dataset, rated with its `index` where none is stored. A row that the
    run knows no support of counts as the mean of the others. Without a run, or without `by_support`, variety alone decides.
    Lines are copied as they stand. The same input gives the same output.

    Raises InputError where the file cannot be read, StoreError where the index is not that of the run.
    """
    import numpy as np

    from tracegen.index import load_embedder
    from tracegen.index.models import DEFAULT_MODEL, FLOAT32

    dataset, output = Path(dataset), Path(output)
    if best < 1:
        raise SettingsError(f"--best {best}: give the number of rows to select.")
    check_output(dataset, output)
    with opened_run(dataset, run) as opened:
        samples = read_samples(dataset, opened)
        known = supports(opened, Path(index), language) if opened is not None and by_support else {}
    found = [known.get(sample.key) for sample in samples.usable]
    embedder = load_embedder(model or DEFAULT_MODEL, precision=FLOAT32)
    vectors = embedder.embed_documents([sample.prompt for sample in samples.usable], progress)
    mean = _mean(found)
    quality = [mean if each is None else each for each in found] if mean is not None else [1.0] * len(found)
    labels = cluster(vectors).labels
    chosen = most_varied(vectors, labels, np.array(quality, dtype=np.float32), best)
    with replacing(output) as file:
        file.writelines(samples.usable[position].text + "\n" for position in chosen)
    return Selection(
        output=output,
        chosen=_group([labels[position] for position in chosen], [found[position] for position in chosen]),
        all=_group(labels, found),
        unusable=samples.unusable,
    )


def supports(run: RunFile, index: Path, language: str | None = None) -> Mapping[str, float]:
    """Return the support of the finished rows of a run by the keys of `tracegen.samples`; those without any are left out.

    What is stored is taken as it is, unless a language is named; else the rows are rated with the index. Raises StoreError
    where that is not the one of the run.
    """
    stored = stored_supports(run) if language is None else None
    if stored is None:
        rater = make_rater(run, index, language)
        stored = {
            row.row_id: row.rating.support.support for row in rate_run(run, rater, store=False) if row.row_id and row.rating
        }
    found = {}
    for result in run.results():
        support = stored.get(result.row.id) if result.row else None
        if result.row is not None and support is not None:
            found.update(dict.fromkeys(keys_of(result.row), support))
    return found


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _group(labels: Sequence[int], found: Sequence[float | None]) -> Group:
    return Group(rows=len(labels), topics=effective_number(Counter(labels).values()), support=_mean(found))
