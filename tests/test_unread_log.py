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


def test_end_of_the_process_writes_all_lines_in_their_order(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stderr_is_a_pipe(monkeypatch) as stderr:
        logs.configure("text", "info")
        for number in range(100):
            logs.request({"number": number}, equal=None)
        logs.service.warning("the last line")
        root.handlers[0].close()
        lines = [stderr.readline().split(maxsplit=2)[2] for _ in range(101)]
    assert lines == [*(f"request number={number}\n" for number in range(100)), "the last line\n"]


def test_service_answers_and_stops_although_nobody_reads_its_log(tmp_path: Path) -> None:
    with start_process("serve", "--port", "0", env=BOOTSTRAP | INFO, cwd=tmp_path) as process:
        parts = urlsplit(address(process))
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        for _ in range(500):  # their lines are more than the 64 KiB that a pipe holds
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


def test_equal_errors_are_written_once_and_then_counted(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_REPEAT_SECONDS", 0.5)
    with stderr_is_a_pipe(monkeypatch) as stderr:
        logs.configure("text", "info")
        for number in range(1_000):
            try:
                raise OSError(24, "Too many open files")
            except OSError:
                fields = {"request_id": f"req_{number}"}
                logs.service.exception("request failed", extra={"fields": fields})
        lines, counted = [], 0
        while len(lines) + counted < 1_000:
            line = stderr.readline()
            if "repeats=" in line:
                counted += int(line.split("repeats=")[1])
            elif "request failed" in line:
                lines.append(line)
    assert len(lines) + counted == 1_000
    assert len(lines) < 20  # one each half second


def test_different_errors_and_equal_information_are_all_written(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stderr_is_a_pipe(monkeypatch) as stderr:
        logs.configure("text", "info")
        for number in range(3):
            logs.service.error("job given up", extra={"fields": {"request_id": f"req_{number}"}})
            logs.service.info("stopping")
        lines = [stderr.readline().split(maxsplit=2)[2] for _ in range(6)]
    assert sum("job given up" in line for line in lines) == sum("stopping" in line for line in lines) == 3
    assert len(set(lines)) == 4


def test_the_end_of_the_process_writes_the_number_of_equal_errors(
    root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stderr_is_a_pipe(monkeypatch) as stderr:
        logs.configure("text", "info")
        for _ in range(5):
            logs.service.warning("job waits")
        root.handlers[0].flush()
        assert stderr.readline().endswith("job waits\n")
        assert stderr.readline().endswith("job waits repeats=4\n")
