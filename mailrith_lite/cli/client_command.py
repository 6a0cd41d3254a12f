"""What commands that use the HTTP API of a running service have in common."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from mailrith_lite import settings

if TYPE_CHECKING:
    from mailrith_lite.cli.http_client import ApiClient

T = TypeVar("T")


def run(work: Callable[["ApiClient"], Awaitable[T]]) -> T:
    """Runs `work` with a client made from the environment."""
    from mailrith_lite.cli.http_client import connect

    async def run_connected() -> T:
        async with connect(settings.load_client(os.environ)) as client:
            return await work(client)

    return asyncio.run(run_connected())


def parse_status(text: str | None) -> str | None:
    """
    Raises:
        UsageError: it is not a status.
    """
    from mailrith_lite.audience import values

    try:
        return None if text is None else values.status(text)
    except values.Refused as refusal:
        raise click.UsageError(f"--status: {refusal.message}") from refusal
