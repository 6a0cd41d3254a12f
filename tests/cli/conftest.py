"""A directory for a command to run in, files in it, and the data directory of a running service."""

from pathlib import Path

import pytest
from conftest import Server

from cli.command_line import Write


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
