"""HTML: main content, code with its language, tables, lists, fragments, lines."""

from tracegen.corpus.webpage import read_webpage
from tracegen.records import Block

PAGE = """<!DOCTYPE html>
<html><head><title>Site title</title><style>p {}</style></head>
<body>
<nav><a href="/">Home</a></nav>
<header>Menu</header>
<main>
<h1>Lists <a class="headerlink" href="#l">¶</a></h1>
<p>A <code>List</code> is
  <em>ordered</em>.</p>
<div class="highlight-gleam"><pre><code class="language-gleam">
let x = [1, 2]
x |&gt; f
</code></pre></div>
<ul>
  <li>one</li>
  <li>two
    <ol><li>inner</li><li>more</li></ol>
  </li>
</ul>
<table>
<tr><th>Name</th><th>Does</th></tr>
<tr><td><code>map</code></td><td>a|b</td></tr>
</table>
<aside>Advert</aside>
<script>alert(1)</script>
</main>
<footer>Imprint</footer>
</body></html>
"""


def test_reads_a_page() -> None:
    page = read_webpage(PAGE)
    assert page.title == "Lists"
    assert page.blocks == (
        Block(kind="heading", text="Lists", level=1, start_line=7, end_line=7),
        Block(kind="prose", text="A `List` is ordered.", start_line=8, end_line=9),
        Block(
            kind="code",
            text="```gleam\nlet x = [1, 2]\nx |> f\n```",
            start_line=11,
            end_line=12,
            language="gleam",
        ),
        Block(kind="prose", text="- one\n- two\n  1. inner\n  2. more", start_line=15, end_line=17),
        Block(
            kind="table",
            text="| Name | Does |\n| --- | --- |\n| map | a\\|b |",
            start_line=20,
            end_line=22,
        ),
    )


def test_reads_a_fragment_as_the_language_tour_has_it() -> None:
    page = read_webpage("<p>\n  It's <code>|></code> here.\n</p>\n<p>\n  Next.\n</p>\n")
    assert page.title == ""
    assert page.blocks == (
        Block(kind="prose", text="It's `|>` here.", start_line=2, end_line=3),
        Block(kind="prose", text="Next.", start_line=5, end_line=6),
    )


def texts(page: str) -> list[str]:
    return [block.text for block in read_webpage(page).blocks]


def test_title_falls_back_to_the_page_title() -> None:
    assert read_webpage("<title> My\n page</title><p>words").title == "My page"


def test_an_article_keeps_its_header_and_a_page_with_an_empty_main_its_body() -> None:
    assert texts("<html><body><article><header><h1>T</h1></header><p>a</article></body></html>") == ["T", "a"]
    assert texts("<html><body><main></main><p>words</p></body></html>") == ["words"]


def test_code_language_from_different_generators() -> None:
    for markup in (
        '<pre><code class="lang-go">x</code></pre>',
        '<pre class="sourceCode go">x</pre>',
        '<div class="highlight highlight-source-go"><pre>x</pre></div>',
        '<pre data-lang="go">x</pre>',
    ):
        assert texts(markup) == ["```go\nx\n```"], markup


def test_a_fence_is_longer_than_those_in_the_code() -> None:
    assert texts("<pre>```\nx\n```</pre>") == ["````\n```\nx\n```\n````"]


def test_a_layout_table_is_not_a_table() -> None:
    assert texts("<table><tr><td><h2>T</h2><pre>code</pre></td></tr></table>") == ["T", "```\ncode\n```"]


def test_code_in_a_list_item() -> None:
    assert texts("<ol><li>run<pre>make</pre>then</li><li>stop</li></ol>") == ["1. run", "```\nmake\n```", "  then\n2. stop"]


def test_text_after_dropped_elements_and_line_breaks_stay() -> None:
    assert texts("<p>a <script>x</script>b<br>c<img alt='pic'></p>tail") == ["a b\ncpic", "tail"]


def test_too_deep_nesting_is_a_problem_and_not_a_loss() -> None:
    assert texts("<div>" * 1500 + "words" + "</div>" * 1500) == ["words"]
    assert read_webpage("<div>" * 50_000 + "words").problem == "elements nested too deeply"


def test_xhtml_and_declared_encodings_in_text() -> None:
    page = '<?xml version="1.0" encoding="iso-8859-1"?><html xmlns="http://www.w3.org/1999/xhtml"><body><p>größer</p></body></html>'
    assert texts(page) == ["größer"]
