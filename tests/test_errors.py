"""Every error class has an HTTP status, a code and a message."""

import inspect
from collections.abc import Iterator
from types import ModuleType

import msgspec
import pytest

from mailrith_lite import errors
from mailrith_lite.api.envelope import respond
from mailrith_lite.errors import MailrithError
from mailrith_lite.http import wire_errors
from mailrith_lite.http.statuses import STATUSES

TYPES = {"invalid_request", "authentication_error", "permission_error", "not_found", "conflict", "api_error"}


def subclasses(error: type[MailrithError]) -> Iterator[type[MailrithError]]:
    for child in error.__subclasses__():
        yield child
        yield from subclasses(child)


ALL = sorted(set(subclasses(MailrithError)), key=lambda error: error.__name__)
WITH_ARGUMENTS = {
    wire_errors.MethodNotAllowed: lambda: wire_errors.MethodNotAllowed("PUT", ["POST", "GET"]),
    errors.InsufficientScope: lambda: errors.InsufficientScope(["a", "b"], ["b"], ["a"]),
    wire_errors.OperationNotSupported: lambda: wire_errors.OperationNotSupported("listForms"),
    wire_errors.InternalError: lambda: wire_errors.InternalError("req_1"),
    wire_errors.RangeNotSatisfiable: lambda: wire_errors.RangeNotSatisfiable("bytes */5"),
}
WITHOUT_ARGUMENTS = [
    errors.RevokedApiKey,
    errors.ExpiredApiKey,
    wire_errors.HeadersTooLarge,
    errors.InvalidApiKey,
    wire_errors.InvalidIdempotencyKey,
    wire_errors.ShuttingDown,
    errors.StorageFull,
    errors.StorageLost,
    errors.DatabaseBusy,
    errors.QueryTooSlow,
    wire_errors.Unhealthy,
    wire_errors.PreconditionFailed,
]


def make(error: type[MailrithError]) -> MailrithError:
    if error in WITHOUT_ARGUMENTS:
        return error()  # type: ignore[call-arg]
    return WITH_ARGUMENTS[error]() if error in WITH_ARGUMENTS else error("Change it.")


@pytest.mark.parametrize("error", ALL)
def test_every_error_has_a_status(error: type[MailrithError]) -> None:
    status, error_type = STATUSES[error]
    assert 400 <= status < 600
    assert error_type in TYPES
    assert error.code


def test_every_status_belongs_to_an_error() -> None:
    assert set(STATUSES) == set(ALL)


@pytest.mark.parametrize("module", [errors, wire_errors], ids=lambda module: module.__name__)
def test_every_class_of_the_module_is_in_its_tree(module: ModuleType) -> None:
    classes = {value for value in vars(module).values() if inspect.isclass(value) and issubclass(value, Exception)}
    assert classes - {MailrithError, errors.StartError} <= set(ALL)
    tree = inspect.getdoc(module) or ""
    assert [error.__name__ for error in classes if error.__name__ not in tree] == []


@pytest.mark.parametrize("error", ALL)
def test_every_error_becomes_an_envelope(error: type[MailrithError]) -> None:
    response = respond(make(error))
    assert isinstance(response.body, bytes)
    body = msgspec.json.decode(response.body)["error"]
    assert response.status == STATUSES[error][0]
    assert (body["type"], body["code"]) == (STATUSES[error][1], error.code)
    assert body["message"].endswith(".")
    assert "details" not in body


@pytest.mark.parametrize("error", [error for error in ALL if STATUSES[error][0] in (429, 503)])
def test_429_and_503_have_retry_after(error: type[MailrithError]) -> None:
    assert respond(make(error)).headers["Retry-After"] == "1"


def test_details_have_field_reason_and_resource() -> None:
    error = errors.InvalidRequest("Change it.", field="mappings[0]", reason="deleted", resource=("tag", "tag_1"))
    assert error.details == {
        "field": "mappings[0]",
        "reason": "deleted",
        "resource": {"type": "tag", "id": "tag_1"},
    }


@pytest.mark.parametrize("resource", ["job", "custom_field"])
def test_the_code_of_not_found_names_the_resource(resource: str) -> None:
    error = errors.NotFound.of(resource, "x_1")
    assert error.error_code == f"{resource}_not_found"
    assert error.details == {"resource": {"type": resource, "id": "x_1"}}


def test_the_code_of_one_error_does_not_change_its_class() -> None:
    errors.Conflict("Change it.", code="tag_name_conflict")
    assert errors.Conflict("Change it.").error_code == "conflict"
