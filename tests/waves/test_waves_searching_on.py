"""Rows whose support is too low are searched on in waves as they are row by row."""

import re
from pathlib import Path

import pytest

from tests.waves.conftest import ROWS, TOOL, Run
from tracegen.records import Chunk
from tracegen.research import Research
from tracegen.teacher.batch_service import BatchService
from tracegen.traces.passes import Passes
from tracegen.traces.ratings import Rater, figures
from tracegen.traces.runfile import RunFile
from tracegen.waves.driver import Waves

FURTHER_HOPS = 2


@pytest.fixture
def rater(run: Run) -> Rater:
    """Return a rater whose documentation has all names that the rows need; the searches of these tests find none of them."""
    names = sorted(set(re.findall(r"std\.\w+", run.dataset.read_text(encoding="utf-8"))))
    chunks = [
        Chunk(
            id=f"{number:016}",
            path=f"page{number}.md",
            title=f"Page {number}",
            headings=(f"Page {number}", name),
            text=f"`{name}(x)` does it.",
            start_line=1,
            end_line=2,
        )
        for number, name in enumerate(names)
    ]
    return Rater(lambda: chunks, "index")


def passes(rater: Rater) -> Passes:
    return Passes(rater, 0.5, nudge="Look again.", guide="Look for:\n{topics}", max_hops=FURTHER_HOPS)


async def in_waves(run: Run, rater: Rater, passes: Passes | None) -> Waves:
    with run.opened() as opened:
        teacher = run.teacher()
        service = BatchService(teacher)
        options = {"prompt": "Look it up.", "max_hops": run.max_hops, "rater": rater, "passes": passes}
        waves = Waves(opened, teacher, run.search, TOOL, service, run.options(), **options)  # type: ignore[arg-type]
        await waves.run(concurrency=4)
        return waves


async def test_waves_search_on_as_the_normal_path_does(run: Run, rater: Rater, tmp_path: Path) -> None:
    waves = await in_waves(run, rater, passes(rater))
    other = Run(tmp_path / "sync.run.db", run.dataset, run.endpoint, run.http_client)
    with other.opened() as opened:
        options = {"prompt": "Look it up.", "max_hops": 8, "rater": rater, "passes": passes(rater)}
        await Research(opened, run.teacher(), other.search, TOOL, **options).run(4)  # type: ignore[arg-type]
        searched_on = figures(opened).searched_on
    assert 0 < searched_on <= ROWS
    assert run.hops() == other.hops()
    assert sum(len(hops or ()) for hops in run.hops()) == ROWS * 2 + searched_on * 2 * FURTHER_HOPS
    assert waves.finished == ROWS


async def test_a_finished_run_is_searched_on_in_waves_and_nothing_is_asked_twice(run: Run, rater: Rater) -> None:
    await in_waves(run, rater, None)
    batches = len(run.batches())
    before = run.hops()
    waves = await in_waves(run, rater, passes(rater))
    assert len(run.batches()) > batches
    with RunFile.open_run(run.path) as opened:
        answered = opened.fetch(
            "SELECT count(*), count(DISTINCT row_id || '.' || seq) FROM requests WHERE outcome = 'answered'"
        )
    assert answered[0][0] == answered[0][1]
    assert (waves.resumed, waves.finished) == (ROWS, ROWS)
    for old, new in zip(before, run.hops(), strict=True):
        assert (new or [])[: len(old or ())] == old
    batches = len(run.batches())
    await in_waves(run, rater, passes(rater))
    assert len(run.batches()) == batches
