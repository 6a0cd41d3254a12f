"""API keys: how they are made, kept and checked."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.access import key_table, scopes
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.database import Connection, Database

PREFIX = "mrk_"
_RANDOM_BYTES = 32


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who is calling: one key, which is one workspace."""

    key_id: int
    workspace_id: int
    scopes: tuple[str, ...]


class KeyUse:
    """When each key was last used, kept in memory and written now and then: a request shall not wait for it."""

    def __init__(self) -> None:
        self._used: dict[int, int] = {}

    def note(self, key_id: int, now: int) -> None:
        self._used[key_id] = now

    async def save(self, database: Database) -> None:
        if self._used:
            used, self._used = self._used, {}
            async with database.write(housekeeping=True) as connection:
                await key_table.update_keys_used(connection, used)


def new_key() -> str:
    """`mrk_` and 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


async def create(
    connection: Connection,
    *,
    workspace_id: int,
    name: str,
    key: str,
    held: tuple[str, ...] = scopes.ALL,
    expires_at: int | None = None,
    now: int,
) -> int:
    """Stores the key's hash and preview; the key itself is not kept anywhere. Returns its integer id."""
    preview = f"{key[:8]}…{key[-4:]}"
    return await key_table.insert_key(
        connection,
        workspace_id=workspace_id,
        name=name,
        key_hash=hash_key(key),
        preview=preview,
        scopes=held,
        expires_at=expires_at,
        now=now,
    )


async def rotate(connection: Connection, old: ApiKey, key: str, now: int) -> int:
    """The old key stops working at once; the new one takes over its name, scopes and expiry."""
    await key_table.update_key_rotated(connection, old.id, now)
    return await create(
        connection,
        workspace_id=old.workspace_id,
        name=old.name,
        key=key,
        held=old.scopes,
        expires_at=old.expires_at,
        now=now,
    )


async def authenticate(connection: Connection, headers: Mapping[str, str], now: int) -> Principal:
    """
    Raises:
        InvalidApiKey: the header is missing or malformed, or the key is unknown, expired, rotated or revoked.
    """
    scheme, _, presented = headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise errors.InvalidApiKey
    return principal(await check(connection, presented.strip(), now))


async def check(connection: Connection, presented: str, now: int) -> ApiKey:
    """
    Raises:
        InvalidApiKey: it is no key, or one that is unknown, expired, rotated or revoked.
    """
    if not presented.startswith(PREFIX) or not presented.isascii():
        raise errors.InvalidApiKey
    presented_hash = hash_key(presented)
    key = await key_table.select_key_by_hash(connection, presented_hash)
    if key is None or not hmac.compare_digest(key.key_hash, presented_hash) or key.status(now) != "active":
        raise errors.InvalidApiKey
    return key


def principal(key: ApiKey) -> Principal:
    return Principal(key_id=key.id, workspace_id=key.workspace_id, scopes=key.scopes)


async def find(connection: Connection, public_id: str) -> ApiKey:
    """
    Raises:
        StartError: there is no key with this id.
    """
    number = ids.decode(ids.API_KEY, public_id)
    key = None if number is None else await key_table.select_key(connection, number)
    if key is None:
        raise errors.StartError(f"there is no key {public_id}; `mailrith-lite keys list` shows them")
    return key
