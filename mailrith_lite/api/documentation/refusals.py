"""Which errors an operation can answer with, for the documentation: each is made as it would be, and shown so."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.access import scopes
from mailrith_lite.api.envelope import STATUSES, respond
from mailrith_lite.api.parameters import Empty
from mailrith_lite.api.route import Route

CONFLICTS: dict[str, errors.Conflict] = {
    error.error_code: error
    for error in (
        errors.Conflict(
            "This Idempotency-Key was used with another body; use a new key for a new request.",
            code="idempotency_key_reused",
        ),
        errors.Conflict(
            "A subscriber with this email exists already; update that one.",
            code="subscriber_already_exists",
            field="email",
            resource=("subscriber", ids.encode(ids.SUBSCRIBER, 1)),
        ),
        errors.Conflict(
            "A tag of this name exists already; choose another name.", code="tag_name_taken", field="name"
        ),
        errors.Conflict(
            "A segment of this name exists already; choose another name.", code="segment_name_taken", field="name"
        ),
        *(
            errors.Conflict(
                f'The segment "Readers" names this {name}; change or delete the segment first.',
                code=f"{resource}_in_use",
                reason="named_by_segment",
                resource=("segment", ids.encode(ids.SEGMENT, 1)),
            )
            for resource, name in ((ids.TAG, "tag"), (ids.CUSTOM_FIELD, "custom field"), (ids.SEGMENT, "segment"))
        ),
        errors.Conflict(
            "This upload was used for an import already; start a new upload.",
            code="upload_already_used",
            resource=(ids.UPLOAD, ids.encode(ids.UPLOAD, 1)),
        ),
        errors.Conflict("The job is Completed already and cannot be canceled.", code="job_already_final"),
    )
}
"""By code, with the words that a client reads."""

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "What every answer but a success holds.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["type", "code", "message"],
            "properties": {
                "type": {"type": "string", "enum": list(dict.fromkeys(kind for _, kind in STATUSES.values()))},
                "code": {"type": "string", "description": "Stable, for programs."},
                "message": {"type": "string", "description": "One sentence that says what to change."},
                "details": {
                    "type": "object",
                    "properties": {
                        "field": {
                            "type": "string",
                            "description": "Where it is, such as `mappings[2].field.custom_field_id`.",
                        },
                        "reason": {"type": "string", "description": "More exact than the code."},
                        "resource": {
                            "type": "object",
                            "required": ["type", "id"],
                            "properties": {"type": {"type": "string"}, "id": {"type": "string"}},
                            "additionalProperties": False,
                        },
                    },
                    "additionalProperties": False,
                },
                **{
                    name: {"type": "array", "items": {"type": "string"}}
                    for name in ("required_scopes", "missing_scopes", "replacement_scopes")
                },
                "credential_type": {"type": "string", "enum": ["workspace_api_key"]},
                "recovery": {
                    "type": "object",
                    "required": ["action", "message"],
                    "properties": {
                        "action": {"type": "string", "enum": ["replace_api_key"]},
                        "message": {"type": "string"},
                        "replacement_scopes": {"type": "array", "items": {"type": "string"}},
                    },
                    "additionalProperties": False,
                },
            },
        }
    },
}


def refusals(route: Route) -> dict[int, list[errors.MailrithError]]:
    """The errors of an operation by their status."""
    found: dict[int, list[errors.MailrithError]] = {}
    for error in _possible(route):
        status, _ = STATUSES[type(error)]
        found.setdefault(status, []).append(error)
    return dict(sorted(found.items()))


def shown(error: errors.MailrithError) -> Any:
    """The body of the answer that the error becomes."""
    body = respond(error).body
    assert isinstance(body, bytes)
    return msgspec.json.decode(body)


def path_names(path: str) -> list[str]:
    """The parameters in a path: `/v1/tags/{tag_id}` has `tag_id`."""
    return re.findall(r"\{(\w+)\}", path)


def example_id(route: Route, name: str) -> str:
    """An id that stands for `{name}` in the path."""
    resource = name.removesuffix("_id")
    if resource == "job":
        resource = ids.EXPORT_JOB if "exports" in route.path else ids.IMPORT_JOB
    return ids.encode(resource, 1)


def _possible(route: Route) -> Iterator[errors.MailrithError]:
    if route.request is not None:
        yield errors.InvalidBody("The body has the wrong form: expected `object`, got `array`.")
        yield errors.InvalidJson("The body is not valid JSON in UTF-8.")
        yield errors.PayloadTooLarge(
            "The body is over the limit of 1,048,576 bytes; send a long file as an upload."
        )
        yield errors.UnsupportedMediaType("Send JSON in UTF-8, with the header Content-Type: application/json.")
    if route.query is not Empty:
        yield errors.InvalidQuery("limit takes a whole number from 1 to 100.", field="limit")
        yield errors.HeadersTooLarge("A line of the request's head is too long.")
    if route.idempotent:
        yield errors.InvalidIdempotencyKey("Idempotency-Key takes 1 to 255 printable ASCII characters.")
        yield CONFLICTS["idempotency_key_reused"]
    if not route.public:
        yield errors.InvalidApiKey()
        yield errors.ShuttingDown()
    if route.scopes:
        yield errors.InsufficientScope(route.scopes, route.scopes[-1:], scopes.ALL[:1])
    for name in path_names(route.path):
        yield errors.NotFound.of(name.removesuffix("_id"), example_id(route, name))
    for code in route.conflicts:
        yield CONFLICTS[code]
    if 202 in route.statuses:
        yield errors.QueueFull("1,000 jobs of this workspace are waiting; try again when some are done.")
    if route.operation_id == "startSubscriberImportUpload":
        yield errors.QueueFull(
            "100 files of this workspace wait for their import; import them, or wait until the first expires."
        )
    if route.method != "GET":
        yield errors.StorageFull()
    yield errors.InternalError("req_3f0c2a9d41b7e85610ac77e2")
