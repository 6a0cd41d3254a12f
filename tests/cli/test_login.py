"""The commands `login`, `logout` and `profiles`, and the profile that other commands use."""

import json
import stat
from pathlib import Path

import pytest
from conftest import KEY, Server

from cli.command_line import EMAIL_NAME, Result, assert_fails, client_environment, data_rows, run, run_on_terminal


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of a user without variables for the service."""
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "mailrith-lite" / "profiles.json"


def login(server: Server, home: dict[str, str], cwd: Path, *options: str, key: str = KEY) -> Result:
    return run("login", server.url, *options, env=home, stdin=f"{key}\n", cwd=cwd)


def test_login_keeps_address_and_key_for_the_user_alone(
    server: Server, home: dict[str, str], file: Path, cwd: Path
) -> None:
    server.import_csv(EMAIL_NAME)
    result = login(server, home, cwd)
    assert result.stdout == f"saved the profile default for {server.url} in {file}\n"
    assert KEY not in result.stdout + result.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert len(data_rows(run("jobs", "list", env=home, cwd=cwd))) == 1
    assert run("healthz", env=home, cwd=cwd).stdout == "ok\n"


def test_profiles_are_chosen_by_name_and_removed(server: Server, home: dict[str, str], cwd: Path) -> None:
    server.import_csv(EMAIL_NAME)
    reader = server.new_key(scopes=("tags:read",))
    assert login(server, home, cwd).exit_code == 0
    assert login(server, home, cwd, "--profile", "reader", key=reader).exit_code == 0
    assert data_rows(run("profiles", env=home, cwd=cwd)) == [["default", server.url], ["reader", server.url]]
    assert_fails(run("jobs", "list", "--profile", "reader", env=home, cwd=cwd), "insufficient_scope")
    assert run("jobs", "list", "--profile", "default", env=home, cwd=cwd).exit_code == 0
    removed = run("logout", "--profile", "reader", "--json", env=home, cwd=cwd)
    assert json.loads(removed.stdout) == {"profile": "reader", "removed": True}
    assert_fails(run("jobs", "list", "--profile", "reader", env=home, cwd=cwd), "there is no profile reader")
    assert run("logout", env=home, cwd=cwd).exit_code == 0
    assert_fails(run("jobs", "list", env=home, cwd=cwd), "there is no API key")


def test_environment_goes_before_the_profile(server: Server, home: dict[str, str], cwd: Path) -> None:
    assert login(server, home, cwd).exit_code == 0
    reader = server.new_key(scopes=("tags:read",))
    env = home | client_environment(server, reader)
    assert_fails(run("jobs", "list", env=env, cwd=cwd), "insufficient_scope")
    assert_fails(run("jobs", "list", "--profile", "default", env=env, cwd=cwd), "MAILRITH_API_KEY is set")


def test_key_of_a_profile_goes_to_its_own_address_only(server: Server, home: dict[str, str], cwd: Path) -> None:
    assert login(server, home, cwd).exit_code == 0
    env = home | {"MAILRITH_API_BASE_URL": server.url}
    assert_fails(run("jobs", "list", env=env, cwd=cwd), "there is no API key")


@pytest.mark.slow
def test_login_asks_for_the_key_on_a_terminal_and_does_not_show_it(
    server: Server, home: dict[str, str], file: Path, cwd: Path
) -> None:
    screen = run_on_terminal("login", server.url, keys=f"{KEY}\n", prompt="API key: ", env=home, cwd=cwd)
    assert "API key: " in screen
    assert KEY in file.read_text()


@pytest.mark.parametrize(
    ("url", "key", "options", "message"),
    [
        ("{url}", "mrk_unknown_key_of_nobody", (), "the service does not know this API key"),
        ("{url}", "", (), "there is no key on standard input"),
        ("{url}", "no key", (), "this is not an API key"),
        ("localhost", KEY, (), "localhost is not an address such as https://mail.example.com"),
        ("http://127.0.0.1:1", KEY, (), "cannot reach http://127.0.0.1:1"),
        ("{url}", KEY, ("--profile", "../x"), "--profile takes 1 to 40 letters"),
    ],
)
def test_refused_login_saves_nothing(
    server: Server,
    home: dict[str, str],
    file: Path,
    cwd: Path,
    url: str,
    key: str,
    options: tuple[str, ...],
    message: str,
) -> None:
    result = run("login", url.format(url=server.url), *options, env=home, stdin=f"{key}\n", cwd=cwd)
    assert_fails(result, message)
    assert not file.exists()


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [("{}", 0o644, "others may read the keys in "), ("[]", 0o600, "is damaged; delete it and log in again")],
)
def test_profiles_that_cannot_be_trusted_are_refused(
    home: dict[str, str], file: Path, cwd: Path, content: str, mode: int, message: str
) -> None:
    file.parent.mkdir(parents=True)
    file.write_text(content)
    file.chmod(mode)
    assert_fails(run("jobs", "list", env=home, cwd=cwd), message)
