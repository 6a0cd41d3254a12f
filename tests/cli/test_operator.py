"""keys, workspaces, backup and doctor: on the data directory, also while the service runs."""

import contextlib
import re
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, MAPPINGS, Server

from cli.processes import MANY, assert_one_line, run
from mailrith_lite.access import scopes

DIRECTORIES_ARE_OPEN = "others may read"


@pytest.fixture
def data_dir(server: Server) -> Path:
    """Of a service that is running."""
    return server.settings.data_dir


def keys(data_dir: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return run("keys", *arguments, "--data-dir", data_dir, cwd=data_dir.parent)


def rows(outcome: subprocess.CompletedProcess[str]) -> list[list[str]]:
    assert outcome.returncode == 0, outcome.stderr
    return [line.split("\t") for line in outcome.stdout.splitlines()]


def created(data_dir: Path, *arguments: object) -> str:
    """Makes a key, checks that it is all that stdout says, and gives it."""
    outcome = keys(data_dir, "create", "--name", "Nightly import", *arguments)
    assert outcome.returncode == 0, outcome.stderr
    assert re.fullmatch(r"mrk_[A-Za-z0-9_-]{43}\n", outcome.stdout)
    return outcome.stdout.strip()


def status(server: Server, key: str, path: str = "/v1/tags") -> int:
    return server.call("GET", path, key=key).status


# --- keys ---------------------------------------------------------------------------------------------------------


def test_created_key_works_at_once_and_is_listed_without_itself(server: Server, data_dir: Path) -> None:
    key = created(data_dir)
    assert status(server, key) == 200
    first, second = rows(keys(data_dir, "list"))
    assert first[1:6] == ["First key", "Default", "mrk_exam…_key", "active", "all"]
    assert second[1:7] == ["Nightly import", "Default", f"{key[:8]}…{key[-4:]}", "active", "all", "never"]
    assert key not in keys(data_dir, "list").stdout


def test_rotated_key_is_replaced_at_once(server: Server, data_dir: Path) -> None:
    old = created(data_dir, "--scope", "tags:read", "--expires-in", "90d")
    key_id = rows(keys(data_dir, "list"))[1][0]
    new = keys(data_dir, "rotate", key_id).stdout.strip()
    assert (status(server, old), status(server, new)) == (401, 200)
    assert status(server, new, "/v1/subscribers") == 403
    before, after = rows(keys(data_dir, "list"))[1:]
    assert (before[4], after[4]) == ("rotated", "active")
    assert before[5:7] == after[5:7]
    assert_one_line(keys(data_dir, "rotate", key_id), f"the key {key_id} is rotated; create a new one instead")


def test_revoked_key_stops_at_once(server: Server, data_dir: Path) -> None:
    key = created(data_dir)
    key_id = rows(keys(data_dir, "list"))[1][0]
    for _ in range(2):
        assert keys(data_dir, "revoke", key_id).stdout == f"revoked {key_id} (Nightly import)\n"
        assert status(server, key) == 401
    assert rows(keys(data_dir, "list"))[1][4] == "revoked"
    assert_one_line(keys(data_dir, "rotate", key_id), "is revoked")


@pytest.mark.parametrize(
    ("given", "seconds"), [("90d", 90 * 86_400), ("12h", 43_200), ("45m", 2_700), ("7200", 7_200)]
)
def test_expiry_is_listed(server: Server, data_dir: Path, given: str, seconds: int) -> None:
    before = datetime.now(UTC)
    key = created(data_dir, "--expires-in", given)
    assert status(server, key) == 200
    expires = datetime.fromisoformat(rows(keys(data_dir, "list"))[1][6])
    assert timedelta(seconds=-1) < expires - before - timedelta(seconds=seconds) < timedelta(minutes=1)


def test_expired_key_is_listed_as_such(server: Server, data_dir: Path) -> None:
    assert status(server, server.new_key(expires_at=2)) == 401
    assert rows(keys(data_dir, "list"))[1][4] == "expired"


def test_key_holds_the_scopes_it_is_given(server: Server, data_dir: Path) -> None:
    key = created(data_dir, "--scope", "tags:read", "--scope", "subscribers:read")
    assert status(server, key, "/v1/tags") == status(server, key, "/v1/subscribers") == 200
    assert status(server, key, "/v1/custom-fields") == 403
    assert rows(keys(data_dir, "list"))[1][5].split() == ["tags:read", "subscribers:read"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("create",), "--name"),
        (("create", "--name", " "), "a name takes 1 to 100 characters"),
        (("create", "--name", "x" * 101), "a name takes 1 to 100 characters"),
        (("create", "--name", "x", "--scope", "tags:paint"), f"unknown scope tags:paint; {'scopes are'} "),
        (("create", "--name", "x", "--workspace", "Nowhere"), "there is no workspace Nowhere"),
        (("create", "--name", "x", "--expires-in", "soon"), "--expires-in takes a duration"),
        (("create", "--name", "x", "--expires-in", "0d"), "--expires-in takes a duration"),
        (("create", "--name", "x", "--expires-in", "999999999d"), "--expires-in takes a duration"),
        (("list", "--workspace", "Nowhere"), "there is no workspace Nowhere"),
        (("rotate", "api_key_x"), "there is no key api_key_x"),
        (("revoke", "api_key_0000000000001"), "there is no key api_key_0000000000001"),
    ],
)
def test_what_keys_cannot_do_is_one_line(data_dir: Path, arguments: tuple[str, ...], expected: str) -> None:
    assert_one_line(keys(data_dir, *arguments), expected)
    assert len(rows(keys(data_dir, "list"))) == 1


def test_unknown_scope_is_told_the_known_ones(data_dir: Path) -> None:
    outcome = keys(data_dir, "create", "--name", "x", "--scope", "nope")
    assert all(scope in outcome.stderr for scope in scopes.ALL)


def test_key_can_be_made_before_the_first_start(tmp_path: Path) -> None:
    key = created(tmp_path / "new")
    assert key not in (tmp_path / "new" / "mailrith.db").read_bytes().decode("latin-1")
    assert [row[2] for row in rows(keys(tmp_path / "new", "list"))] == ["Default"]


def test_key_is_made_while_an_import_writes(server: Server, data_dir: Path) -> None:
    server.call("POST", "/v1/jobs/subscriber-imports", {"csv_text": MANY, "mappings": MAPPINGS})
    assert status(server, created(data_dir)) == 200


# --- workspaces ---------------------------------------------------------------------------------------------------


def test_workspaces_are_kept_apart(server: Server, data_dir: Path) -> None:
    made = run("workspaces", "create", " Second  shop ", "--data-dir", data_dir, cwd=data_dir.parent)
    workspace_id = made.stdout.strip()
    assert re.fullmatch(r"workspace_\w{13}", workspace_id)
    listed = rows(run("workspaces", "list", "--data-dir", data_dir, cwd=data_dir.parent))
    assert [row[1] for row in listed] == ["Default", "Second shop"]
    assert listed[1][0] == workspace_id

    by_name, by_id = (created(data_dir, "--workspace", name) for name in ("Second shop", workspace_id))
    server.call("POST", "/v1/tags", {"name": "Ours"}, key=by_name)
    tags = [server.call("GET", "/v1/tags", key=key).json["data"] for key in (by_name, by_id, KEY)]
    assert [len(found) for found in tags] == [1, 1, 0]
    assert [row[2] for row in rows(keys(data_dir, "list", "--workspace", workspace_id))] == ["Second shop"] * 2

    again = run("workspaces", "create", "Second shop", "--data-dir", data_dir, cwd=data_dir.parent)
    assert_one_line(again, "there is a workspace Second shop already")
    assert_one_line(
        keys(data_dir, "create", "--name", "x"),
        "there are several workspaces (Default, Second shop); name one with --workspace",
    )


# --- backup -------------------------------------------------------------------------------------------------------


def counts(database: Path) -> dict[str, Any]:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tables = ("subscribers", "jobs", "api_keys", "workspaces")
        return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def test_backup_while_running_is_the_whole_database(server: Server, data_dir: Path, cwd: Path) -> None:
    server.import_csv(MANY)
    outcome = run("backup", "copy.db", "--data-dir", data_dir, cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    copy = cwd / "copy.db"
    assert outcome.stdout == f"wrote copy.db ({copy.stat().st_size:,} bytes)\n"
    assert counts(copy) == counts(data_dir / "mailrith.db")
    assert counts(copy)["subscribers"] == 200_000
    assert copy.stat().st_mode & 0o777 == 0o600


def test_backup_in_the_middle_of_an_import_is_consistent(server: Server, data_dir: Path, cwd: Path) -> None:
    server.call("POST", "/v1/jobs/subscriber-imports", {"csv_text": MANY, "mappings": MAPPINGS})
    assert run("backup", "copy.db", "--data-dir", data_dir, cwd=cwd).returncode == 0
    assert counts(cwd / "copy.db")["jobs"] == 1
    with contextlib.closing(sqlite3.connect(cwd / "copy.db")) as connection:
        (created_count,) = connection.execute("SELECT created_count FROM jobs").fetchone()
    assert counts(cwd / "copy.db")["subscribers"] == created_count


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("old.db", "old.db exists already; give a new name"),
        (".", ". exists already"),
        ("nowhere/copy.db", "cannot write nowhere/copy.db: No such file or directory"),
    ],
)
def test_backup_overwrites_nothing(data_dir: Path, cwd: Path, target: str, expected: str) -> None:
    (cwd / "old.db").write_text("yesterday's")
    assert_one_line(run("backup", target, "--data-dir", data_dir, cwd=cwd), expected)
    assert [path.read_text() for path in cwd.iterdir()] == ["yesterday's"]


def test_backup_that_cannot_be_read_leaves_no_file(data_dir_at_rest: Path, cwd: Path) -> None:
    spoil(data_dir_at_rest)
    assert_one_line(run("backup", "copy.db", "--data-dir", data_dir_at_rest, cwd=cwd), "malformed")
    assert not list(cwd.iterdir())


# --- doctor -------------------------------------------------------------------------------------------------------


@pytest.fixture
def data_dir_at_rest(tmp_path: Path) -> Path:
    """With a database, and no service on it."""
    created(tmp_path / "rest")
    return tmp_path / "rest"


def doctor(data_dir: Path) -> subprocess.CompletedProcess[str]:
    return run("doctor", "--data-dir", data_dir, cwd=data_dir.parent)


def spoil(data_dir: Path) -> None:
    """Writes nonsense into the middle of the database."""
    with (data_dir / "mailrith.db").open("r+b") as file:
        file.seek(3 * 4_096)
        file.write(b"\xee" * 3 * 4_096)


def test_doctor_finds_a_running_service_healthy(data_dir: Path) -> None:
    outcome = doctor(data_dir)
    assert outcome.returncode == 0, outcome.stdout
    subjects = ("data directory", "database", "disk space", "clock")
    assert outcome.stdout.splitlines() == [f"good  {subject}" for subject in subjects]


@pytest.mark.parametrize("name", [".", "mailrith.db"])
def test_doctor_names_what_others_may_read(data_dir_at_rest: Path, name: str) -> None:
    path = data_dir_at_rest / name
    path.chmod(path.stat().st_mode | 0o044)
    outcome = doctor(data_dir_at_rest)
    assert_one_line(outcome, "something is wrong; see above")
    assert f"bad   data directory: others may read {path}; chmod go-rwx {path}\n" in outcome.stdout
    assert "good  database\n" in outcome.stdout


def test_doctor_finds_a_spoiled_database(data_dir_at_rest: Path) -> None:
    spoil(data_dir_at_rest)
    outcome = doctor(data_dir_at_rest)
    assert_one_line(outcome, "")
    assert "bad   database: " in outcome.stdout


def test_doctor_is_told_what_is_no_database(data_dir_at_rest: Path) -> None:
    (data_dir_at_rest / "mailrith.db").write_text("a shopping list, long enough to be read as a header")
    assert_one_line(doctor(data_dir_at_rest), "cannot use the database")


@pytest.mark.parametrize("command", [("doctor",), ("backup", "copy.db")])
def test_data_directory_without_a_database(cwd: Path, command: tuple[str, ...]) -> None:
    assert_one_line(run(*command, "--data-dir", cwd, cwd=cwd), f"there is no database in {cwd}")
    assert not list(cwd.iterdir())


def test_spoiled_database_is_one_line_for_keys_too(data_dir_at_rest: Path) -> None:
    spoil(data_dir_at_rest)
    assert_one_line(keys(data_dir_at_rest, "list"), "malformed")


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "list"),
        ("keys", "rotate", "api_key_9wdvsq5zmmz0n"),
        ("keys", "revoke", "api_key_9wdvsq5zmmz0n"),
        ("workspaces", "list"),
        ("backup", "copy.db"),
        ("doctor",),
    ],
)
def test_a_command_that_needs_a_service_makes_none_where_there_is_none(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir(mode=0o755)
    for name in ("typo", "other"):
        assert_one_line(run(*arguments, "--data-dir", name, cwd=tmp_path), "there is no database in")
    assert not (tmp_path / "typo").exists()
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o755
    assert list((tmp_path / "other").iterdir()) == []


def test_a_key_for_a_new_database_says_that_it_is_new(tmp_path: Path) -> None:
    outcome = run("keys", "create", "--name", "First", "--data-dir", "fresh", cwd=tmp_path)
    assert outcome.stdout.startswith("mrk_")
    assert "made a new database in fresh" in outcome.stderr


def test_an_argument_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    outcome = run("keys", "create", "--name", "\udcff", "--data-dir", tmp_path / "d", cwd=tmp_path)
    assert_one_line(outcome, "not valid text")


@pytest.mark.parametrize("name", ["imports", "exports", "secret"])
def test_a_file_in_the_way_of_the_service_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    if name == "secret":
        (tmp_path / "d" / name).mkdir()
    else:
        (tmp_path / "d" / name).touch()
    assert_one_line(run("serve", "--port", "0", "--data-dir", "d", cwd=tmp_path), name)
