"""The tree of errors: each has a status on the wire, a code, and a message that tells what to change."""

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


def below(error: type[MailrithError]) -> Iterator[type[MailrithError]]:
    for child in error.__subclasses__():
        yield child
        yield from below(child)


EVERY = sorted(set(below(MailrithError)), key=lambda error: error.__name__)
MADE = {
    wire_errors.MethodNotAllowed: lambda: wire_errors.MethodNotAllowed("PUT", ["POST", "GET"]),
    errors.InsufficientScope: lambda: errors.InsufficientScope(["a", "b"], ["b"], ["a"]),
    wire_errors.OperationNotSupported: lambda: wire_errors.OperationNotSupported("listForms"),
    wire_errors.InternalError: lambda: wire_errors.InternalError("req_1"),
    wire_errors.RangeNotSatisfiable: lambda: wire_errors.RangeNotSatisfiable("bytes */5"),
}
WITHOUT_ARGUMENTS = [
    wire_errors.HeadersTooLarge,
    errors.InvalidApiKey,
    wire_errors.InvalidIdempotencyKey,
    wire_errors.ShuttingDown,
    errors.StorageFull,
    wire_errors.Unhealthy,
    wire_errors.PreconditionFailed,
]


def make(error: type[MailrithError]) -> MailrithError:
    if error in WITHOUT_ARGUMENTS:
        return error()  # type: ignore[call-arg]
    return MADE[error]() if error in MADE else error("Change it.")


@pytest.mark.parametrize("error", EVERY)
def test_every_error_has_a_status(error: type[MailrithError]) -> None:
    status, error_type = STATUSES[error]
    assert 400 <= status < 600
    assert error_type in TYPES
    assert error.code


def test_no_status_is_kept_for_an_error_that_is_gone() -> None:
    assert set(STATUSES) == set(EVERY)


@pytest.mark.parametrize("module", [errors, wire_errors], ids=lambda module: module.__name__)
def test_every_class_of_the_module_is_in_its_tree(module: ModuleType) -> None:
    classes = {value for value in vars(module).values() if inspect.isclass(value) and issubclass(value, Exception)}
    assert classes - {MailrithError, errors.StartError} <= set(EVERY)
    tree = inspect.getdoc(module) or ""
    assert [error.__name__ for error in classes if error.__name__ not in tree] == []


@pytest.mark.parametrize("error", EVERY)
def test_every_error_makes_an_envelope(error: type[MailrithError]) -> None:
    response = respond(make(error))
    assert isinstance(response.body, bytes)
    shown = msgspec.json.decode(response.body)["error"]
    assert response.status == STATUSES[error][0]
    assert (shown["type"], shown["code"]) == (STATUSES[error][1], error.code)
    assert shown["message"].endswith(".")
    assert "details" not in shown


@pytest.mark.parametrize("error", [error for error in EVERY if STATUSES[error][0] in (429, 503)])
def test_who_may_come_back_is_told_when(error: type[MailrithError]) -> None:
    assert respond(make(error)).headers["Retry-After"] == "1"


def test_details_hold_what_is_known() -> None:
    error = errors.InvalidBody("Change it.", field="mappings[0]", reason="gone", resource=("tag", "tag_1"))
    assert error.details == {
        "field": "mappings[0]",
        "reason": "gone",
        "resource": {"type": "tag", "id": "tag_1"},
    }


@pytest.mark.parametrize("resource", ["job", "custom_field"])
def test_a_resource_that_is_not_there_has_a_code_of_its_own(resource: str) -> None:
    error = errors.NotFound.of(resource, "x_1")
    assert error.error_code == f"{resource}_not_found"
    assert error.details == {"resource": {"type": resource, "id": "x_1"}}


def test_one_errors_code_is_not_the_next_ones() -> None:
    errors.Conflict("Change it.", code="tag_name_taken")
    assert errors.Conflict("Change it.").error_code == "conflict"
