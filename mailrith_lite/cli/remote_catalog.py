"""Tags, custom fields, segments and sequences over HTTP, which a person names by their name or their id."""

from typing import Any

import msgspec

from mailrith_lite import ids
from mailrith_lite.cli.http_client import ApiClient, Document, new_idempotency_key, read_as
from mailrith_lite.errors import StartError
from mailrith_lite.unicode_forms import fold


class Named(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str


class Tag(Named, frozen=True, kw_only=True):
    subscriber_count: int
    description: str | None


class FieldSettings(msgspec.Struct, frozen=True):
    options: list[str]


class Field(Named, frozen=True, kw_only=True):
    name: str = msgspec.field(name="label")
    type: str
    settings: FieldSettings


class Segment(Named, frozen=True, kw_only=True):
    total_subscriber_count: int
    confirmed_subscriber_count: int


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """`form`: the members that commands use. `commands`: the group that lists them; None if there is none.

    `member`: the one of the API that has the name.
    """

    noun: str
    path: str
    id_prefix: str
    form: type[Named]
    commands: str | None
    member: str = "name"

    def read(self, document: Document) -> Any:
        """
        Raises:
            StartError: the resource has another form.
        """
        return read_as(document, self.form)

    def path_of(self, one: Named) -> str:
        return f"{self.path}/{one.id}"


TAG = Kind(noun="tag", path="/v1/tags", id_prefix=ids.TAG, form=Tag, commands="tags")
FIELD = Kind(
    noun="custom field",
    path="/v1/custom-fields",
    id_prefix=ids.CUSTOM_FIELD,
    form=Field,
    commands="fields",
    member="label",
)
SEGMENT = Kind(noun="segment", path="/v1/segments", id_prefix=ids.SEGMENT, form=Segment, commands="segments")
SEQUENCE = Kind(noun="sequence", path="/v1/sequences", id_prefix=ids.SEQUENCE, form=Named, commands=None)


async def find(client: ApiClient, kind: Kind, name_or_id: str) -> Any:
    """In the form of the kind. Names are compared ignoring case.

    Raises:
        Unreachable, Refused
        StartError: there is none with this name or id.
    """
    if ids.decode(kind.id_prefix, name_or_id) is not None:
        return await client.get(f"{kind.path}/{name_or_id}", kind.form)
    name = name_or_id.strip()
    if name:
        async for one in client.list_items(kind.path, kind.form, {"search": name}):
            if fold(one.name) == fold(name):
                return one
    hint = "" if kind.commands is None else f"; `mailrith-lite {kind.commands} list` shows them"
    raise StartError(f"there is no {kind.noun} {name_or_id}{hint}")


async def find_ids(client: ApiClient, kind: Kind, names_or_ids: tuple[str, ...]) -> list[str]:
    """
    Raises:
        Unreachable, Refused
        StartError: there is none with one of the names or ids.
    """
    return [(await find(client, kind, one)).id for one in names_or_ids]


async def make(client: ApiClient, kind: Kind, name: str, **members: Any) -> Document:
    """
    Raises:
        Unreachable, Refused
    """
    body = {kind.member: name} | {member: value for member, value in members.items() if value is not None}
    return await client.post(kind.path, Document, body, key=new_idempotency_key())


async def rename(client: ApiClient, kind: Kind, name_or_id: str, new_name: str) -> tuple[str, Document]:
    """The old name, and the renamed resource.

    Raises:
        Unreachable, Refused
        StartError: there is none with this name or id.
    """
    one = await find(client, kind, name_or_id)
    return one.name, await client.change("PUT", kind.path_of(one), Document, {kind.member: new_name})


async def list_all(client: ApiClient, kind: Kind, search: str | None) -> list[Document]:
    """The newest first.

    Raises:
        Unreachable, Refused
    """
    query = {} if search is None else {"search": search}
    return [document async for document in client.list_items(kind.path, Document, query)]
