"""The tags of `--tag`, as a request for an import names them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from mailrith_lite.cli.client_errors import Refused
from mailrith_lite.cli.http_client import ApiClient, new_idempotency_key
from mailrith_lite.unicode_forms import fold


class Tag(msgspec.Struct, frozen=True):
    id: str
    name: str


async def tag_members(client: ApiClient, names: Sequence[str], *, dry_run: bool) -> dict[str, Any]:
    """The members `existing_tag_ids` and `new_tag_name` of the request. Names are matched ignoring case.

    The API creates one new tag at most, so of several names the missing tags are created here first. A dry run
    creates none: one missing tag replaces all of them, because each row lacks either all of them or none.

    Raises:
        Unreachable, Refused
    """
    if not names:
        return {}
    if len({_key(name) for name in names}) == 1:
        return {"new_tag_name": names[0]}
    known = {_key(tag.name): tag.id async for tag in client.list_items("/v1/tags", Tag)}
    if dry_run:
        existing = list(dict.fromkeys(known[_key(name)] for name in names if _key(name) in known))
        missing = next((name for name in names if _key(name) not in known), None)
        return {"existing_tag_ids": existing, "new_tag_name": missing}
    for name in names:
        if _key(name) not in known:
            known[_key(name)] = await _create_tag(client, name)
    return {"existing_tag_ids": list(dict.fromkeys(known[_key(name)] for name in names))}


async def _create_tag(client: ApiClient, name: str) -> str:
    try:
        return (await client.post("/v1/tags", Tag, {"name": name}, key=new_idempotency_key())).id
    except Refused as refusal:
        if refusal.code == "tag_name_conflict":  # another client created it after we read the list
            async for tag in client.list_items("/v1/tags", Tag):
                if _key(tag.name) == _key(name):
                    return tag.id
        raise


def _key(name: str) -> str:
    return fold(name.strip())
