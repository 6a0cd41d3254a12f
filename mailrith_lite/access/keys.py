"""API keys: create, rotate and check them."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.access import key_table
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.access.scopes import ALL
from mailrith_lite.database import Connection, Database, Reader

PREFIX = "mrk_"
_RANDOM_BYTES = 32
_FINGERPRINT_BYTES = 8


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """The caller of a request: a key, its workspace and its scopes. `fingerprint`: of the key."""

    key_id: int
    fingerprint: str
    workspace_id: int
    scopes: tuple[str, ...]


class KeyUse:
    """The time of each key's last use. It stays in memory until `save`, so that no request waits for the write."""

    def __init__(self) -> None:
        self._last_uses: dict[int, int] = {}

    def note(self, key_id: int, now: int) -> None:
        self._last_uses[key_id] = now

    async def save(self, database: Database) -> None:
        if self._last_uses:
            last_uses, self._last_uses = self._last_uses, {}
            async with database.write(housekeeping=True) as connection:
                await key_table.update_keys_used(connection, last_uses)


def new_key() -> str:
    """`mrk_` and 256 random bits."""
    return PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)


def hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogateescape")).digest()  # a header may have any bytes


async def insert(
    connection: Connection,
    *,
    workspace_id: int,
    name: str,
    key: str,
    scopes: tuple[str, ...] = ALL,
    expires_at: int | None = None,
    now: int,
) -> int:
    """Stores the hash and a preview of the key, not the key itself. Returns its integer id."""
    preview = f"{key[:8]}…{key[-4:]}"
    return await key_table.insert_key(
        connection,
        workspace_id=workspace_id,
        name=name,
        key_hash=hash_key(key),
        preview=preview,
        scopes=scopes,
        expires_at=expires_at,
        now=now,
    )


async def replace(connection: Connection, old: ApiKey, key: str, now: int) -> int:
    """Rotates a key: the old one stops working, the new one gets its name, scopes and expiry.

    Returns the integer id of the new key.
    """
    await key_table.update_key_rotated(connection, old.id, now)
    return await insert(
        connection,
        workspace_id=old.workspace_id,
        name=old.name,
        key=key,
        scopes=old.scopes,
        expires_at=old.expires_at,
        now=now,
    )


async def authenticate(connection: Reader, headers: Mapping[str, str], now: int) -> Principal:
    """
    Raises:
        InvalidApiKey: the header is missing or malformed, or the key is unknown.
        RevokedApiKey, ExpiredApiKey
    """
    return principal(await select_active(connection, presented(headers), now))


def presented(headers: Mapping[str, str]) -> str:
    """The key in the header Authorization; empty if the header is of another scheme.

    Raises:
        InvalidApiKey: there is no such header.
    """
    if "Authorization" not in headers:
        raise errors.InvalidApiKey
    scheme, _, key = headers["Authorization"].partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


async def select_active(connection: Reader, text: str, now: int) -> ApiKey:
    """
    Raises:
        InvalidApiKey, RevokedApiKey, ExpiredApiKey: as `select_presented` and `check_active` do.
    """
    key = await select_presented(connection, text)
    check_active(key, now)
    return key


async def select_presented(connection: Reader, text: str) -> ApiKey:
    """The key, also one that has ended.

    Raises:
        InvalidApiKey: the text is not a key, or the key is unknown.
    """
    if not text.startswith(PREFIX) or not text.isascii():
        raise errors.InvalidApiKey
    text_hash = hash_key(text)
    key = await key_table.select_key_by_hash(connection, text_hash)
    if key is None or not hmac.compare_digest(key.key_hash, text_hash):
        raise errors.InvalidApiKey
    return key


def check_active(key: ApiKey, now: int) -> None:
    """
    Raises:
        RevokedApiKey: the key was revoked or rotated.
        ExpiredApiKey
    """
    status = key.status(now)
    if status != "active":
        raise errors.ExpiredApiKey if status == "expired" else errors.RevokedApiKey


def principal(key: ApiKey) -> Principal:
    return Principal(key_id=key.id, fingerprint=fingerprint(key), workspace_id=key.workspace_id, scopes=key.scopes)


def fingerprint(key: ApiKey) -> str:
    """The first bytes of the key's hash, in hex: after a restore another key may have the same id."""
    return key.key_hash[:_FINGERPRINT_BYTES].hex()


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
