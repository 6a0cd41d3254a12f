"""Five subscribers who differ in every field that conditions can name, and the names of those in a segment."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import population
import pytest

from mailrith_lite import errors, ids
from mailrith_lite.audience import custom_fields, memberships, subscribers, upsert, values
from mailrith_lite.audience.segments import segment_query
from mailrith_lite.audience.segments.compiler import References
from mailrith_lite.audience.segments.definition import Definition
from mailrith_lite.audience.segments.segment_query import Counts, Query
from mailrith_lite.audience.upsert import SubscriberInput, UpsertContext
from mailrith_lite.audience.values import FieldType
from mailrith_lite.database import Connection, Database

TODAY = date(2027, 1, 15)
OPTIONS = ["Red", "red", "Deep Blue", "a, b", "Straße"]
FIELDS: tuple[FieldType, ...] = (
    "Text",
    "Text Area",
    "Number",
    "Date",
    "Checkbox",
    "Select (Dropdown)",
    "Single Select",
    "Multi Select",
)
TAGS, SEQUENCES = ("First", "Second", "Without members"), ("One", "Two", "Without members")
PEOPLE: dict[str, dict[str, Any]] = {
    "ada": {
        "status": "Active",
        "country": "DE",
        "tags": [1],
        "sequences": {1: "active"},
        "fields": {
            "Text": "Straße",
            "Text Area": " two\nlines ",
            "Number": 1.5,
            "Date": "2027-01-10",
            "Checkbox": True,
            "Select (Dropdown)": "Red",
            "Single Select": "a, b",
            "Multi Select": ["Red", "a, b"],
        },
    },
    "bob": {
        "status": "Unconfirmed",
        "country": "US",
        "tags": [1, 2],
        "sequences": {1: "completed", 2: "active"},
        "fields": {
            "Text": "STRASSE 12",
            "Text Area": "TWO",
            "Number": -2,
            "Date": "2027-01-15",
            "Checkbox": False,
            "Select (Dropdown)": "red",
            "Single Select": "Straße",
            "Multi Select": ["Deep Blue"],
        },
    },
    "cyd": {
        "status": "Bounced",
        "country": None,
        "tags": [],
        "sequences": {1: "removed"},
        "fields": {
            "Text": '100%_ "\u212a"',
            "Text Area": "\\",
            "Number": 2**63,
            "Date": "0001-01-01",
            "Select (Dropdown)": "Deep Blue",
            "Single Select": "Red",
            "Multi Select": ["red", "Straße"],
        },
    },
    "dan": {"status": "Active", "country": "CI", "tags": [2], "sequences": {}, "fields": {}},
    "eve": {
        "status": "Blocked",
        "country": "GB",
        "tags": [],
        "sequences": {2: "completed"},
        "fields": {"Text": "12", "Number": 0.1, "Date": "2027-01-16", "Checkbox": True},
    },
}
EVERYBODY = frozenset(PEOPLE)


class Audience:
    """A database for all tests of a module, with its own event loop."""

    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        self._runner = runner
        self._database = database

    def matches(self, definition: Any, **options: Any) -> set[str]:
        """The names of the subscribers in a segment. `options`: `own_id`, `saved`, and members of `References`."""

        async def select() -> set[str]:
            async with self._database.read() as connection:
                query = await self._query(connection, definition, options)
                rows = await connection.execute_fetchall(query.select("name"), query.values)
                return {row["name"] for row in rows}

        return self._runner.run(select())

    def counts(self, definition: Any, **options: Any) -> Counts:
        async def select() -> Counts:
            async with self._database.read() as connection:
                return await segment_query.select_counts(
                    connection, await self._query(connection, definition, options)
                )

        return self._runner.run(select())

    def set_number(self, name: str, number: str | None) -> None:
        """Saves the number as a request or an import does; None deletes it."""
        path = custom_fields.json_path(1 + FIELDS.index("Number"))
        value = values.field_value("Number", [], number)

        async def update() -> None:
            async with self._database.write() as connection:
                await connection.execute(
                    "UPDATE subscribers SET custom_fields = iif(:value IS NULL, json_remove(custom_fields, :path),"
                    " json_set(custom_fields, :path, json(:value))) WHERE name = :name",
                    {"name": name, "path": path, "value": value and subscribers._encoder.encode(value).decode()},
                )

        self._runner.run(update())

    async def _query(self, connection: Connection, definition: Any, options: dict[str, Any]) -> Query:
        own_id, saved = options.pop("own_id", None), options.pop("saved", False)
        fields = await custom_fields.select_all_custom_fields(connection, 1)
        references: dict[str, Any] = {
            "fields": {field.id: field for field in fields},
            "tag_ids": frozenset(range(1, 1 + len(TAGS))),
            "sequence_ids": frozenset(range(1, 1 + len(SEQUENCES))),
            "segments": {},
            "today": TODAY,
        }
        return segment_query.build_query(
            1, decoded(definition), References(**references | options), own_id=own_id, saved=saved
        )


@contextlib.contextmanager
def open_audience(path: Path) -> Iterator[Audience]:
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        database = runner.run(stack.enter_async_context(Database.open(path)))
        try:
            runner.run(_fill(database))
            yield Audience(runner, database)
        finally:
            runner.run(stack.aclose())


async def _fill(database: Database) -> None:
    context = UpsertContext(workspace_id=1, time_zone=None, require_evidence=False, now=population.NOW)
    async with database.write() as connection:
        await population.insert_workspaces(connection, 2)
        for name in TAGS:
            await population.insert_tag(connection, 1, name)
        for name in SEQUENCES:
            await population.insert_sequence(connection, 1, name)
        for kind in FIELDS:
            await custom_fields.create_custom_field(
                connection, 1, label=kind, field_type=kind, options=OPTIONS if "elect" in kind else [], now=1
            )
        await population.insert_people(connection, 2, [1], "stranger")
        for name, one in PEOPLE.items():
            sent = SubscriberInput(
                email=f"{name}@x.com",
                name=name,
                status=one["status"],
                country=one["country"],
                custom_fields=_exact(one["fields"]),
            )
            number = (await upsert.create(connection, context, sent, None)).id
            for tag_id in one["tags"]:
                await memberships.insert_tag(connection, number, tag_id)
            for sequence_id, status in one["sequences"].items():
                await population.enroll(connection, sequence_id, [number], status)


def _exact(fields: Any) -> Any:
    """The values as the API decodes them: decimals, no floats."""
    return subscribers._fields_decoder.decode(msgspec.json.encode(fields))


def decoded(definition: Any) -> Definition:
    return msgspec.json.decode(msgspec.json.encode(definition), type=Definition)


def condition(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    """`field`: a field of conditions, or the type of a custom field."""
    members = {"id": "c", "field": field, "operator": operator, "value": value}
    if field in FIELDS:
        return members | {"field": "custom_field", "customFieldId": field_id(field)}
    return members


def field_id(kind: str) -> str:
    return ids.encode(ids.CUSTOM_FIELD, 1 + FIELDS.index(kind))  # type: ignore[arg-type]


def definition(*conditions: Any, match: str = "all") -> dict[str, Any]:
    """A definition with one group."""
    return {"match": "all", "groups": [{"id": "g", "match": match, "conditions": list(conditions)}]}


def single(field: str, operator: str, value: Any = None) -> dict[str, Any]:
    """A definition with one condition."""
    return definition(condition(field, operator, value))


def tag(number: int) -> str:
    return ids.encode(ids.TAG, number)


def sequence(number: int) -> str:
    return ids.encode(ids.SEQUENCE, number)


def segment(number: int) -> str:
    return ids.encode(ids.SEGMENT, number)


def saved_segments(**definitions: Any) -> dict[str, Any]:
    """An option of `matches`. `s1=…`: the definition of the saved segment with the integer id 1."""
    return {"segments": {int(name[1:]): decoded(definition) for name, definition in definitions.items()}}


EVERYBODY_MATCHES = condition("form", "is_empty")
Shape = Callable[[Any], Any]


def refusal_of(audience: Audience, definition: Any, **options: Any) -> tuple[str | None, str | None]:
    """(field, reason) of the error."""
    with pytest.raises(errors.InvalidRequest) as refusal:
        audience.matches(definition, **options)
    return refusal.value.details.get("field"), refusal.value.details.get("reason")


def chain(length: int, shape: Shape) -> dict[str, Any]:
    """Saved segments in definitions of this shape. Each refers to the one before."""
    saved = {"s1": shape(EVERYBODY_MATCHES)}
    for number in range(2, length + 1):
        saved[f"s{number}"] = shape(condition("segment", "is", segment(number - 1)))
    return saved_segments(**saved)
