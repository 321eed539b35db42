"""How lopsided the prompts are: clusters of their embeddings, named by words, and drawn as a map."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tracegen.dataset.clusters import Clusters, cluster
from tracegen.doctor.records import Cluster, Point, Variety
from tracegen.doctor.retrieval import draw
from tracegen.doctor.texts import asked
from tracegen.records import Row

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tracegen.index import Embedder

EMBEDDED = 2000
"""Rows looked at; of more a sample, because a core embeds some twenty prompts a second."""
WORDS = 4
"""Words that name a cluster."""
LINES = 8
"""Rows named of each cluster."""
NAMED_BY = 2000
"""Characters of a prompt that its cluster is named by: what is asked stands at the beginning."""


def examine_variety(
    rows: Sequence[Row], embedder: "Embedder", *, seed: int, progress: Callable[[int, int], None] = lambda *_: None
) -> Variety:
    """Return the clusters of the prompts and their map; at least one row is needed."""
    chosen = draw(rows, EMBEDDED, seed)
    texts = [asked(row) for row in chosen]
    vectors = embedder.embed_documents(texts, progress)
    found = cluster(vectors, seed=seed)
    x, y = _project(vectors)
    return Variety(
        embedded=len(chosen),
        clusters=tuple(_clusters(chosen, texts, vectors, found)),
        largest_share=found.shares[0],
        effective=found.effective,
        points=tuple(
            Point(line=row.line, x=round(float(x[place]), 4), y=round(float(y[place]), 4), cluster=found.labels[place] + 1)
            for place, row in enumerate(chosen)
        ),
    )


def _project(vectors: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Return the first two principal components of the vectors, shape (2, n); zeros where they do not differ."""
    import numpy as np
    from sklearn.decomposition import PCA

    flat: NDArray[np.float32] = np.zeros((2, len(vectors)), dtype=np.float32)
    components = min(2, len(vectors) - 1)
    if components < 1 or np.ptp(vectors, axis=0).max() == 0:
        return flat
    flat[:components] = PCA(n_components=components, svd_solver="full").fit_transform(vectors).T
    return flat


def _clusters(rows: Sequence[Row], texts: Sequence[str], vectors: "NDArray[np.float32]", found: Clusters) -> list[Cluster]:
    import numpy as np

    labels = np.array(found.labels)
    names = _names([text[:NAMED_BY] for text in texts], labels, len(found.shares))
    made = []
    for number, share in enumerate(found.shares):
        members = np.flatnonzero(labels == number)
        middle = vectors[members].mean(axis=0)
        order = members[np.argsort(-(vectors[members] @ middle), kind="stable")]
        made.append(
            Cluster(
                number=number + 1,
                rows=len(members),
                share=share,
                words=names[number],
                lines=tuple(rows[int(place)].line for place in order[:LINES]),
            )
        )
    return made


def _names(texts: Sequence[str], labels: "NDArray[np.int64]", clusters: int) -> list[tuple[str, ...]]:
    """Return the words of each cluster that most of its prompts have and few others: share inside times ln(n / rows in all)."""
    import numpy as np
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(binary=True, stop_words="english", token_pattern=r"(?u)\b[^\W\d_]{3,}\b|[\u3040-\u9fff]{2,4}")
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError:  # not one word in all texts
        return [()] * clusters
    words = vectorizer.get_feature_names_out()
    rarity = np.log(len(texts) / np.asarray(counts.sum(axis=0)).ravel())
    names = []
    for number in range(clusters):
        inside = np.asarray(counts[labels == number].mean(axis=0)).ravel()
        # A word of one row alone names nothing where there are more.
        enough = inside >= min(1.0, 2 / max(1, int((labels == number).sum())))
        score = np.where(enough, inside * np.maximum(rarity, 1e-6), 0)
        best = np.argsort(-score, kind="stable")[:WORDS]
        names.append(tuple(str(words[place]) for place in best if score[place] > 0))
    return names
