"""A directory for a command to run in, files in it, and the data directory of a running service."""

from pathlib import Path

import pytest
from conftest import Server
from empty_database import write_empty_database

from cli.command_line import Write, run
from mailrith_lite import disk
from mailrith_lite.data_directory import DATABASE_FILE


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


@pytest.fixture
def write(cwd: Path) -> Write:
    """`write("Email\\n…")`: writes a file into the command's directory and returns its path."""

    def write_file(content: str | bytes, name: str = "list.csv") -> Path:
        path = cwd / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file


@pytest.fixture
def data_dir(server: Server) -> Path:
    """Of a running service."""
    return server.settings.data_dir


@pytest.fixture
def stopped_data_dir(tmp_path: Path) -> Path:
    """A data directory with a database, without a running service."""
    directory = disk.private_directory(tmp_path / "stopped")
    write_empty_database(directory / DATABASE_FILE)
    assert run("keys", "create", "--name", "First", "--data-dir", directory, cwd=tmp_path).exit_code == 0
    return directory
