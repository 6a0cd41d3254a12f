"""The command `serve`: one process, from its first line to a clean end."""

import json
import re
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, MAPPINGS, Server

from cli.command_line import (
    BOOTSTRAP,
    SECONDS,
    address,
    assert_fails,
    csv_file,
    has_ipv6,
    line_with,
    run,
    run_process,
    start_process,
)
from mailrith_lite.errors import StartError

SERVE = ("serve", "--port", "0", "--data-dir", "store")
STOP_SECONDS = 10
ROWS = 30_000


def call(url: str, path: str, key: str = KEY, body: Any = None) -> Any:
    request = urllib.request.Request(url + path, None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        return json.load(answer)


def stop(process: subprocess.Popen[str], number: signal.Signals) -> str:
    """Sends the signal, waits for a clean end, and returns the rest of stderr."""
    process.send_signal(number)
    stderr = process.communicate(timeout=STOP_SECONDS)[1]
    assert process.returncode == 0, stderr
    assert "Traceback" not in stderr
    return stderr


def test_first_start_prints_a_key_once_and_any_start_its_public_address(cwd: Path) -> None:
    public = ("--public-url", "https://mail.example.com/lists")
    with start_process(*SERVE, cwd=cwd) as process:
        url = address(process)
        match = re.fullmatch(
            r"The API key of the new workspace Default, shown only once: (mrk_\S{43})\n",
            line_with(process.stderr, "mrk_"),
        )
        assert match
        assert call(url, "/v1/tags", match[1])["data"] == []
        assert match[1] not in stop(process, signal.SIGTERM)
    with start_process(*SERVE, *public, "--json", cwd=cwd) as process:
        assert process.stdout is not None
        document = json.loads(process.stdout.readline())
        assert document["public_address"] == "https://mail.example.com/lists"
        assert call(document["address"], "/v1/tags", match[1])["data"] == []
        assert "mrk_" not in stop(process, signal.SIGHUP)


def test_one_process_serves_a_data_directory_that_only_its_owner_reads(cwd: Path) -> None:
    public = ("--public-url", "https://mail.example.com/lists")
    with start_process(*SERVE, *public, env=BOOTSTRAP, cwd=cwd) as process:
        line = line_with(process.stdout, "serving")
        assert line.endswith("(data directory: store; public address: https://mail.example.com/lists)\n")
        url = line.split()[3]
        store = cwd / "store"
        modes = {path.relative_to(store).as_posix(): path.stat().st_mode & 0o777 for path in store.rglob("*")}
        assert store.stat().st_mode & 0o777 == 0o700
        assert {"mailrith.db", "secret", "lock", "imports"} <= modes.keys()
        assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}

        second = run_process(*SERVE, cwd=cwd)
        assert_fails(second, "another process serves the data directory store")
        port = url.rpartition(":")[2]
        third = run_process("serve", "--port", port, "--data-dir", "other", cwd=cwd)
        assert_fails(third, f"cannot listen on 127.0.0.1:{port}: ")
        assert call(url, "/v1/tags")["data"] == []  # the key of the environment
        assert KEY not in stop(process, signal.SIGINT)


def test_start_at_a_port_that_is_in_use_makes_no_key(cwd: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run_process("serve", "--port", port, "--data-dir", "store", cwd=cwd)
    assert_fails(result, f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another with --port")
    assert "mrk_" not in result.stderr
    assert not (cwd / "store" / "mailrith.db").exists()


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")
def test_service_listens_on_ipv6(cwd: Path) -> None:
    with start_process(*SERVE, "--host", "::1", env=BOOTSTRAP, cwd=cwd) as process:
        url = address(process)
        assert url.startswith("http://[::1]:")
        assert call(url, "/v1/tags")["data"] == []
        assert "address=::1" in stop(process, signal.SIGTERM)


def test_signal_during_an_import_stops_cleanly_and_the_next_start_completes_it(cwd: Path) -> None:
    with start_process(*SERVE, env=BOOTSTRAP, cwd=cwd) as process:
        body = {"csv_text": csv_file(ROWS), "mappings": MAPPINGS}
        job = call(address(process), "/v1/jobs/subscriber-imports", body=body)["data"]
        line_with(process.stderr, "job started")
        assert "job put back" in stop(process, signal.SIGTERM)
    with start_process(*SERVE, env=BOOTSTRAP, cwd=cwd) as process:
        url = address(process)
        line_with(process.stderr, "job completed")
        job = call(url, f"/v1/jobs/subscriber-imports/{job['id']}")["data"]
        assert (job["status"], job["imported_count"]) == ("Completed", ROWS)
        assert job["progress"]["created_count"] == job["progress"]["rows_total"] == ROWS
        stop(process, signal.SIGINT)


@pytest.mark.parametrize(
    ("options", "env", "message"),
    [
        (("--port", "99999"), {}, "--port takes a port from 0 to 65535"),
        (("--public-url", "mail.example.com"), {}, "--public-url takes an address"),
        (("--log-format", "xml"), {}, "--log-format takes one of text, json"),
        ((), {"MAILRITH_LITE_PORT": "-1"}, "MAILRITH_LITE_PORT takes"),
        ((), {"MAILRITH_LITE_LOG_LEVEL": "loud"}, "MAILRITH_LITE_LOG_LEVEL takes one of"),
        ((), {"MAILRITH_LITE_JOB_CONCURRENCY": "0"}, "MAILRITH_LITE_JOB_CONCURRENCY takes a whole number"),
        ((), {"MAILRITH_LITE_EXPORT_TTL": "1w"}, "MAILRITH_LITE_EXPORT_TTL takes a duration"),
        ((), {"MAILRITH_LITE_EXPORT_FORMULA_GUARD": "maybe"}, "MAILRITH_LITE_EXPORT_FORMULA_GUARD takes on or off"),
        ((), {"MAILRITH_LITE_BOOTSTRAP_KEY": "my secret"}, "MAILRITH_LITE_BOOTSTRAP_KEY takes a key: mrk_"),
    ],
)
def test_bad_setting_stops_the_start_with_an_error_that_names_it_and_shows_no_key(
    cwd: Path, options: tuple[str, ...], env: dict[str, str], message: str
) -> None:
    result = run("serve", *options, env=env, cwd=cwd)
    assert_fails(result, message)
    assert "my secret" not in result.stderr
    assert not list(cwd.iterdir())


@pytest.mark.parametrize("name", ["imports", "exports", "secret"])
def test_file_of_the_wrong_kind_in_the_data_directory_stops_the_start(
    serve: Callable[..., Server], cwd: Path, name: str
) -> None:
    store = cwd / "store"
    store.mkdir()
    if name == "secret":
        (store / name).mkdir()
    else:
        (store / name).touch()
    with pytest.raises(StartError, match=name):
        serve(data_dir=store)


def test_data_directory_that_cannot_be_made_stops_the_start(serve: Callable[..., Server]) -> None:
    with pytest.raises(StartError, match="cannot use the data directory /dev/null"):
        serve(data_dir=Path("/dev/null"))
