"""The commands `keys …`, on the data directory of a running service unless a test says otherwise."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import Server

from cli.command_line import Result, assert_fails, data_rows, run, run_on_terminal
from mailrith_lite.access import scopes

KEY_LINE = re.compile(r"mrk_[A-Za-z0-9_-]{43}\n")


def keys(data_dir: Path, *arguments: object) -> Result:
    return run("keys", *arguments, "--data-dir", data_dir, cwd=data_dir.parent)


def create(data_dir: Path, *options: object) -> str:
    """Creates a key, checks that stdout has nothing else, and returns it."""
    result = keys(data_dir, "create", "--name", "Nightly import", *options)
    assert result.exit_code == 0, result.stderr
    assert KEY_LINE.fullmatch(result.stdout)
    return result.stdout.strip()


def status(server: Server, key: str, path: str = "/v1/tags") -> int:
    return server.call("GET", path, key=key).status


def test_created_key_works_at_once_and_the_list_does_not_have_it(server: Server, data_dir: Path) -> None:
    key = create(data_dir)
    assert status(server, key) == 200
    first, second = data_rows(keys(data_dir, "list"))
    assert first[1:6] == ["First key", "Default", "mrk_exam…_key", "active", "all"]
    assert second[1:7] == ["Nightly import", "Default", f"{key[:8]}…{key[-4:]}", "active", "all", "never"]
    assert key not in keys(data_dir, "list").stdout


def test_rotate_replaces_a_key_at_once(server: Server, data_dir: Path) -> None:
    old = create(data_dir, "--scope", "tags:read", "--expires-in", "90d")
    key_id = data_rows(keys(data_dir, "list"))[1][0]
    new = keys(data_dir, "rotate", key_id).stdout.strip()
    assert (status(server, old), status(server, new)) == (401, 200)
    assert status(server, new, "/v1/subscribers") == 403
    before, after = data_rows(keys(data_dir, "list"))[1:]
    assert (before[4], after[4]) == ("rotated", "active")
    assert before[5:7] == after[5:7]
    assert_fails(keys(data_dir, "rotate", key_id), f"the key {key_id} is rotated; create a new one instead")


def test_revoke_stops_a_key_at_once(server: Server, data_dir: Path) -> None:
    key = create(data_dir)
    key_id = data_rows(keys(data_dir, "list"))[1][0]
    for _ in range(2):
        assert keys(data_dir, "revoke", key_id, "--yes").stdout == f"revoked {key_id} (Nightly import)\n"
        assert status(server, key) == 401
    assert data_rows(keys(data_dir, "list"))[1][4] == "revoked"
    assert_fails(keys(data_dir, "rotate", key_id), "is revoked")


def test_revoke_without_a_terminal_needs_yes(server: Server, data_dir: Path) -> None:
    key = create(data_dir)
    key_id = data_rows(keys(data_dir, "list"))[1][0]
    assert_fails(keys(data_dir, "revoke", key_id), "nothing was changed; say --yes")
    assert status(server, key) == 200


def test_revoke_on_a_terminal_names_the_key_and_waits_for_the_answer(server: Server, data_dir: Path) -> None:
    key = create(data_dir)
    key_id = data_rows(keys(data_dir, "list"))[1][0]
    command = ("keys", "revoke", key_id, "--data-dir", data_dir)
    question = "Revoke the key Nightly import? It stops working at once."
    screen = run_on_terminal(*command, keys="n\n", prompt=question, exit_code=1, cwd=data_dir.parent)
    assert "nothing was changed" in screen
    assert status(server, key) == 200
    run_on_terminal(*command, keys="y\n", prompt=question, cwd=data_dir.parent)
    assert status(server, key) == 401


def test_ctrl_d_at_the_question_changes_nothing(server: Server, data_dir: Path) -> None:
    key = create(data_dir)
    command = ("keys", "revoke", data_rows(keys(data_dir, "list"))[1][0], "--data-dir", data_dir)
    screen = run_on_terminal(*command, keys="\x04", prompt="at once.", exit_code=130, cwd=data_dir.parent)
    assert screen.endswith("mailrith-lite: stopped\r\n")
    assert status(server, key) == 200


@pytest.mark.parametrize(
    ("text", "seconds"), [("90d", 90 * 86_400), ("12h", 43_200), ("45m", 2_700), ("7200", 7_200)]
)
def test_list_has_the_expiry_of_a_key(server: Server, data_dir: Path, text: str, seconds: int) -> None:
    before = datetime.now(UTC)
    key = create(data_dir, "--expires-in", text)
    assert status(server, key) == 200
    expires = datetime.fromisoformat(data_rows(keys(data_dir, "list"))[1][6])
    assert timedelta(seconds=-1) < expires - before - timedelta(seconds=seconds) < timedelta(minutes=1)


def test_list_names_a_key_past_its_expiry_as_expired(server: Server, data_dir: Path) -> None:
    assert status(server, server.new_key(expires_at=2)) == 401
    assert data_rows(keys(data_dir, "list"))[1][4] == "expired"


def test_key_has_the_scopes_of_its_options_alone(server: Server, data_dir: Path) -> None:
    key = create(data_dir, "--scope", "tags:read", "--scope", "subscribers:read")
    assert status(server, key, "/v1/tags") == status(server, key, "/v1/subscribers") == 200
    assert status(server, key, "/v1/custom-fields") == 403
    assert data_rows(keys(data_dir, "list"))[1][5].split() == ["tags:read", "subscribers:read"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("create",), "--name"),
        (("create", "--name", " "), "a name takes 1 to 100 characters"),
        (("create", "--name", "x" * 101), "a name takes 1 to 100 characters"),
        (("create", "--name", "x", "--scope", "nope"), f"unknown scope nope; scopes are {', '.join(scopes.ALL)}"),
        (("create", "--name", "x", "--workspace", "Nowhere"), "there is no workspace Nowhere"),
        (("create", "--name", "x", "--expires-in", "soon"), "--expires-in takes a duration"),
        (("create", "--name", "x", "--expires-in", "0d"), "--expires-in takes a duration"),
        (("create", "--name", "x", "--expires-in", "999999999d"), "--expires-in takes a duration"),
        (("list", "--workspace", "Nowhere"), "there is no workspace Nowhere"),
        (("rotate", "api_key_x"), "there is no key api_key_x"),
        (("revoke", "api_key_0000000000001"), "there is no key api_key_0000000000001"),
    ],
)
def test_key_command_that_is_refused_changes_nothing(
    data_dir: Path, arguments: tuple[str, ...], message: str
) -> None:
    assert_fails(keys(data_dir, *arguments), message)
    assert len(data_rows(keys(data_dir, "list"))) == 1


def test_key_of_a_new_data_directory_makes_its_database_and_says_so(tmp_path: Path) -> None:
    result = run("keys", "create", "--name", "First", "--data-dir", "new", cwd=tmp_path)
    assert KEY_LINE.fullmatch(result.stdout)
    assert "made a new database in new" in result.stderr
    assert result.stdout.strip() not in (tmp_path / "new" / "mailrith.db").read_bytes().decode("latin-1")
    assert [row[2] for row in data_rows(keys(tmp_path / "new", "list"))] == ["Default"]
