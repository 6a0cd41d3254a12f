"""Keys that were refused, counted in memory: no request without a right key makes the database write."""

import msgspec

from mailrith_lite.access import audit, wrong_keys
from mailrith_lite.access.audit import Actor
from mailrith_lite.database import Database

_MAX_COUNTED = 500  # different refusals until the next save; further addresses are counted together


class _Refusal(msgspec.Struct):
    """`count` equal refusals of one address, or of one network of IPv6. `actor`: who sent the first of them."""

    actor: Actor
    code: str
    count: int = 0


class RefusedKeys:
    def __init__(self) -> None:
        self._refusals: dict[tuple[object, ...], _Refusal] = {}

    def note(self, actor: Actor, code: str) -> None:
        """`actor.key_id`: a key that has ended; None for an unknown key. `code`: the code of the error."""
        network = None if actor.address is None else wrong_keys.site(actor.address)
        key = (actor.via, network, actor.key_id, code)
        if key not in self._refusals and len(self._refusals) >= _MAX_COUNTED:
            actor = Actor(via=actor.via, workspace_id=actor.workspace_id, key_id=actor.key_id)
            key = (actor.via, None, actor.key_id, code)
        refusal = self._refusals.setdefault(key, _Refusal(actor=actor, code=code))
        refusal.count += 1

    async def save(self, database: Database) -> None:
        """Writes an entry of the audit for each address (of IPv6: each network) and key.

        The entry has the number of equal refusals.
        """
        if not self._refusals:
            return
        refusals, self._refusals = self._refusals, {}
        async with database.write(housekeeping=True) as connection:
            for refusal in refusals.values():
                details = {"code": refusal.code, "count": refusal.count}
                await audit.record(connection, refusal.actor, "key.refused", details=details)
