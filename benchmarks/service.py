"""The service as its users run it: in a process of its own, called over HTTP."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

KEY = "mrk_benchmark_key_0001"
UNLIMITED: dict[str, Any] = {"key_rate": "1000000", "workspace_rate": "1000000"}
"""Settings for more requests a second than a key may send."""


@dataclass
class Service:
    process: subprocess.Popen[str]
    address: str

    def request(self, method: str, path: str, body: bytes | None = None) -> Any:
        connection = self.connect()
        try:
            connection.request(method, path, body, self.headers())
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def connect(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

    def run_job(self, kind: str, body: bytes) -> tuple[float, Any]:
        """As `follow`, of an import or an export."""
        return self.follow(f"/v1/jobs/subscriber-{kind}s", body)

    def follow(self, path: str, body: bytes) -> tuple[float, Any]:
        """Seconds from the POST until the job is Completed, and the job.

        Raises:
            RuntimeError: the job fails; the text is its error message.
        """
        began = time.time()
        job = self.request("POST", path, body)["data"]
        while job["status"] not in ("Completed", "Failed"):
            time.sleep(0.05)
            job = self.request("GET", job["self"])["data"]
        if job["status"] != "Completed":
            raise RuntimeError(job["error_message"])
        return datetime.fromisoformat(job["completed_at"]).timestamp() - began, job

    def memory(self, name: str) -> float:
        """MiB of `VmHWM` (the peak so far) or `VmRSS` (now)."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no {name}")


@contextlib.contextmanager
def serving(data_dir: Path, *, log: Path | None = None, **settings: str) -> Iterator[Service]:
    """`log`: a file for stderr. `settings`: the variables of settings, without their prefix, in lower case."""
    command = [sys.executable, "-m", "mailrith_lite", "serve", "--port", "0", "--data-dir", str(data_dir)]
    values = {"bootstrap_key": KEY, "log_level": "warning", **settings}
    environment = {**os.environ, **{f"MAILRITH_LITE_{name.upper()}": value for name, value in values.items()}}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, each start may compile the package again
    with (
        contextlib.nullcontext() if log is None else log.open("wb") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield Service(process, line.split("serving ")[1].split(" ")[0])
        finally:
            process.terminate()
            process.wait()
