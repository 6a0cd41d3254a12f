"""What the handlers of all resources share: the query of a list, the form of a change, the resource in the path."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

import msgspec

from mailrith_lite import clock, errors, ids
from mailrith_lite.api.call import Call
from mailrith_lite.api.parameters import PageQuery, Text
from mailrith_lite.database import Reader
from mailrith_lite.imports.uploads import usable
from mailrith_lite.jobs.queue import Job

T = TypeVar("T")
R = TypeVar("R", bound=Reader)

_NAMES = {ids.UPLOAD: usable.RESOURCE}
"""The resources whose codes have another name than their ids."""


class SearchQuery(PageQuery, frozen=True, kw_only=True):
    """A page of the items that contain `search`, ignoring case."""

    search: Text | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A form in which an absent field leaves the saved value as it is; one without any field is refused."""

    SCHEMA: ClassVar[dict[str, Any]] = {"minProperties": 1}
    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset()
    """Fields that change nothing."""

    @classmethod
    def effective_fields(cls) -> list[str]:
        return [name for name in cls.__struct_fields__ if name not in cls.WITHOUT_EFFECT]


async def find(call: Call, connection: R, resource: str, select: Callable[[R, int, int], Awaitable[T | None]]) -> T:
    """Selects the resource whose public id is in the path as `{resource_id}`.

    Raises:
        NotFound: the workspace has no resource with this id.
    """
    public_id = call.request.match_info[f"{resource}_id"]
    number = ids.decode(resource, public_id)
    row = None if number is None else await select(connection, call.workspace_id, number)
    if row is None:
        raise not_found(resource, public_id)
    return row


def not_found(resource: str, public_id: str) -> errors.NotFound:
    return errors.NotFound.of(_NAMES.get(resource, resource), public_id)


def job_members(job: Job) -> dict[str, Any]:
    """The members that the resources of all kinds of job have."""
    return {
        "id": job.public_id,
        "self_": f"{job.kind.path}/{job.public_id}",
        "status": job.status,
        "started_at": clock.optional_rfc3339(job.started_at),
        "completed_at": clock.optional_rfc3339(job.completed_at),
        "created_at": clock.rfc3339(job.created_at),
        "updated_at": clock.rfc3339(job.updated_at),
    }


def new_or_saved(change: T | msgspec.UnsetType, saved: T) -> T:
    """The value of the request, or the saved one where the request has none."""
    return saved if isinstance(change, msgspec.UnsetType) else change
