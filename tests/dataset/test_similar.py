"""Near-duplicates among texts."""

import json
from itertools import combinations
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tracegen.dataset.similar import joined_groups, near_duplicate_groups

COLOURS = ("red", "blue", "green")
LONG = " ".join(f"step {number} moves the {COLOURS[number % 3]} box by {number * 7}." for number in range(20))
TEXTS = st.sampled_from(
    ["", " \n", "Sort.", "sort.", "sort up", LONG, LONG.upper(), LONG.replace("step 7", "part 7"), LONG[: len(LONG) // 3]]
)


def changed(text: str, words: int) -> str:
    """Return a text with so many of its words, evenly spread, made others."""
    parts = text.split()
    for number in range(words):
        parts[(2 * number + 1) * len(parts) // (2 * words)] = f"other{number}"
    return " ".join(parts)


def test_case_white_space_and_unicode_form_make_no_difference() -> None:
    assert near_duplicate_groups(["Sort é", "reverse", "SORT\n  e\u0301", "Reverse it"]) == [0, 1, 0, 3]


def test_a_few_other_words_make_a_near_duplicate_and_many_do_not() -> None:
    assert near_duplicate_groups([LONG, changed(LONG, 3), changed(LONG, 60)]) == [0, 0, 2]


def test_a_short_text_with_another_word_asks_something_else() -> None:
    assert near_duplicate_groups(["sort it ascending", "sort it descending", "sort it"]) == [0, 1, 2]


def test_groups_are_transitive() -> None:
    chain = [changed(LONG, 0)]
    parts = LONG.split()
    for number in range(10):
        parts[number * 10 : number * 10 + 10] = [f"w{number}x{each}" for each in range(10)]
        chain.append(" ".join(parts))
    assert near_duplicate_groups([chain[0], chain[-1]]) == [0, 1]
    assert near_duplicate_groups(chain) == [0] * len(chain)


def test_languages_without_blanks() -> None:
    text = "配列を昇順に並べ替えてから重複する要素を取り除き、残った要素の合計を計算する関数を書いてください。"
    other = "文字列の中に現れる単語の数を数え、最も多いものから順に十個だけ表示するプログラムが必要です。"
    assert near_duplicate_groups([text, text.replace("関数", "処理"), other]) == [0, 0, 2]


def test_the_same_task_told_twice_in_the_sample_is_found_and_nothing_else() -> None:
    lines = (ROOT / "examples" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    prompts = [json.loads(line)["messages"][-2]["content"] for line in lines]
    assert near_duplicate_groups(prompts) == list(range(len(prompts)))
    twice = [*prompts, changed(prompts[0], 3)]
    assert near_duplicate_groups(twice) == [*range(len(prompts)), 0]


@given(st.lists(TEXTS, max_size=12))
def test_a_group_is_named_by_its_first_text_and_whole_copies_are_together(texts: list[str]) -> None:
    groups = near_duplicate_groups(texts)
    assert len(groups) == len(texts)
    assert all(first <= position and groups[first] == first for position, first in enumerate(groups))
    for one, other in combinations(range(len(texts)), 2):
        if texts[one].lower().split() == texts[other].lower().split():
            assert groups[one] == groups[other]


@given(st.lists(TEXTS, max_size=10), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order(texts: list[str], random: Random) -> None:
    order = list(range(len(texts)))
    random.shuffle(order)
    before = near_duplicate_groups(texts)
    after = near_duplicate_groups([texts[place] for place in order])
    for one, other in combinations(range(len(texts)), 2):
        assert (after[one] == after[other]) == (before[order[one]] == before[order[other]])


@given(st.integers(1, 20).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, n - 1), min_size=n, max_size=n)] * 2)))
def test_joined_groups_hold_both(pair: tuple[list[int], list[int]]) -> None:
    joined = joined_groups(len(pair[0]), *pair)
    assert all(joined[first] == joined[position] for grouping in pair for position, first in enumerate(grouping))
    assert joined_groups(len(joined), joined) == joined
