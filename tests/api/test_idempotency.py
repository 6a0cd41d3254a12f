"""Idempotency keys and the records of answers."""

import contextlib
import hashlib
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import make_mocked_request
from conftest import Server
from hypothesis import given
from hypothesis import strategies as st

from mailrith_lite import errors
from mailrith_lite.access import workspaces
from mailrith_lite.access.keys import Principal
from mailrith_lite.api import idempotency
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.call import Call
from mailrith_lite.api.idempotency import Answer, Attempt
from mailrith_lite.database import Connection, Database
from mailrith_lite.http import wire_errors

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=255)
ANSWER = Answer(status=201, body=b'{"data":1}', location="/v1/tags/x")


def attempt(*, key: str = "k", operation: str = "createTag", body_hash: bytes = b"h") -> Attempt:
    return Attempt(workspace_id=1, operation_id=operation, key=key, body_hash=body_hash)


async def record(database: Database, sent: Attempt, expires_at: int, answer: Answer = ANSWER) -> None:
    async with database.write() as connection:
        if not await workspaces.select_workspaces(connection):
            await workspaces.insert_workspace(connection, "Default", 1)
        await idempotency.insert_answer(connection, sent, answer, expires_at)


async def select(database: Database, sent: Attempt, now: int) -> Answer | None:
    async with database.read() as connection:
        return await idempotency.select_answer(connection, sent, now)


@given(PRINTABLE)
def test_a_key_in_double_quotes_is_the_key_without_them(key: str) -> None:
    assert idempotency.parse_key(f'"{key}"') == key


@given(PRINTABLE.filter(lambda key: key == key.strip() and not (len(key) > 1 and key[0] == key[-1] == '"')))
def test_spaces_around_a_key_do_not_count(key: str) -> None:
    assert idempotency.parse_key(f" {key}  ") == key


@given(st.text())
def test_every_text_is_a_valid_key_or_refused(text: str) -> None:
    try:
        key = idempotency.parse_key(text)
    except wire_errors.InvalidIdempotencyKey:
        return
    assert 1 <= len(key) <= 255
    assert key.isascii()
    assert key.isprintable()


async def test_a_recorded_answer_is_marked_as_replayed(database: Database) -> None:
    await record(database, attempt(), 10)
    answer = await select(database, attempt(), 9)
    assert answer == Answer(status=201, body=b'{"data":1}', location="/v1/tags/x", replayed=True)


@pytest.mark.parametrize(
    "other",
    [
        attempt(key="K"),
        attempt(operation="createCustomField"),
        Attempt(workspace_id=2, operation_id="createTag", key="k", body_hash=b"h"),
    ],
)
async def test_another_key_operation_or_workspace_has_no_recorded_answer(
    database: Database, other: Attempt
) -> None:
    await record(database, attempt(), 10)
    assert await select(database, other, 9) is None


async def test_another_body_is_a_conflict_until_the_record_expires(database: Database) -> None:
    await record(database, attempt(), 10)
    with pytest.raises(errors.Conflict) as refused:
        await select(database, attempt(body_hash=b"other"), 9)
    assert refused.value.error_code == "idempotency_key_reused"
    assert await select(database, attempt(body_hash=b"other"), 10) is None


async def test_a_new_record_replaces_an_expired_one(database: Database) -> None:
    await record(database, attempt(), 10)
    await record(database, attempt(body_hash=b"other"), 20, Answer(status=202, body=b"new"))
    assert await select(database, attempt(body_hash=b"other"), 15) == Answer(status=202, body=b"new", replayed=True)


async def test_only_expired_records_are_deleted(database: Database) -> None:
    await record(database, attempt(key="old"), 10)
    await record(database, attempt(key="new"), 11)
    async with database.write() as connection:
        await idempotency.delete_expired(connection, 10)
        rows = await connection.execute_fetchall("SELECT idempotency_key FROM idempotency_records")
    assert [row[0] for row in rows] == ["new"]


def test_a_request_that_conflicts_with_its_own_repetition_gets_the_first_answer(server: Server) -> None:
    call = Call(
        request=make_mocked_request("POST", "/", headers={"Idempotency-Key": "k"}),
        services=server.services,
        principal=Principal(key_id=1, fingerprint="", workspace_id=1, scopes=()),
        request_id="req",
        operation_id="createTag",
    )
    body: Body[str] = Body(data=memoryview(b"x"), digest=hashlib.sha256(b"x").digest(), form=str, optional=False)

    async def insert(call: Call, request: str, connection: Connection, now: int) -> Answer:
        return ANSWER

    @contextlib.asynccontextmanager
    async def prepare(request: str) -> AsyncIterator[str]:
        await idempotency.create(call, body, lambda _: "x", insert, changes="nobody")
        raise errors.Conflict("The other request has used it.", code="used")
        yield request

    answer = server.wait(idempotency.create(call, body, lambda _: "x", insert, changes="nobody", prepare=prepare))
    assert (answer.body, answer.replayed) == (ANSWER.body, True)
