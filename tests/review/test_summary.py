"""The summary of a file: figures, findings over the whole file, the strangest rows; and its page."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tracegen.jsonl import Line
from tracegen.review.figures import Spread, Summary
from tracegen.review.summary import summarise
from tracegen.review.terminal import render_summary
from tracegen.review.text import columns

PARAMETERS = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
TOOLS = [{"type": "function", "function": {"name": "search_docs", "description": "Search.", "parameters": PARAMETERS}}]


def row(
    name: str, hops: int = 2, *, system: str = "You write Zorp.", output: str = "emit 1", tools: Any = TOOLS
) -> dict[str, Any]:
    """Return a row whose prompt, queries and returns all differ."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}, {"role": "user", "content": f"Print {name}."}]
    for hop in range(hops):
        function = {"name": "search_docs", "arguments": json.dumps({"query": f"part {hop} of {name}"})}
        messages.append({"role": "assistant", "tool_calls": [{"id": f"call_{hop}", "type": "function", "function": function}]})
        text = f"[1] zorp/{name}.md:{hop}1-{hop}9 Zorp > Part {hop}\nPart {hop} of {name} needs emit so."
        messages.append({"role": "tool", "tool_call_id": f"call_{hop}", "content": text})
    return {"messages": [*messages, {"role": "assistant", "content": output}], "tools": tools}


def lines(*values: Any) -> Iterator[Line]:
    """Yield values as the lines of a file; an exception is a line that is not JSON."""
    for number, value in enumerate(values, start=1):
        error = f"not JSON: {value}" if isinstance(value, Exception) else None
        yield Line(number, None if error else value, "", error)


def page(summary: Summary, width: int = 80) -> str:
    """Return the page without colours."""
    import click

    return click.unstyle(render_summary(summary, name="augmented.jsonl", width=width))


def struck(summary: Summary) -> dict[str, tuple[int, tuple[int, ...]]]:
    """Return rows and lines by check."""
    return {count.check: (count.rows, count.lines) for count in summary.findings}


MIXED = (
    *(row(name) for name in ("a", "b", "c")),
    ValueError("Expecting value at column 7"),
    row("d", 9),
    row("a", output="emit 2"),
    row("e", system="You write Gleam."),
    [1, 2],
    row("f", tools=[]),
    row("g", output=" "),
)


def test_figures() -> None:
    summary = summarise(lines(*MIXED))
    assert (summary.rows, summary.unusable) == (8, 2)
    assert [bad.line for bad in summary.unusable_lines] == [4, 8]
    assert summary.hops == Spread(min=2, median=2, p95=9, max=9)
    assert [(bar.first, bar.rows) for bar in summary.hops_histogram if bar.rows] == [(2, 7), (9, 1)]
    assert summary.roles == {"assistant": 31, "tool": 23, "system": 8, "user": 8}
    assert summary.tools == {"search_docs": 7}
    assert summary.system_prompts == 2
    assert summary.returns.count == 23
    assert summary.max_length == 1_024


def test_findings_over_the_whole_file() -> None:
    summary = summarise(lines(*MIXED))
    assert struck(summary) == {
        "unknown-tool": (1, (9,)),
        "no-desired-output": (1, (10,)),
        "differing-outputs": (1, (6,)),
        "differing-tools": (1, (9,)),
        "differing-system": (1, (7,)),
        "long-trace": (1, (5,)),
    }
    assert struck(summarise(lines(*(row(name) for name in "abcd")))) == {}


def test_strangest_rows_come_first() -> None:
    summary = summarise(lines(*MIXED))
    assert [found.line for found in summary.strangest] == [9, 10, 5, 6, 7]
    messages = {found.line: found.findings[-1].message for found in summary.strangest}
    assert messages[6] == "the prompt of line 1 with another desired output"
    assert messages[7] == "not the system prompt of most rows, such as line 1"
    assert messages[5] == "9 hops; the median row has 2"


def test_a_row_far_from_the_median_is_strange_without_a_finding() -> None:
    summary = summarise(lines(*(row(name) for name in "abcd"), row("e", output="emit 1\n" * 1_000)))
    assert [(found.line, found.findings) for found in summary.strangest] == [(5, ())]
    assert summary.strangest[0].far == "about 1,850 tokens; the median row has 102"


def test_rows_without_prompts_do_not_repeat_one_another() -> None:
    assert "duplicate-prompt" not in struck(summarise(lines({"messages": []}, {"text": "a"}, {"text": "b"})))


def test_returns_repeated_empty_and_in_error() -> None:
    value = row("a", 4)
    for index, text in ((5, value["messages"][3]["content"]), (7, " "), (9, "Error: no")):
        value["messages"][index]["content"] = text
    returns = summarise(lines(value)).returns
    assert (returns.count, returns.repeated, returns.empty, returns.errors) == (4, 1, 1, 1)


def test_memory_does_not_grow_with_the_texts() -> None:
    def many(count: int) -> Iterator[Line]:
        for number in range(1, count + 1):
            # The returns come back, as passages of documentation do: a bounded number of them is cached.
            yield Line(number, row(f"{number % 10}", output=f"emit {number} " * 500), "", None)

    summarise(many(10))  # what is imported and cached on first use is not counted
    peaks = []
    for count in (20, 100):
        tracemalloc.start()
        summarise(many(count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 80 * 3_000  # the texts of a row are 5,500 bytes


def test_page() -> None:
    assert page(summarise(lines(*MIXED))) == PAGE


def test_page_of_a_file_without_rows() -> None:
    assert page(summarise(lines())) == "augmented.jsonl: 0 rows, 0 lines not usable"
    assert page(summarise(lines([]))).splitlines()[3:] == [
        "  line 1      an array, not an object with `messages`",
        "  A file has one JSON object per line. One JSON array is made into that by: jq",
        "  -c '.[]' FILE",
    ]


def test_page_of_rows_without_messages_has_no_figures() -> None:
    text = page(summarise(lines({"prompt": "a", "completion": "b"})))
    assert "no-messages" in text
    assert "max_length" not in text


def test_page_of_rows_without_a_system_prompt_says_so() -> None:
    text = page(summarise(lines({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]})))
    assert "system prompts   none" in text


def test_the_check_of_long_rows_counts_what_the_page_counts() -> None:
    summary = summarise(lines(*(row(str(size), 0, output="b" * 4 * size) for size in (8_000, 8_200))))
    [long] = [count.rows for count in summary.findings if count.check == "very-long"]
    assert long == summary.longer_than[8_192] == 1


def test_page_of_rows_without_tools() -> None:
    text = page(summarise(lines(row("a", 0, tools=None), row("b", 0, tools=None))))
    assert "hops per row     none: no row calls a tool" in text
    assert "Findings\n  none" in text
    assert "tracegen inspect augmented.jsonl 1 " in text


def test_next_names_a_line_that_is_a_row() -> None:
    text = page(summarise(lines(ValueError("cut"), row("a"), row("b"))))
    assert "tracegen inspect augmented.jsonl 2 " in text


@given(st.lists(st.dictionaries(st.text(st.characters()), st.none() | st.text(st.characters())) | st.none(), max_size=3))
def test_any_file_gives_a_page(values: list[Any]) -> None:
    wrapped = [{"messages": [value], "tools": [value]} for value in values]
    text = page(summarise(lines(*values, *wrapped)))
    text.encode("utf-8")
    assert all(columns(line) <= 80 for line in text.split("\n"))


PAGE = """\
augmented.jsonl: 8 rows, 2 lines not usable

Lines that are not usable
  line 4      not JSON: Expecting value at column 7
  line 8      an array, not an object with `messages`

hops per row     min 2   median 2   max 9
              2  ████████████████████████████████████████ 7
              3  0
              9  ██████ 1

tokens per row   min 55   median 102   p95 268   max 268
                 Estimated: about 4 characters a token. Code has up to half as
                 many more.
                 To be safe, set the trainer's max_length to 1,024.

returns          23, median 60 characters, longest 60; 0 repeated in their row,
                 0 empty, 0 in error
failed searches  none
messages         assistant 31, tool 23, system 8, user 8
system prompts   2 different
tools            search_docs in 7 rows

Findings
  error    unknown-tool          1 row: line 9
           To call a function that `tools` does not define teaches the model to
           call what is not there.
  error    no-desired-output     1 row: line 10
           Every row has to end in the text of the assistant that it teaches:
           the desired output.
  warning  long-trace            1 row: line 5
           Far longer than the other rows: the search went round in circles, or
           the row is another task.
  warning  differing-outputs     1 row: line 6
           One prompt with different desired outputs: the rows contradict each
           other, and the model learns to guess.
  warning  differing-tools       1 row: line 9
           Rows of one file should define the same tools: those that the model
           is served with.
  warning  differing-system      1 row: line 7
           Rows of one task should have the same system prompt: the one that the
           model is served with.

Strangest rows first
  line 9      Print f.
    error    unknown-tool  message 3 calls "search_docs"; `tools` defines
             nothing (and 1 more place)
    warning  differing-tools  not the tools of most rows, such as line 1
  line 10     Print g.
    error    no-desired-output  the last message is empty
  line 5      Print d.
    warning  long-trace  9 hops; the median row has 2
  line 6      Print a.
    warning  differing-outputs  the prompt of line 1 with another desired output
  line 7      Print e.
    warning  differing-system  not the system prompt of most rows, such as line
             1

Next
  tracegen inspect augmented.jsonl 9          one row as a conversation
  tracegen inspect augmented.jsonl 9 --json   the same row as it stands"""
