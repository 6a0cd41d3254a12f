"""The commands `subscribers …`, against a running service."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api_records import definition, field, segment, sequence, subscriber, tag
from conftest import MAPPINGS, Server

from cli.command_line import Result, assert_fails, client_environment, data_rows, run, run_on_terminal
from cli.command_line import subscribers as saved
from mailrith_lite import ids

Command = Callable[..., Result]
NOBODY = ids.encode(ids.SUBSCRIBER, 1_000)


@pytest.fixture
def command(server: Server, cwd: Path) -> Command:
    return lambda *arguments: run("subscribers", *arguments, env=client_environment(server), cwd=cwd)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["dan", "cay", "bob", "ann"]),
        (("--search", "BOB"), ["bob"]),
        (("--status", "active"), ["cay", "ann"]),
        (("--tag", "spring"), ["bob", "ann"]),
        (("--tag", "Spring", "--status", "Active"), ["ann"]),
        (("--tag", "Autumn", "--tag", "spring"), ["cay", "bob", "ann"]),
        (("--sequence", "welcome"), ["ann"]),
        (("--cold-only",), []),
        (("--limit", "2"), ["dan", "cay"]),
    ],
)
def test_list_has_the_subscribers_who_match_every_option(
    server: Server, command: Command, options: tuple[str, ...], expected: list[str]
) -> None:
    welcome = sequence(server, "Welcome")["id"]
    subscriber(server, "ann@example.com", status="Active", new_tags=["Spring"], sequence_ids=[welcome])
    subscriber(server, "bob@example.com", status="Bounced", new_tags=["Spring"])
    subscriber(server, "cay@example.com", status="Active", new_tags=["Autumn"])
    subscriber(server, "dan@example.com")
    rows = data_rows(command("list", *options))
    assert [row[1].partition("@")[0] for row in rows] == expected


CHANGES = [
    (("--add-tag", "Spring", "--status", "Active"), (1, 1, 0)),
    (("--take-tag", "spring", "--all"), (2, 2, 0)),
    (("--add-to-sequence", "Welcome", "--tag", "Spring"), (1, 1, 0)),
    (("--take-from-sequence", "welcome", "--sequence", "Welcome"), (1, 0, 0)),
    (("--unsubscribe", "--without-tag", "Spring"), (2, 0, 0)),
    (("--unsubscribe", "--segment", "Germans"), (1, 0, 0)),
    (("--erase", "--country", "germany"), (1, 0, 0)),
]


@pytest.mark.parametrize(("options", "expected"), CHANGES)
def test_change_reports_how_many_of_those_who_match_have_changed(
    server: Server, command: Command, options: tuple[str, ...], expected: tuple[int, int, int]
) -> None:
    welcome = sequence(server, "Welcome")["id"]
    segment(server, "Germans", definition("country", "is", ["DE"]))
    subscriber(server, "ann@example.com", status="Active", new_tags=["Spring"], sequence_ids=[welcome])
    subscriber(server, "bob@example.com", status="Bounced", new_tags=["Spring"])
    subscriber(server, "cay@example.com", status="Active", country="DE")
    subscriber(server, "dan@example.com")
    result = command("change", *options, "--yes", "--json")
    progress = json.loads(result.stdout)["progress"]
    assert tuple(progress[f"{name}_count"] for name in ("changed", "unchanged", "skipped")) == expected


def test_change_of_listed_people_says_where_the_report_is_and_can_be_undone(
    server: Server, command: Command, cwd: Path
) -> None:
    person = subscriber(server, "ann@example.com", status="Active")
    result = command("change", "--unsubscribe", "--id", person["id"], "--id", NOBODY, "--yes")
    assert "1 changed, 0 unchanged, 1 skipped" in result.stdout
    assert "/downloads/" in result.stdout
    job_id = result.stdout.split(":")[0]
    env = client_environment(server)
    assert "not_found" in run("jobs", "report", job_id, "-o", "-", env=env, cwd=cwd).stdout
    assert "1 changed" in run("jobs", "undo", job_id, "--yes", env=env, cwd=cwd).stdout
    assert saved(server)["ann@example.com"]["status"] == "Active"
    assert "1 changed, 0 unchanged, 1 skipped" in run("jobs", "list", env=env, cwd=cwd).stdout


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--all",), "give exactly one of"),
        (("--unsubscribe", "--erase", "--all"), "give exactly one of"),
        (("--unsubscribe",), "say who, or give --all"),
        (("--unsubscribe", "--all", "--country", "DE"), "leave out --all"),
        (("--unsubscribe", "--tag", "a", "--without-tag", "b"), "do not go together"),
        (("--unsubscribe", "--id", NOBODY, "--country", "DE"), "--id goes with no other option"),
    ],
)
def test_change_refuses_options_that_contradict_each_other(
    command: Command, options: tuple[str, ...], problem: str
) -> None:
    assert_fails(command("change", *options, "--yes"), problem)


def test_change_does_nothing_without_an_answer(server: Server, command: Command) -> None:
    subscriber(server, "ann@example.com", status="Active")
    assert_fails(command("change", "--erase", "--all"), "say --yes")
    assert list(saved(server)) == ["ann@example.com"]


def test_list_names_the_people_of_an_import(server: Server, command: Command) -> None:
    subscriber(server, "ann@example.com")
    job = server.import_csv("Email,Name\nbob@example.com,Bob\n", MAPPINGS)
    assert [row[1] for row in data_rows(command("list", "--import", job["id"]))] == ["bob@example.com"]


def test_list_fits_a_terminal_of_80_columns(server: Server, cwd: Path) -> None:
    subscriber(server, "ann.of.green.gables@example.com", name="Ann", country="CA", new_tags=["Spring fair", "VIP"])
    env = {**client_environment(server), "TERM": "dumb", "COLUMNS": "80", "LINES": "24"}
    header, *rows = run_on_terminal("subscribers", "list", env=env, cwd=cwd).splitlines()
    assert header.split() == ["email", "name", "status", "country", "tags", "subscribed"]
    assert rows[0].startswith("ann.of.green.gables@example.com")


def test_list_says_that_there_are_more(server: Server, command: Command) -> None:
    for number in range(3):
        subscriber(server, f"user{number}@example.com")
    assert "There are more: --limit 20" in command("list", "--limit", "2").stderr
    assert command("list", "--limit", "3").stderr == ""


def test_show_prints_every_field_of_an_address_or_an_id(server: Server, command: Command) -> None:
    field(server, "Company")
    one = subscriber(
        server, name="Ada", status="Active", country="GB", new_tags=["Spring"], custom_fields={"Company": "Acme"}
    )
    for name in ("ADA@example.com", one["id"]):
        fields = dict(line.split(maxsplit=1) for line in command("show", name).stdout.splitlines())
        assert fields["id"] == one["id"]
        assert (fields["name"], fields["status"], fields["country"]) == ("Ada", "Active", "GB")
        assert (fields["tags"], fields["Company"]) == ("Spring", "Acme")
    assert json.loads(command("show", one["id"], "--json").stdout) == one


def test_set_creates_an_unconfirmed_subscriber(server: Server, command: Command) -> None:
    result = command("set", "ann@example.com")
    one = saved(server)["ann@example.com"]
    assert result.stdout == f"saved ann@example.com ({one['id']}, Unconfirmed)\n"


def test_set_changes_what_its_options_name(server: Server, command: Command) -> None:
    field(server, "Company")
    field(server, "Seats", "Number")
    vip = tag(server, "VIP")["id"]
    tag(server, "Trial")
    welcome = sequence(server, "Welcome")["id"]
    one = subscriber(server, name="Ada", country="GB", new_tags=["Trial"])
    changes: tuple[Any, ...] = (
        *("--status", "active", "--country", "", "--subscribed-on", "2025-04-11"),
        *("--tag", "Spring", "--tag", vip, "--remove-tag", "trial", "--sequence", "welcome"),
        *("--field", "company=Acme=1", "--field", "Seats=7"),
    )
    assert command("set", "ada@example.com", *changes).exit_code == 0
    now = saved(server)["ada@example.com"]
    assert (now["name"], now["status"], now["country"]) == ("Ada", "Active", None)
    assert now["subscribed_at"].startswith("2025-04-11")
    assert {each["name"] for each in now["tags"]} == {"Spring", "VIP"}
    assert now["sequence_ids"] == [welcome]
    assert sorted(map(str, now["custom_fields"].values())) == ["7", "Acme=1"]
    assert command("set", one["id"], "--email", "king@example.com", "--name", "King").exit_code == 0
    assert saved(server)["king@example.com"]["name"] == "King"
    assert command("set", one["id"], "--remove-tag", "VIP").exit_code == 0
    assert [each["name"] for each in saved(server)["king@example.com"]["tags"]] == ["Spring"]


def test_set_sends_evidence_of_consent(serve: Callable[..., Server], cwd: Path) -> None:
    server = serve(require_consent_evidence=True)
    command = ("subscribers", "set", "ann@example.com", "--status", "Active")
    assert_fails(run(*command, env=client_environment(server), cwd=cwd), "consent_evidence")
    evidence = ("--evidence", "form 12, row 3", "--collected-at", "2026-04-11T09:00:00Z")
    assert run(*command, *evidence, env=client_environment(server), cwd=cwd).exit_code == 0
    ((sent,),) = server.rows("SELECT evidence FROM consent_evidence")
    assert json.loads(sent)["evidence_reference"] == "form 12, row 3"


@pytest.mark.parametrize("status", ["Unsubscribed", "Complained", "Bounced", "Blocked"])
def test_set_asks_before_somebody_who_has_left_becomes_active(
    server: Server, command: Command, status: str
) -> None:
    subscriber(server, status=status)
    for wish in ("Active", "Unconfirmed"):
        assert_fails(command("set", "ada@example.com", "--status", wish), "nothing was changed; say --yes")
        assert saved(server)["ada@example.com"]["status"] == status
    assert command("set", "ada@example.com", "--status", "Active", "--yes").exit_code == 0
    assert saved(server)["ada@example.com"]["status"] == "Active"


def test_erase_asks_and_deletes(server: Server, cwd: Path, command: Command) -> None:
    subscriber(server)
    one = subscriber(server, "bob@example.com")
    assert_fails(command("erase", "ada@example.com"), "nothing was changed; say --yes")
    env = client_environment(server)
    screen = run_on_terminal("subscribers", "erase", "ada@example.com", keys="y\n", env=env, cwd=cwd)
    assert "Erase ada@example.com?" in screen
    assert command("erase", one["id"], "--yes").stdout == f"erased bob@example.com ({one['id']})\n"
    assert saved(server) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show", "eve@example.com"), "there is no subscriber eve@example.com; `mailrith-lite subscribers list`"),
        (("show", NOBODY), "(subscriber_not_found, request "),
        (("erase", "eve@example.com", "--yes"), "there is no subscriber eve@example.com"),
        (("set", "broken"), "is not an email address (invalid_request, email, "),
        (("set", "eve@example.com", "--email", "x@example.com"), "--email needs the id of the subscriber"),
        (("set", "eve@example.com", "--field", "Company"), "--field takes LABEL=VALUE, not Company"),
        (("set", "eve@example.com", "--field", "Company=Acme"), "custom_fields"),
        (("set", "eve@example.com", "--status", "asleep"), '--status: "asleep" is not a status'),
        (("set", "eve@example.com", "--remove-tag", "Nobody"), "there is no tag Nobody"),
        (("set", "eve@example.com", "--sequence", "Nobody"), "there is no sequence Nobody"),
        (("set", NOBODY), "give at least one option"),
        (("list", "--tag", "Nobody"), "there is no tag Nobody"),
    ],
)
def test_refused_command_changes_nobody(
    server: Server, command: Command, arguments: tuple[str, ...], message: str
) -> None:
    assert_fails(command(*arguments), message)
    assert saved(server) == {}
