"""Train a small cross-encoder for the variant `reranked` of `bench.retrieval`, where no trained one can be had.

    python -m bench.train_reranker FOLDER DOCS [DOCS ...] [--steps 500] [--examples FILE]

FOLDER gets the model. It starts from the weights of the default model, and learns from documentation that the benchmark does
not measure: a heading has to choose its section among the chunks that the search finds for it, and none of them shows its own
heading. `--examples` keeps what was made of DOCS, for the next run. At the end it prints how often the model chooses the right
one of all of them for headings that were held out, and how often the default model's vectors do.

This is no model to use: those that learned from a hundred times as many questions are better. Ten minutes on two cores.
"""

import argparse
import json
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.measure import note, print_table
from bench.retrieval_questions import NEUTRAL, sample
from tracegen import build_index, load_embedder
from tracegen.corpus import embedded_text
from tracegen.index.models import DEFAULT_MODEL, resolve_model
from tracegen.index.ranking import rank
from tracegen.index.reranker import RERANKED
from tracegen.index.sidecar import read_sidecar
from tracegen.records import Chunk

WORD = re.compile(r"[^\W\d_]{3,}")
MIN_WORDS = 2
"""Words of a heading, at least."""
QUESTIONS_EACH = 500
"""Headings taken of one documentation, at most."""
HELD_OUT = 200
OTHERS = 3
"""Wrong chunks beside the right one, each time others of those that the search found."""
QUESTIONS_TOGETHER = 4
MAX_TOKENS = 128
"""Of query and chunk together; what is beyond is cut off."""
LEARNING_RATE = 1.5e-4
WARM_UP = 0.05
"""Share of the steps in which the learning rate rises; then it falls to 0."""


@dataclass(frozen=True)
class Example:
    """A query with the texts that a search found for it."""

    query: str
    texts: list[str]
    """The text that answers, and the others in the order of the search."""


def examples_of(docs: Path, embedder: Any) -> Iterator[Example]:
    """Yield an example for each heading of some documentation that has words and is there only once, or for some of them."""
    with tempfile.TemporaryDirectory() as folder:
        build_index([docs], Path(folder, "index"), embedder=embedder)
        sidecar = read_sidecar(Path(folder, "index"))
        originals = sidecar.catalogue.originals()
        chunks = [sidecar.chunk(number) for number in range(sidecar.manifest.chunks)]
        places = {chunk.headings[-1]: number for number, chunk in reversed([*enumerate(chunks)])}
        files = Counter(heading for heading, _ in {(chunk.headings[-1], chunk.path) for chunk in chunks})
        queries = [heading for heading, count in files.items() if count == 1 and len(WORD.findall(heading)) >= MIN_WORDS]
        for query in sample(sorted(queries), QUESTIONS_EACH, seed=0):
            vector = embedder.embed_queries([query])[0]
            found = [one.number for one in rank(sidecar, query, vector, RERANKED, originals).found[:RERANKED]]
            others = [number for number in found if chunks[number].headings[-1] != query]
            if len(others) >= OTHERS:
                texts = [without_heading(chunks[number], query) for number in (places[query], *others)]
                yield Example(query, texts)


def without_heading(chunk: Chunk, query: str) -> str:
    """Return what is embedded of a chunk, less its own heading and the one that asks: they are not to tell which is right."""
    text = embedded_text(chunk)
    for heading in {chunk.headings[-1], query}:
        text = re.sub(re.escape(heading), NEUTRAL, text, flags=re.IGNORECASE)
    return text


def all_examples(docs: Sequence[Path], kept: Path | None) -> list[Example]:
    """Return the examples of all documentation, in a random order that is always the same."""
    if kept and kept.exists():
        return [Example(**json.loads(line)) for line in kept.read_text(encoding="utf-8").splitlines()]
    embedder, found = load_embedder(), list[Example]()
    for one in docs:
        new = list(examples_of(one, embedder))
        found += new
        note(f"{one.name}: {len(new)} headings")
    random.Random(0).shuffle(found)
    if kept:
        kept.write_text("".join(f"{json.dumps(asdict(one))}\n" for one in found), encoding="utf-8")
    return found


class Trained:
    """The model while it is trained."""

    def __init__(self) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        start = str(resolve_model(DEFAULT_MODEL))
        self.model: Any = AutoModelForSequenceClassification.from_pretrained(start, num_labels=1)
        self.tokenizer: Any = AutoTokenizer.from_pretrained(start)
        # What a text's words mean the model knows already, and their gradients are a third of the work.
        self.model.base_model.embeddings.requires_grad_(False)

    def scores(self, pairs: Sequence[tuple[str, str]]) -> Any:
        """Return a score for each pair of query and text, shape (pairs,)."""
        queries, texts = zip(*pairs, strict=True)
        tokens = self.tokenizer(
            list(queries), list(texts), padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        return self.model(**tokens).logits[:, 0]

    def train(self, examples: Sequence[Example], steps: int) -> None:
        """Let each query choose its text among a few, by the cross-entropy of their scores."""
        import torch

        torch.manual_seed(0)
        chance = random.Random(0)
        trained = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / (WARM_UP * steps), (steps - step) / ((1 - WARM_UP) * steps))
        )
        self.model.train()
        losses: list[float] = []
        order = [place for _ in range(steps * QUESTIONS_TOGETHER // len(examples) + 1) for place in shuffled(examples, chance)]
        for step in range(steps):
            chosen = [examples[place] for place in order[step * QUESTIONS_TOGETHER : (step + 1) * QUESTIONS_TOGETHER]]
            pairs = [(one.query, text) for one in chosen for text in (one.texts[0], *chance.sample(one.texts[1:], OTHERS))]
            with torch.autocast("cpu", dtype=torch.bfloat16):  # two thirds of the time
                scores = self.scores(pairs).float().reshape(len(chosen), OTHERS + 1)
            loss = torch.nn.functional.cross_entropy(scores, torch.zeros(len(chosen), dtype=torch.long))
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(trained, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
            if step % 50 == 49:
                note(f"step {step + 1} of {steps}: loss {sum(losses[-50:]) / 50:.3f}")
        self.model.eval()

    def first(self, example: Example) -> bool:
        """Return whether the model puts the right text first."""
        import torch

        with torch.no_grad():
            return int(self.scores([(example.query, text) for text in example.texts]).argmax()) == 0

    def save(self, folder: Path) -> None:
        """Write the model as sentence-transformers' CrossEncoder reads it."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def nearest(embedder: Any, example: Example) -> bool:
    """Return whether the right text is nearest to the query among the vectors of a model."""
    scores = embedder.embed_documents(example.texts) @ embedder.embed_queries([example.query])[0]
    return int(scores.argmax()) == 0


def shuffled(examples: Sequence[Example], chance: random.Random) -> list[int]:
    return chance.sample(range(len(examples)), len(examples))


def main() -> None:
    """Train a cross-encoder."""
    parser = argparse.ArgumentParser(prog="python -m bench.train_reranker", description="A small cross-encoder.")
    parser.add_argument("folder", type=Path, help="gets the model")
    parser.add_argument("docs", type=Path, nargs="+", help="folders of documentation that is not measured")
    parser.add_argument("--steps", type=int, default=500, help=f"of {QUESTIONS_TOGETHER} questions each (default: 500)")
    parser.add_argument("--examples", type=Path, metavar="FILE", help="keeps the examples for the next run")
    args = parser.parse_args()
    examples = all_examples(args.docs, args.examples)
    if len(examples) <= HELD_OUT:
        raise SystemExit(f"Only {len(examples)} headings can be asked for: give more documentation than that.")
    held_out, examples = examples[:HELD_OUT], examples[HELD_OUT:]
    trained = Trained()
    trained.train(examples, args.steps)
    trained.save(args.folder)
    embedder = load_embedder()
    found = {
        "default model": [nearest(embedder, one) for one in held_out],
        "cross-encoder": [trained.first(one) for one in held_out],
    }
    rows = [[name, len(examples), len(held_out), 100 * sum(own) / len(own)] for name, own in found.items()]
    print_table(["chosen by", "learned from", "held out", "right %"], rows)


if __name__ == "__main__":
    main()
