"""The help texts, the version, and errors before any command runs."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.command_line import SECONDS, assert_fails, environment, run, run_process
from mailrith_lite import __version__
from mailrith_lite.cli.main import cli


def command_names(group: click.Group, *parents: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*parents, name)
        if isinstance(command, click.Group):
            yield from command_names(command, *parents, name)


@pytest.mark.parametrize("names", list(command_names(cli)), ids=" ".join)
def test_help_has_an_example(cwd: Path, names: tuple[str, ...]) -> None:
    result = run(*names, "--help", cwd=cwd)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: mailrith-lite {' '.join(names)} ")
    assert "mailrith-lite " + " ".join(names) in result.stdout.partition("Example")[2]


@pytest.mark.parametrize("arguments", [(), ("keys",), ("workspaces",), ("jobs",)])
def test_group_without_a_command_prints_its_help(cwd: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, cwd=cwd)
    assert "Commands:\n" in result.stdout + result.stderr


def test_installed_command_prints_its_version(cwd: Path) -> None:
    command = [Path(sys.executable).with_name("mailrith-lite"), "--version"]
    result = subprocess.run(
        command, cwd=cwd, env=environment({}), capture_output=True, text=True, check=True, timeout=SECONDS
    )
    assert result.stdout == f"mailrith-lite, version {__version__}\n"


def test_help_imports_nothing_heavy(cwd: Path) -> None:
    """A command imports what it needs when it runs."""
    code = "import sys, mailrith_lite.cli.main; print(sorted({'aiohttp', 'rich', 'aiosqlite'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_argument_that_is_not_text_is_a_one_line_error(cwd: Path) -> None:
    result = run_process("keys", "create", "--name", "\udcff", "--data-dir", "store", cwd=cwd)
    assert_fails(result, "not valid text")
