"""Bulk changes over HTTP: who is changed and how, in the names that a person uses."""

from typing import Any

import msgspec

from mailrith_lite.cli.http_client import ApiClient
from mailrith_lite.cli.remote_catalog import SEGMENT, SEQUENCE, TAG, Kind, find, find_ids
from mailrith_lite.cli.remote_jobs import Job
from mailrith_lite.errors import StartError
from mailrith_lite.jobs.kinds import BULK_CHANGE


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """`action`: of the API. `target`: the name or id of its tag or sequence, which is of the `kind`.

    `before`, `after`: the question, around the number of people.
    """

    action: str
    before: str
    after: str = ""
    target: str | None = None
    kind: Kind | None = None


class People(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a filter, with names or ids, or the ids of subscribers."""

    search: str | None = None
    status: str | None = None
    cold_only: bool = False
    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    country: str | None = None
    segment: str | None = None
    import_job_id: str | None = None
    subscriber_ids: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        return self != People()

    async def members(self, client: ApiClient) -> dict[str, Any]:
        """The members of the request that say who.

        Raises:
            Unreachable, Refused
            StartError: there is no such tag, sequence or segment.
        """
        if self.subscriber_ids:
            return {"subscriber_ids": list(self.subscriber_ids)}
        names = self.without_tags or self.tags
        chosen = {
            "search": self.search,
            "status": self.status,
            "cold_only": self.cold_only or None,
            "tag_ids": await find_ids(client, TAG, names) if names else None,
            "tag_operator": "has_none_of" if self.without_tags else None,
            "sequence_ids": await find_ids(client, SEQUENCE, self.sequences) if self.sequences else None,
            "country": self.country,
            "segment_id": None if self.segment is None else (await find(client, SEGMENT, self.segment)).id,
            "import_job_id": self.import_job_id,
        }
        return {"filter": {name: value for name, value in chosen.items() if value is not None}}


async def body_of(client: ApiClient, change: Change, people: People) -> dict[str, Any]:
    """
    Raises:
        Unreachable, Refused
        StartError: there is no such tag, sequence or segment.
    """
    body = {"action": change.action} | await people.members(client)
    if change.kind is not None and change.target is not None:
        body[f"{change.kind.id_prefix}_id"] = (await find(client, change.kind, change.target)).id
    return body


class _Preview(msgspec.Struct, frozen=True, kw_only=True):
    people_count: int


async def count_people(client: ApiClient, body: dict[str, Any]) -> int:
    """
    Raises:
        Unreachable, Refused
    """
    preview = await client.post(f"{BULK_CHANGE.path}/preview", _Preview, body)
    return preview.people_count


async def submit(client: ApiClient, body: dict[str, Any], *, key: str) -> Job:
    """
    Raises:
        Unreachable, Refused
    """
    return await client.post(BULK_CHANGE.path, Job, body, key=key)


async def submit_undo(client: ApiClient, job_id: str, *, key: str) -> Job:
    """
    Raises:
        StartError: this is not the id of a bulk change.
        Unreachable, Refused
    """
    if BULK_CHANGE.decode(job_id) is None:
        raise StartError(f"{job_id} is not the id of a bulk change")
    return await client.post(f"{BULK_CHANGE.path}/{job_id}/undo", Job, key=key)
