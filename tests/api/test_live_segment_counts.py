"""The counts of a segment are right immediately after every kind of change."""

from typing import Any

import pytest
import time_machine
from api_records import data_of, definition, details, execute, field, read, segment, sequence, subscriber, tag
from conftest import MAPPINGS, Server
from wire import EMAIL

PATH = "/v1/segments"
EVERYBODY = definition("form", "is_empty")


def counts(answer: Any) -> tuple[int, int]:
    """The number of subscribers, and of Active subscribers."""
    return answer["total_subscriber_count"], answer["confirmed_subscriber_count"]


def listed(server: Server) -> list[Any]:
    segments: list[Any] = server.call("GET", PATH).json["data"]
    return segments


def preview(server: Server, body: Any) -> Any:
    return data_of(server.call("POST", f"{PATH}/preview", {"definition": body}))


CHANGES: dict[str, Any] = {
    "a new subscriber": lambda s, at: subscriber(s, "new@example.com"),
    "a status": lambda s, at: data_of(s.call("PUT", f"{at['ada']['self']}/status", {"status": "Bounced"})),
    "a country": lambda s, at: data_of(s.call("PATCH", at["ada"]["self"], {"country": "DE"})),
    "a tag": lambda s, at: data_of(s.call("PUT", f"{at['ada']['self']}/tags/{at['tag']['id']}")),
    "a sequence": lambda s, at: data_of(s.call("PUT", f"{at['ada']['self']}/sequences/{at['sequence']['id']}")),
    "a value": lambda s, at: subscriber(s, custom_fields={at["field"]["id"]: "x"}),
    "a deletion": lambda s, at: s.call("DELETE", at["ada"]["self"]),
    "an import": lambda s, at: s.import_csv("Email\nnew@example.com\nada@example.com\n", MAPPINGS[:1],
                                           existing_tag_ids=[at["tag"]["id"]]),
    "a sequence that goes": lambda s, at: s.call("DELETE", at["sequence"]["self"]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("change", list(CHANGES.values()), ids=list(CHANGES))
def test_counts_are_right_immediately_after(server: Server, change: Any) -> None:
    at: dict[str, Any] = {
        "tag": tag(server, "Spring"),
        "sequence": sequence(server),
        "field": field(server, "Text"),
    }
    at["ada"] = subscriber(server, status="Active")
    conditions = [
        ("tag", "is", at["tag"]["id"], {}),
        ("sequence", "is_not_active_in_any_of", at["sequence"]["id"], {}),
        ("country", "is", "DE", {}),
        ("subscriber_status", "is", "Active", {}),
        ("custom_field", "is_not_empty", None, {"customFieldId": at["field"]["id"]}),
    ]
    saved = [
        segment(server, f"Segment {number}", definition(kind, operator, value, **more))
        for number, (kind, operator, value, more) in enumerate(conditions)
    ]
    for one in saved:  # saves their counts
        read(server, one)
    change(server, at)
    expected = {one["id"]: _counted(server, number) for number, one in enumerate(saved)}
    assert {one["id"]: counts(one) for one in listed(server)} == expected
    assert {one["id"]: counts(read(server, one)) for one in saved} == expected
    for one in saved:
        assert counts(data_of(server.call("PUT", one["self"], {"description": "new"}))) == expected[one["id"]]


def _counted(server: Server, number: int) -> tuple[int, int]:
    """The counts of each of the five segments, computed from the tables."""
    condition = [
        "id IN (SELECT subscriber_id FROM subscriber_tags)",
        "id NOT IN (SELECT subscriber_id FROM subscriber_sequences WHERE status = 'active')",
        "country = 'DE'",
        "status = 'Active'",
        "custom_fields <> '{}'",
    ][number]
    sql = f"SELECT count(*), count(*) FILTER (WHERE status = 'Active') FROM subscribers WHERE {condition}"
    ((total, active),) = server.rows(sql)
    return total, active


OTHERS: dict[str, Any] = {
    "a tag": lambda s, at: tag(s, "New"),
    "a tag's name": lambda s, at: data_of(s.call("PUT", at["tag"]["self"], {"name": "Renamed"})),
    "a custom field": lambda s, at: field(s, "New"),
    "a sequence": lambda s, at: sequence(s, "New"),
    "a sequence's status": lambda s, at: data_of(
        s.call("PUT", f"{at['sequence']['self']}/status", {"status": "running"})
    ),
    "another segment": lambda s, at: segment(s, "New", EVERYBODY),
    "a segment's name": lambda s, at: data_of(s.call("PUT", at["segment"]["self"], {"name": "Renamed"})),
    "an export": lambda s, at: s.export_csv(),
    "an import of another workspace": lambda s, at: s.import_csv("Email\na@x.com\n", MAPPINGS[:1], key=at["key"]),
    "a subscriber of another workspace": lambda s, at: data_of(
        s.call("POST", "/v1/subscribers", {"email": "a@x.com"}, key=at["key"])
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", list(OTHERS.values()), ids=list(OTHERS))
def test_changes_that_affect_no_count_keep_the_saved_counts(server: Server, change: Any) -> None:
    at = {
        "tag": tag(server, "Spring"),
        "sequence": sequence(server),
        "segment": segment(server, "Everybody", EVERYBODY),
        "key": server.new_key(workspace="Other"),
    }
    before = server.services.database.revision(1)
    change(server, at)
    assert server.services.database.revision(1) == before


def test_deleting_a_tag_updates_the_count_of_subscribers_without_tags(server: Server) -> None:
    one = tag(server, "Spring")
    data_of(server.call("PUT", f"{subscriber(server)['self']}/tags/{one['id']}"))
    untagged = segment(server, "Untagged", definition("tag", "is_empty"))
    assert counts(untagged) == (0, 0)
    assert server.call("DELETE", one["self"]).status == 204
    assert counts(read(server, untagged)) == (1, 0)


@pytest.mark.slow
def test_counts_are_right_after_every_chunk_of_an_import(server: Server) -> None:
    everybody = segment(server, "Everybody", EVERYBODY)
    rows = "".join(f"user{number}@x.com\n" for number in range(20_000))
    job = data_of(
        server.call("POST", "/v1/jobs/subscriber-imports", {"csv_text": f"Email\n{rows}", "mappings": [EMAIL]})
    )
    while True:
        before = read(server, job)
        total = counts(read(server, everybody))[0]
        assert total >= before["progress"]["created_count"]
        if before["status"] == "Completed":
            break
    assert total == 20_000


def test_a_segment_with_a_deleted_sequence_can_be_shown_and_renamed(server: Server) -> None:
    one = sequence(server)
    saved = segment(server, "Never", definition("sequence", "has_never_been_in_any_of", [one["id"]]))
    subscriber(server)
    execute(server, "DELETE FROM sequences WHERE name = ?", one["name"])  # as an older version did
    assert counts(read(server, saved)) == (1, 0)
    assert counts(data_of(server.call("PUT", saved["self"], {"name": "Renamed"}))) == (1, 0)
    refusal = details(server.call("POST", f"{PATH}/preview", {"definition": saved["definition"]}))
    assert (refusal[0], refusal[3]) == (400, "sequence_not_found")


def test_a_segment_counts_days_in_the_time_zone_of_the_workspace(server: Server) -> None:
    """At this hour it is already tomorrow in one time zone, and still yesterday in the other."""
    day = field(server, "Day", "Date")
    for number, value in enumerate(["2026-04-09", "2026-04-10", "2026-04-11", "2026-04-12"], start=1):
        for copy in range(number):
            subscriber(server, f"day{number}.{copy}@x.com", custom_fields={day["id"]: value})
    last = definition("custom_field", "in_last_days", 1, customFieldId=day["id"])
    counts_by_zone = {}
    with time_machine.travel("2026-04-11T11:00:00Z", tick=False):
        for zone in (None, "Pacific/Kiritimati", "Etc/GMT+12"):
            execute(server, "UPDATE workspaces SET time_zone = ? WHERE id = 1", zone)
            counts_by_zone[zone] = counts(preview(server, last))[0]
    assert counts_by_zone == {None: 3 + 2, "Pacific/Kiritimati": 4 + 3, "Etc/GMT+12": 2 + 1}
