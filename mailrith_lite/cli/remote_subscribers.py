"""Subscribers over HTTP. Each is named by the address or the id."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from mailrith_lite import ids
from mailrith_lite.cli.http_client import ApiClient, Document, new_idempotency_key, read_as
from mailrith_lite.cli.remote_catalog import SEQUENCE, TAG, Named, find, find_ids
from mailrith_lite.errors import StartError

PATH = "/v1/subscribers"


class Subscriber(msgspec.Struct, frozen=True, kw_only=True):
    """`custom_fields`: id of a custom field -> value."""

    id: str
    email: str
    name: str
    status: str
    country: str | None
    subscribed_at: str
    last_opened_at: str | None
    tags: list[Named]
    sequence_ids: list[str]
    custom_fields: dict[str, Any]
    created_at: str
    updated_at: str


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """`tags`, `sequences`: names or ids; one of each must match. `import_job_id`: has created or changed them."""

    search: str | None = None
    status: str | None = None
    cold_only: bool = False
    tags: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()
    import_job_id: str | None = None

    async def query(self, client: ApiClient) -> dict[str, str]:
        """The parameters of the API.

        Raises:
            Unreachable, Refused
            StartError: there is no such tag or sequence.
        """
        query = {
            "search": self.search,
            "status": self.status,
            "cold_only": "true" if self.cold_only else None,
            "tag_ids": ",".join(await find_ids(client, TAG, self.tags)),
            "sequence_ids": ",".join(await find_ids(client, SEQUENCE, self.sequences)),
            "import_job_id": self.import_job_id,
        }
        return {name: value for name, value in query.items() if value}


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What `subscribers set` changes. `members`: of the API, without tags. `tags`: names or ids."""

    members: Mapping[str, Any]
    tags: Sequence[str] = ()
    removed_tags: tuple[str, ...] = ()
    sequences: tuple[str, ...] = ()


def subscriber_of(document: Document) -> Subscriber:
    """
    Raises:
        StartError: the API describes no subscriber so.
    """
    return read_as(document, Subscriber)


async def find_subscriber(client: ApiClient, address_or_id: str) -> Document:
    """
    Raises:
        Unreachable, Refused
        StartError: there is no such subscriber.
    """
    subscriber = await find_saved(client, address_or_id)
    if subscriber is None:
        raise StartError(f"there is no subscriber {address_or_id}; `mailrith-lite subscribers list` shows them")
    return subscriber


async def find_saved(client: ApiClient, address_or_id: str) -> Document | None:
    """None when nobody has this address.

    Raises:
        Unreachable
        Refused: also when nobody has this id.
    """
    if ids.decode(ids.SUBSCRIBER, address_or_id) is not None:
        return await client.get(f"{PATH}/{address_or_id}", Document)
    matches = await client.list_first(PATH, Document, 1, {"email": address_or_id})
    return matches[0] if matches else None


async def save(client: ApiClient, address_or_id: str, wish: Wish) -> Document:
    """Creates the subscriber of an address that nobody has. Returns the subscriber as saved.

    Raises:
        Unreachable, Refused
        StartError: there is no such tag or sequence.
    """
    removed = [await find(client, TAG, name_or_id) for name_or_id in wish.removed_tags]
    tag_ids = [tag for tag in wish.tags if ids.decode(ids.TAG, tag) is not None]
    lists = {
        "new_tags": [tag for tag in wish.tags if tag not in tag_ids],
        "existing_tag_ids": tag_ids,
        "sequence_ids": await find_ids(client, SEQUENCE, wish.sequences),
    }
    body = dict(wish.members) | {name: items for name, items in lists.items() if items}
    if ids.decode(ids.SUBSCRIBER, address_or_id) is None:
        key = new_idempotency_key()
        saved = await client.post(PATH, Document, {"email": address_or_id} | body, key=key)
    elif body:
        saved = await client.change("PATCH", f"{PATH}/{address_or_id}", Document, body)
    else:
        saved = await client.get(f"{PATH}/{address_or_id}", Document)
    for tag in removed:
        path = f"{PATH}/{subscriber_of(saved).id}/tags/{tag.id}"
        saved = await client.change("DELETE", path, Document)
    return saved
