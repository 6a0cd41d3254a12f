"""With `mailrith_process`, changes that a test makes to its own process do not reach the server."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mailrith_sdk import MailrithClient
from pytest_session import WITHOUT_PLUGINS, run_session
from test_unnoticed_server import CLIENT, leftovers, wait_until_removed

from mailrith_lite.errors import StartError
from mailrith_lite.settings import BadSetting
from mailrith_lite.testing import serve

PROCESS = ("-o", "mailrith_process=true")
NO_SOCKETS = """
import pytest

@pytest.mark.disable_socket
def test_start_without_sockets(mailrith):
    mailrith.seed(subscribers=["ada@example.com"])
    mailrith.jobs.drain()
    assert len(mailrith.requests) == 0
"""
GEVENT = f"""
from gevent import monkey

monkey.patch_all(ssl=False)  # a plugin of pytest has imported ssl already
{CLIENT}
def test_greenlets(mailrith):
    use(mailrith)
"""
FAKES = f"""{NO_SOCKETS}
import asyncio
import threading
import time
from unittest.mock import MagicMock

import freezegun
from pyfakefs.fake_filesystem_unittest import Patcher
{CLIENT}
def test_fake_files(mailrith):
    with Patcher() as patcher:
        patcher.fs.create_file("/data.csv", contents="Email")
        use(mailrith)
        assert open("/data.csv").read() == "Email"

def test_fake_clock(mailrith):
    before = mailrith.clock.now()
    with freezegun.freeze_time("2020-01-01"):
        use(mailrith)
        assert mailrith.clock.now() > before

def test_fakes_of_the_standard_library(mailrith, monkeypatch):
    for module, name in (
        (asyncio, "sleep"), (asyncio, "to_thread"), (threading, "Thread"), (time, "time"), (time, "sleep")
    ):
        monkeypatch.setattr(module, name, MagicMock(side_effect=AssertionError))
    use(mailrith)
"""


def test_test_can_use_gevent(pytester: pytest.Pytester) -> None:
    """In a session of its own, because gevent patches before anything else is imported."""
    run_session(pytester, GEVENT, *PROCESS).assert_outcomes(passed=1)


def test_test_of_an_xdist_worker_can_replace_anything_in_its_process(pytester: pytest.Pytester) -> None:
    """The first test of each worker starts its server."""
    run_session(pytester, FAKES, *PROCESS, "-n", "2").assert_outcomes(passed=4)


def test_fixture_can_choose_the_process_instead_of_the_option(pytester: pytest.Pytester) -> None:
    text = """
    import os
    import pytest
    import threading

    @pytest.fixture(scope="session")
    def mailrith_process():
        return True

    @pytest.fixture(scope="session")
    def mailrith_options():
        return {"seed_ids": True, "export_ttl": "1h"}

    def test_stable(mailrith):
        assert mailrith.clock.now() == "2026-04-11T12:00:00.000Z"
        assert not any(thread.name == "mailrith database" for thread in threading.enumerate())
    """
    run_session(pytester, text).assert_outcomes(passed=1)


def test_process_ends_with_a_killed_session(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    pytester.makepyfile(
        """
        import os
        import signal

        def test_killed(mailrith):
            assert list(__import__("pathlib").Path(os.environ["TMPDIR"]).glob("mailrith-*/data/mailrith.db"))
            os.killpg(0, signal.SIGKILL)
        """
    )
    command = [sys.executable, "-m", "pytest", *WITHOUT_PLUGINS, *PROCESS]
    ended = subprocess.run(command, start_new_session=True, capture_output=True, timeout=60)
    assert ended.returncode == -signal.SIGKILL
    wait_until_removed(tmp_path)


def test_errors_are_those_of_a_server_in_the_same_process(tmp_path: Path) -> None:
    with serve(process=True) as mailrith:
        port = int(mailrith.url.rpartition(":")[2])
        with pytest.raises(StartError, match=str(port)), serve(process=True, port=port):
            pytest.fail("two servers listen on one port")
        with pytest.raises(ValueError, match="not an email address"):
            mailrith.seed(subscribers=["nobody"])
        with pytest.raises(ValueError, match="is it createTag"):
            mailrith.fail_next("createTags")
        with pytest.raises(TimeoutError, match="0 of 1 requests to createTag"):
            mailrith.requests.wait_for("createTag", timeout=0.05)
    with pytest.raises(RuntimeError, match="this server has stopped"):
        mailrith.jobs.hold()
    with pytest.raises(BadSetting), serve(process=True, export_ttl="soon"):
        pytest.fail("the setting was accepted")
    with pytest.raises(TypeError, match="max_queue"), serve(process=True, max_queue=1):
        pytest.fail("the setting was accepted")


def test_killed_server_is_an_error_for_its_callers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with serve(process=True) as mailrith:
        client = MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)
        assert client.tags.list()["data"] == []
        assert leftovers(tmp_path)
        os.kill(mailrith._server._process.pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match="this server has stopped"):
            mailrith.jobs.drain()
    wait_until_removed(tmp_path)
