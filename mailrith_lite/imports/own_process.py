"""Runs a module that reads a large file in a process of its own.

A thread that reads rows for seconds would make the API wait for the interpreter lock. The process has a low
priority, and it ends with the service and with the task that waits for it.
"""

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from io import BufferedReader, FileIO
from typing import BinaryIO

LARGE = 1 << 24
"""Bytes. For a file of this size the time to start a process does not matter."""
LARGE_IMPORT = 1 << 22
"""Bytes. The same for the second pass of an import, which takes longer."""
_CHECK_SECONDS = 0.2
_NICE = 5
_GC_THRESHOLD = 50_000  # objects; a few blocks of rows make that many, and no cycles


async def run_module(module: str, *arguments: str, check: Callable[[], None] = lambda: None) -> bytes:
    """Runs `python -m MODULE ARGUMENT…` and returns what it prints. The module calls `start` first.

    Calls `check` from time to time; an exception from it ends the process.

    Raises:
        RuntimeError: the process ended with an error.
    """
    with _open_pipe() as life:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module, *arguments),
            stdin=life,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C must reach the service alone: it ends its jobs in order
        )
        reading = asyncio.ensure_future(process.communicate())
        try:
            while not reading.done():
                check()
                await asyncio.wait([reading], timeout=_CHECK_SECONDS)
        finally:
            if not reading.done():
                process.kill()
                await reading
    output, _ = reading.result()
    if process.returncode != 0:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    return output


class Stream:
    """A process that prints while others work. `output`: what it prints; read it in a thread."""

    def __init__(self, life: FileIO, output: BinaryIO, process: asyncio.subprocess.Process) -> None:
        self.output = output
        self._life = life
        self._process = process

    async def send(self, task: bytes) -> None:
        """Gives the process its task, a line. Call it once."""
        await asyncio.to_thread(self._life.write, task + b"\n")

    def kill(self) -> None:
        """A thread that reads the output reaches its end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


@contextlib.asynccontextmanager
async def stream_module(module: str) -> AsyncIterator[Stream]:
    """Runs `python -m MODULE` until the end of the block. The module calls `read_task` and then `start` first."""
    with contextlib.ExitStack() as pipes:
        task, life = _pipe_of_files(pipes)  # as the pipe of `run_module`, it ends when this process dies
        output, printing = _pipe_of_files(pipes)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module),
            stdin=task,
            stdout=printing,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        task.close()
        printing.close()
        stream = Stream(life, output, process)
        try:
            yield stream
        finally:
            stream.kill()
            await process.wait()


def _pipe_of_files(files: contextlib.ExitStack) -> tuple[BufferedReader, FileIO]:
    """The end that reads and the one that writes. `files` closes both."""
    reading_end, writing_end = os.pipe()
    return files.enter_context(os.fdopen(reading_end, "rb")), files.enter_context(FileIO(writing_end, "wb"))


def read_task() -> bytes:
    """Waits for the task. Call it before `start` in a process of `stream_module`. Empty: the service has died."""
    return sys.stdin.buffer.readline()


def start() -> None:
    """Call it first in the process."""
    os.nice(_NICE)
    gc.set_threshold(_GC_THRESHOLD)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def finish(result: bytes) -> None:
    """Call it last in the process."""
    sys.stdout.buffer.write(result)
    sys.stdout.flush()


@contextlib.contextmanager
def _open_pipe() -> Iterator[int]:
    """The reading end of a pipe. It reaches its end when this process dies, however it dies."""
    reading_end, writing_end = os.pipe()
    try:
        yield reading_end
    finally:
        os.close(reading_end)
        os.close(writing_end)


def _end_with_parent() -> None:
    """The service writes nothing to the pipe. Its end means that the service has died: nobody reads the result."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
