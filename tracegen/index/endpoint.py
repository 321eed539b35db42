"""Embeddings from any OpenAI-compatible endpoint: `openai:text-embedding-3-small`.

Key and address are the SDK's own, OPENAI_API_KEY and OPENAI_BASE_URL, or an address given for embeddings alone. Neither is part
of the index: it keeps the model's name and a fingerprint, by which a model that changed behind its name is noticed.
"""

import hashlib
import os
import re
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from functools import cached_property
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegen.errors import EmbedderError
from tracegen.index.calls import Calls, close, result_of
from tracegen.index.embedder import QUERY_CACHE, Vectors, well_formed
from tracegen.index.models import ENDPOINT
from tracegen.lru import LRUCache

if TYPE_CHECKING:
    import httpx2
    import openai

TIMEOUT_S = 120.0
MAX_RETRIES = 5
"""The SDK's retries of what can pass: connection errors, 408, 409, 429, 5xx; with backoff, Retry-After honoured."""
BATCH_TOKENS = 50_000
BATCH_TEXTS = 256
"""Limits of one request. OpenAI takes 300,000 tokens and 2,048 texts (2026-11), other servers less."""
REQUESTS_AT_A_TIME = 4
OPENAI_MAX_TOKENS = 8191
OTHER_MAX_TOKENS = 500
"""What a model reads where nothing is known about it."""

PROBE = "The quick brown fox jumps over the lazy dog."
SKETCH = 28
"""Bytes of a fingerprint that follow from the probe's vector; with four for the name that makes 64 hex digits."""
SKETCH_TOLERANCE = 3
"""Of 255: endpoints do not give the same bits twice, but nearly."""
SECRET_CHARS = 8

# Six letters of a word, a sign, a character of a script without spaces: rather more than tokenizers make of a text.
_TOKEN = re.compile(r"[A-Za-z0-9_]{1,6}|[^\sA-Za-z0-9_]")


class EndpointEmbedder:
    """An embedding model behind an endpoint. Safe to use from several threads."""

    def __init__(
        self, name: str, *, url: str | None = None, known: str = "", http_client: "httpx2.AsyncClient | None" = None
    ) -> None:
        """Prepare a client; nothing is sent yet. `known` is the fingerprint of an index, kept where the model still fits it.

        Raises EmbedderError where there is neither a key nor an address.
        """
        import httpx2
        import openai

        self.name = name
        self._model = name.removeprefix(ENDPOINT)
        self._known = known
        self._key = os.environ.get("OPENAI_API_KEY", "").strip()
        if not self._key and not (url or os.environ.get("OPENAI_BASE_URL")):
            raise EmbedderError(
                f"No key for the embedding model {name}: set OPENAI_API_KEY, or give --embeddings-url for a server of your own."
            )
        try:
            self._client = openai.AsyncOpenAI(
                # A server of one's own often wants no key, but the SDK insists on one.
                api_key=self._key or "none", base_url=url, timeout=TIMEOUT_S, max_retries=MAX_RETRIES, http_client=http_client,
            )  # fmt: skip
            address = httpx2.URL(str(self._client.base_url))
        except httpx2.InvalidURL:
            address = httpx2.URL("")
        if address.scheme not in ("http", "https") or not address.host or address.userinfo:
            # Not repeated here: it may hold a password.
            raise EmbedderError("The address for embeddings is none. Give it as http://localhost:8000/v1, without a password.")
        self.max_tokens = OPENAI_MAX_TOKENS if self._model.startswith("text-embedding-") else OTHER_MAX_TOKENS
        weakref.finalize(self, close, self._client.close).atexit = False
        self.queries_together, self.batches_at_once = BATCH_TEXTS, REQUESTS_AT_A_TIME
        self._calls = Calls()
        self._lock = Lock()
        self._remembered: LRUCache[str, Vectors] = LRUCache(QUERY_CACHE)

    @cached_property
    def _probe_vector(self) -> Vectors:
        vector: Vectors = self._request([PROBE])[0]
        return vector

    @property
    def _probe(self) -> Vectors:
        with self._lock:
            return self._probe_vector

    @property
    def dimension(self) -> int:
        """Length of a vector; the first use asks the endpoint."""
        return len(self._probe)

    @property
    def fingerprint(self) -> str:
        """64 hex digits: of name and dimension, and of the vector of one sentence; `known`, where they say the same."""
        found = fingerprint(self._model, self._probe)
        return self._known if agree(found, self._known) else found

    def count_tokens(self, text: str) -> int:
        """Return about as many tokens as the model makes of a text, rather more than fewer: its tokenizer is not known."""
        return len(_TOKEN.findall(text))

    def embed_documents(self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None) -> Vectors:
        """Return one vector of length 1 for each text, shape (n, dimension); progress gets texts done and in all."""
        vectors = np.zeros((len(texts), self.dimension if texts else 0), dtype=np.float32)
        done = 0
        for found in self._answers(self._batches(texts)):
            vectors[done : done + len(found)] = found
            done += len(found)
            if progress:
                progress(done, len(texts))
        return vectors

    def give_up(self) -> None:
        """Make all requests that are under way fail now, in whatever thread, and all later ones."""
        self._calls.give_up()

    def embed_queries(self, texts: Sequence[str]) -> list[Vectors]:
        """Return the vector of length 1 of each query, shape (dimension,); the last few thousand queries are remembered."""
        return self._remembered.get_all([self._readable(well_formed(text)) for text in texts], self._embed_queries)

    def _embed_queries(self, texts: Sequence[str]) -> list[Vectors]:
        vectors: Vectors = np.concatenate([self._request(batch) for batch in self._batches(texts)])
        vectors.setflags(write=False)  # they are shared by all who ask the same
        return list(vectors)

    def _readable(self, text: str) -> str:
        """Return the beginning of a text that the model reads: longer ones are refused, and whatever is asked with them."""
        rest = next(islice(_TOKEN.finditer(text), self.max_tokens, None), None)
        return text[: rest.start()] if rest else text

    def _batches(self, texts: Sequence[str]) -> Iterator[list[str]]:
        batch: list[str] = []
        tokens = 0
        for text in texts:
            more = self.count_tokens(text)
            if batch and (tokens + more > BATCH_TOKENS or len(batch) == BATCH_TEXTS):
                yield batch
                batch, tokens = [], 0
            batch.append(text)
            tokens += more
        if batch:
            yield batch

    def _request(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of some texts, from one request. Raises EmbedderError."""
        return self._answer(self._calls.start(self._ask(texts)))

    def _answers(self, batches: Iterator[list[str]]) -> Iterator[Vectors]:
        """Yield the vectors of some batches, in their order, a few requests at a time. Raises EmbedderError."""
        under_way: deque[Future[Vectors]] = deque()
        try:
            for batch in batches:
                under_way.append(self._calls.start(self._ask(batch)))
                if len(under_way) == REQUESTS_AT_A_TIME:
                    yield self._answer(under_way.popleft())
            while under_way:
                yield self._answer(under_way.popleft())
        finally:
            for future in under_way:
                future.cancel()

    def _answer(self, future: "Future[Vectors]") -> Vectors:
        vectors = result_of(future)
        if vectors is None:
            raise EmbedderError(f"The requests to {self._client.base_url} for embeddings were given up. Run again to go on.")
        return vectors

    async def _ask(self, texts: Sequence[str]) -> Vectors:
        import httpx2
        import openai

        body = {"model": self._model, "input": [well_formed(text) or " " for text in texts], "encoding_format": "float"}
        try:
            response = await self._client.post("/embeddings", body=body, cast_to=httpx2.Response)
            return read_embeddings(response.json(), len(texts))
        except openai.APIConnectionError as error:
            cause = str(error.__cause__ or "") or str(error)
            raise self._error(f"no answer: {cause}", "Is the address right and the server running?") from None
        except openai.APIStatusError as error:
            raise self._refused(error) from None
        except ValueError as error:
            raise self._error(f"an answer that is no embeddings: {error}", "Does the address end in /v1?") from None

    def _refused(self, error: "openai.APIStatusError") -> EmbedderError:
        body = error.body
        said = str(body.get("message") or body if isinstance(body, dict) else error.response.text)
        what_to_do = {
            401: "Check OPENAI_API_KEY.",
            403: "Check OPENAI_API_KEY.",
            404: "Check the model's name and the address.",
            429: "Wait, or raise the quota, then run again.",
        }.get(error.status_code, "Check --model and --embeddings-url, then run again.")
        return self._error(f"status {error.status_code}: {' '.join(said.split())[:300]}", what_to_do)

    def _error(self, problem: str, what_to_do: str) -> EmbedderError:
        problem = problem.replace(self._key, "***") if len(self._key) >= SECRET_CHARS else problem
        return EmbedderError(f"{self._client.base_url} gave for the embedding model {self._model} {problem}. {what_to_do}")


def read_embeddings(value: Any, count: int) -> Vectors:
    """Return the vectors of a response, of length 1 and in the order of the texts.

    Raises ValueError where it does not hold so many vectors of one dimension.
    """
    data = value.get("data") if isinstance(value, dict) else None
    if not isinstance(data, list) or len(data) != count or not all(isinstance(one, dict) for one in data):
        raise ValueError(f"{len(data) if isinstance(data, list) else 'no'} vectors for {count} texts")
    # Some servers leave the index out, and keep the order.
    ordered = sorted(enumerate(data), key=lambda pair: pair[1].get("index", pair[0]))
    try:
        vectors = np.array([one["embedding"] for _, one in ordered], dtype=np.float64)
    except (KeyError, TypeError) as error:
        raise ValueError(f"a vector is missing ({error})") from None
    if vectors.ndim != 2 or not vectors.shape[1] or not np.isfinite(vectors).all():
        raise ValueError("vectors of different lengths, or without numbers")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def fingerprint(model: str, probe: Vectors) -> str:
    """Return 8 hex digits of a model's name and dimension and 56 of a vector: of its products with fixed directions."""
    directions = np.random.default_rng(len(probe)).standard_normal((SKETCH, len(probe)))
    # Products of a vector of length 1 are standard normal: four of their standard deviations are all that counts.
    sketch = np.clip(np.round((directions @ probe + 4) * 255 / 8), 0, 255).astype(np.uint8)
    return hashlib.sha256(f"{model} {len(probe)}".encode()).hexdigest()[:8] + sketch.tobytes().hex()


def agree(one: str, other: str) -> bool:
    """Tell whether two fingerprints are of the same model: of one name and dimension, and nearly of one vector."""
    if len(one) != len(other) or one[:8] != other[:8]:
        return False
    mine, theirs = (np.frombuffer(bytes.fromhex(text[8:]), dtype=np.uint8).astype(int) for text in (one, other))
    return bool(np.abs(mine - theirs).max() <= SKETCH_TOLERANCE)
