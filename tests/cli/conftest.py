"""A directory for a command to run in, and files in it."""

from pathlib import Path

import pytest

from cli.processes import Write


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    directory = tmp_path / "here"
    directory.mkdir()
    return directory


@pytest.fixture
def write(cwd: Path) -> Write:
    """`write("Email\\n…")`: a file in the command's directory."""

    def write_file(content: str | bytes, name: str = "list.csv") -> Path:
        path = cwd / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write_file
