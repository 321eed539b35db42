"""Does support tell good traces from bad ones? Areas under the ROC curve, on a finished run and its index.

    python -m bench.support RUN.run.db --index INDEX [--least-weight 4] [--others 5] [--failures 10] [--prose]

Known good: for each documented term of the desired output the section that documents it: the one whose heading names it, else
the one in which it stands most often; the measure itself is not asked. Known bad: the returns of other rows, drawn by chance;
and the good ones with all lines cut out that hold a needed term. Where the returns of the other row hold the sections that the
row needs they are not bad at all; how often that is is said.

Two more tests ask more of the measure. Dose: of the sections that a row needs some are left out by chance; the rank correlation
of support with the share of the needed weight that is left. Own: the returns that the run really made for a row against those
it made for others, which says as much of the researcher.

Rows whose terms weigh less than --least-weight in all need next to nothing (`local`), which nearly every return shows: no
measure can tell anything of them. The intervals are of a bootstrap over rows, 95 %.

--prose adds a test of outputs that are prose alone: the last paragraph of each section as output; as the good returns, for each
of its terms the section of another page that documents it, as the bad ones as many sections of other pages drawn by chance.
"""

import argparse
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata, spearmanr

from bench.measure import print_table
from tracegen.index.sidecar import read_sidecar
from tracegen.records import Chunk, Row, Trace
from tracegen.traces.chat import split_passages
from tracegen.traces.prose import is_prose, stem_of
from tracegen.traces.runfile import RunFile
from tracegen.traces.support import Passage, Support, Term, Vocabulary, passage_of, rate, returned_passages, shows
from tracegen.traces.terms import words_in
from tracegen.traces.vocabulary import SEPARATOR

SEED = 20_261_120
SAMPLES = 1000


class Case(NamedTuple):
    """One row in all its forms; supports are 0 to 1."""

    line: int
    good: float
    cut: float
    own: float
    others: list[float]
    held: list[float]
    """For each of `others` the share of the needed sections that those returns hold."""
    doses: list[tuple[float, float]]
    """Share of the needed weight whose sections were left in, and the support of these."""
    needed: list[str]
    """The terms that are not given."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--least-weight", type=float, default=4.0)
    parser.add_argument("--others", type=int, default=5)
    parser.add_argument("--failures", type=int, default=0, help="show so many known bad ones that look best")
    parser.add_argument("--prose", action="store_true", help="test outputs of prose, too")
    options = parser.parse_args()
    chunks = [Chunk.model_validate_json(line) for line in read_sidecar(options.index).lines]
    passages = [(chunk, whole(chunk)) for chunk in chunks]
    vocabulary = Vocabulary(chunks)
    with RunFile.open_run(options.run) as run:
        rows = [(result.row, result.trace) for result in run.results() if result.row and result.trace]
    chance = random.Random(SEED)
    returned = [list(returned_passages(trace)) for _, trace in rows]
    cases = []
    for number, (row, _) in enumerate(rows):
        others = chance.sample([other for other in range(len(rows)) if other != number], options.others)
        needed = rate(row.desired_output, prompt_of(row), [], vocabulary)
        if sum(term.weight for term in needed.terms if term.status != "given") >= options.least_weight:
            cases.append(case_of(row, needed, number, others, rows, returned, passages, vocabulary, chance))
    report(cases)
    report_failures(cases, options.failures)
    report_run(rows, returned, vocabulary)
    if options.prose:
        report_prose(passages, vocabulary, chance)


def case_of(
    row: Row,
    needed: Support,
    number: int,
    others: Sequence[int],
    rows: Sequence[tuple[Row, Trace]],
    returned: Sequence[list[Passage]],
    passages: Sequence[tuple[Chunk, Passage]],
    vocabulary: Vocabulary,
    chance: random.Random,
) -> Case:
    def support(shown: Sequence[Passage]) -> Support:
        return rate(row.desired_output, prompt_of(row), shown, vocabulary)

    sections = {term.text: section_of(term, passages) for term in needed.of("documented")}
    weights = {term.text: term.weight for term in needed.of("documented")}
    doses = []
    for _ in range(3):
        kept = {term for term in sections if chance.random() < 0.5}
        share = sum(weights[term] for term in kept) / (sum(weights.values()) or 1)
        doses.append((share, support([whole(sections[term]) for term in kept]).support or 0.0))
    elsewhere = [support(returned[other]) for other in others]
    return Case(
        line=row.line,
        good=support([whole(section) for section in sections.values()]).support or 0.0,
        cut=support([without(section, needed) for section in sections.values()]).support or 0.0,
        own=support(returned[number]).support or 0.0,
        others=[rated.support or 0.0 for rated in elsewhere],
        held=[share_held(rows[other][1], list(sections.values())) for other in others],
        doses=doses,
        needed=[term.text for term in needed.terms if term.status != "given"],
    )


def report(cases: Sequence[Case]) -> None:
    """Print the areas."""
    kinds: list[tuple[str, Callable[[Case], list[float]]]] = [
        ("returns of other rows", lambda case: case.others),
        ("needed names cut out", lambda case: [case.cut]),
        ("both, as many of each", lambda case: [*case.others, *[case.cut] * len(case.others)]),
    ]
    table = []
    good = mean(case.good for case in cases)
    for kind, bad in kinds:
        low, high = interval(cases, bad)
        known_bad = mean(value for case in cases for value in bad(case))
        figures = [f"{good:.3f}", f"{known_bad:.3f}", f"{area(cases, bad):.3f}", f"{low:.3f} to {high:.3f}"]
        table.append([kind, len(cases), *figures])
    print_table(["known bad", "rows", "mean support good", "bad", "AUC", "95 %"], table)
    held = [share for case in cases for share in case.held]
    whole_ones = mean(share == 1 for share in held)
    print(
        f"\nReturns of another row hold {mean(held):.1%} of the sections that a row needs, and all of them in {whole_ones:.1%}"
    )
    print(f"of {len(held)} pairs.")
    doses = [dose for case in cases for dose in case.doses]
    rho = spearmanr(*zip(*doses, strict=True)).statistic
    print(f"Dose: Spearman's rho {rho:.3f} over {len(doses)} rows with sections left out.")
    own = auc([case.own for case in cases], [value for case in cases for value in case.others])
    print(f"Own returns against those of other rows: AUC {own:.3f}.")


def report_failures(cases: Sequence[Case], most: int) -> None:
    """Print the known bad ones that look best."""
    bad = [(value, case) for case in cases for value in case.others]
    for value, case in sorted(bad, key=lambda each: (-each[0], each[1].line))[:most]:
        print(f"line {case.line}: {value:.2f} from another row's returns; needs {', '.join(case.needed)}")


def report_run(rows: Sequence[tuple[Row, Trace]], returned: Sequence[list[Passage]], vocabulary: Vocabulary) -> None:
    """Print what the run itself comes to."""
    rated = [
        rate(row.desired_output, prompt_of(row), shown, vocabulary) for (row, _), shown in zip(rows, returned, strict=True)
    ]
    shares = [support.retrievable for support in rated if support.retrievable is not None]
    above = sum(value > 0.8 for value in shares) / len(shares)
    print(f"The run: {len(shares)} rows, mean retrievable support {mean(shares):.3f}, above 0.8: {above:.1%}.")


def report_prose(passages: Sequence[tuple[Chunk, Passage]], vocabulary: Vocabulary, chance: random.Random) -> None:
    """Print the area for outputs of prose."""
    good, bad, terms = [], [], []
    for chunk, _ in passages:
        last = re.split(r"\n\s*\n", re.sub(r"^(```+).*?^\1\s*$", "\n", chunk.text, flags=re.M | re.S).strip())[-1]
        if len(last.split()) < 20 or not is_prose(last):
            continue
        needed = rate(last, passage_of(chunk.title), [], vocabulary)
        elsewhere = [each for each in passages if each[0].path != chunk.path]
        known = [term for term in needed.of("documented") if any(shows(each[1], term.text, term.kind) for each in elsewhere)]
        if not known:
            continue
        terms.append(len(known))
        sections = [whole(section_of(term, elsewhere)) for term in known]
        others = [passage for _, passage in chance.sample(elsewhere, len(sections))]
        good.append(rate(last, passage_of(chunk.title), sections, vocabulary).support or 0.0)
        bad.append(rate(last, passage_of(chunk.title), others, vocabulary).support or 0.0)
    means = (
        f"mean support {mean(good):.3f} by the sections of other pages that document them, {mean(bad):.3f} by as many others"
    )
    print(f"Prose: {len(good)} paragraphs with {mean(terms):.1f} terms, {means}, AUC {auc(good, bad):.3f}.")


def prompt_of(row: Row) -> Passage:
    return passage_of("\n".join(message.content for message in row.prompt))


def whole(chunk: Chunk) -> Passage:
    return passage_of(chunk.text, chunk.path, (chunk.title, *chunk.headings))


def section_of(term: Term, passages: Sequence[tuple[Chunk, Passage]]) -> Chunk:
    """Return the section that documents a term: its heading names it, else it stands there most often; the shortest."""
    last = SEPARATOR.split(term.text)[-1] if term.kind == "qualified" else term.text
    alone = re.compile(rf"(?<!\w){re.escape(last)}(?!\w)" if last[0].isalpha() else re.escape(last))

    def place(each: tuple[Chunk, Passage]) -> tuple[bool, int, int]:
        chunk, passage = each
        return not alone.search(passage.heading), -len(alone.findall(passage.text)), len(chunk.text)

    return min((each for each in passages if shows(each[1], term.text, term.kind)), key=place)[0]


def share_held(trace: Trace, sections: Sequence[Chunk]) -> float:
    """Return the share of sections of which the returns of a trace hold more than half the lines."""
    places = [passage.place for hop in trace.good_hops for passage in split_passages(hop.returned.text)]
    found = [re.fullmatch(r"(.*):(\d+)(?:-(\d+))?", place) for place in places]
    ranges = [(match[1], int(match[2]), int(match[3] or match[2])) for match in found if match]

    def held(chunk: Chunk) -> bool:
        size = chunk.end_line - chunk.start_line + 1
        return any(
            path == chunk.path and min(end, chunk.end_line) - max(start, chunk.start_line) + 1 > size / 2
            for path, start, end in ranges
        )

    return mean(map(held, sections)) if sections else 0.0


def without(chunk: Chunk, needed: Support) -> Passage:
    """Return the chunk without the lines and headings that hold a needed term."""
    terms = [term for term in needed.terms if term.status != "given"]
    words = [SEPARATOR.split(term.text)[-1] if term.kind == "qualified" else term.text for term in terms if term.kind != "word"]
    stems = {stem_of(term.text) for term in terms if term.kind == "word"}

    def tells(line: str) -> bool:
        return any(word in line for word in words) or bool(stems & set(map(stem_of, words_in(line))))

    lines = [line for line in chunk.text.split("\n") if not tells(line)]
    headings = [heading for heading in chunk.headings if not tells(heading)]
    return passage_of("\n".join(lines), chunk.path, headings)


def area(cases: Sequence[Case], bad: Callable[[Case], list[float]]) -> float:
    return auc([case.good for case in cases], [value for case in cases for value in bad(case)])


def interval(cases: Sequence[Case], bad: Callable[[Case], list[float]]) -> tuple[float, float]:
    """Return the 95 % interval of the area, by a bootstrap over rows."""
    chance = random.Random(SEED)
    areas = [area(chance.choices(cases, k=len(cases)), bad) for _ in range(SAMPLES)]
    return float(np.quantile(areas, 0.025)), float(np.quantile(areas, 0.975))


def auc(good: Sequence[float], bad: Sequence[float]) -> float:
    """Return the probability that a good one is above a bad one, ties counted half: the rank sum of Mann and Whitney."""
    ranks = rankdata([*good, *bad])[: len(good)]
    return float((ranks.sum() - len(good) * (len(good) + 1) / 2) / (len(good) * len(bad)))


if __name__ == "__main__":
    main()
