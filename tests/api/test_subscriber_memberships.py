"""Tags and sequences of one subscriber, and the counts that follow every change."""

from collections.abc import Callable
from typing import Any

import pytest
from api_records import LONG_AGO, backdate, data_of, details, execute, read, sequence, subscriber, tag
from conftest import MAPPINGS, Reply, Server
from wire import envelope

from mailrith_lite.audience import blocks

KINDS = pytest.mark.parametrize(("kind", "make"), [("tags", tag), ("sequences", sequence)], ids=["tag", "sequence"])


def put(server: Server, one: Any, kind: str, other: Any) -> Reply:
    return server.call("PUT", f"{one['self']}/{kind}/{other['id']}")


def take(server: Server, one: Any, kind: str, other: Any) -> Reply:
    return server.call("DELETE", f"{one['self']}/{kind}/{other['id']}")


def held(one: Any, kind: str) -> list[str]:
    return one["sequence_ids"] if kind == "sequences" else [tag["id"] for tag in one["tags"]]


def size(server: Server, other: Any) -> int:
    """The count of the item, which the list has too."""
    listed = server.call("GET", f"{other['self'].rpartition('/')[0]}?limit=100").json["data"]
    (summary,) = (item for item in listed if item["id"] == other["id"])
    found = read(server, other)["subscriber_count"]
    assert summary["subscriber_count"] == found
    return int(found)


def miscounts(server: Server) -> Any:
    """What the kept counts have wrong, against the rows themselves."""

    async def look() -> Any:
        async with server.services.database.read() as connection:
            return await blocks.select_miscounts(connection)

    return server.wait(look())


@KINDS
def test_an_addition_answers_with_the_subscriber_who_has_it(
    server: Server, kind: str, make: Callable[..., Any]
) -> None:
    one, other = subscriber(server, name="Ada"), make(server, "Spring")
    reply = put(server, one, kind, other)
    assert reply.status == 200
    assert held(reply.json["data"], kind) == [other["id"]]
    assert reply.json["data"] == read(server, one)
    assert (reply.json["data"]["name"], reply.json["data"]["status"]) == ("Ada", "Unconfirmed")
    assert size(server, other) == 1


@KINDS
def test_a_second_addition_changes_nothing(server: Server, kind: str, make: Callable[..., Any]) -> None:
    one, other = subscriber(server), make(server, "Spring")
    put(server, one, kind, other)
    backdate(server)
    reply = put(server, one, kind, other)
    assert (reply.status, reply.json["data"]["updated_at"]) == (200, LONG_AGO)
    assert held(reply.json["data"], kind) == [other["id"]]
    assert size(server, other) == 1


@KINDS
def test_a_removal_takes_one_and_leaves_the_others(server: Server, kind: str, make: Callable[..., Any]) -> None:
    one, first, second = subscriber(server), make(server, "First"), make(server, "Second")
    put(server, one, kind, first)
    put(server, one, kind, second)
    backdate(server)
    reply = take(server, one, kind, first)
    assert (reply.status, held(reply.json["data"], kind)) == (200, [second["id"]])
    assert reply.json["data"]["updated_at"] > LONG_AGO
    assert (size(server, first), size(server, second)) == (0, 1)


@KINDS
def test_a_removal_of_what_is_not_there_changes_nothing(
    server: Server, kind: str, make: Callable[..., Any]
) -> None:
    one, other = subscriber(server), make(server, "Spring")
    backdate(server)
    for _ in range(2):
        reply = take(server, one, kind, other)
        assert (reply.status, reply.json["data"]["updated_at"]) == (200, LONG_AGO)
    assert size(server, other) == 0


@KINDS
def test_who_was_taken_out_can_be_put_back(server: Server, kind: str, make: Callable[..., Any]) -> None:
    one, other = subscriber(server), make(server, "Spring")
    for _ in range(3):
        assert held(data_of(put(server, one, kind, other)), kind) == [other["id"]]
        assert size(server, other) == 1
        assert held(data_of(take(server, one, kind, other)), kind) == []
        assert size(server, other) == 0
    assert miscounts(server) == []


def test_that_somebody_was_in_a_sequence_stays_on_record(server: Server) -> None:
    one, never = subscriber(server, "ada@example.com"), subscriber(server, "bob@example.com")
    welcome = sequence(server)
    put(server, one, "sequences", welcome)
    take(server, one, "sequences", welcome)

    def found(operator: str) -> list[str]:
        query = f"sequence_id={welcome['id']}&sequence_operator={operator}"
        return [item["id"] for item in server.call("GET", f"/v1/subscribers?{query}").json["data"]]

    assert found("is_active_in_any_of") == []
    assert found("has_ever_been_in_any_of") == [one["id"]]
    assert found("has_never_been_in_any_of") == [never["id"]]


def test_who_has_completed_a_sequence_does_not_begin_again(server: Server) -> None:
    one, welcome = subscriber(server), sequence(server)
    put(server, one, "sequences", welcome)
    execute(server, "UPDATE subscriber_sequences SET status = 'completed'")
    backdate(server)
    for reply in (put(server, one, "sequences", welcome), take(server, one, "sequences", welcome)):
        assert (reply.status, reply.json["data"]["updated_at"]) == (200, LONG_AGO)
        assert reply.json["data"]["sequence_ids"] == []
    assert server.rows("SELECT status FROM subscriber_sequences") == [("completed",)]
    assert size(server, welcome) == 0
    assert miscounts(server) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("kind", ["tags", "sequences"])
@pytest.mark.parametrize("public_id", ["{kind}_x", "nothing", "{foreign}", "{subscriber}"])
def test_what_is_not_of_this_workspace_is_not_found(server: Server, method: str, kind: str, public_id: str) -> None:
    one, resource = subscriber(server), kind.removesuffix("s")
    other = server.new_key(workspace="Other")
    body = {"name": "x"} if kind == "tags" else {"name": "x", "definition": {"emails": []}}
    foreign = server.call("POST", f"/v1/{kind}", body, key=other).json["data"]["id"]
    asked = public_id.format(kind=resource, foreign=foreign, subscriber=one["id"])
    reply = server.call(method, f"{one['self']}/{kind}/{asked}")
    assert envelope(reply) == (404, "not_found", f"{resource}_not_found")
    assert reply.error["details"]["resource"] == {"type": resource, "id": asked}
    assert server.rows("SELECT * FROM subscriber_tags UNION ALL SELECT 1, 2 FROM subscriber_sequences") == []


def test_new_tags_are_made_once_and_reused_in_any_case(server: Server) -> None:
    spring = tag(server, "Spring", description="Fair")
    one = subscriber(server, new_tags=["SPRING", " Autumn ", "autumn", "Straße", "STRASSE"])
    assert {tag["name"] for tag in one["tags"]} == {"Spring", "Autumn", "Straße"}
    assert read(server, spring) == {**spring, "subscriber_count": 1}
    two = subscriber(server, "bob@example.com", new_tags=["Autumn"])
    assert [item for item in one["tags"] if item["name"] == "Autumn"] == two["tags"]
    assert server.rows("SELECT count(*) FROM tags") == [(3,)]


def test_new_tags_are_added_to_those_that_somebody_has(server: Server) -> None:
    subscriber(server, new_tags=["One"])
    assert {tag["name"] for tag in subscriber(server, new_tags=["Two"])["tags"]} == {"One", "Two"}
    assert {tag["name"] for tag in subscriber(server, new_tags=[])["tags"]} == {"One", "Two"}


def test_a_hundred_new_tags_are_taken(server: Server) -> None:
    assert len(subscriber(server, new_tags=[f"t{number}" for number in range(100)])["tags"]) == 100


def test_a_refused_request_leaves_no_tag_behind(server: Server) -> None:
    body = {"email": "ada@example.com", "new_tags": ["Spring", "x" * 101]}
    reply = server.call("POST", "/v1/subscribers", body)
    assert details(reply) == (400, "invalid_body", "new_tags[1]", None)
    assert server.rows("SELECT name FROM tags UNION ALL SELECT email FROM subscribers") == []


def test_counts_are_right_after_every_kind_of_change(server: Server) -> None:
    spring, welcome = tag(server, "Spring"), sequence(server)
    expected = 0

    def check(change: int) -> None:
        nonlocal expected
        expected += change
        assert (size(server, spring), size(server, welcome)) == (expected, expected)
        assert miscounts(server) == []

    check(0)
    ada = subscriber(server, "ada@example.com", new_tags=["spring"])
    put(server, ada, "sequences", welcome)
    check(1)
    rows = "Email,Name\n" + "".join(f"p{number}@example.com,P\n" for number in range(600)) + "ada@example.com,Ada\n"
    for change in (600, 0):  # the second time the rows alter nothing
        server.import_csv(rows, existing_tag_ids=[spring["id"]], sequence_ids=[welcome["id"]])
        check(change)
    server.call("DELETE", ada["self"])
    check(-1)
    one = data_of(server.call("GET", "/v1/subscribers?email=p7@example.com"))[0]
    take(server, one, "tags", spring)
    take(server, one, "sequences", welcome)
    check(-1)
    put(server, one, "tags", spring)
    put(server, one, "sequences", welcome)
    check(1)
    server.call("PUT", f"{one['self']}/status", {"status": "Blocked"})
    server.call("PATCH", one["self"], {"email": "other@example.com"})
    check(0)
    other = tag(server, "Other")
    server.import_csv("Email,Name\nz@example.com,Z\n", MAPPINGS, existing_tag_ids=[other["id"]])
    check(0)
    server.call("DELETE", other["self"])
    check(0)
    for resource in (spring, welcome):
        assert server.call("DELETE", resource["self"]).status == 204
    assert miscounts(server) == []


@KINDS
def test_what_is_deleted_is_taken_off_everybody(server: Server, kind: str, make: Callable[..., Any]) -> None:
    one, gone, kept = subscriber(server), make(server, "Gone"), make(server, "Kept")
    put(server, one, kind, gone)
    put(server, one, kind, kept)
    assert server.call("DELETE", gone["self"]).status == 204
    assert held(read(server, one), kind) == [kept["id"]]
    assert details(put(server, one, kind, gone))[0] == 404
    again = make(server, "Gone")
    assert again["id"] != gone["id"]
    assert size(server, again) == 0
