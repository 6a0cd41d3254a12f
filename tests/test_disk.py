"""Only the owner can read files and directories."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Server

from mailrith_lite import disk


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077])
def mask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Runs a test with each of these umasks: they make no difference."""
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_has_mode_0600(tmp_path: Path) -> None:
    with disk.create_private(tmp_path / "file") as file:
        assert mode(tmp_path / "file") == 0o600
        file.write(b"content")
        disk.sync_file(file)
        assert (tmp_path / "file").read_bytes() == b"content"


def test_an_existing_file_is_truncated(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old and long")
    with disk.create_private(tmp_path / "file") as file:
        file.write(b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_new_or_existing_directory_gets_mode_0700(tmp_path: Path) -> None:
    assert mode(disk.private_directory(tmp_path / "a" / "b")) == 0o700
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    assert mode(disk.private_directory(tmp_path / "open")) == 0o700


def test_sync_directory_needs_an_existing_directory(tmp_path: Path) -> None:
    disk.sync_directory(tmp_path)
    with pytest.raises(FileNotFoundError):
        disk.sync_directory(tmp_path / "missing")


def test_all_files_in_the_data_directory_are_private(server: Server) -> None:
    server.wait(server.services.runner.stop())
    mapping = {"csv_column": "Email", "field": {"type": "email"}}
    server.call(
        "POST", "/v1/jobs/subscriber-imports", {"csv_text": "Email\na@example.com\n", "mappings": [mapping]}
    )
    directory = server.settings.data_dir
    paths = [directory, *directory.rglob("*")]
    assert {"imports", "exports", "mailrith.db", "secret", "lock"} <= {path.name for path in paths}
    assert any(path.suffix == ".csv" for path in paths)
    for path in paths:
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
