"""Keep an answer and replay it, inside the caller's transaction.

After the IETF draft "The Idempotency-Key HTTP Header Field": the record commits together with what the request
created, so a crash leaves both or neither, and no state in between exists. Only successes are kept.
"""

import hmac
import re

import msgspec

from mailrith_lite import errors
from mailrith_lite.database import Connection


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    status: int
    body: bytes
    location: str | None = None
    replayed: bool = False


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt: the same key of the same workspace and operation must come with the same body."""

    workspace_id: int
    operation: str
    key: str
    body_hash: bytes


def parse_key(header: str) -> str:
    """The key itself: one in double quotes, the draft's form, equals the bare one.

    Raises:
        InvalidIdempotencyKey: not 1 to 255 printable ASCII characters.
    """
    key = header.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not re.fullmatch(r"[ -~]{1,255}", key):
        raise errors.InvalidIdempotencyKey("Idempotency-Key takes 1 to 255 printable ASCII characters.")
    return key


async def select_answer(connection: Connection, request: Request, now: int) -> Answer | None:
    """The answer that this request got before, if it is still kept.

    Raises:
        Conflict: the key came with another body before.
    """
    rows = await connection.execute_fetchall(
        """SELECT body_hash, status, location, body FROM idempotency_records
        WHERE workspace_id = ? AND operation = ? AND idempotency_key = ? AND expires_at > ?""",
        (request.workspace_id, request.operation, request.key, now),
    )
    for row in rows:
        if not hmac.compare_digest(row["body_hash"], request.body_hash):
            raise errors.Conflict(
                "This Idempotency-Key was used with another body; use a new key for a new request.",
                code="idempotency_key_reused",
            )
        return Answer(status=row["status"], body=row["body"], location=row["location"], replayed=True)
    return None


async def insert_answer(connection: Connection, request: Request, answer: Answer, expires_at: int) -> None:
    """Call it in the transaction that made the resource. An expired record of the same key gives way."""
    await connection.execute(
        """INSERT OR REPLACE INTO idempotency_records
        (workspace_id, operation, idempotency_key, body_hash, status, location, body, expires_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            request.workspace_id,
            request.operation,
            request.key,
            request.body_hash,
            answer.status,
            answer.location,
            answer.body,
            expires_at,
        ),
    )


async def delete_expired(connection: Connection, now: int) -> None:
    await connection.execute("DELETE FROM idempotency_records WHERE expires_at <= ?", (now,))
