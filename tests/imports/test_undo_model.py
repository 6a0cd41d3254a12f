"""Imports, edits, opt-outs, deletions and undos in any order: a plain model of people says what must be there.

The model keeps, for each person, a stack of the imports that have changed them since the last other change. An undo
takes back the top of the stack. The model also notes what happened to each person: the history must say the same.
MAILRITH_LITE_EXAMPLES sets the number of examples.
"""

import copy
import itertools
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

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "6"))
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

    def changes_since(self, before: "Person") -> dict[str, tuple[Any, Any]]:
        """Member -> (before, after), or (added, removed)."""
        changes: dict[str, tuple[Any, Any]] = {
            member: (old, new)
            for member, old, new in (
                ("name", before.name, self.name),
                ("status", before.status, self.status),
            )
            if old != new
        }
        if self.tags != before.tags:
            changes["tags"] = (sorted(self.tags - before.tags), sorted(before.tags - self.tags))
        return changes

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


@dataclass
class Happening:
    """What the history has about one change. "?": a value that is not kept; in the model one that need not be."""

    source: str
    job_id: str | None
    action: str
    changes: dict[str, tuple[Any, Any]]


_numbers = itertools.count(1)


class Undos(RuleBasedStateMachine):
    server: Server

    def __init__(self) -> None:
        super().__init__()
        self.key = self.server.new_key(workspace=f"Workspace {next(_numbers)}")
        self.people: dict[str, Person] = {}
        self.jobs: list[Any] = []
        self.history: dict[str, list[Happening]] = {}
        self.tag_names: dict[str, str] = {}

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
                self.history[email] = [Happening("import", job["id"], "created", {})]
            elif person.apply(name, status, tag):
                altered = True
                person.touched.add(job["id"])
                if not person.imports or person.imports[-1][0] != job["id"]:
                    person.imports.append((job["id"], before[email]))
            elif status in SUPPRESSED:
                left_again.add(email)
        for email in left_again:
            person = self.people[email]
            if job["id"] not in person.touched:
                if person.imports:
                    repeated = {"status": (person.status, person.status)}
                    self.history[email].append(Happening("import", job["id"], "updated", repeated))
                person.imports = []
        for email, person in self.people.items():
            if email not in before and job["id"] in person.touched:
                self.history[email][0].changes = {"status": ("?", person.status)}
            elif job["id"] in person.touched:
                changes = person.changes_since(before[email])
                self.history[email].append(Happening("import", job["id"], "updated", changes))
        if altered:
            self.jobs.append(job)
        self.tag_names |= {tag["id"]: tag["name"] for tag in self.call("GET", "/v1/tags")}

    @rule(email=emails, name=names, status=st.sampled_from(["Active", "Unsubscribed"]))
    def edit(self, email: str, name: str, status: str) -> None:
        self.call("POST", "/v1/subscribers", {"email": email, "name": name, "status": status})
        if email not in self.people:
            self.people[email] = Person(name, status)
            self.history[email] = [Happening("api", None, "created", {"status": ("?", status)})]
            return
        person = self.people[email]
        before = copy.deepcopy(person)
        person.name, person.status = name, status
        changes = person.changes_since(before)
        if status in SUPPRESSED:
            changes["status"] = (before.status, status)
        if changes:
            person.imports = []
            self.history[email].append(Happening("api", None, "updated", changes))

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        email = data.draw(st.sampled_from(sorted(self.people)))
        self.call("DELETE", self.listed()[email]["self"])
        del self.people[email], self.history[email]

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
                    del self.people[email], self.history[email]
                    deleted += 1
                else:
                    self.people[email] = before
                    self.note_undo(email, job["id"], done["id"])
                    restored += 1
            elif job["id"] in person.touched:
                skipped += 1
        assert counts(done) == (restored, deleted, skipped)

    def note_undo(self, email: str, job_id: str, undo_id: str) -> None:
        """The import's new values are not kept after its undo, which puts the old ones back."""
        imported = next(one for one in self.history[email] if one.job_id == job_id and one.action == "updated")
        restored: dict[str, tuple[Any, Any]] = {}
        for member, (old, _) in imported.changes.items():
            if member == "tags":
                restored[member] = ([], old)  # the added ones are removed
            else:
                restored[member] = ("?", old)
                imported.changes[member] = (old, "?")
        self.history[email].append(Happening("undo", undo_id, "updated", restored))

    @invariant()
    def history_is_what_happened(self) -> None:
        for email, one in self.listed().items():
            entries = self.call("GET", f"{one['self']}/history?limit=100")
            assert [
                self.happening(entry, expected)
                for entry, expected in zip(reversed(entries), self.history[email], strict=True)
            ] == self.history[email]

    def happening(self, entry: Any, expected: Happening) -> Happening:
        """Without the values that need not be kept: a neighbouring change may have them."""
        changes: dict[str, tuple[Any, Any]] = {
            one["member"]: tuple(
                sorted(map(self.tag_names.__getitem__, one[part])) for part in ("added", "removed")
            )
            if one["member"] == "tags"
            else (one.get("before", "?"), one.get("after", "?"))
            for one in entry["changes"]
        }
        for member, open_values in expected.changes.items():
            if "?" in open_values and member in changes:
                pairs = zip(changes[member], open_values, strict=True)
                old, new = ("?" if open_value == "?" else value for value, open_value in pairs)
                changes[member] = (old, new)
        source = entry["source"]
        job_id = None if source["type"] == "api" else source["id"]
        return Happening(source["type"], job_id, entry["action"], changes)

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
