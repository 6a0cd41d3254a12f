"""One service for many tests, which is reset before each of them."""

import contextlib
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from empty_database import write_empty_database

from mailrith_lite.access import refusal_pauses
from mailrith_lite.access.keys import KeyUse
from mailrith_lite.access.refusal_pauses import RefusalPauses
from mailrith_lite.access.refused_keys import RefusedKeys
from mailrith_lite.access.wrong_keys import WrongKeys
from mailrith_lite.app import first_start
from mailrith_lite.data_directory import DATABASE_FILE
from mailrith_lite.http.request_log import RequestLog

if TYPE_CHECKING:
    from conftest import Server


@dataclass
class ReusedService:
    """One service at a time for all tests that need one of the default settings: a start costs most of a test.

    `start(directory)` serves a data directory. Each test gets the service with the content that a first start
    leaves. If a test leaves a service that cannot be reset to it, the service stops, and the next test gets a new
    one.
    """

    start: Callable[[Path], contextlib.AbstractContextManager["Server"]]
    factory: pytest.TempPathFactory
    server: "Server | None" = None
    _stop: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __post_init__(self) -> None:
        self._empty_database = write_empty_database(self.factory.mktemp("empty") / DATABASE_FILE)
        self._content = self._empty_database

    def take(self) -> "Server":
        try:
            reusable = self.server is not None and self._made_new(self.server)
        except BaseException:
            self.close()
            raise
        if not reusable:
            self.close()
        if self.server is None:
            self.server = self._stop.enter_context(self.start(self.factory.mktemp("reused") / "data"))
            self._content = self._first_content(self.server)
        return self.server

    def close(self) -> None:
        self.server = None
        self._stop.close()

    def _first_content(self, server: "Server") -> Path:
        """Makes the content of a first start, and returns a copy of it."""
        server.restore_database(self._empty_database)
        assert server.wait(first_start(server.services)) == server.settings.bootstrap_key
        return server.save_database(self.factory.mktemp("content") / DATABASE_FILE)

    def _made_new(self, server: "Server") -> bool:
        services = server.services
        if services.runner._stopping or services.stopping or services.database.is_lost:
            return False
        server.drain()
        uploads = server.settings.data_dir / "uploads"
        for directory in (services.imports_directory, services.exports_directory, uploads):
            for path in directory.iterdir():
                path.unlink()
        try:
            server.restore_database(self._content)
        except sqlite3.OperationalError:  # a transaction of the earlier test has not ended
            return False
        services.key_use, services.wrong_keys = KeyUse(), WrongKeys(server.settings.wrong_key_limit)
        services.refused_keys, services.request_log = RefusedKeys(), RequestLog()
        services.refusal_pauses = RefusalPauses(refusal_pauses.RATE, refusal_pauses.BURST)
        return True
