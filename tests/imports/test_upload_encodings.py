"""The encodings in which a file may be uploaded."""

import gzip
from collections.abc import Callable

import pytest
from conftest import Server
from uploading import address, files, finished, look, put, ready, start, submit

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
    uploaded = look(server, upload)
    assert (uploaded["headers"], uploaded["row_count"]) == (["Email", "Name"], 3)
    assert uploaded["size_bytes"] == len(text.encode(encoding))
    assert finished(server, submit(server, upload))["imported_count"] == 3
    assert names(server) == expected(text)


@pytest.mark.parametrize(
    ("encoding", "public_name"),
    [
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("cp1252", "windows-1252"),
        ("cp850", "IBM850"),
        ("mac_roman", "macintosh"),
    ],
)
def test_an_upload_and_its_page_name_the_encoding_of_the_file(
    server: Server, encoding: str, public_name: str
) -> None:
    text = "Email,Name\n" + "zoe@example.com,Zoë Müller\nrene@example.com,François Lefèvre\n" * 3
    upload = ready(server, text.encode(encoding))
    assert look(server, upload)["encoding"] == public_name
    page = server.call("GET", address(server, upload), key=None, headers={"Accept": "text/html"}).body.decode()
    assert f"<dd>{public_name}</dd>" in page


def test_escape_codes_are_read_as_iso_2022_jp_or_refused(server: Server) -> None:
    assert look(server, ready(server, JAPANESE.encode("iso2022_jp")))["encoding"] == "ISO-2022-JP"
    reply = put(server, start(server), b"Email,Name\na@example.com,\x1b[31mred\n")
    assert (reply.status, reply.error["code"]) == (400, "invalid_file")
    assert "escape codes" in reply.error["message"]


@pytest.mark.parametrize("byte_order", ["utf-16-le", "utf-16-be"])
def test_utf16_is_detected_by_its_byte_order_mark(server: Server, byte_order: str) -> None:
    upload = ready(server, ("\ufeff" + JAPANESE).encode(byte_order))
    finished(server, submit(server, upload))
    assert names(server) == expected(JAPANESE)


@pytest.mark.slow
def test_the_first_letter_beyond_ascii_may_come_late_in_a_large_file(server: Server) -> None:
    plain = "".join(f"user{number}@example.com,User\n" for number in range(20_000))
    upload = ready(server, ("Email,Name\n" + plain + WESTERN.split("\n", 1)[1]).encode("windows-1252"))
    assert look(server, upload)["row_count"] == 20_003
    finished(server, submit(server, upload))
    assert names(server)[-3:] == expected(WESTERN)


def test_a_report_has_the_line_numbers_of_the_uploaded_file(server: Server) -> None:
    text = 'Email,Name\r\n\r\nzoe@example.com,"Zoë\nMüller"\r\nnobody,x\r\n'
    for encoding in ("utf-8", "utf-16", "windows-1252"):
        job = finished(server, submit(server, ready(server, text.encode(encoding))))
        assert server.report(job).splitlines()[1].startswith("nobody,x,5,Email,invalid_email")


def test_a_gzip_file_in_an_older_encoding_is_converted(server: Server) -> None:
    finished(server, submit(server, ready(server, gzip.compress(WESTERN.encode("windows-1252"), mtime=0))))
    assert names(server) == expected(WESTERN)


def test_the_limit_applies_to_the_file_in_utf8(serve: Callable[..., Server]) -> None:
    server = serve(max_upload_bytes=100_000)
    legacy = ("Email,Name\n" + "zoe@example.com,Zoë Müller äöü ÄÖÜ\n" * 2_800).encode("cp1252")
    assert len(legacy) < 100_000
    reply = put(server, start(server), legacy)
    assert (reply.status, reply.error["code"]) == (413, "request_body_too_large")
    assert "as UTF-8 more than 100,000 bytes" in reply.error["message"]
    assert files(server) == []


WRONG = b"Email,Name\r\na@example.com,Zo\xc3\xab\r\nb@example.com,M\xc3\xbcller\r\nz@example.com,Jos\xe9\r\n"


def test_a_file_that_is_utf8_but_for_some_bytes_needs_an_answer(server: Server) -> None:
    upload = ready(server, WRONG)
    assert look(server, upload)["encoding"] == "UTF-8, windows-1252"
    (question,) = look(server, upload)["analysis"]["questions"]
    assert (question["code"], "1 byte is not, on line 4." in question["text"]) == ("mixed_encoding", True)
    assert question["answers"][0]["request"] == {"encoding": "utf-8, windows-1252"}
    reply = submit(server, upload)
    assert (reply.status, reply.error["details"]) == (400, {"field": "encoding", "reason": "mixed_encoding"})
    assert "line 4;" in reply.error["message"]
    assert finished(server, submit(server, upload, encoding="utf-8, windows-1252"))["imported_count"] == 3
    names = {person["name"] for person in server.sdk().subscribers.list()["data"]}
    assert names == {"Zoë", "Müller", "José"}
    assert files(server) == []


def test_encoding_of_the_request_replaces_the_detected_one(server: Server) -> None:
    upload = ready(server, "Email,Name\na@example.com,Müller\n".encode("cp1252"))
    reply = submit(server, upload, encoding="utf-8")
    assert (reply.status, reply.error["details"]["field"]) == (400, "encoding")
    assert finished(server, submit(server, upload, encoding="windows-1251"))["imported_count"] == 1
    assert server.sdk().subscribers.list()["data"][0]["name"] == "Mьller"


@pytest.mark.parametrize("encoding", ["", "klingon", "idna", "utf-8, shift_jis", "cp1252, utf-8", "a\0", "utf-7"])
def test_an_unknown_encoding_is_refused(server: Server, encoding: str) -> None:
    reply = submit(server, ready(server), encoding=encoding)
    assert (reply.status, reply.error["details"]["field"]) == (400, "encoding")
