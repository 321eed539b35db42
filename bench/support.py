"""Does support tell good traces from bad ones? The area under the ROC curve, on a finished run and its index.

    python -m bench.support RUN.run.db --index INDEX [--least-weight 4]

Known good: for each documented term of the desired output the shortest chunk of the index that shows it. Known bad: the
returns of another row; and the good ones with all lines cut out that hold a needed term. Rows whose terms weigh less than
--least-weight in all need next to nothing (`local`), which nearly every return shows: no measure can tell anything of them.
"""

import argparse
import re
from pathlib import Path
from statistics import mean

from bench.measure import print_table
from tracegen.index.sidecar import read_sidecar
from tracegen.records import Chunk, Row, Trace
from tracegen.traces.runfile import RunFile
from tracegen.traces.support import Passage, Support, Vocabulary, passage_of, rate, returned_passages, shows

STEP = 37
"""How far away the other row is whose returns are the bad ones: far enough to be about something else."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--least-weight", type=float, default=4.0)
    options = parser.parse_args()
    chunks = [Chunk.model_validate_json(line) for line in read_sidecar(options.index).lines]
    vocabulary = Vocabulary(chunks)
    with RunFile.open_run(options.run) as run:
        rows = [(result.row, result.trace) for result in run.results() if result.row and result.trace]
    good, other, cut = [], [], []
    for number, (row, _) in enumerate(rows):
        prompt = passage_of("\n".join(message.content for message in row.prompt))
        needed = rate(row.desired_output, prompt, [], vocabulary)
        if sum(term.weight for term in needed.terms if term.status != "given") < options.least_weight:
            continue
        sections = best_sections(needed, chunks)
        good.append(share(row, prompt, [whole(chunk) for chunk in sections], vocabulary))
        other.append(share(row, prompt, list(returned_passages(rows[(number + STEP) % len(rows)][1])), vocabulary))
        cut.append(share(row, prompt, [without(chunk, needed) for chunk in sections], vocabulary))
    bad = other + cut
    print_table(
        ["bad ones", "rows", "mean support good", "bad", "AUC"],
        [
            ["returns of another row", len(good), f"{mean(good):.3f}", f"{mean(other):.3f}", f"{auc(good, other):.3f}"],
            ["needed names cut out", len(good), f"{mean(good):.3f}", f"{mean(cut):.3f}", f"{auc(good, cut):.3f}"],
            ["both", len(good), f"{mean(good):.3f}", f"{mean(bad):.3f}", f"{auc(good, bad):.3f}"],
        ],
    )
    report_run(rows, vocabulary)


def report_run(rows: list[tuple[Row, Trace]], vocabulary: Vocabulary) -> None:
    """Print what the run itself comes to."""
    rated = []
    for row, trace in rows:
        prompt = passage_of("\n".join(message.content for message in row.prompt))
        rated.append(rate(row.desired_output, prompt, list(returned_passages(trace)), vocabulary))
    shares = [support.retrievable for support in rated if support.retrievable is not None]
    above = sum(value > 0.8 for value in shares) / len(shares)
    print(f"\nthe run: {len(shares)} rows, mean retrievable support {mean(shares):.3f}, above 0.8: {above:.1%}")


def whole(chunk: Chunk) -> Passage:
    return passage_of(chunk.text, chunk.path, (chunk.title, *chunk.headings))


def best_sections(needed: Support, chunks: list[Chunk]) -> list[Chunk]:
    """Return for each documented term the shortest chunk that shows it."""
    passages = [(chunk, whole(chunk)) for chunk in chunks]
    chosen = []
    for term in needed.of("documented"):
        showing = [chunk for chunk, passage in passages if shows(passage, term.text, term.kind)]
        chosen.append(min(showing, key=lambda chunk: len(chunk.text)))
    return chosen


def without(chunk: Chunk, needed: Support) -> Passage:
    """Return the chunk without the lines and headings that hold a needed term."""
    words = [re.split(r"\.|::|/", term.text)[-1] for term in needed.terms if term.status != "given"]
    lines = [line for line in chunk.text.split("\n") if not any(word in line for word in words)]
    headings = [heading for heading in chunk.headings if not any(word in heading for word in words)]
    return passage_of("\n".join(lines), chunk.path, headings)


def share(row: Row, prompt: Passage, passages: list[Passage], vocabulary: Vocabulary) -> float:
    return rate(row.desired_output, prompt, passages, vocabulary).support or 0.0


def auc(good: list[float], bad: list[float]) -> float:
    """Return the probability that a good one is above a bad one, ties counted half."""
    return sum((g > b) + 0.5 * (g == b) for g in good for b in bad) / (len(good) * len(bad))


if __name__ == "__main__":
    main()
