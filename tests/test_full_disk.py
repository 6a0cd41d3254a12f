"""A service whose disk is full: a small file system of its own, filled by a file."""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import first_version
import pytest
from conftest import KEY, MAPPINGS, Reply, Server
from uploading import put, start

from mailrith_lite import errors
from mailrith_lite.exports.export_pipeline import TOO_LARGE
from mailrith_lite.settings import Settings

SIZE = 24 << 20  # bytes
PAGE = 1 << 12  # bytes
FIRST_INDEX_BLOCK = 4_062  # pages that the first block of the wal-index has room for
FOR_THE_INDEX = 9 << 12  # bytes: the least with which SQLite opens a database in WAL mode
JOBS = "/v1/jobs/subscriber-imports"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A mounted directory of 24 MiB."""
    directory = tmp_path / "disk"
    directory.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(directory)]
    try:
        subprocess.run(options, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a file system cannot be mounted here: {error}")
    yield directory
    subprocess.run(["umount", "-l", str(directory)], check=True)


@contextlib.contextmanager
def full(disk: Path, *, free: int = 0, name: str = "filler") -> Iterator[None]:
    """Leaves only this number of free bytes on the disk."""
    path = disk / name
    with path.open("wb", buffering=0) as filler:
        for block in (1 << 16, 1 << 12):
            with contextlib.suppress(OSError):
                while filler.write(bytes(block)) == block:
                    pass
        filler.truncate(filler.tell() - free)
    try:
        yield
    finally:
        path.unlink()


def csv_file(rows: int) -> str:
    return "Email,Name\n" + "".join(f"reader.{number}@example.com,Reader {number}\n" for number in range(rows))


def submit(server: Server, rows: int, **body: Any) -> str:
    reply = server.call("POST", JOBS, {"csv_text": csv_file(rows), "mappings": MAPPINGS, **body})
    assert reply.status == 202, reply.json
    return str(reply.json["data"]["self"])


def write_until_refused(server: Server) -> Reply:
    """Writes until the WAL, too, has no room left."""
    reply = server.call("POST", "/v1/tags", {"name": "Tag", "description": "x" * 1_000})
    for number in range(5_000):
        if reply.status != 201:
            break
        reply = server.call("POST", "/v1/tags", {"name": f"Tag {number}", "description": "x" * 1_000})
    return reply


def test_reads_go_on_and_writes_are_refused_until_there_is_room(
    small_disk: Path, serve: Callable[..., Server]
) -> None:
    server = serve(data_dir=small_disk / "data")
    server.import_csv(csv_file(10))
    with full(small_disk):
        reply = write_until_refused(server)
        assert (reply.status, reply.error["code"]) == (503, "storage_full")
        assert reply.headers["retry-after"] == "1"
        assert server.call("POST", JOBS, {"csv_text": csv_file(5_000), "mappings": MAPPINGS}).status == 503
        assert server.call("GET", "/v1/tags").status == 200
        assert len(server.call("GET", "/v1/subscribers").json["data"]) == 10
        health = server.call("GET", "/healthz", key=None)
        assert (health.status, health.json) == (200, {"status": "degraded", "problems": ["disk_full"]})
    assert server.call("POST", "/v1/tags", {"name": "Room"}).status == 201


def test_write_for_which_the_wal_index_cannot_grow_is_refused(
    small_disk: Path, serve: Callable[..., Server]
) -> None:
    server = serve(data_dir=small_disk / "data")
    before = wal_frames(server)
    assert server.call("POST", "/v1/tags", {"name": "First"}).status == 201
    needed = wal_frames(server) - before
    server.wait(fill_wal_index(server))
    with full(small_disk, free=(needed + 1) * PAGE):  # room for the WAL, but not for the 32 KiB of the index
        reply = server.call("POST", "/v1/tags", {"name": "Second"})
        assert (reply.status, reply.error["code"]) == (503, "storage_full")
        assert len(server.call("GET", "/v1/tags").json["data"]) == 1
    assert server.call("POST", "/v1/tags", {"name": "Second"}).status == 201


def wal_frames(server: Server) -> int:
    wal = server.services.database.path.with_name("mailrith.db-wal")
    return (wal.stat().st_size - 32) // (PAGE + 24)


async def fill_wal_index(server: Server) -> None:
    """Writes until the next page needs another block of the index."""
    while (missing := FIRST_INDEX_BLOCK - wal_frames(server)) > 0:
        for _ in range((missing + 1) // 2):  # not all of them: a background task may write meanwhile, too
            async with server.services.database.write(housekeeping=True) as connection:
                await connection.execute("UPDATE workspaces SET updated_at = updated_at + 1")
    assert wal_frames(server) == FIRST_INDEX_BLOCK


def test_upload_page_says_that_the_disk_is_full(small_disk: Path, serve: Callable[..., Server]) -> None:
    server = serve(data_dir=small_disk / "data")
    upload, file = start(server), csv_file(5_000).encode()
    with full(small_disk):
        reply = put(server, upload, file, headers={"Accept": "text/html"})
    assert (reply.status, reply.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert reply.headers["retry-after"] == "1"
    assert b"disk is full" in reply.body
    assert put(server, upload, file).status == 200


def test_import_waits_for_room_and_imports_every_row_once(small_disk: Path, serve: Callable[..., Server]) -> None:
    server = serve(data_dir=small_disk / "data")
    with full(small_disk, free=4 << 20):
        job = submit(server, 30_000)
        assert write_until_refused(server).status == 503
        assert server.call("GET", job).json["data"]["status"] in ("Queued", "Processing")
    server.drain()
    done = server.call("GET", job).json["data"]
    assert (done["status"], done["imported_count"]) == ("Completed", 30_000)
    assert server.rows("SELECT count(*) FROM subscribers") == [(30_000,)]


def test_export_that_is_larger_than_the_disk_fails_and_says_so(
    small_disk: Path, serve: Callable[..., Server]
) -> None:
    server = serve(data_dir=small_disk / "data")
    server.import_csv(csv_file(20_000))
    with full(small_disk, free=1 << 19):
        job = server.call("POST", "/v1/jobs/subscriber-exports", {}).json["data"]
        server.drain()
        done = server.call("GET", job["self"]).json["data"]
    assert (done["status"], done["error_message"]) == ("Failed", TOO_LARGE)
    assert not list((small_disk / "data" / "exports").iterdir())


def test_starts_without_a_free_byte_serve_reads(small_disk: Path) -> None:
    settings = Settings(port=0, data_dir=small_disk / "data", bootstrap_key=KEY)
    with Server(settings).serving() as server:
        server.import_csv(csv_file(10))
    with full(small_disk):
        for _ in range(3):
            with Server(settings).serving() as server:
                assert len(server.call("GET", "/v1/subscribers").json["data"]) == 10


def test_start_on_a_full_disk_serves_reads_and_continues_a_job_once_there_is_room(small_disk: Path) -> None:
    settings = Settings(port=0, data_dir=small_disk / "data", bootstrap_key=KEY)
    with Server(settings).serving() as server:
        server.wait(server.services.runner.stop())
        job = submit(server, 100)
        server.wait(update(server, "UPDATE jobs SET status = 'Processing'"))
    with full(small_disk, free=FOR_THE_INDEX):
        restarted = Server(settings)
        with restarted.serving(), full(small_disk, name="more"):
            assert restarted.call("GET", "/v1/tags").status == 200
            assert restarted.call("GET", job).json["data"]["status"] in ("Queued", "Processing")
    with Server(settings).serving() as server:
        server.drain()
        assert server.call("GET", job).json["data"]["status"] == "Completed"


async def update(server: Server, sql: str) -> None:
    async with server.services.database.write() as connection:
        await connection.execute(sql)


def test_first_start_on_a_full_disk_is_a_one_line_error(small_disk: Path, serve: Callable[..., Server]) -> None:
    (small_disk / "data").mkdir()  # so that the service makes the tables
    with full(small_disk, free=1 << 16), pytest.raises(errors.StartError, match="full") as refused:
        serve(data_dir=small_disk / "data")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("free", "message"),
    [
        (0, "its disk is full; make room first"),
        (FOR_THE_INDEX, "cannot copy the database before its migration: .*No space left on device"),
    ],
    ids=["no byte", "room to read"],
)
def test_first_start_after_an_upgrade_on_a_full_disk_is_a_one_line_error_and_changes_nothing(
    small_disk: Path, serve: Callable[..., Server], free: int, message: str
) -> None:
    directory = small_disk / "data"
    directory.mkdir(mode=0o700)
    first_version.create(directory / "mailrith.db")
    before = (directory / "mailrith.db").read_bytes()
    with full(small_disk, free=free), pytest.raises(errors.StartError, match=message) as refused:
        serve(data_dir=directory)
    assert "\n" not in str(refused.value)
    assert (directory / "mailrith.db").read_bytes() == before
    assert not list(directory.glob("backups/*"))
    assert serve(data_dir=directory).call("GET", "/healthz", key=None).status == 200


def test_expired_file_is_deleted_although_nothing_can_be_written(
    small_disk: Path, serve: Callable[..., Server]
) -> None:
    server = serve(data_dir=small_disk / "data")
    upload = server.call("POST", f"{JOBS.removesuffix('s')}-uploads").json["data"]
    url = upload["upload_url"].removeprefix(server.url)
    assert server.call("PUT", url, csv_file(20_000).encode(), key=None).status == 200
    server.wait(update(server, "UPDATE uploads SET expires_at = 1"))
    with full(small_disk):
        assert write_until_refused(server).status == 503
        server.wait(server.services.uploads.remove_expired())
        assert not list((small_disk / "data" / "uploads").iterdir())
