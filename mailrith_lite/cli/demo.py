"""`python -m mailrith_lite.cli.demo [DIRECTORY]`: the main job from start to end, told as it happens."""

import asyncio
import contextlib
import os
import re
import secrets
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from itertools import islice
from pathlib import Path

import click

from mailrith_lite.access.keys import new_key
from mailrith_lite.cli import follow, remote_jobs, send_file
from mailrith_lite.cli.http_client import Service, connect
from mailrith_lite.cli.printing import one_line
from mailrith_lite.cli.remote_jobs import Job, Named
from mailrith_lite.errors import StartError
from mailrith_lite.settings import ENVIRONMENT_PREFIX, ClientSettings

CUSTOM_FIELDS = (
    {"label": "Company", "type": "Text"},
    {"label": "Plan", "type": "Select (Dropdown)", "settings": {"options": ["Free", "Team", "Business"]}},
    {"label": "Seats", "type": "Number"},
    {"label": "Customer since", "type": "Date"},
    {
        "label": "Interests",
        "type": "Multi Select",
        "settings": {"options": ["Recipes", "Events", "Offers", "Travel, near and far", "Craft"]},
    },
    {"label": "Notes", "type": "Text Area"},
)
_SHOWN_LINES = 4
_SHOWN_CHARACTERS = 110
_STOP_SECONDS = 10


@click.command()
@click.argument("samples", metavar="DIRECTORY", type=click.Path(path_type=Path), default="data")
def demo(samples: Path) -> None:
    """Import the sample files of DIRECTORY into a service of its own, and export them again.

    \b
    Example:
      python -m mailrith_lite.cli.demo data
    """
    try:
        asyncio.run(_tell(samples))
    except StartError as error:
        raise click.ClickException(one_line(str(error))) from error


async def _tell(samples: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="mailrith-lite-demo-") as directory:
        key = new_key()
        _title("A service starts, with an empty data directory that goes away at the end")
        async with _service(Path(directory) / "data", key) as address:
            async with connect(ClientSettings(api_key=key, api_base_url=address)) as service:
                await _add_custom_fields(service)
                await _import_clean(service, samples / "subscribers.csv")
                await _import_messy(service, samples / "messy.csv")
                await _export(service, Path(directory) / "export.csv")
            _title("The service is told to stop (SIGTERM)")
        click.echo("It has stopped, and its directory is gone. To keep one: mailrith-lite serve")


@contextlib.asynccontextmanager
async def _service(data_dir: Path, key: str) -> AsyncIterator[str]:
    """The address of a service in a process of its own, which ends with the context.

    Raises:
        StartError: it does not start.
    """
    command = [sys.executable, "-m", "mailrith_lite", "serve", "--port", "0", "--data-dir", str(data_dir)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    environment |= {f"{ENVIRONMENT_PREFIX}BOOTSTRAP_KEY": key, f"{ENVIRONMENT_PREFIX}LOG_LEVEL": "warning"}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE)
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()  # comes when the service answers, or with its end
        address = re.search(r"https?://\S+", line)
        if not address:
            raise StartError("the service did not start")
        click.echo(line.strip())
        yield address[0]
    finally:
        await _stop(process)


async def _stop(process: Process) -> None:
    """
    Raises:
        StartError: it did not stop in time, or not cleanly.
    """
    with contextlib.suppress(ProcessLookupError):  # it has ended by itself
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            exit_code = await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise StartError(f"the service did not stop within {_STOP_SECONDS} seconds") from None
    if exit_code:
        raise StartError(f"the service ended with exit code {exit_code}")


async def _add_custom_fields(service: Service) -> None:
    _title("The workspace gets custom fields, for what a subscriber does not have by nature")
    for field in CUSTOM_FIELDS:
        await service.post("/v1/custom-fields", Named, field, key=remote_jobs.new_key())
    click.echo(", ".join(f"{field['label']} ({field['type']})" for field in CUSTOM_FIELDS))


async def _import_clean(service: Service, file: Path) -> None:
    key = f"demo-{secrets.token_hex(4)}"
    _title(f"{file} is imported over HTTP, with the idempotency key {key}")
    submit = await _submission(service, file, key)
    job = await submit()
    await follow.finish_import(service, job, file.name)
    again = await submit()
    answer = "the same job" if again.id == job.id else f"another job, {again.id}"
    click.echo(f"Sent once more with the same key, the answer is {answer}: nothing is imported twice.")


async def _import_messy(service: Service, file: Path) -> None:
    _title(f"{file} is what people really send: every row gets an answer")
    submit = await _submission(service, file, remote_jobs.new_key())
    job = await follow.finish_import(service, await submit(), file.name)
    progress = job.progress
    assert progress is not None
    fates = (progress.created_count, progress.updated_count, progress.unchanged_count, progress.rejected_count)
    click.echo(f"No row is lost: {' + '.join(map(str, fates))} = {sum(fates)} of {progress.rows_total}.")
    click.echo("status_kept is a warning: an import never brings back who has unsubscribed; the rest was applied.")


async def _submission(service: Service, file: Path, key: str) -> Callable[[], Awaitable[Job]]:
    """What sends the file, each time exactly alike."""
    source = await send_file.prepare(service, file)
    mappings = await follow.mappings(service, file, source.columns)
    return partial(remote_jobs.submit_import, service, source, mappings, tags=["Demonstration"], key=key)


async def _export(service: Service, file: Path) -> None:
    _title("Everybody is exported again, and the file fetched by its signed link")
    job = await remote_jobs.submit_export(service, {"cold_only": False}, key=remote_jobs.new_key())
    await follow.finish_export(service, job, file)
    with file.open(encoding="utf-8") as lines:
        for line in islice(lines, _SHOWN_LINES):
            shown = one_line(line.rstrip())
            click.echo(f"  {shown[:_SHOWN_CHARACTERS]}{'…' if len(shown) > _SHOWN_CHARACTERS else ''}")


def _title(text: str) -> None:
    click.echo()
    click.secho(f"* {text}", bold=True)


if __name__ == "__main__":
    demo(prog_name="python -m mailrith_lite.cli.demo")
