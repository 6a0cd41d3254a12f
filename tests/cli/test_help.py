"""Every command explains itself with an example, and quickly."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.processes import run
from mailrith_lite.cli.main import cli


def commands(group: click.Group, *names: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*names, name)
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)


@pytest.mark.parametrize("names", list(commands(cli)), ids=" ".join)
def test_help_has_an_example(cwd: Path, names: tuple[str, ...]) -> None:
    outcome = run(*names, "--help", cwd=cwd)
    assert outcome.returncode == 0
    assert "Example" in outcome.stdout
    assert "mailrith-lite " + " ".join(names) in outcome.stdout.partition("Example")[2]


def test_help_imports_nothing_heavy(cwd: Path) -> None:
    """What a command needs is imported when it runs."""
    code = "import sys, mailrith_lite.cli.main; print(sorted({'aiohttp', 'rich', 'aiosqlite'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
