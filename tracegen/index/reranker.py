"""An optional second look at what a search found: a cross-encoder reads query and chunk together.

Off by default: it takes as long for one query as embedding thirty chunks. Which one was used is part of the tool, so a run
records it.
"""

from collections.abc import Sequence
from functools import cached_property
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tracegen.corpus import embedded_text
from tracegen.errors import EmbedderError
from tracegen.index import models
from tracegen.index.embedder import import_torch, one_thread, quiet
from tracegen.index.ranking import DEFINITION, Found
from tracegen.index.sidecar import Sidecar

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

RERANKED = 30
"""The best chunks of a ranking, which are put in a new order; the others stay behind them."""
BATCH_SIZE = 8
MOST_SURE = 30.0
"""Logits beyond are as good as that: what comes of them is still below 1."""

RERANKING = models.Use(
    kind="reranking model",
    folder="a cross-encoder",
    option="--rerank",
    leave_out="leave it out: then nothing is reranked",
    third_way="leave --rerank out: then nothing is reranked",
)


class Reranker:
    """A cross-encoder in a folder, loaded when it is first needed. Safe to use from several threads."""

    def __init__(self, name: str, folder: Path) -> None:
        self.id = f"{name} {models.fingerprint(folder, RERANKING)[:12]}"
        """Name and first digits of the weights' digest, as the tool has it."""
        self._folder = folder
        self._lock = RLock()

    @cached_property
    def _model(self) -> "CrossEncoder":
        return _load(self._folder)

    def likely(self, query: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return how likely each text answers a query, as the model says, between 0 and 1, shape (n,). Raises EmbedderError."""
        # Of itself one model gives probabilities, another their logits; in float32 those of sure answers would all be 1.
        logits = import_module("torch").nn.Identity()
        pairs = [(query, text) for text in texts]
        with self._lock, one_thread():
            answer = self._model.predict(pairs, batch_size=BATCH_SIZE, activation_fn=logits, show_progress_bar=False)
        said = np.asarray(answer, dtype=np.float64)
        if said.shape != (len(texts),) or not np.isfinite(said).all():
            raise EmbedderError(f"The reranking model {self.id} gives no score for a text. Choose another one with --rerank.")
        likely: NDArray[np.float64] = 1 / (1 + np.exp(-np.clip(said, -MOST_SURE, MOST_SURE)))
        return likely

    def rerank(self, query: str, ranked: Sequence[Found], sidecar: Sidecar) -> list[Found]:
        """Return a ranking whose first RERANKED chunks are in the model's order, those with a name of the query still first."""
        first, others = ranked[:RERANKED], ranked[RERANKED:]
        if not first:
            return []
        likely = self.likely(query, [embedded_text(sidecar.chunk(found.number)) for found in first])
        # Above the scores of what was not reranked (1 and the bonus), each kind of name one step higher.
        again = [
            found._replace(score=1 + DEFINITION + found.bonus + float(one)) for found, one in zip(first, likely, strict=True)
        ]
        return [*sorted(again, key=lambda found: (-found.score, found.number)), *others]


def load_reranker(model: str) -> Reranker:
    """Find a cross-encoder: a folder, or a name on the hub. Raises EmbedderError where it cannot be had."""
    name = models.canonical_name(model)
    return Reranker(name, models.resolve_model(name, RERANKING))


def _load(folder: Path) -> "CrossEncoder":
    import_torch()
    errors = import_module("safetensors").SafetensorError
    from sentence_transformers import CrossEncoder

    try:
        with quiet():
            model: CrossEncoder = CrossEncoder(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)
            return model
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError, errors) as error:
        raise EmbedderError(
            f"sentence-transformers cannot load the reranking model in {folder}: {error}. "
            "Get it again, or choose another with --rerank."
        ) from error
