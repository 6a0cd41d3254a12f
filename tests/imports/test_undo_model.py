"""Imports, edits, opt-outs, deletions and undos in any order: a plain model of people says what must be there.

The model keeps, for each person, a stack of the imports that have changed them since the last other change. An undo
takes back the top of the stack. MAILRITH_LITE_EXAMPLES sets the number of examples.
"""

import copy
import os
from dataclasses import dataclass, field
from typing import Any

import pytest
from conftest import MAPPINGS, Server
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from undone import counts, mapped, undo

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "15"))
COLUMNS = [*MAPPINGS, mapped("Status", "subscriber-status"), mapped("Tags", "tags")]
SUPPRESSED = ["Blocked", "Complained", "Bounced", "Unsubscribed"]  # the strictest first

emails = st.sampled_from([f"{letter}@x.com" for letter in "abcd"])
names = st.sampled_from(["", "Ada", "Bob"])
statuses = st.sampled_from(["", "", "", "Active", "Unsubscribed", "Bounced"])
tags = st.sampled_from(["", "", "Red", "Blue"])
rows = st.lists(st.tuples(emails, names, statuses, tags), min_size=1, max_size=5)


@dataclass
class Person:
    """`imports`: those that have changed the person since anything else did, with the state before each.

    `touched`: every import that has created or changed the person, and was not undone.
    """

    name: str = ""
    status: str = "Active"
    tags: set[str] = field(default_factory=set)
    imports: list[tuple[str, "Person | None"]] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

    def state(self) -> tuple[str, str, list[str]]:
        return self.name, self.status, sorted(self.tags)

    def apply(self, name: str, status: str, tag: str) -> bool:
        """What a row of an import does to somebody who exists. Returns whether it alters anything."""
        before = self.state()
        self.name = name or self.name
        if status and self.status not in SUPPRESSED:
            self.status = status
        elif status in SUPPRESSED:
            self.status = min(self.status, status, key=SUPPRESSED.index)
        self.tags |= {tag} - {""}
        return self.state() != before


class Undos(RuleBasedStateMachine):
    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.key = self.server.new_key(workspace=f"Workspace {id(self)}")
        self.people: dict[str, Person] = {}
        self.jobs: list[Any] = []

    def call(self, method: str, path: str, body: Any = None) -> Any:
        reply = self.server.call(method, path, body, key=self.key)
        assert reply.status < 300, reply.body
        return reply.json["data"] if reply.body else None

    def listed(self) -> dict[str, Any]:
        return {one["email"]: one for one in self.call("GET", "/v1/subscribers?limit=100")}

    @initialize()
    def add_somebody(self) -> None:
        self.edit("a@x.com", "Zero", "Active")

    @rule(rows=rows)
    def import_file(self, rows: list[tuple[str, str, str, str]]) -> None:
        text = "Email,Name,Status,Tags\n" + "".join(",".join(row) + "\n" for row in rows)
        job = self.server.import_csv(text, COLUMNS, key=self.key)
        altered = False
        before = copy.deepcopy(self.people)
        left_again = set()
        for email, name, status, tag in rows:
            person = self.people.get(email)
            if person is None:
                self.people[email] = Person(
                    name, status or "Active", {tag} - {""}, [(job["id"], None)], {job["id"]}
                )
                altered = True
            elif person.apply(name, status, tag):
                altered = True
                person.touched.add(job["id"])
                if not person.imports or person.imports[-1][0] != job["id"]:
                    person.imports.append((job["id"], before[email]))
            elif status in SUPPRESSED:
                left_again.add(email)
        for email in left_again:
            if job["id"] not in self.people[email].touched:
                self.people[email].imports = []
        if altered:
            self.jobs.append(job)

    @rule(email=emails, name=names, status=st.sampled_from(["Active", "Unsubscribed"]))
    def edit(self, email: str, name: str, status: str) -> None:
        self.call("POST", "/v1/subscribers", {"email": email, "name": name, "status": status})
        person = self.people.setdefault(email, Person(name, status))
        if (person.name, person.status) != (name, status) or status in SUPPRESSED:
            person.imports = []
        person.name, person.status = name, status

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        email = data.draw(st.sampled_from(sorted(self.people)))
        self.call("DELETE", self.listed()[email]["self"])
        del self.people[email]

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def undo_import(self, data: st.DataObject) -> None:
        job = self.jobs.pop(data.draw(st.integers(0, len(self.jobs) - 1) | st.just(len(self.jobs) - 1)))
        done = undo(self.server, job, key=self.key)
        restored, deleted, skipped = 0, 0, 0
        for email, person in list(self.people.items()):
            if person.imports and person.imports[-1][0] == job["id"]:
                _, before = person.imports[-1]
                if before is None:
                    del self.people[email]
                    deleted += 1
                else:
                    self.people[email] = before
                    restored += 1
            elif job["id"] in person.touched:
                skipped += 1
        assert counts(done) == (restored, deleted, skipped)

    @invariant()
    def people_are_those_of_the_model(self) -> None:
        listed = {
            email: (one["name"], one["status"], sorted(tag["name"] for tag in one["tags"]))
            for email, one in self.listed().items()
        }
        assert listed == {email: person.state() for email, person in self.people.items()}


@pytest.mark.slow
def test_any_order_of_imports_edits_deletions_and_undos_leaves_the_people_of_the_model(server: Server) -> None:
    class Machine(Undos):
        pass

    Machine.server = server
    run_machine(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
