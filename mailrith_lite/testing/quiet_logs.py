"""Keeps the log lines of a server out of the log of the test process, where a test may look at every line."""

import contextlib
import logging
from collections.abc import Iterator
from threading import current_thread

THREAD_NAME = "mailrith"
"""The names of the server's threads start with it."""

_LOGGERS = (
    "aiohttp.access",
    "aiohttp.internal",
    "aiohttp.server",
    "aiohttp.web",
    "aiohttp.websocket",
    "aiosqlite",
    "asyncio",
    "charset_normalizer",
    "concurrent.futures",
    "mailrith_lite.access",
    "mailrith_lite.service",
)


@contextlib.contextmanager
def quiet_logs() -> Iterator[None]:
    """Drops what the server's threads log. Lines of other threads, with the same loggers, stay."""
    drop = _OtherThreads()
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(drop)
    try:
        yield
    finally:
        for name in _LOGGERS:
            logging.getLogger(name).removeFilter(drop)


class _OtherThreads(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not current_thread().name.startswith(THREAD_NAME)
