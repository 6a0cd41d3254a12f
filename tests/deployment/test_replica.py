"""Litestream beside the service, with the file of `contrib` and a replica in a directory."""

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from cli.command_line import SECONDS, csv_file, run
from conftest import Server
from crash.service import IMPORTS, Content, Service, import_request
from plain_sqlite import opened
from proxies.programs import running
from uploading import wait_for

PROGRAM = Path(sys.executable).with_name("litestream")
CONFIGURATION = Path(__file__).parents[2] / "contrib" / "litestream.yml"


@dataclass(frozen=True, kw_only=True)
class Litestream:
    """`folder` has the replica and what Litestream needs beside it."""

    folder: Path
    database: Path

    @property
    def configuration(self) -> Path:
        path = self.folder / "litestream.yml"
        text = CONFIGURATION.read_text()
        for old, new in (
            ("/var/lib/mailrith-lite/mailrith.db", self.database),
            ("/mnt/replica/mailrith-lite", self.folder / "replica"),
        ):
            assert old in text
            text = text.replace(old, str(new))
        socket = f"socket:\n  enabled: true\n  path: {self.folder / 'socket'}\n"
        path.write_text(f"{text}\nlogging:\n  stderr: true\n{socket}")
        return path

    @contextlib.contextmanager
    def replicating(self) -> Iterator[subprocess.Popen[str]]:
        command = [str(PROGRAM), "replicate", "-config", str(self.configuration)]
        with running(command, "replicating to") as process:
            yield process

    def sync(self) -> None:
        """Waits until the replica has everything that is committed."""
        self._call("sync", "-wait", "-socket", self.folder / "socket", self.database)

    def restore(self, target: Path) -> None:
        self._call("restore", "-config", self.configuration, "-o", target, self.database)

    def _call(self, *arguments: object) -> None:
        command = [str(PROGRAM), *map(str, arguments)]
        finished = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=SECONDS)
        assert finished.returncode == 0, finished.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "litestream"
    path.mkdir()
    return path


def count(database: Path) -> int:
    with opened(database) as connection:
        return int(connection.execute("SELECT count(*) FROM subscribers").fetchone()[0])


def empties_wal(database: Path) -> bool:
    with opened(database) as connection:
        busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy


def without_sequences(service: Service) -> Content:
    """A restore is in the audit, so the sequence of its table goes on."""
    return msgspec.structs.replace(service.content(), sequences=[])


def test_replica_of_a_service_that_was_killed_restores_every_row(
    tmp_path: Path, folder: Path, service: Callable[[str], Service]
) -> None:
    killed = service("data")
    litestream = Litestream(folder=folder, database=killed.directory / "mailrith.db")
    with litestream.replicating() as process:  # before the service makes the database
        killed.start()
        job = killed.finish(killed.call("POST", IMPORTS, import_request(20_000)))
        assert job["status"] == "Completed"
        litestream.sync()
        killed.kill()
        process.kill()
    litestream.restore(folder / "copy.db")
    restored = service("restored")
    result = run("restore", folder / "copy.db", "--data-dir", restored.directory, cwd=tmp_path)
    assert result.exit_code == 0, result.stderr
    assert [path.name for path in folder.glob("copy.db*")] == ["copy.db"]
    checked = run("doctor", "--data-dir", restored.directory, cwd=tmp_path)
    assert checked.exit_code == 0, checked.stdout
    assert without_sequences(restored) == without_sequences(killed)
    restored.start()
    assert restored.call("GET", job["self"])["imported_count"] == job["imported_count"]


def test_replica_is_complete_although_the_service_empties_the_wal(
    folder: Path, serve: Callable[..., Server]
) -> None:
    server = serve()
    database = server.services.database
    litestream = Litestream(folder=folder, database=database.path)
    with litestream.replicating():
        server.import_csv(csv_file(20_000))
        server.wait(database.shrink_wal())
        litestream.sync()
    server.import_csv("Email,Name\nwhile@example.com,Away\n")
    wait_for(lambda: empties_wal(database.path))  # Litestream never sees this WAL
    with litestream.replicating():
        server.import_csv("Email,Name\nafter@example.com,After\n")
        litestream.sync()
    litestream.restore(folder / "copy.db")
    assert count(folder / "copy.db") == 20_002


def test_replica_follows_a_database_that_was_replaced_while_nothing_ran(
    tmp_path: Path, folder: Path, service: Callable[[str], Service]
) -> None:
    served = service("data")
    litestream = Litestream(folder=folder, database=served.directory / "mailrith.db")
    with litestream.replicating():
        served.start()
        served.finish(served.call("POST", IMPORTS, import_request(200)))
        litestream.sync()
        served.stop()
    store = ("--data-dir", served.directory)
    assert run("backup", "before.db", *store, cwd=tmp_path).exit_code == 0
    before = count(tmp_path / "before.db")
    with litestream.replicating():
        served.start()
        served.finish(served.call("POST", IMPORTS, import_request(2_000)))
        litestream.sync()
        served.stop()
    assert run("restore", "before.db", *store, cwd=tmp_path).exit_code == 0
    with litestream.replicating():
        served.start()
        litestream.sync()
        litestream.restore(folder / "copy.db")
    assert count(folder / "copy.db") == before
