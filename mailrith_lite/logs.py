"""Log lines as text or JSON.

An unexpected exception is logged with its type and its places in the code, never with its message: a message can
quote a cell or an address.
"""

import contextlib
import copy
import json
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, TypeAlias

from mailrith_lite import clock

access = logging.getLogger("mailrith_lite.access")
service = logging.getLogger("mailrith_lite.service")


_REQUEST = vars(access.makeRecord(access.name, logging.INFO, __file__, 0, "request", (), None))
_MAX_LINES = 10_000  # that wait for stderr; later ones are dropped
_GATHER_SECONDS = 0.05  # that a line waits for further ones
_FLUSH_SECONDS = 1.0  # that the end of the process waits for the reader of stderr
_REPEAT_SECONDS = 60.0  # in which equal warnings and errors are counted
_MAX_COUNTED = 1_000  # different records that are counted at a time; others are written
_WRITTEN_REFUSALS = 10  # equal lines of refused requests: somebody may look for the id of their own request


def configure(log_format: str, log_level: str) -> None:
    """All log lines go to stderr. Libraries log warnings only: at lower levels, some log SQL parameters."""
    root = logging.getLogger()
    if sys.stderr is None:  # closed by the parent of this process
        root.handlers[:] = [logging.NullHandler()]
    else:
        formatter = _JsonFormatter() if log_format == "json" else _TextFormatter()
        root.handlers[:] = [_QueueHandler(sys.stderr.fileno(), formatter)]
    root.setLevel(logging.WARNING)
    logging.getLogger("mailrith_lite").setLevel(log_level.upper())


def request(fields: dict[str, Any], equal: tuple[object, ...] | None) -> None:
    """Logs a request. `equal`: of a refused request, what other requests must have in common to be counted with it.

    The record is a copy: to make one looks at the stack, the thread and the process, and takes longer than the
    rest.
    """
    if access.isEnabledFor(logging.INFO):
        record, now = logging.LogRecord.__new__(logging.LogRecord), time.time()
        vars(record).update(_REQUEST, created=now, msecs=now % 1 * 1_000, fields=fields, equal=equal)
        access.handle(record)


def failure_places(error: BaseException) -> list[str]:
    """Lines with the type of an exception and its places (`at file:line in function`, innermost call last).

    The exceptions that caused it follow.
    """
    return [line for link in _chain(error) for line in _places(link)]


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _places(error: BaseException) -> Iterator[str]:
    yield type(error).__qualname__
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield f"  at {code.co_filename}:{traceback.tb_lineno} in {code.co_name}"
        traceback = traceback.tb_next


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields


def _plain(value: object) -> str:
    """The value as a text, in quotes if it could look like several fields."""
    text = str(value)
    return json.dumps(text) if " " in text or "=" in text or '"' in text else text


class _QueueHandler(logging.Handler):
    """Writes lines in a thread, so that neither a slow reader of stderr nor the texts of lines delay the service.

    The thread waits a moment for further lines and writes them together: to wake it for each line costs a request
    more than the line. When too many lines wait, later ones are dropped. After the next lines that are written, a
    warning says how many. Writes only the first of equal warnings and errors, and only the first ten of equal
    refused requests. After a minute, a line has the number of the others.
    """

    def __init__(self, descriptor: int, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._descriptor = descriptor
        self._queue: SimpleQueue[_Item] = SimpleQueue()
        self._dropped = 0  # by the threads that log, under this handler's lock
        self._lost = 0  # by the thread that writes
        self._reported = 0  # of both
        self._repeats = _Repeats()
        self._thread = threading.Thread(target=self._write_batches, name="log", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        if not self._repeats.is_written(record):
            return
        if self._queue.qsize() >= _MAX_LINES:
            self._dropped += 1
        else:
            self._queue.put(record)

    def flush(self) -> None:
        """Waits until all lines are written, but not long: perhaps nobody reads them."""
        written = threading.Event()
        self._queue.put(written)
        written.wait(_FLUSH_SECONDS)

    def close(self) -> None:
        """Ends the thread, which must not run while the interpreter ends. Does not wait long for the reader."""
        self._queue.put(None)
        self._thread.join(_FLUSH_SECONDS)
        super().close()

    def _write_batches(self) -> None:
        while self._write_batch(self._next_batch()):
            pass

    def _write_batch(self, batch: list["_Item"]) -> bool:
        """False after the end. No name of a record outlives the call: an exception in it can have much memory."""
        flushes = [item for item in batch if isinstance(item, threading.Event)]
        records = [item for item in batch if isinstance(item, logging.LogRecord)]
        records += self._repeats.due(everything=bool(flushes) or None in batch)
        self._write(records)
        if (dropped := self._dropped + self._lost - self._reported) > 0:
            self._reported += dropped
            self._write([_dropped_record(dropped)])
        for written in flushes:
            written.set()
        return None not in batch

    def _next_batch(self) -> list["_Item"]:
        """What waits a moment after the first item; nothing after a minute without one."""
        batch: list[_Item] = []
        with contextlib.suppress(Empty):
            batch.append(self._queue.get(timeout=_REPEAT_SECONDS))
            if isinstance(batch[0], logging.LogRecord):
                time.sleep(_GATHER_SECONDS)
            while len(batch) < _MAX_LINES:
                batch.append(self._queue.get_nowait())
        return batch

    def _write(self, records: list[logging.LogRecord]) -> None:
        rest = memoryview("".join(map(self._line, records)).encode(errors="replace"))
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another process has made the shared stderr non-blocking
                select.select([], [self._descriptor], [])
            except OSError:  # the reader has gone, or the disk of a log file is full
                self._lost += bytes(rest).count(b"\n")
                return

    def _line(self, record: logging.LogRecord) -> str:
        try:
            return f"{self.format(record)}\n"
        except Exception:
            self.handleError(record)
            return ""


_Item: TypeAlias = logging.LogRecord | threading.Event | None
"""A line to write; who waits until all lines are written; None for the end."""


class _Repeat:
    """`record`: the first record, without its exception. `written`: how many equal records the log has.

    `count`: the number of the others.
    """

    def __init__(self, record: logging.LogRecord) -> None:
        self.record = copy.copy(record)
        self.record.exc_info = None  # its traceback would keep the data of a request in memory
        self.ends = time.monotonic() + _REPEAT_SECONDS
        self.written = 1
        self.count = 0


class _Repeats:
    """Counts equal records, for all threads.

    Exceptions with the same message and places are equal, whichever request or job they come from. Without an
    exception, records with other fields differ. Refused requests have an attribute `equal` that says what counts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._repeats: dict[str, _Repeat] = {}  # the oldest first

    def is_written(self, record: logging.LogRecord) -> bool:
        """False for a record that equals enough of the last minute: it is counted instead."""
        equal = getattr(record, "equal", None)
        if equal is None and record.levelno < logging.WARNING:
            return True
        most = 1 if equal is None else _WRITTEN_REFUSALS
        key = _identity(record) if equal is None else repr(equal)
        with self._lock:
            repeat = self._repeats.get(key)
            if repeat is None:
                if len(self._repeats) < _MAX_COUNTED:
                    self._repeats[key] = _Repeat(record)
                return True
            if repeat.written < most:
                repeat.written += 1
                return True
            repeat.count += 1
            return False

    def due(self, *, everything: bool = False) -> list[logging.LogRecord]:
        """Ends the counts that are a minute old, or all of them. Returns one record for each that was repeated."""
        with self._lock:
            ended = []
            for key, repeat in self._repeats.items():
                if repeat.ends > time.monotonic() and not everything:
                    break
                ended.append(key)
            repeats = [self._repeats.pop(key) for key in ended]
        return [_repeated_record(repeat) for repeat in repeats if repeat.count]


def _identity(record: logging.LogRecord) -> str:
    failure = record.exc_info[1] if record.exc_info else None
    cause = failure_places(failure) if failure else [repr(_fields(record))]
    return "\n".join([record.name, record.levelname, record.getMessage(), *cause])


def _repeated_record(repeat: _Repeat) -> logging.LogRecord:
    record = repeat.record
    record.created = time.time()
    record.fields = _fields(record) | {"repeats": repeat.count}
    return record


def _dropped_record(count: int) -> logging.LogRecord:
    record = service.makeRecord(
        service.name, logging.WARNING, __file__, 0, "log lines were dropped; read stderr faster", (), None
    )
    record.fields = {"count": count}
    return record


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": clock.rfc3339(int(record.created * 1_000)),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[1]:
            line["failure"] = failure_places(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(f" {name}={_plain(value)}" for name, value in _fields(record).items() if value is not None)
        lines = [
            f"{clock.rfc3339(int(record.created * 1_000))} {record.levelname:<7} {record.getMessage()}{fields}"
        ]
        if record.exc_info and record.exc_info[1]:
            lines += failure_places(record.exc_info[1])
        return "\n".join(lines)
