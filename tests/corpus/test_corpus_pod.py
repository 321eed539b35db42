"""POD: Perl's documentation, in files of its own and in source files."""

from tracegen.corpus.pod import read_pod
from tracegen.corpus.source import read_source

POD = """=encoding utf8

=head1 NAME

Text::Join - join C<strings>

=head1 FUNCTIONS

X<join>They return I<text>; see L<Carp>, L<perlfunc/join>, L<the B<site>|https://x.org>
and L<https://x.org/a>.

=over 4

=item join EXPR,LIST
X<join>

=item join LIST

=for Pod::Functions join them

Joins C<< $a->[0] >> if E<lt> 3, A<B.

    my $x = join ',', @a;

      more;

=over

=item *

bullet

=item quoted

Quotes.

=back

=item split

Splits.

=back

Going on.

=begin html

<b>no</b>

=end html

=cut
"""


def shown(text: str) -> list[str]:
    return [f"{'#' * block.level} {block.text}" if block.level else block.text for block in read_pod(text).blocks]


def test_reads_pod() -> None:
    page = read_pod(POD)
    assert page.title == "Text::Join"
    assert shown(POD) == [
        "# Text::Join",
        "## NAME",
        "Text::Join - join `strings`",
        "## FUNCTIONS",
        "They return text; see Carp, join in perlfunc, the site\nand https://x.org/a.",
        "### join EXPR,LIST",
        "```\njoin EXPR,LIST\njoin LIST\n```",
        "Joins `$a->[0]` if < 3, A<B.",
        "```perl\nmy $x = join ',', @a;\n\n  more;\n```",
        "  - bullet",
        "**quoted**\nQuotes.",
        "### split",
        "Splits.",
        "### FUNCTIONS (continued)",
        "Going on.",
    ]
    assert [(block.start_line, block.end_line) for block in page.blocks[7:9]] == [(21, 21), (23, 25)]


def test_formatting_codes() -> None:
    assert shown("=pod\n\nC<a E<gt> b> B<I<x>> C<<< a >> b >>> E<eacute> E<0x3b1> F<x.pl> S<a b>") == [
        "`a > b` x `a >> b` é α x.pl a b"
    ]
    assert shown("=pod\n\nB<C<x > y> and L<Foo::Bar> -> L</Part> 1 > 0 B<open") == ["`x` y and Foo::Bar -> Part 1 > 0 open"]


def test_pod_in_source_stands_with_the_code_around_it() -> None:
    source = "package A;\nuse strict;\n\n=head2 run\n\nRuns.\n\n=cut\n\nsub run {\n    1;\n}\n"
    blocks = read_source(source, "perl").blocks
    assert [block.text for block in blocks] == [
        "```perl\npackage A;\nuse strict;\n```",
        "run",
        "Runs.",
        "```perl\nsub run {\n    1;\n}\n```",
    ]
    assert read_source("# Runs it all the time.\nsub run { 1 }\n", "perl").blocks[0].kind == "heading"
