"""The parts of a log line: the path and the field of a request, and an exception, without what people wrote."""

import logging
import sys

import pytest

from mailrith_lite import errors, logs
from mailrith_lite.http import log_fields

CELL = "Lovelace-the-cell"
EMAIL = "ada.secret@example.com"


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/v1/tagz", "/v1/tagz"),
        ("/wp-login.php", "/…"),
        ("/.env", "/…"),
        ("/", "/"),
        ("/v1/subscribers/subscriber_9wdvsq5zmmz0n/tagz", "/v1/subscribers/…/tagz"),
        ("/ada@example.com", "/…"),
        ("/mrk_abcdefghijklmnopqrstuvwxyz", "/…"),
        ("/abcdefghijklmnopqrstuvwxyz", "/…"),
        ("/a/b/c/d/e/f/g", "/a/b/c/d/e/f/…"),
        ("//x", "//x"),
    ],
)
def test_path_is_cut_to_its_plain_words(path: str, logged: str) -> None:
    assert log_fields.path(path) == logged


@pytest.mark.parametrize(
    ("field", "logged"),
    [
        ("mappings[2].field.custom_field_id", "mappings[2].field.custom_field_id"),
        ("custom_fields.Ada", "custom_fields"),
        ("mappings[0].values.Ada", "mappings[0].values"),
        ("custom_fields.Ada Lovelace", "custom_fields"),
        ("Ada Lovelace", None),
        ("ada@example.com", None),
    ],
)
def test_field_is_cut_where_the_client_names_it(field: str, logged: str | None) -> None:
    assert log_fields.refusal(errors.InvalidRequest("No.", field=field))["field"] == logged


def test_an_exception_is_logged_with_its_type_and_places_only() -> None:
    try:
        try:
            int(CELL)
        except ValueError as inner:
            raise RuntimeError(EMAIL) from inner
    except RuntimeError as error:
        places = logs.failure_places(error)
    assert places[0] == "RuntimeError"
    assert "ValueError" in places
    assert any("test_log_lines.py" in place for place in places)
    assert not [place for place in places if CELL in place or EMAIL in place]


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_log_line_has_no_message_of_an_exception(log_format: str) -> None:
    formatter = logs._JsonFormatter() if log_format == "json" else logs._TextFormatter()
    try:
        raise ValueError(CELL)
    except ValueError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "request failed", (), sys.exc_info())
        record.fields = {"request_id": "r", "client": None}
    text = formatter.format(record)
    assert "ValueError" in text
    assert CELL not in text


def test_a_value_with_blanks_is_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "request", (), None)
    record.fields = {"request_id": 'x status=200 "y', "status": 401}
    line = logs._TextFormatter().format(record)
    assert line.endswith(r'request_id="x status=200 \"y" status=401')
