"""Requests that name a resource of another workspace: one for each field that can name something."""

from typing import Any

import msgspec
from api_calls import CREATORS, OPERATIONS, kinds, listed, operations
from conftest import MAPPINGS

from mailrith_lite import ids
from mailrith_lite.api.routes import ROUTES, Route
from mailrith_lite.audience.conditions import SEQUENCE_OPERATORS
from mailrith_lite.jobs.kinds import IMPORT

UNUSED = 987_654_321  # no row has this integer id
NONEXISTENT = {kind: ids.encode(kind, UNUSED) for kind in (*CREATORS, ids.CHANGE)} | {
    "name": "initech",
    "email": "initech@example.com",
}
PLAIN = {  # fields that name no resource
    *("limit", "status", "form_id", "cold_only", "tag_operator", "sequence_operator", "country", "subscribed_on"),
    *("create_only", "consent_evidence", "description", "type", "settings", "csv_text", "connection_id"),
    *("reply_to_email", "track_opens", "track_clicks", "dry_run", "url", "event_patterns"),
    *("action", "expected_count", "invalid_cells", "header", "delimiter", "encoding", "file"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
}


class Case(msgspec.Struct, frozen=True):
    """A request that names something. `kind`: of the resource whose id or name replaces ID in `request`. `status`:
    of the response.

    `request`: a query, or fields of the body.
    """

    kind: str
    request: str | dict[str, Any]
    status: int


def definition(field: str, operator: str, value: Any = None, **more: Any) -> dict[str, Any]:
    """A segment definition whose last condition, the second one of the second group, is the given one."""
    first = {"id": "1", "field": "subscriber_status", "operator": "is", "value": ["Active"]}
    second = {"id": "2", "field": field, "operator": operator, "value": value, **more}
    groups = [{"id": str(number), "match": "any", "conditions": [first]} for number in range(2)]
    groups[1]["conditions"] = [first, second]
    return {"match": "any", "groups": groups}


REFERENCES = [
    *(
        (kind, definition(kind, operator, value))
        for kind in (ids.TAG, ids.SEGMENT)
        for operator, value in (("has_any_of", ["ID"]), ("has_none_of", ["ID"]), ("is", "ID"), ("is_not", "ID"))
    ),
    *((ids.SEQUENCE, definition("sequence", operator, ["ID"])) for operator in SEQUENCE_OPERATORS),
    (ids.CUSTOM_FIELD, definition("custom_field", "is", "globex", customFieldId="ID")),
    (ids.CUSTOM_FIELD, definition("custom_field", "is_empty", customFieldId="ID")),
    ("name", definition("tag", "is", "ID")),
]
DEFINITIONS = [Case(kind, {"definition": body}, 400) for kind, body in REFERENCES]
UNCHECKED = {"emails": [], "excludeAudienceDefinition": definition("tag", "is", "ID")}  # stored as it is
COLUMN = {"csv_column": "Name", "field": {"type": "custom-field", "custom_field_id": "ID"}}


def common_cases(route: Route) -> list[Case]:
    """The cases of every resource: search its list, continue its list, and use its name for a new resource."""
    signature = route.signature
    query = signature.query.__struct_encode_fields__
    body = signature.request.__struct_encode_fields__ if signature.request else ()
    cases = [Case("name", "search=ID", 200)] if "search" in query else []
    if "starting_after" in query:
        kind = listed(route)
        cases += [Case(kind, f"{name}=ID", 200) for name in ("starting_after", "cursor")]
    return cases + [Case("name", {name: "ID"}, route.statuses[0]) for name in ("name", "label") if name in body]


def bulk_change_cases(status: int) -> list[Case]:
    """`status`: of a request that names nobody of the workspace."""
    field_test = {"custom_field_id": "ID", "operator": "is", "value": "x"}
    return [
        Case(ids.TAG, {"action": "add_tag", "tag_id": "ID"}, 400),
        Case(ids.SEQUENCE, {"action": "add_to_sequence", "sequence_id": "ID"}, 400),
        Case(ids.SUBSCRIBER, {"filter": None, "subscriber_ids": ["ID"]}, status),
        Case(ids.TAG, {"filter": {"tag_ids": ["ID"]}}, 400),
        Case(ids.SEQUENCE, {"filter": {"sequence_ids": ["ID"]}}, 400),
        Case(ids.SEGMENT, {"filter": {"segment_id": "ID"}}, 400),
        Case(ids.CUSTOM_FIELD, {"filter": {"custom_fields": [field_test]}}, 400),
        Case(IMPORT.id_prefix, {"filter": {"import_job_id": "ID"}}, status),
        *(Case(kind, {"filter": {"search": "ID"}}, status) for kind in (ids.SUBSCRIBER, "email", "name")),
    ]


SPECIAL_CASES: dict[str, list[Case]] = {
    "listSubscribers": [
        *(Case(ids.SUBSCRIBER, query, 200) for query in ("search=ID", "search=ID&limit=1")),
        *(Case("name", query, 200) for query in ("search=ID&status=Active", "tag_id=ID")),
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
        Case(IMPORT.id_prefix, "import_job_id=ID", 200),
        Case(ids.SEGMENT, "segment_id=ID", 200),
        Case(ids.SEQUENCE, "tag_ids=ID&sequence_ids=ID&search=ID", 200),
    ],
    "upsertSubscriber": [
        Case(ids.TAG, {"existing_tag_ids": ["ID"]}, 400),
        Case(ids.SEQUENCE, {"sequence_ids": ["ID"]}, 400),
        Case(ids.CUSTOM_FIELD, {"custom_fields": {"ID": "x"}}, 400),
        Case("name", {"custom_fields": {"ID": "x"}}, 400),
        Case("email", {"email": "ID", "name": "Ours"}, 201),
        Case("email", {"email": "ID", "create_only": True}, 201),
        Case("name", {"name": "ID", "new_tags": ["ID"]}, 201),
    ],
    "updateSubscriber": [
        Case("name", {"new_tags": ["ID"]}, 200),
        Case(ids.TAG, {"existing_tag_ids": ["ID"]}, 400),
        Case(ids.SEQUENCE, {"sequence_ids": ["ID"]}, 400),
        Case(ids.CUSTOM_FIELD, {"custom_fields": {"ID": "x"}}, 400),
        Case("name", {"custom_fields": {"ID": ""}}, 400),
        Case("email", {"email": "ID"}, 200),
    ],
    "listTags": [Case(ids.TAG, "search=ID", 200)],
    "createSequence": [Case(ids.TAG, {"definition": UNCHECKED}, 201)],
    "updateSequence": [Case(ids.TAG, {"definition": UNCHECKED}, 200)],
    "createSegment": DEFINITIONS,
    "updateSegment": DEFINITIONS,
    "previewSegment": [
        *DEFINITIONS,
        Case(ids.SEGMENT, {"definition": definition("tag", "is_empty"), "current_segment_id": "ID"}, 400),
    ],
    "createSubscriberImportJob": [
        Case(ids.TAG, {"existing_tag_ids": ["ID"]}, 400),
        Case(ids.SEQUENCE, {"sequence_ids": ["ID"]}, 400),
        Case(ids.CUSTOM_FIELD, {"mappings": [MAPPINGS[0], COLUMN]}, 400),
        Case(ids.UPLOAD, {"csv_text": None, "upload_id": "ID"}, 400),
        Case(IMPORT.id_prefix, {"like": "ID"}, 400),
        Case("name", {"new_tag_name": "ID"}, 202),
    ],
    "createSubscriberBulkChangeJob": bulk_change_cases(202),
    "previewSubscriberBulkChange": bulk_change_cases(200),
    "createSubscriberExportJob": [
        *(Case(kind, {"query": "ID"}, 202) for kind in (ids.SUBSCRIBER, "email", "name")),
        Case(IMPORT.id_prefix, {"import_job_id": "ID"}, 202),
        Case(ids.TAG, {"tag_ids": ["ID"]}, 400),
        Case(ids.SEQUENCE, {"sequence_ids": ["ID"]}, 400),
        Case(ids.SEGMENT, {"segment_id": "ID"}, 400),
        Case(ids.CUSTOM_FIELD, {"custom_fields": [{"custom_field_id": "ID", "operator": "is_empty"}]}, 400),
        Case(ids.CUSTOM_FIELD, {"columns": ["ID"]}, 400),
        Case("email", {"email": "ID"}, 202),
    ],
}
CASES = {route.operation_id: [*common_cases(route), *SPECIAL_CASES.get(route.operation_id, [])] for route in ROUTES}
ALL_CASES = [(operation_id, case) for operation_id, cases in CASES.items() for case in cases]
CHANGING_CASES = [
    (name, case) for name, case in ALL_CASES if case.status < 300 and OPERATIONS[name].method != "GET"
]
READING_CASES = [one for one in ALL_CASES if one not in CHANGING_CASES]
PATHS = [(route.operation_id, kind) for route in ROUTES for kind in kinds(route)]
READS = operations(route for route in ROUTES if route.method == "GET")
