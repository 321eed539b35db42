"""What checks over a whole dataset need of its rows: numbers and digests, never the texts; a file may be of any size."""

from array import array
from hashlib import blake2b
from typing import Any

from tracegen.minhash import Sketches, words
from tracegen.records import NOTHING_FOUND
from tracegen.traces.chat import Chat, Turn, compact, estimate_tokens
from tracegen.traces.marks import family_of, key_of

SIMILARITY = 0.6
"""Rows with so large a share of common runs of three words (Jaccard), or a larger one, are near-duplicates: 20 words with
one other word have 0.74."""
_BANDS, _ROWS = 26, 3
"""A pair of similarity 0.6 has a band in common with a probability of 0.998; the estimate's standard error is 0.055."""
NEAR_MIN_WORDS = 12
"""Shorter rows share most of their few runs of words by chance."""


class Digests:
    """One 8-byte digest per row: which rows share a text, without keeping the texts."""

    def __init__(self) -> None:
        self._digests = array("Q")

    def add(self, text: str) -> None:
        """Add the text of the next row."""
        digest = blake2b(text.encode("utf-8", errors="surrogatepass"), digest_size=8).digest()
        self._digests.append(int.from_bytes(digest, "big"))

    def firsts(self) -> Any:
        """Return per row the index of the first row with the same text, as an array of integers."""
        import numpy as np

        if not self._digests:
            return np.zeros(0, dtype="int64")
        digests = np.frombuffer(self._digests, dtype="Q")
        _, first, group = np.unique(digests, return_index=True, return_inverse=True)
        return first[group]

    def usual(self) -> int:
        """Return the index of the first row with the most frequent text; 0 where there are no rows."""
        import numpy as np

        return int(np.bincount(self.firsts()).argmax()) if self._digests else 0

    def different(self) -> int:
        """Return how many different texts there are."""
        return len(set(self._digests))


class Rows:
    """The rows of a dataset as they were added: about 410 bytes each, most of it for finding near-duplicates."""

    def __init__(self) -> None:
        self.lines, self.hops, self.tokens = array("Q"), array("I"), array("Q")
        self.prompts, self.outputs, self.systems, self.toolsets = Digests(), Digests(), Digests(), Digests()
        self.families = Digests()
        self._sketches: Sketches | None = None
        self._signatures, self._sketched = array("I"), array("Q")

    def __len__(self) -> int:
        return len(self.lines)

    def add(self, line: int, chat: Chat) -> None:
        """Add the next row, which stands on this line."""
        prompt = [[turn.role, turn.text] for turn in prompt_of(chat)]
        # Rows without a prompt share nothing: they must not count as repetitions of one another.
        self.prompts.add(compact(prompt) if prompt else f"line {line}")
        self.outputs.add(chat.desired_output)
        self.systems.add(compact([turn.text for turn in chat.turns if turn.role in ("system", "developer")]))
        self.toolsets.add(compact(chat.row.get("tools")) if isinstance(chat.row, dict) else "")
        self.families.add(_family(chat))
        self._sketch(chat)
        self.lines.append(line)
        self.hops.append(chat.hops)
        self.tokens.append(estimate_tokens(chat))

    def near(self) -> Any:
        """Return per row the index of the first row that is nearly the same, as an array of integers; its own for most.

        Rows of one family, such as a row and its variants, are meant to be alike: they do not count.

        Signatures are compared where all hashes of a band are equal, each with the first row of that band, so that time stays
        linear in the rows (but for sorting them) where everything is a little alike.
        """
        import numpy as np

        firsts = np.arange(len(self))
        if not self._sketched:
            return firsts
        families = self.families.firsts()
        places = np.frombuffer(self._sketched, dtype="Q").astype("int64")
        signatures = np.frombuffer(self._signatures, dtype="I").reshape(len(places), -1)
        for start in range(0, _BANDS * _ROWS, _ROWS):
            _, first, group = np.unique(signatures[:, start : start + _ROWS], axis=0, return_index=True, return_inverse=True)
            candidates = first[group.ravel()]
            alike = (signatures == signatures[candidates]).mean(axis=1) >= SIMILARITY
            alike &= families[places] != families[places[candidates]]
            firsts[places[alike]] = np.minimum(firsts[places[alike]], places[candidates[alike]])
        return firsts

    def _sketch(self, chat: Chat) -> None:
        asked = [turn.text or "" for turn in prompt_of(chat) if turn.role == "user"]
        # Lone surrogates, which JSON may hold, have no bytes to hash.
        text = words("\n".join([*asked, chat.desired_output]).encode("utf-8", errors="replace").decode())
        if len(text) >= NEAR_MIN_WORDS:
            self._sketches = self._sketches or Sketches(
                similarity=SIMILARITY, shingle=3, bands=_BANDS, rows=_ROWS, most_compared=0
            )
            self._signatures.frombytes(self._sketches.sketch(text).signature.tobytes())
            self._sketched.append(len(self))


def _family(chat: Chat) -> str:
    """Return what a row shares with its variants alone; rows about names that are nowhere are a family of their own."""
    fields = chat.row if isinstance(chat.row, dict) else {}
    if fields.get("variant") == NOTHING_FOUND:
        return NOTHING_FOUND
    return family_of(fields.get("variant_of")) or key_of(turn.message for turn in chat.turns)


def prompt_of(chat: Chat) -> tuple[Turn, ...]:
    """Return the messages before the first call or, without calls, before the last message."""
    first_call = next((index for index, turn in enumerate(chat.turns) if turn.calls), len(chat.turns) - 1)
    return chat.turns[: max(first_call, 0)]
