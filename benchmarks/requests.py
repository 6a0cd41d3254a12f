"""How many GETs of a job a second the service answers, compared with the least that aiohttp and SQLite need."""

import asyncio
import contextlib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import rows
from benchmarks.load import CONNECTIONS, load_for
from benchmarks.result import print_result
from benchmarks.service import UNLIMITED, serving
from benchmarks.speed import field_ids

SECONDS = 3.0
ROUNDS = 3
_FLOOR = """
import asyncio, sys
import aiosqlite
from aiohttp import web
async def main():
    async with aiosqlite.connect(sys.argv[1]) as connection:
        async def get(request):
            rows = await connection.execute_fetchall("SELECT * FROM jobs WHERE id = ?", (request.match_info["id"],))
            return web.json_response(rows[0])
        app = web.Application()
        app.router.add_get("/v1/jobs/{id}", get)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


def measure() -> None:
    """Each round measures both, so that a neighbor on the machine slows down both."""
    with tempfile.TemporaryDirectory() as folder, _floor(Path(folder)) as floor:
        log = Path(folder) / "log"
        with serving(Path(folder) / "data", log=log, log_level="info", **UNLIMITED) as service:
            _, job = service.run_job("import", rows.import_body(rows.csv_text(100), field_ids(service)))
            rates = [(_rate(f"{service.address}{job['self']}"), _rate(floor)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) for column in zip(*rates, strict=True))
    print_result(
        "GETs of a job",
        statistics.median(rate / base for rate, base in rates),
        "times those of aiohttp with one SELECT of aiosqlite",
        limit=0.6,
        least=True,
        details=f"{ours:,.0f} and {theirs:,.0f} a second, {CONNECTIONS} connections",
    )


def _rate(address: str) -> float:
    """Requests a second."""
    return len(asyncio.run(load_for(address, SECONDS))) / SECONDS


@contextlib.contextmanager
def _floor(folder: Path) -> Iterator[str]:
    """The address of a job in a plain table, in a process that does nothing else."""
    path = folder / "floor.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE jobs (id INTEGER PRIMARY KEY, status TEXT, created_at TEXT, rows INTEGER)")
        connection.execute("INSERT INTO jobs VALUES (1, 'Completed', '2026-04-11T12:00:00.000Z', 100)")
        connection.commit()
    command = [sys.executable, "-c", _FLOOR, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1/jobs/1"
        finally:
            process.terminate()
