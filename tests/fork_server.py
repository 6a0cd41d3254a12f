"""Starts commands as forks of a process that has imported them: the import takes most of the time of a start.

Each command is still a process of its own, with its own environment, files and signals.
"""

import contextlib
import faulthandler
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

_NUMBER = struct.Struct("i")
_LONGEST_REQUEST = 1 << 17  # bytes


class Command:
    """A command that runs, with a part of the interface of `subprocess.Popen`."""

    def __init__(self, pid: int, outcome: int, stdout: IO[str], stderr: IO[str] | None) -> None:
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self.returncode: int | None = None
        self._outcome = outcome

    def send_signal(self, number: signal.Signals) -> None:
        """Does nothing if the command has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; -9 after SIGKILL.

        Raises:
            subprocess.TimeoutExpired: the command still runs.
        """
        if self.returncode is None:
            ready, _, _ = select.select([self._outcome], [], [], timeout)
            if not ready:
                raise subprocess.TimeoutExpired(["mailrith-lite"], timeout or 0)
            (self.returncode,) = _NUMBER.unpack(os.read(self._outcome, _NUMBER.size))
        return self.returncode

    def communicate(self, timeout: float) -> tuple[str, str]:
        """What the command still writes until its end: (stdout, stderr).

        Raises:
            TimeoutError: the command still ran, and is killed.
        """
        assert self.stderr is not None
        with ThreadPoolExecutor(2) as pool:
            reads = [pool.submit(stream.read) for stream in (self.stdout, self.stderr)]
            try:
                output, errors = [read.result(timeout) for read in reads]
            except TimeoutError:
                self.kill()  # ends the reads, too
                raise
        self.wait(timeout)
        return output, errors

    def close(self) -> None:
        """Kills the command if it runs, and closes the pipes."""
        self.kill()
        self.wait()
        os.close(self._outcome)
        for pipe in (self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()


class ForkServer:
    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests

    def start(
        self,
        arguments: Sequence[str],
        *,
        environment: Mapping[str, str],
        directory: Path | None = None,
        stderr: IO[bytes] | None = None,
    ) -> Command:
        """Starts `mailrith-lite ARGUMENTS`, by default in the directory of this process with a pipe for stderr."""
        request = {
            "arguments": arguments,
            "environment": dict(environment),
            "directory": str(directory or Path.cwd()),
        }
        with contextlib.ExitStack() as passed:

            def pipe() -> tuple[int, int]:
                ours, theirs = os.pipe()
                passed.callback(os.close, theirs)
                return ours, theirs

            output, stdout = pipe()
            outcome, result = pipe()
            errors, theirs = (None, stderr.fileno()) if stderr is not None else pipe()
            socket.send_fds(self._requests, [json.dumps(request).encode()], [stdout, theirs, result])
        (pid,) = _NUMBER.unpack(os.read(outcome, _NUMBER.size))
        return Command(
            pid,
            outcome,
            os.fdopen(output, encoding="utf-8"),
            None if errors is None else os.fdopen(errors, encoding="utf-8"),
        )


_stop = contextlib.ExitStack()
_shared: list[ForkServer] = []


def shared() -> ForkServer:
    """The server of this session, which starts at the first call."""
    if not _shared:
        _shared.append(_stop.enter_context(_running()))
    return _shared[0]


def stop() -> None:
    """Stops the server of this session, if it runs."""
    _shared.clear()
    _stop.close()


@contextlib.contextmanager
def _running() -> Iterator[ForkServer]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        command = [sys.executable, str(Path(__file__)), str(theirs.fileno())]
        with subprocess.Popen(command, pass_fds=[theirs.fileno()]) as process:
            theirs.close()
            yield ForkServer(ours)
            ours.close()  # ends the process
            assert process.wait(30) == 0


def _serve(requests: socket.socket) -> None:
    """Forks once for each request, until the other end is closed."""
    import mailrith_lite.cli.main
    import mailrith_lite.cli.serve  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the parents of commands
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, _LONGEST_REQUEST, 3)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            _run(json.loads(request), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _run(request: dict[str, object], stdout: int, stderr: int, result: int) -> None:
    """In a process of its own: forks the command, and writes its id and its exit code to `result`."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(result)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        os.close(stdout)
        os.close(stderr)
        _become(**request)  # type: ignore[arg-type]
    os.close(stdout)
    os.close(stderr)
    os.write(result, _NUMBER.pack(pid))
    _, status = os.waitpid(pid, 0)
    with contextlib.suppress(BrokenPipeError):  # nobody asks anymore
        os.write(result, _NUMBER.pack(os.waitstatus_to_exitcode(status)))
    os._exit(0)


def _become(*, arguments: list[str], environment: dict[str, str], directory: str) -> None:
    from mailrith_lite.cli.entry import main

    # A stream is made for the kind of file that it had at first.
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", buffering=1, errors="backslashreplace", closefd=False)
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["mailrith-lite", *arguments]
    main()
    sys.exit()


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
