"""`python -m mailrith_lite.cli.demo [DIRECTORY]`: imports and exports the sample files, and explains each step."""

import asyncio
import contextlib
import os
import re
import secrets
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path

import click

from mailrith_lite.access.keys import new_key
from mailrith_lite.cli import output
from mailrith_lite.cli.follow import follow_export, follow_import
from mailrith_lite.cli.http_client import ApiClient, connect, new_idempotency_key
from mailrith_lite.cli.import_plan import Wishes
from mailrith_lite.cli.import_run import ImportOptions, check_results, import_all, prepare, submit
from mailrith_lite.cli.input_files import open_inputs
from mailrith_lite.cli.map_option import CustomField
from mailrith_lite.cli.open_questions import GivenAnswer
from mailrith_lite.cli.printing import one_line
from mailrith_lite.cli.remote_jobs import submit_export
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
AUDIENCE_ANSWERS = ("file_name_status=Unsubscribed", "file_name_status=Bounced")
"""The people of two files of the audience have the status that the name of their file says."""
_PRINTED_LINES = 4
_PRINTED_CHARACTERS = 110
_STOP_SECONDS = 10


@click.command()
@click.argument("samples", metavar="DIRECTORY", type=click.Path(path_type=Path), default="data")
def demo(samples: Path) -> None:
    """Start a temporary service, import the sample files of DIRECTORY, and export the subscribers.

    \b
    Example:
      python -m mailrith_lite.cli.demo data
    """
    try:
        asyncio.run(_run(samples))
    except StartError as error:
        raise click.ClickException(one_line(str(error))) from error


async def _run(samples: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="mailrith-lite-demo-") as directory:
        key = new_key()
        _title("A service starts with a temporary data directory")
        async with _service(Path(directory) / "data", key) as address:
            async with connect(ClientSettings(api_key=key, api_base_url=address)) as client:
                await _add_custom_fields(client)
                await _import_audience(client, samples / "mailchimp-export.zip")
                await _import_messy(client, samples / "messy.csv")
                await _export(client, Path(directory) / "export.csv")
            _title("The service gets the signal to stop (SIGTERM)")
        click.echo("It has stopped, and its directory is gone. To run a service of your own: mailrith-lite serve")


@contextlib.asynccontextmanager
async def _service(data_dir: Path, key: str) -> AsyncIterator[str]:
    """Starts a service in a process of its own, stops it at the end of the context, and gives its address.

    Raises:
        StartError: it does not start, or does not stop cleanly.
    """
    command = [sys.executable, "-m", "mailrith_lite", "serve", "--port", "0", "--data-dir", str(data_dir)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)}
    environment |= {f"{ENVIRONMENT_PREFIX}BOOTSTRAP_KEY": key, f"{ENVIRONMENT_PREFIX}LOG_LEVEL": "warning"}
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=PIPE)
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()  # empty when the process ends before it is ready
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
    with contextlib.suppress(ProcessLookupError):  # the process has ended already
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


async def _add_custom_fields(client: ApiClient) -> None:
    _title("The workspace gets custom fields for the columns that no built-in field can hold")
    for field in CUSTOM_FIELDS:
        await client.post("/v1/custom-fields", CustomField, field, key=new_idempotency_key())
    click.echo(", ".join(f"{field['label']} ({field['type']})" for field in CUSTOM_FIELDS))


async def _import_audience(client: ApiClient, file: Path) -> None:
    """The audience of another tool: a zip with a file for each status."""
    options = " ".join(f"--answer {answer}" for answer in AUDIENCE_ANSWERS)
    _title(f"mailrith-lite import {file} --tag Mailchimp {options}")
    wishes = Wishes(answers=[GivenAnswer(text=text) for text in AUDIENCE_ANSWERS])
    await import_all(client, file=file, wishes=wishes, options=ImportOptions(tags=["Mailchimp"]))


async def _import_messy(client: ApiClient, file: Path) -> None:
    key = f"demo-{secrets.token_hex(4)}"
    _title(f"{file} has the mistakes of real files: every row gets a result (Idempotency-Key: {key})")
    with open_inputs(file) as files:
        (submission,) = await prepare(client, files, Wishes(), ImportOptions(idempotency_key=key))
        job = await follow_import(client, await submit(client, submission), file.name)
        check_results([job])
        again = await submit(client, submission)
    progress = job.progress
    assert progress is not None
    results = (progress.created_count, progress.updated_count, progress.unchanged_count, progress.rejected_count)
    click.echo(f"No row is lost: {' + '.join(map(str, results))} = {sum(results)} of {progress.rows_total}.")
    click.echo("A suppressed status that stays is a warning; the rest of the row was applied.")
    answer = "the same job" if again.id == job.id else f"another job, {again.id}"
    click.echo(f"The same request with the same key again: the answer is {answer}, and nothing is imported twice.")


async def _export(client: ApiClient, file: Path) -> None:
    _title("All subscribers are exported, and the file is downloaded from its signed link")
    job = await submit_export(client, {"cold_only": False}, key=new_idempotency_key())
    await follow_export(client, job, file)
    with file.open(encoding="utf-8") as lines:
        for line in islice(lines, _PRINTED_LINES):
            text = one_line(line.rstrip())
            click.echo(f"  {text[:_PRINTED_CHARACTERS]}{'…' if len(text) > _PRINTED_CHARACTERS else ''}")


def _title(text: str) -> None:
    line = f"* {text}"
    click.echo()
    click.echo(click.style(line, bold=True) if output.current().color else line)


if __name__ == "__main__":
    demo(prog_name="python -m mailrith_lite.cli.demo")
