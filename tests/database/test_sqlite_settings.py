"""SQLite can be told not to count its memory."""

import _sqlite3
import ctypes
import subprocess
import sys

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


def counted(call: str) -> int:
    """The bytes that SQLite has counted in a process which makes the call first."""
    command = [sys.executable, "-c", _COUNT.format(call=call)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_memory_is_not_counted_after_the_call() -> None:
    assert counted("pass") > 10_000
    assert counted("assert stop_counting_memory()") == 0


def test_python_without_ctypes_lets_sqlite_count() -> None:
    missing = "import sys; sys.modules['ctypes'] = None"
    assert counted(f"{missing}; assert not stop_counting_memory()") > 10_000


def test_second_call_changes_nothing() -> None:
    assert counted("assert stop_counting_memory() and stop_counting_memory()") == 0
