"""Headers that clients send: how they are read, and that hostile ones take little time."""

import ast
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from multidict import CIMultiDict

from mailrith_lite.http.header_values import MAX_LENGTH, cookie, field_name, file_name, has_broken_date, media_type

ROOT = Path(__file__).parents[2] / "mailrith_lite"
PARSED_BY_AIOHTTP = {"content_type", "charset", "cookies", "post", "multipart", "json", "text"}
SUSPICIOUS = re.compile(
    rf"\brequest\s*\.\s*(?:{'|'.join(PARSED_BY_AIOHTTP)})\b|^\s*(?:from|import)\b.*\b(?:email|cgi|multipart)\b"
    r"|MultipartReader|BodyPartReader|parse_content_disposition",
    re.MULTILINE,
)
"""In the source of every module for which `_slow_import` or `_slow_member` can be true."""
LONGEST = 8_190  # characters that the HTTP parser lets through


@pytest.mark.parametrize(
    ("header", "name", "parameters"),
    [
        ("", "", {}),
        ("text/csv", "text/csv", {}),
        (" Text/CSV ; Charset=UTF-8", "text/csv", {"charset": "UTF-8"}),
        ('multipart/form-data; boundary="a;b"', "multipart/form-data", {"boundary": "a;b"}),
        (r'text/csv; a="x\"y\\z\w"', "text/csv", {"a": r'x"y\z\w'}),
        ("text/csv;;; ; a=1;b;c=2", "text/csv", {"a": "1", "c": "2"}),
        ("text/csv; a=1; A=2", "text/csv", {"a": "1"}),
        ('text/csv; a="open; b=2', "text/csv", {"a": '"open', "b": "2"}),
        ("text/csv; a = 1 2 ", "text/csv", {"a": "1 2"}),
        (";a=1", "", {"a": "1"}),
        ("text/csv; \udcff=1; a=\udcff", "text/csv", {"a": "\udcff"}),
        ("text/csv; a=" + "b" * MAX_LENGTH, "", {}),
    ],
)
def test_media_type_is_read(header: str, name: str, parameters: dict[str, str]) -> None:
    read = media_type({"Content-Type": header})
    assert (read.name, read.parameters) == (name, parameters)


@pytest.mark.parametrize(
    ("header", "is_json"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ('Application/JSON; charset="UTF8"', True),
        ("application/merge-patch+json", True),
        ("application/json; charset=utf-16", False),
        ("application/json; charset=\udcff", False),
        ("text/json", False),
        ("application/jsonx", False),
        ("", False),
    ],
)
def test_only_json_in_utf_8_is_json(header: str, is_json: bool) -> None:
    assert media_type({"Content-Type": header}).is_json == is_json


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('form-data; name="file"; filename="list.csv"', "list.csv"),
        ("attachment; filename=list.csv", "list.csv"),
        ("attachment; filename=my list.csv", "my list.csv"),
        ('attachment; filename="a;b.csv"', "a;b.csv"),
        (r'attachment; filename="C:\lists\a.csv"', r"C:\lists\a.csv"),
        ("attachment; filename=plain.csv; filename*=UTF-8''%e2%82%ac.csv", "€.csv"),
        ("attachment; filename*=iso-8859-1'en'%A3.csv", "£.csv"),
        ("attachment; filename=plain.csv; filename*=UTF-8''%ff.csv", "plain.csv"),
        ("attachment; filename=plain.csv; filename*=koi8-r''%ff.csv", "plain.csv"),
        ("attachment; filename*=broken", ""),
        ("attachment", ""),
        ("", ""),
        ("attachment; filename=" + "a" * MAX_LENGTH, ""),
    ],
)
def test_file_name_is_read(disposition: str, name: str) -> None:
    assert file_name(disposition) == name


def test_field_name_is_read() -> None:
    assert field_name('form-data; name="form_token"') == "form_token"
    assert field_name("form-data") == ""


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([], ""),
        (["a=1; mine=x.y=z; mine=later"], "x.y=z"),
        (["other=1", "mine=x"], "x"),
        (["mine=\udcff"], ""),
        (["mine=é"], ""),
        (["mine=a\tb"], ""),
        (["notmine=x; mine"], ""),
    ],
)
def test_cookie_is_read(headers: list[str], value: str) -> None:
    assert cookie(CIMultiDict([("Cookie", header) for header in headers]), "mine") == value


@pytest.mark.parametrize(
    ("header", "broken"),
    [
        ("Fri, 27 Nov 2026 10:00:00 GMT", False),
        ('"1234567890-abc"', False),
        ('W/"1234567890"', False),
        ("yesterday", False),
        ("Fri, 27 Nov 99999999999 10:00:00 GMT", True),
        ("Fri, 27 Nov 2026 99999999999:00:00 GMT", True),
        ("1 " * 4_000, True),
    ],
)
def test_impossible_date_is_detected(header: str, broken: bool) -> None:
    assert has_broken_date({"If-Range": header}) == broken


HOSTILE = (
    *(";", ";;a", "a=", ";a=", ';a="', ';a="\\', '\\"', ";a=\\", "; ", ";\t", "a;b=c ", "mine=", ";mine="),
    *("\udcff", "=", "'", "%", '"'),
)


@pytest.mark.parametrize(
    "read",
    [
        lambda text: media_type({"Content-Type": text}),
        lambda text: media_type({"Content-Type": "text/csv" + text[:4_000]}),
        lambda text: file_name(text[:MAX_LENGTH]),
        lambda text: file_name("a; filename*=utf-8''" + text[:4_000]),
        lambda text: cookie(CIMultiDict([("Cookie", text)] * 100), "mine"),
        lambda text: has_broken_date({"If-Range": text}),
    ],
    ids=["long type", "type", "name", "encoded name", "cookie", "date"],
)
def test_hostile_header_takes_little_time(read: Callable[[str], object]) -> None:
    for pattern in HOSTILE:
        text = (pattern * LONGEST)[:LONGEST]
        assert min(cpu_seconds(read, text) for _ in range(3)) < 0.05, pattern  # a collection may fall into one


def cpu_seconds(read: Callable[[str], object], text: str) -> float:
    began = time.thread_time()
    read(text)
    return time.thread_time() - began


@pytest.mark.slow
def test_no_module_reads_a_request_with_the_parsers_of_the_library() -> None:
    for path in ROOT.rglob("*.py"):
        if path.parent.name == "cli":  # a client
            continue
        source = path.read_text(encoding="utf-8")
        if SUSPICIOUS.search(source) is None:  # a parser takes far longer for all modules
            continue
        for node in ast.walk(ast.parse(source)):
            place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            assert not _slow_import(node), place
            assert not _slow_member(node), place


def _slow_import(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        names = {f"{node.module}.{alias.name}" for alias in node.names}
    elif isinstance(node, ast.Import):
        names = {alias.name for alias in node.names}
    else:
        return False
    slow = ("email.", "cgi.", "aiohttp.multipart.", "aiohttp.MultipartReader.", "aiohttp.BodyPartReader.")
    return any(f"{name}.".startswith((*slow, "aiohttp.parse_content_disposition.")) for name in names)


def _slow_member(node: ast.AST) -> bool:
    """Whether it is `request.content_type`, `call.request.post` and the like."""
    if not isinstance(node, ast.Attribute) or node.attr not in PARSED_BY_AIOHTTP:
        return False
    owner = node.value
    name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    return name == "request"


@pytest.mark.parametrize(
    ("source", "slow"),
    [
        ("from email.message import Message", True),
        ("import cgi", True),
        ("from aiohttp import MultipartReader", True),
        ("call.request.content_type", True),
        ("request.cookies.get('x')", True),
        ("from mailrith_lite.audience import email_rules", False),
        ("headers.content_type", False),
    ],
)
def test_slow_parsers_are_recognized(source: str, slow: bool) -> None:
    nodes = list(ast.walk(ast.parse(source)))
    assert any(_slow_import(node) or _slow_member(node) for node in nodes) == slow
