"""Whatever belongs to another workspace answers exactly like something that does not exist."""

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from conftest import KEY, MAPPINGS, Reply, Server
from everything import BODIES, OPERATIONS, Everything, contents, parameters

from mailrith_lite import ids
from mailrith_lite.api.routes import ROUTES
from mailrith_lite.audience.conditions import SEQUENCE_OPERATORS
from mailrith_lite.jobs.kinds import EXPORT, IMPORT
from mailrith_lite.settings import Settings

NOWHERE = 987_654_321  # an integer that nothing has
KINDS = (
    ids.TAG,
    ids.CUSTOM_FIELD,
    ids.SEQUENCE,
    ids.SEGMENT,
    ids.SUBSCRIBER,
    IMPORT.id_prefix,
    EXPORT.id_prefix,
    ids.UPLOAD,
)
NOBODYS = {kind: ids.encode(kind, NOWHERE) for kind in KINDS} | {"name": "initech", "email": "initech@example.com"}
PUBLIC = {"getPublicApiMeta", "getPublicApiOpenApiDocument"}
NAMES_NOTHING = PUBLIC | {"getPublicApiCapabilities", "getWorkspace", "startSubscriberImportUpload"}
PLAIN = {  # what names no resource
    *("limit", "status", "cold_only", "tag_operator", "sequence_operator", "country", "subscribed_on"),
    *("create_only", "consent_evidence", "description", "type", "settings", "csv_text", "connection_id"),
    *("reply_to_email", "track_opens", "track_clicks", "dry_run"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
}


class Case(NamedTuple):
    """`kind`: what stands for ID in the query or body. `status`: of the answer."""

    kind: str
    asked: Any
    status: int


def definition(field: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    """With the condition in the second place of the second group."""
    first = {"id": "1", "field": "subscriber_status", "operator": "is", "value": ["Active"]}
    second = {"id": "2", "field": field, "operator": operator, "value": value, **more}
    groups = [{"id": str(number), "match": "any", "conditions": [first]} for number in range(2)]
    groups[1]["conditions"] = [first, second]
    return {"match": "any", "groups": groups}


DEFINITIONS = [
    *(
        Case(kind, definition(kind, operator, value), 400)
        for kind in (ids.TAG, ids.SEGMENT)
        for operator, value in (("has_any_of", ["ID"]), ("has_none_of", ["ID"]), ("is", "ID"), ("is_not", "ID"))
    ),
    *(Case(ids.SEQUENCE, definition("sequence", operator, ["ID"]), 400) for operator in SEQUENCE_OPERATORS),
    Case(ids.CUSTOM_FIELD, definition("custom_field", "is", "globex", customFieldId="ID"), 400),
    Case(ids.CUSTOM_FIELD, definition("custom_field", "is_empty", customFieldId="ID"), 400),
    Case("name", definition("tag", "is", "ID"), 400),
]
NEVER_SENT = {"emails": [], "excludeAudienceDefinition": definition("tag", "is", "ID")}  # kept, and not looked into
NAMED_LIST = [Case("name", "search=ID", 200)]
COLUMN = {"csv_column": "Name", "field": {"type": "custom-field", "custom_field_id": "ID"}}

CASES: dict[str, list[Case]] = {
    "listSubscribers": [
        *(Case(ids.SUBSCRIBER, query, 200) for query in ("search=ID", "starting_after=ID", "search=ID&limit=1")),
        *(Case("name", query, 200) for query in ("search=ID", "search=ID&status=Active", "tag_id=ID")),
        *(Case("email", query, 200) for query in ("email=ID", "search=ID")),
        *(
            Case(ids.TAG, f"{name}=ID&tag_operator={operator}", 200)
            for name in ("tag_id", "tag_ids", "tag_ids=x,ID&tag_id")
            for operator in ("has_any_of", "has_none_of")
        ),
        *(
            Case(ids.SEQUENCE, f"{name}=ID&sequence_operator={operator}", 200)
            for name in ("sequence_id", "sequence_ids")
            for operator in SEQUENCE_OPERATORS
        ),
        Case(ids.TAG, "tag_ids=ID&cold_only=true", 200),
        Case(ids.SEQUENCE, "tag_ids=ID&sequence_ids=ID&search=ID", 200),
    ],
    "upsertSubscriber": [
        Case(ids.CUSTOM_FIELD, {"email": "a@example.com", "custom_fields": {"ID": "x"}}, 400),
        Case("name", {"email": "a@example.com", "custom_fields": {"ID": "x"}}, 400),
        Case("email", {"email": "ID", "name": "Ours"}, 201),
        Case("email", {"email": "ID", "create_only": True}, 201),
        Case("name", {"email": "a@example.com", "name": "ID", "new_tags": ["ID"]}, 201),
    ],
    "updateSubscriber": [
        Case(ids.CUSTOM_FIELD, {"custom_fields": {"ID": "x"}}, 400),
        Case("name", {"custom_fields": {"ID": ""}}, 400),
        Case("email", {"email": "ID"}, 200),
        Case("name", {"name": "ID"}, 200),
    ],
    "listTags": [*NAMED_LIST, Case(ids.TAG, "starting_after=ID", 200), Case(ids.TAG, "search=ID", 200)],
    "createTag": [Case("name", {"name": "ID"}, 201)],
    "updateTag": [Case("name", {"name": "ID"}, 200)],
    "listCustomFields": [*NAMED_LIST, Case(ids.CUSTOM_FIELD, "starting_after=ID", 200)],
    "createCustomField": [Case("name", {"label": "ID", "type": "Text"}, 201)],
    "updateCustomField": [Case("name", {"label": "ID"}, 200)],
    "listSequences": [*NAMED_LIST, Case(ids.SEQUENCE, "starting_after=ID", 200)],
    "createSequence": [
        Case("name", {"name": "ID", "definition": {"emails": []}}, 201),
        Case(ids.TAG, {"name": "New", "definition": NEVER_SENT}, 201),
    ],
    "updateSequence": [Case("name", {"name": "ID"}, 200), Case(ids.TAG, {"definition": NEVER_SENT}, 200)],
    "listSegments": [*NAMED_LIST, Case(ids.SEGMENT, "starting_after=ID", 200)],
    "createSegment": [
        *(Case(kind, {"name": "New", "definition": found}, status) for kind, found, status in DEFINITIONS),
        Case("name", {"name": "ID", "definition": definition("tag", "is_empty")}, 201),
    ],
    "updateSegment": [
        *(Case(kind, {"definition": found}, status) for kind, found, status in DEFINITIONS),
        Case("name", {"name": "ID"}, 200),
    ],
    "previewSegment": [
        *(Case(kind, {"definition": found}, status) for kind, found, status in DEFINITIONS),
        Case(ids.SEGMENT, {"definition": definition("tag", "is_empty"), "current_segment_id": "ID"}, 400),
    ],
    "listSubscriberImportJobs": [Case(IMPORT.id_prefix, "starting_after=ID", 200)],
    "createSubscriberImportJob": [
        Case(ids.TAG, {"existing_tag_ids": ["ID"]}, 400),
        Case(ids.SEQUENCE, {"sequence_ids": ["ID"]}, 400),
        Case(ids.CUSTOM_FIELD, {"mappings": [MAPPINGS[0], COLUMN]}, 400),
        Case(ids.UPLOAD, {"csv_text": None, "upload_id": "ID"}, 400),
        Case("name", {"new_tag_name": "ID"}, 202),
    ],
    "listSubscriberExportJobs": [Case(EXPORT.id_prefix, "starting_after=ID", 200)],
    "createSubscriberExportJob": [
        *(Case(kind, {"query": "ID"}, 202) for kind in (ids.SUBSCRIBER, "email", "name")),
    ],
}
ALL_CASES = [(operation_id, case) for operation_id, cases in CASES.items() for case in cases]
PATHS = [(route.operation_id, kind) for route in ROUTES for kind in parameters(route)]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("isolation") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key=KEY)).serving() as server:
        yield server


@pytest.fixture(scope="module")
def ours(service: Server) -> Everything:
    """Older than theirs: a cursor is a place in the order of all ids, and theirs is behind all of ours."""
    return Everything(service, "acme")


@pytest.fixture(scope="module")
def theirs(service: Server, ours: Everything) -> Everything:
    theirs = Everything(service, "globex")
    service.drain()
    return theirs


def seen(everything: Everything) -> dict[str, bytes]:
    """What every operation that reads shows of a workspace."""
    reads = [route.operation_id for route in ROUTES if route.method == "GET"]
    passing = rb'"(last_used_at|error_report_url)":(null|"[^"]*")'
    return {name: re.sub(passing, b"", everything.ask(name).body) for name in reads}


def answer(everything: Everything, reply: Reply, named: str) -> tuple[int, dict[str, str], bytes]:
    """Without the id that was asked for, the asker's own ones, and what differs from one request to the next."""
    varying = ("x-mailrith-request-id", "date", "content-length", "location")
    headers = {name: value for name, value in reply.headers.items() if name not in varying}
    body = reply.body.replace(named.encode(), b"ID")
    if reply.status < 300:
        for kind in KINDS:
            body = body.replace(everything.known[kind].encode(), kind.encode())
        body = re.sub(rb'"(id|self|(created|updated|subscribed)_at)":"[^"]*"', b"", body)
    return reply.status, headers, body


def ask(everything: Everything, operation_id: str, asked: Any, named: str) -> Reply:
    """`asked`: a query, or what a body says beside the usual; what stands for ID in it is `named`."""
    asked = json.loads(json.dumps(asked).replace("ID", named))
    if isinstance(asked, str):
        return everything.ask(operation_id, query=f"?{asked}")
    usual = BODIES[operation_id] if operation_id == "createSubscriberImportJob" else {}
    return everything.ask(operation_id, body=usual | asked)


def named_in(case: Case) -> set[str]:
    return set(parse_qs(case.asked)) if isinstance(case.asked, str) else set(case.asked)


def test_every_operation_is_in_the_matrix() -> None:
    assert set(OPERATIONS) == set(CASES) | {operation_id for operation_id, _ in PATHS} | NAMES_NOTHING
    assert set(NOBODYS) == set(KINDS) | {"name", "email"}


@pytest.mark.parametrize("operation_id", sorted(set(OPERATIONS) - NAMES_NOTHING))
def test_every_field_that_can_name_something_is_in_the_matrix(operation_id: str) -> None:
    route = OPERATIONS[operation_id]
    forms = (route.signature.query, route.signature.request)
    fields = {field.encode_name for form in forms if form for field in msgspec.structs.fields(form)}
    assert fields - PLAIN <= {name for case in CASES.get(operation_id, []) for name in named_in(case)}


@pytest.mark.parametrize(("operation_id", "kind"), PATHS)
def test_a_foreign_resource_is_not_there(
    service: Server, ours: Everything, theirs: Everything, operation_id: str, kind: str
) -> None:
    before = contents(service)
    found = [
        answer(ours, ours.ask(operation_id, named={kind: named}), named)
        for named in (theirs.known[kind], NOBODYS[kind.removeprefix("free_")])
    ]
    assert found[0] == found[1]
    assert found[0][0] == 404
    assert contents(service) == before


@pytest.mark.parametrize(("operation_id", "case"), ALL_CASES)
def test_naming_what_is_foreign_is_naming_nothing(
    service: Server, ours: Everything, theirs: Everything, operation_id: str, case: Case
) -> None:
    changes = case.status < 300 and OPERATIONS[operation_id].method != "GET"
    asking = [Everything(service, "acme", workspace=secrets.token_hex()) if changes else ours for _ in "ab"]
    before = seen(theirs) if changes else contents(service)
    found = [
        answer(everything, ask(everything, operation_id, case.asked, known[case.kind]), known[case.kind])
        for everything, known in zip(asking, (theirs.known, NOBODYS), strict=True)
    ]
    assert found[0] == found[1]
    assert found[0][0] == case.status
    assert (seen(theirs) if changes else contents(service)) == before
    service.drain()


@pytest.mark.parametrize(
    ("operation_id", "case"),
    [
        (operation_id, case)
        for operation_id, case in ALL_CASES
        if case.status == 400 and case.kind in (ids.TAG, ids.CUSTOM_FIELD, ids.SEQUENCE, ids.SEGMENT)
    ],
)
def test_the_same_is_possible_for_the_one_who_has_it(service: Server, operation_id: str, case: Case) -> None:
    own = Everything(service, "own", workspace=secrets.token_hex())
    reply = ask(own, operation_id, case.asked, own.known[case.kind])
    if (operation_id, case.kind) == ("updateSegment", ids.SEGMENT):
        assert reply.error["details"]["reason"] == "circular_reference"
    else:
        assert reply.status < 300, reply.body
    service.drain()


@pytest.mark.parametrize("operation_id", [route.operation_id for route in ROUTES if route.method == "GET"])
def test_nothing_foreign_is_shown(ours: Everything, theirs: Everything, operation_id: str) -> None:
    body = ours.ask(operation_id).body
    assert not [name for name in theirs.known.values() if name.encode() in body]
    if operation_id not in PUBLIC:
        assert [name for name in ours.known.values() if name.encode() in body]


def test_a_job_is_not_found_under_the_other_kind_of_job(theirs: Everything) -> None:
    number = IMPORT.decode(theirs.known[IMPORT.id_prefix])
    assert number is not None
    for named in (EXPORT.encode(number), theirs.known[IMPORT.id_prefix]):
        assert theirs.ask("getSubscriberExportJob", named={EXPORT.id_prefix: named}).status == 404


@pytest.mark.parametrize("kind", ["name", "email", ids.SUBSCRIBER])
def test_a_filter_and_an_export_find_their_own_alone(
    service: Server, ours: Everything, theirs: Everything, kind: str
) -> None:
    named = theirs.known[kind]
    for everything, found in ((ours, []), (theirs, [theirs.known["email"]])):
        listed = everything.ask("listSubscribers", query=f"?search={named}").json["data"]
        assert [one["email"] for one in listed] == found
        _, text = service.export_csv(key=everything.key, query=named)
        assert [line.split(",")[0] for line in text.splitlines()[1:]] == found
        assert ("globex" in text) is bool(found)


def test_an_import_does_not_touch_a_foreign_subscriber_of_the_same_email(
    service: Server, theirs: Everything
) -> None:
    own = Everything(service, "own", workspace=secrets.token_hex())
    before = seen(theirs)
    rows = "".join(f"{everything.known['email']},Changed\n" for everything in (own, theirs))
    more = {"new_tag_name": "Changed", "sequence_ids": [own.known["free_sequence"]]}
    job = service.import_csv(f"Email,Name\n{rows}", key=own.key, **more)
    assert (job["progress"]["created_count"], job["progress"]["updated_count"]) == (1, 1)
    assert seen(theirs) == before


def test_a_link_cannot_be_turned_to_another_workspace(
    service: Server, ours: Everything, theirs: Everything
) -> None:
    jobs = [theirs.ask(f"getSubscriber{kind}Job").json["data"] for kind in ("Import", "Export")]
    own = ours.ask("getWorkspace").json["data"]["id"]
    for url in (jobs[0]["error_report_url"], jobs[1]["download_url"]):
        assert service.fetch(url).status == 200
        turned = service.fetch(url.replace(urlsplit(url).path.split("/")[2], own))
        assert (turned.status, turned.error["code"]) == (403, "invalid_signature")


def test_an_idempotency_key_of_another_workspace_is_free(server: Server) -> None:
    key = server.new_key(workspace="Other")
    headers = {"Idempotency-Key": "same"}
    first = server.call("POST", "/v1/tags", {"name": "Spring"}, headers=headers)
    second = server.call("POST", "/v1/tags", {"name": "Autumn"}, key=key, headers=headers)
    assert (first.status, second.status) == (201, 201)
    assert "idempotent-replayed" not in second.headers
