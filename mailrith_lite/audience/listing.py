"""A page of subscribers, newest first. It takes about as long among a million subscribers as among ten thousand.

SQLite reads candidates along access paths, each in the descending order of the subscriber ids: the index of a
status, the members of a tag, the matches of a search, or the workspace without the blocks where nobody can match.
Every path checks the whole filter, so the newest subscribers of all paths are the page.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from mailrith_lite.audience import conditions, search_index
from mailrith_lite.audience.conditions import Bindings
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.search_index import SearchPlan
from mailrith_lite.audience.subscribers import COLUMNS, Subscriber, from_row
from mailrith_lite.database import MAX_ID, Connection

_NO_ID = 0


class _AccessPath(msgspec.Struct, frozen=True, kw_only=True):
    """`tables`: a FROM clause that ends with `subscribers`. `order`: descending, in the order of the ids."""

    tables: str
    condition: str = "true"
    order: str = "subscribers.id DESC"


_NEWEST = _AccessPath(tables="subscribers INDEXED BY subscribers_newest")


async def select_subscribers(
    connection: Connection,
    workspace_id: int,
    subscriber_filter: SubscriberFilter,
    *,
    before_id: int | None,
    limit: int,
    now: int,
) -> list[Subscriber]:
    """Newest first, with integer ids below `before_id`."""
    newest = await _newest(connection, workspace_id, subscriber_filter, before_id=before_id, limit=limit, now=now)
    rows = await connection.execute_fetchall(
        f"""{newest.tables} SELECT {COLUMNS} FROM ({newest.ids}) AS page
        CROSS JOIN subscribers ON subscribers.id = page.id ORDER BY page.id DESC""",
        newest.values,
    )
    return [from_row(row) for row in rows]


async def select_ids(
    connection: Connection, workspace_id: int, subscriber_filter: SubscriberFilter, *, limit: int, now: int
) -> list[int]:
    """The integer ids, newest first."""
    newest = await _newest(connection, workspace_id, subscriber_filter, before_id=None, limit=limit, now=now)
    rows = await connection.execute_fetchall(f"{newest.tables} {newest.ids}", newest.values)
    return [int(row["id"]) for row in rows]


class _Newest(msgspec.Struct, frozen=True, kw_only=True):
    """`ids`: SQL that selects `id`, newest first. `tables`: goes before the query. `values`: its parameters."""

    tables: str
    ids: str
    values: dict[str, Any]


async def _newest(
    connection: Connection,
    workspace_id: int,
    subscriber_filter: SubscriberFilter,
    *,
    before_id: int | None,
    limit: int,
    now: int,
) -> _Newest:
    bindings = Bindings()
    where = subscriber_filter.where(bindings, workspace_id, now)
    before = bindings.bind(before_id or MAX_ID)
    count = bindings.bind(limit)
    search = None
    if subscriber_filter.search is not None:
        search = await search_index.plan_search(connection, workspace_id, subscriber_filter.search)
    candidates = " UNION ".join(
        f"""SELECT id FROM (SELECT subscribers.id FROM {path.tables}
            WHERE {path.condition} AND subscribers.id < {before} AND {where.condition}
            ORDER BY {path.order} LIMIT {count})"""
        for path in _access_paths(subscriber_filter, bindings, workspace_id, before, now, search)
    )
    return _Newest(
        tables=where.with_clause(),
        ids=f"{candidates} ORDER BY id DESC LIMIT {count}",
        values=bindings.values,
    )


def _access_paths(
    subscriber_filter: SubscriberFilter,
    bindings: Bindings,
    workspace_id: int,
    before: str,
    now: int,
    search: SearchPlan | None,
) -> Iterator[_AccessPath]:
    """The paths for the part of the filter that is likely to match the fewest subscribers."""
    by_tag, by_sequence = subscriber_filter.tag_ids is not None, subscriber_filter.sequence_ids is not None
    if subscriber_filter.email is not None:
        yield _AccessPath(tables="subscribers INDEXED BY subscribers_email")
    elif subscriber_filter.import_job_id is not None:
        yield from _import_paths(subscriber_filter.import_job_id, bindings, before)
    elif by_tag and not conditions.is_negative(subscriber_filter.tag_operator):
        yield from _tag_paths(subscriber_filter, bindings, before)
    elif by_sequence and not conditions.is_negative(subscriber_filter.sequence_operator):
        yield from _sequence_paths(subscriber_filter, bindings, before)
    elif search is not None:
        yield from _search_paths(search, bindings, workspace_id, before)
    elif subscriber_filter.cold_only or by_tag or by_sequence:
        yield _block_path(subscriber_filter, bindings, workspace_id, before, now)
    elif subscriber_filter.status is not None:
        yield _AccessPath(tables="subscribers INDEXED BY subscribers_by_status")
    else:
        yield _NEWEST


def _import_paths(job_id: int, bindings: Bindings, before: str) -> Iterator[_AccessPath]:
    job = bindings.bind(job_id)
    yield _AccessPath(
        tables="import_changes AS change CROSS JOIN subscribers ON subscribers.id = change.subscriber_id",
        condition=f"change.job_id = {job} AND change.subscriber_id < {before}",
        order="change.subscriber_id DESC",
    )
    yield _AccessPath(
        tables="""import_creations AS range CROSS JOIN subscribers INDEXED BY subscribers_newest
            ON subscribers.id BETWEEN range.first_id AND range.last_id""",
        condition=f"range.job_id = {job} AND range.first_id < {before}",
        order="range.first_id DESC, subscribers.id DESC",
    )


def _tag_paths(subscriber_filter: SubscriberFilter, bindings: Bindings, before: str) -> Iterator[_AccessPath]:
    for tag_id in subscriber_filter.tag_ids or (_NO_ID,):
        yield _AccessPath(
            tables="subscriber_tags AS member CROSS JOIN subscribers ON subscribers.id = member.subscriber_id",
            condition=f"member.tag_id = {bindings.bind(tag_id)} AND member.subscriber_id < {before}",
            order="member.subscriber_id DESC",
        )


def _sequence_paths(subscriber_filter: SubscriberFilter, bindings: Bindings, before: str) -> Iterator[_AccessPath]:
    for sequence_id in subscriber_filter.sequence_ids or (_NO_ID,):
        for status in conditions.membership_statuses(subscriber_filter.sequence_operator):
            yield _AccessPath(
                tables="""subscriber_sequences AS member
                    CROSS JOIN subscribers ON subscribers.id = member.subscriber_id""",
                condition=f"""member.sequence_id = {bindings.bind(sequence_id)}
                    AND member.status = {bindings.bind(status)} AND member.subscriber_id < {before}""",
                order="member.subscriber_id DESC",
            )


def _search_paths(search: SearchPlan, bindings: Bindings, workspace_id: int, before: str) -> Iterator[_AccessPath]:
    if search.match is None:  # too short for the index; slow only when hardly anybody matches
        yield _NEWEST
        return
    first, end = bindings.bind(search.first_row), bindings.bind(search.end_row)
    yield _AccessPath(
        tables=f"subscriber_search CROSS JOIN subscribers ON subscribers.id = subscriber_search.rowid - {first}",
        condition=f"""subscriber_search MATCH {bindings.bind(search.match)} AND subscriber_search.rowid > {first}
        AND subscriber_search.rowid < {first} + min({before}, {end} - {first})""",
        order="subscriber_search.rowid DESC",
    )
    yield _AccessPath(
        tables="subscribers INDEXED BY subscribers_newest",
        condition=f"subscribers.id > {bindings.bind(search.up_to_id)}",
    )
    yield _AccessPath(
        tables="search_backlog CROSS JOIN subscribers ON subscribers.id = search_backlog.subscriber_id",
        condition=f"""search_backlog.workspace_id = {bindings.bind(workspace_id)}
        AND search_backlog.subscriber_id < {before}""",
        order="search_backlog.subscriber_id DESC",
    )
    yield _AccessPath(tables="subscribers", condition=f"subscribers.id = {bindings.bind(search.own_id)}")
    if search.status is not None:
        yield _AccessPath(
            tables="subscribers INDEXED BY subscribers_by_status",
            condition=f"subscribers.status = {bindings.bind(search.status)}",
        )


def _block_path(
    subscriber_filter: SubscriberFilter, bindings: Bindings, workspace_id: int, before: str, now: int
) -> _AccessPath:
    """For negative operators and cold subscribers: skips the blocks in which nobody can match."""
    parts = [f"blocks.workspace_id = {bindings.bind(workspace_id)}", f"blocks.block <= {before} >> 8"]
    if subscriber_filter.cold_only:
        parts.append(f"blocks.cold_from <= {bindings.bind(now)}")
    parts += (
        f"""blocks.members > coalesce((SELECT members FROM tag_blocks
        WHERE tag_id = {bindings.bind(tag_id)} AND block = blocks.block), 0)"""
        for tag_id in subscriber_filter.tag_ids or ()
    )
    for sequence_id in subscriber_filter.sequence_ids or ():
        parameter = bindings.bind(sequence_id)
        counts = (
            f"""coalesce((SELECT members FROM sequence_blocks
            WHERE sequence_id = {parameter} AND status = {bindings.bind(status)} AND block = blocks.block), 0)"""
            for status in conditions.membership_statuses(subscriber_filter.sequence_operator)
        )
        parts.append(f"blocks.members > {' + '.join(counts)}")
    return _AccessPath(
        tables="""subscriber_blocks AS blocks CROSS JOIN subscribers INDEXED BY subscribers_newest
        ON subscribers.id BETWEEN blocks.block << 8 AND (blocks.block << 8) + 255""",
        condition=" AND ".join(parts),
        order="blocks.block DESC, subscribers.id DESC",
    )
