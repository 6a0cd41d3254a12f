"""A sandbox in a process of its own, for tests that replace what a server in their process would need.

The two processes exchange frames through the child's stdin and stdout: four bytes with the length, then
MessagePack.
The child ends when its stdin does, also after a kill of the test process.
"""

import contextlib
import inspect
import itertools
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen
from threading import Lock, Thread
from typing import IO, Any, Concatenate, ParamSpec, Self, TypeVar, get_type_hints

import msgspec

from mailrith_lite.errors import StartError
from mailrith_lite.testing.controlled_server import PATIENCE
from mailrith_lite.testing.movable_clock import monotonic
from mailrith_lite.testing.recorder import RecordedRequest
from mailrith_lite.testing.sandbox import Sandbox, load_settings
from mailrith_lite.testing.server_thread import ServerThread

P = ParamSpec("P")
T = TypeVar("T")
_CALLS_AT_ONCE = 64
_LONGEST_WAIT = 1.0  # seconds that one call waits for a request
_STOPPED = "this server has stopped"
_ERRORS: dict[str, type[Exception]] = {
    error.__name__: error for error in (StartError, ValueError, TimeoutError, RuntimeError)
}


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    seed_ids: bool
    settings: dict[str, Any]


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    """`method`: of Sandbox."""

    number: int
    method: str
    arguments: list[Any]


class _Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`number`: that of the call; 0 is the start of the server, whose value is the address."""

    number: int
    value: msgspec.Raw = msgspec.Raw(b"\xc0")  # nil
    error: str | None = None
    text: str = ""

    def result(self, answer: Any) -> Any:
        """`answer`: the type of the value. Raises the error instead, if there is one."""
        if self.error is not None:
            raise _ERRORS.get(self.error, RuntimeError)(self.text)
        return msgspec.msgpack.decode(self.value, type=answer)


class ServerProcess:
    """The same as ServerThread for the handle of a test."""

    def __init__(self, process: Popen[bytes], url: str) -> None:
        self.url = url
        self.request_log = _RemoteLog(self)
        self._process = process
        self._numbers = itertools.count(1)
        self._lock = Lock()
        self._waiting: dict[int, Future[_Outcome]] = {}
        self._stopped = False
        self._reader = Thread(target=self._read_outcomes, name="mailrith", daemon=True)

    @classmethod
    @contextlib.contextmanager
    def running(cls, *, seed_ids: bool = False, **settings: object) -> Iterator[Self]:
        """A running server for as long as the context lasts. Takes and raises what `ServerThread.running` does."""
        load_settings(Path("data"), **settings)  # refuses wrong settings here
        texts = {name: value if isinstance(value, int | float) else str(value) for name, value in settings.items()}
        command = [sys.executable, "-m", __name__]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        pipe = subprocess.PIPE
        # In a session of its own, so that Ctrl-C in a terminal stops the tests first.
        with Popen(  # noqa: S603 - a fixed command
            command, stdin=pipe, stdout=pipe, env=environment, start_new_session=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            _write(process.stdin, _Options(seed_ids=seed_ids, settings=texts))
            first = _read(process.stdout)
            if first is None:
                raise StartError("the server's process has ended; its stderr says why")
            server = cls(process, msgspec.msgpack.decode(first, type=_Outcome).result(str))
            server._reader.start()
            try:
                yield server
            finally:
                server._stop()

    def ask(self, method: Callable[Concatenate[Sandbox, P], Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """As ControlledServer says."""
        arguments = list(inspect.signature(method).bind(None, *args, **kwargs).args[1:])
        future: Future[_Outcome] = Future()
        with self._lock:
            if self._stopped:
                raise RuntimeError(_STOPPED)
            number = next(self._numbers)
            self._waiting[number] = future
            assert self._process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # the thread that reads notices it, too
                _write(self._process.stdin, _Call(number=number, method=method.__name__, arguments=arguments))
        value: T = future.result(PATIENCE * 2).result(get_type_hints(method)["return"])
        return value

    def _read_outcomes(self) -> None:
        assert self._process.stdout is not None
        while (frame := _read(self._process.stdout)) is not None:
            outcome = msgspec.msgpack.decode(frame, type=_Outcome)
            self._waiting.pop(outcome.number).set_result(outcome)
        with self._lock:
            self._stopped = True
        for future in self._waiting.values():
            future.set_exception(RuntimeError(_STOPPED))

    def _stop(self) -> None:
        assert self._process.stdin is not None
        with self._lock, contextlib.suppress(BrokenPipeError):
            self._stopped = True
            self._process.stdin.close()
        self._reader.join()


class _RemoteLog:
    """The recorder of the process."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    @property
    def count(self) -> int:
        return self._server.ask(Sandbox.count_requests)

    def select(self, workspace_ids: set[int], after: int) -> list[RecordedRequest]:
        return self._server.ask(Sandbox.select_requests, workspace_ids, after)

    def forget(self, workspace_ids: set[int]) -> None:
        self._server.ask(Sandbox.forget_requests, workspace_ids)

    def wait_until(self, condition: Callable[[], bool], timeout: float) -> bool:
        deadline = monotonic() + timeout
        changes = self._server.ask(Sandbox.wait_for_requests, -1, 0.0)
        while not condition():
            left = deadline - monotonic()
            if left <= 0:
                return False
            changes = self._server.ask(Sandbox.wait_for_requests, changes, min(left, _LONGEST_WAIT))
        return True


def _write(stream: IO[bytes], value: msgspec.Struct) -> None:
    frame = msgspec.msgpack.encode(value)
    stream.write(len(frame).to_bytes(4, "big") + frame)
    stream.flush()


def _read(stream: IO[bytes]) -> bytes | None:
    """The next frame; None at the end of the stream."""
    size = stream.read(4)
    return stream.read(int.from_bytes(size, "big")) if len(size) == 4 else None


def _failure(number: int, error: BaseException) -> _Outcome:
    name = next((kind for kind, known in _ERRORS.items() if isinstance(error, known)), "RuntimeError")
    return _Outcome(number=number, error=name, text=str(error) or type(error).__name__)


def main() -> None:
    """Runs in the child."""
    calls, outcomes = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # a stray line would break a frame
    options = msgspec.msgpack.decode(_read(calls) or b"", type=_Options)
    lock = Lock()

    def write(outcome: _Outcome) -> None:
        with lock, contextlib.suppress(BrokenPipeError):
            _write(outcomes, outcome)

    def answer(server: ServerThread, call: _Call) -> None:
        write(_answer(server, call))

    try:
        with ServerThread.running(seed_ids=options.seed_ids, **options.settings) as server:
            write(_Outcome(number=0, value=msgspec.Raw(msgspec.msgpack.encode(server.url))))
            with ThreadPoolExecutor(_CALLS_AT_ONCE) as pool:
                while (frame := _read(calls)) is not None:
                    call = msgspec.msgpack.decode(frame, type=_Call)
                    pool.submit(answer, server, call)
    except StartError as error:
        write(_failure(0, error))


def _answer(server: ServerThread, call: _Call) -> _Outcome:
    method = getattr(Sandbox, call.method)
    hints = get_type_hints(method)
    names = list(inspect.signature(method).parameters)[1:]
    try:
        arguments = [
            msgspec.convert(argument, hints[name]) for name, argument in zip(names, call.arguments, strict=False)
        ]
        value = msgspec.msgpack.encode(server.ask(method, *arguments))
    except Exception as error:
        return _failure(call.number, error)
    return _Outcome(number=call.number, value=msgspec.Raw(value))


if __name__ == "__main__":
    main()
