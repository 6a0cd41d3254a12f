"""Runs commands: in this process, or in one of its own where a test is about signals, pipes or the start.

Either way a command sees only the environment that its test gives it, and runs the same modules as the test.
"""

import contextlib
import os
import pty
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import fork_server
from click.testing import CliRunner
from conftest import KEY, Server
from fork_server import Command

from mailrith_lite.cli.main import main

COMMAND = (sys.executable, "-m", "mailrith_lite")
BOOTSTRAP = {"MAILRITH_LITE_BOOTSTRAP_KEY": KEY}
Write = Callable[..., Path]
EMAIL_NAME = "Email,Name\nann@example.com,Ann\nbob@example.com,Bob\n"
SECONDS = 60  # for a process; one that hangs fails its test


def csv_file(rows: int) -> str:
    """Columns Email and Name, for as many different subscribers as rows."""
    return "Email,Name\n" + "".join(f"user{number}@example.com,User {number}\n" for number in range(rows))


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PYTHONPATH", "SSL_CERT_FILE") if name in os.environ}
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": "/nonexistent", **kept, **changes}


def client_environment(server: Server | str, key: str = KEY) -> dict[str, str]:
    """The environment of a client command."""
    url = server if isinstance(server, str) else server.url
    return {"MAILRITH_API_BASE_URL": url, "MAILRITH_API_KEY": key}


@dataclass(frozen=True, kw_only=True)
class Result:
    exit_code: int
    stdout: str
    stderr: str


def run(*arguments: object, env: Mapping[str, str] | None = None, stdin: str = "", cwd: Path) -> Result:
    """Runs `mailrith-lite ARGUMENTS` in this process. An exception that the command lets through fails the test."""
    only = dict.fromkeys(os.environ) | environment(env or {})
    with CliRunner().isolation(stdin, env=only) as (stdout, stderr, _), contextlib.chdir(cwd):
        exit_code = 0
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as error:
            assert isinstance(error.code, int), error.code
            exit_code = error.code
        sys.stdout.flush()
        sys.stderr.flush()
        return Result(exit_code=exit_code, stdout=stdout.getvalue().decode(), stderr=stderr.getvalue().decode())


def run_process(*arguments: object, env: Mapping[str, str] | None = None, cwd: Path) -> Result:
    """Runs `mailrith-lite ARGUMENTS` in a process that Python has just started."""
    command = [*COMMAND, *map(str, arguments)]
    ended = subprocess.run(
        command, env=environment(env or {}), cwd=cwd, capture_output=True, encoding="utf-8", timeout=SECONDS
    )
    return Result(exit_code=ended.returncode, stdout=ended.stdout, stderr=ended.stderr)


@contextlib.contextmanager
def start_process(*arguments: object, env: Mapping[str, str] | None = None, cwd: Path) -> Iterator[Command]:
    """Starts `mailrith-lite ARGUMENTS`, and kills it at the end of the context if it still runs."""
    command = list(map(str, arguments))
    with contextlib.closing(
        fork_server.shared().start(command, environment=environment(env or {}), directory=cwd)
    ) as process:
        yield process


def run_on_terminal(
    *arguments: object,
    keys: str = "",
    prompt: str = "",
    program: Sequence[str] = COMMAND,
    exit_code: int = 0,
    env: Mapping[str, str] | None = None,
    cwd: Path,
) -> str:
    """Runs `mailrith-lite ARGUMENTS` on a terminal on which a person types `keys`; returns what it shows.

    `prompt`: the text before which nothing is typed. A prompt for a secret drops what was typed before it.
    """
    keyboard, terminal = pty.openpty()
    with subprocess.Popen(
        [*program, *map(str, arguments)],
        env=environment({"TERM": "dumb", **(env or {})}),
        cwd=cwd,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ) as process:
        os.close(terminal)
        screen = b""
        typed = False
        while True:
            if not typed and prompt.encode() in screen:
                os.write(keyboard, keys.encode())
                typed = True
            block = _read(keyboard)
            if not block:
                break
            screen += block
        assert process.wait(SECONDS) == exit_code, screen.decode()
    os.close(keyboard)
    return screen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4_096)
    except OSError:  # the process has closed its end
        return b""


def has_ipv6() -> bool:
    """Whether this machine has ::1."""
    try:
        with socket.socket(socket.AF_INET6) as bound:
            bound.bind(("::1", 0))
    except OSError:
        return False
    return True


def data_rows(result: Result) -> list[list[str]]:
    """The cells of a table that a successful command printed."""
    assert result.exit_code == 0, result.stderr
    return [line.split("\t") for line in result.stdout.splitlines()]


def address(service: subprocess.Popen[str] | Command) -> str:
    """Waits until the service is ready, and returns its address."""
    assert service.stdout is not None
    line = service.stdout.readline()
    match = re.fullmatch(r"mailrith-lite \S+ serving (http://\S+) \(data directory: .*\)\n", line)
    assert match, (line, service.poll())
    return match[1]


def line_with(stream: IO[str] | None, text: str) -> str:
    """Reads lines up to the first one that holds the text, and returns it."""
    assert stream is not None
    for line in stream:
        if text in line:
            return line
    raise AssertionError(f"there was no line with {text}")


def assert_fails(result: Result, message: str) -> None:
    """The command failed with one line that holds `message`, after everything else on stderr."""
    assert result.exit_code != 0, result
    assert "Traceback" not in result.stderr, result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("mailrith-lite: ")]
    assert errors == result.stderr.splitlines()[-1:], result.stderr
    assert message in errors[0], errors[0]


def custom_field(server: Server, label: str = "Company", **body: Any) -> str:
    """Creates a custom field and returns its id."""
    reply = server.call("POST", "/v1/custom-fields", {"label": label, "type": "Text", **body})
    assert reply.status == 201, reply.body
    return str(reply.json["data"]["id"])


def subscribers(server: Server) -> dict[str, Any]:
    """By email."""
    return {one["email"]: one for one in server.call("GET", "/v1/subscribers?limit=100").json["data"]}


def import_jobs(server: Server) -> list[Any]:
    jobs: list[Any] = server.call("GET", "/v1/jobs/subscriber-imports").json["data"]
    return jobs
