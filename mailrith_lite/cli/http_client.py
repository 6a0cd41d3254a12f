"""A client of the HTTP API, with one-line errors, and retries where a repeated request is safe.

errors.StartError
├── Unreachable     no answer came
└── Refused         the answer is an error
"""

import asyncio
import contextlib
import io
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import aiohttp
import msgspec
from yarl import URL

from mailrith_lite import __version__
from mailrith_lite.errors import StartError
from mailrith_lite.settings import ClientSettings

T = TypeVar("T")

NO_QUERY: Mapping[str, str] = {}
PAGE = 100  # the largest `limit` that the API takes
_DELAYS_BEFORE_FIRST_ANSWER = (0.3, 0.7)  # seconds between attempts; short, because perhaps no service runs there
_DELAYS_AFTER_FIRST_ANSWER = (0.5, 1.0, 2.0)  # long enough for a restart of the service
_LONGEST_WAIT = 30.0
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
_UPLOAD_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10)  # the answer comes when the whole file is read
_BLOCK = 1 << 16


class Unreachable(StartError):
    """`delivered`: the service may have received the request."""

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


class _Page(msgspec.Struct, frozen=True):
    has_more: bool
    next_cursor: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    data: msgspec.Raw
    pagination: _Page = _Page(has_more=False)


class _Error(msgspec.Struct, frozen=True):
    code: str
    message: str
    details: dict[str, Any] = {}


class _Envelope(msgspec.Struct, frozen=True):
    error: _Error


class ApiClient:
    def __init__(self, session: aiohttp.ClientSession, settings: ClientSettings) -> None:
        self._session = session
        self._base = settings.api_base_url
        self._headers = {
            "Authorization": f"Bearer {settings.api_key}",
            "Content-Type": "application/json",
            "x-mailrith-client": f"mailrith_lite_cli/{__version__}",
        }
        self._answered = False

    async def get(self, path: str, form: type[T]) -> T:
        """
        Raises:
            Unreachable, Refused
        """
        return self._decode((await self._request("GET", path)).data, form)

    async def post(self, path: str, form: type[T], body: Any = None, *, key: str | None = None) -> T:
        """Retries after a broken connection only with an idempotency key.

        Raises:
            Unreachable, Refused
        """
        sent = b"" if body is None else msgspec.json.encode(body)
        return self._decode((await self._request("POST", path, sent, key)).data, form)

    async def change(
        self, method: Literal["PUT", "PATCH", "DELETE"], path: str, form: type[T], body: Any = None
    ) -> T:
        """Changes a resource, and returns it as it is now. Never retries.

        Raises:
            Unreachable, Refused
        """
        sent = None if body is None else msgspec.json.encode(body)
        return self._decode((await self._request(method, path, sent)).data, form)

    async def delete(self, path: str) -> None:
        """
        Raises:
            Unreachable, Refused
        """
        await self._request("DELETE", path)

    async def put(self, url: str, form: type[T], blocks: AsyncIterator[bytes], file_name: str) -> T:
        """Sends a file to a signed link, without the API key.

        Raises:
            Unreachable, Refused
        """
        address = URL(url).update_query(file_name=file_name)
        with _network_errors(url):
            async with self._session.put(
                address, data=blocks, allow_redirects=False, timeout=_UPLOAD_TIMEOUT
            ) as answer:
                data = await answer.read()
        if answer.status != 200:
            raise _refusal(url, answer, data)
        try:
            return self._decode(msgspec.json.decode(data, type=_Answer).data, form)
        except (msgspec.DecodeError, UnicodeError):
            raise _foreign_answer(url, answer) from None

    async def list_items(
        self, path: str, form: type[T], query: Mapping[str, str | Sequence[str]] = NO_QUERY
    ) -> AsyncGenerator[T]:
        """All items of a list, newest first. The next page is requested after the last item of a page.

        `query`: the filter, without the parameters of the page.

        Raises:
            Unreachable, Refused
        """
        address = URL(path).with_query(query).update_query(limit=PAGE)
        while True:
            answer = await self._request("GET", str(address))
            for item in self._decode(answer.data, list[form]):  # type: ignore[valid-type]
                yield item
            if not answer.pagination.has_more or answer.pagination.next_cursor is None:
                return
            address = address.update_query(starting_after=answer.pagination.next_cursor)

    async def list_first(
        self, path: str, form: type[T], limit: int, query: Mapping[str, str | Sequence[str]] = NO_QUERY
    ) -> list[T]:
        """The newest items of a list.

        Raises:
            Unreachable, Refused
        """
        items: list[T] = []
        async with contextlib.aclosing(self.list_items(path, form, query)) as rest:
            async for item in rest:
                items.append(item)
                if len(items) == limit:
                    break
        return items

    async def stream(self, url: str) -> AsyncIterator[bytes]:
        """The blocks of the file of a signed link, which is requested without the API key.

        Raises:
            Unreachable: no answer came, or the connection broke.
            Refused: the link is wrong or has expired.
        """
        with _network_errors(url):
            async with self._session.get(url) as answer:
                if answer.status != 200:
                    raise _refusal(url, answer, await answer.read())
                async for block in answer.content.iter_chunked(_BLOCK):
                    yield block

    async def _request(self, method: str, path: str, body: bytes | None = None, key: str | None = None) -> _Answer:
        delays = iter(_DELAYS_AFTER_FIRST_ANSWER if self._answered else _DELAYS_BEFORE_FIRST_ANSWER)
        delivered = False
        while True:
            try:
                return await self._attempt(method, path, body, key)
            except Unreachable as failure:
                delivered = failure.delivered = delivered or failure.delivered
                delay = next(delays, None)
                if delay is None or (method != "GET" and key is None):
                    raise
            except Refused as refusal:
                delay = next(delays, None)
                if delay is None or refusal.retry_after is None:
                    raise
                delay = min(max(delay, refusal.retry_after), _LONGEST_WAIT)
            await asyncio.sleep(delay)

    async def _attempt(self, method: str, path: str, body: bytes | None, key: str | None) -> _Answer:
        headers = self._headers if key is None else self._headers | {"Idempotency-Key": key}
        url = self._base + path
        with _network_errors(self._base):
            sent = None if body is None else io.BytesIO(body)  # aiohttp sends large bytes in one piece, and warns
            async with self._session.request(
                method, url, data=sent, headers=headers, allow_redirects=False
            ) as answer:
                data = await answer.read()
        self._answered = True
        if not 200 <= answer.status < 300:
            raise _refusal(self._base, answer, data)
        if answer.status == 204:
            return _Answer(data=msgspec.Raw(b"null"))
        try:
            return msgspec.json.decode(data, type=_Answer)
        except (msgspec.DecodeError, UnicodeError):
            raise _foreign_answer(self._base, answer) from None

    def _decode(self, data: msgspec.Raw, form: type[T]) -> T:
        try:
            return msgspec.json.decode(data, type=form)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise StartError(f"{self._base} does not answer like Mailrith's API: {error}") from None


def new_idempotency_key() -> str:
    return f"cli-{secrets.token_hex(16)}"


@contextlib.asynccontextmanager
async def connect(settings: ClientSettings) -> AsyncIterator[ApiClient]:
    """
    Raises:
        StartError: the settings have no key, or its form is wrong.
    """
    if settings.api_key is None:
        raise StartError(
            "set MAILRITH_API_KEY to an API key of the workspace; `mailrith-lite keys create` makes one"
        )
    if not re.fullmatch(r"[!-~]+", settings.api_key):
        raise StartError("MAILRITH_API_KEY is not an API key: mrk_ and letters, digits, _ or -")
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        yield ApiClient(session, settings)


@contextlib.contextmanager
def _network_errors(url: str) -> Iterator[None]:
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


def _refusal(url: str, answer: aiohttp.ClientResponse, data: bytes) -> StartError:
    if answer.status in (301, 302, 303, 307, 308):
        return StartError(
            f"{_origin(url)} redirects to {answer.headers.get('Location', 'another address')};"
            " set MAILRITH_API_BASE_URL to the address of the service itself"
        )
    try:
        error = msgspec.json.decode(data, type=_Envelope).error
    except (msgspec.DecodeError, UnicodeError):
        return _foreign_answer(url, answer)
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
    reason = "the service does not know the key in MAILRITH_API_KEY" if unknown else _sentence(error.message)
    return f"{reason}; `mailrith-lite keys create` makes another"


def _foreign_answer(url: str, answer: aiohttp.ClientResponse) -> StartError:
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
