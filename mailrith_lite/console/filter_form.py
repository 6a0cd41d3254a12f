"""Whom a page shows: the choice that a form or an address makes."""

from collections.abc import Mapping
from typing import Any, Final, get_args

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.values import Status

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
MAX_SEARCH = 254


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """`tag`, `sequence`: public ids."""

    search: str | None = None
    status: Status | None = None
    tag: str | None = None
    sequence: str | None = None
    cold: bool = False

    @property
    def fields(self) -> dict[str, str]:
        """As the fields of a form, or the parameters of an address."""
        found: dict[str, Any] = msgspec.structs.asdict(self)
        return {name: "on" if value is True else value for name, value in found.items() if value}

    def subscriber_filter(self) -> SubscriberFilter:
        """An id of another workspace finds nobody: its members are not in this one."""
        return SubscriberFilter(
            search=self.search,
            status=self.status,
            cold_only=self.cold,
            tag_ids=_numbers(ids.TAG, self.tag),
            sequence_ids=_numbers(ids.SEQUENCE, self.sequence),
        )


def parse(fields: Mapping[str, str]) -> Choice:
    """
    Raises:
        InvalidQuery: the search is too long, or there is no such status.
    """
    search = fields.get("search", "").strip()
    if len(search) > MAX_SEARCH or "\0" in search:
        raise errors.InvalidQuery(f"The search takes at most {MAX_SEARCH} characters.", field="search")
    chosen = fields.get("status", "")
    status = next((known for known in STATUSES if known == chosen), None)
    if chosen and status is None:
        raise errors.InvalidQuery("There is no such status.", field="status")
    return Choice(
        search=search or None,
        status=status,
        tag=fields.get("tag") or None,
        sequence=fields.get("sequence") or None,
        cold=bool(fields.get("cold")),
    )


def _numbers(prefix: str, public_id: str | None) -> tuple[int, ...] | None:
    """None asks nothing; an id that is none is one that nobody has."""
    if public_id is None:
        return None
    number = ids.decode(prefix, public_id)
    return () if number is None else (number,)
