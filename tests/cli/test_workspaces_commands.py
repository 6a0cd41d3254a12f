"""The commands `workspaces …`, on the data directory of a running service."""

import re
from pathlib import Path

import pytest
from conftest import KEY, Server

from cli.command_line import Result, assert_fails, data_rows, run


def workspaces(data_dir: Path, *arguments: object) -> Result:
    return run("workspaces", *arguments, "--data-dir", data_dir, cwd=data_dir.parent)


def keys(data_dir: Path, *arguments: object) -> Result:
    return run("keys", *arguments, "--data-dir", data_dir, cwd=data_dir.parent)


def test_created_workspace_is_listed_and_has_no_data_of_another(server: Server, data_dir: Path) -> None:
    workspace_id = workspaces(data_dir, "create", " Second  shop ").stdout.strip()
    assert re.fullmatch(r"workspace_\w{13}", workspace_id)
    listed = data_rows(workspaces(data_dir, "list"))
    assert [row[1] for row in listed] == ["Default", "Second shop"]
    assert listed[1][0] == workspace_id

    by_name, by_id = (
        keys(data_dir, "create", "--name", "x", "--workspace", name).stdout.strip()
        for name in ("Second shop", workspace_id)
    )
    server.call("POST", "/v1/tags", {"name": "Ours"}, key=by_name)
    tags = [server.call("GET", "/v1/tags", key=key).json["data"] for key in (by_name, by_id, KEY)]
    assert [len(names) for names in tags] == [1, 1, 0]
    assert [row[2] for row in data_rows(keys(data_dir, "list", "--workspace", workspace_id))] == ["Second shop"] * 2


def test_key_without_a_workspace_option_is_refused_when_there_are_several(server: Server, data_dir: Path) -> None:
    server.new_key(workspace="Second shop")
    assert_fails(
        keys(data_dir, "create", "--name", "x"),
        "there are several workspaces (Default, Second shop); name one with --workspace",
    )


def test_workspace_names_are_unique_ignoring_case(server: Server, data_dir: Path) -> None:
    server.new_key(workspace="Second shop")
    taken = "there is a workspace Second shop already"
    assert_fails(workspaces(data_dir, "create", "Second shop"), taken)
    assert_fails(workspaces(data_dir, "update", "Default", "--name", "second shop"), taken)
    assert workspaces(data_dir, "update", "Default", "--name", "DEFAULT").exit_code == 0


def test_update_changes_the_values_of_its_options_alone(server: Server, data_dir: Path) -> None:
    before = server.sdk().workspace.get()["data"]
    options = ("--name", " Our   shop ", "--city", "Berlin", "--country", "Germany")
    result = workspaces(data_dir, "update", "default", *options)
    assert (result.exit_code, result.stdout) == (0, f"updated {before['id']}\n")
    after = server.sdk().workspace.get()["data"]
    assert after == {
        **before,
        "name": "Our shop",
        "city": "Berlin",
        "country": "Germany",
        "updated_at": after["updated_at"],
    }
    assert after["updated_at"] > before["updated_at"]


def test_update_with_an_empty_text_removes_a_value(server: Server, data_dir: Path) -> None:
    workspaces(data_dir, "update", "Default", "--city", "Berlin", "--state", "BE")
    workspaces(data_dir, "update", "Default", "--city", "")
    after = server.sdk().workspace.get()["data"]
    assert (after["city"], after["state"]) == (None, "BE")


def test_time_zone_applies_from_the_next_request_on(server: Server, data_dir: Path) -> None:
    assert workspaces(data_dir, "update", "Default", "--time-zone", "Pacific/Auckland").exit_code == 0
    created = server.call("POST", "/v1/subscribers", {"email": "a@example.com", "subscribed_on": "2025-04-11"})
    assert created.json["data"]["subscribed_at"] == "2025-04-10T12:00:00.000Z"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("Nobody", "--city", "Berlin"),
            "there is no workspace Nobody; `mailrith-lite workspaces list` shows them",
        ),
        (("Default",), "give at least one option; --help lists them"),
        (("Default", "--name", " "), "a name takes 1 to 100 characters"),
        (("Default", "--time-zone", "Mars"), "Mars is not a time zone; give an IANA name such as Europe/Berlin"),
        (
            ("Default", "--time-zone", "../etc"),
            "../etc is not a time zone; give an IANA name such as Europe/Berlin",
        ),
        (("Default", "--city", "x" * 501), "--city takes at most 500 printable characters"),
        (("Default", "--postal-code", "1\n2"), "--postal-code takes at most 500 printable characters"),
    ],
)
def test_update_that_is_refused_is_a_one_line_error(
    data_dir: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert_fails(workspaces(data_dir, "update", *arguments), message)
