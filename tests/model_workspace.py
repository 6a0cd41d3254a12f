"""A workspace and its model. Every method does the same to both, and compares the answers."""

import csv
import http.client
import io
import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

import model_segments
from conftest import Server
from model_audience import MEMBERSHIP_STATUSES, Audience, Field, Person, join_list, rfc3339, text_of
from model_imports import Import

from mailrith_lite import ids

COLUMNS = ["Email", "Name", "Status", "Country", "Subscribed At", "Last Opened At", "Tags", "Sequences"]
SUBSCRIBERS = "/v1/subscribers"


class Client:
    """One keep-alive connection with one key."""

    def __init__(self, server: Server, key: str) -> None:
        parts = urlsplit(server.url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        sent = None if body is None else json.dumps(body).encode()
        self._connection.request(method, path, sent, self._headers)
        answer = self._connection.getresponse()
        received = answer.read()
        assert answer.status < 500, received
        return answer.status, json.loads(received, parse_float=Decimal) if received else None

    def get(self, path: str) -> Any:
        status, body = self.send("GET", path)
        assert status == 200, body
        return body

    def get_all(self, path: str, limit: int = 100, **query: Any) -> list[Any]:
        """The entries of all pages of a list."""
        entries: list[Any] = []
        cursor: str | None = None
        while True:
            after = {"starting_after": cursor} if cursor else {}
            page = self.get(f"{path}?{urlencode({'limit': limit, **query, **after}, doseq=True)}")
            assert len(page["data"]) <= limit
            entries += page["data"]
            cursor = page["pagination"]["next_cursor"]
            assert page["pagination"]["has_more"] == (cursor is not None)
            if cursor is None:
                return entries
            assert len(page["data"]) == limit

    def close(self) -> None:
        self._connection.close()


class Workspace:
    def __init__(self, server: Server, name: str, time_zone: str | None) -> None:
        self.server = server
        self.client = Client(server, server.new_key(workspace=name))
        self.audience = Audience(time_zone)
        self.execute("UPDATE workspaces SET time_zone = ? WHERE name = ?", time_zone, name)

    def execute(self, sql: str, *values: Any) -> None:
        """For changes that no request can make, such as an open of an email."""

        async def write() -> None:
            async with self.server.services.database.write() as connection:
                await connection.execute(sql, values)

        self.server.wait(write())

    # Tags, sequences, custom fields and segments

    def create(self, kind: str, body: dict[str, Any]) -> None:
        taken = kind == "tags" and self.audience.tag_id_by_name(body["name"]) is not None
        taken |= kind == "sequences" and body["name"] in self.audience.sequences.values()
        status, answer = self.client.send("POST", f"/v1/{kind}", body)
        assert status == (201 if not taken else 409 if kind == "tags" else 400), answer
        if taken:
            return
        key = answer["data"]["id"]
        if kind == "tags":
            self.audience.tags[key] = body["name"]
        elif kind == "sequences":
            self.audience.sequences[key] = body["name"]
        else:
            options = body.get("settings", {}).get("options", ())
            self.audience.fields[key] = Field(body["label"], body["type"], tuple(options))

    def rename_tag(self, key: str, name: str) -> None:
        taken = self.audience.tag_id_by_name(name) not in (None, key)
        status, answer = self.client.send("PUT", f"/v1/tags/{key}", {"name": name})
        assert status == (409 if taken else 200), answer
        if not taken:
            self.audience.tags[key] = name

    def delete(self, kind: str, key: str, now: int) -> None:
        in_use = model_segments.refers_to(self.audience, key)
        status, answer = self.client.send("DELETE", f"/v1/{kind}/{key}")
        assert status == (409 if in_use else 204), answer
        if in_use:
            return
        known: dict[str, Any] = getattr(self.audience, kind.replace("custom-", ""))
        del known[key]
        for person in self.audience.people:
            person.tags.discard(key)
            person.sequences.pop(key, None)
            if person.fields.pop(key, None) is not None:
                person.updated_at = now

    def save_segment(self, definition: Any, name: str, now: int) -> None:
        status, answer = self.client.send("POST", "/v1/segments", {"name": name, "definition": definition})
        too_complex = model_segments.too_complex(self.audience, definition)
        assert status == (400 if too_complex else 201), answer
        if not too_complex:
            self.audience.segments[answer["data"]["id"]] = definition
            self._check_segment(answer["data"], now)

    def change_segment(self, key: str, definition: Any, now: int) -> None:
        changed = {**self.audience.segments, key: definition}
        refused = model_segments.depends_on(self.audience, definition, key)
        if not refused:
            after = Audience(segments=changed)
            refused = any(model_segments.too_complex(after, each) for each in changed.values())
        status, answer = self.client.send("PUT", f"/v1/segments/{key}", {"definition": definition})
        assert status == (400 if refused else 200), answer
        if not refused:
            self.audience.segments[key] = definition
            self._check_segment(answer["data"], now)

    # Subscribers

    def upsert(self, sent: dict[str, Any], now: int) -> None:
        person = self.audience.find(sent["email"])
        status, answer = self.client.send("POST", SUBSCRIBERS, sent)
        assert status == (201 if person is None else 409 if sent.get("create_only") else 200), answer
        if status == 409:
            return
        if person is None:
            person = Person(sent["email"], "Unconfirmed", now, id=answer["data"]["id"])
            self.audience.people.append(person)
        self.audience.change(person, sent, now)
        for name in sent.get("new_tags", []):
            self._tag_by_name(person, name, answer["data"]["tags"], now)
        assert self._normal(answer["data"]) == self.resource(person)
        self._check_searches(person, now)

    def change(self, person: Person, sent: dict[str, Any], now: int) -> None:
        other = self.audience.find(sent.get("email", ""))
        status, answer = self.client.send("PATCH", f"{SUBSCRIBERS}/{person.id}", sent)
        if not sent:
            assert status == 400, answer
            return
        if other not in (None, person):
            assert status == 409, answer
            return
        self.audience.change(person, sent, now)
        assert (status, self._normal(answer["data"])) == (200, self.resource(person))
        self._check_searches(person, now)

    def set_status(self, person: Person, status: str, now: int) -> None:
        self.audience.change(person, {"status": status}, now)
        self._check_answer(
            person, *self.client.send("PUT", f"{SUBSCRIBERS}/{person.id}/status", {"status": status})
        )

    def set_tag(self, person: Person, key: str, now: int, *, present: bool) -> None:
        if (key in person.tags) != present:
            person.tags ^= {key}
            person.updated_at = now
        method = "PUT" if present else "DELETE"
        self._check_answer(person, *self.client.send(method, f"{SUBSCRIBERS}/{person.id}/tags/{key}"))

    def set_sequence(self, person: Person, key: str, now: int, *, present: bool) -> None:
        saved = person.sequences.get(key)
        if saved in (None, "removed") if present else saved == "active":
            person.sequences[key] = "active" if present else "removed"
            person.updated_at = now
        method = "PUT" if present else "DELETE"
        self._check_answer(person, *self.client.send(method, f"{SUBSCRIBERS}/{person.id}/sequences/{key}"))

    def remove(self, person: Person, now: int) -> None:
        assert self.client.send("DELETE", f"{SUBSCRIBERS}/{person.id}")[0] == 204
        assert self.client.send("GET", f"{SUBSCRIBERS}/{person.id}")[0] == 404
        self.audience.people.remove(person)
        self._check_searches(person, now)

    def open_email(self, person: Person, moment: int) -> None:
        person.opened_at = moment
        self.execute(
            "UPDATE subscribers SET last_opened_at = ? WHERE id = ?", moment, ids.decode(ids.SUBSCRIBER, person.id)
        )

    def complete_sequence(self, key: str) -> None:
        """Completes the sequence for its active members. No request can: no email is ever sent."""
        for person in self.audience.people:
            if person.sequences.get(key) == "active":
                person.sequences[key] = "completed"
        self.execute(
            "UPDATE subscriber_sequences SET status = 'completed' WHERE sequence_id = ? AND status = 'active'",
            ids.decode(ids.SEQUENCE, key),
        )

    def run_import(self, sent: Import, now: int) -> None:
        """Submits the import, waits for its end, and compares its counters and the list."""
        status, answer = self.client.send("POST", "/v1/jobs/subscriber-imports", sent.body())
        assert status == (202 if sent.rows else 400), answer
        if not sent.rows:
            return
        self.server.drain()
        job = self.client.get(answer["data"]["self"])["data"]
        tag_ids = list(sent.tag_ids)
        if sent.new_tag_name is not None:
            names = {tag["id"]: tag["name"] for tag in self.client.get_all("/v1/tags")}
            if self.audience.tag_id_by_name(sent.new_tag_name) is None:
                (new,) = names.keys() - self.audience.tags.keys()
                assert names[new] == sent.new_tag_name
                self.audience.tags[new] = sent.new_tag_name
            tag_ids.append(str(self.audience.tag_id_by_name(sent.new_tag_name)))
        counters = sent.apply(self.audience, tag_ids, now)
        assert (job["status"], job["progress"]) == ("Completed", counters)
        assert job["imported_count"] == counters["rows_processed"] - counters["rejected_count"]
        self.check_list({}, now)

    # Comparisons

    def check_list(self, parameters: dict[str, Any], now: int, limit: int = 100) -> None:
        expected = self.audience.select(parameters, now)
        limit = max(limit, len(expected) // 20 + 1)
        query = {**parameters, **({"cold_only": "true"} if "cold_only" in parameters else {})}
        listed = self.client.get_all(SUBSCRIBERS, limit, **query)
        assert [entry["email"] for entry in listed] == [person.email for person in expected]
        for entry, person in zip(listed, expected, strict=True):
            person.id = person.id or entry["id"]  # an import does not tell the ids of its new people
            assert self._normal(entry) == self.resource(person)

    def _check_searches(self, person: Person, now: int) -> None:
        """Searches for the person's current name and email."""
        for text in (person.name, person.email):
            if text:
                self.check_list({"search": text}, now)

    def check_preview(self, definition: Any, now: int) -> None:
        status, answer = self.client.send("POST", "/v1/segments/preview", {"definition": definition})
        if model_segments.too_complex(self.audience, definition):
            assert status == 400
        else:
            assert (status, answer["data"]) == (200, self._counts(definition, now))

    def check_counts(self, now: int) -> None:
        """Compares the counts in the lists of tags, sequences and segments."""
        people = self.audience.people
        tags = {tag["id"]: tag["subscriber_count"] for tag in self.client.get_all("/v1/tags", 3)}
        assert tags == {key: sum(key in person.tags for person in people) for key in self.audience.tags}
        sequences = {each["id"]: each["subscriber_count"] for each in self.client.get_all("/v1/sequences", 3)}
        assert sequences == {
            key: sum(person.sequences.get(key) == "active" for person in people) for key in self.audience.sequences
        }
        segments = self.client.get_all("/v1/segments", 3)
        assert [segment["id"] for segment in segments] == list(reversed(self.audience.segments))
        for segment in segments:
            self._check_segment(segment, now)

    def check_export(self, selection: dict[str, Any], now: int) -> None:
        job, text = self.server.export_csv(key=self.client._headers["Authorization"][7:], **selection)
        parameters = {"search" if name == "query" else name: value for name, value in selection.items()}
        rows = list(csv.reader(io.StringIO(text, newline="")))
        expected = [self._cells(person) for person in reversed(self.audience.select(parameters, now))]
        assert rows[0] == COLUMNS + [field.label for field in self.audience.fields.values()]
        assert rows[1:] == expected
        assert job["exported_count"] == len(expected)

    def check_everything(self, now: int) -> None:
        self.check_list({}, now)
        self.check_counts(now)
        self.check_export({}, now)
        for filter_name in ("status", "cold_only"):
            self.check_list({filter_name: "Active" if filter_name == "status" else True}, now)
        for key in self.audience.tags:
            for operator in ("has_any_of", "has_none_of"):
                self.check_list({"tag_ids": [key], "tag_operator": operator}, now)
        for key in self.audience.sequences:
            for operator in MEMBERSHIP_STATUSES:
                self.check_list({"sequence_ids": [key], "sequence_operator": operator}, now)

    def resource(self, person: Person) -> dict[str, Any]:
        """The person as the API returns them."""
        return {
            "id": person.id,
            "self": f"{SUBSCRIBERS}/{person.id}",
            "email": person.email,
            "name": person.name,
            "status": person.status,
            "country": person.country,
            "subscribed_at": rfc3339(person.subscribed_at),
            "last_opened_at": rfc3339(person.opened_at),
            "tags": sorted((key, self.audience.tags[key]) for key in person.tags),
            "sequence_ids": sorted(key for key, status in person.sequences.items() if status == "active"),
            "custom_fields": person.fields,
            "created_at": rfc3339(person.now),
            "updated_at": rfc3339(person.updated_at),
        }

    @staticmethod
    def _normal(answer: Any) -> dict[str, Any]:
        """With sorted tags and sequences: their order means nothing."""
        tags = sorted((tag["id"], tag["name"]) for tag in answer["tags"])
        return {**answer, "tags": tags, "sequence_ids": sorted(answer["sequence_ids"])}

    def _check_answer(self, person: Person, status: int, answer: Any) -> None:
        assert (status, self._normal(answer["data"])) == (200, self.resource(person))

    def _tag_by_name(self, person: Person, name: str, answered: list[Any], now: int) -> None:
        key = self.audience.tag_id_by_name(name)
        if key is None:
            (key,) = (tag["id"] for tag in answered if tag["name"] == name and tag["id"] not in self.audience.tags)
            self.audience.tags[key] = name
        if key not in person.tags:
            person.tags.add(key)
            person.updated_at = now

    def _check_segment(self, segment: Any, now: int) -> None:
        counts = self._counts(self.audience.segments[segment["id"]], now)
        assert {name: segment[name] for name in counts} == counts

    def _counts(self, definition: Any, now: int) -> dict[str, int]:
        today = self.audience.today(now)
        members = [p for p in self.audience.people if model_segments.matches(self.audience, definition, p, today)]
        return {
            "total_subscriber_count": len(members),
            "confirmed_subscriber_count": sum(person.status == "Active" for person in members),
        }

    def _cells(self, person: Person) -> list[str]:
        names = [self.audience.tags[key] for key in self.audience.tags if key in person.tags]
        active = [name for key, name in self.audience.sequences.items() if person.sequences.get(key) == "active"]
        fields = [text_of(person.fields[key]) if key in person.fields else "" for key in self.audience.fields]
        moments = [rfc3339(person.subscribed_at) or "", rfc3339(person.opened_at) or ""]
        fixed = [person.email, person.name, person.status, person.country or ""]
        return [*fixed, *moments, join_list(names), join_list(active), *fields]
