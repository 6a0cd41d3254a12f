"""Detecting the encoding of files that are not UTF-8."""

from pathlib import Path

import legacy_lists
import pytest

from mailrith_lite import errors
from mailrith_lite.imports.records import BrokenFile
from mailrith_lite.imports.uploads import encoding_names, encodings

MEBIBYTE = 1 << 20


def read(directory: Path, file: bytes, limit: int = MEBIBYTE) -> str:
    (directory / "sent").write_bytes(file)
    encodings.rewrite(directory / "sent", directory / "text", None, limit=limit)
    return (directory / "text").read_bytes().decode()


@pytest.mark.parametrize(("language", "encoding"), legacy_lists.CASES)
def test_a_list_is_read_in_the_encoding_of_its_language(tmp_path: Path, language: str, encoding: str) -> None:
    text = legacy_lists.text(language)
    assert read(tmp_path, text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("Zoë", "cp1252"),
        ("Zoë", "mac_roman"),
        ("Jürgen Müller", "cp1252"),
        ("Jürgen Müller", "cp850"),
        ("Renée “Le Grand” – 5 €", "cp1252"),
        ("L’Haÿ-les-Roses, n° 7", "cp1252"),
        ("MÜLLER & SÖHNE GMBH, GROßSTRAßE", "cp1252"),
        ("Bąk", "cp1250"),
        ("Jiří", "cp1250"),
        ("Şahin Yıldız", "cp1254"),
        ("Иван", "cp1251"),
        ("Пётр", "koi8_r"),
        ("山田太郎", "cp932"),
    ],
)
def test_one_name_is_enough_to_detect_an_encoding(tmp_path: Path, name: str, encoding: str) -> None:
    text = f'Email,Name\na@example.com,"{name}"\n'
    assert read(tmp_path, text.encode(encoding)) == text


def test_vietnamese_with_its_tones_apart_is_detected(tmp_path: Path) -> None:
    text = "Email,Name\na@example.com,Nguyễn Văn Đức\nb@example.com,Trần Thị Hương\nc@example.com,Lê Hoàng Phúc\n"
    tones = {"ễ": "ê\u0303", "ầ": "â\u0300", "ị": "i\u0323", "ứ": "ư\u0301", "ú": "u\u0301", "à": "a\u0300"}
    apart = "".join(tones.get(letter, letter) for letter in text)
    assert read(tmp_path, apart.encode("cp1258")) == apart


@pytest.mark.parametrize(
    ("file", "text", "lines"),
    [
        (b"Zo\xc3\xab\nJos\xe9 N\xc3\xba\n", "Zoë\nJosé Nú\n", [2]),
        (b"\xc3\xab\xc3\xab\xc3\xab\xc3\xab\xc3\xab\r\rx\r\n\x80\xe9", "ëëëëë\r\rx\r\n€é", [4]),
        ("ë".encode() * 50 + b"\n\xe9" * 12, "ë" * 50 + "\né" * 12, list(range(2, 12))),
        ("ë".encode() * 70_000 + b"\r\n" + b"x" * 70_000 + b"\r\n\xe9\n", None, [3]),
        ("ë".encode() * 65_535 + b"\r\n\xe9\n", None, [2]),
    ],
)
def test_bytes_that_are_not_utf8_have_lines_and_become_windows_1252(
    tmp_path: Path, file: bytes, text: str | None, lines: list[int]
) -> None:
    (tmp_path / "sent").write_bytes(file)
    conversion = encodings.rewrite(tmp_path / "sent", tmp_path / "text", None, limit=MEBIBYTE)
    assert (conversion.encoding, conversion.wrong_lines) == (encoding_names.MIXED, lines)
    assert conversion.wrong_bytes == file.decode("utf-8", "surrogateescape").count("\udce9") + file.count(b"\x80")
    if text is not None:
        assert (tmp_path / "text").read_bytes().decode() == text


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("windows-1252", "cp1252"),
        ("ISO-8859-1", "cp1252"),
        ("UTF-8", "utf-8"),
        ("windows-874", "cp874"),
        ("KOI8-U", "koi8_u"),
        ("macintosh", "mac_roman"),
        ("IBM850", "cp850"),
        ("Shift_JIS", "cp932"),
        ("utf-8, windows-1252", "utf-8, cp1252"),
        ("UTF-8,ISO-8859-2", "utf-8, iso8859_2"),
        ("utf-8, shift_jis", None),
        ("punycode", None),
        ("rot13", None),
        ("", None),
    ],
)
def test_an_encoding_has_its_usual_names(name: str, encoding: str | None) -> None:
    assert encoding_names.find(name) == encoding


@pytest.mark.parametrize(
    "file", [b"Email,Name\na@example.com,\x1b[31mred\n", "Email,Name\na@b.c,Zoë\x1b\n".encode()]
)
def test_escape_codes_of_no_encoding_are_refused(tmp_path: Path, file: bytes) -> None:
    with pytest.raises(BrokenFile, match="escape codes"):
        read(tmp_path, file)


def test_no_byte_beyond_the_limit_of_utf8_is_written(tmp_path: Path) -> None:
    with pytest.raises(errors.PayloadTooLarge):
        read(tmp_path, legacy_lists.text("German").encode("cp1252"), limit=500)
    assert (tmp_path / "text").stat().st_size <= 500
