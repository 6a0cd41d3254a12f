"""Answer a POST once: the same `Idempotency-Key` gets the same answer, and makes nothing twice."""

import functools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from mailrith_lite import clock, idempotency
from mailrith_lite.api.bodies import Body, receive
from mailrith_lite.api.call import Call
from mailrith_lite.database import Changes, Connection
from mailrith_lite.idempotency import Answer, Request

T = TypeVar("T")
Make = Callable[[Connection, int], Awaitable[Answer]]


async def create(
    call: Call,
    operation: str,
    parse: Callable[[Body], T],
    make: Callable[[Call, T, Connection, int], Awaitable[Answer]],
    *,
    changes: Changes,
) -> Answer:
    """Receives the body, and answers as it did before or with what `make` makes of it.

    `changes`: whose subscribers `make` may change.
    """
    async with receive(call) as body:
        request = attempt(call, operation, body)
        answer = await replay(call, request)
        if answer is None:
            answer = await once(call, request, functools.partial(make, call, parse(body)), changes=changes)
        return answer


def attempt(call: Call, operation: str, body: Body) -> Request | None:
    """None without the header.

    Raises:
        InvalidIdempotencyKey
    """
    header = call.request.headers.get("Idempotency-Key")
    if header is None:
        return None
    return Request(
        workspace_id=call.workspace_id,
        operation=operation,
        key=idempotency.parse_key(header),
        body_hash=body.digest,
    )


async def replay(call: Call, request: Request | None) -> Answer | None:
    """The kept answer, before any work is done for it.

    Raises:
        Conflict: the key came with another body before.
    """
    if request is None:
        return None
    async with call.database.read() as connection:
        return await idempotency.select_answer(connection, request, clock.now())


async def once(call: Call, request: Request | None, make: Make, *, changes: Changes) -> Answer:
    """Makes the answer in a transaction that also keeps it; of requests at the same moment, one makes it.

    `make` gets the connection and the time.
    """
    async with call.database.write(durable=True, changes=changes) as connection:
        now = clock.now()
        if request is None:
            return await make(connection, now)
        kept = await idempotency.select_answer(connection, request, now)
        if kept is not None:
            return kept
        answer = await make(connection, now)
        ttl = call.services.settings.idempotency_ttl * clock.SECOND
        await idempotency.insert_answer(connection, request, answer, now + ttl)
        return answer
