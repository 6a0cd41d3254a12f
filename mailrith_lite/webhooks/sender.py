"""Sends one event to its receiver: a single attempt, with no redirect, proxy or cookie."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from time import monotonic
from typing import Final

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver

from mailrith_lite import __version__, clock, disk
from mailrith_lite.webhooks import events, signing
from mailrith_lite.webhooks.delivery_table import Delivery
from mailrith_lite.webhooks.subscription_table import Subscription
from mailrith_lite.webhooks.targets import UnusableTarget, open_public_socket

TIMEOUT: Final = 15.0  # seconds, from the look-up of the name to the end of the answer
_IDLE_SECONDS = 4.0  # of a connection; a receiver in Node closes it after 5
_MAX_ANSWER = 1 << 16  # bytes
_MAX_TEXT = 200  # characters of the answer that are kept
_MAX_RETRY_AFTER = clock.DAY


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The result of an attempt. `error`: a sentence; None for a success. `retry_after`: milliseconds that the
    receiver asks for. `status`, `answer`: None without an answer.
    """

    status: int | None
    answer: str | None
    error: str | None
    retry_after: int
    milliseconds: int

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more events."""
        return self.status == 410


class Sender:
    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, *, allow_private: bool, resolver: AbstractResolver | None = None, seconds: float = TIMEOUT
    ) -> AsyncIterator["Sender"]:
        """`resolver`: of names, by default the system's. `seconds`: the most that an attempt may take."""
        connector = aiohttp.TCPConnector(
            limit=0,
            resolver=resolver,
            use_dns_cache=False,
            keepalive_timeout=_IDLE_SECONDS,
            socket_factory=None if allow_private else open_public_socket,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=seconds),
            auto_decompress=False,
            trust_env=False,
        ) as session:
            yield cls(session)

    async def send(self, receiver: Subscription, delivery: Delivery) -> Outcome:
        """
        Raises:
            OSError: this process has no file descriptor left, so the receiver was not asked.
        """
        begin = monotonic()
        status: int | None = None
        answer: str | None = None
        error: str | None = None
        retry_after = 0
        body = events.body(delivery)
        try:
            async with self._session.post(
                receiver.url or "", data=body, headers=_headers(receiver, delivery, body), allow_redirects=False
            ) as response:
                status, error = response.status, refusal(response.status)
                if "Retry-After" in response.headers:
                    retry_after = _retry_after(response.headers["Retry-After"])
                with contextlib.suppress(aiohttp.ClientError, ConnectionError, TimeoutError):
                    answer = await _read_text(response)
        except (aiohttp.ClientError, OSError, ValueError) as failure:  # TimeoutError is an OSError
            if disk.is_out_of_descriptors(getattr(failure, "os_error", failure)):
                raise
            error = _reason(failure)
        milliseconds = round((monotonic() - begin) * 1_000)
        return Outcome(
            status=status, answer=answer, error=error, retry_after=retry_after, milliseconds=milliseconds
        )


def _headers(receiver: Subscription, delivery: Delivery, body: bytes) -> dict[str, str]:
    event_id, timestamp = delivery.public_event_id, clock.now() // clock.SECOND
    return {
        "Content-Type": "application/json",
        "User-Agent": f"mailrith-lite/{__version__}",
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signing.signature(receiver.secret, event_id, timestamp, body),
    }


def refusal(status: int) -> str | None:
    """A sentence for an answer that is not a success; None for a success."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"The receiver answered {status}. Redirects are not followed: change the subscription's address."
    return f"The receiver answered {status}."


async def _read_text(response: aiohttp.ClientResponse) -> str:
    received = b""
    while len(received) < _MAX_ANSWER and (block := await response.content.read(_MAX_ANSWER - len(received))):
        received += block
    return received.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")[:_MAX_TEXT]


def _retry_after(header: str) -> int:
    """Milliseconds from now; 0 for a header that has neither seconds nor a date."""
    text = header.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(int(text) * clock.SECOND, _MAX_RETRY_AFTER)
    try:
        return min(max(clock.parse_http_date(text) - clock.now(), 0), _MAX_RETRY_AFTER)
    except ValueError:
        return 0


def _reason(failure: Exception) -> str:
    cause = getattr(failure, "os_error", failure)
    match failure:
        case _ if isinstance(cause, UnusableTarget):
            return str(cause)
        case aiohttp.ClientConnectorDNSError():
            return "The name in the address cannot be resolved."
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "The receiver's certificate is not valid."
        case asyncio.TimeoutError():
            return "The receiver did not answer in time."
        case aiohttp.ClientConnectorError():
            return "No connection to the receiver is possible."
        case aiohttp.InvalidURL() | ValueError():
            return "The address cannot be used; change it in the subscription."
    return "The receiver closed the connection without a valid answer."
