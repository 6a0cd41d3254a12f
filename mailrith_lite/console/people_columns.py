"""The columns of the list of subscribers: those that a person can choose, and those that the address names."""

from collections.abc import Mapping
from typing import Final

import msgspec
from multidict import MultiMapping

from mailrith_lite import ids
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.values import field_text

PARAMETER: Final = "column"
MAX_COLUMNS: Final = 8
_FIXED: Final = {
    "status": "Status",
    "country": "Country",
    "tags": "Tags",
    "sequences": "Sequences",
    "subscribed_at": "Subscribed",
    "last_opened_at": "Last opened",
    "created_at": "Created",
    "updated_at": "Changed",
}
_DEFAULT: Final = ("status", "country", "tags", "subscribed_at")
_TIMES: Final = frozenset(["subscribed_at", "last_opened_at", "created_at", "updated_at"])
_MAX_TEXT = 60  # characters of a value


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """`key`: as in the address. `field`: the integer id of a custom field, as text; empty for another column."""

    key: str
    label: str
    chosen: bool
    field: str = ""

    @property
    def is_time(self) -> bool:
        return self.key in _TIMES

    def value(self, subscriber: Subscriber) -> str:
        """Of a custom field, shortened."""
        saved = subscriber.custom_fields.get(self.field)
        text = "" if saved is None else " ".join(field_text(saved).split())
        return text if len(text) <= _MAX_TEXT else f"{text[: _MAX_TEXT - 1]}…"


def read(query: MultiMapping[str], labels: Mapping[int, str]) -> list[Column]:
    """All columns. `labels`: of the workspace's custom fields. Without a parameter, the usual ones are chosen."""
    known = dict(_FIXED) | {ids.encode(ids.CUSTOM_FIELD, number): label for number, label in labels.items()}
    named = [key for key in query.getall(PARAMETER, []) if key in known]
    chosen = set(named[:MAX_COLUMNS] if PARAMETER in query else _DEFAULT)
    fields = {ids.encode(ids.CUSTOM_FIELD, number): str(number) for number in labels}
    return [
        Column(key=key, label=label, chosen=key in chosen, field=fields.get(key, ""))
        for key, label in known.items()
    ]


def parameters(query: MultiMapping[str], columns: list[Column]) -> list[tuple[str, str]]:
    """The parameters with which another page has the same columns."""
    if PARAMETER not in query:
        return []
    return [(PARAMETER, column.key) for column in columns if column.chosen] or [(PARAMETER, "")]
