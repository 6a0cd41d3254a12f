"""A resource of another workspace gets the same response as one that does not exist."""

import json
import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from api_calls import CREATORS, OPERATIONS, PUBLIC, base, example
from conftest import KEY, Reply, Server
from full_workspace import FullWorkspace, contents
from isolation_cases import ALL_CASES, CASES, CHANGING_CASES, NONEXISTENT, PATHS, PLAIN, READING_CASES, READS, Case

from mailrith_lite import ids
from mailrith_lite.jobs.kinds import EXPORT, IMPORT
from mailrith_lite.settings import Settings


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("isolation") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key=KEY)).serving() as server:
        server.wait(server.services.dispatcher.stop())  # the attempts of webhooks would change rows
        yield server


@pytest.fixture(scope="module")
def ours(service: Server) -> FullWorkspace:
    """Created before `theirs`: a cursor is a position in the order of all ids, and their ids follow ours."""
    return FullWorkspace(service, "acme")


@pytest.fixture(scope="module")
def theirs(service: Server, ours: FullWorkspace) -> FullWorkspace:
    theirs = FullWorkspace(service, "globex")
    service.drain()
    return theirs


@pytest.fixture(scope="module")
def content(service: Server, theirs: FullWorkspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return service.save_database(tmp_path_factory.mktemp("content") / "two-workspaces.db")


@pytest.fixture(scope="module")
def at_first(service: Server, content: Path) -> dict[str, Any]:
    """The rows before each test."""
    return contents(service)


@pytest.fixture
def restore(service: Server, content: Path) -> Iterator[Callable[[], None]]:
    """`restore()`: both workspaces have their first content again. Call it before a request that changes something;
    the end of the test calls it, too."""

    def restore() -> None:
        service.drain()
        service.restore_database(content)

    yield restore
    restore()


def visible(workspace: FullWorkspace) -> dict[str, bytes]:
    """Operation -> response body, of all operations that read the workspace."""
    varying = rb'"(last_used_at|error_report_url)":(null|"[^"]*")'
    return {name: re.sub(varying, b"", workspace.request(name).body) for name in READS}


@pytest.fixture(scope="module")
def theirs_at_first(theirs: FullWorkspace, content: Path) -> dict[str, bytes]:
    return visible(theirs)


def comparable(workspace: FullWorkspace, reply: Reply, name: str) -> tuple[int, dict[str, str], bytes]:
    """The reply without `name`, the ids of the workspace, and what differs between any two requests."""
    names = ("x-mailrith-request-id", "date", "content-length", "location")
    headers = {header: value for header, value in reply.headers.items() if header not in names}
    body = reply.body.replace(name.encode(), b"ID")
    if reply.status < 300:
        for kind in CREATORS:
            body = body.replace(workspace.known[kind].encode(), kind.encode())
        varying = rb'"(id|self|(created|updated|subscribed)_at|signing_secret(_preview)?)":"[^"]*"'
        body = re.sub(varying, b"", body)
    return reply.status, headers, body


def send(workspace: FullWorkspace, operation_id: str, case: Case, name: str) -> Reply:
    """Sends the request of the case, with `name` for ID. A POST has the other fields of the example."""
    request = json.loads(json.dumps(case.request).replace("ID", name))
    if isinstance(request, str):
        return workspace.request(operation_id, query=f"?{request}")
    route = OPERATIONS[operation_id]
    other_fields = example(route) if route.method == "POST" else {}
    return workspace.request(operation_id, body=other_fields | request)


def fields_of(case: Case) -> set[str]:
    return set(parse_qs(case.request)) if isinstance(case.request, str) else set(case.request)


@pytest.mark.parametrize("operation_id", OPERATIONS)
def test_every_field_that_can_name_a_resource_has_a_case(operation_id: str) -> None:
    route = OPERATIONS[operation_id]
    forms = (route.signature.query, route.signature.request)
    fields = {field.encode_name for form in forms if form for field in msgspec.structs.fields(form)}
    assert fields - PLAIN <= {name for case in CASES[operation_id] for name in fields_of(case)}


@pytest.mark.parametrize(("operation_id", "kind"), PATHS)
def test_a_resource_of_another_workspace_is_not_found(
    service: Server,
    ours: FullWorkspace,
    theirs: FullWorkspace,
    at_first: dict[str, Any],
    operation_id: str,
    kind: str,
) -> None:
    replies = [
        comparable(ours, ours.call(operation_id, {**ours.known, kind: public_id}), public_id)
        for public_id in (theirs.known[kind], NONEXISTENT[base(kind)])
    ]
    assert replies[0] == replies[1]
    assert replies[0][0] == 404
    assert contents(service) == at_first


@pytest.mark.parametrize(("operation_id", "case"), READING_CASES)
def test_a_name_of_another_workspace_gets_the_response_of_an_unused_name(
    service: Server,
    ours: FullWorkspace,
    theirs: FullWorkspace,
    at_first: dict[str, Any],
    operation_id: str,
    case: Case,
) -> None:
    replies = [
        comparable(ours, send(ours, operation_id, case, known[case.kind]), known[case.kind])
        for known in (theirs.known, NONEXISTENT)
    ]
    assert replies[0] == replies[1]
    assert replies[0][0] == case.status
    assert contents(service) == at_first


@pytest.mark.parametrize(("operation_id", "case"), CHANGING_CASES)
def test_a_change_with_a_name_of_another_workspace_has_the_outcome_of_an_unused_name(
    service: Server,
    ours: FullWorkspace,
    theirs: FullWorkspace,
    theirs_at_first: dict[str, bytes],
    restore: Callable[[], None],
    operation_id: str,
    case: Case,
) -> None:
    replies = []
    for known in (theirs.known, NONEXISTENT):
        name = known[case.kind]
        replies.append(comparable(ours, send(ours, operation_id, case, name), name))
        if known is theirs.known:
            assert visible(theirs) == theirs_at_first
        restore()
    assert replies[0] == replies[1]
    assert replies[0][0] == case.status


@pytest.mark.parametrize(
    ("operation_id", "case"),
    [
        (operation_id, case)
        for operation_id, case in ALL_CASES
        if case.status == 400 and case.kind in (ids.TAG, ids.CUSTOM_FIELD, ids.SEQUENCE, ids.SEGMENT)
    ],
)
def test_a_workspace_can_name_its_own_resource(
    ours: FullWorkspace, restore: Callable[[], None], operation_id: str, case: Case
) -> None:
    reply = send(ours, operation_id, case, ours.known[case.kind])
    if (operation_id, case.kind) == ("updateSegment", ids.SEGMENT):
        assert reply.error["details"]["reason"] == "circular_reference"
    else:
        assert reply.status < 300, reply.body


@pytest.mark.parametrize("operation_id", READS)
def test_a_response_has_nothing_of_another_workspace(
    ours: FullWorkspace, theirs: FullWorkspace, operation_id: str
) -> None:
    body = ours.request(operation_id).body
    assert not [name for name in theirs.known.values() if name.encode() in body]
    if operation_id not in PUBLIC:
        assert [name for name in ours.known.values() if name.encode() in body]


def test_an_import_is_not_found_as_an_export(theirs: FullWorkspace) -> None:
    number = IMPORT.decode(theirs.known[IMPORT.id_prefix])
    assert number is not None
    for public_id in (EXPORT.encode(number), theirs.known[IMPORT.id_prefix]):
        assert theirs.call("getSubscriberExportJob", {EXPORT.id_prefix: public_id}).status == 404


@pytest.mark.usefixtures("restore")
@pytest.mark.parametrize("kind", ["name", "email", ids.SUBSCRIBER])
def test_search_and_export_select_only_own_subscribers(
    service: Server, ours: FullWorkspace, theirs: FullWorkspace, kind: str
) -> None:
    query = theirs.known[kind]
    for workspace, expected in ((ours, []), (theirs, [theirs.known["email"]])):
        subscribers = workspace.request("listSubscribers", query=f"?search={query}").json["data"]
        assert [subscriber["email"] for subscriber in subscribers] == expected
        _, text = service.export_csv(key=workspace.key, query=query)
        assert [line.split(",")[0] for line in text.splitlines()[1:]] == expected
        assert ("globex" in text) is bool(expected)


@pytest.mark.usefixtures("restore")
def test_an_import_does_not_change_a_subscriber_of_another_workspace_with_the_same_email(
    service: Server, theirs: FullWorkspace
) -> None:
    own = FullWorkspace(service, "own", workspace=secrets.token_hex())
    before = visible(theirs)
    rows = "".join(f"{workspace.known['email']},Changed\n" for workspace in (own, theirs))
    more = {"new_tag_name": "Changed", "sequence_ids": [own.known["unused_sequence"]]}
    job = service.import_csv(f"Email,Name\n{rows}", key=own.key, **more)
    assert (job["progress"]["created_count"], job["progress"]["updated_count"]) == (1, 1)
    assert visible(theirs) == before


@pytest.mark.usefixtures("restore")
def test_a_signed_link_is_invalid_with_another_workspace(
    service: Server, ours: FullWorkspace, theirs: FullWorkspace
) -> None:
    jobs = [theirs.request(f"getSubscriber{kind}Job").json["data"] for kind in ("Import", "Export")]
    own = ours.request("getWorkspace").json["data"]["id"]
    for url in (jobs[0]["error_report_url"], jobs[1]["download_url"]):
        assert service.fetch(url).status == 200
        changed = service.fetch(url.replace(urlsplit(url).path.split("/")[2], own))
        assert (changed.status, changed.error["code"]) == (403, "invalid_signature")


def test_workspaces_can_use_the_same_idempotency_key(server: Server) -> None:
    key = server.new_key(workspace="Other")
    headers = {"Idempotency-Key": "same"}
    first = server.call("POST", "/v1/tags", {"name": "Spring"}, headers=headers)
    second = server.call("POST", "/v1/tags", {"name": "Autumn"}, key=key, headers=headers)
    assert (first.status, second.status) == (201, 201)
    assert "idempotent-replayed" not in second.headers
