"""The audit: who did what that matters, when, and from where."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from api_calls import OPERATIONS, Workspace, example
from conftest import KEY, MAPPINGS, Server
from plain_sqlite import opened

from mailrith_lite import clock, ids
from mailrith_lite.access import audit, keys, refused_keys
from mailrith_lite.access.audit import Actor, Entry
from mailrith_lite.access.refused_keys import RefusedKeys
from mailrith_lite.database import Database
from mailrith_lite.jobs.kinds import EXPORT, IMPORT

CHANGES = {
    "createSubscriberExportJob": "export.created",
    "createSubscriberImportJob": "import.created",
    "undoSubscriberImport": "import.undone",
    "createSubscriberBulkChangeJob": "bulk_change.created",
    "undoSubscriberBulkChange": "bulk_change.undone",
    "deleteSubscriberBulkChangeJob": "job.deleted",
    "deleteSubscriber": "subscriber.deleted",
    "deleteSubscriberImportJob": "job.deleted",
    "deleteSubscriberImportUndoJob": "job.deleted",
    "deleteSubscriberExportJob": "job.deleted",
    "deleteTag": "tag.deleted",
    "deleteCustomField": "custom_field.deleted",
    "deleteSegment": "segment.deleted",
    "deleteSequence": "sequence.deleted",
    "createWebhookSubscription": "webhook.created",
    "updateWebhookSubscription": "webhook.updated",
    "rotateWebhookSubscriptionSecret": "webhook.secret_rotated",
    "deleteWebhookSubscription": "webhook.deleted",
}
ACTOR = Actor(via="api", workspace_id=1, key_id=1, address="192.0.2.1", request_id="req_1")


def entries(server: Server, *actions: str) -> list[Entry]:
    """The entries with these actions, the newest first."""

    async def select() -> list[Entry]:
        async with server.services.database.read() as connection:
            return await audit.select_entries(connection, None, actions=actions, limit=100)

    selected: list[Entry] = server.wait(select())
    return selected


def test_every_operation_that_deletes_is_tested_here() -> None:
    deleting = {name for name, route in OPERATIONS.items() if route.method == "DELETE"}
    assert deleting - set(CHANGES) == {
        "removeSubscriberTag",
        "removeSubscriberSequence",
    }  # these change a subscriber


@pytest.mark.parametrize(("operation", "action"), CHANGES.items())
def test_change_over_the_api_is_recorded(server: Server, operation: str, action: str) -> None:
    workspace = Workspace(server, server.new_key(workspace="shop"))
    route = OPERATIONS[operation]
    known = workspace.create_named(route)
    server.drain()  # only a job that has ended can be deleted
    path, headers = route.path.format(**known), {"x-mailrith-request-id": "this request"}
    reply = server.call(route.method, path, example(route), key=workspace.key, headers=headers)
    assert reply.status in route.statuses, reply.body
    (entry,) = [one for one in entries(server) if one.request_id == "this request"]
    data = reply.json["data"] if reply.body else {}
    public_id = data.get("subscription", data)["id"] if action.endswith(".created") else next(iter(known.values()))
    assert (entry.action, entry.object_id) == (action, public_id)
    assert (entry.via, entry.address, entry.workspace_name) == ("api", "127.0.0.1", "shop")
    assert entry.key_name == "test"


def test_dry_run_and_refused_change_are_not_recorded(server: Server) -> None:
    body = {"csv_text": "Email\na@example.com\n", "mappings": [{"csv_column": "Email", "field": {"type": "email"}}]}
    assert server.call("POST", IMPORT.path, {**body, "dry_run": True}).status == 202
    assert server.call("DELETE", f"/v1/tags/{ids.encode(ids.TAG, 99)}").status == 404
    assert entries(server, "import", "tag") == []


def test_audit_has_no_address_of_a_subscriber_and_no_cell(server: Server) -> None:
    person = server.call("POST", "/v1/subscribers", {"email": "secret@example.com"}).json["data"]
    export = {"query": "secret@example.com"}
    assert server.call("POST", EXPORT.path, export).status == 202
    assert server.call("DELETE", f"/v1/subscribers/{person['id']}").status == 204
    text = json.dumps(server.rows("SELECT * FROM audit_entries"))
    assert "secret" not in text
    assert KEY not in text


async def record(database: Database, *actions: audit.Action, actor: Actor = ACTOR) -> None:
    async with database.write() as connection:
        for action in actions:
            await audit.record(connection, actor, action, "tag_1")


async def select(database: Database, workspace_id: int | None = None, **filters: Any) -> list[str]:
    async with database.read() as connection:
        selected = await audit.select_entries(connection, workspace_id, **{"limit": 10, **filters})
    return [entry.action for entry in selected]


async def test_entries_are_listed_newest_first_and_page_by_page(database: Database) -> None:
    await record(database, "tag.deleted", "key.created", "key.revoked")
    assert await select(database, limit=2) == ["key.revoked", "key.created"]
    assert await select(database, before_id=2) == ["tag.deleted"]


async def test_entries_are_filtered_by_action_and_by_its_first_part(database: Database) -> None:
    await record(database, "tag.deleted", "key.created", "key.revoked")
    assert await select(database, actions=["key"]) == ["key.revoked", "key.created"]
    assert await select(database, actions=["key.created", "tag.deleted"]) == ["key.created", "tag.deleted"]
    assert await select(database, actions=["ke"]) == []


async def test_workspace_sees_its_own_entries_only(database: Database) -> None:
    await record(database, "tag.deleted")
    await record(database, "key.created", actor=audit.command_line(2))
    assert await select(database, 1) == ["tag.deleted"]
    assert await select(database, 2) == ["key.created"]
    assert await select(database) == ["key.created", "tag.deleted"]


async def test_entry_is_not_attributed_to_a_later_key_with_the_same_id(database: Database) -> None:
    """A restore can lose the key of an entry, and then gives its id to the next new key."""
    await record(database, "tag.deleted")
    async with database.write() as connection:
        await connection.execute(
            "INSERT INTO workspaces (id, name, created_at, updated_at) VALUES (2, 'Other', 1, 1)"
        )
        await keys.insert(
            connection, workspace_id=2, name="Of others", key=keys.new_key(), now=clock.now() + clock.DAY
        )
    async with database.read() as connection:
        (entry,) = await audit.select_entries(connection, 1, limit=1)
    assert (entry.key_id, entry.key_name) == (1, None)


async def test_expired_entries_are_deleted(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "_BATCH", 2)
    now = clock.now()
    clock.use(lambda: now - 10 * clock.SECOND)
    await record(database, *["tag.deleted"] * 5)
    clock.use(lambda: now)
    await record(database, "key.created")
    await audit.remove_expired(database, ttl=0)
    assert len(await select(database)) == 6
    await audit.remove_expired(database, ttl=10)
    assert len(await select(database)) == 6
    await audit.remove_expired(database, ttl=9)
    assert await select(database) == ["key.created"]


def test_report_download_and_each_part_of_an_export_are_recorded(server: Server) -> None:
    job = server.import_csv("Email\nada@example.com\nbroken\n", MAPPINGS[:1])
    export, _ = server.export_csv()
    for url, headers in (
        (job["error_report_url"], {}),
        (export["download_url"], {}),
        (export["download_url"], {"Range": "bytes=5-"}),
        (export["download_url"].replace("signature=", "signature=x"), {}),  # a wrong signature, which is refused
    ):
        server.fetch(url, headers)
    assert [(entry.via, entry.action, entry.object_id) for entry in entries(server, "report", "export")] == [
        *[("link", "export.downloaded", export["id"])] * 2,
        ("link", "report.downloaded", job["id"]),
        ("link", "export.downloaded", export["id"]),  # by export_csv
        ("api", "export.created", export["id"]),
    ]


def test_start_records_settings_that_differ_and_no_secret(serve: Callable[..., Server]) -> None:
    server = serve(public_url="https://user:password@mail.example.com", metrics_token="a-long-secret-of-my-own")
    (start,) = entries(server, "service")
    changed = start.details["settings"]
    assert (changed["public_url"], changed["metrics_token"]) == ("https://mail.example.com", "(set)")
    assert changed["bootstrap_key"] == "(set)"
    assert set(changed) == {"public_url", "metrics_token", "bootstrap_key", "port", "data_dir"}


def test_download_goes_on_while_the_audit_cannot_be_written(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, _ = server.export_csv()
    with opened(server.services.database.path) as blocker:
        blocker.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("mailrith_lite.database.opening._BUSY_TIMEOUT", 0.0)
        assert server.fetch(export["download_url"]).status == 200
        blocker.rollback()
    (line,) = [record for record in caplog.records if "takes its place" in record.getMessage()]
    assert line.fields["action"] == "export.downloaded"  # type: ignore[attr-defined]
    assert line.fields["object"] == export["id"]  # type: ignore[attr-defined]


def test_refused_keys_are_bounded_and_equal_ones_are_one_entry(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_keys, "_MAX_COUNTED", 2)
    refused = RefusedKeys()
    for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"):
        refused.note(Actor(via="api", address=address), "invalid_api_key")
    for _ in range(2):  # the second time there is nothing to save
        server.wait(refused.save(server.services.database))
    counted = [(entry.address, entry.details["count"]) for entry in entries(server, "key.refused")]
    assert sorted(counted, key=str) == [("192.0.2.1", 2), ("192.0.2.2", 1), (None, 2)]


def test_refused_keys_of_one_ipv6_network_are_one_entry(server: Server) -> None:
    refused = RefusedKeys()
    for address in ("2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"):
        refused.note(Actor(via="api", address=address), "invalid_api_key")
    server.wait(refused.save(server.services.database))
    counted = [(entry.address, entry.details["count"]) for entry in entries(server, "key.refused")]
    assert sorted(counted) == [("2001:db8:0:1::1", 1), ("2001:db8::1", 2)]


@pytest.mark.parametrize(
    ("authorization", "count"),
    [("Bearer mrk_unknown_example_key", 1), ("Basic dXNlcjpwYXNzd29yZA==", 1), ("", 1), (None, 0)],
)
def test_refused_key_is_recorded_and_a_request_without_one_is_not(
    server: Server, authorization: str | None, count: int
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    assert server.call("GET", "/v1/tags", key=None, headers=headers).status == 401
    server.wait(server.services.refused_keys.save(server.services.database))
    assert [entry.details["count"] for entry in entries(server, "key.refused")] == [1] * count
