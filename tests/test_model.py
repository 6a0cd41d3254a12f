"""The service and a plain model give the same answers, whatever requests arrive in whatever order.

Each example has two new workspaces, and its clock moves only where a rule moves it. MAILRITH_LITE_EXAMPLES sets the
number of examples.
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
from model_workspace import Workspace

from mailrith_lite.audience import blocks, search_index
from mailrith_lite.settings import Settings

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "5"))
START = 1_800_000_000_000
_numbers = itertools.count(1)

data = st.data()
indexes = st.sampled_from([0, 0, 0, 1])
limits = st.sampled_from([1, 2, 7, 100])


class Comparison(RuleBasedStateMachine):
    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.travel = time_machine.travel(START / 1_000, tick=False)
        self.movable_time = self.travel.start()
        number = next(_numbers)
        zones = (None, "Pacific/Auckland")
        self.workspaces = [
            Workspace(self.server, f"Workspace {number}.{place}", zone) for place, zone in enumerate(zones)
        ]

    def today(self, workspace: Workspace) -> date:
        return workspace.audience.today(self.now)

    def draw_person(self, draw: Any, workspace: Workspace) -> Person | None:
        """Often one of the first people, so that several things happen to the same person."""
        last = len(workspace.audience.people) - 1
        if last < 0:
            return None
        return workspace.audience.people[draw(st.integers(0, min(last, 3)) | st.integers(0, last))]

    @initialize(data=data, types=st.lists(st.sampled_from(requests.TYPES), min_size=4, unique=True))
    def fill_the_first_workspace(self, data: Any, types: list[str]) -> None:
        """A short example that starts empty would reach few states."""
        for field_type in types:
            self.create_field(0, field_type)
        for name in ("News", "a, b"):
            self.create_tag(0, name)
            self.create_sequence(0, name)
        self.run_import(0, data)
        for _ in range(3):
            self.save_segment(0, data)

    @rule(days=st.sampled_from([0, 1, 29, 30, 90]), hours=st.integers(0, 24))
    def move_the_clock(self, days: int, hours: int) -> None:
        self.now += days * DAY + hours * DAY // 24
        self.movable_time.move_to(self.now / 1_000)

    @rule()
    def update_the_search_index(self) -> None:
        while self.server.wait(search_index.catch_up(self.server.services.database)):
            pass

    @rule()
    def refresh_the_blocks(self) -> None:
        while self.server.wait(blocks.refresh(self.server.services.database)):
            pass

    @rule(index=indexes, name=requests.tag_names)
    def create_tag(self, index: int, name: str) -> None:
        self.workspaces[index].create("tags", {"name": name})

    @rule(index=indexes, name=st.sampled_from(["Welcome", "a, b", 'say "hi"']))
    def create_sequence(self, index: int, name: str) -> None:
        self.workspaces[index].create("sequences", {"name": name, "definition": {"emails": []}})

    @rule(index=indexes, field_type=st.sampled_from(requests.TYPES))
    def create_field(self, index: int, field_type: str) -> None:
        body: dict[str, Any] = {"label": f"Field {next(_numbers)}", "type": field_type}
        if "elect" in field_type:
            body["settings"] = {"options": list(requests.OPTIONS)}
        self.workspaces[index].create("custom-fields", body)

    @rule(index=indexes, data=data, name=requests.tag_names)
    def rename_tag(self, index: int, data: Any, name: str) -> None:
        workspace = self.workspaces[index]
        if workspace.audience.tags:
            workspace.rename_tag(data.draw(st.sampled_from(list(workspace.audience.tags))), name)

    @rule(index=indexes, data=data, kind=st.sampled_from(["tags", "sequences", "custom-fields", "segments"]))
    def delete_resource(self, index: int, data: Any, kind: str) -> None:
        workspace = self.workspaces[index]
        known = getattr(workspace.audience, kind.replace("custom-", ""))
        if known:
            workspace.delete(kind, data.draw(st.sampled_from(list(known))), self.now)

    @rule(index=indexes, data=data)
    def save_segment(self, index: int, data: Any) -> None:
        workspace = self.workspaces[index]
        definition = data.draw(requests.definitions(workspace.audience, self.today(workspace)))
        workspace.save_segment(definition, f"Segment {next(_numbers)}", self.now)

    @rule(index=indexes, data=data)
    def change_segment(self, index: int, data: Any) -> None:
        workspace = self.workspaces[index]
        if workspace.audience.segments:
            key = data.draw(st.sampled_from(list(workspace.audience.segments)))
            workspace.change_segment(
                key, data.draw(requests.definitions(workspace.audience, self.today(workspace))), self.now
            )

    @rule(index=indexes, data=data, email=requests.emails)
    def upsert(self, index: int, data: Any, email: str) -> None:
        workspace = self.workspaces[index]
        sent = data.draw(requests.changes(workspace.audience, self.today(workspace)))
        extra = st.fixed_dictionaries(
            {},
            optional={
                "status": requests.statuses,
                "new_tags": st.lists(requests.tag_names, max_size=2),
                "create_only": st.booleans(),
            },
        )
        workspace.upsert(sent | data.draw(extra) | {"email": email}, self.now)

    @rule(index=indexes, data=data)
    def change(self, index: int, data: Any) -> None:
        workspace = self.workspaces[index]
        if person := self.draw_person(data.draw, workspace):
            workspace.change(
                person, data.draw(requests.changes(workspace.audience, self.today(workspace))), self.now
            )

    @rule(index=indexes, data=data, status=requests.statuses)
    def set_status(self, index: int, data: Any, status: str) -> None:
        if person := self.draw_person(data.draw, self.workspaces[index]):
            self.workspaces[index].set_status(person, status, self.now)

    @rule(index=indexes, data=data, present=st.booleans())
    def set_tag(self, index: int, data: Any, present: bool) -> None:
        workspace = self.workspaces[index]
        if workspace.audience.tags and (person := self.draw_person(data.draw, workspace)):
            key = data.draw(st.sampled_from(list(workspace.audience.tags)))
            workspace.set_tag(person, key, self.now, present=present)

    @rule(index=indexes, data=data, present=st.booleans())
    def set_sequence(self, index: int, data: Any, present: bool) -> None:
        workspace = self.workspaces[index]
        if workspace.audience.sequences and (person := self.draw_person(data.draw, workspace)):
            key = data.draw(st.sampled_from(list(workspace.audience.sequences)))
            workspace.set_sequence(person, key, self.now, present=present)

    @rule(index=indexes, data=data, ago=st.integers(0, 120))
    def open_an_email(self, index: int, data: Any, ago: int) -> None:
        if person := self.draw_person(data.draw, self.workspaces[index]):
            self.workspaces[index].open_email(person, self.now - ago * DAY)

    @rule(index=indexes, data=data)
    def complete_a_sequence(self, index: int, data: Any) -> None:
        workspace = self.workspaces[index]
        if workspace.audience.sequences:
            workspace.complete_sequence(data.draw(st.sampled_from(list(workspace.audience.sequences))))

    @rule(index=indexes, data=data)
    def remove(self, index: int, data: Any) -> None:
        if person := self.draw_person(data.draw, self.workspaces[index]):
            self.workspaces[index].remove(person, self.now)

    @rule(index=indexes, data=data)
    def run_import(self, index: int, data: Any) -> None:
        workspace = self.workspaces[index]
        workspace.run_import(data.draw(requests.imports(workspace.audience, self.today(workspace))), self.now)

    @rule(index=indexes, data=data, limit=limits)
    def compare_a_list(self, index: int, data: Any, limit: int) -> None:
        workspace = self.workspaces[index]
        workspace.check_list(data.draw(requests.filters(workspace.audience)), self.now, limit)

    @rule(index=indexes, data=data)
    def compare_previews(self, index: int, data: Any) -> None:
        workspace = self.workspaces[index]
        for _ in range(10):
            workspace.check_preview(
                data.draw(requests.definitions(workspace.audience, self.today(workspace))), self.now
            )

    @rule(index=indexes, data=data)
    def compare_an_export(self, index: int, data: Any) -> None:
        workspace = self.workspaces[index]
        parameters = data.draw(requests.filters(workspace.audience))
        names = {"search": "query", "status": "status", "cold_only": "cold_only"}
        workspace.check_export({names[key]: value for key, value in parameters.items() if key in names}, self.now)

    @invariant()
    def counts_are_right(self) -> None:
        for workspace in self.workspaces:
            workspace.check_counts(self.now)

    def teardown(self) -> None:
        try:
            for workspace in self.workspaces:
                workspace.check_everything(self.now)
            database = self.server.services.database
            assert self.server.wait(miscounts(database)) == []
        finally:
            for workspace in self.workspaces:
                workspace.client.close()
            self.travel.stop()


async def miscounts(database: Any) -> list[str]:
    async with database.read() as connection:
        return await blocks.select_miscounts(connection)


async def stop_index_updates() -> None:
    """Ends the background task: only the rules of an example update the indexes."""
    (task,) = (task for task in asyncio.all_tasks() if task.get_name() == "indexes")
    task.cancel()


@pytest.fixture
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("model") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key=KEY)).serving() as server:
        server.wait(stop_index_updates())
        yield server


@pytest.mark.long
def test_service_gives_the_answers_of_a_plain_model(service: Server) -> None:
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
