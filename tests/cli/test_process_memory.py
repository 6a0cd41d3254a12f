"""The memory of a process that has served: SQLite has not counted it, and threads have shared what they freed."""

import ctypes
import signal
import socket
import subprocess
import sys
from pathlib import Path

from cli.command_line import SECONDS

_SERVE = """
from pathlib import Path
from mailrith_lite.cli import serve
from mailrith_lite.settings import Settings

serve.run(Settings(data_dir=Path("data"), port=0), notify_socket="systemd")
"""
_COUNT = """
import _sqlite3, ctypes, sqlite3
connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE numbers AS VALUES (1)")
library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
print(library.sqlite3_memory_used() if hasattr(library, "sqlite3_memory_used") else 0)
"""
_STORES = """
import ctypes
library = ctypes.CDLL(None)
library.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(library.fopen(b"stores.xml", b"w"))
library.malloc_info(0, file)
library.fclose(file)
print(Path("stores.xml").read_text().count("<heap nr="))
"""


def printed(script: str, cwd: Path, *, before: str = "") -> int:
    """The number in the last line of a process that has served."""
    command = [sys.executable, "-c", f"{before}\n{_SERVE}{script}"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(SECONDS)
        systemd.bind(str(cwd / "systemd"))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=cwd) as process:
            assert systemd.recv(100) == b"READY=1"
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=SECONDS)
    return int(output.splitlines()[-1])


def test_service_runs_in_a_python_without_ctypes(tmp_path: Path) -> None:
    assert printed("print(1)", tmp_path, before="import sys; sys.modules['ctypes'] = None") == 1


def test_sqlite_has_not_counted_memory(tmp_path: Path) -> None:
    assert printed(_COUNT, tmp_path) == 0


def test_all_threads_have_had_one_store_of_free_memory(tmp_path: Path) -> None:
    if hasattr(ctypes.CDLL(None), "malloc_info"):  # glibc's
        assert printed(_STORES, tmp_path) == 1
