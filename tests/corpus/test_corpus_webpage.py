"""HTML: main content, code with its language, tables, lists, fragments, lines."""

from collections.abc import Iterable
from typing import Any

import pytest

from tracegen.corpus import webpage
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


def test_signatures_of_scribble_rdoc_and_erlang() -> None:
    scribble = """<h3>Numbers</h3><blockquote class="SVInsetFlow"><table class="boxed RBoxed"><tr><td><blockquote>
    <div class="RBackgroundLabel"><p>procedure</p></div><p class="RForeground">(<a name="(def._floor)"></a>floor x) &rarr;
    integer
    </p></blockquote></td></tr><tr><td>x : real</td></tr></table></blockquote><p>Rounds.</p>"""
    code = "```\n(floor x) → integer\nx : real\n```"
    assert headed(scribble) == ["### Numbers", "#### (floor x) → integer", code, "Rounds."]
    assert headed('<table class="boxed"><tr><td>a<td>b<tr><td>c<td>d</table>') == [
        "|  |  |\n| --- | --- |\n| a | b |\n| c | d |"
    ]
    rdoc = """<h3>Methods</h3><div class="method-heading"><span>new</span><span>(data = nil)</span>
    <span class="method-click-advice">click to toggle source</span></div>
    <div><p>Makes one.</p><div class="method-source-code"><pre>def initialize</pre></div></div>"""
    assert headed(rdoc) == ["### Methods", "#### new(data = nil)", "Makes one."]
    erlang = "<h4><div></div><span>basedir(Type) -> string()</span><div>OTP 19.0</div></h4><p>Gives."
    assert headed(erlang) == ["#### basedir(Type) -> string() OTP 19.0", "Gives."]
    assert headed("<h2>Holds a list<ul><li>one</li></ul></h2>") == ["Holds a list", "- one"]
    assert headed("<table><tr><td><h3>T</h3>words</table>") == ["### T", "words"]


def test_headings_in_a_description_are_below_its_signature() -> None:
    function = """<div class="top"><p class="src"><a class="def">{0}</a> :: a</p><div class="doc"><p>Does.</p>
    <h4>Examples</h4><details id="ch:1"><summary class="hide-when-js-enabled">Expand</summary><pre>{0} 1</pre></details>
    </div></div>"""
    page = '<h1>Lists</h1><div id="synopsis"><p>map, fold</p></div>' + function.format("map") + function.format("fold")
    assert headed(page + "<h1>Sets</h1><p>Next.") == [
        "# Lists", "## map :: a", "Does.", "#### Examples", "```\nmap 1\n```",
        "## fold :: a", "Does.", "#### Examples", "```\nfold 1\n```", "# Sets", "Next.",
    ]  # fmt: skip
    instance = '<table><tr><td>Eq a<td>Since 4<tr><td><details id="i:1">Defined in Prelude</details></table>'
    assert texts(instance) == ["Eq a Since 4"]


def test_a_signature_without_a_description_stands_alone_and_keeps_its_lines() -> None:
    page = "<h2>T</h2><dl><dt><pre>proc a()</pre></dt><dd> <a class='link-seesrc'>Source</a></dd>"
    lines = "object\n  size*: int  ## Length of transfer, which is never more than what the kernel takes at once.\n  more: bool"
    assert headed(f"{page}<dt><pre>Buf = {lines}</pre></dt><dd>Holds.</dl>") == [
        "## T", "### proc a()", "### Buf", f"```\nBuf = {lines}\n```", "Holds."
    ]  # fmt: skip


def test_what_a_signature_gives_is_not_its_name() -> None:
    page = "<dl><dt id='x'>val = page_size ()</dt><dt id='y'>[old, new] = page_size (val)</dt><dd>Query.</dl>"
    assert headed(page)[0] == "## page_size(...)"


def test_the_title_of_a_page_of_many_first_headings_is_declared() -> None:
    assert read_webpage("<title>GHC.Prim</title><h1>Char</h1><p>a<h1>Int</h1><p>b").title == "GHC.Prim"
    assert read_webpage("<title>GHC.Base</title><h1>Documentation</h1><p>a").title == "GHC.Base"
    assert read_webpage("<title>Site</title><h1>lists</h1><h1>lists</h1><p>a<h2>b</h2>").title == "lists"
    page = read_webpage('<title>SGML</title><h1>Table of Contents</h1><div class="toc"><a>1</a></div><h1>1 Parsing</h1><p>a')
    assert (page.title, [block.text for block in page.blocks]) == ("SGML", ["SGML", "1 Parsing", "a"])
    assert headed("<title>GHC.Prim</title><h1>Char</h1><p>a<h1>Int</h1><h3>b</h3>") == [
        "# GHC.Prim", "## Char", "a", "## Int", "#### b"
    ]  # fmt: skip


def test_the_headings_of_a_long_page_are_compared_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []

    def least(them: Iterable[Any]) -> Any:
        compared.append(them)
        return min(them)

    monkeypatch.setattr(webpage, "min", least, raising=False)
    assert read_webpage("<title>T</title>" + "".join(f"<h2>{number}</h2><p>b</p>" for number in range(100))).title == "T"
    assert len(compared) < 10


def test_code_within_code_is_one_piece_of_code() -> None:
    assert texts("<p><code><code>void</code> <b>run(</b><code>int</code> n)</code> and <code>x</code>") == [
        "`void run(int n)` and `x`"
    ]


def test_bars_and_printed_indexes_are_dropped() -> None:
    bar = "<table><tr><td><b>[<a>Overview</a>][<a>Types</a>][<a>Index</a>]</b></td><td>Unit <a>linux</a></td></tr></table>"
    assert texts(bar) == ["Unit linux"]
    assert texts("<p>[<a>Previous</a>] [<a>Up</a>] [<a>Next</a>]</p><p>See <a>Up</a> and <a>Next</a>.</p>") == [
        "See Up and Next."
    ]
    docbook = '<div class="navheader"><table><tr><th>53.3. pg_am</th></tr><tr><td><a>Prev</a></td></tr></table></div><p>a'
    assert texts(docbook) == ["a"]
    index = (
        '<table class="index-fn"><tr><th>Index Entry</th><th>Section</th></tr><tr><td><a>abs</a></td><td>1</td></tr></table>'
    )
    letters = '<table><tr><th>Jump to:</th><td><a class="summary-letter">A</a></td></tr></table>'
    assert texts(f"{letters}{index}<p>a") == ["a"]


def test_menus_footers_and_tooltips_are_dropped_and_what_only_sounds_like_them_is_not() -> None:
    menu = '<div class="sphinxsidebar"><h3>Contents</h3><ul><li><a href="#a">Chapter one</a></ul></div>'
    assert texts(f"{menu}<h1>T</h1><p>a<div class='footer'>Made with care</div>") == ["T", "a"]
    tabs = '<div class="topNav"><ul class="navList"><li>Overview</li><li><a>Package</a></li></ul></div>'
    assert texts(f"{tabs}<p>a") == ["a"]
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
    assert headed('<h2>Files</h2><div class="note"><h3 class="title">Note</h3><p>Slow.</p></div><p>Fast.') == [
        "## Files", "Note: Slow.", "Fast."
    ]  # fmt: skip
    assert texts('<div class="warning">\n<div class="label">Warning</div><div><p>Hot.</div></div>') == ["Warning: Hot."]


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


def test_a_menu_with_a_heading_is_dropped_and_a_page_of_words_is_not() -> None:
    menu = '<div class="sidebar"><h1><a href="i.html">Lang</a></h1><ul><li><a href="a.html">Array</a></li></ul></div>'
    content = "<div class='menu'><h1>Array</h1><p>Holds <a href='t.html'>things</a> in order.</p></div>"
    page = f"<html><body>{menu}{content}</body></html>"
    assert [block.text for block in read_webpage(page).blocks] == ["Array", "Holds things in order."]


def test_signatures_of_crystal_and_comments_of_scala() -> None:
    crystal = (
        "<h2>Detail</h2><div class='entry-detail' id='a'><div class='signature'>def <strong>at</strong>(x) "
        "<a class='method-permalink' href='#a'>#</a></div><div class='doc'><p>Gives x.</p></div></div>"
    )
    assert [(block.level, block.text) for block in read_webpage(crystal).blocks] == [
        (2, "Detail"),
        (3, "def at(x)"),
        (0, "Gives x."),
    ]
    scala = (
        "<a title='Permalink'><img alt='Permalink'/></a><p class='shortcomment cmt'>Adds.</p>"
        "<div class='fullcomment'><p>Adds. Twice.</p></div>"
    )
    assert [block.text for block in read_webpage(scala).blocks] == ["Adds. Twice."]


def test_hidden_lines_of_mdbook_are_not_shown() -> None:
    code = '<span class="boring">fn main() {\n</span>let x = 1;\n<span class="boring">}</span>'
    assert read_webpage(f'<pre><code class="language-rust">{code}</code></pre>').blocks[0].text == "```rust\nlet x = 1;\n```"


def test_a_class_may_be_the_name_of_a_language() -> None:
    for code in ('<pre class="rust example-rendered">x</pre>', '<pre><code class="hljs rust">x</code></pre>'):
        assert read_webpage(code).blocks[0].language == "rust"
    assert read_webpage('<pre class="move example">x</pre>').blocks[0].language == ""


def test_what_wikis_and_doxygen_put_around_a_page_is_dropped() -> None:
    page = (
        "<html><body><div id='titlearea'><img alt='Logo'/>Lang</div><h1>Size</h1><div id='siteSub'>From a wiki</div>"
        "<div class='t-navbar'>Libraries</div><h2>Use <span class='mw-editsection'>[edit]</span></h2>"
        "<div class='cpp source-cpp'><pre class='de1'>x</pre></div>"
        "<div id='nav-path'><ul><li class='footer'>Made by <a href='x'>it</a></li></ul></div></body></html>"
    )
    assert [block.text for block in read_webpage(page).blocks] == ["Size", "Use", "```cpp\nx\n```"]


def test_what_rustdoc_lets_one_click_is_dropped() -> None:
    top = (
        "<a class='sub-logo-container' href='x'><img alt='logo'></a><h1>Function min</h1><span class='out-of-band'>· [−]</span>"
    )
    hidden = "<details><summary class='hideme'><span>Expand description</span></summary><div>The least.</div></details>"
    assert texts(f"<html><body><main>{top}{hidden}</main></body></html>") == ["Function min", "The least."]
    notable = "<span class='notable-traits'>ⓘ<span class='notable-traits-tooltip'>Notable traits for X</span></span>"
    assert texts(f"<p>fn min() -&gt; X{notable}") == ["fn min() -> X"]


def test_what_scaladoc_lets_one_choose_is_dropped() -> None:
    chosen = "<div id='mbrsel'><div id='order'>Ordering<ol><li>Alphabetic</ol></div><ol><li>Hide All</ol></div>"
    assert texts(f"<html><body><h1>List</h1>{chosen}<h3>Value Members</h3></body></html>") == ["List", "Value Members"]


def test_headers_of_several_articles_are_kept() -> None:
    articles = "".join(f"<article><header><a href='#{name}'>{name}</a></header><p>Does.</p></article>" for name in ("f", "g"))
    page = f"<html><body><header>Menu</header><h1>All</h1>{articles}</body></html>"
    assert [block.text for block in read_webpage(page).blocks] == ["All", "f", "Does.", "g", "Does."]


def test_links_lose_their_words_for_a_title_only_where_they_are_a_sign() -> None:
    page = "<p>See <a title='Permalink'>the whole text</a>.<a title='Permalink'>\u2693</a></p>"
    assert [block.text for block in read_webpage(page).blocks] == ["See the whole text."]


def test_a_bar_of_pictures_is_navigation() -> None:
    links = "".join(f'<a class="nav" href="x.html"><img src="x.gif" alt="{name}"></a>' for name in ("Home", "Previous", "Next"))
    assert texts(f'<html><body><div class="navigate">{links}</div><h1>Lists</h1><p>Text.</body></html>') == ["Lists", "Text."]
    nimdoc = '<div id="global-links"><ul><li><a href="m">Manual</a></ul></div><div id="searchInputDiv">Search: <input></div>'
    assert texts(f"<html><body><h1>Lists</h1>{nimdoc}<p>Text.</body></html>") == ["Lists", "Text."]


@pytest.mark.parametrize(
    "first",
    [
        "<tr><th>Name<th>Does",
        "<thead><tr><td>Name<td>Does</thead>",
        "<tr><td><b>Name</b><td><strong>Does</strong>",
        "<tr class='header'><td>Name<td>Does",
        "<tr><td class='table-head'>Name<td class='table-head'>Does",
    ],
)
def test_a_table_has_the_header_that_its_page_gives_it(first: str) -> None:
    assert texts(f"<table>{first}<tr><td>map<td>All</table>") == ["| Name | Does |\n| --- | --- |\n| map | All |"]


def test_a_row_of_data_is_no_header() -> None:
    assert texts("<table><tr><td>@/2<td>Call<tr><td>!/0<td>Cut</table>") == [
        "|  |  |\n| --- | --- |\n| @/2 | Call |\n| !/0 | Cut |"
    ]
    assert texts("<table><tr><th>map<td>All<tr><th>fold<td>One</table>") == [
        "|  |  |\n| --- | --- |\n| map | All |\n| fold | One |"
    ]


def test_what_is_raised() -> None:
    assert texts("<p>Below 2<sup>64</sup>, or 2<sup>n-1</sup>, the 1<sup>st</sup>.") == ["Below 2^64, or 2^n-1, the 1st."]
    assert texts('<p>Portable<sup><a href="#n1">1</a></sup> and<a href="#n2"><sup>[2]</sup></a> free.') == [
        "Portable and free."
    ]
    note = '<sup class="fn">142<span class="fn-text">Unfortunately not covered by any standard.</span></sup>'
    assert texts(f"<p>A portable{note} way.") == ["A portable (Unfortunately not covered by any standard.) way."]


def test_the_title_is_not_said_twice() -> None:
    page = "<html><head><title>std/sets</title></head><body><h1>std/sets</h1><p>Sets.<h1>Procs</h1><p>All.</body></html>"
    assert headed(page) == ["# std/sets", "Sets.", "## Procs", "All."]


def test_a_shortened_signature_keeps_its_name_and_its_lines() -> None:
    long = '[I: Ordinal; T, S](a: T; i: I; x: S) {.noSideEffect, magic: "ArrPut", raises: [], tags: [].}'
    page = f"<h1>Procs</h1><dl><dt id='a'><pre>proc `[]=`{long}\n</pre></dt><dd>Sets.</dd></dl>"
    assert headed(page)[1:] == ["## proc `[]=`(...)", f"```\nproc `[]=`{long}\n```", "Sets."]
    declared = "Duration = object\n  seconds: int64\n  nanosecond: int"
    page = f"<h1>Types</h1><dl><dt id='b'><pre>{declared}\n</pre></dt><dd>A time.</dd></dl>"
    assert headed(page)[1:] == ["## Duration", f"```\n{declared}\n```", "A time."]
    declared = 'Month = enum\n  mJan = (1, "January")'
    page = f"<h1>Types</h1><dl><dt id='c'><pre>{declared}\n</pre></dt><dd>A month.</dd></dl>"
    assert headed(page)[1:] == ["## Month", f"```\n{declared}\n```", "A month."]
    folded = "proc f(){.<span class='pragmadots'>...</span><span class='pragmawrap'>raises: []</span>.}"
    assert headed(f"<h1>Procs</h1><dl><dt id='d'><pre>{folded}</pre></dt><dd>Does.</dd></dl>")[1] == "## proc f(){.raises: [].}"


def links(*targets: str) -> str:
    return "<ul>" + "".join(f'<li><a href="{target}">Name of {target}</a>' for target in targets) + "</ul>"


def test_menus_and_contents_are_known_by_where_their_links_lead() -> None:
    menu = links(*(f"page{number}.html" for number in range(10)))
    column = f"<div>{links('about.html')}<hr>{menu}</div>"
    # Before the first heading a list of many pages is a menu, and so is what stands beside it; elsewhere it may be the content.
    assert texts(f"<html><body>{column}<h1>Lists</h1><p>Text.</body></html>") == ["Lists", "Text."]
    assert len(texts(f"<html><body><h1>All pages</h1>{menu}</body></html>")) == 2
    assert len(texts(f"<html><body>{menu}</body></html>")) == 1
    assert len(texts(f"<html><body>{links('a.html', 'b.html')}<h1>Lists</h1></body></html>")) == 2
    # In the header of a page all links lead away from it, and what leads to its own headings says what they say.
    header = f"<header><h1>Lists</h1>{links('a.html', 'b.html', 'c.html')}</header>"
    contents = links("#one", "#two", "#three")
    assert texts(f"<html><body>{header}{contents}<h2>One</h2><p>Text.</body></html>") == ["Lists", "One", "Text."]
    assert len(texts(f"<h1>Lists</h1>{contents.replace('</a>', '</a> does more than its name says')}")) == 2
    shown = "<details id='toc' open><summary>Table of contents</summary><ul><li><a href='#one'>One</a></ul></details>"
    fancy = "<div class='fancy_toc'><a href='#one'>1. One</a><br></div>"
    assert texts(f"<h1>Lists</h1>{shown}{fancy}<h2>One</h2>") == ["Lists", "One"]


def test_the_module_is_the_title_of_a_page_of_haddock() -> None:
    menu = (
        "<div id='package-header'><span class='caption'>unix-2</span><ul id='page-menu'><li><a href='x'>Source</a></ul></div>"
    )
    header = "<div id='module-header'><table class='info'><tr><th>License<td>BSD</table><p class='caption'>Data.List</p></div>"
    for first in ("<h1>Basic functions</h1><p>Text.", "<p>Text."):
        page = f"<html><head><title>Data.List</title></head><body>{menu}<div id='content'>{header}{first}</div></body></html>"
        assert read_webpage(page).title == "Data.List"
        assert headed(page)[0] == "# Data.List"
        assert "Text." in headed(page)
        assert not {"unix-2", "License BSD"} & set(headed(page))
    assert headed("<h1>mod_esi</h1><div><h1>mod_esi</h1><p>Text.</div>") == ["# mod_esi", "Text."]
