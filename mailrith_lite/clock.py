"""The one place that reads the wall clock: milliseconds since 1970-01-01 UTC, and their written form."""

import time
from datetime import UTC, datetime

SECOND = 1_000
DAY = 86_400 * SECOND


def now() -> int:
    return time.time_ns() // 1_000_000


def rfc3339(milliseconds: int) -> str:
    """RFC 3339 in UTC with milliseconds: `2026-04-11T12:00:00.000Z`."""
    moment = datetime.fromtimestamp(milliseconds // 1_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1_000:03d}Z"


def optional_rfc3339(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else rfc3339(milliseconds)
