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


def headed(page: str) -> list[str]:
    return [f"{'#' * block.level} {block.text}".strip() for block in read_webpage(page).blocks]


def test_a_term_stays_with_its_description() -> None:
    page = "<dl><dt>core.pager<dd><p>Shows text.<p>More.<dt>-a</dt><dt>--all</dt><dd>All.<dd><pre>x</pre><dt>alone</dl><p>after"
    assert texts(page) == [
        "**core.pager**\nShows text.", "More.", "**-a, --all**\nAll.", "```\nx\n```", "**alone**", "after"
    ]  # fmt: skip
    assert texts("<ul><li>do<dl><dt>Returns:<dd>it</dl></ul>") == ["- do\n  **Returns:**\n  it"]


def test_a_signature_is_the_heading_of_its_description() -> None:
    page = """<h2>Procs</h2>
    <dl class="py class"><dt id="Box" class="sig">class Box(x) <a class="headerlink" href="#Box">¶</a></dt>
    <dd><p>Holds.</p><dl class="py method"><dt id="Box.get">get()</dt><dd>Gives.</dd></dl></dd></dl>
    <p>Going on.</p>
    <dl><dt><pre>proc a()</pre></dt><dt><pre>proc a(x)</pre></dt><dd>Does. <a class="link-seesrc">Source</a></dd></dl>"""
    assert headed(page) == [
        "## Procs", "### class Box(x)", "Holds.", "#### get()", "Gives.", "### Procs (continued)", "Going on.",
        "### proc a(...)", "```\nproc a()\nproc a(x)\n```", "Does.",
    ]  # fmt: skip
    ocaml = '<h2>Lists</h2><pre><span id="VALmap">val map : int</span></pre><div class="info"><p>Maps.</div>'
    assert headed(ocaml) == ["## Lists", "### val map : int", "Maps."]
    haddock = '<h1>M</h1><p class="src"><a id="v:f" class="def">f</a> :: a <a class="selflink" href="#">#</a></p><p>Does.'
    assert headed(haddock) == ["# M", "## f :: a", "Does."]


def test_menus_footers_and_tooltips_are_dropped_and_what_only_sounds_like_them_is_not() -> None:
    menu = '<div class="sphinxsidebar"><h3>Contents</h3><ul><li><a href="#a">Chapter one</a></ul></div>'
    assert texts(f"{menu}<h1>T</h1><p>a<div class='footer'>Made with care</div>") == ["T", "a"]
    assert texts("<section id='pagination'><h2>Pagination</h2><p>Pages.</section>") == ["Pagination", "Pages."]
    assert texts("<body class='toc'><div class='sidebar'>Long words of an aside with one <a>link</a></div>") == [
        "Long words of an aside with one link"
    ]


def test_titles_of_notes_stand_before_their_words() -> None:
    assert texts('<div class="admonition warning"><p class="admonition-title">Warning</p><p>Hot.</div>') == ["Warning: Hot."]
    assert texts('<table><tr><td class="icon"><div>Note</div><td class="content">Cold.</table>') == ["Note: Cold."]
    assert texts('<main><aside class="starlight-aside"><p class="starlight-aside__title">Tip</p><p>Do.</aside></main>') == [
        "Tip: Do."
    ]


def test_code_keeps_its_lines_and_loses_their_numbers() -> None:
    docusaurus = (
        '<pre class="language-js"><code><span class="token-line">a</span><br><span class="token-line">b</span><br></code></pre>'
    )
    assert texts(docusaurus) == ["```js\na\nb\n```"]
    doxygen = '<div class="fragment"><div class="line"><span class="lineno"> 1</span>a</div>\n<div class="line">b</div></div>'
    assert texts(doxygen) == ["```\na\nb\n```"]
    numbered = '<table><tr><td class="linenos"><pre>1\n2</pre><td class="code"><pre>a\nb</pre></table>'
    assert texts(numbered) == ["```\na\nb\n```"]


def test_words_in_cells_stay_apart_and_a_table_of_one_row_is_layout() -> None:
    assert texts("<table><tr><th>A<th>B<tr><td><p>a</p><p>b</p><td>c<br>d</table>") == [
        "| A | B |\n| --- | --- |\n| a b | c d |"
    ]
    assert texts("<table><tr><td>a<td>b</table>") == ["a b"]


def test_a_page_that_only_sends_on_is_left_out() -> None:
    page = '<meta http-equiv="refresh" content="0;URL=x.html"><p>Redirecting to x.html</p>'
    assert read_webpage(page).problem == "redirects to another page"
    assert read_webpage(page + "word " * 60).blocks


def test_doxygen_pages_have_a_title_and_signatures() -> None:
    page = """<div class="header"><div class="summary"><a href="#f">Functions</a></div>
    <div class="headertitle"><div class="title">List Class</div></div></div>
    <h2 class="memtitle"><span class="permalink"><a>\u25c6&#160;</a></span>at() <span class="overload">[1/2]</span></h2>
    <table class="memname"><tr><td>int at </td><td>( int </td><td>i )</td></tr></table><p>Gives one."""
    assert headed(page)[-4:] == ["# List Class", "## at()", "```\nint at ( int i )\n```", "Gives one."]


def test_a_listing_of_a_source_file_is_left_out() -> None:
    lines = "".join(f'<span id="line-{number}"></span>let x\n' for number in range(1, 5))
    assert read_webpage(f"<body><pre>{lines}</pre>").problem == "listing of a source file"
