"""Prompts as people really type them."""

import json
import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tracegen.dataset.messy import RULES, RuleKind, is_english, lost, premise, rambling, spans, terse, told, typos

ROWS = [
    json.loads(line)["messages"] for line in (ROOT / "examples/train.jsonl").read_text(encoding="utf-8").splitlines() if line
]
PIECES = st.sampled_from(
    [
        "Please write the function that sorts these numbers for me.\n",
        "Could you tell me what the `join` of a list is called there?\n",
        "The value of the field should be exactly as below, thanks!\n",
        "```js\nlet the = a => please(the)\n```\n",
        "    indented code please with the words\n",
        '{ "the": [1, 2, "a please"] } and the rest of it is prose here\n',
        "host = 'the server of a friend'\n",
        "Bitte schreibe eine Funktion, die alle Zahlen der Liste addiert.\n",
        "配列を並べ替えてください。\n",
        "the open { bracket is never closed again in this line\n",
        "\n",
        "x",
    ]
)
PROMPTS = st.lists(PIECES, min_size=1, max_size=6).map("".join) | st.text(max_size=80)


@given(PROMPTS)
def test_spans_are_the_prompt(prompt: str) -> None:
    assert "".join(part.text for part in spans(prompt)) == prompt


@given(
    PROMPTS, st.sampled_from(["", "the(please) + sorts", "a = 1", "friend"]), st.sampled_from(sorted(RULES)), st.integers(0, 9)
)
def test_code_and_what_the_output_has_survive_every_rule(prompt: str, output: str, kind: RuleKind, seed: int) -> None:
    variant = RULES[kind](prompt, output, Random(seed))
    assert variant == RULES[kind](prompt, output, Random(seed))
    if variant is None:
        return
    assert variant != prompt or kind == "terse"
    assert lost(prompt, output, variant) == []
    place = 0
    for part in spans(prompt.strip()):
        if not part.is_prose and part.text.strip():
            place = variant.index(part.text.strip(), place) + len(part.text.strip())
    for token in re.findall(r"\w+", prompt):
        if token.casefold() in re.findall(r"\w+", output):
            assert token in re.findall(r"\w+", variant)


@pytest.mark.parametrize("kind", sorted(RULES))
def test_the_sample_keeps_what_its_outputs_need(kind: RuleKind) -> None:
    variants = [RULES[kind](row[-2]["content"], row[-1]["content"], Random(number)) for number, row in enumerate(ROWS)]
    made = [(row, variant) for row, variant in zip(ROWS, variants, strict=True) if variant is not None]
    assert len(made) >= 0.5 * len(ROWS)
    assert not [row for row, variant in made if lost(row[-2]["content"], row[-1]["content"], variant)]
    assert not [row for row, variant in made if told(row[-2]["content"], row[-1]["content"], variant)]


def test_typos_are_in_prose_alone() -> None:
    prompt = (
        "Write a function called `average` which computes the mean of numbers, as in Haskell:\n\n```\nmean average numbers\n```"
    )
    variant = typos(prompt, "mean(numbers)", Random(1))
    assert variant is not None
    before, after = prompt.split(), variant.split()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) == 1
    assert changed[0][0] in ("function", "called", "which", "computes")
    assert typos("`x` {a: 1}", "x", Random(1)) is None


def test_terse() -> None:
    prompt = "Hi! Could you please write a function that adds the numbers? If a is negative, the result is an error. Thanks!"
    short = "write function that adds numbers? If a is negative, result is error."
    assert terse(prompt, "", Random(0)) == short
    assert "the numbers" in (terse(prompt, "the", Random(0)) or "")
    assert terse("sort numbers", "", Random(0)) is None
    assert terse(prompt * 10, "", Random(0)) is None


def test_rambling_and_premise_only_add() -> None:
    prompt = "Hello, how do I sort a list of numbers in this?"
    assert "how do I sort a list of numbers in this?" in (rambling(prompt, "", Random(0)) or "")
    for seed in range(20):
        assert "Python" not in (premise(prompt + " I know Python and SQL.", "", Random(seed)) or "").split("SQL.")[1]
        assert (premise(prompt, "", Random(seed)) or "").startswith(prompt)


def test_other_languages_get_typos_alone() -> None:
    german = "Hallo, ich brauche eine kleine Preisliste als Objekt, die Preise stehen unten und sind netto."
    assert not is_english(german)
    assert [kind for kind, rule in RULES.items() if rule(german, "", Random(0)) is not None] == ["typos"]


def test_what_is_lost_and_what_is_told() -> None:
    prompt = "Join `names` with a comma, 3 of them at most: `['a', 'b']`"
    output = "std.join(',', names[0:3])"
    assert lost(prompt, output, "join names, three of them") == ["3", "`names`"]
    assert lost(prompt, output, "comma between `names`, 3 at most, join: ['a', 'b']") == []
    assert told(prompt, output, "should I use std.join for this?") == ["std.join"]
    assert told("how does std.join work", output, "std.join, how does it work") == []
