"""Everything that can go wrong on purpose. Nothing here knows HTTP; `api.errors` gives each class its status.

MailrithError
├── Invalid                 what was sent must be changed
│   ├── InvalidBody, InvalidJson, InvalidQuery, InvalidIdempotencyKey
│   ├── InvalidFile         a file that was handed over cannot be read
│   ├── PayloadTooLarge, HeadersTooLarge, UnsupportedMediaType, ExpectationFailed, InvalidHttp
│   └── MethodNotAllowed
├── InvalidApiKey           the key is missing, unknown, expired or revoked: never says which
├── Forbidden
│   ├── InsufficientScope, InvalidSignature
├── NotFound                also everything of another workspace
│   └── Expired             it was there
├── Conflict
├── QueueFull               come back later
└── ServiceError            our side
    ├── OperationNotSupported, ShuttingDown, StorageFull, Unhealthy, InternalError
StartError                  a command cannot do its work; its text is the one line on stderr
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class MailrithError(Exception):
    """`code` is stable and machine-readable; the message is one sentence that says what to change."""

    code: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        reason: str | None = None,
        resource: tuple[str, str] | None = None,
    ) -> None:
        """`field` is a path such as `mappings[2].csv_column`; `resource` is a type and a public id."""
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.details: dict[str, Any] = {}
        if field is not None:
            self.details["field"] = field
        if reason is not None:
            self.details["reason"] = reason
        if resource is not None:
            self.details["resource"] = {"type": resource[0], "id": resource[1]}

    def extra(self) -> dict[str, Any]:
        """Members of the error object beside type, code, message and details."""
        return {}


class Invalid(MailrithError):
    code = "invalid_request"


class InvalidBody(Invalid):
    code = "invalid_body"


class InvalidJson(Invalid):
    code = "invalid_json"


class InvalidQuery(Invalid):
    code = "invalid_query"


class InvalidIdempotencyKey(Invalid):
    code = "invalid_idempotency_key"

    def __init__(self) -> None:
        super().__init__("Idempotency-Key takes 1 to 255 printable ASCII characters.")


class InvalidHttp(Invalid):
    code = "invalid_http"


class InvalidFile(Invalid):
    code = "invalid_file"


class PayloadTooLarge(Invalid):
    code = "payload_too_large"


class HeadersTooLarge(Invalid):
    code = "headers_too_large"

    def __init__(self) -> None:
        super().__init__("A line of the request's head is too long.")


class UnsupportedMediaType(Invalid):
    code = "unsupported_media_type"


class ExpectationFailed(Invalid):
    code = "expectation_failed"


class MethodNotAllowed(Invalid):
    code = "method_not_allowed"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        super().__init__(f"{method} is not possible here; use {self.allowed}.")


class InvalidApiKey(MailrithError):
    code = "invalid_api_key"

    def __init__(self) -> None:
        super().__init__("Send a valid API key in the header `Authorization: Bearer mrk_…`.")


class Forbidden(MailrithError):
    code = "forbidden"


class InvalidSignature(Forbidden):
    code = "invalid_signature"


class InsufficientScope(Forbidden):
    code = "insufficient_scope"

    def __init__(self, required: Sequence[str], missing: Sequence[str], held: Sequence[str]) -> None:
        super().__init__(f"This API key lacks the scope {' and '.join(missing)}; use a key that has it.")
        self.required = list(required)
        self.missing = list(missing)
        self.replacement = sorted({*held, *required})

    def extra(self) -> dict[str, Any]:
        return {
            "required_scopes": self.required,
            "missing_scopes": self.missing,
            "replacement_scopes": self.replacement,
            "credential_type": "workspace_api_key",
            "recovery": {
                "action": "replace_api_key",
                "message": "Create a key with the scopes in replacement_scopes and use it instead of this one.",
                "replacement_scopes": self.replacement,
            },
        }


class NotFound(MailrithError):
    code = "not_found"

    @classmethod
    def of(cls, resource: str, public_id: str) -> "NotFound":
        """`of("custom_field", …)` has the code `custom_field_not_found`."""
        name = resource.replace("_", " ")
        return cls(
            f"There is no {name} with this id in the workspace.",
            code=f"{resource}_not_found",
            resource=(resource, public_id),
        )


class Expired(NotFound):
    code = "download_expired"


class Conflict(MailrithError):
    code = "conflict"


class QueueFull(MailrithError):
    """`retry_after`: seconds."""

    code = "queue_full"

    def __init__(self, message: str, *, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ServiceError(MailrithError):
    code = "internal_error"


class OperationNotSupported(ServiceError):
    code = "operation_not_supported"

    def __init__(self, operation_id: str) -> None:
        super().__init__(f"mailrith_lite does not serve the operation {operation_id}.")


class ShuttingDown(ServiceError):
    code = "shutting_down"

    def __init__(self) -> None:
        super().__init__("The service is shutting down; send the request again in a moment.")


class StorageFull(ServiceError):
    code = "storage_full"

    def __init__(self) -> None:
        super().__init__("The service's disk is full; nothing was changed. Free some space and try again.")


class Unhealthy(ServiceError):
    code = "unhealthy"

    def __init__(self) -> None:
        super().__init__("The database does not answer; look into the service's log.")


class InternalError(ServiceError):
    def __init__(self, request_id: str) -> None:
        super().__init__(f"Something went wrong inside the service. Its log has the details under {request_id}.")


class StartError(Exception):
    """A command cannot do its work; the text is the one line that the user reads."""
