"""Tags, custom fields, segments and sequences over HTTP, which a person names by their name or their id."""

from typing import Any

import msgspec

from mailrith_lite import ids
from mailrith_lite.cli.http_client import ApiClient, new_idempotency_key
from mailrith_lite.errors import StartError
from mailrith_lite.unicode_forms import fold

Document = dict[str, Any]
"""A resource as the API has it."""


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """`commands`: the group that lists them; None if there is none. `member`: the one that has the name."""

    noun: str
    path: str
    id_prefix: str
    commands: str | None
    member: str = "name"

    def name_of(self, document: Document) -> str:
        return str(document[self.member])

    def path_of(self, document: Document) -> str:
        return f"{self.path}/{document['id']}"


TAG = Kind(noun="tag", path="/v1/tags", id_prefix=ids.TAG, commands="tags")
FIELD = Kind(
    noun="custom field", path="/v1/custom-fields", id_prefix=ids.CUSTOM_FIELD, commands="fields", member="label"
)
SEGMENT = Kind(noun="segment", path="/v1/segments", id_prefix=ids.SEGMENT, commands="segments")
SEQUENCE = Kind(noun="sequence", path="/v1/sequences", id_prefix=ids.SEQUENCE, commands=None)


async def find(client: ApiClient, kind: Kind, name_or_id: str) -> Document:
    """Names are compared ignoring case.

    Raises:
        Unreachable, Refused
        StartError: there is none with this name or id.
    """
    if ids.decode(kind.id_prefix, name_or_id) is not None:
        return await client.get(f"{kind.path}/{name_or_id}", Document)
    wanted = fold(name_or_id.strip())
    if wanted:
        query = {"search": name_or_id.strip()}
        async for document in client.list_items(kind.path, Document, query):
            if fold(kind.name_of(document)) == wanted:
                return document
    hint = "" if kind.commands is None else f"; `mailrith-lite {kind.commands} list` shows them"
    raise StartError(f"there is no {kind.noun} {name_or_id}{hint}")


async def find_ids(client: ApiClient, kind: Kind, names_or_ids: tuple[str, ...]) -> list[str]:
    """
    Raises:
        Unreachable, Refused
        StartError: there is none with one of the names or ids.
    """
    return [str((await find(client, kind, one))["id"]) for one in names_or_ids]


async def make(client: ApiClient, kind: Kind, name: str, **members: Any) -> Document:
    """
    Raises:
        Unreachable, Refused
    """
    body = {kind.member: name} | {member: value for member, value in members.items() if value is not None}
    return await client.post(kind.path, Document, body, key=new_idempotency_key())


async def rename(client: ApiClient, kind: Kind, name_or_id: str, new_name: str) -> tuple[Document, Document]:
    """The resource before and after.

    Raises:
        Unreachable, Refused
        StartError: there is none with this name or id.
    """
    document = await find(client, kind, name_or_id)
    return document, await client.change("PUT", kind.path_of(document), Document, {kind.member: new_name})


async def list_all(client: ApiClient, kind: Kind, search: str | None) -> list[Document]:
    """The newest first.

    Raises:
        Unreachable, Refused
    """
    query = {} if search is None else {"search": search}
    return [document async for document in client.list_items(kind.path, Document, query)]
