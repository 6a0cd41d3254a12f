"""The commands `tags …`, `fields …` and `segments …`, against a running service."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from api_records import definition, field, segment, subscriber, tag
from conftest import Server

from cli.command_line import Result, assert_fails, client_environment, data_rows, run
from mailrith_lite import ids

Command = Callable[..., Result]


@pytest.fixture
def command(server: Server, cwd: Path) -> Command:
    return lambda *arguments: run(*arguments, env=client_environment(server), cwd=cwd)


def made_id(result: Result) -> str:
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def test_tag_is_made_listed_renamed_and_deleted_by_name_or_id(server: Server, command: Command) -> None:
    spring = made_id(command("tags", "make", "Spring fair", "--description", "In March"))
    autumn = made_id(command("tags", "make", "Autumn"))
    subscriber(server, new_tags=["Autumn"])
    assert data_rows(command("tags", "list")) == [
        [autumn, "Autumn", "1", ""],
        [spring, "Spring fair", "0", "In March"],
    ]
    assert command("tags", "rename", "SPRING FAIR", "Spring").stdout == "renamed Spring fair to Spring\n"
    assert command("tags", "rename", autumn, "Fall").stdout == "renamed Autumn to Fall\n"
    assert command("tags", "delete", "spring", "--yes").stdout == f"deleted Spring ({spring})\n"
    assert data_rows(command("tags", "list", "--search", "al")) == [[autumn, "Fall", "1", ""]]


def test_field_is_made_with_type_and_options(server: Server, command: Command) -> None:
    plan = made_id(
        command("fields", "make", "Plan", "--type", "single select", "--option", "Free", "--option", "Team")
    )
    text = made_id(command("fields", "make", "Company"))
    assert data_rows(command("fields", "list")) == [
        [text, "Company", "Text", ""],
        [plan, "Plan", "Single Select", "Free, Team"],
    ]
    assert command("fields", "rename", "company", "Employer").exit_code == 0
    assert command("fields", "delete", "Employer", "--yes").exit_code == 0
    assert [row[1] for row in data_rows(command("fields", "list"))] == ["Plan"]


def test_segment_is_made_of_options(server: Server, command: Command) -> None:
    subscriber(server, "ann@example.com", status="Active", country="DE", new_tags=["Spring"])
    subscriber(server, "bob@example.com", status="Active", country="AT", new_tags=["Spring"])
    subscriber(server, "cay@example.com", status="Bounced", country="DE", new_tags=["Spring"])
    subscriber(server, "dan@example.com", status="Active", country="DE")
    options = ("--country", "DE", "--country", "AT", "--status", "active", "--tag", "spring")
    public_id = made_id(command("segments", "make", "Readers", *options))
    assert data_rows(command("segments", "list")) == [[public_id, "Readers", "2", "2"]]
    assert command("segments", "rename", "readers", "Fans").stdout == "renamed Readers to Fans\n"
    assert command("segments", "delete", public_id, "--yes").exit_code == 0
    assert data_rows(command("segments", "list")) == []


def test_segment_is_made_of_a_definition_in_a_file(server: Server, cwd: Path, command: Command) -> None:
    subscriber(server, status="Active")
    (cwd / "fans.json").write_text(json.dumps(definition("subscriber_status", "is", "Active")))
    made = json.loads(command("segments", "make", "Fans", "--definition", "fans.json", "--json").stdout)
    assert (made["name"], made["total_subscriber_count"]) == ("Fans", 1)


def test_json_of_lists_is_what_the_api_answers(server: Server, command: Command) -> None:
    for path, group in (("/v1/tags", "tags"), ("/v1/custom-fields", "fields"), ("/v1/segments", "segments")):
        tag(server, group)
        field(server, group)
        segment(server, group, definition("subscriber_status", "is", "Active"))
        listed = [json.loads(line) for line in command(group, "list", "--json").stdout.splitlines()]
        assert listed == server.call("GET", path).json["data"]


@pytest.mark.slow
def test_list_and_names_are_searched_beyond_the_first_page(server: Server, command: Command) -> None:
    first = tag(server, "Tag")
    for number in range(120):
        tag(server, f"Tag {number}")
    assert len(data_rows(command("tags", "list"))) == 121
    assert command("tags", "rename", "tag", "First").exit_code == 0
    assert server.call("GET", first["self"]).json["data"]["name"] == "First"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tags", "rename", "Nobody", "Somebody"), "there is no tag Nobody; `mailrith-lite tags list` shows them"),
        (("tags", "delete", " ", "--yes"), "there is no tag"),
        (("tags", "delete", ids.encode(ids.TAG, 1_000), "--yes"), "(tag_not_found, request "),
        (("tags", "delete", "Saved"), "nothing was changed; say --yes"),
        (("tags", "make", "saved"), "(tag_name_conflict, "),
        (("fields", "make", "Plan", "--type", "Colour"), "'Colour' is not one of"),
        (("segments", "make", "All"), "say who is in the segment"),
        (("segments", "make", "All", "--definition", "none.json"), "cannot read none.json: No such file"),
        (("segments", "make", "All", "--status", "asleep"), '--status: "asleep" is not a status'),
        (("segments", "make", "All", "--tag", "Nobody"), "there is no tag Nobody"),
    ],
)
def test_refused_command_changes_nothing(
    server: Server, command: Command, arguments: tuple[str, ...], message: str
) -> None:
    saved = tag(server, "Saved")
    assert_fails(command(*arguments), message)
    assert [one["id"] for one in server.call("GET", "/v1/tags").json["data"]] == [saved["id"]]
    assert server.call("GET", "/v1/segments").json["data"] == []


def test_json_of_a_deletion_needs_yes(server: Server, command: Command) -> None:
    one = tag(server, "Saved")
    refused: Any = json.loads(command("tags", "delete", "Saved", "--json").stderr)
    assert "say --yes" in refused["error"]["message"]
    deleted = json.loads(command("tags", "delete", "Saved", "--json", "--yes").stdout)
    assert deleted == {"id": one["id"], "deleted": True}
