"""GET /v1/subscribers: the list of subscribers, and its filter."""

from contextlib import nullcontext
from typing import Annotated, ClassVar

from msgspec import Meta

from mailrith_lite import clock, ids
from mailrith_lite.access import workspaces
from mailrith_lite.api.call import Call
from mailrith_lite.api.codes import Codes
from mailrith_lite.api.parameters import Page, PageQuery, Text
from mailrith_lite.api.responses import PageOf
from mailrith_lite.api.route import refuses
from mailrith_lite.api.subscribers import SubscriberResource, subscriber_resource
from mailrith_lite.audience import listing, search_limit, selection
from mailrith_lite.audience.conditions import SequenceOperator, TagOperator
from mailrith_lite.audience.selection import MAX_LISTED, Selection
from mailrith_lite.audience.vocabulary import Status

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
    country: Text | None = None
    segment_id: Text | None = None
    import_job_id: Text | None = None

    def selection(self) -> Selection:
        """
        Raises:
            InvalidRequest: too many ids, or no such country.
        """
        return Selection.of(
            search=self.search,
            email=self.email,
            status=self.status,
            cold_only=self.cold_only,
            tag_ids=_joined(self.tag_id, self.tag_ids),
            tag_operator=self.tag_operator,
            sequence_ids=_joined(self.sequence_id, self.sequence_ids),
            sequence_operator=self.sequence_operator,
            country=self.country,
            segment_id=self.segment_id,
            import_job_id=self.import_job_id,
        )


@refuses(search_limit.too_many(200))
async def list_subscribers(call: Call, query: SubscriberQuery) -> PageOf[SubscriberResource]:
    """List subscribers

    Newest first. A subscriber must match every filter: `search` (an id, a status, or part of a name or email, in
    any case), `email` (the whole address), `status`, `cold_only` (Active, and has not opened an email for 90 days,
    or has never opened one and subscribed 30 days ago or earlier), tags and sequences. The contract does not have
    three of them: `country` (an ISO 3166-1 code or a name), `segment_id`, and `import_job_id` (an import that has
    created or changed them, while undos were on). An id that the workspace does not have matches nobody.
    """
    page = query.page(ids.SUBSCRIBER)
    searching = nullcontext() if query.search is None else call.services.searches.hold(call.workspace_id)
    with searching:
        return await _list(call, query, page)


async def _list(call: Call, query: SubscriberQuery, page: Page) -> PageOf[SubscriberResource]:
    chosen, now = query.selection(), clock.now()
    async with call.database.read() as connection:
        workspace = await workspaces.select_own(connection, call.workspace_id)
        subscribers = await listing.select_subscribers(
            connection,
            call.workspace_id,
            await selection.resolve(connection, call.workspace_id, chosen, time_zone=workspace.time_zone, now=now),
            before_id=page.before_id,
            limit=page.fetched,
            now=now,
        )
    return PageOf(page, [subscriber_resource(subscriber) for subscriber in subscribers])


def _joined(one: list[str] | None, more: list[str] | None) -> list[str] | None:
    """None if both parameters are absent."""
    return None if one is None and more is None else [*(one or []), *(more or [])]
