"""Finding the delimiter and the header of a file."""

import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrith_lite.imports import column_names, records
from mailrith_lite.imports.layout import read_layout
from mailrith_lite.imports.records import BrokenFile, Layout

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "75"))
MEBIBYTE = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "source.csv"


def layout_of(path: Path, text: str, mapped: list[str] | None = None, **options: object) -> Layout:
    path.write_bytes(text.encode())
    return read_layout(path, mapped, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", ""])
def test_the_header_decides_the_delimiter(path: Path, delimiter: str, end: str) -> None:
    layout = layout_of(path, delimiter.join(["Email", "First Name", "Land"]) + end)
    assert layout == Layout(delimiter=delimiter, header_line=1, names=["Email", "First Name", "Land"])


@pytest.mark.parametrize(
    ("text", "delimiter", "names"),
    [
        ("Email\n", ",", ["Email"]),
        ("Email,a;b\nx;y;z\n", ",", ["Email", "a;b"]),
        ("a;b,c;d\n", ";", ["a", "b,c", "d"]),
        ('"Email","a;b;c;d"\n', ",", ["Email", "a;b;c;d"]),
        ('Email,"a;b;c;d"\n', ",", ["Email", "a;b;c;d"]),
        ('"a, b, c";"d, e"\n', ";", ["a, b, c", "d, e"]),
        ('"a;b";c|d;e\n', ";", ["a;b", "c|d", "e"]),
        ('Email;"1, 2, 3 or ""more"""\n', ";", ["Email", '1, 2, 3 or "more"']),
        ('"a\r\nb";c\n', ";", ["a\r\nb", "c"]),
        ('Email,"two,\nlines; of; it; all"\n', ",", ["Email", "two,\nlines; of; it; all"]),
        ('Size 5",Email\n', ",", ['Size 5"', "Email"]),
        ('"Email",Name"\n"x', ",", ["Email", 'Name"']),
        ("\t\tEmail\n", "\t", ["Column 1", "Column 2", "Email"]),
        (" Email , Name\t\n", ",", ["Email", "Name"]),
        ("'=Email,'x,\"'@y\"\n", ",", ["=Email", "'x", "@y"]),
        ("\ufeffEmail,Name\n", ",", ["Email", "Name"]),
        ('\ufeff"Email","Name"\n', ",", ["Email", "Name"]),
        ("\n\r\n  \nEmail,Name\n", ",", ["Email", "Name"]),
        ("Email,,Name,\n", ",", ["Email", "Column 2", "Name", "Column 4"]),
        ("Émail;名前;👩\n", ";", ["Émail", "名前", "👩"]),
        ("a\u2028b,c\x0bd\x85e\n", ",", ["a\u2028b", "c\x0bd\x85e"]),
    ],
)
def test_a_header_is_split_at_its_delimiter(path: Path, text: str, delimiter: str, names: list[str]) -> None:
    layout = layout_of(path, text)
    assert (layout.delimiter, layout.names) == (delimiter, names)


@pytest.mark.parametrize("text", ["", "\n\n", "  ", "\ufeff", "\ufeff\n", "\r\r\n   \n"])
def test_a_text_without_a_header_row_is_refused(path: Path, text: str) -> None:
    with pytest.raises(BrokenFile, match="no header row"):
        layout_of(path, text)


@pytest.mark.parametrize("text", ["a,b\0\n", "a,b\nx\0\n", "\0"])
def test_a_nul_character_near_the_header_is_refused(path: Path, text: str) -> None:
    with pytest.raises(BrokenFile, match="NUL"):
        layout_of(path, text)


@pytest.mark.parametrize("text", ['"Email,Name\n', 'Email,"Name\nx,y\n', 'Email,"Name\n' + "x,y\n" * 50_000])
def test_a_header_whose_quote_is_not_closed_is_refused(path: Path, text: str) -> None:
    with pytest.raises(BrokenFile, match="quote in it is not closed"):
        layout_of(path, text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text",
    ["x" * 20 * MEBIBYTE, "Email," + "x," * MEBIBYTE, '"' + "x" * 2 * MEBIBYTE],
    ids=["one line", "many columns", "quoted"],
)
def test_a_header_that_is_too_long_is_refused_and_not_cut(path: Path, text: str) -> None:
    with pytest.raises(BrokenFile, match="too long"):
        layout_of(path, text, ["Email"])


def test_a_header_may_have_2000_columns(path: Path) -> None:
    names = [f"c{number}" for number in range(2_000)]
    assert layout_of(path, ",".join(names), ["c1999"]).names == names


@pytest.mark.parametrize("count", [2_001, 10_000])
@pytest.mark.parametrize("mapped", [None, ["c"]])
def test_a_header_of_more_columns_is_refused(path: Path, count: int, mapped: list[str] | None) -> None:
    with pytest.raises(BrokenFile, match=f"{count:,} columns; at most 2,000"):
        layout_of(path, ",".join(["c"] * count) + "\n", mapped)


def test_a_column_name_may_have_10000_characters(path: Path) -> None:
    assert layout_of(path, "é" * 10_000 + "," + " " * 300 + "x").names == ["é" * 10_000, "x"]


def test_a_longer_column_name_is_refused(path: Path) -> None:
    with pytest.raises(BrokenFile, match="more than 10,000 characters"):
        layout_of(path, "Email," + "x" * 10_001)


MAPPED = ["Email", "Name"]


@pytest.mark.parametrize(
    ("text", "mapped", "expected"),
    [
        ("Email,Name\nx,y\n", MAPPED, (",", 1)),
        ("Members of 5 May,,\n,,\nEmail,Name,City\n", MAPPED, (",", 3)),
        ("Notes: see the wiki, please\n\nEmail;Name\n", MAPPED, (";", 3)),
        ("Email,Name, first\nEmail;Name, first\nx;y\n", ["Email", "Name, first"], (";", 2)),
        ('"a\nb",c\nName,Email\n', MAPPED, (",", 3)),
        ("Email|A,B,C,D\nx|y\n", ["Email"], ("|", 1)),
        ("sep=;\nEmail,Name;Email;Name\n", MAPPED, (";", 2)),
        ("email:,NAME *\nEmail,Name\n", MAPPED, (",", 1)),
        ("Email\nada@example.com\n", ["Email"], (",", 1)),
        ("x\n" * 19 + "Email,Name\n", MAPPED, (",", 20)),
    ],
)
def test_the_first_record_with_every_mapped_column_is_the_header(
    path: Path, text: str, mapped: list[str], expected: tuple[str, int]
) -> None:
    layout = layout_of(path, text, mapped)
    assert (layout.delimiter, layout.header_line) == expected


def test_a_header_below_the_first_20_records_is_not_found(path: Path) -> None:
    assert layout_of(path, "x,y\n" * 20 + "Email,Name\n", MAPPED).names == ["x", "y"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("E-Mail;Name, first;Zip, City\na@example.com;Bee, Ann;1 Ulm\n", (";", 1)),
        ("Email,Name,A|B|C|D|E\nada@example.com,Ada,x\n", (",", 1)),
        ("Members of 5 May,,\n,,\nE-Mail,First,Last\nalma@example.com,Alma,Berg\n", (",", 3)),
        ("Email,Name\nada@example.com,Ada,\nbob@example.com,Bob,,,\n", (",", 1)),
        ("Email,Tags,Note\na@example.com,x|y,\nb@example.com,x|z,\nc@example.com,y|z,hello\n", (",", 1)),
        ("Email,Name,City,Phone\na@example.com\nb@example.com,Bob\nc@example.com\n", (",", 1)),
        ("Email,Name,\na@example.com,Ann,note\nb@example.com,Bob,note\n", (",", 1)),
        ("My list\nEmail\tName\na@example.com\tAnn; Bob\n", ("\t", 2)),
        ('"Email"; "Name"\n"a@example.com"; "Bee, Ann"\n', (";", 1)),
        ("sep=|\nEmail,Name|City\na@example.com|Ulm\n", ("|", 2)),
        ("Email\na@example.com\n", (",", 1)),
        ("a@example.com\nb@example.com\n", (",", 0)),
        ("Ann;a@example.com;1,5\nBob;b@example.com;2,5\n", (";", 0)),
        ("Ann Bee <ann@example.com>\n", (",", 0)),
    ],
)
def test_without_mappings_most_records_decide(path: Path, text: str, expected: tuple[str, int]) -> None:
    layout = layout_of(path, text)
    assert (layout.delimiter, layout.header_line) == expected


@pytest.mark.parametrize("text", ["a@example.com,Ann,\nb@example.com,Bob, Jr,\nc@example.com,Cy,\n"])
@pytest.mark.parametrize("mapped", [None, ["Column 1"], ["Column 1", "Column 2"], ["Email"]])
def test_columns_without_a_header_are_numbered(path: Path, text: str, mapped: list[str] | None) -> None:
    expected = Layout(delimiter=",", header_line=0, names=["Column 1", "Column 2", "Column 3"])
    assert layout_of(path, text, mapped) == expected


def test_a_row_with_a_blank_cell_is_no_header_of_a_numbered_column(path: Path) -> None:
    assert layout_of(path, ",a@example.com\nAnn,b@example.com\n", ["Column 1"]).header_line == 0


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        (
            "Email;Name\nx;y\n",
            {"header": False},
            Layout(delimiter=";", header_line=0, names=["Column 1", "Column 2"]),
        ),
        ("a@example.com,b\n", {"header": True}, Layout(delimiter=",", header_line=1, names=["a@example.com", "b"])),
        ("Email;Name\n", {"delimiter": ","}, Layout(delimiter=",", header_line=1, names=["Email;Name"])),
        ("sep=;\nEmail,x\n", {"delimiter": ","}, Layout(delimiter=",", header_line=2, names=["Email", "x"])),
    ],
)
def test_header_and_delimiter_of_the_request_override_detection(
    path: Path, text: str, options: dict[str, object], expected: Layout
) -> None:
    assert layout_of(path, text, ["Email"], **options) == expected


names = st.text(alphabet="abc,;\t|\" '\n", min_size=1, max_size=10).filter(
    lambda name: column_names.clean(name) == name != ""
)


@settings(max_examples=EXAMPLES, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    columns=st.lists(names, min_size=2, max_size=6),
    delimiter=st.sampled_from(records.DELIMITERS),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_a_header_with_other_delimiters_in_quotes_is_split_at_its_own(
    path: Path, columns: list[str], delimiter: str, quoting: int
) -> None:
    for other in records.DELIMITERS:
        if other != delimiter and quoting == csv.QUOTE_MINIMAL:
            columns = [name.replace(other, "_") for name in columns]
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, quoting=quoting).writerow(columns)
    names = column_names.from_header(columns)
    assert layout_of(path, text.getvalue()) == Layout(delimiter=delimiter, header_line=1, names=names)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("above", [0, 1, 3])
def test_header_among_many_blank_lines_has_its_own_line(path: Path, end: str, above: int) -> None:
    """`above`: runs of blank lines above the header, each after a line that is not blank."""
    blank = end * 30_000
    text = (f"Note{end}" + blank) * above + f"Email,Name{end}a@example.com,A{end}" + blank + f"b@example.com,B{end}"
    layout = layout_of(path, text, ["Email", "Name"])
    assert layout == Layout(delimiter=",", header_line=30_001 * above + 1, names=["Email", "Name"])


def test_blank_lines_are_not_read_one_by_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[int] = []
    read = records.read_line_by_line

    def counted(file: io.StringIO, delimiter: str) -> object:
        lines.append(file.getvalue().count("\n"))
        return read(file, delimiter)

    monkeypatch.setattr(records, "read_line_by_line", counted)
    layout_of(path, "Email,Name\n" + "\n" * MEBIBYTE + "a@example.com,A\n")
    assert max(lines) < 10
