"""The command line as a user has it: real processes, with an environment that the test makes by hand."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from conftest import KEY, Server

COMMAND = (sys.executable, "-m", "mailrith_lite")
BOOTSTRAP = {"MAILRITH_LITE_BOOTSTRAP_KEY": KEY}
Write = Callable[..., Path]
EMAIL_NAME = "Email,Name\nann@example.com,Ann\nbob@example.com,Bob\n"
MANY = "Email,Name\n" + "".join(f"user{number}@example.com,User {number}\n" for number in range(200_000))
VERY_MANY = MANY + MANY.partition("\n")[2].replace("user", "other") * 2  # takes longer than a test that stops it
SECONDS = 60  # until a process that hangs fails its test


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **changes}


def client(server: Server | str, key: str = KEY) -> dict[str, str]:
    """What a client command needs to find the service."""
    url = server if isinstance(server, str) else server.url
    return {"MAILRITH_API_BASE_URL": url, "MAILRITH_API_KEY": key}


def run(*arguments: object, env: Mapping[str, str] | None = None, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`mailrith-lite ARGUMENTS` to its end."""
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, env=environment(env or {}), cwd=cwd, capture_output=True, encoding="utf-8", timeout=SECONDS
    )


@contextlib.contextmanager
def begun(*arguments: object, env: Mapping[str, str] | None = None, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """`mailrith-lite ARGUMENTS` while it runs; ended with the context."""
    command = [*COMMAND, *map(str, arguments)]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=environment(env or {}), cwd=cwd, stdout=pipe, stderr=pipe, encoding="utf-8"
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def address(service: subprocess.Popen[str]) -> str:
    """Waits for the line that a service prints when it answers."""
    assert service.stdout is not None
    line = service.stdout.readline()
    found = re.fullmatch(r"mailrith-lite \S+ serving (http://\S+) \(data directory: .*\)\n", line)
    assert found, (line, service.poll())
    return found[1]


def line_with(stream: IO[str] | None, text: str) -> str:
    """Reads up to the line that holds the text."""
    assert stream is not None
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"there was no line with {text}")


def assert_one_line(outcome: subprocess.CompletedProcess[str], expected: str) -> None:
    """The error is the last and only line that says so, and there is no traceback."""
    assert outcome.returncode != 0, outcome
    assert "Traceback" not in outcome.stderr, outcome.stderr
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("mailrith-lite: ")]
    assert errors == outcome.stderr.splitlines()[-1:], outcome.stderr
    assert expected in errors[0], errors[0]


def custom_field(server: Server, label: str = "Company", **body: Any) -> str:
    """Makes one in the workspace and gives its id."""
    reply = server.call("POST", "/v1/custom-fields", {"label": label, "type": "Text", **body})
    assert reply.status == 201, reply.body
    return str(reply.json["data"]["id"])


def subscribers(server: Server) -> dict[str, Any]:
    """By email."""
    return {one["email"]: one for one in server.call("GET", "/v1/subscribers?limit=100").json["data"]}


def import_jobs(server: Server) -> list[Any]:
    jobs: list[Any] = server.call("GET", "/v1/jobs/subscriber-imports").json["data"]
    return jobs
