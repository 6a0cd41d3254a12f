"""How many are in a segment: counted once, and kept for as long as nothing of its workspace has been written."""

import asyncio
from collections import OrderedDict
from weakref import WeakValueDictionary

from mailrith_lite.audience.segments import segment_table
from mailrith_lite.audience.segments.segment_table import Counts, Query
from mailrith_lite.database import Database

KEPT = 5_000
AT_ONCE = 2  # however many workspaces ask, a reader stays free


class SegmentCounts:
    """One for the life of the process: a count reads every subscriber, and lists of segments ask for many."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()  # workspace -> one at a time
        self._counting = asyncio.Semaphore(AT_ONCE)
        self._known: OrderedDict[tuple[int, bytes], tuple[tuple[int, int], Counts]] = OrderedDict()

    async def count(self, asked: Query) -> Counts:
        """Hold no reader meanwhile: it takes one of its own."""
        found = self._find(asked)
        if found is None:
            turn = self._turns.setdefault(asked.workspace_id, asyncio.Lock())
            async with turn:
                found = self._find(asked)  # those who have asked for it together wait for one count
                if found is None:
                    found = await self._count(asked)
        return found

    def _find(self, asked: Query) -> Counts | None:
        """What is known of it, unless the workspace has changed since."""
        place = asked.workspace_id, asked.key
        revision, found = self._known.get(place, (None, None))
        if found is None or revision != self._database.revision(asked.workspace_id):
            return None
        self._known.move_to_end(place)
        return found

    async def _count(self, asked: Query) -> Counts:
        async with self._counting, self._database.read() as connection:
            revision = self._database.revision(asked.workspace_id)  # first: what is written later counts as newer
            found = await segment_table.select_counts(connection, asked)
        self._known[asked.workspace_id, asked.key] = revision, found
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found
