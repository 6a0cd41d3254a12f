"""GET /v1/subscribers: the list of subscribers, and its filter."""

from contextlib import nullcontext
from typing import Annotated, ClassVar

from msgspec import Meta

from mailrith_lite import clock, ids
from mailrith_lite.api.call import Call
from mailrith_lite.api.codes import Codes
from mailrith_lite.api.parameters import Page, PageQuery, Text
from mailrith_lite.api.responses import PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.api.subscribers import SubscriberResource, subscriber_resource
from mailrith_lite.audience import listing, search_limit, sequences, tags
from mailrith_lite.audience.conditions import SequenceOperator, TagOperator
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.database import Connection
from mailrith_lite.http import wire_errors
from mailrith_lite.jobs.kinds import IMPORT

MAX_LISTED = 100

Ids = Annotated[
    list[str],
    Meta(
        description=f"at most {MAX_LISTED} ids, separated by commas or in repeated parameters",
        extra_json_schema={"maxItems": MAX_LISTED},
    ),
]


class SubscriberQuery(PageQuery, frozen=True, kw_only=True):
    CODES: ClassVar[Codes] = Codes(
        fields={
            **PageQuery.CODES.fields,
            "status": "invalid_subscriber_status",
            "tag_operator": "invalid_tag_operator",
            "sequence_operator": "invalid_sequence_operator",
            "tag_id": "too_many_tag_filters",
            "tag_ids": "too_many_tag_filters",
            "sequence_id": "too_many_sequence_filters",
            "sequence_ids": "too_many_sequence_filters",
        }
    )

    search: Text | None = None
    email: Text | None = None
    status: Status | None = None
    cold_only: Annotated[bool, Meta(description="true or false")] = False
    tag_id: Ids | None = None
    tag_ids: Ids | None = None
    tag_operator: TagOperator = "has_any_of"
    sequence_id: Ids | None = None
    sequence_ids: Ids | None = None
    sequence_operator: SequenceOperator = "is_active_in_any_of"
    import_job_id: Text | None = None


@refuses(search_limit.too_many(200))
async def list_subscribers(call: Call, query: SubscriberQuery) -> PageOf[SubscriberResource]:
    """List subscribers

    Newest first. A subscriber must match every filter: `search` (an id, a status, or part of a name or email, in
    any case), `email` (the whole address), `status`, `cold_only` (Active, and has not opened an email for 90 days,
    or has never opened one and subscribed 30 days ago or earlier), tags, sequences, and `import_job_id` (an import
    that has created or changed them, while undos were on; the contract does not have this one). An id that the
    workspace does not have matches nobody.
    """
    page = query.page(ids.SUBSCRIBER)
    searching = nullcontext() if query.search is None else call.services.searches.hold(call.workspace_id)
    with searching:
        return await _list(call, query, page)


async def _list(call: Call, query: SubscriberQuery, page: Page) -> PageOf[SubscriberResource]:
    async with call.database.read() as connection:
        subscriber_filter = await _filter(connection, call.workspace_id, query)
        subscribers = await listing.select_subscribers(
            connection,
            call.workspace_id,
            subscriber_filter,
            before_id=page.before_id,
            limit=page.fetched,
            now=clock.now(),
        )
    return PageOf(page, [subscriber_resource(subscriber) for subscriber in subscribers])


async def _filter(connection: Connection, workspace_id: int, query: SubscriberQuery) -> SubscriberFilter:
    """Ignores ids of other workspaces, like ids that do not exist."""
    tag_ids = sequence_ids = None
    if query.tag_id is not None or query.tag_ids is not None:
        numbers = _numbers(ids.TAG, "tag_ids", [*(query.tag_id or []), *(query.tag_ids or [])])
        tag_ids = tuple(sorted(await tags.select_known_tag_ids(connection, workspace_id, numbers)))
    if query.sequence_id is not None or query.sequence_ids is not None:
        numbers = _numbers(ids.SEQUENCE, "sequence_ids", [*(query.sequence_id or []), *(query.sequence_ids or [])])
        known = await sequences.select_known_sequence_ids(connection, workspace_id, numbers)
        sequence_ids = tuple(sorted(known))
    return SubscriberFilter(
        search=query.search,
        email=query.email,
        status=query.status,
        cold_only=query.cold_only,
        tag_ids=tag_ids,
        tag_operator=query.tag_operator,
        sequence_ids=sequence_ids,
        sequence_operator=query.sequence_operator,
        import_job_id=None if query.import_job_id is None else IMPORT.decode(query.import_job_id) or 0,
    )


def _numbers(prefix: str, name: str, public_ids: list[str]) -> list[int]:
    if len(public_ids) > MAX_LISTED:
        raise wire_errors.InvalidQuery(f"{name} takes at most {MAX_LISTED} ids.", field=name)
    return [number for public_id in public_ids if (number := ids.decode(prefix, public_id)) is not None]
