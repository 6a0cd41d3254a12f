"""Errors that only an HTTP request can end with. Rooms that do not know HTTP raise those of `errors`.

Invalid
├── InvalidHttp, HeadersTooLarge, MethodNotAllowed, ExpectationFailed
├── InvalidQuery, InvalidIdempotencyKey
└── PreconditionFailed, RangeNotSatisfiable
ServiceError
└── OperationNotSupported, ShuttingDown, Unhealthy, InternalError
"""

from collections.abc import Sequence
from typing import Any

from mailrith_lite.errors import Invalid, ServiceError


class InvalidHttp(Invalid):
    code = "invalid_http"


class HeadersTooLarge(Invalid):
    code = "headers_too_large"

    def __init__(self) -> None:
        super().__init__("A line of the request's head is too long.")


class MethodNotAllowed(Invalid):
    code = "method_not_allowed"

    def __init__(self, method: str, allowed: Sequence[str]) -> None:
        self.allowed = ", ".join(sorted(allowed))
        super().__init__(f"{method} is not possible here; use {self.allowed}.")


class ExpectationFailed(Invalid):
    code = "expectation_failed"


class InvalidQuery(Invalid):
    """A query parameter is unknown or has a value that it does not take."""


class InvalidIdempotencyKey(Invalid):
    code = "idempotency_key_invalid"

    def __init__(self) -> None:
        super().__init__("Idempotency-Key takes 1 to 255 printable ASCII characters.")


class PreconditionFailed(Invalid):
    code = "precondition_failed"

    def __init__(self) -> None:
        super().__init__("The file is not the one that If-Match or If-Unmodified-Since asks for.")


class RangeNotSatisfiable(Invalid):
    """`content_range`: the header of the response; it has the size of the file."""

    code = "range_not_satisfiable"

    def __init__(self, content_range: str) -> None:
        super().__init__("The file has no such range of bytes; leave the header Range out to get all of it.")
        self.content_range = content_range


class OperationNotSupported(ServiceError):
    code = "operation_not_supported"

    def __init__(self, operation_id: str, *, instead: str = "") -> None:
        """`instead`: what to do."""
        end = f"; {instead}." if instead else "."
        super().__init__(f"mailrith_lite does not serve the operation {operation_id}{end}")

    def extra(self) -> dict[str, Any]:
        """Without it, Mailrith's MCP server tells its agent to send the request again."""
        guidance = "Do not send this request again. GET /v1/capabilities lists the operations that are served."
        return {"retry": {"safe": False, "guidance": guidance}}


class ShuttingDown(ServiceError):
    code = "shutting_down"

    def __init__(self) -> None:
        super().__init__("The service is shutting down; send the request again in a moment.")


class Unhealthy(ServiceError):
    code = "unhealthy"

    def __init__(self) -> None:
        super().__init__("The database does not answer; look into the service's log.")


class InternalError(ServiceError):
    def __init__(self, request_id: str) -> None:
        super().__init__(f"Something went wrong inside the service. Its log has the details under {request_id}.")
