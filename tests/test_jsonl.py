"""JSON lines: any bytes are read line by line with numbers, and a file is written whole or not at all."""

import errno
import gzip
import json
import os
import stat
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LIMIT_S
from tracegen import jsonl
from tracegen.errors import InputError, OutputError
from tracegen.jsonl import read_lines
from tracegen.traces.runfile import RunFile

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=10,
)


def read(tmp_path: Path, content: bytes) -> list[jsonl.Line]:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(content)
    return list(jsonl.read_lines(path))


def write_lines(path: Path, values: Iterable[Any]) -> None:
    with jsonl.replacing(path) as file:
        for value in values:
            file.write(jsonl.dump(value) + "\n")


def test_a_bom_crlf_empty_lines_and_a_missing_last_newline_are_accepted(tmp_path: Path) -> None:
    lines = read(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n\r\n   \n\n[2]\n"three"')
    assert [(line.number, line.value, line.error) for line in lines] == [
        (1, {"a": 1}, None),
        (5, [2], None),
        (6, "three", None),
    ]
    assert lines[0].text == '{"a": 1}'


@pytest.mark.parametrize("content", [b"", b"\n\r\n  \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n"])
def test_a_file_without_content_has_no_lines(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == []


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'{"a": 1', "not JSON: Expecting ',' delimiter at column 8"),
        (b"hello", "not JSON: Expecting value at column 1"),
        (b'{"a": NaN}', "not JSON: NaN is not JSON"),
        (b'{"a": -Infinity}', "not JSON: -Infinity is not JSON"),
        (b'{"a": 1} {"b": 2}', "not JSON: Extra data at column 10"),
        (b'{"a": "caf\xe9"}', "not UTF-8 at byte 11"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8 at byte 1"),
        (b"[" * 100_000, "not JSON: maximum recursion depth exceeded"),
        (b"9" * 10_000, "not JSON: Exceeds the limit"),
    ],
)
def test_a_bad_line_is_a_value_and_the_others_go_on(tmp_path: Path, line: bytes, error: str) -> None:
    first, bad, last = read(tmp_path, b'{"n": 1}\n' + line.replace(b"\n", b"") + b'\n{"n": 3}\n')
    assert (first.value, last.value, last.number) == ({"n": 1}, {"n": 3}, 3)
    assert bad.number == 2
    assert bad.value is None
    assert bad.error is not None
    assert bad.error.startswith(error)
    assert bad.text.encode()  # its text can be written again


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (gzip.compress(b'{"a": 1}', mtime=0), r"is compressed, not a JSONL file\. Unpack it first: gunzip -k '.*my rows'"),
        (b"PAR1\x15\x04", r"is a Parquet file, not a JSONL file"),
        ('{"a": 1}\n'.encode("utf-16"), r"is UTF-16, not a JSONL file\. Make it UTF-8 first: iconv"),
        (b"\xfe\xff\0{", r"is UTF-16, not a JSONL file"),
    ],
)
def test_a_file_of_another_kind_is_an_error_that_says_how_to_turn_it(tmp_path: Path, start: bytes, says: str) -> None:
    path = tmp_path / "my rows"
    path.write_bytes(start)
    with pytest.raises(InputError, match=says):
        list(jsonl.read_lines(path))


def test_bytes_that_are_no_text_stay_visible(tmp_path: Path) -> None:
    [line] = read(tmp_path, b'{"a": "caf\xe9"}\n')
    assert line.text == '{"a": "caf\\xe9"}'


def test_line_separators_inside_a_string_end_no_line(tmp_path: Path) -> None:
    value = {"a": "one\u2028two\u2029three\x85four\x0bfive\x0csix\rseven"}
    [line] = read(tmp_path, jsonl.dump(value).encode() + b"\n")
    assert line.value == value


@pytest.mark.parametrize("missing", ["none.jsonl", "folder", "folder/none.jsonl"])
def test_a_file_that_cannot_be_read_is_an_error_with_its_name(tmp_path: Path, missing: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match=rf"Cannot read .*{missing}: .+"):
        list(jsonl.read_lines(tmp_path / missing))


@given(JSON_VALUES)
def test_dump_is_one_line_that_reads_back_equal(value: Any) -> None:
    line = jsonl.dump(value)
    assert "\n" not in line
    assert "\r" not in line
    assert json.loads(line) == value
    assert jsonl.is_json(line)


def test_dump_refuses_what_is_not_json_and_leaves_characters_as_they_are() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        jsonl.dump({"a": float("nan")})
    assert jsonl.dump({"ä": "日本😀"}) == '{"ä": "日本😀"}'


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("{}", True), (" [1] ", True), ("NaN", False), ('{"a":', False), ("", False), ("[" * 100_000, False), ("1 2", False)],
)
def test_is_json(text: str, verdict: bool) -> None:
    assert jsonl.is_json(text) is verdict


@given(st.lists(JSON_VALUES, max_size=5))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, values: list[Any]) -> None:
    path = tmp_path_factory.mktemp("written") / "out.jsonl"
    write_lines(path, values)
    lines = list(jsonl.read_lines(path))
    assert [line.value for line in lines] == values
    assert [line.number for line in lines] == list(range(1, len(values) + 1))


def failing(values: list[Any], error: BaseException) -> Iterator[Any]:
    yield from values
    raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("no"), UnicodeError("no")])
def test_a_write_that_fails_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old\n")
    with pytest.raises(type(error)):
        write_lines(path, failing([1, 2, 3], error))
    assert path.read_text() == "old\n"
    assert os.listdir(tmp_path) == ["out.jsonl"]


def test_a_write_that_fails_makes_no_new_file(tmp_path: Path) -> None:
    with pytest.raises(UnicodeEncodeError):
        write_lines(tmp_path / "out.jsonl", [{"a": 1}, {"a": "\ud83d"}])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_a_full_disk_is_a_sentence_and_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "out.jsonl"
    path.write_text("old\n")
    monkeypatch.setattr(os, step, full)
    with pytest.raises(OutputError, match=r"Cannot write .*out\.jsonl: No space left on device\. Free some space"):
        write_lines(path, [1])
    monkeypatch.undo()
    assert path.read_text() == "old\n"
    assert os.listdir(tmp_path) == ["out.jsonl"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_device_without_space_is_a_sentence_and_stays_a_device() -> None:
    with pytest.raises(OutputError, match="Cannot write /dev/full: No space left on device"):
        write_lines(Path("/dev/full"), [1])
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


@pytest.mark.parametrize("place", ["none/out.jsonl", "folder", "file/out.jsonl"])
def test_a_place_that_cannot_be_written_is_an_error_with_its_name(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=f"Cannot write .*{place}: "):
        write_lines(tmp_path / place, [1])
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
    assert os.listdir(tmp_path / "folder") == []


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666])
def test_permission_bits_of_a_replaced_file_stay(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "out.jsonl"
    path.touch()
    path.chmod(mode)
    write_lines(path, [1])
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_permission_bits_of_a_new_file_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_lines(tmp_path / "out.jsonl", [1])
        assert os.umask(umask) == umask  # and it is left as it was
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out.jsonl").stat().st_mode) == mode


def test_through_a_link_the_file_it_points_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "real.jsonl", tmp_path / "link.jsonl"
    target.write_text("old\n")
    link.symlink_to("there/real.jsonl")
    write_lines(link, [1])
    assert link.is_symlink()
    assert target.read_text() == "1\n"
    assert os.listdir(target.parent) == ["real.jsonl"]


def test_through_a_link_to_nowhere_the_file_is_made(tmp_path: Path) -> None:
    link = tmp_path / "link.jsonl"
    link.symlink_to("new.jsonl")
    write_lines(link, [1])
    assert link.is_symlink()
    assert (tmp_path / "new.jsonl").read_text() == "1\n"


def test_a_pipe_is_written_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write_lines(pipe, [1, 2])
    reader.join(timeout=LIMIT_S)
    assert read == ["1\n2\n"]
    assert pipe.is_fifo()


def test_nothing_is_seen_at_the_place_before_the_end(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with jsonl.replacing(path) as file:
        file.write("1\n")
        file.flush()
        assert not path.exists()
    assert path.read_bytes() == b"1\n"


def test_a_dash_is_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_lines(Path("-"), ["ä", 1])
    sys.stdout.write("later\n")
    assert capfdbinary.readouterr().out == '"ä"\n1\nlater\n'.encode()


def test_a_run_file_is_told_from_bad_lines(tmp_path: Path) -> None:
    RunFile.create_or_resume(tmp_path / "a.run.db", {}, {}).close()
    with pytest.raises(InputError, match=r"is a run file, not a JSONL file.*tracegen export"):
        list(read_lines(tmp_path / "a.run.db"))
