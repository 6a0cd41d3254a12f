"""An undo survives SIGKILL at any moment: everybody is restored, deleted or skipped once."""

import contextlib
import random
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from crash.service import IMPORTS, MAPPINGS, ROUNDS, Content, Service

KNOWN = 4_000
NEW = 9_000  # with KNOWN, three chunks


def request(first: int, last: int, name: str, **body: Any) -> dict[str, Any]:
    lines = "".join(f"user{number}@example.com,{name} {number},{name}\n" for number in range(first, last))
    mappings = [mapping for mapping in MAPPINGS if mapping["csv_column"] in ("Email", "Name", "Tags")]
    return {"csv_text": f"Email,Name,Tags\n{lines}", "mappings": mappings, **body}


def prepare(service: Service) -> tuple[Any, Content]:
    """An import that created and changed people, a later import that has changed some of them, and the people
    before both.

    The service runs, and has completed both imports.
    """
    service.start()
    assert service.finish(service.call("POST", IMPORTS, request(0, KNOWN, "First")))["status"] == "Completed"
    before = service.content()
    job = service.finish(service.call("POST", IMPORTS, request(0, KNOWN + NEW, "Second", new_tag_name="Made")))
    assert (job["progress"]["updated_count"], job["progress"]["created_count"]) == (KNOWN, NEW)
    return job, before


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_an_undo_that_is_killed_three_times_leaves_people_as_before_the_import(
    service: Callable[[str], Service], seed: int
) -> None:
    chance = random.Random(seed)
    killed = service("killed")
    job, before = prepare(killed)
    undo = killed.call("POST", f"{job['self']}/undo")
    for _ in range(3):
        people = sum(processed(undo)) + 1 + chance.randrange((KNOWN + NEW) // 3)
        undo = killed.poll_until(undo, lambda now, people=people: sum(processed(now)) >= people)
        killed.restart()
        undo = killed.call("GET", undo["self"])
    undo = killed.finish(undo)
    assert (undo["status"], undo["error_message"]) == ("Completed", None)
    assert undo["progress"]["rows_total"] == KNOWN + NEW
    assert processed(undo) == (KNOWN, NEW, 0)
    killed.stop()
    after = killed.content()
    assert after.subscribers == before.subscribers
    assert after.subscriber_tags == before.subscriber_tags
    assert after.tags == before.tags
    assert images_left(killed) == 0


def test_people_who_changed_between_two_kills_are_skipped_once(service: Callable[[str], Service]) -> None:
    killed = service("killed")
    job, _ = prepare(killed)
    later = killed.finish(killed.call("POST", IMPORTS, request(KNOWN - 500, KNOWN + 500, "Third")))
    assert later["progress"]["updated_count"] == 1_000
    undo = killed.call("POST", f"{job['self']}/undo")
    undo = killed.poll_until(undo, lambda now: sum(processed(now)) > 0)
    killed.restart()
    undo = killed.finish(killed.call("GET", undo["self"]))
    assert processed(undo) == (KNOWN - 500, NEW - 500, 1_000)
    killed.stop()
    names = {name.split()[0] for _, _, _, name, *_ in killed.content().subscribers}
    assert (len(killed.content().subscribers), names) == (KNOWN + 500, {"First", "Third"})


def processed(undo: Any) -> tuple[int, int, int]:
    """(restored, deleted, skipped)"""
    progress = undo["progress"]
    return progress["restored_count"], progress["deleted_count"], progress["skipped_count"]


def images_left(service: Service) -> int:
    with contextlib.closing(sqlite3.connect(service.directory / "mailrith.db")) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM import_changes WHERE restored_in IS NULL").fetchall()
        return int(count)
