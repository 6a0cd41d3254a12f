"""A client of the HTTP API, with one-line errors, and retries where a repeated request is safe."""

import asyncio
import contextlib
import io
import re
import secrets
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from typing import Any, Literal, TypeVar

import aiohttp
import msgspec
from yarl import URL

from mailrith_lite import __version__
from mailrith_lite.cli.client_errors import Refused, Unreachable, foreign_answer, network_errors, refusal
from mailrith_lite.errors import StartError
from mailrith_lite.settings import ClientSettings

T = TypeVar("T")

Document = dict[str, Any]
"""A resource as the API has it."""
NO_QUERY: Mapping[str, str] = {}
PAGE = 100  # the largest `limit` that the API takes
_DELAYS_BEFORE_FIRST_ANSWER = (0.3, 0.7)  # seconds between attempts; short, because perhaps no service runs there
_DELAYS_AFTER_FIRST_ANSWER = (0.5, 1.0, 2.0)  # long enough for a restart of the service
_LONGEST_WAIT = 30.0
_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
_UPLOAD_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=10)  # the answer comes when the whole file is read
_BLOCK = 1 << 16


class _Page(msgspec.Struct, frozen=True):
    has_more: bool
    next_cursor: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    data: msgspec.Raw
    pagination: _Page = _Page(has_more=False)


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
        with network_errors(url):
            async with self._session.put(
                address, data=blocks, allow_redirects=False, timeout=_UPLOAD_TIMEOUT
            ) as answer:
                data = await answer.read()
        if answer.status != 200:
            raise refusal(url, answer, data)
        try:
            return self._decode(msgspec.json.decode(data, type=_Answer).data, form)
        except (msgspec.DecodeError, UnicodeError):
            raise foreign_answer(url, answer) from None

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
        with network_errors(url):
            async with self._session.get(url) as answer:
                if answer.status != 200:
                    raise refusal(url, answer, await answer.read())
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
        with network_errors(self._base):
            sent = None if body is None else io.BytesIO(body)  # aiohttp sends large bytes in one piece, and warns
            async with self._session.request(
                method, url, data=sent, headers=headers, allow_redirects=False
            ) as answer:
                data = await answer.read()
        self._answered = True
        if not 200 <= answer.status < 300:
            raise refusal(self._base, answer, data)
        if answer.status == 204:
            return _Answer(data=msgspec.Raw(b"null"))
        try:
            return msgspec.json.decode(data, type=_Answer)
        except (msgspec.DecodeError, UnicodeError):
            raise foreign_answer(self._base, answer) from None

    def _decode(self, data: msgspec.Raw, form: type[T]) -> T:
        try:
            return msgspec.json.decode(data, type=form)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise StartError(f"{self._base} does not answer like Mailrith's API: {error}") from None


def read_as(document: Document, form: type[T]) -> T:
    """The members of a resource that a command uses; --json prints the whole document.

    Raises:
        StartError: the resource has another form.
    """
    try:
        return msgspec.convert(document, form)
    except msgspec.ValidationError as error:
        raise StartError(f"the service does not answer like Mailrith's API: {error}") from None


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
            "there is no API key: set MAILRITH_API_KEY, or run `mailrith-lite login URL`;"
            " `mailrith-lite keys create` makes a key"
        )
    if not re.fullmatch(r"[!-~]+", settings.api_key):
        raise StartError("this is not an API key: mrk_ and letters, digits, _ or -; check MAILRITH_API_KEY")
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        yield ApiClient(session, settings)


def call(settings: ClientSettings, work: Callable[[ApiClient], Awaitable[T]]) -> T:
    """Runs `work` with a client of its own.

    Raises:
        StartError: as `connect`, or of `work`.
    """

    async def run() -> T:
        async with connect(settings) as client:
            return await work(client)

    return asyncio.run(run())
