"""One operation of the API: what a client has to know of it, and who answers it."""

from typing import Any

import msgspec

from mailrith_lite.api.parameters import Empty


class Route(msgspec.Struct, frozen=True):
    """The handler's docstring is what the documentation says of the operation.

    `answer`: the Struct under `data`, or what a list holds (`listed`), or the whole body (`bare`); None for an
    answer without a body. `conflicts`: the codes of its 409s. `missing`: codes of its 404s. `public`: needs no key.
    """

    method: str
    path: str
    operation_id: str
    scopes: tuple[str, ...]
    handler: Any  # a CallHandler
    request: Any = None
    answer: Any = None
    statuses: tuple[int, ...] = (200,)
    query: type[msgspec.Struct] = Empty
    conflicts: tuple[str, ...] = ()
    listed: bool = False
    bare: bool = False
    idempotent: bool = False
    optional_body: bool = False
    public: bool = False

    @property
    def summary(self) -> str:
        """The first line of what the handler says."""
        return (self.handler.__doc__ or "").strip().partition("\n")[0]

    @property
    def description(self) -> str:
        """The rest of it, as one paragraph."""
        rest = (self.handler.__doc__ or "").strip().partition("\n")[2]
        return " ".join(rest.split())
