"""Zip archives as uploads."""

import io
import zipfile
from typing import Any

import pytest
from conftest import Server
from uploading import CSV, files, finished, look, put, ready, start, submit

from mailrith_lite.imports.uploads.archives import list_files

OTHER = b"Email,Name\neve@example.com,Eve\n"


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return file.getvalue()


def encrypted() -> bytes:
    """An archive that says that its file is encrypted."""
    file = bytearray(archive(("a.csv", CSV)))
    for signature, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        file[file.index(signature) + flags] |= 1
    return bytes(file)


def people(server: Server) -> set[Any]:
    return {person["email"] for person in server.sdk().subscribers.list()["data"]}


@pytest.mark.parametrize(
    "members",
    [
        [("list.csv", CSV)],
        [("a/list.CSV", CSV), ("__MACOSX/a/._list.csv", b"\0\5"), ("a/.hidden.csv", b"x"), ("readme.md", b"x")],
        [("list.txt", CSV.replace(b",", b"\t"))],
        [("list.csv", CSV.decode().encode("utf-16"))],
    ],
)
def test_the_one_csv_file_of_an_archive_is_imported(server: Server, members: list[tuple[str, bytes]]) -> None:
    upload = ready(server, archive(*members), name="export.zip")
    assert look(server, upload)["headers"] == ["Email", "Name"]
    assert look(server, upload)["row_count"] == 2
    assert finished(server, submit(server, upload))["imported_count"] == 2
    assert files(server) == []


def test_a_request_names_one_of_several_files(server: Server) -> None:
    upload = ready(server, archive(("first.csv", CSV), ("second.csv", OTHER)))
    (question,) = look(server, upload)["analysis"]["questions"]
    assert [answer["request"] for answer in question["answers"]] == [{"file": "first.csv"}, {"file": "second.csv"}]
    reply = submit(server, upload)
    assert (reply.status, reply.error["details"]["field"]) == (400, "file")
    assert '"first.csv", "second.csv"' in reply.error["message"]
    assert submit(server, upload, file="third.csv").status == 400
    assert finished(server, submit(server, upload, file="second.csv"))["imported_count"] == 1
    assert people(server) == {"eve@example.com"}
    assert files(server) == []


def test_a_dry_run_of_one_file_leaves_the_archive(server: Server) -> None:
    upload = ready(server, archive(("first.csv", CSV), ("second.csv", OTHER)))
    assert (
        finished(server, submit(server, upload, file="second.csv", dry_run=True))["progress"]["created_count"] == 1
    )
    assert finished(server, submit(server, upload, file="first.csv"))["imported_count"] == 2


def test_file_and_encoding_are_refused_where_they_do_not_apply(server: Server) -> None:
    for member in ("file", "encoding"):
        body = {"csv_text": CSV.decode(), "mappings": [{"csv_column": "Email", "field": {"type": "email"}}]}
        reply = server.call("POST", "/v1/jobs/subscriber-imports", {**body, member: "utf-8"})
        assert (reply.status, reply.error["details"]["field"]) == (400, member)
    reply = submit(server, ready(server), file="first.csv")
    assert (reply.status, reply.error["details"]["field"]) == (400, "file")


@pytest.mark.parametrize(
    ("file", "status", "message"),
    [
        (archive(("[Content_Types].xml", b"x"), ("xl/a.csv", CSV)), 415, "workbook"),
        (b"PK\x03\x04" + b"x" * 100, 415, "workbook or an archive"),
        (archive(), 415, "workbook or an archive"),
        (archive(("a.csv", CSV))[:-30], 415, "workbook or an archive"),
        (archive(("readme.md", b"x")), 400, "no CSV file"),
        (archive(("inner.zip", archive(("a.csv", CSV)))), 400, "another archive"),
        (archive(("a.csv", archive(("a.csv", CSV)))), 400, "another archive"),
        (archive(("a.csv", CSV), compression=zipfile.ZIP_LZMA), 400, "unusual way"),
        (encrypted(), 400, "encrypted"),
        (archive(("a.csv", b"a@example.com\n" * 3_000_000)), 400, "200 times its size"),
        (archive(*((f"{number}.csv", CSV) for number in range(101))), 400, "more than 100 CSV files"),
        (archive(*((f"{number}{'n' * 60_000}.md", b"") for number in range(20))), 400, "too many files"),
        (archive(("a.csv", CSV), compression=zipfile.ZIP_STORED).replace(b"Lovelace", b"Lovelaco"), 400, "damaged"),
        (archive(("a.csv", b"%PDF-1.7")), 415, "PDF"),
    ],
)
def test_an_archive_without_a_readable_csv_file_is_refused(
    server: Server, file: bytes, status: int, message: str
) -> None:
    reply = put(server, start(server), file)
    assert (reply.status, message in reply.error["message"]) == (status, True), reply.body
    assert files(server) == []


def test_the_list_of_files_has_names_and_sizes(tmp_path: Any) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(archive(("b.csv", CSV), ("a.csv", OTHER)))
    assert [(one.name, one.size) for one in list_files(path, 1 << 20)] == [
        ("b.csv", len(CSV)),
        ("a.csv", len(OTHER)),
    ]
