"""Counting rows: a small file in this process, a large file in a process of its own."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Server
from uploading import files, look, put, ready, start

from mailrith_lite.imports import counting, own_process, records
from mailrith_lite.imports.records import Layout

ROW = b"somebody.with.a.name@example.com,Somebody,\xc3\x84\n"
MANY = own_process.LARGE // len(ROW) + 1

LAYOUT = Layout(delimiter=",", header_line=1, names=["Email"])


class Enough(Exception):
    pass


@pytest.mark.parametrize("rows", [0, 1, 49_999, 50_000, MANY])
async def test_every_row_is_counted(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"Email,Name,Other\n\n" + ROW * rows)
    assert await counting.count_rows(path, LAYOUT) == rows


@pytest.mark.parametrize("rows", [10, MANY])
@pytest.mark.parametrize(
    ("end", "message"),
    [(b"a\0\n", "there is a NUL character"), (b'"a', "a quote is opened here"), (b"\xff", "UTF-8")],
)
async def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, rows: int, end: bytes, message: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"Email,Name,Other\n" + ROW * rows + end)
    with pytest.raises(records.BrokenFile, match=message) as broken:
        await counting.count_rows(path, LAYOUT)
    if message != "UTF-8":  # the decoder is some lines ahead
        assert f"line {rows + 2}:" in str(broken.value)


async def test_the_check_and_a_cancellation_end_the_counting(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"Email,Name,Other\n" + ROW * MANY)

    def enough() -> None:
        raise Enough

    with pytest.raises(Enough):
        await counting.count_rows(path, LAYOUT, enough)
    counting_task = asyncio.create_task(counting.count_rows(path, LAYOUT))
    await asyncio.sleep(0)
    counting_task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await counting_task


def test_counting_process_ends_at_once_with_its_service(tmp_path: Path) -> None:
    """The file is a pipe that never ends, so that counting never ends by itself."""
    source = tmp_path / "endless.csv"
    os.mkfifo(source)
    reading_end, writing_end = os.pipe()
    command = [sys.executable, "-m", counting.__name__, str(source), ","]
    with (
        subprocess.Popen(command, stdin=reading_end, stdout=subprocess.DEVNULL) as process,
        source.open("wb") as file,  # waits until the process has opened it for reading
    ):
        file.write(b"Email\n")
        file.flush()
        assert process.poll() is None
        os.close(writing_end)
        assert process.wait(timeout=30) == 1
    os.close(reading_end)


def test_the_rows_of_a_large_upload_are_counted(server: Server) -> None:
    large = b"Email,Name,Other\n" + ROW * MANY
    upload = ready(server, large)
    assert look(server, upload)["row_count"] == MANY
    other = start(server)
    assert f"line {MANY + 2}:" in put(server, other, large + b'"').error["message"]
    assert [path.read_bytes() for path in files(server)] == [large]
