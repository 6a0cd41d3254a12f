"""Which files an upload accepts, and how others are refused."""

import gzip
import io
import zipfile
from typing import Any

import pytest
from conftest import MAPPINGS, Server
from uploading import CSV, files, finished, look, put, ready, start, submit


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_delimiter_and_the_line_ends_are_detected(server: Server, delimiter: str, line_end: str) -> None:
    text = CSV.decode().replace(",", delimiter).replace("\n", line_end)
    upload = ready(server, text.encode())
    assert look(server, upload)["headers"] == ["Email", "Name"]
    assert finished(server, submit(server, upload))["imported_count"] == 2


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "no header row"),
        (b"\n \n", "no header row"),
        (b"\xef\xbb\xbf", "no header row"),
        (b"Email,Name\n" + b"a@example.com,A\n" * 20_000 + b"\0\n", "line 20002: there is a NUL character"),
        (b"Email\0,Name\n", "NUL character"),
        (b"Email,Name\na@example.com,\xe9\0\n", "NUL bytes"),
        (bytes(range(256)) * 40, "NUL bytes"),
        ("\ufeffEmail\n\0".encode("utf-16-le"), "NUL character"),
        ("\ufeffEmail\n".encode("utf-16-le") + b"\x00\xd8a\x00", "encoding is not known"),
        ("\ufeffEmail\nx".encode("utf-16-le") + b"x", "encoding is not known"),
        (b'Email,Name\na@example.com,"A\nb@example.com,B\n', "line 2: a quote is opened here and never closed"),
        (b'Email,"Name\n', "a quote in it is not closed"),
        (",".join(["Email", *"x" * 2_000]).encode() + b"\n", "at most 2,000"),
        (b"Email," + b"x" * 10_001 + b"\n", "more than 10,000 characters"),
        (gzip.compress(CSV, mtime=0)[:-9], "damaged or incomplete"),
        (gzip.compress(CSV, mtime=0)[:15], "damaged or incomplete"),
        (gzip.compress(CSV, mtime=0) + b"rubbish", "damaged or incomplete"),
        (b"\x1f\x8bEmail,Name\n", "damaged or incomplete"),
        (b"\x1f\x8b", "damaged or incomplete"),
    ],
)
def test_an_unreadable_file_is_refused_and_deleted(server: Server, file: bytes, message: str) -> None:
    upload = start(server)
    reply = put(server, upload, file)
    assert (reply.status, reply.error["code"]) == (400, "invalid_file")
    assert message in reply.error["message"]
    assert files(server) == []
    assert look(server, upload)["status"] == "Pending"


def workbook() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return file.getvalue()


@pytest.mark.parametrize(
    "file", [workbook(), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), gzip.compress(workbook(), mtime=0)]
)
def test_a_workbook_is_refused_with_advice(server: Server, file: bytes) -> None:
    reply = put(server, start(server), file, name="list.xlsx")
    assert (reply.status, reply.error["code"]) == (415, "unsupported_media_type")
    assert "save the sheet as CSV" in reply.error["message"]
    assert files(server) == []


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "a PDF document"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page"),
        (b"\xef\xbb\xbf\n <HTML>", "a web page"),
        (b'[{"email": "ada@example.com"}]', "JSON"),
        (b'{\n  "data": [1]}', "JSON"),
        (gzip.compress(b'{"email": "ada@example.com"}\n{"email": "bob@example.com"}\n', mtime=0), "JSON"),
        (b"\x28\xb5\x2f\xfd\x24\x00\x01\x00\x00", "zstd"),
    ],
)
def test_a_file_that_is_not_csv_is_refused_with_its_detected_kind(server: Server, file: bytes, kind: str) -> None:
    reply = put(server, start(server), file, name="list.csv")
    assert (reply.status, reply.error["code"]) == (415, "unsupported_media_type")
    assert f"This is {'packed with ' if kind == 'zstd' else ''}{kind}, not a CSV file" in reply.error["message"]
    assert files(server) == []


@pytest.mark.parametrize("header", ["[Email],Name", "{email},{name}", "<Email>,Name", "[],Email", "{{email}},Name"])
def test_a_header_may_resemble_json_or_html(server: Server, header: str) -> None:
    assert look(server, ready(server, f"{header}\na,b\n".encode()))["headers"] == header.split(",")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;"])
def test_a_first_line_that_names_the_delimiter_is_not_the_header(server: Server, line: str, end: str) -> None:
    upload = ready(server, end.join([line, "Email;Name, first", "ada@example.com;Ada", "nobody;x", ""]).encode())
    assert (look(server, upload)["headers"], look(server, upload)["row_count"]) == (["Email", "Name, first"], 2)
    mappings = [MAPPINGS[0], {**MAPPINGS[1], "csv_column": "Name, first"}]
    job = finished(server, submit(server, upload, mappings=mappings))
    assert job["imported_count"] == 1
    assert ",4,Email,invalid_email" in server.report(job).replace(";", ",")


def test_a_first_line_that_names_the_delimiter_may_precede_one_column(server: Server) -> None:
    upload = ready(server, b"sep=;\r\nEmail\r\nada@example.com\r\n")
    assert (look(server, upload)["headers"], look(server, upload)["row_count"]) == (["Email"], 1)


@pytest.mark.slow
def test_columns_at_their_limits_are_accepted(server: Server) -> None:
    header = ["Email", *(f"c{number}" for number in range(248)), "n" * 200]
    upload = ready(server, ",".join(header).encode() + b"\nada@example.com\n")
    assert look(server, upload)["headers"] == header
    mappings = [MAPPINGS[0]]
    assert finished(server, submit(server, upload, mappings=mappings))["imported_count"] == 1


@pytest.mark.slow
def test_a_row_with_more_cells_than_can_be_read_fails_the_file(server: Server) -> None:
    upload = start(server)
    reply = put(server, upload, gzip.compress(b"Email,Name\n" + (b"," * 4_000_000 + b"\n") * 2, mtime=0))
    assert (reply.status, reply.error["code"]) == (400, "invalid_file")
    assert "line 2: the row has more than 300,000 cells" in reply.error["message"]


@pytest.mark.slow
def test_a_row_with_more_cells_than_the_header_is_refused_alone(server: Server) -> None:
    upload = ready(server, b"Email,Name\n" + b"," * 100_000 + b"x\nada@example.com,Ada\n")
    job = finished(server, submit(server, upload))
    assert job["imported_count"] == 1
    assert "too_many_columns" in server.report(job)


def test_a_corrected_report_can_be_uploaded(server: Server) -> None:
    header = ["Email", "Name", *(f"c{number}" for number in range(248))]
    first = finished(server, submit(server, ready(server, ",".join(header).encode() + b"\nnobody,Ada\n")))
    corrected = server.report(first).replace("nobody", "ada@example.com")
    upload = ready(server, corrected.encode())
    assert look(server, upload)["headers"] == header
    assert finished(server, submit(server, upload))["imported_count"] == 1


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"name": "list.csv"}, "list.csv"),
        ({"name": "Zoës Liste.csv"}, "Zoës Liste.csv"),
        ({"name": "../../etc/passwd"}, "passwd"),
        ({"name": "C:\\Users\\ada\\list.csv"}, "list.csv"),
        ({"name": "a\r\nb\0.csv"}, "ab.csv"),
        ({"name": ""}, "upload.csv"),
        ({"name": "/"}, "upload.csv"),
        ({"name": "x" * 300}, "x" * 200),
        ({}, "upload.csv"),
        ({"headers": {"Content-Disposition": 'attachment; filename="from header.csv"'}}, "from header.csv"),
        ({"headers": {"Content-Disposition": "attachment; filename*=UTF-8''Zo%C3%AB.csv"}}, "Zoë.csv"),
        ({"headers": {"Content-Disposition": "inline"}, "name": "list.csv"}, "list.csv"),
        *(
            ({"headers": {"Content-Disposition": f"attachment; filename*={name}"}}, "upload.csv")
            for name in ("idna''abc", "punycode''abc%ff")
        ),
        ({"headers": {"Content-Disposition": ";;=\"''%"}}, "upload.csv"),
    ],
)
def test_the_name_of_a_file_is_stored_without_its_path(server: Server, sent: Any, stored: str) -> None:
    upload = start(server)
    assert put(server, upload, **sent).json["data"]["file_name"] == stored
