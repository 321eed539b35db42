"""PDF and EPUB: pages and chapters, and files that are broken or made to harm."""

import io
import zipfile

from tracegen.corpus.epub import read_epub
from tracegen.corpus.pdf import read_pdf


def pdf(*pages: str, outline: str = "") -> bytes:
    """Return a PDF file with these lines on its pages, and a bookmark to the first one."""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {'/Outlines 4 0 R' if outline else ''} >>",
        f"<< /Type /Pages /Kids [{' '.join(f'{6 + 2 * n} 0 R' for n in range(len(pages)))}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Type /Outlines /First 5 0 R /Last 5 0 R /Count 1 >>",
        f"<< /Title ({outline}) /Parent 4 0 R /Dest [6 0 R /Fit] >>",
    ]
    for number, lines in enumerate(pages):
        content = "BT /F1 12 Tf 14 TL 50 700 Td " + " ".join(f"({line}) Tj T*" for line in lines.split("\n")) + " ET"
        resources = "/Resources << /Font << /F1 3 0 R >> >> /MediaBox [0 0 600 800]"
        objects.append(f"<< /Type /Page /Parent 2 0 R {resources} /Contents {7 + 2 * number} 0 R >>")
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
    out, offsets = "%PDF-1.4\n", []
    for number, each in enumerate(objects, start=1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{each}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\n"
    return f"{out}{end}startxref\n{len(out)}\n%%EOF\n".encode()


def epub(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as book:
        for name, text in files.items():
            book.writestr(name, text)
    return packed.getvalue()


CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = """<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>Book</dc:title></metadata>
<manifest><item id="b" href="b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="x/a%20a.xhtml"
media-type="application/xhtml+xml"/>
<item id="n" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""
BOOK = {
    "META-INF/container.xml": CONTAINER,
    "OPS/book.opf": PACKAGE,
    "OPS/b.xhtml": "<html><body><h1>Two</h1><p>second</p></body></html>",
    "OPS/x/a a.xhtml": "<html><body>\n<h1>One</h1>\n<p>first</p></body></html>",
    "OPS/nav.xhtml": "<html><body><p>contents</p></body></html>",
}


def test_pages_of_a_pdf_are_sections() -> None:
    page = read_pdf(
        pdf("Head 1\nFirst hyphen-\nated words.\n1", "Head 1\nSecond.\n2", "Head 1\nThird.\n3", "Head 1\nFourth.\n4")
    )
    assert [(each.kind, each.text, each.start_line) for each in page.blocks[:4]] == [
        ("heading", "Page 1", 1),
        ("prose", "First hyphenated words.", 1),
        ("heading", "Page 2", 2),
        ("prose", "Second.", 2),
    ]


def test_bookmarks_of_a_pdf_are_headings_where_their_words_stand() -> None:
    page = read_pdf(pdf("Before.\n1.2 The Start\nAfter.", outline="The Start"))
    assert [(each.kind, each.level, each.text) for each in page.blocks] == [
        ("prose", 0, "Before."),
        ("heading", 1, "The Start"),
        ("prose", 0, "After."),
    ]


def test_the_table_of_contents_of_a_pdf_is_left_out() -> None:
    page = read_pdf(
        pdf("Contents\n1.1 Lists . . . . . . . 7\n1.2 Maps ......... 9\n1.3 Sets . . . . . 11", "Wait ..... for it\nA\nB")
    )
    assert [block.text for block in page.blocks] == ["Page 2", "Wait ..... for it\nA\nB"]


def test_broken_pdfs_have_a_reason() -> None:
    whole = pdf("Words.")
    for size in range(0, len(whole), 37):
        page = read_pdf(whole[:size])
        assert page.problem or page.blocks
    assert read_pdf(b"%PDF-1.4\n%%EOF").problem.startswith("broken or truncated PDF")
    assert read_pdf(pdf("")).problem == "PDF without text"


def test_an_encrypted_pdf_has_a_reason() -> None:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf("Words."))))
    writer.encrypt("secret", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    assert read_pdf(out.getvalue()).problem == "encrypted PDF"


def test_chapters_of_an_epub_in_the_order_of_the_book() -> None:
    page = read_epub(epub(BOOK))
    assert page.title == "Book"
    assert [(each.text, each.start_line) for each in page.blocks] == [("One", 2), ("first", 3), ("Two", 4), ("second", 4)]


def test_a_chapter_that_is_named_many_times_is_read_once() -> None:
    book = BOOK | {"OPS/book.opf": PACKAGE.replace('<itemref idref="b"/>', '<itemref idref="b"/>' * 1000)}
    assert [block.text for block in read_epub(epub(book)).blocks] == ["One", "first", "Two", "second"]


def test_bombs_and_broken_epubs_have_a_reason() -> None:
    assert read_epub(epub({**BOOK, "OPS/b.xhtml": "0" * 50_000_000})).problem == "archive that unpacks to too much"
    whole = epub(BOOK)
    for size in range(0, len(whole), 97):
        assert read_epub(whole[:size]).problem
    assert "KeyError" in read_epub(epub({"a": "b"})).problem
    entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    assert read_epub(epub({**BOOK, "META-INF/container.xml": entities + "<c>&b;</c>"})).problem
