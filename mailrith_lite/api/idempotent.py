"""Answer a POST once: the same `Idempotency-Key` gets the same answer, and makes nothing twice."""

from collections.abc import Awaitable, Callable

from mailrith_lite import clock, idempotency
from mailrith_lite.api.bodies import Body
from mailrith_lite.api.context import Call
from mailrith_lite.database import Connection
from mailrith_lite.idempotency import Answer, Request

Make = Callable[[Connection, int], Awaitable[Answer]]


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


async def once(call: Call, request: Request | None, make: Make) -> Answer:
    """Makes the answer in a transaction that also keeps it; of requests at the same moment, one makes it.

    `make` gets the connection and the time.
    """
    async with call.database.write(durable=True) as connection:
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
