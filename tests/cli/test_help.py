"""The help texts, the version, and errors before any command runs."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.command_line import run
from mailrith_lite.access import scopes
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


GROUPS = [(name,) for name, command in cli.commands.items() if isinstance(command, click.Group)]


@pytest.mark.parametrize("arguments", [(), *GROUPS])
def test_group_without_a_command_prints_its_help(cwd: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, cwd=cwd)
    assert "Commands:\n" in result.stdout + result.stderr


@pytest.mark.parametrize("arguments", [(), *GROUPS])
def test_summaries_of_commands_fit_80_columns(cwd: Path, arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--help", env={"COLUMNS": "80"}, cwd=cwd)
    assert "..." not in result.stdout.partition("Commands:\n")[2]


@pytest.mark.parametrize("columns", ["80", "200"])
@pytest.mark.parametrize("names", list(command_names(cli)), ids=" ".join)
def test_help_fits_its_columns(cwd: Path, names: tuple[str, ...], columns: str) -> None:
    lines = run(*names, "--help", env={"COLUMNS": columns}, cwd=cwd).stdout.splitlines()
    too_long = [line for line in lines if len(line) > int(columns) and "mailrith-lite" not in line]
    assert too_long == []  # an example stays on its line: people copy it


def test_keys_create_help_lists_the_scopes(cwd: Path) -> None:
    text = run("keys", "create", "--help", cwd=cwd).stdout.partition("Scopes:")[2]
    assert text.replace(",", "").split() == list(scopes.ALL)


def test_shell_completion_knows_commands_and_options(cwd: Path) -> None:
    for words, position, completions in (
        ("mailrith-lite jobs ", "2", ["list", "wait", "undo"]),
        ("mailrith-lite export --", "2", ["--status", "--force", "--json"]),
    ):
        env = {"_MAILRITH_LITE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": position}
        offered = [line.partition(",")[2] for line in run(env=env, cwd=cwd).stdout.splitlines()]
        assert set(completions) <= set(offered)
