"""Creates, rotates and revokes keys, each with an entry of the audit."""

import msgspec

from mailrith_lite.access import audit, key_table, keys
from mailrith_lite.access.audit import Actor
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.database import Connection


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """`key`: the secret, which is shown once and not stored."""

    key: str
    stored: ApiKey


async def create(
    connection: Connection,
    actor: Actor,
    *,
    workspace_id: int,
    name: str,
    scopes: tuple[str, ...],
    expires_at: int | None,
    now: int,
) -> NewKey:
    key = keys.new_key()
    number = await keys.insert(
        connection,
        workspace_id=workspace_id,
        name=name,
        key=key,
        scopes=scopes,
        expires_at=expires_at,
        now=now,
    )
    new = NewKey(key=key, stored=await _select(connection, number))
    await audit.record(connection, actor, "key.created", new.stored.public_id)
    return new


async def rotate(connection: Connection, actor: Actor, old: ApiKey, now: int) -> NewKey:
    """The old key, which is active, stops working at once."""
    key = keys.new_key()
    new = NewKey(key=key, stored=await _select(connection, await keys.replace(connection, old, key, now)))
    await audit.record(connection, actor, "key.rotated", old.public_id, details={"new_key": new.stored.public_id})
    return new


async def revoke(connection: Connection, actor: Actor, key: ApiKey, now: int) -> ApiKey:
    """A key that is revoked already stays as it is."""
    if key.revoked_at is not None:
        return key
    await key_table.update_key_revoked(connection, key.id, now)
    await audit.record(connection, actor, "key.revoked", key.public_id)
    return await _select(connection, key.id)


async def _select(connection: Connection, number: int) -> ApiKey:
    """The key with this integer id, which must exist."""
    key = await key_table.select_key(connection, number)
    assert key is not None
    return key
