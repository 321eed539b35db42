"""The checks of the dataset alone: each on rows that have the fault, and on rows that have not."""

from hypothesis import given
from hypothesis import strategies as st

from tests.doctor.conftest import SYSTEM, row
from tracegen.doctor.dataset import count_system_prompts, find_repetitions, find_thin_prompts, measure
from tracegen.records import Message, Row

JOIN = "Join the words of a list with commas, skip the empty ones, and print the result in upper case letters at the end."
SORT = "Read numbers from standard input, one on each line, sort them from the largest to the smallest and print the median."
WEB = "Write a small server that answers every request with the time of day in Lisbon, as JSON with fields hour and minute."
CODE = {
    JOIN: "emit words |> keep(w -> w != '') |> join(',') |> upper",
    SORT: "let ns = lines(stdin) |> map(number) |> sort(desc)\nemit ns[len(ns) / 2]",
    WEB: "serve 8080 (request) -> json { hour: now('Lisbon').hour, minute: now('Lisbon').minute }",
}


def clean() -> list[Row]:
    return [row(line, prompt, output) for line, (prompt, output) in enumerate(CODE.items(), start=1)]


def test_nothing_is_found_in_different_rows() -> None:
    found = find_repetitions(clean())
    assert (found.exact, found.near, found.contradictions, found.near_contradictions, found.repeated) == ((), (), (), (), 0)


def test_variants_of_a_row_do_not_repeat_it() -> None:
    marks = {"variant_of": "row-2", "variant": "typos"}
    messy = row(4, SORT.replace("median", "middle"), CODE[SORT]).model_copy(update=marks)
    about = [row(n, f"Is there something to watch out for with std.a{n}?", "It is not documented.") for n in (5, 6)]
    rows = [*clean(), messy, *(each.model_copy(update={"variant": "nothing-found"}) for each in about)]
    found = find_repetitions(rows)
    assert (found.exact, found.near, found.contradictions, found.near_contradictions, found.repeated) == ((), (), (), (), 0)
    # Without their row, the first of its variants stands for it.
    assert [group.lines for group in find_repetitions([*rows[2:3], messy, row(7, SORT, CODE[SORT])]).near] == [(4, 7)]


def test_rows_that_differ_in_white_space_alone_repeat() -> None:
    rows = [*clean(), row(4, JOIN.replace(" ", "  "), CODE[JOIN] + "\n")]
    found = find_repetitions(rows)
    assert [group.lines for group in found.exact] == [(1, 4)]
    assert found.near == ()
    assert found.repeated == 1
    assert found.contradictions == ()


def test_rows_that_differ_in_a_word_nearly_repeat() -> None:
    found = find_repetitions([*clean(), row(4, SORT.replace("median", "middle"), CODE[SORT])])
    assert [group.lines for group in found.near] == [(2, 4)]
    assert (found.exact, found.repeated, found.near_contradictions) == ((), 1, ())


def test_the_same_prompt_with_another_output_contradicts() -> None:
    found = find_repetitions([*clean(), row(4, JOIN, "print join with comma; done, thank you very much")])
    assert [group.lines for group in found.contradictions] == [(1, 4)]
    assert (found.exact, found.repeated, found.near_contradictions) == ((), 0, ())


def test_another_system_prompt_makes_another_prompt() -> None:
    found = find_repetitions([*clean(), row(4, JOIN, "something else", system="You explain Zorp to children.")])
    assert found.contradictions == ()
    assert [group.lines for group in found.near_contradictions] == [(1, 4)]


def test_nearly_the_same_prompt_with_another_output_is_to_be_looked_at() -> None:
    found = find_repetitions([*clean(), row(4, JOIN.replace("commas", "dots"), "a quite different program\nof two lines")])
    assert [group.lines for group in found.near_contradictions] == [(1, 4)]
    assert found.contradictions == ()


TEXTS = st.lists(
    st.tuples(st.sampled_from(["a b c d", "a  b c d", "e f g h", "日本 の 車"]), st.sampled_from(["x", "y", " x"]))
)


@given(TEXTS)
def test_groups_hold_what_they_say(texts: list[tuple[str, str]]) -> None:
    rows = [row(line, prompt, output) for line, (prompt, output) in enumerate(texts, start=1)]
    found = find_repetitions(rows)
    by_line = {each.line: each for each in rows}
    for group in found.exact:
        assert (
            len({(" ".join(by_line[n].prompt[-1].content.split()), by_line[n].desired_output.strip()) for n in group.lines})
            == 1
        )
    for group in found.contradictions:
        assert len({by_line[n].desired_output.strip() for n in group.lines}) > 1
    assert found.repeated <= max(0, len(rows) - 1)
    assert all(len(group.lines) > 1 for group in (*found.exact, *found.near, *found.contradictions, *found.near_contradictions))


@given(st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), max_size=20))
def test_every_row_is_in_one_step_of_the_histograms(texts: list[tuple[str, str]]) -> None:
    sizes = measure([row(line, prompt, output) for line, (prompt, output) in enumerate(texts, start=1)])
    for size in (sizes.prompt, sizes.output):
        assert sum(bar.rows for bar in size.histogram) == sizes.rows == len(texts)
        assert size.tokens.min <= size.tokens.median <= size.tokens.p95 <= size.tokens.max <= size.all_tokens


def test_sizes_are_of_both_sides() -> None:
    turns = (
        Message(role="user", content="x" * 400),
        Message(role="assistant", content="y" * 40),
        Message(role="user", content="z" * 40),
        Message(role="assistant", content="w" * 41),
    )
    sizes = measure([Row(id="a", line=1, messages=turns), row(2, "p" * 8, "o" * 4, system=None)])
    assert (sizes.rows, sizes.multi_turn) == (2, 1)
    assert (sizes.prompt.characters.min, sizes.prompt.characters.max) == (8, 480)
    assert (sizes.output.tokens.min, sizes.output.tokens.max, sizes.output.all_tokens) == (1, 11, 12)
    assert [(bar.first, bar.last, bar.rows) for bar in sizes.prompt.histogram if bar.rows] == [(0, 15, 1), (64, 127, 1)]


def test_short_prompts_say_too_little() -> None:
    found = find_thin_prompts([*clean(), row(4, "Zorp please", "emit 1"), row(5, "列表去重后按长度排序", "emit uniq(xs)")])
    assert [thin.line for thin in found] == [4]
    assert "Zorp please" in found[0].reason


def test_a_short_last_turn_says_enough_after_others() -> None:
    first = clean()[0].messages
    turns = (*first, Message(role="user", content="Lower case"), Message(role="assistant", content="emit lower"))
    assert find_thin_prompts([Row(id="a", line=1, messages=turns)]) == ()


def test_texts_that_nobody_could_guess_are_found() -> None:
    output = "config { host: 'db.internal.example', user: 'reporting', password: 'hunter', region: 'Frankfurt' }"
    found = find_thin_prompts([row(1, "Write me a config file for our database connection, please.", output)])
    assert [thin.line for thin in found] == [1]
    assert "internal" in found[0].reason
    said = "A config: host db.internal.example, user reporting, password hunter, region Frankfurt."
    assert find_thin_prompts([row(1, said, output)]) == ()


def test_quotations_of_prose_need_not_be_in_the_prompt() -> None:
    output = 'People say "this never happens in practice", and yet "it does quite often on Mondays", as we all know.'
    assert find_thin_prompts([row(1, "Explain why the cache is sometimes stale.", output)]) == ()


def test_system_prompts_are_counted_to_the_letter() -> None:
    rows = [row(1, "a", "b"), row(2, "a", "b"), row(3, "a", "b", system=SYSTEM + " "), row(4, "a", "b", system=None)]
    found = count_system_prompts(rows)
    assert [(prompt.rows, prompt.lines) for prompt in found] == [(2, (1, 2)), (1, (3,)), (1, (4,))]
    assert found[2].start == ""
