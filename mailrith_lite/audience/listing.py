"""A page of subscribers, newest first, as quick among a million as among ten thousand.

A page is looked for along the ways that lead to its subscribers in the order of their ids: the index of a status,
the members of a tag, the hits of a search, or all of the workspace with a step over every block in which nobody can
be. Each way checks the whole filter, so the newest of what they find together are the page.
"""

from collections.abc import Iterator

import msgspec

from mailrith_lite.audience import conditions, search_index
from mailrith_lite.audience.conditions import Values
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.subscribers import COLUMNS, Subscriber, from_row
from mailrith_lite.database import MAX_ID, Connection


class _Way(msgspec.Struct, frozen=True):
    """`tables` ends with `subscribers`; `order`: what goes down with the ids."""

    tables: str
    condition: str
    order: str = "subscribers.id DESC"


_NEWEST = _Way("subscribers INDEXED BY subscribers_newest", "true")


async def select_subscribers(
    connection: Connection,
    workspace_id: int,
    wanted: SubscriberFilter,
    *,
    before_id: int | None,
    limit: int,
    now: int,
) -> list[Subscriber]:
    """Newest first, those with an integer id below `before_id`."""
    bound = Values()
    where = wanted.where(bound, workspace_id, now)
    before = bound.bind(before_id or MAX_ID)
    count = bound.bind(limit)
    search = None
    if wanted.search is not None:
        search = await search_index.prepare(connection, workspace_id, wanted.search)
    found = " UNION ".join(
        f"""SELECT id FROM (SELECT subscribers.id FROM {way.tables}
            WHERE {way.condition} AND subscribers.id < {before} AND {where} ORDER BY {way.order} LIMIT {count})"""
        for way in _ways(wanted, bound, workspace_id, before, now, search)
    )
    rows = await connection.execute_fetchall(
        f"""SELECT {COLUMNS} FROM ({found} ORDER BY id DESC LIMIT {count}) AS found
        CROSS JOIN subscribers ON subscribers.id = found.id ORDER BY found.id DESC""",
        bound.bound,
    )
    return [from_row(row) for row in rows]


async def select_count(connection: Connection, workspace_id: int, wanted: SubscriberFilter, now: int) -> int:
    """How many there are; it looks at all of them."""
    bound = Values()
    where = wanted.where(bound, workspace_id, now)
    rows = await connection.execute_fetchall(f"SELECT count(*) FROM subscribers WHERE {where}", bound.bound)
    return int(next(iter(rows))[0])


def _ways(
    wanted: SubscriberFilter,
    bound: Values,
    workspace_id: int,
    before: str,
    now: int,
    search: search_index.Search | None,
) -> Iterator[_Way]:
    """The ways of the narrowest part of the filter; the rest of it is checked on the way."""
    if wanted.email is not None:
        yield _Way("subscribers INDEXED BY subscribers_email", "true")
    elif wanted.tag_ids is not None and not conditions.excludes(wanted.tag_operator):
        yield from _tag_ways(wanted, bound, before)
    elif wanted.sequence_ids is not None and not conditions.excludes(wanted.sequence_operator):
        yield from _sequence_ways(wanted, bound, before)
    elif search is not None:
        yield from _search_ways(search, bound, workspace_id, before)
    elif wanted.cold_only or wanted.tag_ids is not None or wanted.sequence_ids is not None:
        yield _block_way(wanted, bound, workspace_id, before, now)
    elif wanted.status is not None:
        yield _Way("subscribers INDEXED BY subscribers_by_status", "true")
    else:
        yield _NEWEST


def _tag_ways(wanted: SubscriberFilter, bound: Values, before: str) -> Iterator[_Way]:
    for tag_id in wanted.tag_ids or (0,):  # a tag that nobody has
        yield _Way(
            "subscriber_tags AS driver CROSS JOIN subscribers ON subscribers.id = driver.subscriber_id",
            f"driver.tag_id = {bound.bind(tag_id)} AND driver.subscriber_id < {before}",
            "driver.subscriber_id DESC",
        )


def _sequence_ways(wanted: SubscriberFilter, bound: Values, before: str) -> Iterator[_Way]:
    for sequence_id in wanted.sequence_ids or (0,):
        for status in conditions.statuses_of(wanted.sequence_operator):
            yield _Way(
                "subscriber_sequences AS driver CROSS JOIN subscribers ON subscribers.id = driver.subscriber_id",
                f"""driver.sequence_id = {bound.bind(sequence_id)} AND driver.status = {bound.bind(status)}
                AND driver.subscriber_id < {before}""",
                "driver.subscriber_id DESC",
            )


def _search_ways(search: search_index.Search, bound: Values, workspace_id: int, before: str) -> Iterator[_Way]:
    if search.match is None:  # too short for the index: whoever has it is soon found, unless hardly anybody does
        yield _NEWEST
        return
    first, end = bound.bind(search.first_row), bound.bind(search.end_row)
    yield _Way(
        f"subscriber_search CROSS JOIN subscribers ON subscribers.id = subscriber_search.rowid - {first}",
        f"""subscriber_search MATCH {bound.bind(search.match)} AND subscriber_search.rowid > {first}
        AND subscriber_search.rowid < {first} + min({before}, {end} - {first})""",
        "subscriber_search.rowid DESC",
    )
    yield _Way("subscribers INDEXED BY subscribers_newest", f"subscribers.id > {bound.bind(search.up_to_id)}")
    yield _Way(
        "search_backlog CROSS JOIN subscribers ON subscribers.id = search_backlog.subscriber_id",
        f"""search_backlog.workspace_id = {bound.bind(workspace_id)}
        AND search_backlog.subscriber_id < {before}""",
        "search_backlog.subscriber_id DESC",
    )
    yield _Way("subscribers", f"subscribers.id = {bound.bind(search.own_id)}")
    if search.status is not None:
        yield _Way(
            "subscribers INDEXED BY subscribers_by_status", f"subscribers.status = {bound.bind(search.status)}"
        )


def _block_way(wanted: SubscriberFilter, bound: Values, workspace_id: int, before: str, now: int) -> _Way:
    possible = [f"blocks.workspace_id = {bound.bind(workspace_id)}", f"blocks.block <= {before} >> 8"]
    if wanted.cold_only:
        possible.append(f"blocks.cold_from <= {bound.bind(now)}")
    possible += (
        f"""blocks.members > coalesce((SELECT members FROM tag_blocks
        WHERE tag_id = {bound.bind(tag_id)} AND block = blocks.block), 0)"""
        for tag_id in wanted.tag_ids or ()
    )
    for sequence_id in wanted.sequence_ids or ():
        number = bound.bind(sequence_id)
        counted = (
            f"""coalesce((SELECT members FROM sequence_blocks
            WHERE sequence_id = {number} AND status = {bound.bind(status)} AND block = blocks.block), 0)"""
            for status in conditions.statuses_of(wanted.sequence_operator)
        )
        possible.append(f"blocks.members > {' + '.join(counted)}")
    return _Way(
        """subscriber_blocks AS blocks CROSS JOIN subscribers INDEXED BY subscribers_newest
        ON subscribers.id BETWEEN blocks.block << 8 AND (blocks.block << 8) + 255""",
        " AND ".join(possible),
        "blocks.block DESC, subscribers.id DESC",
    )
