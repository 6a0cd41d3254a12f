"""A migration survives SIGKILL at any moment: the database is of one version, and the next start continues."""

import contextlib
import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import first_version
import pytest

from crash.service import ROUNDS
from mailrith_lite.database.migrate import migrations

MIGRATE = (sys.executable, "-m", "mailrith_lite", "migrate", "--data-dir")
LONGEST = 1.5  # seconds until a migration is killed


def content(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tables = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'table' ORDER BY name"
        ).fetchall()
        plain = [name for name, sql in tables if "VIRTUAL" not in sql and not name.startswith("subscriber_search")]
        return [str(tables), *(str(connection.execute(f"SELECT * FROM {name}").fetchall()) for name in plain)]


def data_directory(tmp_path: Path, name: str) -> Path:
    directory = tmp_path / name
    directory.mkdir(mode=0o700)
    first_version.create(directory / "mailrith.db")
    return directory


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_migration_that_is_killed_ends_like_one_without_a_crash(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    killed, reference = data_directory(tmp_path, "killed"), data_directory(tmp_path, "reference")
    assert subprocess.run([*MIGRATE, str(reference)], capture_output=True).returncode == 0
    for _ in range(4):
        with subprocess.Popen([*MIGRATE, str(killed)], stdout=subprocess.DEVNULL) as process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(chance.random() * LONGEST)
            process.kill()
        with contextlib.closing(sqlite3.connect(killed / "mailrith.db")) as connection:
            assert connection.execute("PRAGMA user_version").fetchone()[0] in range(1, max(migrations()) + 1)
    assert subprocess.run([*MIGRATE, str(killed)], capture_output=True).returncode == 0
    assert content(killed / "mailrith.db") == content(reference / "mailrith.db")
    for copy in (killed / "backups").glob("*.db"):
        content(copy)
