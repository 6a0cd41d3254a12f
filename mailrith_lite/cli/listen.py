"""A receiver of webhooks on loopback, for somebody who has none yet."""

import asyncio
import contextlib
import hmac
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import click
from aiohttp import web

from mailrith_lite import clock
from mailrith_lite.cli.client_errors import Refused
from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.printing import print_note, print_text
from mailrith_lite.cli.remote_webhooks import PATH, NewSecret, path_of
from mailrith_lite.errors import StartError
from mailrith_lite.webhooks import signing

Receive = Callable[[web.Request], Awaitable[web.Response]]
_TOLERANCE = 300  # seconds that the clocks of sender and receiver may differ


async def print_events(client: ApiClient, port: int, patterns: Sequence[str]) -> None:
    """Subscribes to the patterns, and prints each event until SIGINT or SIGTERM.

    Raises:
        Unreachable, Refused
        StartError: the port is in use, or the service sends nothing to this machine.
    """
    secret = b""

    async def receive(request: web.Request) -> web.Response:
        body = await request.read()
        if not _is_valid(secret, request, body):
            print_text("refused a request whose signature is not valid")
            return web.Response(status=400)
        click.echo(body)
        return web.Response(status=204)

    async with _serving(receive, port) as url:
        new = await _subscribe(client, url, patterns)
        secret = signing.from_text(new.signing_secret)
        print_note(f"listening on {url} for {', '.join(patterns)}; Ctrl-C ends")
        try:
            await _stopped()
        finally:
            await client.delete(path_of(new.subscription.id))


@contextlib.asynccontextmanager
async def _serving(receive: Receive, port: int) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", receive)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError:
            raise StartError(f"port {port} is in use; choose another with --port") from None
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def _subscribe(client: ApiClient, url: str, patterns: Sequence[str]) -> NewSecret:
    body = {"name": f"listen {secrets.token_hex(4)}", "url": url, "event_patterns": list(patterns)}
    try:
        return await client.post(PATH, NewSecret, body)
    except Refused as refusal:
        if refusal.code != "invalid_webhook_subscription_url":
            raise
        raise StartError(
            "the service sends nothing to this machine;"
            " start it with MAILRITH_LITE_ALLOW_PRIVATE_WEBHOOKS=on, or use mailrith-lite sandbox"
        ) from refusal


def _is_valid(secret: bytes, request: web.Request, body: bytes) -> bool:
    timestamp = request.headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(int(timestamp) - clock.now() // clock.SECOND) > _TOLERANCE:
        return False
    expected = signing.signature(secret, request.headers.get("webhook-id", ""), int(timestamp), body)
    return hmac.compare_digest(expected.encode(), request.headers.get("webhook-signature", "").encode())


async def _stopped() -> None:
    """Waits for SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()
