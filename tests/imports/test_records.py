"""Reading a source file as records: delimiters, limits and line numbers."""

import csv
import io
import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrith_lite.imports import lines, records
from mailrith_lite.imports.records import BrokenFile, Layout

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "40"))
MEBIBYTE = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "source.csv"


def read_rows(path: Path, text: str | bytes, delimiter: str = ",") -> list[tuple[int, list[str]]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with records.open_source(path) as file:
        return list(records.read_records(file, Layout(delimiter=delimiter, header_line=0, names=[])))


def problem(path: Path, text: str | bytes, delimiter: str = ",") -> str:
    with pytest.raises(BrokenFile) as broken:
        read_rows(path, text, delimiter)
    return str(broken.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2\n", [(1, ["a", "b"]), (2, ["1", "2"])]),
        ("a,b\n1,2", [(1, ["a", "b"]), (2, ["1", "2"])]),
        ("a\r\nb\rc\nd", [(1, ["a"]), (2, ["b"]), (3, ["c"]), (4, ["d"])]),
        ("a\n\n\r\n\rb\n\n", [(1, ["a"]), (5, ["b"])]),
        ("a\n   \n\t\nb\n", [(1, ["a"]), (4, ["b"])]),
        ("a,b\n,\n , \t\n1,\n", [(1, ["a", "b"]), (4, ["1", ""])]),
        ('a\n""\n" "\nb\n', [(1, ["a"]), (4, ["b"])]),
        ("a\r\nx\r\n\x1a", [(1, ["a"]), (2, ["x"])]),
        ("a,b\n\x1a,x\n", [(1, ["a", "b"]), (2, ["\x1a", "x"])]),
        ("a,b,c\n1\n", [(1, ["a", "b", "c"]), (2, ["1"])]),
        ("a\n1,2,3\n", [(1, ["a"]), (2, ["1", "2", "3"])]),
        ('a,b\n"1\n2\r\n3\r4",5\nx,y\n', [(1, ["a", "b"]), (2, ["1\n2\r\n3\r4", "5"]), (6, ["x", "y"])]),
        ('a\n"x""y"\n', [(1, ["a"]), (2, ['x"y'])]),
        ('a,b\n5" disk,say "hi"\n', [(1, ["a", "b"]), (2, ['5" disk', 'say "hi"'])]),
        ('a,b\n "x",y\n', [(1, ["a", "b"]), (2, ["x", "y"])]),
        ('a, "b" ,c\n', [(1, ["a", "b", "c"])]),
        ('"a" ,\t"b, c"\t, "" \r\n', [(1, ["a", "b, c", ""])]),
        ('"a ""b"" , c" , d\n', [(1, ['a "b" , c', " d"])]),
        ('x, "1\n2 "" , y\n3" , z\n', [(1, ["x", '1\n2 " , y\n3', " z"])]),
        ('5 "disk" , "b"\n', [(1, ['5 "disk" ', "b"])]),
        ('a, "b" x,c\n', [(1, ["a", ' "b" x', "c"])]),
        ('a,b\n"",""""\n', [(1, ["a", "b"]), (2, ["", '"'])]),
        ("\ufeffa\n\ufeffb\n", [(1, ["a"]), (2, ["\ufeffb"])]),
        ("a\nx\u2028y\x0bz\x0c\x1c\x85\n", [(1, ["a"]), (2, ["x\u2028y\x0bz\x0c\x1c\x85"])]),
    ],
)
def test_every_record_has_the_number_of_its_first_line(
    path: Path, text: str, expected: list[tuple[int, list[str]]]
) -> None:
    assert read_rows(path, text) == expected


def test_a_line_end_at_the_border_of_two_blocks_is_one_line_end(path: Path) -> None:
    for length in range(8_180, 8_200):
        text = "x" * length + "\r\n" + "y\r\n"
        assert [line for line, _ in read_rows(path, text)] == [1, 2], length


def test_a_record_of_ten_thousand_columns_is_read(path: Path) -> None:
    ((_, cells),) = read_rows(path, ",".join(["x"] * 10_000))
    assert len(cells) == 10_000


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_of_one_mebibyte_is_read(path: Path, quote: str) -> None:
    cell = "é" * MEBIBYTE
    assert read_rows(path, f"a,b\n{quote}{cell}{quote},x\n")[1] == (2, [cell, "x"])


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_cell_that_is_too_long_is_refused_with_its_line(path: Path, quote: str) -> None:
    cell = "x" * (MEBIBYTE + 1)
    assert problem(path, f"a,b\n\nx,y\nx,{quote}{cell}{quote}\n") == (
        "line 4: a cell is longer than 1,048,576 characters"
    )


@pytest.mark.slow
def test_a_cell_of_many_lines_that_is_too_long_is_refused_with_its_first_line(path: Path) -> None:
    text = 'a,b\n"x\n",' + '"' + "y\n" * (MEBIBYTE // 2 + 1) + '"\n'
    assert problem(path, text) == "line 3: the cell whose quote opens here is longer than 1,048,576 characters"


@pytest.mark.slow
def test_a_row_that_is_too_long_is_refused_with_its_line(path: Path) -> None:
    row = ",".join(["x" * MEBIBYTE] * 17)
    assert problem(path, f"a,b\n1,2\n{row}\n") == "line 3: the row is longer than 16,777,216 characters"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("," * 300_000, "line 3: the row has more than 300,000 cells"),
        ("x,y," * 150_000, "line 3: the row has more than 300,000 cells"),
        ('a"b' + "," * 300_000, "line 3: the row has more than 300,000 cells"),
        ('"a,b"",",' + "," * 300_000, "line 3: the row has more than 300,000 cells"),
        ((',"\n"' + "," * 290_000) * 4, "line 3: the row has more than 1,048,576 delimiters"),
    ],
)
def test_a_row_with_too_many_cells_is_refused(path: Path, row: str, message: str) -> None:
    assert problem(path, f"a,b\n1,2\n{row}\n") == message


def test_a_row_may_have_many_more_cells_than_columns(path: Path) -> None:
    assert len(read_rows(path, "a,b\nx" + "," * 299_999 + "\n")[1][1]) == 300_000


@pytest.mark.parametrize("line_end", ["", "\n"])
def test_quoted_delimiters_do_not_count_as_cells(path: Path, line_end: str) -> None:
    cell = "é," * (MEBIBYTE // 2 - 1) + line_end
    assert read_rows(path, f'a,b\n"{cell}","{cell[:600_000]}"\n')[1] == (2, [cell, cell[:600_000]])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,b\n1,2\n3,\0\n", 3),
        ('a,b\n"1\n2\n\0",4\n', 4),
        ("a,b\r\r\n\n\n1,2\0", 5),
        ("\0", 1),
    ],
)
def test_a_nul_character_is_refused_with_its_line(path: Path, text: str, line: int) -> None:
    assert problem(path, text) == f"line {line}: there is a NUL character; remove it"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('"', 1),
        ('"a\n', 1),
        ('a,b\n1,"2\n', 2),
        ('a,b\n1,"2\n3,4\n5,6\n7,8', 2),
        ('a,b\r\n\r\n1,"2\r\n3,4\r\n', 3),
        ('a,b\r\r1,"2\r3,4\r', 3),
        ('a,b\n"1\n1\n1","2\n3,4\n', 4),
        ('a,b,c\n"1\n""\n","2\n\n",3" x,"4\n5', 6),
        ('a,b\n"x\n\n\n","y",z\n"q","\n', 6),
        ('a,b\n"1""\n"",2\n', 2),
    ],
)
def test_an_unclosed_quote_is_refused_with_the_line_where_it_opens(path: Path, text: str, line: int) -> None:
    assert problem(path, text) == f"line {line}: a quote is opened here and never closed"


def test_an_unclosed_quote_is_refused_in_a_file_with_a_byte_order_mark(path: Path) -> None:
    assert problem(path, '\ufeff"a",b\n1,"2\n3\n') == "line 2: a quote is opened here and never closed"


@pytest.mark.slow
def test_an_unclosed_quote_in_a_long_file_is_refused_with_the_line_where_it_opens(path: Path) -> None:
    text = 'a,b\n1,"2\n' + "x,y\n" * 300_000 + '3,"4"\n'
    assert problem(path, text) == "line 2: the cell whose quote opens here is longer than 1,048,576 characters"


@pytest.mark.parametrize(
    ("text", "line", "other"),
    [
        ('a,b\n1,"2\n3,4\n5,"six"\n', 2, 4),
        ('a,b\n"1\n","2\n3,"4"\n', 3, 4),
    ],
)
def test_a_quote_that_another_one_closes_too_early_is_refused_with_both_lines(
    path: Path, text: str, line: int, other: int
) -> None:
    assert problem(path, text).startswith(f"line {line}: a quote is opened here, and closed on line {other}")


@pytest.mark.parametrize(
    ("text", "line"), [('a,b\n"1" x,2\n', 2), ('a,b\n\n"1\n"x\n', 4), ('a,b\n"say "hi"",2\n', 2)]
)
def test_text_after_a_closing_quote_is_refused_with_its_line(path: Path, text: str, line: int) -> None:
    message = problem(path, text)
    assert f"line {line}" in message
    assert "quote" in message


@pytest.mark.slow
@pytest.mark.parametrize("junk", [b"\xff", b"\xc3(", b"\xed\xa0\x80", b"\xe2\x82"])
@pytest.mark.parametrize("rows", [0, 100_000])
def test_bytes_that_are_not_utf8_are_refused_with_their_line(path: Path, junk: bytes, rows: int) -> None:
    text = b"a,b\r\n" + b"1,2\r" * rows + b"1," + junk + b"\n" + b"3,4\n" * rows
    assert problem(path, text) == f"line {rows + 2}: the text is not valid UTF-8"


def test_other_delimiters_are_part_of_the_cell(path: Path) -> None:
    assert read_rows(path, "a;b\nx,y;z|\t\n", ";") == [(1, ["a", "b"]), (2, ["x,y", "z|\t"])]


cells = st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12) | st.text(
    alphabet=",;\t|\"\r\n 'x", max_size=8
)
tables = st.integers(1, 5).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width)))


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(table=tables, delimiter=st.sampled_from(records.DELIMITERS), end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_what_a_csv_writer_writes_is_read_back(
    path: Path, table: list[list[str]], delimiter: str, end: str
) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(table)
    read = [row for _, row in read_rows(path, text.getvalue(), delimiter)]
    assert read == [row for row in table if any(map(str.strip, row)) and row != ["\x1a"]]


def test_rows_begin_after_the_header(path: Path) -> None:
    path.write_bytes(b"Notes,\n\nEmail,Name\nada@example.com,Ada\n")
    with records.open_source(path) as file:
        layout = Layout(delimiter=",", header_line=3, names=["Email", "Name"])
        assert list(records.read_records(file, layout)) == [(4, ["ada@example.com", "Ada"])]


def test_the_first_record_of_a_file_without_a_header_is_a_row(path: Path) -> None:
    path.write_bytes(b"sep=,\n\nada@example.com\n")
    with records.open_source(path) as file:
        layout = Layout(delimiter=",", header_line=0, names=["Column 1"])
        assert list(records.read_records(file, layout)) == [(3, ["ada@example.com"])]


@pytest.mark.parametrize(
    ("row", "cells"),
    [
        ("x,y,", ["x", "y"]),
        ("x,y, ,\t,", ["x", "y"]),
        ("x,y,,z,", ["x", "y", "", "z", ""]),
        ("x", ["x"]),
    ],
)
def test_blank_cells_beyond_the_header_are_left_out(path: Path, row: str, cells: list[str]) -> None:
    path.write_bytes(f"a,b\n{row}\n".encode())
    with records.open_source(path) as file:
        layout = Layout(delimiter=",", header_line=1, names=["a", "b"])
        assert list(records.read_records(file, layout)) == [(2, cells)]


def read_line_by_line(path: Path) -> list[tuple[int, list[str]]]:
    with records.open_source(path) as file:
        return list(records.read_line_by_line(file, ","))


ENDS = st.sampled_from(["\n", "\r\n", "\r"])
RUNS = st.sampled_from([0, 1, 99, 100, 101, 163, 164, 165, 300])
PARTS = st.one_of(
    st.builds(lambda blanks, end, count: (blanks + end) * count, st.sampled_from(["", " "]), ENDS, RUNS),
    st.builds(lambda text, end: text + end, st.sampled_from(["a,b", "  ", "\t", '"x\n\r\ny",2', "q"]), ENDS),
)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PARTS, max_size=8))
def test_skipped_blank_lines_change_no_record_and_no_line_number(path: Path, parts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK", 64)  # characters, so that short runs reach over several blocks
        read = read_rows(path, "".join(parts))
    assert read == read_line_by_line(path)


@pytest.mark.slow
def test_problem_after_skipped_blank_lines_has_its_line_number(path: Path) -> None:
    assert problem(path, "Email\n" + "\n" * 200_000 + '"x\n').startswith("line 200002: a quote is opened here")
    assert problem(path, "Email\n" + "\r\n" * 200_000 + "a\0\n").startswith("line 200002: there is a NUL")


PIECES = st.sampled_from(
    [
        *("a", "b", "é", "\u2028", "\0", "\x1a", "sep=", " ", "\t", '"', '""', "\n", "\r\n", "\r"),
        *(",", ",", ";", '"x, y"', '"x\r\n"', ' "x" ,', ",,,,", "\n\n\n", "a,b\n", "c,d\n"),
    ]
)


def read_until_broken(records: Iterable[tuple[int, Sequence[str]]]) -> tuple[list[tuple[int, list[str]]], str]:
    """The records, and why the next one cannot be read."""
    read = []
    try:
        for line, cells in records:
            read.append((line, list(cells)))
    except BrokenFile as error:
        return read, str(error)
    return read, ""


@settings(max_examples=4 * EXAMPLES, deadline=None)
@given(
    text=st.lists(PIECES, max_size=40).map("".join),
    delimiter=st.sampled_from(records.DELIMITERS),
    block=st.integers(1, 70),
    width=st.integers(1, 4),
    limit=st.sampled_from([6, 30, 300_000]),
)
def test_reading_in_blocks_gives_the_same_records_and_error_as_line_by_line(
    text: str, delimiter: str, block: int, width: int, limit: int
) -> None:
    layout = Layout(delimiter=delimiter, header_line=0, names=["x"] * width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK", block)  # characters
        patch.setattr(lines, "MAX_DELIMITERS", limit)
        for module in (lines, records):
            patch.setattr(module, "MAX_CELLS", limit)
        read = read_until_broken(records.read_records(io.StringIO(text, newline=""), layout))
        single, problem = read_until_broken(records.read_line_by_line(io.StringIO(text, newline=""), delimiter))
    assert read == ([(line, without_surplus(cells, width)) for line, cells in single], problem)


def without_surplus(cells: list[str], width: int) -> list[str]:
    return cells if any(cell.strip() for cell in cells[width:]) else cells[:width]


def test_blocks_without_anything_unusual_are_not_read_line_by_line(path: Path) -> None:
    rows = 'a,b\r\n\n"x, y","1\n2"\n,"c"\r1\n,\n' * 1_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_BLOCK", len(rows))
        patch.delattr(lines.Lines, "open_block")
        assert len(read_rows(path, rows)) == 4_000


@pytest.mark.slow
def test_blank_lines_are_skipped_in_blocks(path: Path) -> None:
    """Line by line they would take ten seconds of CPU."""
    began = time.thread_time()
    assert len(read_rows(path, b"Email\n" + b"\n" * (32 << 20) + b"ada@example.com\n")) == 2
    assert time.thread_time() - began < 3
