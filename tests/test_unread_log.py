"""The log delays nobody: stderr can be slow, full, or without a reader."""

import contextlib
import http.client
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest
from cli.command_line import BOOTSTRAP, address, start_process
from conftest import KEY

from mailrith_lite import logs

LINES = 30_000
INFO = {"MAILRITH_LITE_LOG_LEVEL": "info"}


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, whose handlers and level come back after the test."""
    root, service = logging.getLogger(), logging.getLogger("mailrith_lite")
    before = root.handlers[:], root.level, service.level
    yield root
    for handler in set(root.handlers) - set(before[0]):
        handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    service.setLevel(before[2])


@contextlib.contextmanager
def stderr_is_a_pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[IO[str]]:
    """The other end of the pipe."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as lines, os.fdopen(writer, "w") as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        yield lines


def test_lines_that_nobody_reads_are_dropped_and_counted(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stderr_is_a_pipe(monkeypatch) as stderr:
        logs.configure("text", "info")
        for number in range(LINES):
            logs.service.info("line", extra={"fields": {"number": number}})
        written, dropped = 0, 0
        for line in stderr:
            if "log lines were dropped" in line:
                dropped += int(line.split("count=")[1])
            else:
                written += 1
            if written + dropped == LINES:
                break
        assert dropped > 0
        logs.service.info("line after the drop")
        assert "line after the drop" in stderr.readline()


def test_lines_for_a_reader_that_has_gone_are_dropped(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stderr_is_a_pipe(monkeypatch) as stderr:
        logs.configure("text", "info")
        stderr.close()
        logs.service.info("nobody reads this line")
        root.handlers[0].flush()
        logs.service.info("nor this one")


@pytest.mark.parametrize("command", ["serve", "sandbox"])
def test_service_answers_and_stops_although_nobody_reads_its_log(tmp_path: Path, command: str) -> None:
    with start_process(command, "--port", "0", env=BOOTSTRAP | INFO, cwd=tmp_path) as process:
        if command == "serve":
            url = address(process)
        else:
            assert process.stdout is not None
            url = process.stdout.readline().split()[3]
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        for _ in range(1_000):  # their lines are more than the 64 KiB that a pipe holds
            connection.request("GET", "/v1/tags", headers={"Authorization": f"Bearer {KEY}"})
            answer = connection.getresponse()
            assert answer.status == 200
            answer.read()
        connection.close()
        process.terminate()
        assert process.wait(30) == 0


def test_sandbox_logs_warnings_only(tmp_path: Path) -> None:
    with start_process("sandbox", "--port", "0", cwd=tmp_path) as process:
        assert process.stdout is not None
        parts = urlsplit(process.stdout.readline().split()[3])
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        assert (answer.status, answer.read() != b"") == (200, True)
        connection.close()
        process.terminate()
        assert process.communicate(timeout=30)[1] == ""
