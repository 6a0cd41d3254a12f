"""/v1/workspace"""

from typing import Any, ClassVar

import msgspec

from mailrith_lite import clock, ids
from mailrith_lite.access import workspaces
from mailrith_lite.api import example
from mailrith_lite.api.call import Call
from mailrith_lite.api.responses import Data

PATH = "/v1/workspace"


class WorkspaceResource(msgspec.Struct, frozen=True, kw_only=True):
    """`time_zone`: an IANA name; null means UTC."""

    id: str
    self_: str = msgspec.field(name="self", default=PATH)
    name: str
    logo: str | None
    address: str | None
    city: str | None
    state: str | None
    postal_code: str | None
    country: str | None
    time_zone: str | None
    created_at: str
    updated_at: str

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "id": ids.encode(ids.WORKSPACE, 1),
        "self": PATH,
        "name": "Default",
        **dict.fromkeys(("logo", "address", "city", "state", "postal_code", "country", "time_zone")),
        **example.TIMES,
    }


async def get_workspace(call: Call) -> Data[WorkspaceResource]:
    """Get the current workspace

    The workspace of the key. `mailrith-lite workspaces update` changes its properties.
    """
    workspace = await workspaces.select_own(call.database.lookup, call.workspace_id)
    resource = WorkspaceResource(
        id=workspace.public_id,
        name=workspace.name,
        logo=workspace.logo,
        address=workspace.address,
        city=workspace.city,
        state=workspace.state,
        postal_code=workspace.postal_code,
        country=workspace.country,
        time_zone=workspace.time_zone,
        created_at=clock.rfc3339(workspace.created_at),
        updated_at=clock.rfc3339(workspace.updated_at),
    )
    return Data(resource)
