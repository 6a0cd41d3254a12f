"""/healthz and the requests of one workspace while another one sends the slowest requests, compared with an idle
service."""

import asyncio
import itertools
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks import rows
from benchmarks.latency import print_latency
from benchmarks.load import load_for
from benchmarks.service import UNLIMITED, Service, serving
from benchmarks.speed import field_ids

PEOPLE = 200_000
ATTACKERS = 16  # connections
SECONDS = 6.0
_LONG_TYPE = "text/plain" + ";" * 8_000
_PARTS = b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(2_000)) + b"--x--"


def measure() -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "data"
        with serving(home, **UNLIMITED) as service:
            ids = field_ids(service)
            service.run_job("import", rows.import_body(rows.csv_text(PEOPLE), ids))
            key = _other_key(home)
            asyncio.run(_compare(service, key, ids[0]))


def _other_key(home: Path) -> str:
    """A key of a second workspace."""
    command = [sys.executable, "-m", "mailrith_lite"]
    options = ["--data-dir", str(home)]
    subprocess.run([*command, "workspaces", "create", "Other", *options], check=True, capture_output=True)
    create = [*command, "keys", "create", "--name", "Other", "--workspace", "Other", *options]
    return subprocess.run(create, check=True, capture_output=True, text=True).stdout.strip()


async def _compare(service: Service, key: str, field_id: str) -> None:
    async with aiohttp.ClientSession(headers=service.headers()) as attacker:
        targets = {"GET /healthz": "/healthz", "GET /v1/tags of another workspace": "/v1/tags"}
        idle = {what: await load_for(service.address + path, SECONDS, key=key) for what, path in targets.items()}
        stop = asyncio.Event()
        attack = [
            asyncio.create_task(_attack(attacker, service.address, field_id, number, stop))
            for number in range(ATTACKERS)
        ]
        busy = {what: await load_for(service.address + path, SECONDS, key=key) for what, path in targets.items()}
        stop.set()
        await asyncio.gather(*attack)
    for what in targets:
        print_latency(f"{what} while one workspace attacks", busy[what], idle[what])


async def _attack(
    session: aiohttp.ClientSession, address: str, field_id: str, number: int, stop: asyncio.Event
) -> None:
    """Searches, previews, uploads, hostile headers and forms in turn; each connection begins with another."""
    requests = (_search, _preview, _upload, _headers, _form)
    for request in itertools.islice(itertools.cycle(requests), number % len(requests), None):
        if stop.is_set():
            return
        await request(session, address, field_id)


async def _send(session: aiohttp.ClientSession, method: str, url: str, **options: Any) -> bytes:
    async with session.request(method, url, **options) as answer:
        return await answer.read()


async def _search(session: aiohttp.ClientSession, address: str, _: str) -> None:
    await _send(session, "GET", f"{address}/v1/subscribers?search=%7E%7E")


async def _preview(session: aiohttp.ClientSession, address: str, field_id: str) -> None:
    texts = [f"text {number}" for number in range(50)]
    condition = {"id": "c", "field": "custom_field", "customFieldId": field_id, "operator": "contains"}
    groups = [{"id": "g", "match": "any", "conditions": [{**condition, "value": texts}] * 6}]
    body = json.dumps({"definition": {"match": "all", "groups": groups}})
    await _send(session, "POST", f"{address}/v1/segments/preview", data=body)


async def _upload(session: aiohttp.ClientSession, address: str, _: str) -> None:
    started = json.loads(await _send(session, "POST", f"{address}/v1/jobs/subscriber-import-uploads"))
    if "data" in started:  # otherwise the workspace has too many uploads
        text = b"Email\n" + b"reader@example.com\n" * 50_000
        await _send(session, "PUT", started["data"]["upload_url"], data=text)


async def _headers(session: aiohttp.ClientSession, address: str, _: str) -> None:
    headers = {"Content-Type": _LONG_TYPE[:8_000]}
    await _send(session, "POST", f"{address}/console/sign-in", data=b"key=x", headers=headers)


async def _form(session: aiohttp.ClientSession, address: str, _: str) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    await _send(session, "POST", f"{address}/console/sign-in", data=_PARTS, headers=headers)
