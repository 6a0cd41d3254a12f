"""Detecting the encoding of files that are not UTF-8."""

from pathlib import Path

import legacy_lists
import pytest

from mailrith_lite import errors
from mailrith_lite.imports.records import BrokenFile
from mailrith_lite.imports.uploads import encodings

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
