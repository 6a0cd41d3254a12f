"""The first pass: a small file in this process, a large file in a process of its own."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from conftest import Server
from uploading import files, look, put, ready, start

from mailrith_lite.imports import first_pass, own_process, records
from mailrith_lite.imports.first_pass import ColumnTask, Task
from mailrith_lite.imports.records import Layout

ROW = b"somebody.with.a.name@example.com,Somebody,\xc3\x84\n"
LARGE = 1 << 20  # bytes
MANY = LARGE // len(ROW) + 1
COUNT = Task(
    layout=Layout(delimiter=",", header_line=1, names=["Email"]), formula_guard=True, columns=[], max_tags=0
)


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of this size are read in a process of their own."""
    monkeypatch.setattr(own_process, "LARGE", LARGE)


class Enough(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 1, 49_999, 50_000, MANY])
async def test_every_row_is_counted(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"Email,Name,Other\n\n" + ROW * rows)
    assert (await first_pass.read_file(path, COUNT)).rows == rows


@pytest.mark.slow
@pytest.mark.parametrize("rows", [10, MANY])
@pytest.mark.parametrize(
    ("end", "message"),
    [(b"a\0\n", "there is a NUL character"), (b'"a', "a quote is opened here"), (b"\xff", "UTF-8")],
)
async def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, rows: int, end: bytes, message: str) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"Email,Name,Other\n" + ROW * rows + end)
    with pytest.raises(records.BrokenFile, match=message) as broken:
        await first_pass.read_file(path, COUNT)
    if message != "UTF-8":  # the decoder is some lines ahead
        assert f"line {rows + 2}:" in str(broken.value)


async def test_the_check_and_a_cancellation_end_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(b"Email,Name,Other\n" + ROW * MANY)

    def enough() -> None:
        raise Enough

    with pytest.raises(Enough):
        await first_pass.read_file(path, COUNT, enough)
    reading = asyncio.create_task(first_pass.read_file(path, COUNT))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.slow
def test_the_process_ends_at_once_with_its_service(tmp_path: Path) -> None:
    """The file is a pipe that never ends, so that reading never ends by itself."""
    source = tmp_path / "endless.csv"
    os.mkfifo(source)
    reading_end, writing_end = os.pipe()
    task = tmp_path / "endless.task"
    task.write_bytes(msgspec.json.encode(COUNT))
    command = [sys.executable, "-m", first_pass.__name__, str(source), str(task)]
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


@pytest.mark.slow
@pytest.mark.parametrize("rows", [2, MANY])
async def test_formats_and_tags_of_the_whole_file_are_collected(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "file.csv"
    rest = b"somebody.with.a.name@example.com,01/05/2024,one;Two,never\n" * rows
    path.write_bytes(b'Email,Born,Tags,Seen\na@x.com,31/01/2024,"TWO, \'=x",05/05/2024\n' + rest)
    columns = [
        ColumnTask(index=1, kind="date", values={}),
        ColumnTask(index=2, kind=None, values={}),
        ColumnTask(index=3, kind="date", values={"never": None}),
    ]
    findings = await first_pass.read_file(path, msgspec.structs.replace(COUNT, columns=columns, max_tags=3))
    assert findings.rows == rows + 1
    assert findings.formats == {1: "day-first", 3: "day-first"}
    assert findings.tags == ["TWO", "'=x", "one"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_the_rows_of_a_large_upload_are_counted(server: Server) -> None:
    large = b"Email,Name,Other\n" + ROW * MANY
    upload = ready(server, large)
    assert look(server, upload)["row_count"] == MANY
    other = start(server)
    assert f"line {MANY + 2}:" in put(server, other, large + b'"').error["message"]
    assert [path.read_bytes() for path in files(server)] == [large]
