"""The command `serve`: one process, from the lock on its data directory to a clean end."""

import asyncio
import contextlib
import gc
import resource
import signal
import sys
from collections.abc import AsyncIterator

import click

from mailrith_lite import __version__, data_directory, logs
from mailrith_lite.api.listening import binding, listening
from mailrith_lite.app import (
    create_app,
    create_metrics_app,
    first_start,
    open_services,
    record_start,
)
from mailrith_lite.cli.printing import print_value
from mailrith_lite.cli.systemd import notify
from mailrith_lite.database.sqlite_settings import stop_counting_memory
from mailrith_lite.http.services import Services
from mailrith_lite.settings import Settings

_CLOSE_SECONDS = 2.0  # for requests without an answer yet, when the service stops
_SWITCH_SECONDS = 0.0001  # how soon a thread that plans rows lets a request continue
_OPEN_FILES = 10_240  # the most that macOS grants
_ARENA_MAX = -8  # M_ARENA_MAX in glibc's malloc.h
_GC_THRESHOLD = 50_000
"""New objects between two runs of the garbage collector. Those of a chunk stay until its end, so a low number
repeats work; with a high one, requests wait longer for each run."""


def run(settings: Settings, *, notify_socket: str | None = None) -> None:
    """Serves until SIGINT, SIGTERM or SIGHUP. `notify_socket`: where systemd waits for messages.

    Raises:
        StartError: the data directory or the address cannot be used.
    """
    _share_free_memory()  # before the first thread, which would get a store of its own
    logs.configure(settings.log_format, settings.log_level)
    _raise_open_files()
    stop_counting_memory()
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)
    with _fast_loop() as runner:
        runner.run(_serve(settings, notify_socket))


def _raise_open_files() -> None:
    """Raises the soft limit of open files, often 1,024 or 256: each connection is an open file.

    macOS does not grant its own hard limit, so the second attempt takes the most that it grants. If the system
    refuses both, the limit stays as it is.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for target in (hard, _OPEN_FILES):
        if target == resource.RLIM_INFINITY or target > soft:
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))
                return


def _share_free_memory() -> None:
    """All threads take memory that any of them has freed. With glibc's default each keeps its own, and an import
    takes about 25 MiB more."""
    with contextlib.suppress(ImportError, AttributeError):  # a Python without ctypes, a C library other than glibc
        import ctypes

        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def _fast_loop() -> asyncio.Runner:
    """A runner with uvloop's event loop if the extra `speed` is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def _serve(settings: Settings, notify_socket: str | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup ignores SIGHUP
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_service(settings) as (address, _):
        public = "" if settings.public_url is None else f"; public address: {settings.public_url}"
        print_value(
            f"mailrith-lite {__version__} serving {address} (data directory: {settings.data_dir}{public})",
            {
                "version": __version__,
                "address": address,
                "public_address": settings.public_url or address,
                "data_directory": str(settings.data_dir),
            },
        )
        sys.stdout.flush()
        notify(notify_socket, "READY=1")
        await stop.wait()
        notify(notify_socket, "STOPPING=1")
        logs.service.info("stopping")


@contextlib.asynccontextmanager
async def open_service(settings: Settings, *, sync_to_disk: bool = True) -> AsyncIterator[tuple[str, Services]]:
    """Starts the service and gives its address. At the end it refuses requests, puts jobs back, and closes.

    Binds the addresses before it migrates or creates anything. They answer when the first key exists.
    `sync_to_disk` is that of `open_services`.
    """
    with data_directory.lock(settings.data_dir) as directory:
        async with (
            binding(settings) as bound,
            open_services(directory, settings, sync_to_disk=sync_to_disk) as services,
        ):
            key = await first_start(services)
            await record_start(services)
            print_key = key is not None and settings.bootstrap_key is None
            if print_key:
                click.echo(f"The API key of the new workspace Default, shown only once: {key}", err=True)
            async with (
                listening(create_metrics_app(services), bound.metrics, grace=_CLOSE_SECONDS),
                listening(create_app(services), bound.service, grace=_CLOSE_SECONDS),
            ):
                public = settings.public_url or (bound.address if settings.socket is None else None)
                if print_key and public is not None:
                    click.echo(f"Sign in to the console with this key: {public}/console", err=True)
                yield bound.address, services
