"""A workspace with many subscribers in the worst order for lists, which begin with the newest one.

Most tags and sequences have a half, or a hundredth, of the subscribers; a rare one has three at any size.
"""

import asyncio
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.rows import FIELDS
from benchmarks.service import Service
from mailrith_lite import clock, ids
from mailrith_lite.access import workspaces
from mailrith_lite.audience import blocks, bulk, search_index
from mailrith_lite.audience.bulk_plan import Change
from mailrith_lite.data_directory import DATABASE_FILE
from mailrith_lite.database import Connection, Database

TAGS = (
    *("everybody", "newest half", "oldest half", "even", "odd", "rare", "nobody"),
    *(f"plain {number}" for number in range(23)),
)
SEQUENCES = ("newest half", "completed by all", "left by the oldest half", "even", "odd", "rare", "nobody")
ORDINARY = "reader472835223.9@example.com"

_WORKSPACE = 1
_CHUNK = 20_000
_RARE = (3, 5, 7)
_CITIES = ("Berlin", "Lyon", "Austin", "Leeds", "Recife", "Osaka")
_COUNTRIES = ("DE", "FR", "US", "GB", "BR", "JP")


def create_content(service: Service) -> None:
    """Makes tags, sequences, custom fields, segments and some jobs through the API."""
    for name in TAGS:
        _post(service, "tags", {"name": name})
    for name in SEQUENCES:
        _post(service, "sequences", {"name": name, "definition": {"emails": []}})
    for label, kind in FIELDS:
        _post(service, "custom-fields", {"label": label, "type": kind})
    for number, conditions in enumerate(_segments()):
        numbered = [{"id": str(place), **condition} for place, condition in enumerate(conditions)]
        groups = [{"id": "1", "match": "all", "conditions": numbered}]
        _post(service, "segments", {"name": f"Segment {number}", "definition": {"match": "all", "groups": groups}})
    mappings = [{"csv_column": "Email", "field": {"type": "email"}}]
    for _ in range(3):
        service.run_job("import", json.dumps({"csv_text": "Email\n?\n", "mappings": mappings}).encode())
        service.run_job("export", b'{"status": "Blocked"}')


def _post(service: Service, path: str, body: dict[str, Any]) -> None:
    answer = service.request("POST", f"/v1/{path}", json.dumps(body).encode())
    if "error" in answer:
        raise RuntimeError(answer["error"]["message"])


def _tag_condition(operator: str, name: str) -> dict[str, Any]:
    return _condition("tag", operator, [tag_id(name)])


def _segments() -> Iterator[list[dict[str, Any]]]:
    """The conditions of each segment; all of them must hold."""
    yield [_condition("subscriber_status", "is", "Active")]
    yield [_condition("country", "is", "DE")]
    yield [_condition("country", "in_region", "Europe")]
    yield [_tag_condition("has_any_of", "everybody")]
    yield [_tag_condition("has_none_of", "newest half")]
    yield [_condition("sequence", "is_active_in_any_of", [sequence_id("newest half")])]
    yield [_condition("custom_field", "contains", "lin") | {"customFieldId": ids.encode(ids.CUSTOM_FIELD, 1)}]
    yield [_condition("custom_field", "greater_than", 500) | {"customFieldId": ids.encode(ids.CUSTOM_FIELD, 2)}]
    yield [_condition("segment", "is", [ids.encode(ids.SEGMENT, 1)]), _tag_condition("has_any_of", "even")]
    yield [_tag_condition("has_any_of", "rare")]


def _condition(field: str, operator: str, value: Any) -> dict[str, Any]:
    return {"field": field, "operator": operator, "value": value}


def tag_id(name: str) -> str:
    return ids.encode(ids.TAG, _tag_number(name))


def sequence_id(name: str) -> str:
    return ids.encode(ids.SEQUENCE, _sequence_number(name))


def _tag_number(name: str) -> int:
    return TAGS.index(name) + 1


def _sequence_number(name: str) -> int:
    return SEQUENCES.index(name) + 1


async def insert_subscribers(home: Path, count: int) -> None:
    """Prints how long it takes."""
    began = time.perf_counter()
    async with Database.open(home / DATABASE_FILE) as database:
        chunk = min(_CHUNK, count // 2)
        for first in range(1, count + 1, chunk):
            await _insert_chunk(database, first, min(first + chunk, count + 1), count)
        inserted = time.perf_counter()
        while await search_index.catch_up(database):
            pass
        indexed = time.perf_counter()
    print(
        f"{count:,} subscribers inserted in {inserted - began:.1f} s, {count / (inserted - began):,.0f} a second;"
        f" indexed for searches in {indexed - inserted:.1f} s",
        flush=True,
    )


async def _insert_chunk(database: Database, first: int, end: int, count: int) -> None:
    """Inserts subscribers `first` to `end` - 1 as an import does, then the other tags and sequences."""
    newest = first > count // 2
    tag_ids = [_tag_number("everybody"), _tag_number("newest half" if newest else "oldest half")]
    sequence_ids = [_sequence_number("completed by all")]
    sequence_ids.append(_sequence_number("newest half" if newest else "left by the oldest half"))
    changes = await asyncio.to_thread(_changes, first, end, count)
    async with database.write() as connection:
        plan = await bulk.plan(connection, _WORKSPACE, changes, tag_ids=tag_ids, sequence_ids=sequence_ids)
        assert plan.first_id == first and plan.outcome.created == end - first
        await bulk.apply(connection, _WORKSPACE, plan, clock.now())
        for name in TAGS:
            await _insert_tag(connection, _tag_number(name), _members(name, first, end))
        for name in ("even", "odd", "rare"):
            await connection.execute(
                "INSERT INTO subscriber_sequences (subscriber_id, sequence_id) SELECT value, ? FROM json_each(?)",
                (_sequence_number(name), json.dumps(_members(name, first, end))),
            )
        for name, status in (("completed by all", "completed"), ("left by the oldest half", "removed")):
            await connection.execute(
                """UPDATE subscriber_sequences SET status = ?
                WHERE sequence_id = ? AND status = 'active' AND subscriber_id >= ?""",
                (status, _sequence_number(name), first),
            )


def _members(name: str, first: int, end: int) -> list[int]:
    """The numbers of the chunk's subscribers with this tag or sequence, except those that `bulk` has set."""
    if name.startswith("plain "):
        place = int(name.removeprefix("plain "))
        return list(range(first + (place - first) % 100, end, 100))
    if name in ("even", "odd"):
        return list(range(first + (first + (name == "odd")) % 2, end, 2))
    return [number for number in _RARE if name == "rare" and first <= number < end]


async def _insert_tag(connection: Connection, tag_id: int, numbers: list[int]) -> None:
    members, tag = json.dumps(numbers), f"[{tag_id}]"
    await blocks.update_tag_counts(connection, members, tag)
    await connection.execute(
        "INSERT INTO subscriber_tags (subscriber_id, tag_id) SELECT value, ? FROM json_each(?)", (tag_id, members)
    )


def _changes(first: int, end: int, count: int) -> list[Change]:
    generator = random.Random(first)
    changes = []
    for number in range(first, end):
        email, name = f"reader{generator.randrange(10**9)}.{number}@example.com", f"Reader Number {number}"
        if number % 1_000 == 500:
            name = f"Reader Zebulon {number}"
        elif number == 7:
            email, name = "quetzal.7@example.com", "Xylia Quetzal"
        elif number == 9:
            email = ORDINARY
        elif number == count:
            email = f"{count}@example.com"
        place = number % 6
        changes.append(
            Change(
                line=number,
                email=email,
                name=name,
                status="Bounced" if number <= 5 else "Unsubscribed" if number % 20 == 0 else "Active",
                country=_COUNTRIES[place],
                custom_fields={"1": _CITIES[place], "2": generator.randrange(1_000)},
            )
        )
    return changes


async def make_older_half_cold(home: Path, count: int) -> None:
    """The older half subscribed 60 days ago and has opened nothing."""
    async with Database.open(home / DATABASE_FILE) as database, database.write() as connection:
        await connection.execute(
            "UPDATE subscribers SET subscribed_at = ? WHERE id <= ?", (clock.now() - 60 * clock.DAY, count // 2)
        )


async def unsubscribe_older_half(home: Path, count: int) -> None:
    """Updates the older half as an import of a suppression list does."""
    async with Database.open(home / DATABASE_FILE) as database:
        chunk = min(_CHUNK, count // 2)
        for first in range(1, count // 2 + 1, chunk):
            changes = [
                Change(line=change.line, email=change.email, status="Unsubscribed")
                for change in _changes(first, first + chunk, count)
            ]
            await _apply(database, _WORKSPACE, changes)


async def _apply(database: Database, workspace_id: int, changes: list[Change]) -> None:
    async with database.write() as connection:
        plan = await bulk.plan(connection, workspace_id, changes, tag_ids=[], sequence_ids=[])
        await bulk.apply(connection, workspace_id, plan, clock.now())


async def insert_neighbors(home: Path, count: int) -> None:
    """Inserts and indexes subscribers in another workspace."""
    async with Database.open(home / DATABASE_FILE) as database:
        async with database.write() as connection:
            other = await workspaces.insert_workspace(connection, "Neighbors", clock.now())
        for first in range(0, count, _CHUNK):
            changes = [
                Change(line=number, email=f"reader.{number}@nearby.example", name=f"Reader Nearby {number}")
                for number in range(first, min(first + _CHUNK, count))
            ]
            await _apply(database, other.id, changes)
        while await search_index.catch_up(database):
            pass
