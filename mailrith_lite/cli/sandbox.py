"""`mailrith-lite sandbox`: the service with nothing kept, and control routes."""

import asyncio
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from mailrith_lite import __version__
from mailrith_lite.errors import StartError


@click.command()
@click.option("--port", help="port to listen on; 0 takes a free one  [8787]")
@click.option(
    "--seed", "seed_file", metavar="FILE", type=click.Path(path_type=Path), help="JSON: what is there at first"
)
@click.option("--seed-ids", is_flag=True, help="the same ids, keys and times in every run; the clock stands still")
def sandbox(port: str | None, seed_file: Path | None, seed_ids: bool) -> None:
    """Serve a throw-away workspace that can be steered: see http://localhost:8787/sandbox/openapi.json.

    \b
    The key is mrk_example_secret_key. Example:
      mailrith-lite sandbox --seed seed.json
      curl -X POST localhost:8787/sandbox/seed -d '{"subscribers": 1000}'
    """
    from mailrith_lite import logs
    from mailrith_lite.cli.main import load_settings
    from mailrith_lite.testing import seed

    wanted = _read_seed(seed_file) if seed_file is not None else seed.Seed()
    with tempfile.TemporaryDirectory(prefix="mailrith-") as folder:
        settings = load_settings(port=port, host="127.0.0.1", data_dir=f"{folder}/data")
        logs.configure(settings.log_format, settings.log_level)
        asyncio.run(_serve(settings, wanted, stable=seed_ids))


def _read_seed(file: Path) -> Any:
    import msgspec

    from mailrith_lite.testing import seed

    try:
        return msgspec.json.decode(file.read_bytes(), type=seed.Seed)
    except OSError as error:
        raise StartError(f"cannot read {file}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise StartError(f"{file} is not a seed: {error}") from error


async def _serve(settings: Any, wanted: Any, *, stable: bool) -> None:
    from mailrith_lite.errors import MailrithError
    from mailrith_lite.testing.control_routes import add_routes
    from mailrith_lite.testing.sandbox import EXAMPLE_KEY, open_sandbox

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with open_sandbox(settings, stable=stable, add_routes=add_routes) as (address, box):
        access = await box.new_workspace("Default", EXAMPLE_KEY)
        try:
            await box.seed(access.workspace_id, wanted)
        except (MailrithError, ValueError) as error:
            raise StartError(f"the seed breaks a rule: {error}") from error
        click.echo(f"mailrith-lite {__version__} sandbox {address} (key: {EXAMPLE_KEY}; nothing is kept)")
        sys.stdout.flush()
        await stop.wait()


COMMANDS = (sandbox,)
