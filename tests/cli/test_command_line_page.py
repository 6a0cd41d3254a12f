"""The commands of docs/command-line.md, in their order, against a running service."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from conftest import KEY, Server

from cli.command_line import Result, run
from cli.test_help import command_names
from mailrith_lite.cli.main import cli

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"
LISTS = {
    "import_job": "/v1/jobs/subscriber-imports",
    "webhook_subscription": "/v1/webhook-subscriptions",
}


def commands() -> Iterator[list[str]]:
    for block in re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            program, *words = shlex.split(line)
            assert program == "mailrith-lite", line
            yield words


class Reader:
    """Runs each command of the page in a directory with the files `people.csv`, `more.csv` and `key`."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.environment = {
            "XDG_CONFIG_HOME": str(folder / "config"),
            "MAILRITH_LITE_DATA_DIR": str(server.settings.data_dir),
        }
        self.key_id = ""
        (folder / "key").write_text(f"{KEY}\n")
        (folder / "people.csv").write_text("Email,Name\nann@example.com,Ann\nbroken,Bob\n")
        (folder / "more.csv").write_text("Email,Name\ncay@example.com,Cay\nbroken,Bob\n")

    def run(self, words: list[str]) -> Result:
        stdin = ""
        if "<" in words:
            words, (_, file) = words[: words.index("<")], words[words.index("<") :]
            stdin = (self.folder / file).read_text()
        arguments = [self.own(word) for word in words]
        result = run(*arguments, env=self.environment, stdin=stdin, cwd=self.folder)
        if words[:2] == ["keys", "list"]:
            self.key_id = result.stdout.splitlines()[-1].split("\t")[0]
        return result

    def own(self, word: str) -> str:
        """An id of the page becomes one of this service, and so does its address."""
        prefix, _, example = word.rpartition("_")
        if example != "f5trj0n0jhzfa":
            return word.replace("http://localhost:8787", self.server.url)
        if prefix == "api_key":
            return self.key_id
        newest = self.server.call("GET", LISTS[prefix]).json["data"]
        return str(next(one["id"] for one in newest if not one.get("dry_run")))


@pytest.mark.slow
def test_every_command_of_the_page_runs(server: Server, tmp_path: Path) -> None:
    reader = Reader(server, tmp_path)
    for words in commands():
        result = reader.run(words)
        refused = "--strict" in words  # the file has a row that is refused
        assert result.exit_code == refused, (words, result.stdout, result.stderr)
    assert "ann@example.com" in (tmp_path / "active.csv").read_text()
    assert "broken" in (tmp_path / "refused.csv").read_text()


def test_page_names_every_command() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for names in command_names(cli):
        assert re.search(rf"\b{' '.join(names)}\b", text), names


def test_examples_of_the_page_are_commands() -> None:
    for words in commands():
        command: click.Command = cli
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
