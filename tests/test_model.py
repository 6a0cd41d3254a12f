"""Whatever is done to an audience, and in whatever order: what the service shows is what a plain model says.

Each example has two workspaces of its own, and the clock goes on only where the example says so.
MAILRITH_LITE_EXAMPLES makes it longer.
"""

import asyncio
import itertools
import os
from collections.abc import Iterator
from datetime import date
from typing import Any

import model_requests as requests
import pytest
import time_machine
from conftest import KEY, Server
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from model_audience import DAY, Person
from model_shop import Shop

from mailrith_lite.audience import blocks, search_index
from mailrith_lite.settings import Settings

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "40"))
START = 1_800_000_000_000
_numbers = itertools.count(1)

data = st.data()
which = st.sampled_from([0, 0, 0, 1])
limits = st.sampled_from([1, 2, 7, 100])


class Comparison(RuleBasedStateMachine):
    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.travel = time_machine.travel(START / 1_000, tick=False)
        self.traveller = self.travel.start()
        number = next(_numbers)
        zones = (None, "Pacific/Auckland")
        self.shops = [Shop(self.server, f"Workspace {number}.{place}", zone) for place, zone in enumerate(zones)]

    def today(self, shop: Shop) -> date:
        return shop.audience.today(self.now)

    def someone(self, draw: Any, shop: Shop) -> Person | None:
        """Often one of the first, so that much happens to the same people."""
        last = len(shop.audience.people) - 1
        if last < 0:
            return None
        return shop.audience.people[draw(st.integers(0, min(last, 3)) | st.integers(0, last))]

    @initialize(data=data, types=st.lists(st.sampled_from(requests.TYPES), min_size=4, unique=True))
    def open_the_first_shop(self, data: Any, types: list[str]) -> None:
        """With people in it: from nothing, a short example would not get far."""
        for field_type in types:
            self.create_field(0, field_type)
        for name in ("News", "a, b"):
            self.create_tag(0, name)
            self.create_sequence(0, name)
        self.run_import(0, data)
        for _ in range(3):
            self.save_segment(0, data)

    @rule(days=st.sampled_from([0, 1, 29, 30, 90]), hours=st.integers(0, 24))
    def time_passes(self, days: int, hours: int) -> None:
        self.now += days * DAY + hours * DAY // 24
        self.traveller.move_to(self.now / 1_000)

    @rule()
    def the_search_index_catches_up(self) -> None:
        while self.server.wait(search_index.catch_up(self.server.services.database)):
            pass

    @rule()
    def the_blocks_are_refreshed(self) -> None:
        while self.server.wait(blocks.refresh(self.server.services.database)):
            pass

    @rule(which=which, name=requests.tag_names)
    def create_tag(self, which: int, name: str) -> None:
        self.shops[which].create("tags", {"name": name})

    @rule(which=which, name=st.sampled_from(["Welcome", "a, b", 'say "hi"']))
    def create_sequence(self, which: int, name: str) -> None:
        self.shops[which].create("sequences", {"name": name, "definition": {"emails": []}})

    @rule(which=which, field_type=st.sampled_from(requests.TYPES))
    def create_field(self, which: int, field_type: str) -> None:
        body: dict[str, Any] = {"label": f"Field {next(_numbers)}", "type": field_type}
        if "elect" in field_type:
            body["settings"] = {"options": list(requests.OPTIONS)}
        self.shops[which].create("custom-fields", body)

    @rule(which=which, data=data, name=requests.tag_names)
    def rename_tag(self, which: int, data: Any, name: str) -> None:
        shop = self.shops[which]
        if shop.audience.tags:
            shop.rename_tag(data.draw(st.sampled_from(list(shop.audience.tags))), name)

    @rule(which=which, data=data, kind=st.sampled_from(["tags", "sequences", "custom-fields", "segments"]))
    def delete_what_sorts(self, which: int, data: Any, kind: str) -> None:
        shop = self.shops[which]
        known = getattr(shop.audience, kind.replace("custom-", ""))
        if known:
            shop.delete(kind, data.draw(st.sampled_from(list(known))))

    @rule(which=which, data=data)
    def save_segment(self, which: int, data: Any) -> None:
        shop = self.shops[which]
        definition = data.draw(requests.definitions(shop.audience, self.today(shop)))
        shop.save_segment(definition, f"Segment {next(_numbers)}", self.now)

    @rule(which=which, data=data)
    def change_segment(self, which: int, data: Any) -> None:
        shop = self.shops[which]
        if shop.audience.segments:
            key = data.draw(st.sampled_from(list(shop.audience.segments)))
            shop.change_segment(key, data.draw(requests.definitions(shop.audience, self.today(shop))), self.now)

    @rule(which=which, data=data, email=requests.emails)
    def upsert(self, which: int, data: Any, email: str) -> None:
        shop = self.shops[which]
        sent = data.draw(requests.profiles(shop.audience, self.today(shop)))
        extra = st.fixed_dictionaries(
            {},
            optional={
                "status": requests.statuses,
                "new_tags": st.lists(requests.tag_names, max_size=2),
                "create_only": st.booleans(),
            },
        )
        shop.upsert(sent | data.draw(extra) | {"email": email}, self.now)

    @rule(which=which, data=data)
    def change(self, which: int, data: Any) -> None:
        shop = self.shops[which]
        if person := self.someone(data.draw, shop):
            shop.change(person, data.draw(requests.profiles(shop.audience, self.today(shop))), self.now)

    @rule(which=which, data=data, status=requests.statuses)
    def set_status(self, which: int, data: Any, status: str) -> None:
        if person := self.someone(data.draw, self.shops[which]):
            self.shops[which].set_status(person, status, self.now)

    @rule(which=which, data=data, present=st.booleans())
    def set_tag(self, which: int, data: Any, present: bool) -> None:
        shop = self.shops[which]
        if shop.audience.tags and (person := self.someone(data.draw, shop)):
            key = data.draw(st.sampled_from(list(shop.audience.tags)))
            shop.set_tag(person, key, self.now, present=present)

    @rule(which=which, data=data, present=st.booleans())
    def set_sequence(self, which: int, data: Any, present: bool) -> None:
        shop = self.shops[which]
        if shop.audience.sequences and (person := self.someone(data.draw, shop)):
            key = data.draw(st.sampled_from(list(shop.audience.sequences)))
            shop.set_sequence(person, key, self.now, present=present)

    @rule(which=which, data=data, ago=st.integers(0, 120))
    def open_an_email(self, which: int, data: Any, ago: int) -> None:
        if person := self.someone(data.draw, self.shops[which]):
            self.shops[which].open_email(person, self.now - ago * DAY)

    @rule(which=which, data=data)
    def complete_a_sequence(self, which: int, data: Any) -> None:
        shop = self.shops[which]
        if shop.audience.sequences:
            shop.complete_sequence(data.draw(st.sampled_from(list(shop.audience.sequences))))

    @rule(which=which, data=data)
    def remove(self, which: int, data: Any) -> None:
        if person := self.someone(data.draw, self.shops[which]):
            self.shops[which].remove(person, self.now)

    @rule(which=which, data=data)
    def run_import(self, which: int, data: Any) -> None:
        shop = self.shops[which]
        shop.run(data.draw(requests.imports(shop.audience, self.today(shop))), self.now)

    @rule(which=which, data=data, limit=limits)
    def compare_a_list(self, which: int, data: Any, limit: int) -> None:
        shop = self.shops[which]
        shop.check_list(data.draw(requests.filters(shop.audience)), self.now, limit)

    @rule(which=which, data=data)
    def compare_previews(self, which: int, data: Any) -> None:
        shop = self.shops[which]
        for _ in range(10):
            shop.check_preview(data.draw(requests.definitions(shop.audience, self.today(shop))), self.now)

    @rule(which=which, data=data)
    def compare_an_export(self, which: int, data: Any) -> None:
        shop = self.shops[which]
        wanted = data.draw(requests.filters(shop.audience))
        names = {"search": "query", "status": "status", "cold_only": "cold_only"}
        shop.check_export({names[key]: value for key, value in wanted.items() if key in names}, self.now)

    @invariant()
    def the_counts_are_right(self) -> None:
        for shop in self.shops:
            shop.check_counts(self.now)

    def teardown(self) -> None:
        try:
            for shop in self.shops:
                shop.check_everything(self.now)
            database = self.server.services.database
            assert self.server.wait(miscounts(database)) == []
        finally:
            for shop in self.shops:
                shop.client.close()
            self.travel.stop()


async def miscounts(database: Any) -> list[str]:
    async with database.read() as connection:
        return await blocks.select_miscounts(connection)


async def leave_the_indexes() -> None:
    """They are brought up to date where an example says so, and not when a second has passed."""
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "indexes")
    task.cancel()


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("model") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key=KEY)).serving() as server:
        server.wait(leave_the_indexes())
        yield server


def test_the_service_shows_what_a_plain_model_says(service: Server) -> None:
    class Bound(Comparison):
        server = service

    run_state_machine_as_test(
        Bound,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
