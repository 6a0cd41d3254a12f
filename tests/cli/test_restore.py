"""The command `restore`."""

import contextvars
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import first_version
import pytest
from api_records import data_of
from conftest import KEY, Server
from plain_sqlite import opened

from cli.command_line import Result, assert_fails, run
from mailrith_lite import clock
from mailrith_lite.database.migrate import migrations
from mailrith_lite.jobs.kinds import IMPORT
from mailrith_lite.settings import Settings

NEWEST = max(migrations())
NOW = 1_790_000_000_000
EVIDENCE = {
    "consent_evidence": {
        "lawful_basis": "consent",
        "collected_at": "2025-04-11T00:00:00Z",
        "evidence_reference": "form-1",
    }
}
STATUS_MAPPINGS = [
    {"csv_column": "Email", "field": {"type": "email"}},
    {"csv_column": "Status", "field": {"type": "subscriber-status"}},
]


@pytest.fixture
def store(cwd: Path) -> Path:
    return cwd / "store"


@pytest.fixture
def copy(original: Path, store: Path, cwd: Path) -> Path:
    """A backup of ada and bob, who are Active. The database has changed since, and nobody serves it."""
    shutil.copytree(original / "store", store)
    return Path(shutil.copy(original / "copy.db", cwd))


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the data directory `store` and its backup, which each test copies."""
    folder = tmp_path_factory.mktemp("original")
    store, path = folder / "store", folder / "copy.db"
    server = Server(Settings(port=0, data_dir=store, bootstrap_key=KEY))
    with server.serving():
        server.import_csv("Email,Name\nada@example.com,Ada\nbob@example.com,Bob\n")
        leaked = server.call("POST", "/v1/tags", {"name": "Before"}, key=(other := server.new_key()))
        assert leaked.status == 201
        assert run("backup", path, "--data-dir", store, cwd=folder).exit_code == 0
        (bob,) = server.call("GET", "/v1/subscribers?search=bob").json["data"]
        body = {"status": "Unsubscribed"}
        assert server.call("PUT", f"/v1/subscribers/{bob['id']}/status", body).status == 200
        server.call("POST", "/v1/tags", {"name": "After"})
        (store / "leaked").write_text(other)
        listed = run("keys", "list", "--data-dir", store, cwd=folder).stdout
        key_id = next(line.split("\t")[0] for line in listed.splitlines() if "\ttest\t" in line)
        assert run("keys", "revoke", key_id, "--yes", "--data-dir", store, cwd=folder).exit_code == 0
    return folder


def restore(file: Path, store: Path, *options: str) -> Result:
    return run("restore", file, "--data-dir", store, *options, cwd=store.parent)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def statuses(server: Server) -> dict[str, str]:
    return {one["email"]: one["status"] for one in server.call("GET", "/v1/subscribers").json["data"]}


def test_restored_database_is_the_backup_but_for_opt_outs_and_ended_keys(
    copy: Path, store: Path, serve: Callable[..., Server]
) -> None:
    result = restore(copy, store)
    assert result.exit_code == 0, result.stderr
    first, aside, *kept = result.stdout.splitlines()
    assert first == f"restored {copy} to {store}"
    assert kept == [
        "subscribers who opted out after the backup, and stay so: 1",
        "keys that were revoked or rotated after the backup, and stay so: 1",
    ]
    with opened(aside.removeprefix("the database that was there is now ")) as replaced:
        assert replaced.execute("SELECT name FROM tags ORDER BY id").fetchall() == [("Before",), ("After",)]
    assert "good\tdatabase\t\n" in run("doctor", "--data-dir", store, cwd=store.parent).stdout
    server = serve(data_dir=store)
    assert [tag["name"] for tag in server.call("GET", "/v1/tags").json["data"]] == ["Before"]
    assert statuses(server) == {"ada@example.com": "Active", "bob@example.com": "Unsubscribed"}
    (bob,) = server.call("GET", "/v1/subscribers?email=bob@example.com").json["data"]
    newest = server.call("GET", f"{bob['self']}/history").json["data"][0]
    assert newest["source"] == {"type": "command", "id": None}
    assert newest["changes"] == [{"member": "status", "before": "Active", "after": "Unsubscribed"}]
    assert server.call("GET", "/v1/tags", key=(store / "leaked").read_text()).status == 401


@pytest.mark.parametrize(
    ("backed_up", "later", "restored"),
    [
        ("Unconfirmed", "Unsubscribed", "Unsubscribed"),
        ("Unconfirmed", "Active", "Unconfirmed"),
        ("Active", "Unconfirmed", "Unconfirmed"),
        ("Unsubscribed", "Unconfirmed", "Unsubscribed"),
        ("Unsubscribed", "Complained", "Complained"),
        ("Complained", "Unsubscribed", "Complained"),
    ],
)
def test_restore_takes_over_later_statuses_that_are_stricter(
    store: Path, cwd: Path, serve: Callable[..., Server], backed_up: str, later: str, restored: str
) -> None:
    path = cwd / "copy.db"
    server = Server(Settings(port=0, data_dir=store, bootstrap_key=KEY))
    with server.serving():
        person = data_of(server.call("POST", "/v1/subscribers", {"email": "eve@example.com", "status": backed_up}))
        assert run("backup", path, "--data-dir", store, cwd=cwd).exit_code == 0
        assert server.call("PUT", f"{person['self']}/status", {"status": later}).status == 200
    assert restore(path, store).exit_code == 0
    assert statuses(serve(data_dir=store)) == {"eve@example.com": restored}


def test_undo_after_a_restore_skips_who_opted_out_after_the_backup(
    copy: Path, store: Path, serve: Callable[..., Server]
) -> None:
    assert restore(copy, store).exit_code == 0
    server = serve(data_dir=store)
    (job,) = server.call("GET", IMPORT.path).json["data"]
    assert server.call("POST", f"{job['self']}/undo").status == 202
    server.drain()
    assert statuses(server) == {"bob@example.com": "Unsubscribed"}


def test_undo_after_a_restore_skips_who_opted_out_again_after_the_backup(
    store: Path, cwd: Path, serve: Callable[..., Server]
) -> None:
    path = cwd / "copy.db"
    server = Server(Settings(port=0, data_dir=store, bootstrap_key=KEY))
    with server.serving():
        person = data_of(server.call("POST", "/v1/subscribers", {"email": "eve@example.com", "status": "Active"}))
        server.import_csv("Email,Status\neve@example.com,Unsubscribed\n", STATUS_MAPPINGS)
        assert run("backup", path, "--data-dir", store, cwd=cwd).exit_code == 0
        assert server.call("PUT", f"{person['self']}/status", {"status": "Active", **EVIDENCE}).status == 200
        assert server.call("PUT", f"{person['self']}/status", {"status": "Unsubscribed"}).status == 200
    assert restore(path, store).exit_code == 0
    server = serve(data_dir=store)
    (job,) = server.call("GET", IMPORT.path).json["data"]
    assert server.call("POST", f"{job['self']}/undo").status == 202
    server.drain()
    assert statuses(server) == {"eve@example.com": "Unsubscribed"}


def test_restore_finds_who_opted_out_under_a_new_address(
    store: Path, cwd: Path, serve: Callable[..., Server]
) -> None:
    path = cwd / "copy.db"
    server = Server(Settings(port=0, data_dir=store, bootstrap_key=KEY))
    with server.serving():
        person = data_of(server.call("POST", "/v1/subscribers", {"email": "eve@example.com", "status": "Active"}))
        assert run("backup", path, "--data-dir", store, cwd=cwd).exit_code == 0
        assert server.call("PATCH", person["self"], {"email": "new@example.com"}).status == 200
        assert server.call("PUT", f"{person['self']}/status", {"status": "Unsubscribed"}).status == 200
    assert restore(path, store).exit_code == 0
    assert statuses(serve(data_dir=store)) == {"eve@example.com": "Unsubscribed"}


def audited(store: Path) -> list[tuple[str, str]]:
    """(action, details) of the entries, the newest first."""
    with opened(store / "mailrith.db") as restored:
        return restored.execute("SELECT action, details FROM audit_entries ORDER BY id DESC").fetchall()


def test_restore_keeps_later_entries_of_the_audit_and_adds_its_own(copy: Path, store: Path) -> None:
    before = audited(store)
    assert before[0][0] == "key.revoked"
    assert restore(copy, store).exit_code == 0
    after = audited(store)
    assert after[0] == ("database.restored", '{"opted_out":1,"keys_ended":1,"as_of_backup":false}')
    assert after[1:] == before


def test_restore_takes_over_no_entries_of_another_workspace(copy: Path, store: Path, cwd: Path) -> None:
    with opened(store / "mailrith.db") as other:  # as if another service had written it
        other.execute("UPDATE workspaces SET created_at = created_at - 1")
    assert restore(copy, store).exit_code == 0
    assert "key.revoked" not in dict(audited(store))


def test_backup_is_restored_as_it_was_when_somebody_says_so(
    copy: Path, store: Path, serve: Callable[..., Server]
) -> None:
    result = restore(copy, store, "--as-of-backup")
    assert len(result.stdout.splitlines()) == 2, result.stderr
    server = serve(data_dir=store)
    assert statuses(server) == {"ada@example.com": "Active", "bob@example.com": "Active"}
    assert server.call("GET", "/v1/tags", key=(store / "leaked").read_text()).status == 200


def test_restores_within_one_second_keep_each_replaced_database(copy: Path, store: Path) -> None:
    def restore_thrice() -> None:
        clock.use(lambda: NOW)
        for _ in range(3):
            result = restore(copy, store)
            assert result.exit_code == 0, result.stderr

    contextvars.copy_context().run(restore_thrice)
    names = sorted(path.name for path in (store / "backups").glob("replaced-*.db"))
    assert [name.partition("Z")[2] for name in names] == [".db", "_2.db", "_3.db"]


def test_damaged_database_is_replaced_only_when_somebody_accepts_what_is_lost(copy: Path, store: Path) -> None:
    with (store / "mailrith.db").open("r+b") as file:
        file.write(b"no database any more")
    damaged = digest(store / "mailrith.db")
    assert_fails(restore(copy, store), "add --as-of-backup to restore it nevertheless")
    assert digest(store / "mailrith.db") == damaged
    assert restore(copy, store, "--as-of-backup").exit_code == 0
    (aside,) = (store / "backups").glob("replaced-*.db")
    assert digest(aside) == damaged
    assert "good\tdatabase\t\n" in run("doctor", "--data-dir", store, cwd=store.parent).stdout


def test_changes_in_the_wal_of_a_killed_service_are_kept_aside_and_not_restored(copy: Path, store: Path) -> None:
    with opened(store / "mailrith.db") as writer:
        writer.execute("UPDATE tags SET description = 'in the WAL'")
        files = {path.name: path.read_bytes() for path in store.glob("mailrith.db*")}
    assert files["mailrith.db-wal"]
    for name, content in files.items():  # as after kill -9
        (store / name).write_bytes(content)
    result = restore(copy, store)
    assert result.exit_code == 0, result.stderr
    assert not (store / "mailrith.db-wal").exists()
    with opened(result.stdout.splitlines()[1].rpartition(" is now ")[2]) as replaced:
        assert replaced.execute("SELECT DISTINCT description FROM tags").fetchall() == [("in the WAL",)]
    with opened(store / "mailrith.db") as restored:
        assert restored.execute("SELECT DISTINCT description FROM tags").fetchall() == [(None,)]


def test_backup_of_an_older_version_is_migrated_in_a_new_directory(store: Path) -> None:
    first_version.create(store.parent / "old.db")
    before = digest(store.parent / "old.db")
    result = restore(store.parent / "old.db", store)
    assert result.exit_code == 0, result.stderr
    assert f"migrated from version 1 to {NEWEST}\n" in result.stdout
    assert digest(store.parent / "old.db") == before
    assert not (store / "backups").exists()
    assert {path.name for path in store.iterdir()} == {"lock", "mailrith.db", "reserve"}
    assert "good\tdatabase\t\n" in run("doctor", "--data-dir", store, cwd=store.parent).stdout


def newer(path: Path) -> None:
    first_version.create(path)
    with opened(path) as connection:
        connection.execute(f"PRAGMA user_version = {NEWEST + 1}")


def foreign(path: Path) -> None:
    with opened(path) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


def damaged(path: Path) -> None:
    first_version.create(path)
    with path.open("r+b") as file:
        file.seek(3 * 4_096)
        file.write(b"\xee" * 3 * 4_096)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (newer, f"the database is of version {NEWEST + 1}, newer than this program knows"),
        (foreign, "is the database of another program"),
        (damaged, "is damaged"),
        (Path.touch, "has no data"),
        (lambda path: path.write_text("a shopping list"), "file is not a database"),
        (lambda path: None, "there is no file"),
    ],
)
def test_file_that_is_no_usable_backup_changes_nothing(
    copy: Path, store: Path, write: Callable[[Path], object], message: str
) -> None:
    before = digest(store / "mailrith.db")
    write(store.parent / "other.db")
    assert_fails(restore(store.parent / "other.db", store), message)
    assert digest(store / "mailrith.db") == before
    assert not list(store.glob("mailrith.db.*"))
    assert_fails(restore(store / "mailrith.db", store), "is the database itself; name a backup")


def test_running_service_keeps_its_database(data_dir: Path, cwd: Path) -> None:
    first_version.create(cwd / "old.db")
    result = run("restore", "old.db", "--data-dir", data_dir, cwd=cwd)
    assert_fails(result, "another process serves the data directory")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes into the directory of another user")
def test_files_that_root_restores_belong_to_the_user_of_the_service(copy: Path, store: Path) -> None:
    user = 4711
    for path in (store, *store.rglob("*")):
        os.chown(path, user, user)
    assert restore(copy, store).exit_code == 0
    assert {path.name: path.stat().st_uid for path in store.rglob("*") if path.stat().st_uid != user} == {}
