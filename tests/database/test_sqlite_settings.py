"""A process that serves does not let SQLite count its memory."""

import _sqlite3
import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

_COUNT = """
import _sqlite3, ctypes, sqlite3
from mailrith_lite.database.sqlite_settings import stop_counting_memory
{call}
connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE numbers AS VALUES (1)")
print(ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used())
"""


@pytest.fixture(autouse=True)
def reachable_library() -> None:
    try:
        assert ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
    except (AttributeError, OSError):
        pytest.skip("SQLite is a part of this interpreter")


def counted(call: str, cwd: Path | None = None) -> int:
    """The bytes that SQLite has counted in a process which makes the call first."""
    command = [sys.executable, "-c", _COUNT.format(call=call)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd, timeout=60).stdout
    return int(output.splitlines()[-1])


def test_memory_is_not_counted_after_the_call() -> None:
    assert counted("pass") > 10_000
    assert counted("assert stop_counting_memory()") == 0


def test_second_call_changes_nothing() -> None:
    assert counted("assert stop_counting_memory() and stop_counting_memory()") == 0


def test_service_counts_no_memory(tmp_path: Path) -> None:
    call = """
import os, signal, socket, threading
from pathlib import Path
from mailrith_lite.cli import serve
from mailrith_lite.settings import Settings

systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
systemd.bind("systemd")

def stop_when_ready():
    assert systemd.recv(100) == b"READY=1"
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=stop_when_ready, daemon=True).start()
serve.run(Settings(data_dir=Path("data"), port=0), notify_socket="systemd")
"""
    assert counted(call, cwd=tmp_path) == 0
