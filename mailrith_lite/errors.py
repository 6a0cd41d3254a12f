"""The errors that clients and users see. `http.statuses` has the HTTP status of each class.

MailrithError
├── Invalid                 the request must be changed
│   ├── InvalidRequest      a field breaks a rule
│   ├── InvalidBody         the body is not JSON, or not an object
│   ├── InvalidFile         an uploaded file cannot be read
│   └── PayloadTooLarge, UnsupportedMediaType
├── InvalidApiKey           the key is missing, malformed or unknown
│   └── RevokedApiKey, ExpiredApiKey
├── Forbidden
│   └── InsufficientScope, InvalidSignature
├── NotFound                also for everything of another workspace
│   └── Expired             it existed
├── Conflict
├── TooManyRequests         a later request can succeed
│   └── QueueFull, RateLimited
└── ServiceError            the service itself fails
    └── StorageFull, StorageLost, DatabaseBusy, QueryTooSlow
StartError                  a command cannot do its work; its text is the one line on stderr

`http.wire_errors` adds the errors that only an HTTP request can end with.
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
        """Further members of the error object, after type, code, message and details."""
        return {}


class Invalid(MailrithError):
    code = "invalid_request"


class InvalidRequest(Invalid):
    """A field breaks a rule. Without a code of its own, it gets the one of the field in the request's form."""


class InvalidBody(Invalid):
    code = "invalid_body"


class InvalidFile(Invalid):
    code = "invalid_file"


class PayloadTooLarge(Invalid):
    code = "request_body_too_large"


class UnsupportedMediaType(Invalid):
    code = "unsupported_media_type"


class InvalidApiKey(MailrithError):
    code = "invalid_api_key"

    def __init__(self, message: str = "Send a valid API key in the header `Authorization: Bearer mrk_…`.") -> None:
        super().__init__(message)


class RevokedApiKey(InvalidApiKey):
    code = "revoked_api_key"

    def __init__(self) -> None:
        super().__init__("This API key was revoked or replaced; use another one.")


class ExpiredApiKey(InvalidApiKey):
    code = "expired_api_key"

    def __init__(self) -> None:
        super().__init__("This API key has expired; create a new one.")


class Forbidden(MailrithError):
    code = "forbidden"


class InvalidSignature(Forbidden):
    code = "invalid_signature"


class InsufficientScope(Forbidden):
    code = "insufficient_scope"

    def __init__(self, required: Sequence[str], missing: Sequence[str], key_scopes: Sequence[str]) -> None:
        super().__init__(f"This API key lacks the scope {' and '.join(missing)}; use a key that has it.")
        self.required = list(required)
        self.missing = list(missing)
        self.replacement = sorted({*key_scopes, *required})

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


class TooManyRequests(MailrithError):
    """`retry_after`: seconds."""

    code = "rate_limited"

    def __init__(
        self, message: str, *, code: str | None = None, reason: str | None = None, retry_after: int = 1
    ) -> None:
        super().__init__(message, code=code, reason=reason)
        self.retry_after = retry_after


class QueueFull(TooManyRequests):
    code = "queue_full"


class RateLimited(TooManyRequests):
    code = "rate_limited"


class ServiceError(MailrithError):
    code = "internal_error"


class StorageFull(ServiceError):
    code = "storage_full"

    def __init__(self) -> None:
        super().__init__("The service's disk is full; nothing was changed. Free some space and try again.")


class DatabaseBusy(ServiceError):
    code = "database_busy"

    def __init__(self) -> None:
        super().__init__(
            "Another program holds a lock on the database; nothing was changed. Try again in a moment."
        )


class QueryTooSlow(ServiceError):
    code = "query_too_slow"

    def __init__(self) -> None:
        super().__init__(
            "The query takes too long. Narrow it: search for a longer text, add a filter, or use fewer conditions."
        )


class StorageLost(ServiceError):
    code = "storage_lost"

    def __init__(self) -> None:
        super().__init__("The service's data directory was deleted or replaced; nothing was changed. Restart it.")


class StartError(Exception):
    """A command cannot do its work; the text is the one line that the user reads.

    `code` is stable and machine-readable; `exit_code` is the command's.
    """

    code = "command_failed"
    exit_code: ClassVar[int] = 1

    def document(self) -> dict[str, Any]:
        """The error as a program reads it."""
        return {"code": self.code, "message": str(self)}
