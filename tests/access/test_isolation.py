"""Whatever belongs to another workspace answers exactly like something that does not exist."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from conftest import KEY, MAPPINGS, Server

from mailrith_lite import ids
from mailrith_lite.audience import sequences
from mailrith_lite.settings import Settings

IMPORTS = "/v1/jobs/subscriber-imports"
EXPORTS = "/v1/jobs/subscriber-exports"
NOWHERE = 987_654_321  # an integer that nothing has
EMAIL = MAPPINGS[0]


class Other:
    """The key and the ids of everything in a second workspace."""

    def __init__(self, server: Server) -> None:
        self.key = server.new_key(workspace="Other")
        client = server.sdk(self.key)
        self.tag = client.tags.create(body={"name": "Theirs"})["data"]["id"]
        self.field = client.custom_fields.create(body={"label": "Theirs", "type": "Text"})["data"]["id"]
        self.job = server.import_csv("Email,Name\ntheirs@example.com,T\nbad,B\n", key=self.key)
        self.export, _ = server.export_csv(key=self.key)
        self.subscriber = client.subscribers.list()["data"][0]["id"]
        self.sequence = ids.encode(ids.SEQUENCE, server.wait(self._insert_sequence(server)))

    async def _insert_sequence(self, server: Server) -> int:
        async with server.services.database.write() as connection:
            return await sequences.insert_sequence(connection, 2, "Theirs", 1)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("isolation") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key=KEY)).serving() as server:
        yield server


@pytest.fixture(scope="module")
def other(service: Server) -> Other:
    return Other(service)


def same(service: Server, method: str, path: str, theirs: str, nobodys: str, body: Any = None) -> int:
    """Asks with a foreign id and with one that nothing has; the answers differ in the id alone."""
    asked = [
        service.call(method, path.replace("ID", public_id), json.loads(json.dumps(body).replace("ID", public_id)))
        for public_id in (theirs, nobodys)
    ]
    assert asked[0].status == asked[1].status
    assert asked[0].body.replace(theirs.encode(), nobodys.encode()) == asked[1].body
    varying = ("x-mailrith-request-id", "date", "content-length")
    assert [name for name in asked[0].headers if name not in varying] == [
        name for name in asked[1].headers if name not in varying
    ]
    return asked[0].status


@pytest.mark.parametrize(
    ("method", "path", "kind", "attribute"),
    [
        ("GET", f"{IMPORTS}/ID", ids.IMPORT_JOB, "job"),
        ("POST", f"{IMPORTS}/ID/cancel", ids.IMPORT_JOB, "job"),
        ("GET", f"{EXPORTS}/ID", ids.EXPORT_JOB, "export"),
        ("POST", f"{EXPORTS}/ID/cancel", ids.EXPORT_JOB, "export"),
        ("GET", "/v1/subscribers/ID", ids.SUBSCRIBER, "subscriber"),
    ],
)
def test_a_foreign_resource_is_not_there(
    service: Server, other: Other, method: str, path: str, kind: str, attribute: str
) -> None:
    theirs = getattr(other, attribute)
    theirs = theirs if isinstance(theirs, str) else theirs["id"]
    assert same(service, method, path, theirs, ids.encode(kind, NOWHERE)) == 404


@pytest.mark.parametrize(
    ("attribute", "kind", "extra"),
    [
        ("tag", ids.TAG, {"existing_tag_ids": ["ID"]}),
        ("sequence", ids.SEQUENCE, {"sequence_ids": ["ID"]}),
        (
            "field",
            ids.CUSTOM_FIELD,
            {
                "mappings": [
                    EMAIL,
                    {"csv_column": "Name", "field": {"type": "custom-field", "custom_field_id": "ID"}},
                ]
            },
        ),
    ],
)
def test_an_import_cannot_name_what_is_foreign(
    service: Server, other: Other, attribute: str, kind: str, extra: dict[str, Any]
) -> None:
    body = {"csv_text": "Email,Name\na@example.com,A\n", "mappings": MAPPINGS} | extra
    assert same(service, "POST", IMPORTS, getattr(other, attribute), ids.encode(kind, NOWHERE), body) == 400


def test_a_job_is_not_found_under_the_other_kind_of_job(service: Server, other: Other) -> None:
    number = ids.decode(ids.IMPORT_JOB, other.job["id"])
    assert number is not None
    assert service.call("GET", f"{EXPORTS}/{ids.encode(ids.EXPORT_JOB, number)}", key=other.key).status == 404
    assert service.call("GET", f"{EXPORTS}/{other.job['id']}", key=other.key).status == 404


@pytest.mark.parametrize("path", [IMPORTS, "/v1/subscribers", "/v1/tags", "/v1/custom-fields"])
def test_a_list_shows_nothing_foreign(service: Server, other: Other, path: str) -> None:
    assert service.call("GET", path).json["data"] == []
    assert service.call("GET", path, key=other.key).json["data"] != []


@pytest.mark.parametrize("query", ["search=theirs", "email=theirs@example.com", "status=Active", "search=ID"])
def test_no_filter_finds_anything_foreign(service: Server, other: Other, query: str) -> None:
    query = query.replace("ID", other.subscriber)
    assert len(service.call("GET", f"/v1/subscribers?{query}", key=other.key).json["data"]) == 1
    assert service.call("GET", f"/v1/subscribers?{query}").json["data"] == []


def test_a_foreign_cursor_shows_nothing_foreign(service: Server, other: Other) -> None:
    assert service.call("GET", f"/v1/subscribers?starting_after={other.subscriber}").json["data"] == []


def test_an_export_holds_nothing_foreign(service: Server, other: Other) -> None:
    job, text = service.export_csv(query="theirs")
    assert job["exported_count"] == 0
    assert text.splitlines() == ["Email,Name,Status,Country,Subscribed At,Last Opened At,Tags,Sequences"]


def test_an_import_does_not_touch_a_foreign_subscriber_of_the_same_email(server: Server) -> None:
    key = server.new_key(workspace="Other")
    server.import_csv("Email,Name\nshared@example.com,Theirs\n", key=key)
    assert server.import_csv("Email,Name\nshared@example.com,Ours\n")["progress"]["created_count"] == 1
    assert [one["name"] for one in server.sdk(key).subscribers.list()["data"]] == ["Theirs"]


def test_tags_and_custom_fields_of_one_name_live_in_both_workspaces(server: Server) -> None:
    key = server.new_key(workspace="Other")
    for one in (KEY, key):
        assert server.call("POST", "/v1/tags", {"name": "Spring"}, key=one).status == 201
        assert server.call("POST", "/v1/custom-fields", {"label": "Size", "type": "Text"}, key=one).status == 201


def test_a_link_cannot_be_turned_to_another_workspace(service: Server, other: Other) -> None:
    ours = ids.encode(ids.WORKSPACE, 1)
    for url in (other.export["download_url"], other.job["error_report_url"]):
        path = urlsplit(url).path
        theirs = path.split("/")[2]
        assert service.fetch(url).status == 200
        turned = service.fetch(url.replace(theirs, ours))
        assert (turned.status, turned.error["code"]) == (403, "invalid_signature")


def test_an_idempotency_key_of_another_workspace_is_free(server: Server) -> None:
    key = server.new_key(workspace="Other")
    headers = {"Idempotency-Key": "same"}
    first = server.call("POST", "/v1/tags", {"name": "Spring"}, headers=headers)
    second = server.call("POST", "/v1/tags", {"name": "Autumn"}, key=key, headers=headers)
    assert (first.status, second.status) == (201, 201)
    assert "idempotent-replayed" not in second.headers
