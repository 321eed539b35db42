"""The whole examination: the advice for datasets with and without faults, the JSON, and the page."""

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import click
import pytest

import tracegen
from tests.conftest import ROOT
from tests.doctor.conftest import SYSTEM, lines_of, row
from tests.doctor.test_doctor_checking import COMPILES
from tracegen.dataset import read_rows
from tracegen.doctor.checking import CheckCommand
from tracegen.doctor.records import Report
from tracegen.doctor.terminal import render_report
from tracegen.doctor.webpage import render_page
from tracegen.errors import EmbedderError, InputError, SettingsError, StoreError
from tracegen.index import models
from tracegen.records import Row
from tracegen.review.text import columns

Write = Callable[[Sequence[Row]], Path]


def sample(count: int) -> list[Row]:
    """Return rows of the sample that speak of strings, as the small index does."""
    rows = [entry.outcome for entry in read_rows(ROOT / "examples/train.jsonl") if isinstance(entry.outcome, Row)]
    return rows[:count]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, sample_index: Path) -> Report:
    """Return the report of a dataset with every fault there is."""
    rows = [(each.prompt[-1].content, each.desired_output, SYSTEM) for each in sample(24)]
    rows += [rows[0], (rows[1][0], "{ another: 'answer' }", SYSTEM), (rows[2][0], rows[2][1], "Another system prompt.")]
    rows += [("Config.", "{ host: 'db.example', user: 'reporting', key: 'hunter', region: 'Frankfurt' }", SYSTEM)]
    rows += [
        (f"What does std.{name} do?", "It turns one value into another one, as its name says. " * 3, SYSTEM) for name in "abcd"
    ]
    rows += [("Draw a circle on the page.", "std.drawCircle(std.canvas(10, 10), 5)", SYSTEM)]
    path = tmp_path_factory.mktemp("faulty") / "train <1>.jsonl"
    made = [row(line, *texts) for line, texts in enumerate(rows, start=1)]
    path.write_text(lines_of(made) + "no JSON\n", encoding="utf-8")
    return tracegen.examine(path, sample_index, check=CheckCommand(COMPILES), sample=10, seed=3)


def checks(report: Report) -> dict[str, str]:
    return {advice.check: advice.importance for advice in report.advice}


def test_every_fault_has_its_advice(faulty: Report) -> None:
    found = {check: importance for check, importance in checks(faulty).items() if importance != "good"}
    assert set(found) >= {
        "knowledge", "undocumented", "outputs", "contradictions", "duplicates", "thin-prompts", "tasks",
        "system-prompts", "unusable", "rows", "retrieval-alone", "cost",
    }  # fmt: skip
    assert (found["knowledge"], found["outputs"], found["rows"]) == ("serious", "serious", "serious")


def test_the_most_important_comes_first(faulty: Report) -> None:
    order = ["serious", "worth a look", "note", "good"]
    places = [order.index(advice.importance) for advice in faulty.advice]
    assert places == sorted(places)
    assert faulty.advice[-1].importance == "good" or faulty.advice[-1].check == "cost"


def test_advice_names_its_rows_and_what_to_do(faulty: Report) -> None:
    by_check = {advice.check: advice for advice in faulty.advice}
    assert by_check["contradictions"].lines == (2, 26)
    assert by_check["duplicates"].lines == (25, 27)
    assert by_check["thin-prompts"].lines == (28,)
    assert by_check["unusable"].lines == (34,)
    assert "`std.drawCircle` (1 row)" in by_check["undocumented"].problem
    assert all(advice.remedy for advice in faulty.advice if advice.importance != "good")


def test_a_sample_is_searched_for_and_said_so(faulty: Report) -> None:
    assert faulty.retrieval is not None
    assert (faulty.retrieval.sampled, faulty.retrieval.rows, faulty.retrieval.seed) == (10, 33, 3)
    reach = next(advice for advice in faulty.advice if advice.check == "retrieval")
    assert "a sample of 10 of 33 rows (seed 3)" in reach.problem


def test_the_researcher_finds_more_than_one_search_and_less_than_there_is(sample_index: Path, write: Write) -> None:
    report = tracegen.examine(write(sample(20)), sample_index)
    assert report.retrieval is not None
    assert report.documentation is not None
    assert report.retrieval.search.mean < report.retrieval.researcher.mean <= report.documentation.best.mean
    assert 1 < report.retrieval.searches <= 8
    shown = {page.path for page in report.retrieval.hubs} | set(report.retrieval.never)
    assert not set(report.retrieval.never) & {page.path for page in report.retrieval.hubs}
    assert shown <= {path.name for path in (ROOT / "docs_corpus").rglob("*.md")}


def test_a_manual_on_few_pages_is_no_hub(sample_index: Path, write: Write) -> None:
    report = tracegen.examine(write(sample(20)), sample_index)
    assert report.retrieval is not None
    assert report.retrieval.hubs
    assert "hubs" not in checks(report)


def test_rows_without_a_system_prompt_are_told_as_such(write: Write) -> None:
    rows = [row(line, f"Print {line}.", f"emit {line}", SYSTEM if line % 3 else None) for line in range(1, 13)]
    (advice,) = [each for each in tracegen.examine(write(rows), None).advice if each.check == "system-prompts"]
    assert advice.problem == "4 of 12 rows (33%) have no system prompt; the others have one, all the same."


NEEDED = {
    "How do I join an array of strings with a separator?": "std.join(', ', ['a', 'b'])",
    "Split a string at every comma in it.": "std.split('a,b', ',')",
    "Convert a string to upper case letters.": "std.asciiUpper('a')",
    "Does a string start with a prefix?": "std.startsWith('ab', 'a')",
}


def test_a_search_that_finds_what_is_needed_is_good(sample_index: Path, write: Write) -> None:
    rows = [row(line, prompt, output) for line, (prompt, output) in enumerate(NEEDED.items(), start=1)]
    assert checks(tracegen.examine(write(rows), sample_index))["retrieval"] == "good"


def test_a_search_that_does_not_find_what_is_needed_is_told(sample_index: Path, write: Write) -> None:
    asked = ("Bake rye bread for nine guests.", "Paint the fence of the garden.", "Feed the cat at noon.", "Row over the lake.")
    needed = (
        "std.rstripChars('a', 'b')",
        "std.codepoint('a')",
        "std.splitLimitR('a,b', ',', 1)",
        "std.equalsIgnoreCase('a', 'A')",
    )
    rows = [row(line, prompt, output) for line, (prompt, output) in enumerate(zip(asked, needed, strict=True), start=1)]
    report = tracegen.examine(write(rows), sample_index)
    (advice,) = [advice for advice in report.advice if advice.check == "retrieval"]
    assert advice.importance in ("serious", "worth a look")
    assert advice.lines
    assert advice.remedy
    assert report.prospects.retrieval_alone.answer == "cannot say"


def test_no_advice_without_a_fault(write: Write) -> None:
    report = tracegen.examine(write(sample(113)), check=None)
    assert {check for check, importance in checks(report).items() if importance not in ("good", "note")} == set()
    assert {part.part for part in report.skipped} == {"documentation", "retrieval", "outputs"}
    assert (report.documentation, report.retrieval, report.checked) == (None, None, None)
    assert report.prospects.retrieval_alone.answer == "cannot say"


def test_a_lopsided_dataset_is_told(write: Write) -> None:
    rows = [row(line, f"Bake bread number {line} with rye flour, water and salt.", f"bake({line});") for line in range(1, 31)]
    rows += [row(31, "Open a network port.", "listen(80);")]
    report = tracegen.examine(write(rows))
    (advice,) = [advice for advice in report.advice if advice.check == "lopsided"]
    assert advice.importance == "serious"
    assert "bread" in advice.problem
    assert set(advice.lines) <= set(range(1, 31))


def test_the_variety_of_prompts_does_not_depend_on_the_precision_of_an_index(write: Write, sample_index: Path) -> None:
    with tracegen.open_index(sample_index) as index:
        assert models.precision_of(index.manifest.fingerprint) == models.INT8
    path = write(sample(20))
    assert tracegen.examine(path, sample_index, sample=1).variety == tracegen.examine(path).variety


def test_the_same_twice_is_the_same(write: Write, sample_index: Path) -> None:
    path = write(sample(12))
    assert tracegen.examine(path, sample_index, sample=5) == tracegen.examine(path, sample_index, sample=5)


@pytest.mark.parametrize(
    "rows",
    [
        [row(1, "One row alone, and no more.", "emit 1;")],
        [row(1, "日本語の質問です。配列を並べ替えてください。", "ソート(配列);", system=None)],
        [row(line, "\x00 \x1b[31m \u202e \ud7ff ￿", "\x07;") for line in range(1, 4)],
        [row(1, "x" * 200_000, "y " * 100_000)],
    ],
    ids=["one", "japanese", "control characters", "huge"],
)
def test_odd_datasets_make_a_report_a_page_and_data(rows: list[Row], write: Write, sample_index: Path) -> None:
    report = tracegen.examine(write(rows), sample_index)
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert "\x1b" not in click.unstyle(render_report(report))
    parse(render_page(report))


def test_what_cannot_be_read_is_an_error(tmp_path: Path, write: Write) -> None:
    with pytest.raises(InputError):
        tracegen.examine(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(InputError, match="is empty"):
        tracegen.examine(tmp_path / "empty.jsonl")
    path = write(sample(2))
    with pytest.raises(StoreError, match="There is no index"):
        tracegen.examine(path, tmp_path / "none")
    with pytest.raises(SettingsError, match="Pygments"):
        tracegen.examine(path, language="zorp")


def test_without_a_model_the_rest_is_examined(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(model: str) -> Path:
        raise EmbedderError("The model cannot be had: no network. Give a folder with --model.")

    monkeypatch.setattr("tracegen.index.models.resolve_model", missing)
    report = tracegen.examine(write(sample(3)))
    assert report.variety is None
    assert report.skipped[0].part == "variety"
    assert "cannot be had" in report.skipped[0].reason
    parse(render_page(report))
    assert "variety" in render_report(report)


# --- the JSON ------------------------------------------------------------------------------------------------------------


def test_the_json_has_these_fields(faulty: Report) -> None:
    """Scripts read them: a field may be added, but none may go or change its name while `version` is 1."""
    data = json.loads(faulty.model_dump_json())
    assert data["version"] == 1
    fields = {name: sorted(value) for name, value in data.items() if isinstance(value, dict)}
    assert fields == {
        "sizes": ["multi_turn", "output", "prompt", "rows"],
        "repetitions": ["contradictions", "exact", "near", "near_contradictions", "repeated"],
        "variety": ["clusters", "effective", "embedded", "largest_share", "points"],
        "checked": ["checked", "command", "failures", "prose"],
        "documentation": [
            "best", "chunks", "distinct", "index", "judged", "needing", "pages", "rare", "terms_per_row", "undocumented",
            "unused_pages", "unused_sections",
        ],
        "retrieval": [
            "hubs", "never", "researcher", "retrievable", "rows", "sampled", "search", "searches", "seed",
        ],
        "prospects": ["good_rows", "retrieval_alone", "tasks"],
    }  # fmt: skip
    lists = {name: sorted(value[0]) for name, value in data.items() if isinstance(value, list) and value}
    assert lists == {
        "advice": ["check", "importance", "lines", "problem", "remedy"],
        "unusable": ["line", "reason"],
        "thin_prompts": ["line", "reason"],
        "tasks": ["lines", "request", "rows", "shape", "share"],
        "system_prompts": ["lines", "rows", "start"],
    }
    assert data["skipped"] == []
    assert set(data) == {*fields, *lists, "version", "dataset", "skipped"}


# --- the page ------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page holds."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.sections: list[str] = []
        self.images: list[str] = []
        self.addresses: list[str] = []
        self.tables = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids += [values["id"] or ""] if "id" in values else []
        self.sections += [values["id"] or ""] if tag == "section" else []
        self.images += [values.get("aria-label") or ""] if values.get("role") == "img" else []
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        self.tables += tag == "table"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parse(text: str) -> Page:
    """Parse a page, which has to be well-formed, both as HTML and as XML."""
    ElementTree.fromstring(text.replace("<!DOCTYPE html>", "").replace("&nbsp;", " "))
    page = Page()
    page.feed(text)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    return page


def test_the_page_has_every_section(faulty: Report) -> None:
    page = parse(render_page(faulty))
    assert page.sections == ["advice", "dataset", "variety", "documentation", "retrieval", "prospects"]
    assert {f"advice-{advice.check}" for advice in faulty.advice if advice.importance != "good"} <= set(page.ids)


def test_the_page_needs_nothing_from_elsewhere(faulty: Report) -> None:
    text = render_page(faulty)
    assert all(address.startswith("#") for address in parse(text).addresses)
    assert "<script" not in text
    assert "url(http" not in text
    assert "@import" not in text


def test_every_reference_within_a_plot_is_to_the_same_plot(faulty: Report) -> None:
    page = parse(render_page(faulty))
    assert {address.removeprefix("#") for address in page.addresses} <= set(page.ids)


def test_plots_are_said_in_words_and_as_tables(faulty: Report) -> None:
    page = parse(render_page(faulty))
    assert len(page.images) == 3
    assert all(len(label) > 40 for label in page.images)
    assert page.tables >= 6


def test_plots_have_the_colours_of_the_page(faulty: Report) -> None:
    text = render_page(faulty)
    plots = text[text.index("<svg") : text.rindex("</svg>")]
    assert "var(--series-1)" in plots
    assert "currentColor" in plots
    assert "prefers-color-scheme: dark" in text
    for name in ("paper", "grid", "rest", *(f"series-{number}" for number in range(1, 9))):
        assert text.count(f"--{name}:") == 2, name


def test_what_rows_say_is_text_in_the_page(write: Write) -> None:
    rows = [row(line, "<script>alert(1)</script> & <b>more</b> words here", f"x{line};") for line in (1, 2)]
    text = render_page(tracegen.examine(write(rows)))
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    parse(text)


def test_the_terminal_page_is_as_wide_as_it_is_told(faulty: Report) -> None:
    for width in (40, 80, 120):
        page = click.unstyle(render_report(faulty, width=width))
        assert max(columns(line) for line in page.splitlines()) <= width
