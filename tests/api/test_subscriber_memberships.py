"""Tags and sequences of one subscriber, and the counts after every change."""

from collections.abc import Callable
from typing import Any

import pytest
from api_records import LONG_AGO, backdate, data_of, details, execute, read, sequence, subscriber, tag
from conftest import MAPPINGS, Reply, Server
from wire import envelope

from mailrith_lite.api import example
from mailrith_lite.audience import blocks

KINDS = pytest.mark.parametrize(("kind", "make"), [("tags", tag), ("sequences", sequence)], ids=["tag", "sequence"])


def put(server: Server, one: Any, kind: str, other: Any) -> Reply:
    return server.call("PUT", f"{one['self']}/{kind}/{other['id']}")


def take(server: Server, one: Any, kind: str, other: Any) -> Reply:
    return server.call("DELETE", f"{one['self']}/{kind}/{other['id']}")


def ids_of(one: Any, kind: str) -> list[str]:
    return one["sequence_ids"] if kind == "sequences" else [tag["id"] for tag in one["tags"]]


def size(server: Server, other: Any) -> int:
    """The count of the item, which is the same in the list."""
    listed = server.call("GET", f"{other['self'].rpartition('/')[0]}?limit=100").json["data"]
    (summary,) = (item for item in listed if item["id"] == other["id"])
    count = read(server, other)["subscriber_count"]
    assert summary["subscriber_count"] == count
    return int(count)


def miscounts(server: Server) -> Any:
    """The saved counts that differ from the rows."""

    async def look() -> Any:
        async with server.services.database.read() as connection:
            return await blocks.select_miscounts(connection)

    return server.wait(look())


@KINDS
def test_adding_a_membership_returns_the_subscriber_with_it(
    server: Server, kind: str, make: Callable[..., Any]
) -> None:
    one, other = subscriber(server, name="Ada"), make(server, "Spring")
    reply = put(server, one, kind, other)
    assert reply.status == 200
    assert ids_of(reply.json["data"], kind) == [other["id"]]
    assert reply.json["data"] == read(server, one)
    assert (reply.json["data"]["name"], reply.json["data"]["status"]) == ("Ada", "Unconfirmed")
    assert size(server, other) == 1


@KINDS
def test_adding_a_membership_twice_changes_nothing(server: Server, kind: str, make: Callable[..., Any]) -> None:
    one, other = subscriber(server), make(server, "Spring")
    put(server, one, kind, other)
    backdate(server)
    reply = put(server, one, kind, other)
    assert (reply.status, reply.json["data"]["updated_at"]) == (200, LONG_AGO)
    assert ids_of(reply.json["data"], kind) == [other["id"]]
    assert size(server, other) == 1


@KINDS
def test_removing_a_membership_keeps_the_others(server: Server, kind: str, make: Callable[..., Any]) -> None:
    one, first, second = subscriber(server), make(server, "First"), make(server, "Second")
    put(server, one, kind, first)
    put(server, one, kind, second)
    backdate(server)
    reply = take(server, one, kind, first)
    assert (reply.status, ids_of(reply.json["data"], kind)) == (200, [second["id"]])
    assert reply.json["data"]["updated_at"] > LONG_AGO
    assert (size(server, first), size(server, second)) == (0, 1)


@KINDS
def test_removing_an_absent_membership_changes_nothing(server: Server, kind: str, make: Callable[..., Any]) -> None:
    one, other = subscriber(server), make(server, "Spring")
    backdate(server)
    for _ in range(2):
        reply = take(server, one, kind, other)
        assert (reply.status, reply.json["data"]["updated_at"]) == (200, LONG_AGO)
    assert size(server, other) == 0


@KINDS
def test_a_removed_membership_can_be_added_again(server: Server, kind: str, make: Callable[..., Any]) -> None:
    one, other = subscriber(server), make(server, "Spring")
    for _ in range(3):
        assert ids_of(data_of(put(server, one, kind, other)), kind) == [other["id"]]
        assert size(server, other) == 1
        assert ids_of(data_of(take(server, one, kind, other)), kind) == []
        assert size(server, other) == 0
    assert miscounts(server) == []


def test_a_removed_sequence_membership_counts_as_a_past_one(server: Server) -> None:
    one, never = subscriber(server, "ada@example.com"), subscriber(server, "bob@example.com")
    welcome = sequence(server)
    put(server, one, "sequences", welcome)
    take(server, one, "sequences", welcome)

    def matching(operator: str) -> list[str]:
        query = f"sequence_id={welcome['id']}&sequence_operator={operator}"
        return [item["id"] for item in server.call("GET", f"/v1/subscribers?{query}").json["data"]]

    assert matching("is_active_in_any_of") == []
    assert matching("has_ever_been_in_any_of") == [one["id"]]
    assert matching("has_never_been_in_any_of") == [never["id"]]


def test_adding_a_completed_sequence_does_not_restart_it(server: Server) -> None:
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
def test_tags_and_sequences_of_another_workspace_are_not_found(
    server: Server, method: str, kind: str, public_id: str
) -> None:
    one, resource = subscriber(server), kind.removesuffix("s")
    other = server.new_key(workspace="Other")
    body = {"name": "x"} if kind == "tags" else {"name": "x", "definition": {"emails": []}}
    foreign = server.call("POST", f"/v1/{kind}", body, key=other).json["data"]["id"]
    requested_id = public_id.format(kind=resource, foreign=foreign, subscriber=one["id"])
    reply = server.call(method, f"{one['self']}/{kind}/{requested_id}")
    assert envelope(reply) == (404, "not_found", f"{resource}_not_found")
    assert reply.error["details"]["resource"] == {"type": resource, "id": requested_id}
    assert server.rows("SELECT * FROM subscriber_tags UNION ALL SELECT 1, 2 FROM subscriber_sequences") == []


def test_new_tags_are_created_once_and_reused_ignoring_case(server: Server) -> None:
    spring = tag(server, "Spring", description="Fair")
    one = subscriber(server, new_tags=["SPRING", " Autumn ", "autumn", "Straße", "STRASSE"])
    assert {tag["name"] for tag in one["tags"]} == {"Spring", "Autumn", "Straße"}
    assert read(server, spring) == {**spring, "subscriber_count": 1}
    two = subscriber(server, "bob@example.com", new_tags=["Autumn"])
    assert [item for item in one["tags"] if item["name"] == "Autumn"] == two["tags"]
    assert server.rows("SELECT count(*) FROM tags") == [(3,)]


def test_new_tags_are_added_to_the_tags_of_the_subscriber(server: Server) -> None:
    subscriber(server, new_tags=["One"])
    assert {tag["name"] for tag in subscriber(server, new_tags=["Two"])["tags"]} == {"One", "Two"}
    assert {tag["name"] for tag in subscriber(server, new_tags=[])["tags"]} == {"One", "Two"}


def test_a_hundred_new_tags_are_accepted(server: Server) -> None:
    assert len(subscriber(server, new_tags=[f"t{number}" for number in range(100)])["tags"]) == 100


def test_a_refused_request_creates_no_tag(server: Server) -> None:
    body = {"email": "ada@example.com", "new_tags": ["Spring", "x" * 101]}
    reply = server.call("POST", "/v1/subscribers", body)
    assert details(reply) == (400, "invalid_request", "new_tags[1]", None)
    assert server.rows("SELECT name FROM tags UNION ALL SELECT email FROM subscribers") == []


def _send(server: Server, one: Any, method: str, body: Any, key: str | None = None) -> Reply:
    """A change of the subscriber by PATCH, or by POST of their email."""
    more = {} if key is None else {"key": key}
    if method == "PATCH":
        return server.call("PATCH", one["self"], body, **more)
    return server.call("POST", "/v1/subscribers", {"email": one["email"], **body}, **more)


METHODS = pytest.mark.parametrize("method", ["PATCH", "POST"])


@METHODS
def test_a_change_of_a_subscriber_carries_out_status_tags_and_sequences(server: Server, method: str) -> None:
    spring, welcome = tag(server, "Spring"), sequence(server)
    one = subscriber(server, new_tags=["Kept"], sequence_ids=[sequence(server, "Kept")["id"]])
    body = {
        "name": "Ada",
        "status": "Active",
        "consent_evidence": example.EVIDENCE,
        "new_tags": ["Autumn"],
        "existing_tag_ids": [spring["id"], spring["id"]],
        "sequence_ids": [welcome["id"]],
        "form_id": None,
    }
    changed = data_of(_send(server, one, method, body))
    assert (changed["name"], changed["status"]) == ("Ada", "Active")
    assert {item["name"] for item in changed["tags"]} == {"Kept", "Autumn", "Spring"}
    assert set(changed["sequence_ids"]) == {*one["sequence_ids"], welcome["id"]}
    assert read(server, one) == changed
    assert (size(server, spring), size(server, welcome)) == (1, 1)
    assert server.rows("SELECT count(*) FROM consent_evidence") == [(1,)]
    assert miscounts(server) == []


@METHODS
@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({"existing_tag_ids": ["tag_x"]}, "existing_tag_ids[0]", "tag_not_found"),
        ({"sequence_ids": ["sequence_x"]}, "sequence_ids[0]", "sequence_not_found"),
        ({"existing_tag_ids": ["tag_x"] * 101}, "existing_tag_ids", None),
        ({"new_tags": ["x" * 101]}, "new_tags[0]", None),
        ({"form_id": "form_1"}, "form_id", None),
        ({"form_id": 5}, "form_id", None),
        ({"consent_evidence": {}}, "consent_evidence.lawful_basis", "missing"),
    ],
)
def test_a_refused_change_of_a_subscriber_changes_nothing(
    server: Server, method: str, body: Any, field: str, reason: str | None
) -> None:
    one = subscriber(server)
    complete = {"name": "Ada", "status": "Active", "new_tags": ["Spring"], **body}
    assert details(_send(server, one, method, complete)) == (400, "invalid_request", field, reason)
    assert read(server, one) == one
    assert server.rows("SELECT * FROM tags") == []


@METHODS
def test_a_foreign_tag_or_sequence_is_not_added(server: Server, method: str) -> None:
    one, key = subscriber(server), server.new_key(workspace="Other")
    theirs = data_of(server.call("POST", "/v1/tags", {"name": "Theirs"}, key=key))
    reply = _send(server, one, method, {"existing_tag_ids": [theirs["id"]]})
    assert details(reply) == (400, "invalid_request", "existing_tag_ids[0]", "tag_not_found")


def test_a_patch_needs_the_live_scope_for_a_status_tags_and_sequences_alone(server: Server) -> None:
    spring, welcome, one = tag(server, "Spring"), sequence(server), subscriber(server)
    key = server.new_key(scopes=("subscribers:write",))
    for body in (
        {"status": "Active"},
        {"new_tags": ["Spring"]},
        {"existing_tag_ids": [spring["id"]]},
        {"sequence_ids": [welcome["id"]]},
    ):
        reply = _send(server, one, "PATCH", body, key=key)
        assert envelope(reply) == (403, "permission_error", "insufficient_scope")
        assert reply.error["missing_scopes"] == ["live_actions:write"]
    assert read(server, one) == one
    assert data_of(_send(server, one, "PATCH", {"name": "Ada", "new_tags": []}, key=key))["name"] == "Ada"


@METHODS
def test_a_status_needs_the_evidence_that_the_setting_requires(serve: Callable[..., Server], method: str) -> None:
    server = serve(require_consent_evidence=True)
    one = subscriber(server)
    reply = _send(server, one, method, {"status": "Active", "new_tags": ["Spring"]})
    assert details(reply) == (400, "invalid_request", "consent_evidence", "consent_evidence_required")
    assert server.rows("SELECT * FROM tags") == []
    body = {"status": "Active", "consent_evidence": example.EVIDENCE}
    assert data_of(_send(server, one, method, body))["status"] == "Active"


@pytest.mark.slow
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
    for change in (600, 0):  # the second import changes nothing
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
def test_deleting_a_tag_or_sequence_removes_it_from_every_subscriber(
    server: Server, kind: str, make: Callable[..., Any]
) -> None:
    one, deleted, other = subscriber(server), make(server, "Gone"), make(server, "Kept")
    put(server, one, kind, deleted)
    put(server, one, kind, other)
    assert server.call("DELETE", deleted["self"]).status == 204
    assert ids_of(read(server, one), kind) == [other["id"]]
    assert details(put(server, one, kind, deleted))[0] == 404
    again = make(server, "Gone")
    assert again["id"] != deleted["id"]
    assert size(server, again) == 0
