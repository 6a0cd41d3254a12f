"""A person is erased although the service is killed after they were deleted."""

import random
import time
from collections.abc import Callable

import pytest
from housekeeping import person
from housekeeping.person import CELL, EARLIER_NAME, EMAIL, IMPORTS, MAPPINGS

from crash.service import ROUNDS, Service

PATIENCE = 60  # seconds, the documented limit


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_person_is_erased_after_kills(service: Callable[[str], Service], seed: int) -> None:
    chance = random.Random(seed)
    killed = service("killed").start()
    field = killed.call("POST", "/v1/custom-fields", {"label": "Notes", "type": "Text"})
    body = {"email": EMAIL, "name": EARLIER_NAME, "custom_fields": {field["id"]: CELL}}
    saved = killed.call("POST", "/v1/subscribers", body, **{"Idempotency-Key": EMAIL})
    for text in (person.CHANGED, person.REFUSED):
        mappings = MAPPINGS[: text.partition("\n")[0].count(",") + 1]
        killed.finish(killed.call("POST", IMPORTS, {"csv_text": text, "mappings": mappings}))
    assert len({one.split(": ")[1] for one in person.traces(killed.directory)}) == len(person.NEEDLES)
    killed.call("DELETE", saved["self"])
    for _ in range(3):
        killed.restart()
        for _ in range(chance.randrange(20)):
            killed.call("GET", "/v1/subscribers")
    killed.restart()
    deadline = time.monotonic() + PATIENCE
    while person.traces(killed.directory):
        assert time.monotonic() < deadline, person.traces(killed.directory)
        killed.pause()
    killed.kill()
    assert person.traces(killed.directory) == []
