"""The peak of the service's resident memory: after a `csv_text` of 45 MB, and after twice as many rows more; after
the import of an upload of 2 GB."""

import http.client
import json
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks import rows
from benchmarks.result import print_result
from benchmarks.service import serving
from benchmarks.speed import field_ids

SIZE = 45_000_000
UPLOAD = 2_000_000_000
LIMIT = 150.0  # MiB
_NOTES = ",Notes" + " that nobody imports" * 45


def measure() -> None:
    _measure_requests()
    _measure_upload()


def _measure_requests() -> None:
    text = _text_of(SIZE)
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as service:
        idle = service.memory("VmRSS")
        ids = field_ids(service)
        body = rows.import_body(text, ids)
        _, job = service.run_job("import", body)
        first = service.memory("VmHWM")
        print_result(
            f"memory after an import of {job['imported_count']:,} rows in {len(body) / 1e6:.0f} MB",
            first,
            "MiB",
            limit=LIMIT,
            details=f"{first / idle:.2f} times the {idle:.0f} MiB of an idle service",
        )
        for number in (2, 3):
            more = rows.import_body(_text_of(SIZE, number), ids)
            service.run_job("import", more)
        after = service.memory("VmHWM")
        print(f"memory after three times as many rows: {after / first:.2f} times the first import; {after:.0f} MiB")
        service.run_job("export", b"{}")
        print(f"memory after the export of all rows: {service.memory('VmHWM'):.0f} MiB")


def _text_of(size: int, seed: int = 1) -> str:
    """CSV of about `size` bytes; each seed has other emails."""
    sample = rows.csv_text(1_000, seed)
    return rows.csv_text(size * 1_000 // len(sample), seed)


def _measure_upload() -> None:
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder) / "data") as service:
        file = Path(folder) / "list.csv"
        _write(file)
        upload = service.request("POST", "/v1/jobs/subscriber-import-uploads")["data"]
        _put(upload["upload_url"], file)
        uploaded = service.memory("VmHWM")
        body = json.loads(rows.import_body("", field_ids(service)))
        del body["csv_text"]
        _, job = service.run_job("import", json.dumps({**body, "upload_id": upload["id"]}).encode())
        print_result(
            f"memory after an upload of {file.stat().st_size / 1e9:.1f} GB and its import",
            service.memory("VmHWM"),
            "MiB",
            limit=LIMIT,
            details=f"{uploaded:.0f} MiB after the upload; {job['imported_count']:,} rows",
        )


def _write(path: Path) -> None:
    """Rows of about a kilobyte, so that the import takes a minute."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(rows.HEADER) + ",Notes\r\n")
        seed = 0
        while file.tell() < UPLOAD:
            seed += 1
            _, _, text = rows.csv_text(10_000, seed).partition("\r\n")
            file.write(text.replace("\r\n", _NOTES + "\r\n"))


def _put(link: str, path: Path) -> None:
    parts = urlsplit(link)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600, blocksize=1 << 20)
    with path.open("rb") as file:
        connection.request("PUT", f"{parts.path}?{parts.query}", file)
    if connection.getresponse().status != 200:
        raise RuntimeError("the upload was refused")
