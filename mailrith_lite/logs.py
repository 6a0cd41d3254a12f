"""Log lines as text or JSON.

An unexpected exception is logged with its type and its places in the code, never with its message: a message can
quote a cell or an address.
"""

import json
import logging
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from mailrith_lite import clock

access = logging.getLogger("mailrith_lite.access")
service = logging.getLogger("mailrith_lite.service")


def configure(log_format: str, log_level: str) -> None:
    """All log lines go to stderr. Libraries log warnings only: at lower levels, some log SQL parameters."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("mailrith_lite").setLevel(log_level.upper())


def failure_places(error: BaseException) -> list[str]:
    """Lines with the type of an exception and its places (`at file:line in function`, innermost call last).

    The exceptions that caused it follow.
    """
    return [line for link in _chain(error) for line in _places(link)]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _places(error: BaseException) -> Iterator[str]:
    yield type(error).__qualname__
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield f"  at {code.co_filename}:{traceback.tb_lineno} in {code.co_name}"
        traceback = traceback.tb_next


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields


def _plain(value: object) -> str:
    """The value as a text, in quotes if it could look like several fields."""
    text = str(value)
    return json.dumps(text) if any(mark in text for mark in ' ="') else text


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": clock.rfc3339(int(record.created * 1_000)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[1]:
            line["failure"] = failure_places(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items() if value is not None)
        lines = [
            f"{clock.rfc3339(int(record.created * 1_000))} {record.levelname:<7} {record.getMessage()}{fields}"
        ]
        if record.exc_info and record.exc_info[1]:
            lines += failure_places(record.exc_info[1])
        return "\n".join(lines)
