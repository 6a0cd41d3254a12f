"""The sizes of segments, cached until something in the workspace is written."""

import asyncio
from collections import OrderedDict
from weakref import WeakValueDictionary

import msgspec

from mailrith_lite.audience.segments import segment_query
from mailrith_lite.audience.segments.segment_query import Counts, Query
from mailrith_lite.database import Database
from mailrith_lite.throttle import AtOnce

CACHE_SIZE = 5_000
AT_ONCE = 2  # a reader stays free, however many workspaces count


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """`revision`: of the workspace's data when the count began."""

    revision: tuple[int, int]
    counts: Counts


class SegmentCounts:
    """One cache for the life of the process: a count reads every subscriber, and a list of segments takes many."""

    def __init__(self, database: Database, searches: AtOnce) -> None:
        """`searches`: those of each workspace at this moment; a count is one of them."""
        self._database = database
        self._searches = searches
        # One lock per workspace: it runs one count at a time.
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._cache: OrderedDict[tuple[int, bytes], _Entry] = OrderedDict()

    async def count(self, query: Query) -> Counts:
        """Takes a reader of its own, so the caller must not hold one.

        Raises:
            RateLimited: the workspace has too many searches and counts at this moment.
            QueryTooSlow, ClientLeft: as `Database.bounded`; the time includes that of the counts before this one.
        """
        counts = self.cached(query)
        if counts is None:
            lock = self._locks.setdefault(query.workspace_id, asyncio.Lock())
            with self._searches.hold(query.workspace_id):
                async with self._database.bounded(), lock:
                    counts = self.cached(query)  # a caller before us in the queue may have counted the same
                    if counts is None:
                        counts = await self._count(query)
        return counts

    def cached(self, query: Query) -> Counts | None:
        """The last count; None after a change in the workspace."""
        key = query.workspace_id, query.key
        entry = self._cache.get(key)
        if entry is None or entry.revision != self._database.revision(query.workspace_id):
            return None
        self._cache.move_to_end(key)
        return entry.counts

    async def _count(self, query: Query) -> Counts:
        async with self._slots, self._database.read() as connection:
            revision = self._database.revision(query.workspace_id)  # before the count: a write during it is newer
            counts = await segment_query.select_counts(connection, query)
        self._cache[query.workspace_id, query.key] = _Entry(revision=revision, counts=counts)
        if len(self._cache) > CACHE_SIZE:
            self._cache.popitem(last=False)
        return counts
