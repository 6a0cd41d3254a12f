"""Answer a POST once: a repeated `Idempotency-Key` gets the first answer again, and creates nothing.

Follows the IETF draft "The Idempotency-Key HTTP Header Field". The answer is recorded in the transaction that
creates the resource, so after a crash either both exist or neither does. Only successes are recorded: a client may
correct a refused request and send it again with its key.
"""

import asyncio
import contextlib
import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, overload

import msgspec

from mailrith_lite import clock, errors, ids
from mailrith_lite.api.bodies import IN_MEMORY, Body
from mailrith_lite.api.call import Call
from mailrith_lite.database import Changes, Connection, Reader
from mailrith_lite.http import wire_errors

F = TypeVar("F")
T = TypeVar("T")
P = TypeVar("P")

_DELETED_AT_ONCE = 2_000


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`replayed`: it is the recorded answer to an earlier request. `subscriber_id`: the integer id of the
    subscriber that the answer shows."""

    status: int
    body: bytes
    location: str | None = None
    subscriber_id: int | None = None
    replayed: bool = False


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """A request with a key. Requests with the same workspace, operation and key must have the same body."""

    workspace_id: int
    operation_id: str
    key: str
    body_hash: bytes


@overload
async def create(
    call: Call,
    body: Body[F],
    parse: Callable[[Body[F]], T],
    insert: Callable[[Call, T, Connection, int], Awaitable[Answer]],
    *,
    changes: Changes,
    scope: str = "",
) -> Answer: ...


@overload
async def create(
    call: Call,
    body: Body[F],
    parse: Callable[[Body[F]], T],
    insert: Callable[[Call, P, Connection, int], Awaitable[Answer]],
    *,
    changes: Changes,
    prepare: Callable[[T], AbstractAsyncContextManager[P]],
) -> Answer: ...


async def create(
    call: Call,
    body: Body[F],
    parse: Callable[[Body[F]], Any],
    insert: Callable[[Call, Any, Connection, int], Awaitable[Answer]],
    *,
    changes: Changes,
    prepare: Callable[[Any], AbstractAsyncContextManager[Any]] | None = None,
    scope: str = "",
) -> Answer:
    """Creates the resource that the body describes, or replays the answer to an earlier request with the same key.

    `parse` runs in a thread if the body has more than `IN_MEMORY` bytes. `prepare` does what is too slow for the
    transaction; its context ends after the transaction. `insert` runs in the transaction and gets the time as its
    last argument. `changes`: whose subscribers `insert` may change. `scope`: the resource in the path, for an
    operation on one; each has keys of its own.

    Raises:
        InvalidIdempotencyKey: the key is not 1 to 255 printable ASCII characters.
        Conflict: the key was used with another body.
        NotFound: the subscriber in the recorded answer was deleted.
    """
    attempt = _attempt(call, body, scope)
    answer = await _replay(call, attempt)
    if answer is None:
        blocking = len(body.data) > IN_MEMORY
        request = await asyncio.to_thread(parse, body) if blocking else parse(body)
        try:
            async with prepare(request) if prepare else contextlib.nullcontext(request) as prepared:
                answer = await _record(call, attempt, insert, prepared, changes)
        except errors.Conflict:  # perhaps an identical request has just taken the upload
            answer = await _replay(call, attempt)
            if answer is None:
                raise
    return answer


def parse_key(header: str) -> str:
    """The key without surrounding spaces and double quotes; the draft's form has the quotes.

    Raises:
        InvalidIdempotencyKey: the key is not 1 to 255 printable ASCII characters.
    """
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not re.fullmatch(r"[ -~]{1,255}", key):
        raise wire_errors.InvalidIdempotencyKey
    return key


async def select_answer(connection: Reader, attempt: Attempt, now: int) -> Answer | None:
    """The recorded answer, unless there is none or it has expired.

    Raises:
        Conflict: the key was used with another body.
        NotFound: the subscriber in the answer was deleted.
    """
    rows = await connection.execute_fetchall(
        """SELECT body_hash, status, location, body, subscriber_id FROM idempotency_records
        WHERE workspace_id = ? AND operation = ? AND idempotency_key IN (?, ?) AND expires_at > ?""",
        (attempt.workspace_id, attempt.operation_id, attempt.key, hashed_key(attempt.key), now),
    )
    for row in rows:
        if not hmac.compare_digest(row["body_hash"], attempt.body_hash):
            raise key_reused()
        if row["subscriber_id"] is not None and not row["body"]:  # a trigger has emptied it
            raise subscriber_deleted(row["subscriber_id"])
        return Answer(status=row["status"], body=row["body"], location=row["location"], replayed=True)
    return None


def subscriber_deleted(subscriber_id: int) -> errors.NotFound:
    return errors.NotFound.of("subscriber", ids.encode(ids.SUBSCRIBER, subscriber_id))


def key_reused() -> errors.Conflict:
    return errors.Conflict(
        "This Idempotency-Key was used with another body; use a new key for a new request.",
        code="idempotency_key_reused",
    )


async def insert_answer(connection: Connection, attempt: Attempt, answer: Answer, expires_at: int) -> None:
    """Call it in the transaction that creates the resource. Replaces an expired record of the same key."""
    await connection.execute(
        """INSERT OR REPLACE INTO idempotency_records
        (workspace_id, operation, idempotency_key, body_hash, status, location, body, subscriber_id, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            attempt.workspace_id,
            attempt.operation_id,
            attempt.key,
            attempt.body_hash,
            answer.status,
            answer.location,
            answer.body,
            answer.subscriber_id,
            expires_at,
        ),
    )


async def delete_expired(connection: Connection, now: int) -> bool:
    """Deletes the next expired records. False if there were none."""
    cursor = await connection.execute(
        """DELETE FROM idempotency_records WHERE (workspace_id, operation, idempotency_key) IN (
            SELECT workspace_id, operation, idempotency_key FROM idempotency_records
            WHERE expires_at <= ? LIMIT ?)""",
        (now, _DELETED_AT_ONCE),
    )
    return cursor.rowcount > 0


def hashed_key(key: str) -> str:
    """The text that replaces a key with the address of a deleted person."""
    return f"sha256 {hashlib.sha256(key.encode()).hexdigest()}"


def _attempt(call: Call, body: Body[F], scope: str) -> Attempt | None:
    """None without the header."""
    header = call.request.headers.get("Idempotency-Key")
    if header is None:
        return None
    return Attempt(
        workspace_id=call.workspace_id,
        operation_id=f"{call.operation_id} {scope}".strip(),
        key=parse_key(header),
        body_hash=body.digest,
    )


async def _replay(call: Call, attempt: Attempt | None) -> Answer | None:
    if attempt is None:
        return None
    return await select_answer(call.database.lookup, attempt, clock.now())


async def _record(
    call: Call,
    attempt: Attempt | None,
    insert: Callable[[Call, T, Connection, int], Awaitable[Answer]],
    prepared: T,
    changes: Changes,
) -> Answer:
    """Creates the resource and records the answer. Of identical requests at the same moment, one creates."""
    async with call.database.write(durable=True, changes=changes) as connection:
        now = clock.now()
        if attempt is None:
            return await insert(call, prepared, connection, now)
        recorded = await select_answer(connection, attempt, now)
        if recorded is not None:
            return recorded
        answer = await insert(call, prepared, connection, now)
        ttl = call.services.settings.idempotency_ttl * clock.SECOND
        await insert_answer(connection, attempt, answer, now + ttl)
        return answer
