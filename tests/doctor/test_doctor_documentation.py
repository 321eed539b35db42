"""The documentation against the dataset, on a small documentation of a made-up language."""

from collections.abc import Sequence

import pytest

from tests.doctor.conftest import row
from tracegen.doctor.documentation import Needs, examine_documentation, needs_of
from tracegen.doctor.figures import support_figures
from tracegen.doctor.records import Documentation
from tracegen.errors import SettingsError
from tracegen.records import Chunk, Row
from tracegen.traces.support import Vocabulary


def chunk(path: str, headings: Sequence[str], text: str) -> Chunk:
    return Chunk(
        id=f"{path}-{'-'.join(headings)}",
        path=path,
        title=headings[0],
        headings=tuple(headings),
        text=text,
        start_line=1,
        end_line=9,
    )


CHUNKS = [
    chunk("list.md", ("list", "fold"), "Folds a list.\n\n```\nlist.fold(xs, 0, add)\n```"),
    chunk("list.md", ("list", "window"), "All windows of a list.\n\n```\nlist.window(xs, 2)\n```"),
    chunk("text.md", ("text", "trim"), "Trims a text.\n\n```\ntext.trim(t)\n```"),
    chunk("hash.md", ("hash", "sha"), "The digest of a text.\n\n```\nhash.sha(t)\n```"),
    chunk("hash.md", ("hash", "Thanks"), "Thanks go to all who helped."),
    chunk("guide.md", ("Guide", "Installation"), "Get the program from the download page, and put it somewhere on the path."),
]
ROWS = [
    row(1, "Sum up xs, please, with a fold.", "list.fold(xs, 0, add)"),
    row(2, "The sum of the numbers.", "list.fold(xs, 0, add)"),
    row(3, "Trim all texts of the list.", "list.fold(xs, '', text.trim(t))"),
    row(4, "Draw something round on the screen, please.", "import canvas\ncanvas.circle(10)\ncanvas.show(1)"),
]


def examine(rows: Sequence[Row]) -> tuple[Documentation, list[Needs]]:
    needs = needs_of(rows, Vocabulary(CHUNKS), None)
    return examine_documentation("id", CHUNKS, needs), needs


def test_what_is_documented_nowhere_comes_by_rows() -> None:
    found, needs = examine([*ROWS, row(5, "Something with four corners.", "import canvas\ncanvas.square(10)\ncanvas.show(1)")])
    undocumented = {term.text: (term.rows, term.lines) for term in found.undocumented}
    assert undocumented["canvas.show"] == (2, (4, 5))
    assert undocumented["canvas.circle"] == (1, (4,))
    assert [term.rows for term in found.undocumented] == sorted((term.rows for term in found.undocumented), reverse=True)
    assert "list.fold" not in undocumented
    assert needs[3].best == 0


def test_nothing_is_undocumented_where_all_is_documented() -> None:
    found, needs = examine(ROWS[:3])
    assert found.undocumented == ()
    assert [each.best for each in needs] == [1, 1, 1]
    assert (found.best.mean, found.best.above, found.best.worst) == (1, 3, ())


def test_parts_that_no_output_uses_are_named() -> None:
    found, _ = examine(ROWS)
    assert found.unused_pages == ("hash.md",)
    assert [(part.path, part.heading) for part in found.unused_sections] == [("list.md", "list > window")]
    assert found.judged == 3  # the guide has no section that is named for a term


def test_sections_headed_by_signatures_are_judged_with_what_is_below_them_or_put_together() -> None:
    chunks = [
        chunk("lists.html", ("lists", "Exports", "foldl(Fun, Acc, List) -> Acc1", "Types"), "Fun = fun()"),
        chunk("lists.html", ("lists", "Exports", "last(List) -> Last"), "The last element."),
        chunk("hash.html", ("Hashes", "(hash-ref hash key) → any"), "Gets it."),
        chunk("hash.html", ("Hashes", "(hash-keys hash) → list?"), "All keys."),
        chunk(
            "assoc.html", ("Maps", "Querying"), "## [semidet]get_assoc(+Key, +Map, -Value)\n\nGets.\n\n## [det]max_assoc(+M)\n"
        ),
        chunk("Data-List.html", ("Data.List", "lines :: String -> [String]"), "Breaks a text up."),
    ]
    rows = [
        row(1, "Fold it.", "lists:foldl(F, 0, L)"),
        row(2, "Get it.", "(hash-ref h 1)"),
        row(3, "It, too.", "get_assoc(1, M, V)"),
    ]
    found = examine_documentation("id", chunks, needs_of(rows, Vocabulary(chunks), None))
    assert found.unused_pages == ("Data-List.html",)
    assert [part.heading.split(" > ")[-1] for part in found.unused_sections] == [
        "last(List) -> Last", "(hash-keys hash) → list?", "[det]max_assoc(+M)",
    ]  # fmt: skip


def test_sections_headed_by_declarations_are_judged() -> None:
    chunks = [
        chunk("seqs.html", ("std/seqs", "Procs", "func deduplicate[T](s: openArray[T]): seq[T] {.inline.}"), "No repetitions."),
        chunk("seqs.html", ("std/seqs", "Procs", "proc rotated(...)"), "Turned."),
        chunk("texts.md", ("texts", "def shorten(text)"), "Cut."),
        chunk("sets.md", ("sets", "pub fn union(a: Set) -> Set"), "Both."),
        chunk("sets.md", ("sets", "function composition"), "No name."),
    ]
    rows = [row(1, "Each once.", "xs = f(1)\nxs.deduplicate()"), row(2, "Cut it.", "shorten(t)")]
    found = examine_documentation("id", chunks, needs_of(rows, Vocabulary(chunks), None))
    assert found.judged == 3
    assert found.unused_pages == ("sets.md",)
    assert [part.heading.split(" > ")[-1] for part in found.unused_sections] == ["proc rotated(...)"]


def test_an_operator_that_outputs_use_is_a_use_of_its_page() -> None:
    chunks = [
        chunk("univ.html", ("Terms", "[ISO]?Term =.. ?List"), "The parts."),
        chunk("univ.html", ("Terms", "functor(?Term, ?Name, ?Arity)"), "The name."),
        chunk("arith.html", ("Arithmetic", "-Number is +Expr"), "`N is 1 + 2` computes."),
        chunk("arith.html", ("Arithmetic", "+IntExpr1 gcd +IntExpr2"), "The greatest."),
        chunk("pipes.md", ("Pipes", "a |> b"), "Hands on."),
        chunk("json.html", ("JSON", "proc `%*`(x: Node): Node"), "Makes a tree."),
        chunk("lost.html", ("Lost", "+Term1 =@= +Term2"), "Alike."),
        # Every language has these: nothing says whether an output knows them from here.
        chunk("tables.html", ("Tables", "proc `==`(a, b: Table): bool"), "Equal."),
        chunk("tables.html", ("Tables", "proc `[]=`(a: Table; key: K)"), "Put."),
        chunk("tables.html", ("Tables", "proc put(a: Table)"), "Put."),
        chunk("guide.md", ("Guide", "Strings -> Lists"), "Words."),
        chunk("guide.md", ("Guide", "Copy / Paste"), "Words."),
    ]
    rows = [row(1, "Take it apart.", "f(T, L, N) :-\n    T =.. L,\n    N is 2 * 3."), row(2, "Hand it on.", "show(%* x |> y)")]
    found = examine_documentation("id", chunks, needs_of(rows, Vocabulary(chunks), None))
    assert found.judged == 6
    assert found.unused_pages == ("lost.html",)
    assert [part.heading.split(" > ")[-1] for part in found.unused_sections] == [
        "functor(?Term, ?Name, ?Arity)", "+IntExpr1 gcd +IntExpr2",
    ]  # fmt: skip


def test_every_part_is_used_where_every_name_is() -> None:
    rows = [*ROWS, row(5, "Windows and digests.", "list.window(xs, 2)\nhash.sha(t)")]
    found, _ = examine(rows)
    assert (found.unused_pages, found.unused_sections) == ((), ())


def test_what_a_prompt_gives_is_not_needed() -> None:
    given = row(1, "Call list.fold(xs, 0, add) for me.", "list.fold(xs, 0, add)")
    found, needs = examine([given])
    assert "list.fold" not in {term.text for term in needs[0].not_given}
    assert found.needing == (1 if needs[0].not_given else 0)


def test_terms_are_counted_by_rows() -> None:
    found, _ = examine(ROWS)
    assert found.needing == 4
    assert found.distinct >= 4
    assert 0 < found.rare <= found.distinct


def test_a_language_that_nobody_knows_is_refused() -> None:
    with pytest.raises(SettingsError, match="Pygments"):
        needs_of(ROWS, Vocabulary(CHUNKS), "zorp")


def test_figures_leave_out_what_needs_nothing() -> None:
    figures = support_figures([(1, None), (2, 1.0), (3, 0.0), (4, 0.8), (5, 0.85)])
    assert (figures.rows, figures.above) == (4, 2)
    assert figures.mean == pytest.approx(0.6625)
    assert figures.histogram == (1, 0, 0, 0, 0, 0, 0, 0, 2, 1)
    assert figures.worst == ((3, 0.0), (4, 0.8))
    assert support_figures([]).mean == 0
