"""What rows ask for, and what their outputs look like."""

import json

import pytest

from tests.conftest import ROOT
from tests.doctor.conftest import row
from tracegen.dataset import read_rows
from tracegen.doctor.tasks import count_tasks, shape_of
from tracegen.records import Row

PROSE = (
    "A field whose name ends in two colons is hidden: it takes part in the evaluation, and other fields can refer to it, but "
    "it does not appear in the output. This is useful for parameters of a template, which a user overrides and never sees."
)


@pytest.mark.parametrize(
    ("output", "shape"),
    [
        ('{"name": "web", "ports": [80, 443]}', "JSON"),
        ("[1, 2, 3]", "JSON"),
        ("{ name: 'web', ports: [80, 443] }", "code"),
        ("local x = 1; x + 2", "code"),
        ("```zorp\nemit 1\n```", "code"),
        (f"{PROSE}\n\n```zorp\nemit 1\n```\n\nThat is all.", "prose with code"),
        (PROSE, "prose"),
        (f"{PROSE} Write `a:: 1`, `b: $.a` and see [the manual](https://example.org/x?y=1).", "prose"),
        ("これは隠しフィールドです。出力には現れません。", "prose"),
        ("name: web\nports:\n  - 80\n  - 443\nimage: nginx\n", "code"),
        (
            "def median(numbers):\n    ordered = sorted(numbers)\n    middle = len(ordered) // 2\n    return ordered[middle]",
            "code",
        ),
    ],
)
def test_shapes(output: str, shape: str) -> None:
    assert shape_of(output) == shape


def test_every_program_of_the_sample_is_code() -> None:
    rows = [entry.outcome for entry in read_rows(ROOT / "examples/train.jsonl") if isinstance(entry.outcome, Row)]
    assert {shape_of(each.desired_output) for each in rows} == {"code"}
    (first, *others) = count_tasks(rows)
    assert (first.request, first.shape) == ("write", "code")
    assert sum(task.rows for task in others) < 0.05 * len(rows)


def test_tasks_are_told_apart_and_counted() -> None:
    rows = [
        row(1, "Print the numbers from one to ten.", "emit 1..10 |> each(print)"),
        row(2, "Print them backwards; show a debug line for each.", "emit 10..1 |> each(print)"),
        row(3, "This fails with E12, can you fix it?\n\nemit 1..", "emit 1..10 |> each(print)"),
        row(4, "What does `|>` do?", PROSE),
        row(5, "The ports as data, please.", json.dumps({"ports": [80]})),
    ]
    tasks = {(task.request, task.shape): task.lines for task in count_tasks(rows)}
    assert tasks == {("write", "code"): (1, 2), ("fix", "code"): (3,), ("explain", "prose"): (4,), ("write", "JSON"): (5,)}
    assert sum(task.share for task in count_tasks(rows)) == pytest.approx(1)


def test_what_is_pasted_in_the_middle_of_a_prompt_asks_for_nothing() -> None:
    log = "it does not work\n" * 200
    assert (
        count_tasks([row(1, f"Count the lines of this log. {'.' * 400}{log}{'.' * 400} Print it.", "emit n;")])[0].request
        == "write"
    )
