"""How many are in a segment: counted once, and kept for as long as nothing has been written."""

import asyncio
import hashlib
from collections import OrderedDict

import msgspec

from mailrith_lite.audience import segments
from mailrith_lite.audience.segments import Counts, Query
from mailrith_lite.database import Connection, Database

_KEPT = 2_000


class SegmentCounts:
    """One for the life of the process: a count reads every subscriber, and lists of segments ask for many."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()  # one at a time: however many ask, the other readers stay free
        self._revision = -1
        self._known: OrderedDict[bytes, Counts] = OrderedDict()

    async def count(self, asked: Query) -> Counts:
        """Hold no reader meanwhile: it takes one of its own."""
        async with self._turn, self._database.read() as connection:
            return await self._count(connection, asked)

    async def _count(self, connection: Connection, asked: Query) -> Counts:
        revision = self._database.revision  # before the reader sees anything: what is written later counts as newer
        if revision != self._revision:
            self._known.clear()
            self._revision = revision
        key = hashlib.sha256(msgspec.json.encode((asked.condition, asked.bound))).digest()
        found = self._known.get(key)
        if found is None:
            found = await segments.select_counts(connection, asked)
            if revision == self._revision:
                self._known[key] = found
                if len(self._known) > _KEPT:
                    self._known.popitem(last=False)
        return found
