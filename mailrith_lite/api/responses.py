"""What handlers answer with. The class gives the status and the form of the body, its parameter the content.

The OpenAPI document reads both from a handler's annotation, such as `-> Created[TagResource]`.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from aiohttp import web

from mailrith_lite.api.codec import data, encode
from mailrith_lite.api.idempotency import Answer
from mailrith_lite.api.parameters import Page

RETRY_LATER = {"Retry-After": "1"}
"""For a job that is not final: seconds until it makes sense to look again."""


class WithId(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T")
I = TypeVar("I", bound=WithId)  # noqa: E741


class Success(web.Response, Generic[T]):
    """`statuses`: every status that the answer can have."""

    statuses: ClassVar[tuple[int, ...]] = (200,)

    def __init__(self, body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status=status, body=body, content_type="application/json", headers=headers)


class Bare(Success[T]):
    """The value itself, without an envelope."""

    def __init__(self, value: T) -> None:
        super().__init__(encode(value))


class Data(Success[T]):
    """The value under `data`."""

    def __init__(self, value: T, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(data(value), headers=headers)


class PageOf(Success[I]):
    """A page of a list: the items under `data`, and `pagination`."""

    def __init__(self, page: Page, items: Sequence[I], *, more: bool = False) -> None:
        """There is a next page if `items` has one more than the page holds, or if `more` says so."""
        listed = items[: page.limit]
        cursor = listed[-1].id if more or len(items) > page.limit else None
        pagination = {"has_more": cursor is not None, "next_cursor": cursor}
        super().__init__(encode({"data": listed, "pagination": pagination}))


class NoContent(web.Response):
    statuses: ClassVar[tuple[int, ...]] = (204,)

    def __init__(self) -> None:
        super().__init__(status=204)


class Created(Success[T]):
    """Something new under `data`, with its path in the header Location, which becomes relative to the
    request when it is sent. `always`: headers of every such answer."""

    statuses: ClassVar[tuple[int, ...]] = (201,)
    always: ClassVar[Mapping[str, str]] = {}

    def __init__(self, answer: Answer) -> None:
        headers = dict(self.always)
        if answer.location is not None:
            headers["Location"] = answer.location
        if answer.replayed:
            headers["Idempotent-Replayed"] = "true"
        super().__init__(answer.body, status=answer.status, headers=headers)


class CreatedOrUpdated(Created[T]):
    """201 for something new, 200 without Location for a change of what was there."""

    statuses = (201, 200)


class Accepted(Created[T]):
    """Something under `data` that has not begun yet, such as a new job."""

    statuses = (202,)
    always = RETRY_LATER
