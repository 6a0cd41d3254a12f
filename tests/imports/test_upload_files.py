"""What a handed over file may be: its encoding, delimiter, packing and size, and how the others are refused."""

import contextlib
import gzip
import http.client
import io
import json
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import MAPPINGS, Server
from uploading import CSV, address, files, finished, look, put, ready, start, submit

from mailrith_lite import errors
from mailrith_lite.imports.uploads import preview
from mailrith_lite.imports.uploads.arrival import Arrival

WESTERN = (
    "Email,Name\nzoe@example.com,Zoë Müller\njose@example.com,José Núñez\nrene@example.com,René “Le Grand” – 5 €\n"
)
JAPANESE = "Email,Name\nyamada@example.jp,山田太郎\nsuzuki@example.jp,鈴木ハナコ\nsato@example.jp,さくら商店\n"
RUSSIAN = (
    "Email,Name\nivan@example.ru,Иван Петров\nmaria@example.ru,Мария Сидорова\nolga@example.ru,Ольга Смирнова\n"
)


def names(server: Server) -> list[str]:
    return [name for (name,) in server.rows("SELECT name FROM subscribers ORDER BY id")]


def expected(text: str) -> list[str]:
    return [line.split(",")[1] for line in text.splitlines()[1:]]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (WESTERN, "utf-8"),
        (WESTERN, "utf-8-sig"),
        (JAPANESE, "utf-16"),
        (WESTERN, "windows-1252"),
        (JAPANESE, "shift_jis"),
        (RUSSIAN, "windows-1251"),
    ],
)
def test_a_file_is_read_in_its_encoding(server: Server, text: str, encoding: str) -> None:
    upload = ready(server, text.encode(encoding))
    shown = look(server, upload)
    assert (shown["headers"], shown["row_count"]) == (["Email", "Name"], 3)
    assert shown["size_bytes"] == len(text.encode(encoding))
    assert finished(server, submit(server, upload))["imported_count"] == 3
    assert names(server) == expected(text)


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("cp1252", "windows-1252"),
        ("cp850", "IBM850"),
        ("mac_roman", "macintosh"),
    ],
)
def test_an_upload_and_its_page_tell_how_the_file_was_read(server: Server, encoding: str, shown: str) -> None:
    text = "Email,Name\n" + "zoe@example.com,Zoë Müller\nrene@example.com,François Lefèvre\n" * 3
    upload = ready(server, text.encode(encoding))
    assert look(server, upload)["encoding"] == shown
    told = server.call("GET", address(server, upload), key=None, headers={"Accept": "text/html"}).body.decode()
    assert f"<dd>{shown}</dd>" in told


def test_escape_codes_are_no_utf8(server: Server) -> None:
    assert look(server, ready(server, JAPANESE.encode("iso2022_jp")))["encoding"] == "ISO-2022-JP"
    reply = put(server, start(server), b"Email,Name\na@example.com,\x1b[31mred\n")
    assert (reply.status, reply.error["code"]) == (400, "invalid_file")
    assert "escape codes" in reply.error["message"]


@pytest.mark.parametrize("byte_order", ["utf-16-le", "utf-16-be"])
def test_utf16_is_known_by_its_mark(server: Server, byte_order: str) -> None:
    upload = ready(server, ("\ufeff" + JAPANESE).encode(byte_order))
    finished(server, submit(server, upload))
    assert names(server) == expected(JAPANESE)


def test_what_is_not_utf8_may_come_late_in_a_large_file(server: Server) -> None:
    plain = "".join(f"user{number}@example.com,User\n" for number in range(100_000))
    upload = ready(server, ("Email,Name\n" + plain + WESTERN.split("\n", 1)[1]).encode("windows-1252"))
    assert look(server, upload)["row_count"] == 100_003
    finished(server, submit(server, upload))
    assert names(server)[-3:] == expected(WESTERN)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_delimiter_and_a_line_end_are_found(server: Server, delimiter: str, line_end: str) -> None:
    text = CSV.decode().replace(",", delimiter).replace("\n", line_end)
    upload = ready(server, text.encode())
    assert look(server, upload)["headers"] == ["Email", "Name"]
    assert finished(server, submit(server, upload))["imported_count"] == 2


def test_lines_in_a_report_are_those_of_the_file(server: Server) -> None:
    text = 'Email,Name\r\n\r\nzoe@example.com,"Zoë\nMüller"\r\nnobody,x\r\n'
    for encoding in ("utf-8", "utf-16", "windows-1252"):
        job = finished(server, submit(server, ready(server, text.encode(encoding))))
        assert server.report(job).splitlines()[1].startswith("nobody,x,5,Email,invalid_email")


@pytest.mark.parametrize(
    ("file", "told"),
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
        (
            ("Email,Name\n" + "a@example.com,Zoë Müller\n" * 20).encode() + b"b@example.com,\xff\n",
            "damaged characters",
        ),
        (b'Email,Name\na@example.com,"A\nb@example.com,B\n', "line 2: a quote is opened here and never closed"),
        (b'Email,"Name\n', "a quote in it is not closed"),
        (",".join(["Email", *"x" * 250]).encode() + b"\n", "at most 250"),
        (b"Email," + b"x" * 201 + b"\n", "more than 200 characters"),
        (b"Email," + b",".join([b"x" * 199] * 70) + b"\n", "12 KiB"),
        (gzip.compress(CSV, mtime=0)[:-9], "damaged or incomplete"),
        (gzip.compress(CSV, mtime=0)[:15], "damaged or incomplete"),
        (gzip.compress(CSV, mtime=0) + b"rubbish", "damaged or incomplete"),
        (b"\x1f\x8bEmail,Name\n", "damaged or incomplete"),
        (b"\x1f\x8b", "damaged or incomplete"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_leaves_nothing(server: Server, file: bytes, told: str) -> None:
    upload = start(server)
    reply = put(server, upload, file)
    assert (reply.status, reply.error["code"]) == (400, "invalid_file")
    assert told in reply.error["message"]
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
def test_a_workbook_is_refused_with_what_to_do(server: Server, file: bytes) -> None:
    reply = put(server, start(server), file, name="list.xlsx")
    assert (reply.status, reply.error["code"]) == (415, "unsupported_media_type")
    assert "save the sheet as CSV" in reply.error["message"]
    assert files(server) == []


@pytest.mark.parametrize(
    ("file", "told"),
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
def test_what_is_no_csv_is_refused_as_what_it_is(server: Server, file: bytes, told: str) -> None:
    reply = put(server, start(server), file, name="list.csv")
    assert (reply.status, reply.error["code"]) == (415, "unsupported_media_type")
    assert f"This is {'packed with ' if told == 'zstd' else ''}{told}, not a CSV file" in reply.error["message"]
    assert files(server) == []


@pytest.mark.parametrize("header", ["[Email],Name", "{email},{name}", "<Email>,Name", "[],Email", "{{email}},Name"])
def test_a_header_may_look_a_little_like_something_else(server: Server, header: str) -> None:
    assert look(server, ready(server, f"{header}\na,b\n".encode()))["headers"] == header.split(",")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;"])
def test_a_line_that_names_the_delimiter_is_no_header(server: Server, line: str, end: str) -> None:
    upload = ready(server, end.join([line, "Email;Name, first", "ada@example.com;Ada", "nobody;x", ""]).encode())
    assert (look(server, upload)["headers"], look(server, upload)["row_count"]) == (["Email", "Name, first"], 2)
    mappings = [MAPPINGS[0], {**MAPPINGS[1], "csv_column": "Name, first"}]
    job = finished(server, submit(server, upload, mappings=mappings))
    assert job["imported_count"] == 1
    assert ",4,Email,invalid_email" in server.report(job).replace(";", ",")


def test_a_line_that_names_the_delimiter_serves_one_column(server: Server) -> None:
    upload = ready(server, b"sep=;\r\nEmail\r\nada@example.com\r\n")
    assert (look(server, upload)["headers"], look(server, upload)["row_count"]) == (["Email"], 1)


def test_tiny_packed_files_behind_one_another_are_bounded(server: Server) -> None:
    upload = start(server)
    lines = CSV.splitlines(keepends=True)
    assert (
        put(server, upload, b"".join(gzip.compress(line, mtime=0) for line in [*lines, *[lines[1]] * 900])).status
        == 200
    )
    reply = put(server, upload, gzip.compress(CSV, mtime=0) + gzip.compress(b"") * 200_000)
    assert (reply.status, reply.error["code"]) == (400, "invalid_file")
    assert "too many tiny members" in reply.error["message"]


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(CSV, mtime=0),
        gzip.compress(CSV[:20], mtime=0) + gzip.compress(CSV[20:]),
        gzip.compress(CSV, mtime=0) + bytes(512),
        gzip.compress(b"", mtime=0) + gzip.compress(CSV),
    ],
    ids=["one member", "two members", "padded with zeros", "an empty member first"],
)
def test_a_packed_file_is_unpacked_on_the_way(server: Server, packed: bytes) -> None:
    upload = ready(server, packed, name="list.csv.gz")
    shown = look(server, upload)
    assert (shown["row_count"], shown["size_bytes"]) == (2, len(packed))
    assert files(server)[0].read_bytes() == CSV
    assert finished(server, submit(server, upload))["imported_count"] == 2


def test_a_packed_file_may_be_said_to_be_one(server: Server) -> None:
    upload = start(server)
    assert put(server, upload, gzip.compress(CSV, mtime=0), headers={"Content-Encoding": "gzip"}).status == 200
    assert put(server, upload, CSV, headers={"Content-Encoding": "br"}).status == 415


def test_a_packed_legacy_file_is_both(server: Server) -> None:
    finished(server, submit(server, ready(server, gzip.compress(WESTERN.encode("windows-1252"), mtime=0))))
    assert names(server) == expected(WESTERN)


def test_a_large_packed_file_goes_through_in_pieces(server: Server) -> None:
    text = b"Email,Name\n" + b"".join(b"user%d@example.com,Name %d\n" % (n, n) for n in range(200_000))
    assert put(server, start(server), gzip.compress(text, mtime=0)).json["data"]["row_count"] == 200_000
    assert files(server)[0].read_bytes() == text


def test_a_file_over_the_limit_is_refused_before_a_byte_of_it_is_kept(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=1_000)
    upload = start(server)
    fitting = b"Email,Name\n" + b"x" * 989
    assert put(server, upload, fitting).status == 200
    for reply in (put(server, upload, fitting + b"x"), put(server, upload, b"x" * 5_000_000)):
        assert (reply.status, reply.error["code"]) == (413, "payload_too_large")
        assert "1,000 bytes" in reply.error["message"]
    assert [path.read_bytes() for path in files(server)] == [fitting]


def test_a_file_of_unknown_length_is_cut_off_at_the_limit(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=100_000)
    parts = urlsplit(server.url)
    with contextlib.closing(http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)) as connection:
        connection.request("PUT", address(server, start(server)), iter([b"ada@example.com\n" * 1_000] * 20))
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (413, "payload_too_large")
    assert files(server) == []


def test_a_bomb_is_refused_while_it_unpacks(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=1_000_000)
    bomb = gzip.compress(b"Email\n" + b"a@example.com\n" * 10_000_000, mtime=0)
    assert len(bomb) < 1_000_000
    reply = put(server, start(server), bomb)
    assert (reply.status, reply.error["code"]) == (413, "payload_too_large")
    assert "unpacks to more than 1,000,000 bytes" in reply.error["message"]
    assert files(server) == []


def test_the_limit_holds_for_what_is_written_as_utf8(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=100_000)
    legacy = ("Email,Name\n" + "zoe@example.com,Zoë Müller äöü ÄÖÜ\n" * 2_800).encode("cp1252")
    assert len(legacy) < 100_000
    reply = put(server, start(server), legacy)
    assert (reply.status, reply.error["code"]) == (413, "payload_too_large")
    assert "as UTF-8 more than 100,000 bytes" in reply.error["message"]
    assert files(server) == []


def test_not_a_byte_over_the_limit_is_written(tmp_path: Path) -> None:
    for packed in (False, True):
        path = tmp_path / "file"
        data = gzip.compress(bytes(50_000_000), mtime=0) if packed else bytes(50_000_000)
        with pytest.raises(errors.PayloadTooLarge), Arrival(path, 10_000_000) as arrival:
            for begin in range(0, len(data), 1 << 20):
                arrival.write(data[begin : begin + (1 << 20)])
        assert path.stat().st_size <= 10_000_000


def test_what_arrives_does_not_depend_on_where_it_was_cut(tmp_path: Path) -> None:
    chance = random.Random(7)
    for data in (CSV, gzip.compress(CSV, mtime=0), gzip.compress(CSV) + gzip.compress(CSV), WESTERN.encode()):
        plain = gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
        for _ in range(20):
            cuts = sorted(chance.sample(range(len(data) + 1), 6))
            pieces = [data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
            with Arrival(tmp_path / "file", 1_000_000) as arrival:
                for piece in pieces:
                    arrival.write(piece)
                arrival.finish()
            assert (tmp_path / "file").read_bytes() == plain
            assert arrival.encoding == "utf-8"


def test_columns_at_their_limits_are_possible(server: Server) -> None:
    header = ["Email", *(f"c{number}" for number in range(248)), "n" * 200]
    upload = ready(server, ",".join(header).encode() + b"\nada@example.com\n")
    assert look(server, upload)["headers"] == header
    mappings = [MAPPINGS[0]]
    assert finished(server, submit(server, upload, mappings=mappings))["imported_count"] == 1


def test_a_preview_keeps_no_more_of_a_row_than_there_are_columns(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_bytes(b"Email,Name\n" + (b"," * 200_000 + b"\n") * 9 + b"ada@example.com\n")
    tracemalloc.start()
    try:
        shown = preview.read_preview(path, ",")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert shown.rows == [["", ""]] * preview.MAX_ROWS
    assert peak < 6_000_000


def test_a_row_that_is_absurdly_wide_breaks_the_file(server: Server) -> None:
    upload = start(server)
    reply = put(server, upload, gzip.compress(b"Email,Name\n" + (b"," * 4_000_000 + b"\n") * 2, mtime=0))
    assert (reply.status, reply.error["code"]) == (400, "invalid_file")
    assert "line 2: the row has more than 300,000 cells" in reply.error["message"]


def test_a_row_that_is_too_wide_is_refused_by_itself(server: Server) -> None:
    upload = ready(server, b"Email,Name\n" + b"," * 100_000 + b"\nada@example.com,Ada\n")
    job = finished(server, submit(server, upload))
    assert job["imported_count"] == 1
    assert "too_many_columns" in server.report(job)


def test_a_report_can_be_mended_and_handed_over_again(server: Server) -> None:
    header = ["Email", "Name", *(f"c{number}" for number in range(248))]
    first = finished(server, submit(server, ready(server, ",".join(header).encode() + b"\nnobody,Ada\n")))
    mended = server.report(first).replace("nobody", "ada@example.com")
    upload = ready(server, mended.encode())
    assert look(server, upload)["headers"] == header
    assert finished(server, submit(server, upload))["imported_count"] == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
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
def test_a_file_keeps_its_name_and_nothing_else(server: Server, sent: Any, kept: str) -> None:
    upload = start(server)
    assert put(server, upload, **sent).json["data"]["file_name"] == kept
