"""The page of the audit, and what the console itself writes into it."""

import re
from collections.abc import Callable

import pytest
from conftest import KEY, MAPPINGS, Server

from mailrith_lite.access import audit
from mailrith_lite.console import audit as audit_page

from .visitor import Visitor, signed_in, text

PAGE = "/console/audit"


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return signed_in(server)


def recorded(server: Server, action: str) -> list[tuple[str | None, ...]]:
    """(via, key's name, address) of the entries with this action."""
    return server.rows(
        """SELECT via, api_keys.name, address FROM audit_entries LEFT JOIN api_keys ON api_keys.id = key_id
        WHERE action = ? ORDER BY audit_entries.id""",
        action,
    )


def test_every_action_has_words() -> None:
    assert set(audit_page.LABELS) == set(audit.ACTIONS)


def test_sign_in_and_sign_out_are_recorded(server: Server, visitor: Visitor) -> None:
    visitor.post("/console/sign-out")
    mine = [("console", "First key", "127.0.0.1")]
    assert recorded(server, "console.signed_in") == recorded(server, "console.signed_out") == mine


def test_refused_sign_ins_are_recorded_with_their_number(server: Server) -> None:
    visitor = Visitor(server)
    for _ in range(12):  # the last two are above the limit
        visitor.sign_in("mrk_unknown_example_key")
    server.wait(server.services.refused_keys.save(server.services.database))
    ((via, key, details),) = server.rows(
        "SELECT via, key_id, details FROM audit_entries WHERE action = 'key.refused'"
    )
    assert (via, key, details) == ("console", None, '{"code":"invalid_api_key","count":12}')


def test_export_and_its_download_are_recorded(server: Server, visitor: Visitor) -> None:
    job = visitor.post("/console/exports").headers["location"]
    server.drain()
    link = visitor.get(f"{job}/file").headers["location"]
    assert visitor.get(link).status == 200
    assert visitor.send("HEAD", link, None, {}).status == 200
    assert recorded(server, "export.created") == [("console", "First key", "127.0.0.1")]
    assert recorded(server, "export.downloaded") == [("link", "First key", "127.0.0.1")]
    assert job.removeprefix("/console/exports/") in text(visitor.get(PAGE))


def test_undo_is_recorded(server: Server, visitor: Visitor) -> None:
    job = server.import_csv("Email,Name\nada@example.com,Ada\n", MAPPINGS)
    assert visitor.post(f"/console/imports/{job['id']}/undo").status == 303
    server.drain()
    assert recorded(server, "import.undone") == [("console", "First key", "127.0.0.1")]


def test_buttons_of_a_webhook_are_recorded(serve: Callable[..., Server]) -> None:
    server = serve(allow_private_webhooks=True)
    visitor = signed_in(server)
    visitor.post("/console/webhooks", {"name": "CRM", "url": "http://127.0.0.1:9/", "pattern": "subscriber.*"})
    path = f"/console{server.call('GET', '/v1/webhook-subscriptions').json['data'][0]['self'][3:]}".replace(
        "webhook-subscriptions", "webhooks"
    )
    for button in ("disable", "activate", "rotate", "delete"):
        assert visitor.post(path, {"action": button}).status in (200, 303)
    actions = server.rows("SELECT action FROM audit_entries WHERE action GLOB 'webhook.*' ORDER BY id")
    assert [action for (action,) in actions] == [
        "webhook.created",
        "webhook.updated",
        "webhook.updated",
        "webhook.secret_rotated",
        "webhook.deleted",
    ]


def test_page_lists_entries_with_key_address_and_request(server: Server, visitor: Visitor) -> None:
    tag = server.call("POST", "/v1/tags", {"name": "Spring"}).json["data"]["id"]
    server.call("DELETE", f"/v1/tags/{tag}", headers={"x-mailrith-request-id": "r-1"})
    page = text(visitor.get(PAGE))
    for part in ("Tag deleted", tag, "First key", "API", "127.0.0.1", "r-1", "Signed in to the console"):
        assert part in page


def test_page_has_entries_of_its_own_workspace_alone(server: Server) -> None:
    other = signed_in(server, server.new_key(workspace="Other"))
    page = text(other.get(PAGE))
    assert "Signed in to the console" in page
    assert "Workspace created" not in page


def test_pages_follow_each_other_without_a_gap(
    server: Server, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_page, "PAGE_SIZE", 3)
    tags = [server.call("POST", "/v1/tags", {"name": f"Tag {number}"}).json["data"]["id"] for number in range(7)]
    for tag in tags:
        server.call("DELETE", f"/v1/tags/{tag}")
    seen: list[str] = []
    path: str | None = PAGE
    while path is not None:
        page = visitor.get(path).body.decode()
        seen += re.findall(r"<code>(tag_\w+)</code>", page)
        older = re.search(r'href="[^"]*(/audit\?before=\w+)">Older', page)
        path = f"/console{older[1]}" if older else None
    assert seen == tags[::-1]


def test_expired_key_is_refused_in_the_audit_of_its_workspace(server: Server, visitor: Visitor) -> None:
    assert server.call("GET", "/v1/tags", key=server.new_key(expires_at=2)).status == 401
    server.wait(server.services.refused_keys.save(server.services.database))
    assert "Key refused" in text(visitor.get(PAGE))
    assert KEY not in visitor.get(PAGE).body.decode()
