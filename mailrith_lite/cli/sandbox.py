"""The command `sandbox`: a service with a temporary data directory and with routes that control it."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailrith_lite import __version__
from mailrith_lite.errors import StartError

if TYPE_CHECKING:
    from mailrith_lite.settings import Settings
    from mailrith_lite.testing.seed import Seed


@click.command()
@click.option("--port", help="port to listen on; 0 takes a free one  [8787]")
@click.option(
    "--seed", "seed_file", metavar="FILE", type=click.Path(path_type=Path), help="JSON file with the first data"
)
@click.option("--seed-ids", is_flag=True, help="use the same ids, keys and times in every run; stop the clock")
def sandbox(port: str | None, seed_file: Path | None, seed_ids: bool) -> None:
    """Run a service for tests, which keeps nothing.

    It runs until Ctrl-C or SIGTERM, and has one workspace with the custom field Company, so that Mailrith's
    quickstart works. The API key is mrk_example_secret_key.
    Control routes change data, time and errors: they are described at http://localhost:8787/sandbox/openapi.json.

    \b
    Example:
      mailrith-lite sandbox --seed seed.json
      curl -X POST localhost:8787/sandbox/seed -d '{"subscribers": 1000}'
    """
    from mailrith_lite import logs, settings
    from mailrith_lite.settings import ENVIRONMENT_PREFIX
    from mailrith_lite.testing.sandbox import DEFAULTS
    from mailrith_lite.testing.seed import Seed
    from mailrith_lite.testing.temporary_directory import temporary_directory

    seed = _read_seed(seed_file) if seed_file is not None else Seed()
    with temporary_directory() as folder:
        defaults = {ENVIRONMENT_PREFIX + name.upper(): value for name, value in DEFAULTS.items()}
        environment = {"MAILRITH_LITE_LOG_LEVEL": "warning", **defaults, **os.environ}
        loaded = settings.load(environment, port=port, host="127.0.0.1", data_dir=f"{folder}/data")
        logs.configure(loaded.log_format, loaded.log_level)
        asyncio.run(_serve(loaded, seed, stable=seed_ids))


def _read_seed(file: Path) -> "Seed":
    """
    Raises:
        StartError: the file cannot be read, or it is not a seed.
    """
    import msgspec

    from mailrith_lite.testing.seed import Seed

    try:
        return msgspec.json.decode(file.read_bytes(), type=Seed)
    except OSError as error:
        raise StartError(f"cannot read {file}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise StartError(f"{file} is not a seed: {error}") from error


async def _serve(settings: "Settings", seed: "Seed", *, stable: bool) -> None:
    from mailrith_lite.cli.printing import print_value
    from mailrith_lite.errors import MailrithError
    from mailrith_lite.testing.control_routes import add_routes
    from mailrith_lite.testing.local_requests import refuse_foreign_hosts
    from mailrith_lite.testing.sandbox import EXAMPLE_KEY, open_sandbox
    from mailrith_lite.testing.seed import with_quickstart_field

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_sandbox(
        settings,
        stable=stable,
        add_routes=add_routes,
        middlewares=[refuse_foreign_hosts],
        further_hosts=("::1",),  # some clients look for localhost there only
    ) as box:
        access = await box.new_workspace("Default", EXAMPLE_KEY)
        try:
            await box.seed(access.workspace_id, with_quickstart_field(seed))
        except (MailrithError, ValueError) as error:
            raise StartError(f"the seed breaks a rule: {error}") from error
        print_value(
            f"mailrith-lite {__version__} sandbox {box.listener.url} (key: {EXAMPLE_KEY}; nothing is kept)",
            {"version": __version__, "address": box.listener.url, "key": EXAMPLE_KEY},
        )
        sys.stdout.flush()
        await stop.wait()


COMMANDS = (sandbox,)
