"""Manual pages, in the macros of man and of mdoc."""

from tracegen.corpus.manpage import read_manpage
from tracegen.corpus.mdoc import mdoc_words
from tracegen.corpus.roff import arguments, words

MAN = r"""
.\" a comment
.TH GREP 1 2026
.SH NAME
grep \- print lines
.SH OPTIONS
.SS "Which lines"
.TP
.BR \-e " \fIPATTERN\fP"
Use it.
More.
.PP
.B \-\-long
.RS 4
From DocBook.
.RE
.IP \(bu 2
an item
.nf
  code  \(aqx\(aq
.fi
.TS
tab(:);
l l.
a:b
1:2
.TE
""".lstrip()


def shown(text: str) -> list[tuple[str, int, str, int, int]]:
    return [(each.kind, each.level, each.text, each.start_line, each.end_line) for each in read_manpage(text).blocks]


def test_macros_of_man() -> None:
    assert read_manpage(MAN).title == "grep(1)"
    assert shown(MAN) == [
        ("heading", 1, "grep(1)", 2, 2),
        ("heading", 2, "NAME", 3, 3),
        ("prose", 0, "grep - print lines", 4, 4),
        ("heading", 2, "OPTIONS", 5, 5),
        ("heading", 3, "Which lines", 6, 6),
        ("prose", 0, "**-e PATTERN**\nUse it.\nMore.", 8, 10),
        ("prose", 0, "**--long**\nFrom DocBook.", 12, 14),
        ("prose", 0, "- an item", 16, 17),
        ("code", 0, "```\ncode  'x'\n```", 19, 19),
        ("table", 0, "| a | b |\n| --- | --- |\n| 1 | 2 |", 21, 26),
    ]


def test_what_macros_show_flows_into_the_lines_around() -> None:
    text = '.TH A 1\nWhen\n.B lua\nis run as\n.BR lua "(1),"\nit\nreads\nlines.\n'
    assert [block.text for block in read_manpage(text).blocks][1:] == ["When lua is run as lua(1), it\nreads\nlines."]


def test_macros_of_mdoc() -> None:
    text = ".Dd May\n.Dt LS 1\n.Sh NAME\n.Nm ls\n.Nd list\n.Sh USE\n.Bl -tag\n"
    text += ".It Fl a Ns , Fl Fl all\nAll.\n.It Fl l\nLong.\n.El\n.Bd -literal\nls -l\n.Ed\n"
    assert [block.text for block in read_manpage(text).blocks] == [
        "ls(1)",
        "NAME",
        "ls — list",
        "USE",
        "**-a, --all**\nAll.",
        "**-l**\nLong.",
        "```\nls -l\n```",
    ]
    assert mdoc_words("Op Fl f Ar file", "x") == "[-f file]"
    assert mdoc_words("Xr ls 1 ,", "x") == "ls(1),"
    assert mdoc_words('Fn open "int fd" "char *p"', "x") == "open(int fd, char *p)"


def test_macros_that_a_page_defines() -> None:
    """Pages of Perl and Tcl bring macros of their own; what they do not show is no text."""
    text = r"""
.de Sp
.if n .sp
..
.de Vb
.ft CW
.nf
.ne \\$1
..
.de Ve
.ft R
.fi
..
.de IX
..
.de QW
.ie '\\*(lq'"' ``\\$1''\\$2
.el \\*(lq\\$1\\*(rq\\$2
..
.de AP
.ie !"\\$4"" .TP \\$4
.el .TP 15
.ie !"\\$3"" \{\
\&\\$1 \\fI\\$2\\fP (\\$3)
.\}
.el \&\\$1
..
.TH JSON::PP 3
.SH USE
.IX Header "USE"
.PD 0
.AP Obj *obj in
A value.
.IP "one \*(-- 1" 4
.IX Item "one"
Its
.QW name ,
.Sp
and more.
.Vb 2
\&    say \*(Aqx\*(Aq;
\&      more;
.Ve
"""
    page = read_manpage(text)
    assert page.title == "JSON::PP(3)"
    assert [block.text for block in page.blocks] == [
        "JSON::PP(3)",
        "USE",
        "**Obj *obj (in)**\nA value.",
        '**one — 1**\nIts "name",',
        "and more.",
        "```\nsay 'x';\n  more;\n```",
    ]


def test_pointers_and_plain_text() -> None:
    assert read_manpage(".so man3/other.3\n").problem == "only points to man3/other.3"
    assert [block.text for block in read_manpage("a log\n\nline\n").blocks] == ["a log", "line"]


def test_words_of_roff() -> None:
    assert words(r"\fBa\fR\-\(aqb\(aq \e \[u00E9]\&. \s-1X\s0") == r"a-'b' \ é. X"
    assert arguments(r'a "b ""c""" d\ e') == ["a", 'b "c"', r"d\ e"]
