"""A bulk change and its undo survive SIGKILL at any moment: everybody is changed and restored once."""

import contextlib
import random
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from crash.service import IMPORTS, MAPPINGS, ROUNDS, Service

PEOPLE = 15_000  # three chunks
PATH = "/v1/jobs/subscriber-bulk-changes"


def prepare(service: Service) -> dict[str, str]:
    """Imports people: every third with a tag, every fifth unsubscribed. Returns the ids of tag and sequence."""
    service.start()
    lines = "".join(
        f"user{number}@example.com,{'Third' if number % 3 == 0 else ''},{'yes' if number % 5 == 0 else 'no'}\n"
        for number in range(PEOPLE)
    )
    mappings = [mapping for mapping in MAPPINGS if mapping["csv_column"] in ("Email", "Tags", "Out")]
    job = service.call("POST", IMPORTS, {"csv_text": f"Email,Tags,Out\n{lines}", "mappings": mappings})
    assert service.finish(job)["status"] == "Completed"
    (tag,) = service.call("GET", "/v1/tags")
    sequence = service.call("POST", "/v1/sequences", {"name": "Welcome", "definition": {"emails": []}})
    return {"tag_id": tag["id"], "sequence_id": sequence["id"]}


def processed(job: Any) -> int:
    progress = job["progress"]
    return sum(progress[name] for name in ("changed_count", "unchanged_count", "skipped_count"))


def has_processed(people: int) -> Callable[[Any], bool]:
    return lambda job: processed(job) >= people


def killed_often(service: Service, job: Any, chance: random.Random, *, kills: int = 3) -> Any:
    """The completed job, after so many kills on its way."""
    for _ in range(kills):
        people = processed(job) + 1 + chance.randrange(PEOPLE // 4)
        service.poll_until(job, has_processed(people))
        service.restart()
        job = service.call("GET", job["self"])
    job = service.finish(job)
    assert (job["status"], job["error_message"]) == ("Completed", None)
    assert processed(job) == job["progress"]["rows_total"]
    return job


def memberships(service: Service) -> list[Any]:
    with contextlib.closing(sqlite3.connect(service.directory / "mailrith.db")) as connection:
        return [
            connection.execute(query).fetchall()
            for query in (
                "SELECT subscriber_id, tag_id FROM subscriber_tags ORDER BY 1, 2",
                "SELECT subscriber_id, sequence_id, status FROM subscriber_sequences ORDER BY 1, 2",
                "SELECT id, status FROM subscribers ORDER BY id",
                "SELECT tag_id, block, members FROM tag_blocks WHERE members ORDER BY 1, 2",
            )
        ]


ACTIONS = {
    "add_tag": PEOPLE * 2 // 3,
    "remove_tag": PEOPLE // 3,
    "add_to_sequence": PEOPLE,
    "unsubscribe": PEOPLE * 4 // 5,
}


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_bulk_changes_and_undos_that_are_killed_change_everybody_once(
    service: Callable[[str], Service], seed: int
) -> None:
    chance = random.Random(seed)
    killed = service("killed")
    targets = prepare(killed)
    before = memberships(killed)
    for number, (action, changed) in enumerate(ACTIONS.items()):
        kills = 1 if number else 3
        target = {name: number for name, number in targets.items() if action.endswith(name.removesuffix("_id"))}
        job = killed.call("POST", PATH, {"action": action, "filter": {}, **target})
        job = killed_often(killed, job, chance, kills=kills)
        assert (job["progress"]["changed_count"], processed(job)) == (changed, PEOPLE)
        assert memberships(killed) != before
        undo = killed_often(killed, killed.call("POST", f"{job['self']}/undo"), chance, kills=kills)
        assert (undo["progress"]["changed_count"], processed(undo)) == (changed, changed)
        assert memberships(killed) == before
    killed.stop()


def test_erasure_that_is_killed_erases_everybody_once(service: Callable[[str], Service]) -> None:
    killed = service("killed")
    prepare(killed)
    body = {"action": "erase", "filter": {"status": "Unsubscribed"}, "expected_count": PEOPLE // 5}
    job = killed_often(killed, killed.call("POST", PATH, body), random.Random(1))
    assert job["progress"]["changed_count"] == PEOPLE // 5
    assert len(memberships(killed)[2]) == PEOPLE * 4 // 5
    killed.stop()
