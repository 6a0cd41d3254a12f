"""What commands that use the HTTP API of a running service have in common."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import click

from mailrith_lite import settings
from mailrith_lite.cli import output
from mailrith_lite.errors import StartError

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


def confirm(question: str, *, yes: bool) -> None:
    """Asks on the terminal, unless `yes`.

    Raises:
        StartError: the answer is no, or nobody can answer.
    """
    if yes:
        return
    if not sys.stdin.isatty() or output.current().as_json:
        raise StartError("nothing was changed; say --yes to do it without a question")
    if not click.confirm(question, err=True):
        raise StartError("nothing was changed")


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
