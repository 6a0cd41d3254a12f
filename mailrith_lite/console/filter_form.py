"""The filter of a page, as form fields or as parameters of the address."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience.filters import SubscriberFilter
from mailrith_lite.audience.vocabulary import STATUSES, Status
from mailrith_lite.http import wire_errors
from mailrith_lite.jobs.kinds import IMPORT

MAX_SEARCH = 254


class FilterForm(msgspec.Struct, frozen=True, kw_only=True):
    """`tag`, `sequence`, `imported`: public ids; the last of an import job."""

    search: str | None = None
    status: Status | None = None
    tag: str | None = None
    sequence: str | None = None
    imported: str | None = None
    cold: bool = False

    @property
    def fields(self) -> dict[str, str]:
        """The form fields, or address parameters, that `parse` turns into this filter."""
        values: dict[str, Any] = msgspec.structs.asdict(self)
        return {name: "on" if value is True else value for name, value in values.items() if value}

    def subscriber_filter(self) -> SubscriberFilter:
        return SubscriberFilter(
            search=self.search,
            status=self.status,
            cold_only=self.cold,
            tag_ids=_decode(ids.TAG, self.tag),
            sequence_ids=_decode(ids.SEQUENCE, self.sequence),
            import_job_id=None if self.imported is None else IMPORT.decode(self.imported) or 0,
        )


def parse(fields: Mapping[str, str]) -> FilterForm:
    """
    Raises:
        InvalidQuery: the search is too long, or there is no such status.
    """
    search = fields.get("search", "").strip()
    if len(search) > MAX_SEARCH or "\0" in search:
        raise wire_errors.InvalidQuery(f"The search takes at most {MAX_SEARCH} characters.", field="search")
    name = fields.get("status", "")
    status = next((known for known in STATUSES if known == name), None)
    if name and status is None:
        raise wire_errors.InvalidQuery("There is no such status.", field="status")
    return FilterForm(
        search=search or None,
        status=status,
        tag=fields.get("tag") or None,
        sequence=fields.get("sequence") or None,
        imported=fields.get("imported") or None,
        cold=bool(fields.get("cold")),
    )


def _decode(prefix: str, public_id: str | None) -> tuple[int, ...] | None:
    """None: no filter. Empty: the id is malformed, so nobody matches."""
    if public_id is None:
        return None
    number = ids.decode(prefix, public_id)
    return () if number is None else (number,)
