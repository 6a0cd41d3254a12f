"""Real databases, a real server on a real socket, and the real SDK. No mocks."""

import asyncio
import contextlib
import gc
import http.client
import json
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ["SSL_CERT_FILE"] = os.devnull  # without the certificates of the machine, aiohttp loads in half the time

import fork_server
import hypothesis
import pytest
from empty_database import write_empty_database
from fast_selection import fast_items, is_slow_file
from free_connections import FreeConnections
from mailrith_sdk import MailrithClient
from reused_service import ReusedService

from mailrith_lite import disk
from mailrith_lite.access import keys, refusal_pauses, workspaces
from mailrith_lite.access.scopes import ALL
from mailrith_lite.audience import totals
from mailrith_lite.cli.serve import open_service
from mailrith_lite.console import new_export, segments
from mailrith_lite.data_directory import DATABASE_FILE
from mailrith_lite.database import Database
from mailrith_lite.http.services import Services
from mailrith_lite.settings import Settings

hypothesis.settings.register_profile("tests", deadline=None)  # on a busy machine, any example can take long
hypothesis.settings.load_profile("tests")

KEY = "mrk_example_secret_key"
MAPPINGS = [
    {"csv_column": "Email", "field": {"type": "email"}},
    {"csv_column": "Name", "field": {"type": "name"}},
]


@dataclass
class Reply:
    status: int
    headers: dict[str, str]  # lower-case names
    body: bytes

    @classmethod
    def of(cls, response: http.client.HTTPResponse) -> "Reply":
        names = {name.lower(): value for name, value in response.getheaders()}
        return cls(response.status, names, response.read())

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> Any:
        return self.json["error"]


@dataclass
class Server:
    """The service in a thread of its own, so that a blocking client can use it.

    A new data directory gets a database that has its tables already. No commit waits for the disk.
    """

    settings: Settings
    url: str = ""
    services: Services = field(default=None)  # type: ignore[assignment]
    connections: FreeConnections = field(default_factory=FreeConnections)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _ready: threading.Event = field(default_factory=threading.Event)
    _failure: BaseException | None = None

    @contextlib.contextmanager
    def serving(self) -> Iterator["Server"]:
        if not self.settings.data_dir.exists():
            write_empty_database(disk.private_directory(self.settings.data_dir) / DATABASE_FILE)
        thread = threading.Thread(target=self._run)
        thread.start()
        self._ready.wait()
        if self._failure is not None:
            thread.join()
            raise self._failure
        try:
            yield self
        finally:
            self.connections.close()
            self._loop.call_soon_threadsafe(self._stop.set)
            thread.join()

    def _run(self) -> None:
        async def serve() -> None:
            self._stop = asyncio.Event()
            try:
                async with open_service(self.settings, sync_to_disk=False) as (self.url, self.services):
                    self._ready.set()
                    await self._stop.wait()
            except BaseException as failure:
                self._failure = failure
                self._ready.set()

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(serve())

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Runs a coroutine on the service's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def drain(self) -> None:
        """Waits until no job is queued or running."""
        self.wait(self.services.runner.drain())

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = KEY,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Sends one request. A body that is not bytes is sent as JSON."""
        sent = dict(headers or {})
        if key is not None:
            sent.setdefault("Authorization", f"Bearer {key}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        with self.connections.take(self.url) as connection:
            connection.request(method, path, body, sent)
            return Reply.of(connection.getresponse())

    def sdk(self, key: str = KEY) -> MailrithClient:
        return MailrithClient(base_url=self.url, api_key=key)

    def new_key(
        self, *, workspace: str = "Default", scopes: tuple[str, ...] = ALL, expires_at: int | None = None
    ) -> str:
        """A new key of a workspace. Creates the workspace if it does not exist."""

        async def make() -> str:
            key = keys.new_key()
            async with self.services.database.write() as connection:
                owner = await workspaces.select_workspace(connection, workspace)
                owner = owner or await workspaces.insert_workspace(connection, workspace, 1)
                await keys.insert(
                    connection,
                    workspace_id=owner.id,
                    name="test",
                    key=key,
                    scopes=scopes,
                    expires_at=expires_at,
                    now=1,
                )
            return key

        return str(self.wait(make()))

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query on the service's database."""

        async def select() -> list[tuple[Any, ...]]:
            async with self.services.database.read() as connection:
                return [tuple(row) for row in await connection.execute_fetchall(sql, parameters)]

        rows: list[tuple[Any, ...]] = self.wait(select())
        return rows

    def save_database(self, path: Path) -> Path:
        """Writes the content of the database to a new file, and returns its path."""
        with (
            contextlib.closing(sqlite3.connect(self.services.database.path)) as source,
            contextlib.closing(sqlite3.connect(path)) as target,
        ):
            source.backup(target)
        return path

    def restore_database(self, copy: Path) -> None:
        """Replaces the content of the database with that of the copy. No job may run.

        Raises:
            sqlite3.OperationalError: a transaction is open.
        """
        with (
            contextlib.closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as source,
            contextlib.closing(sqlite3.connect(self.services.database.path)) as target,
        ):
            target.execute("PRAGMA synchronous = OFF")
            source.backup(target)

        async def invalidate_caches() -> None:
            async with self.services.database.write():
                pass

        self.wait(invalidate_caches())

    def import_csv(self, csv_text: str, mappings: Any = None, *, key: str = KEY, **body: Any) -> Any:
        """Submits an import, waits for its end, and returns the job."""
        request = {"csv_text": csv_text, "mappings": mappings or MAPPINGS, **body}
        return self._finished("/v1/jobs/subscriber-imports", request, key)

    def export_csv(self, *, key: str = KEY, **body: Any) -> tuple[Any, str]:
        """Submits an export, waits for its end, and returns the job and the text of the file."""
        job = self._finished("/v1/jobs/subscriber-exports", body, key)
        return job, self.fetch(job["download_url"]).body.decode()

    def _finished(self, path: str, body: Mapping[str, Any], key: str) -> Any:
        """The job that the request creates, after its end."""
        reply = self.call("POST", path, body, key=key)
        assert reply.status == 202, reply.body
        self.drain()
        return self.call("GET", reply.json["data"]["self"], key=key).json["data"]

    def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Requests a signed link without a key."""
        return self.call("GET", url.removeprefix(self.url), key=None, headers=headers)

    def report(self, job: Any) -> str:
        return self.fetch(job["error_report_url"]).body.decode()


@pytest.fixture(scope="session", autouse=True)
def unsynced_files() -> Iterator[None]:
    """No test has to survive a power cut, and each wait for the disk takes milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


@pytest.fixture(scope="session", autouse=True)
def end_of_fork_server() -> Iterator[None]:
    yield
    fork_server.stop()


@pytest.fixture(scope="session", autouse=True)
def patient_pages() -> Iterator[None]:
    """A page waits for its counts, also on a busy machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(totals, "PATIENCE_SECONDS", 60)
        patch.setattr(segments, "PATIENCE_SECONDS", 60)
        patch.setattr(new_export, "PATIENCE_SECONDS", 60)
        yield


@pytest.fixture(scope="session", autouse=True)
def prompt_refusals() -> Iterator[None]:
    """Most requests of many tests are refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(refusal_pauses, "RATE", 1_000_000)
        yield


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """`serve(**settings)`: a service on a free port with a data directory of its own."""
    with contextlib.ExitStack() as stack:

        def start(**changes: Any) -> Server:
            values = {"port": 0, "data_dir": tmp_path / "data", "bootstrap_key": KEY, **changes}
            return stack.enter_context(Server(Settings(**values)).serving())

        yield start


@pytest.fixture(scope="session")
def reused_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReusedService]:
    def start(directory: Path) -> contextlib.AbstractContextManager[Server]:
        return Server(Settings(port=0, data_dir=directory, bootstrap_key=KEY)).serving()

    service = ReusedService(start, tmp_path_factory)
    yield service
    service.close()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Server:
    """A service as after its first start. With the mark `own_service`, no other test uses it, before or after."""
    if request.node.get_closest_marker("own_service") is None:
        service: ReusedService = request.getfixturevalue("reused_service")
        return service.take()
    start: Callable[..., Server] = request.getfixturevalue("serve")
    return start()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database.open(write_empty_database(tmp_path / "test.db"), sync_to_disk=False) as opened:
        yield opened


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="only the quick tests, and a few cases of each table")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With --fast, slow files are not even imported."""
    if not config.getoption("--fast"):
        return None
    path = collection_path.relative_to(Path(__file__).parent).as_posix()
    return True if is_slow_file(path) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """All collected tests live until the end, so the garbage collector need not look at them again and again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(20_000)  # the collections of 700 objects take a twentieth of all tests
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    if config.getoption("--fast"):
        fast = fast_items(items)
        config.hook.pytest_deselected(items=[item for item in items if item not in fast])
        items[:] = [item for item in items if item in fast]


def pytest_make_parametrize_id(val: object) -> str | None:
    """Names a bytes parameter by its length: compressed bytes hold the time, and ids must be equal in each run."""
    return f"{len(val)}_bytes" if isinstance(val, bytes) else None
