"""`mailrith-lite serve`: one process, from the lock on its data directory to a clean end."""

import asyncio
import contextlib
import gc
import resource
import signal
import sys
from collections.abc import AsyncIterator

import click

from mailrith_lite import __version__, logs
from mailrith_lite.app import create_app, first_start, listening, open_services
from mailrith_lite.http.services import Services
from mailrith_lite.settings import Settings

_CLOSE_SECONDS = 2.0  # for requests that are still being answered when the jobs are put back
_SWITCH_SECONDS = 0.0005  # threads that parse rows hand the interpreter over this often, so that answers come soon
_GC_THRESHOLD = 50_000  # a chunk of rows is that many objects, and none of them is garbage in a cycle


def run(settings: Settings) -> None:
    """
    Raises:
        StartError: the data directory or the address cannot be used.
    """
    logs.configure(settings.log_format, settings.log_level)
    _raise_open_files()
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    with _fast_loop() as runner:
        runner.run(_serve(settings))


def _raise_open_files() -> None:
    """As many connections as the system allows: the usual soft limit, 1,024, is soon reached."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _fast_loop() -> asyncio.Runner:
    """uvloop's loop where the extra `speed` is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _serve(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running(settings) as (address, _):
        shown = f"serving {address} (data directory: {settings.data_dir})"
        click.echo(f"mailrith-lite {__version__} {shown}")
        sys.stdout.flush()
        await stop.wait()
        logs.service.info("stopping")


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[tuple[str, Services]]:
    """The service, answering; gives its address. At the end: stop accepting, put jobs back, close."""
    async with open_services(settings) as services:
        key = await first_start(services)
        shown = key is not None and settings.bootstrap_key is None
        if shown:
            click.echo(f"The API key of the new workspace Default, shown this once: {key}", err=True)
        async with listening(create_app(services), settings, grace=_CLOSE_SECONDS) as address:
            if shown:
                click.echo(f"The console, to sign in with it: {address}/console", err=True)
            yield address, services
