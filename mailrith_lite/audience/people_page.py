"""A page of the console's list of subscribers, with their number, in one of three orders.

Up to MAX_COUNTED people are counted, and can be sorted in every order. Of more people, the page says so, and their
order needs an index: there is one for the ids and one for the emails.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

import msgspec

from mailrith_lite.audience import listing, subscribers
from mailrith_lite.audience.conditions import Bindings
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.large_selections import LargeSelections
from mailrith_lite.audience.subscribers import COLUMNS, Subscriber, from_row
from mailrith_lite.database import Connection

MAX_COUNTED: Final = 10_000
Sort = Literal["newest", "email", "name"]
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
_KEYS: Final[dict[Sort, str]] = {
    "newest": "-subscribers.id",
    "email": "subscribers.email",
    "name": "iif(name = '', char(0x10ffff), coalesce(name_key, lower(name)))",  # people without a name come last
}


class PeoplePage(msgspec.Struct, frozen=True, kw_only=True):
    """`total`: of all pages; None: more than MAX_COUNTED. `sort`: newest where another order is not possible."""

    people: list[Subscriber]
    total: int | None
    sort: Sort


async def select_page(
    connection: Connection,
    workspace_id: int,
    subscriber_filter: SubscriberFilter,
    large: LargeSelections,
    *,
    sort: Sort,
    last_id: int | None,
    limit: int,
    now: int,
) -> PeoplePage:
    """At most `limit` people after `last_id`, the integer id of the last one of the page before.

    If that person was deleted meanwhile, and the order is not that of the ids, this is the first page.
    """
    everybody = subscriber_filter == SubscriberFilter()
    total = await subscribers.select_count(connection, workspace_id) if everybody else None
    if everybody and (sort != "name" or (total or 0) > MAX_COUNTED):
        matching = None
    else:
        matching = await large.select_ids(connection, workspace_id, subscriber_filter, most=MAX_COUNTED, now=now)
    if matching is not None:
        people = await _select_sorted(connection, workspace_id, matching, sort, last_id, limit)
        return PeoplePage(people=people, total=len(matching), sort=sort)
    if sort == "email":
        people = await _select_by_email(connection, workspace_id, subscriber_filter, last_id, limit, now)
        return PeoplePage(people=people, total=total, sort=sort)
    people = await listing.select_subscribers(
        connection, workspace_id, subscriber_filter, before_id=last_id, limit=limit, now=now
    )
    return PeoplePage(people=people, total=total, sort="newest")


async def _select_sorted(
    connection: Connection, workspace_id: int, matching: Sequence[int], sort: Sort, last_id: int | None, limit: int
) -> list[Subscriber]:
    """`matching`: the integer ids of all people."""
    key = _KEYS[sort]
    last = -last_id if sort == "newest" and last_id else await _select_key(connection, workspace_id, key, last_id)
    rows = await connection.execute_fetchall(
        f"""SELECT {COLUMNS} FROM (
            SELECT subscribers.id, {key} AS key FROM json_each(:ids) AS listed
            CROSS JOIN subscribers ON subscribers.id = listed.value AND +workspace_id = :workspace_id
            WHERE :last IS NULL OR ({key}, subscribers.id) > (:last, :last_id)
            ORDER BY key, subscribers.id LIMIT :limit) AS page
        CROSS JOIN subscribers ON subscribers.id = page.id ORDER BY page.key, page.id""",
        {
            "ids": msgspec.json.encode(matching).decode(),
            "workspace_id": workspace_id,
            "last": last,
            "last_id": last_id,
            "limit": limit,
        },
    )
    return [from_row(row) for row in rows]


async def _select_by_email(
    connection: Connection,
    workspace_id: int,
    subscriber_filter: SubscriberFilter,
    last_id: int | None,
    limit: int,
    now: int,
) -> list[Subscriber]:
    """Reads the index of the emails until the page is full, which is soon, because many people match."""
    last = await _select_key(connection, workspace_id, _KEYS["email"], last_id)
    bindings = Bindings()
    where = subscriber_filter.where(bindings, workspace_id, now)
    rows = await connection.execute_fetchall(
        f"""{where.with_clause()} SELECT {COLUMNS} FROM (
            SELECT subscribers.id, subscribers.email AS key FROM subscribers INDEXED BY subscribers_email
            WHERE {where.condition} AND subscribers.email > :last ORDER BY subscribers.email LIMIT :limit) AS page
        CROSS JOIN subscribers ON subscribers.id = page.id ORDER BY page.key""",
        bindings.values | {"last": last or "", "limit": limit},
    )
    return [from_row(row) for row in rows]


async def _select_key(connection: Connection, workspace_id: int, key: str, subscriber_id: int | None) -> Any:
    """What the order compares of this person; None if there is no such person."""
    rows = await connection.execute_fetchall(
        f"SELECT {key} AS key FROM subscribers WHERE workspace_id = ? AND id = ?", (workspace_id, subscriber_id)
    )
    return next((row["key"] for row in rows), None)
