"""The command `audit`, on the data directory of a running service."""

import json
from pathlib import Path
from typing import Any

import pytest
import time_machine
from conftest import Server

from cli.command_line import assert_fails, data_rows, run
from mailrith_lite import clock


def audit(data_dir: Path, *options: object) -> list[dict[str, Any]]:
    """The entries, the newest first."""
    result = run("audit", "--json", *options, "--data-dir", data_dir, cwd=data_dir.parent)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def keys(data_dir: Path, *arguments: object) -> list[list[str]]:
    return data_rows(run("keys", *arguments, "--data-dir", data_dir, cwd=data_dir.parent))


@pytest.mark.slow
def test_keys_of_the_command_line_are_in_the_audit(server: Server, data_dir: Path) -> None:
    keys(data_dir, "create", "--name", "Nightly")
    old = keys(data_dir, "list")[-1][0]
    keys(data_dir, "rotate", old)
    new = keys(data_dir, "list")[-1][0]
    for _ in range(2):  # the second time there is nothing to revoke
        run("keys", "revoke", new, "--yes", "--data-dir", data_dir, cwd=data_dir.parent)
    entries = audit(data_dir, "--action", "key")
    assert [(entry["action"], entry["object"]) for entry in entries[:3]] == [
        ("key.revoked", new),
        ("key.rotated", old),
        ("key.created", old),
    ]
    assert entries[1]["details"] == {"new_key": new}
    assert {(entry["via"], entry["key"], entry["workspace_name"]) for entry in entries[:3]} == {
        ("command", None, "Default")
    }


def test_workspaces_of_the_command_line_are_in_the_audit(server: Server, data_dir: Path) -> None:
    run("workspaces", "create", "Second", "--data-dir", data_dir, cwd=data_dir.parent)
    run("workspaces", "update", "Second", "--city", "Berlin", "--data-dir", data_dir, cwd=data_dir.parent)
    updated, created = audit(data_dir, "--workspace", "Second")
    assert (created["action"], created["object"]) == ("workspace.created", created["workspace"])
    assert (updated["action"], updated["details"]) == ("workspace.updated", {"changed": ["city"]})


def test_first_workspace_and_key_are_in_the_audit(server: Server, data_dir: Path) -> None:
    actions = [(entry["via"], entry["action"]) for entry in audit(data_dir)]
    assert ("service", "key.created") in actions
    assert ("service", "workspace.created") in actions


def test_table_says_who_did_what_from_where(server: Server, data_dir: Path) -> None:
    tag = server.call("POST", "/v1/tags", {"name": "Spring"}).json["data"]["id"]
    server.call("DELETE", f"/v1/tags/{tag}", headers={"x-mailrith-request-id": "r-1"})
    (row,) = data_rows(run("audit", "--action", "tag.deleted", "--data-dir", data_dir, cwd=data_dir.parent))
    assert row[1:7] == ["tag.deleted", tag, "First key (api)", "127.0.0.1", "Default", "r-1"]


def test_entries_before_the_given_time_are_left_out(server: Server, data_dir: Path) -> None:
    with time_machine.travel(clock.wall() / 1_000 + 8 * 86_400, tick=False):
        assert audit(data_dir, "--action", "key") == []
        assert len(audit(data_dir, "--action", "key", "--since", "9d")) == 1


def test_list_has_the_entries_of_every_page(
    server: Server, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailrith_lite.cli.audit._PAGE", 2)
    for number in range(5):
        keys(data_dir, "create", "--name", f"Key {number}")
    created = [entry["object"] for entry in audit(data_dir, "--action", "key.created")]
    assert created == [row[0] for row in reversed(keys(data_dir, "list"))]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--action", "keys"), "there is no action keys; actions are key.created"),
        (("--since", "yesterday"), "--since takes a duration"),
        (("--workspace", "Nobody"), "there is no workspace Nobody"),
    ],
)
def test_wrong_option_is_refused(server: Server, data_dir: Path, options: tuple[str, ...], message: str) -> None:
    assert_fails(run("audit", *options, "--data-dir", data_dir, cwd=data_dir.parent), message)
