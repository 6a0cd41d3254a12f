"""A test with the fixture may replace functions that the server uses, and gets its own log lines only."""

import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest
from cli.command_line import start_process
from pytest_session import WITHOUT_PLUGINS, run_session

CLIENT = """
from mailrith_sdk import MailrithClient

def use(mailrith):
    client = MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)
    mailrith.seed(subscribers=["ada@example.com"])
    mappings = [{"csv_column": "Email", "field": {"type": "email"}}]
    client.jobs.create_import(body={"csv_text": "Email\\nbob@example.com\\n", "mappings": mappings})
    upload = client.jobs.start_import_upload()["data"]
    assert client.transport("PUT", upload["upload_url"], {}, "Email\\ncarl@example.com\\n")[0] == 200
    client.jobs.create_export(body={})
    mailrith.jobs.drain()
    assert len(client.subscribers.list()["data"]) == 2
    mailrith.delay_next("listTags", seconds=0.05)
    assert client.tags.list()["data"] == []
    mailrith.reset()
"""
REPLACED = (
    "threading.Thread",  # first, when no thread of a pool has had work yet
    "asyncio.sleep",
    "builtins.open",
    "time.monotonic",
    "time.perf_counter",
    "time.sleep",
    "time.time_ns",
)


def test_test_can_replace_what_the_server_uses(pytester: pytest.Pytester) -> None:
    """The server's threads never call the replacement, which is what a fake with a list of results needs."""
    text = f"""
import importlib
import threading

import pytest
{CLIENT}
current_thread = threading.current_thread

@pytest.mark.parametrize("name", {REPLACED!r})
def test_replaced(mailrith, monkeypatch, name):
    module, _, attribute = name.rpartition(".")
    original = getattr(importlib.import_module(module), attribute)
    callers = []

    def replacement(*arguments, **options):
        callers.append(current_thread().name)
        return original(*arguments, **options)

    monkeypatch.setattr(name, replacement)
    use(mailrith)
    monkeypatch.undo()
    assert [one for one in callers if one.startswith("mailrith")] == []
"""
    run_session(pytester, text).assert_outcomes(passed=len(REPLACED))


def test_log_of_the_server_is_not_in_the_log_of_a_test(pytester: pytest.Pytester) -> None:
    text = f"""
import asyncio
import logging

import aiosqlite
{CLIENT}
def test_log(mailrith, caplog):
    caplog.set_level(logging.DEBUG)
    use(mailrith)
    assert caplog.records == []
    assert caplog.get_records("setup") == []

def test_own_log_of_the_same_library(mailrith, caplog):
    caplog.set_level(logging.DEBUG)

    async def select():
        async with aiosqlite.connect(":memory:") as connection:
            await connection.execute("SELECT 1")

    asyncio.run(select())
    assert any(record.name == "aiosqlite" for record in caplog.records)
"""
    run_session(pytester, text, "-o", "log_level=DEBUG").assert_outcomes(passed=2)


def leftovers(folder: Path) -> list[Path]:
    return list(folder.glob("mailrith-*"))


def wait_until_removed(folder: Path) -> None:
    """Waits for a process that is not a child of this one."""
    while leftovers(folder):
        subprocess.run(["sleep", "0.02"], check=True)


def test_killed_session_leaves_nothing_in_the_temporary_directory(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    text = """
import os
import signal
import tempfile
from pathlib import Path

def test_killed(mailrith):
    assert list(Path(tempfile.gettempdir()).glob("mailrith-*/data/mailrith.db"))
    os.killpg(0, signal.SIGKILL)
"""
    pytester.makepyfile(text)
    command = [sys.executable, "-m", "pytest", *WITHOUT_PLUGINS]
    ended = subprocess.run(command, start_new_session=True, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    wait_until_removed(tmp_path)


def test_killed_sandbox_leaves_nothing_in_the_temporary_directory(tmp_path: Path) -> None:
    with start_process("sandbox", "--port", "0", env={"TMPDIR": str(tmp_path)}, cwd=tmp_path) as process:
        assert process.stdout is not None
        assert re.search("sandbox http://", process.stdout.readline())
        assert leftovers(tmp_path)
        process.kill()
        process.wait(30)
        wait_until_removed(tmp_path)


@pytest.mark.parametrize("version", [None, (6, 2, 5)])
def test_plugin_does_nothing_in_an_old_pytest(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, ...] | None
) -> None:
    """Before version 7, pytest has no `StashKey`; version 6 has no `version_tuple` either."""
    old = types.ModuleType("pytest")
    if version is not None:
        old.version_tuple = version  # type: ignore[attr-defined]
    for name in ("plugin", "fixtures"):
        monkeypatch.delitem(sys.modules, f"mailrith_lite.testing.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "pytest", old)
    import mailrith_lite.testing.plugin as plugin

    assert [name for name in vars(plugin) if name.startswith(("pytest_", "mailrith"))] == []
