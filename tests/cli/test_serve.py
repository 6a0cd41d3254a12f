"""`mailrith-lite serve`: one process, from its first line to a clean end."""

import json
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, MAPPINGS

from cli.processes import BOOTSTRAP, MANY, address, assert_one_line, begun, client, line_with, run
from mailrith_lite import __version__

CLEAN_SECONDS = 10


def call(url: str, path: str, key: str = KEY, body: Any = None) -> Any:
    request = urllib.request.Request(url + path, None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", f"Bearer {key}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def test_version(cwd: Path) -> None:
    outcome = run("--version", cwd=cwd)
    assert outcome.returncode == 0
    assert outcome.stdout == f"mailrith-lite, version {__version__}\n"


def test_first_start_prints_a_key_once(cwd: Path) -> None:
    command = ("serve", "--port", "0", "--data-dir", "store")
    with begun(*command, cwd=cwd) as process:
        url = address(process)
        found = re.fullmatch(
            r"The API key of the new workspace Default, shown this once: (mrk_\S{43})\n",
            line_with(process.stderr, "mrk_"),
        )
        assert found
        assert call(url, "/v1/tags", found[1])["data"] == []
        process.send_signal(signal.SIGTERM)
        assert found[1] not in "".join(process.communicate(timeout=CLEAN_SECONDS))
    with begun(*command, cwd=cwd) as process:
        assert call(address(process), "/v1/tags", found[1])["data"] == []
        process.send_signal(signal.SIGTERM)
        assert "mrk_" not in "".join(process.communicate(timeout=CLEAN_SECONDS))


def test_key_of_the_environment_is_taken_and_not_printed(cwd: Path) -> None:
    with begun("serve", "--port", "0", "--data-dir", "store", env=BOOTSTRAP, cwd=cwd) as process:
        assert call(address(process), "/v1/tags")["data"] == []
        process.send_signal(signal.SIGTERM)
        assert KEY not in "".join(process.communicate(timeout=CLEAN_SECONDS))


def test_what_it_keeps_is_for_its_owner_alone(cwd: Path) -> None:
    with begun("serve", "--port", "0", "--data-dir", "store", env=BOOTSTRAP, cwd=cwd) as process:
        address(process)
        modes = {
            path.relative_to(cwd).as_posix(): path.stat().st_mode & 0o777 for path in (cwd / "store").rglob("*")
        }
        assert (cwd / "store").stat().st_mode & 0o777 == 0o700
        assert {"store/mailrith.db", "store/secret", "store/lock", "store/imports"} <= modes.keys()
        assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} == {}


def test_second_process_on_the_same_directory_says_so(cwd: Path) -> None:
    command = ("serve", "--port", "0", "--data-dir", "store")
    with begun(*command, env=BOOTSTRAP, cwd=cwd) as process:
        url = address(process)
        assert_one_line(run(*command, cwd=cwd), "another process serves the data directory store")
        assert call(url, "/v1/tags")["data"] == []


def test_taken_port_is_one_line(cwd: Path) -> None:
    with begun("serve", "--port", "0", "--data-dir", "store", env=BOOTSTRAP, cwd=cwd) as process:
        port = address(process).rpartition(":")[2]
        other = run("serve", "--port", port, "--data-dir", "other", env=BOOTSTRAP, cwd=cwd)
        assert_one_line(other, f"cannot listen on 127.0.0.1:{port}: ")


@pytest.mark.parametrize(
    ("arguments", "env", "expected"),
    [
        (("--port", "99999"), {}, "--port takes a port from 0 to 65535"),
        (("--port", "http"), {}, "--port takes"),
        (("--public-url", "mail.example.com"), {}, "--public-url takes an address"),
        (("--log-format", "xml"), {}, "--log-format takes one of text, json"),
        ((), {"MAILRITH_LITE_PORT": "-1"}, "MAILRITH_LITE_PORT takes"),
        ((), {"MAILRITH_LITE_LOG_LEVEL": "loud"}, "MAILRITH_LITE_LOG_LEVEL takes one of"),
        ((), {"MAILRITH_LITE_JOB_CONCURRENCY": "0"}, "MAILRITH_LITE_JOB_CONCURRENCY takes a whole number"),
        ((), {"MAILRITH_LITE_EXPORT_TTL": "1w"}, "MAILRITH_LITE_EXPORT_TTL takes a duration"),
        ((), {"MAILRITH_LITE_EXPORT_FORMULA_GUARD": "maybe"}, "MAILRITH_LITE_EXPORT_FORMULA_GUARD takes on or off"),
        ((), {"MAILRITH_LITE_BOOTSTRAP_KEY": "secret"}, "MAILRITH_LITE_BOOTSTRAP_KEY takes a key: mrk_"),
        (("--data-dir", "/dev/null"), {}, "cannot use the data directory /dev/null"),
    ],
)
def test_bad_setting_stops_the_start_and_is_named(
    cwd: Path, arguments: tuple[str, ...], env: dict[str, str], expected: str
) -> None:
    outcome = run("serve", *arguments, env=env, cwd=cwd)
    assert_one_line(outcome, expected)
    assert not list(cwd.iterdir())


def test_bad_secret_setting_is_not_repeated(cwd: Path) -> None:
    outcome = run("serve", env={"MAILRITH_LITE_BOOTSTRAP_KEY": "my secret"}, cwd=cwd)
    assert "my secret" not in outcome.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_in_the_middle_of_an_import_ends_it_cleanly(cwd: Path, number: signal.Signals) -> None:
    command = ("serve", "--port", "0", "--data-dir", "store")
    file = cwd / "many.csv"
    file.write_text(MANY)
    with begun(*command, env=BOOTSTRAP, cwd=cwd) as process:
        url = address(process)
        body = {"csv_text": MANY, "mappings": MAPPINGS}
        job = call(url, "/v1/jobs/subscriber-imports", body=body)["data"]
        line_with(process.stderr, "job started")
        process.send_signal(number)
        log = process.communicate(timeout=CLEAN_SECONDS)[1]
        assert process.returncode == 0
        assert "job put back" in log
        assert "Traceback" not in log
    with begun(*command, env=BOOTSTRAP, cwd=cwd) as process:
        url = address(process)
        line_with(process.stderr, "job completed")
        job = call(url, f"/v1/jobs/subscriber-imports/{job['id']}")["data"]
        assert (job["status"], job["imported_count"]) == ("Completed", 200_000)
        assert job["progress"]["created_count"] == job["progress"]["rows_total"] == 200_000
        outcome = run("jobs", "list", env=client(url), cwd=cwd)
        assert "200,000 created" in outcome.stdout


@pytest.mark.parametrize("arguments", [(), ("keys",), ("workspaces",), ("jobs",)])
def test_command_without_a_subcommand_shows_its_help(cwd: Path, arguments: tuple[str, ...]) -> None:
    outcome = run(*arguments, cwd=cwd)
    assert "Commands:\n" in outcome.stdout + outcome.stderr
