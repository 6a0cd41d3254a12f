"""The help texts, the version, and errors before any command runs."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.command_line import run
from mailrith_lite.cli.main import cli
from mailrith_lite.settings import ENVIRONMENT_PREFIX, SETTINGS, Settings, default_text, load


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


def test_help_of_serve_lists_every_setting_with_its_default(cwd: Path) -> None:
    text = " ".join(run("serve", "--help", env={"COLUMNS": "200"}, cwd=cwd).stdout.split())
    for setting in SETTINGS:
        default = default_text(setting)
        end = f" [{default}]" if default else ""
        assert f"{ENVIRONMENT_PREFIX}{setting.name.upper()} {setting.help}{end}" in text
        if default:
            assert load({ENVIRONMENT_PREFIX + setting.name.upper(): default}) == Settings()


@pytest.mark.parametrize("arguments", [(), ("keys",), ("workspaces",), ("jobs",)])
def test_group_without_a_command_prints_its_help(cwd: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, cwd=cwd)
    assert "Commands:\n" in result.stdout + result.stderr


@pytest.mark.parametrize("arguments", [(), ("keys",), ("workspaces",), ("jobs",), ("webhooks",)])
def test_summaries_of_commands_fit_80_columns(cwd: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--help", env={"COLUMNS": "80"}, cwd=cwd)
    assert "..." not in result.stdout.partition("Commands:\n")[2]
