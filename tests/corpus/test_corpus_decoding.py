"""Encodings: what is read as what, and what is binary."""

import base64
import codecs
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegen.corpus.decoding import decode

FRENCH = "Les éléments sont chargés à partir du dépôt, où ça se décide déjà. Voilà un texte où les accents sont là.\n" * 3
RUSSIAN = "Функция возвращает список значений, если ключ найден. Иначе она возвращает ошибку с описанием причины.\n" * 5
JAPANESE = "この関数はリストの要素を順番に処理し、結果を新しいリストとして返します。空のリストも扱えます。\n" * 5


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "utf-8"),
        (FRENCH, "utf-8-sig"),
        (FRENCH, "utf-16"),
        (FRENCH, "utf-32"),
        (FRENCH, "latin-1"),
        (FRENCH, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
    ],
)
def test_reads_encodings(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_reads_utf16_of_both_byte_orders() -> None:
    assert decode(codecs.BOM_UTF16_LE + "größer".encode("utf-16-le")) == "größer"
    assert decode(codecs.BOM_UTF16_BE + "größer".encode("utf-16-be")) == "größer"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_reads_western_utf16_without_a_mark_and_no_numbers(encoding: str) -> None:
    assert decode(FRENCH.encode(encoding)) == FRENCH
    order = "<" if encoding == "utf-16-le" else ">"
    assert decode(struct.pack(f"{order}200H", *range(200))) is None
    assert decode(struct.pack(f"{order}135I", *range(65, 200))) is None


def test_one_accent_in_much_ascii_is_latin() -> None:
    text = "The function returns the value of the key, or the default. Written by René.\n" * 3
    assert decode(text.encode("latin-1")) == text


def test_a_damaged_byte_does_not_change_the_encoding() -> None:
    data = FRENCH.encode() + b"\xff" + FRENCH.encode()
    assert decode(data) == FRENCH + "\ufffd" + FRENCH


def test_a_page_declares_its_encoding() -> None:
    page = '<html><head><meta charset="iso-8859-2"><title>Zażółć</title><p>gęślą jaźń'
    assert decode(page.encode("iso-8859-2"), webpage=True) == page
    for nonsense in ("rot13", "nothing", "utf-7"):
        assert decode(page.replace("iso-8859-2", nonsense).encode("iso-8859-2"), webpage=True)


def test_line_ends_become_newlines() -> None:
    assert decode(b"a\r\nb\rc\n") == "a\nb\nc\n"


def test_places_where_a_name_may_break_are_no_letters_of_it() -> None:
    assert decode("\ufeffexperimental_\u200bcontinue\u00adSteps".encode()) == "experimental_continueSteps"


def test_of_bytes_as_text_the_beginning_is_kept() -> None:
    image = base64.b64encode(bytes(range(256)) * 9).decode()
    page = "# A\n\n![plot](data:image/png;base64,{})\n\nmore\n"
    assert decode(page.format(image).encode()) == page.format(image[:40] + "...")
    digest, path = "3fa9" * 32, "/".join(["part"] * 20)
    assert decode(f"{digest} {path}".encode()) == f"{digest} {path}"


@pytest.mark.parametrize("data", [b"text\0text", bytes(range(1, 32)) * 9, b"\x7fELF\x02\x01" + bytes(40)])
def test_binary_content(data: bytes) -> None:
    assert decode(data) is None


@given(st.binary(max_size=400), st.booleans())
def test_never_raises_and_gives_no_surrogates(data: bytes, webpage: bool) -> None:
    text = decode(data, webpage=webpage)
    if text is not None:
        text.encode()
        assert "\r" not in text
