"""A start on a data directory that somebody has changed: it deletes nothing by mistake."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import KEY, MAPPINGS, Server

from mailrith_lite import data_directory
from mailrith_lite.app import open_services
from mailrith_lite.errors import StartError
from mailrith_lite.settings import Settings

SOURCE = f"{'a' * 32}.csv"
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")


async def start(directory: Path) -> None:
    with data_directory.lock(directory):
        async with open_services(directory, Settings(port=0, data_dir=directory, bootstrap_key=KEY)):
            pass


@pytest.mark.parametrize("folder", ["imports", "exports", "uploads"])
@pytest.mark.parametrize("empty", [True, False], ids=["empty database", "no database"])
async def test_files_without_their_database_stop_the_start(tmp_path: Path, folder: str, empty: bool) -> None:
    (tmp_path / folder).mkdir(mode=0o700)
    (tmp_path / folder / SOURCE).write_text("Email\nann@example.com\n")
    if empty:
        (tmp_path / "mailrith.db").touch()
    with pytest.raises(StartError, match=f"is new or empty, but .*{folder} has files of another one"):
        await start(tmp_path)
    assert (tmp_path / folder / SOURCE).exists()


@pytest.mark.parametrize("secret", [b"", b"short"])
async def test_a_secret_that_is_too_short_stops_the_start(tmp_path: Path, secret: bytes) -> None:
    (tmp_path / "secret").write_bytes(secret)
    with pytest.raises(StartError, match="is too short to sign links"):
        await start(tmp_path)
    assert (tmp_path / "secret").read_bytes() == secret


async def test_a_directory_with_the_name_of_a_file_stays(tmp_path: Path) -> None:
    for name in (f"imports/{SOURCE}", "exports/export_job_1.csv.part", f"uploads/{SOURCE}"):
        (tmp_path / name).mkdir(parents=True)
    await start(tmp_path)
    assert (tmp_path / "imports" / SOURCE).is_dir()


async def test_a_directory_in_place_of_the_database_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "mailrith.db").mkdir()
    with pytest.raises(StartError, match=r"cannot use the database .*mailrith\.db: unable to open"):
        await start(tmp_path)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    """A directory of another user that this one can write, as a mounted volume."""
    directory = tmp_path / "volume"
    directory.mkdir()
    os.chown(directory, 2_000, 2_000)
    directory.chmod(0o2775)
    yield directory
    shutil.rmtree(directory)


@ROOT_ONLY
async def test_a_volume_of_another_owner_keeps_its_mode(volume: Path) -> None:
    await start(volume)
    assert volume.stat().st_mode & 0o7777 == 0o2775
    assert (volume / "mailrith.db").stat().st_mode & 0o777 == 0o600
    assert (volume / "imports").stat().st_mode & 0o777 == 0o700


def test_a_data_directory_that_was_removed_accepts_nothing(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve()
    (tmp_path / "data").rename(tmp_path / "moved")
    for path, body in (
        ("/v1/tags", {"name": "News"}),
        ("/v1/jobs/subscriber-imports", {"csv_text": "Email\na@x.com", "mappings": MAPPINGS[:1]}),
    ):
        reply = server.call("POST", path, body)
        assert (reply.status, reply.error["code"]) == (503, "storage_lost")
