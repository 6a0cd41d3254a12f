"""An export survives SIGKILL at any moment, and a file with its final name is complete."""

import contextlib
import random
import shutil
import sqlite3
from collections.abc import Callable

import pytest

from crash.conftest import Reference
from crash.service import EXPORTS, ROUNDS, Service


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_an_export_that_is_killed_twice_writes_the_same_file(
    service: Callable[[str], Service], reference: Reference, seed: int
) -> None:
    chance = random.Random(seed)
    killed = service("killed")
    shutil.copytree(reference.directory, killed.directory)
    killed.start()
    job = killed.call("POST", EXPORTS)
    for _ in range(2):
        size = chance.randrange(len(reference.exported))
        job = killed.poll_until(job, lambda _, size=size: killed.partial_export_size() >= size)
        killed.kill()
        complete = [path.read_bytes() for path in (killed.directory / "exports").glob("*.csv")]
        assert complete in ([], [reference.exported])
        killed.start()
        job = killed.call("GET", job["self"])
    job = killed.finish(job)
    assert (job["status"], job["error_message"]) == ("Completed", None)
    assert job["exported_count"] == len(reference.content.subscribers)
    killed.stop()
    assert killed.files() == [f"exports/{job['id']}.csv"]
    assert (killed.directory / "exports" / f"{job['id']}.csv").read_bytes() == reference.exported


def test_an_export_fails_after_three_kills_and_leaves_no_file(
    service: Callable[[str], Service], reference: Reference
) -> None:
    killed = service("killed")
    shutil.copytree(reference.directory, killed.directory)
    add_subscribers(killed, 300_000)  # a kill has to come before the end of the export
    killed.start()
    job = killed.call("POST", EXPORTS)
    for _ in range(3):
        job = killed.kill_running(job)
    assert (job["status"], job["download_url"]) == ("Failed", None)
    assert "3 times" in job["error_message"]
    assert killed.finish(killed.call("POST", EXPORTS, {"query": "user1@"}))["exported_count"] == 1
    killed.stop()
    assert len(killed.files()) == 1


def add_subscribers(service: Service, people: int) -> None:
    with contextlib.closing(sqlite3.connect(service.directory / "mailrith.db")) as connection, connection:
        connection.execute(
            """WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers LIMIT ?)
            INSERT INTO subscribers
                (workspace_id, email, name, status, custom_fields, subscribed_at, created_at, updated_at)
            SELECT 1, 'more' || number || '@example.com', '', 'Active', '{}', 0, 0, 0 FROM numbers""",
            (people,),
        )
