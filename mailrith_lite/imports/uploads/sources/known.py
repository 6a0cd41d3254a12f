"""Which tool wrote a file."""

from collections.abc import Iterable
from typing import Final

from mailrith_lite.audience.export_columns import COLUMNS
from mailrith_lite.imports.uploads.sources.address_books import ADDRESS_BOOKS
from mailrith_lite.imports.uploads.sources.customers import CUSTOMERS
from mailrith_lite.imports.uploads.sources.newsletters import NEWSLETTERS
from mailrith_lite.imports.uploads.sources.source import Source
from mailrith_lite.unicode_forms import letters_and_digits

MAILRITH: Final = Source(
    name="mailrith",
    label="Mailrith",
    identified_by=(COLUMNS,),
    columns={
        "Email": "email",
        "Name": "name",
        "Status": "subscriber-status",
        "Country": "country",
        "Subscribed At": "subscribed-at",
        "Last Opened At": "last-opened-at",
        "Tags": "tags",
        "Sequences": "sequences",
    },
)
"""Our own export. Its other columns are custom fields."""
SOURCES: Final = (MAILRITH, *NEWSLETTERS, *CUSTOMERS, *ADDRESS_BOOKS)


def label_of(name: str | None) -> str | None:
    """The name of the tool for people; None for a file without a source."""
    return next((source.label for source in SOURCES if source.name == name), None)


def find_source(names: Iterable[str]) -> Source | None:
    """The tool that the most columns identify; the first one among equals. `names`: of the file's columns."""
    keys = {letters_and_digits(name) for name in names}
    best = max(SOURCES, key=lambda source: source.evidence(keys))
    return best if best.evidence(keys) else None
