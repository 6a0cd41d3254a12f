"""What the page of a segment shows of its form: rows with their choices, and names in place of ids."""

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience import countries, naming
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.segments import regions
from mailrith_lite.audience.segments.definition import Definition
from mailrith_lite.audience.segments.segment_table import referenced_integer_ids
from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.console import segment_form
from mailrith_lite.console.names import Option
from mailrith_lite.console.segment_check import SCOPES
from mailrith_lite.console.segment_form import LABELS, NAMED, NEVER_HERE, Row, SegmentForm
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection

MAX_SUGGESTIONS: Final = 100
"""Names of each kind in the page; a person can type every other one."""


class RowView(msgspec.Struct, frozen=True, kw_only=True):
    """`place`: of its elements, such as `0-1`. `suggestions`: the id of a list of values, or "".

    `kind`: `choices` has a check box for each of `options`, `choice` a list with one of them.
    """

    row: Row
    place: str
    label: str
    operators: tuple[str, ...]
    kind: Literal["text", "choices", "choice"] = "text"
    options: tuple[str, ...] = ()
    suggestions: str = ""

    @property
    def inputs(self) -> list[str]:
        """The texts of the inputs: the values, and a blank one for another value."""
        return [*(self.row.values or ("",)), ""]


def view_row(row: Row, place: str, fields: Mapping[str, CustomField]) -> RowView:
    """`fields`: by public id."""
    field = fields.get(row.field)
    kind: Literal["text", "choices", "choice"] = "text"
    options: tuple[str, ...] = ()
    suggestions = f"list-{row.field}" if row.field in (*NAMED, "country") else ""
    if field is not None:
        label = field.label
        suggestions = f"list-{row.field}" if field.options else ""
        if field.type == "Checkbox":
            kind, options = "choice", ("yes", "no")
    else:
        label = LABELS.get(row.field) or NEVER_HERE.get(row.field) or "Deleted field"
        if row.field == "subscriber_status":
            kind, options = "choices", STATUSES
    return RowView(
        row=row,
        place=place,
        label=label,
        operators=segment_form.operators(row.field, fields),
        kind=kind,
        options=tuple(dict.fromkeys((*options, *row.values)))
        if options
        else (),  # a value in another spelling stays
        suggestions=suggestions,
    )


def view_groups(form: SegmentForm, fields: Mapping[str, CustomField]) -> list[list[RowView]]:
    return [
        [view_row(row, f"{place}-{number}", fields) for number, row in enumerate(group.rows)]
        for place, group in enumerate(form.groups)
    ]


def choices(fields: Mapping[str, CustomField]) -> dict[str, list[Option]]:
    """The fields of a new condition, in groups."""
    built_in = [Option(id=field, name=label) for field, label in LABELS.items()]
    custom = [Option(id=public_id, name=field.label) for public_id, field in fields.items()]
    return {"Subscriber": built_in, **({"Custom fields": custom} if custom else {})}


async def suggestions(
    connection: Connection, call: SessionRequest, form: SegmentForm, fields: Mapping[str, CustomField]
) -> dict[str, list[str]]:
    """Id of a list -> values, for the fields that the form has."""
    used = {row.field for group in form.groups for row in group.rows}
    lists: dict[str, list[str]] = {}
    for resource in NAMED:
        if resource in used and call.may(SCOPES[resource]):
            lists[f"list-{resource}"] = await naming.select_newest_names(
                connection, call.workspace_id, resource, MAX_SUGGESTIONS
            )
    if "country" in used:
        lists["list-country"] = [*countries.codes(), *regions.NAMES]
    for public_id in used & fields.keys():
        if fields[public_id].options:
            lists[f"list-{public_id}"] = fields[public_id].options[:MAX_SUGGESTIONS]
    return lists


async def names_of(connection: Connection, call: SessionRequest, definition: Definition) -> dict[str, str]:
    """Public id -> name, for what the definition names and the key may read."""
    names: dict[str, str] = {}
    for resource in NAMED:
        numbers = referenced_integer_ids([definition], resource)
        if numbers and call.may(SCOPES[resource]):
            selected = await naming.select_names(connection, call.workspace_id, resource, numbers)
            names |= {ids.encode(resource, number): name for number, name in selected.items()}
    return names
