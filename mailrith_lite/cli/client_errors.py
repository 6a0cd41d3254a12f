"""The errors of a client command, each of one line.

errors.StartError
├── Unreachable     no answer came
└── Refused         the answer is an error
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import aiohttp
import msgspec

from mailrith_lite.errors import StartError


class Unreachable(StartError):
    """No answer came. `delivered`: the service may have received the request."""

    code = "unreachable"

    def __init__(self, message: str, *, delivered: bool) -> None:
        super().__init__(message)
        self.delivered = delivered


class Refused(StartError):
    """`code`: of the API. `retry_after`: in seconds; None when a repetition cannot succeed."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        details: Mapping[str, Any],
        request_id: str | None,
        retry_after: float | None = None,
    ) -> None:
        hints = (code, details.get("field"), request_id and f"request {request_id}")
        super().__init__(f"{message} ({_listing(hints)})")
        self.code = code
        self.retry_after = retry_after
        self._document = {"code": code, "message": message, "details": details, "request_id": request_id}

    def document(self) -> dict[str, Any]:
        return self._document


class _Error(msgspec.Struct, frozen=True):
    code: str
    message: str
    details: dict[str, Any] = {}


class _Envelope(msgspec.Struct, frozen=True):
    error: _Error


@contextlib.contextmanager
def network_errors(url: str) -> Iterator[None]:
    """Turns errors of the network into one-line errors."""
    try:
        yield
    except aiohttp.ClientConnectorCertificateError as error:
        raise Unreachable(f"cannot reach {_origin(url)}: its certificate is not valid", delivered=False) from error
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise Unreachable(
            f"cannot reach {_origin(url)}: check that the service runs there", delivered=False
        ) from error
    except aiohttp.InvalidURL as error:
        raise StartError(f"{_origin(url)} is not an address; check MAILRITH_API_BASE_URL") from error
    except TimeoutError as error:
        raise Unreachable(f"{_origin(url)} does not answer", delivered=True) from error
    except (aiohttp.ClientError, ConnectionError) as error:
        raise Unreachable(f"the connection to {_origin(url)} broke", delivered=True) from error


def refusal(url: str, answer: aiohttp.ClientResponse, data: bytes) -> StartError:
    if answer.status in (301, 302, 303, 307, 308):
        return StartError(
            f"{_origin(url)} redirects to {answer.headers.get('Location', 'another address')};"
            " set MAILRITH_API_BASE_URL to the address of the service itself"
        )
    try:
        error = msgspec.json.decode(data, type=_Envelope).error
    except (msgspec.DecodeError, UnicodeError):
        return foreign_answer(url, answer)
    return Refused(
        _advice(error, answer.status),
        code=error.code,
        details=error.details,
        request_id=answer.headers.get("x-mailrith-request-id"),
        retry_after=_retry_after(answer) if answer.status in (429, 503) else None,
    )


def _advice(error: _Error, status: int) -> str:
    """The sentence of the API, in the words of the command line where it is about the key."""
    if status != 401:
        return _sentence(error.message)
    unknown = error.code == "invalid_api_key"
    reason = "the service does not know this API key" if unknown else _sentence(error.message)
    return f"{reason}; `mailrith-lite keys create` makes another"


def foreign_answer(url: str, answer: aiohttp.ClientResponse) -> StartError:
    """The error for an answer that is not of this API: a page of a proxy, or another server."""
    return StartError(
        f"{_origin(url)} does not answer like Mailrith's API (HTTP {answer.status}, {answer.content_type});"
        " check MAILRITH_API_BASE_URL"
    )


def _retry_after(answer: aiohttp.ClientResponse) -> float:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def _origin(url: str) -> str:
    """Scheme and host. The rest of a signed link is a secret."""
    return "/".join(url.split("/", 3)[:3])


def _sentence(message: str) -> str:
    return message.rstrip(". ")


def _listing(hints: Iterable[Any]) -> str:
    return ", ".join(str(hint) for hint in hints if hint)
