"""`workspaces update`: what a workspace says of itself, and the zone of its days."""

import subprocess

import pytest
from conftest import Server

from cli.processes import assert_one_line, run


def update(server: Server, *arguments: object) -> subprocess.CompletedProcess[str]:
    directory = server.settings.data_dir
    return run("workspaces", "update", *arguments, "--data-dir", directory, cwd=directory.parent)


def test_what_is_given_changes_and_the_rest_stays(server: Server) -> None:
    before = server.sdk().workspace.get()["data"]
    outcome = update(server, "default", "--name", " Our   shop ", "--city", "Berlin", "--country", "Germany")
    assert (outcome.returncode, outcome.stdout) == (0, f"updated {before['id']}\n")
    after = server.sdk().workspace.get()["data"]
    assert after == {
        **before,
        "name": "Our shop",
        "city": "Berlin",
        "country": "Germany",
        "updated_at": after["updated_at"],
    }
    assert after["updated_at"] > before["updated_at"]


def test_an_empty_text_takes_a_particular_away(server: Server) -> None:
    update(server, "Default", "--city", "Berlin", "--state", "BE")
    update(server, "Default", "--city", "")
    after = server.sdk().workspace.get()["data"]
    assert (after["city"], after["state"]) == (None, "BE")


def test_the_time_zone_counts_from_the_next_request_on(server: Server) -> None:
    assert update(server, "Default", "--time-zone", "Pacific/Auckland").returncode == 0
    created = server.call("POST", "/v1/subscribers", {"email": "a@example.com", "subscribed_on": "2026-04-11"})
    assert created.json["data"]["subscribed_at"] == "2026-04-10T12:00:00.000Z"


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
def test_what_cannot_be_is_one_line(server: Server, arguments: tuple[str, ...], message: str) -> None:
    assert_one_line(update(server, *arguments), message)


def test_a_name_that_another_workspace_has_is_refused(server: Server) -> None:
    server.new_key(workspace="Second shop")
    assert_one_line(update(server, "Default", "--name", "second shop"), "there is a workspace Second shop already")
    assert update(server, "Default", "--name", "DEFAULT").returncode == 0
