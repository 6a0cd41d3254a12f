"""The lines of an export have the bytes that a plain writer makes, cell by cell, whatever the values are."""

import asyncio
import csv
import io
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from empty_database import write_empty_database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailrith_lite import clock
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.values import FieldType, field_text
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.cells import FORMULA_BYTES, guard, join_list
from mailrith_lite.database import Database
from mailrith_lite.exports import batch_query
from mailrith_lite.exports.batch_query import BatchQuery
from mailrith_lite.exports.file_columns import Column, every_column
from mailrith_lite.exports.writer import Writer

EXAMPLES = int(os.environ.get("MAILRITH_LITE_EXAMPLES", "12"))

_TYPES: tuple[FieldType, ...] = get_args(FieldType)
_encoder = msgspec.json.Encoder(decimal_format="number")

texts = st.one_of(
    st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12),
    st.text(alphabet="'=@+-\t\r\n \",;|\\0159.eE%aÄア한\u00a0\u200b\ufeff\uff1d", max_size=8),
)
numbers = st.one_of(
    st.integers(-(10**30), 10**30),
    st.decimals(allow_nan=False, allow_infinity=False, places=None).filter(lambda number: abs(number) < 10**40),
)
moments = st.integers(0, 4_102_444_800_000)
_BY_TYPE: dict[FieldType, st.SearchStrategy[Any]] = {
    "Number": numbers,
    "Checkbox": st.booleans(),
    "Multi Select": st.lists(texts.filter(bool), min_size=1, max_size=3),
}
names = st.lists(texts.filter(bool), max_size=3)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """`tags`, `sequences`: names of their own. `sequences` of which the subscriber was removed are in `removed`."""

    email: str
    name: str
    status: str
    country: str | None
    subscribed_at: int
    last_opened_at: int | None
    tags: list[str]
    sequences: list[str]
    removed: list[str]
    custom_fields: dict[str, Any]


def people(fields: Sequence[CustomField]) -> st.SearchStrategy[list[Person]]:
    values = {str(field.id): _BY_TYPE.get(field.type, texts) for field in fields}
    return st.lists(
        st.builds(
            Person,
            email=st.text(alphabet="ab+-='/0", min_size=1, max_size=4).map(lambda local: f"{local}@x.com"),
            name=texts,
            status=st.sampled_from(STATUSES),
            country=st.sampled_from([None, "DE"]),
            subscribed_at=moments,
            last_opened_at=st.none() | moments,
            tags=names,
            sequences=names,
            removed=names,
            custom_fields=st.fixed_dictionaries({}, optional=values),
        ),
        max_size=4,
        unique_by=lambda person: person.email,
    )


def fields_of(count: int) -> list[CustomField]:
    return [
        CustomField(
            id=number,
            label=f"f{number}",
            type=_TYPES[number % len(_TYPES)],
            options=[],
            created_at=1,
            updated_at=1,
        )
        for number in range(1, count + 1)
    ]


def plain_lines(listed: Sequence[Person], columns: Sequence[Column], *, formula_guard: bool) -> bytes:
    """The lines as csv.writer makes them of all cells, one after another."""
    safe = guard if formula_guard else str
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for person in listed:
        cells = {
            "email": safe(person.email),
            "name": safe(person.name),
            "status": person.status,
            "country": person.country,
            "subscribed_at": clock.rfc3339(person.subscribed_at),
            "last_opened_at": clock.optional_rfc3339(person.last_opened_at),
            "tags": safe(join_list(person.tags)),
            "sequences": safe(join_list(person.sequences)),
        }
        for column in columns:
            if column.field is not None and (value := person.custom_fields.get(str(column.field.id))) is not None:
                cells[column.key] = safe(field_text(value))
        writer.writerow([cells.get(column.key) for column in columns])
    return text.getvalue().encode()


async def write_lines(listed: Sequence[Person], columns: Sequence[Column], *, formula_guard: bool) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        async with Database.open(write_empty_database(Path(directory) / "x.db"), sync_to_disk=False) as database:
            async with database.write() as connection:
                await connection.execute("INSERT INTO workspaces (name, created_at, updated_at) VALUES ('W', 1, 1)")
                for person in listed:
                    row = await connection.execute_insert(
                        """INSERT INTO subscribers (workspace_id, email, name, status, country, custom_fields,
                            subscribed_at, last_opened_at, created_at, updated_at)
                        VALUES (1, ?, ?, ?, ?, ?, ?, ?, 1, 1)""",
                        (
                            person.email,
                            person.name,
                            person.status,
                            person.country,
                            _encoder.encode(person.custom_fields).decode(),
                            person.subscribed_at,
                            person.last_opened_at,
                        ),
                    )
                    assert row is not None
                    await add_members(connection, row[0], person)
            return await read_lines(database, columns, formula_guard=formula_guard)


async def add_members(connection: Any, subscriber_id: int, person: Person) -> None:
    members: Mapping[str, list[str]] = {
        "tag": person.tags,
        "active": person.sequences,
        "removed": person.removed,
    }
    for kind, listed in members.items():
        for number, name in enumerate(listed):
            key = f"{kind} {subscriber_id} {number}"
            if kind == "tag":
                row = await connection.execute_insert(
                    """INSERT INTO tags (workspace_id, name, name_key, created_at, updated_at)
                    VALUES (1, ?, ?, 1, 1)""",
                    (name, key),
                )
                await connection.execute("INSERT INTO subscriber_tags VALUES (?, ?)", (subscriber_id, row[0]))
            else:
                row = await connection.execute_insert(
                    """INSERT INTO sequences (workspace_id, name, definition, created_at, updated_at)
                    VALUES (1, ?, '{}', 1, 1)""",
                    (name,),
                )
                await connection.execute(
                    "INSERT INTO subscriber_sequences VALUES (?, ?, ?)", (subscriber_id, row[0], kind)
                )


async def read_lines(database: Database, columns: Sequence[Column], *, formula_guard: bool) -> bytes:
    lines = b""
    query = BatchQuery(1, SubscriberFilter(), columns, 1)
    async with database.read() as connection:
        separators = await batch_query.select_has_separators(connection, 1)
        writer = Writer(columns, formula_guard=formula_guard, list_separators=separators)
        span = await query.select_span(connection, 0)
        while span is not None:
            lines += writer.lines(await query.select_rows(connection, span))
            span = await query.select_span(connection, span.last_id)
    return lines


@pytest.mark.parametrize("count", [8, 60])
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), formula_guard=st.booleans())
def test_lines_equal_those_of_a_plain_writer(count: int, data: st.DataObject, formula_guard: bool) -> None:
    fields = fields_of(count)
    listed = data.draw(people(fields))
    every = every_column(fields)
    columns = data.draw(st.just(every) | st.lists(st.sampled_from(every), min_size=1, unique_by=id))
    lines = asyncio.run(write_lines(listed, columns, formula_guard=formula_guard))
    assert lines == plain_lines(listed, columns, formula_guard=formula_guard)


def test_a_number_keeps_all_its_digits() -> None:
    numbers = [
        2**63 - 1,
        2**63,
        -(2**63) - 1,
        10**30,
        Decimal("0.1000000000000000055511151231257827"),
        Decimal("1E+3"),
    ]
    fields = [msgspec.structs.replace(field, type="Number") for field in fields_of(len(numbers))]
    values = {str(field.id): number for field, number in zip(fields, numbers, strict=True)}
    person = Person(
        email="a@x.com",
        name="",
        status="Active",
        country=None,
        subscribed_at=1,
        last_opened_at=None,
        tags=[],
        sequences=[],
        removed=[],
        custom_fields=values,
    )
    line = asyncio.run(write_lines([person], every_column(fields)[8:], formula_guard=True)).decode()
    assert line.rstrip().split(",") == [field_text(number) for number in numbers]


@pytest.mark.slow
def test_every_character_that_the_guard_may_find_is_known_by_its_first_byte() -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    guarded = {one for end in "x=" for one in characters if guard(one + end) != one + end}
    assert {one.encode()[0] for one in guarded} == set(FORMULA_BYTES)


@pytest.mark.slow
def test_an_empty_cell_of_a_single_column_is_in_quotes() -> None:
    """A line without a character would not be a row."""
    fields = fields_of(1)
    person = Person(
        email="a@x.com",
        name="",
        status="Active",
        country=None,
        subscribed_at=1,
        last_opened_at=None,
        tags=[],
        sequences=[],
        removed=[],
        custom_fields={},
    )
    for column in every_column(fields):
        line = asyncio.run(write_lines([person], [column], formula_guard=True))
        assert line == plain_lines([person], [column], formula_guard=True)
