"""Checks the form of a segment with the rules of the API, and says beside which row something is wrong."""

import asyncio
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import workspaces
from mailrith_lite.audience import naming
from mailrith_lite.audience.conditions import Bindings
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.segments import segment_query
from mailrith_lite.audience.segments.compiler import Compiler, References
from mailrith_lite.audience.segments.definition import Definition
from mailrith_lite.audience.segments.segment_query import Query
from mailrith_lite.console import segment_form
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.segment_form import NAMED, SegmentForm
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.database import Connection

SCOPES: Final = {ids.TAG: "tags:read", ids.SEQUENCE: "sequences:read", ids.SEGMENT: "segments:read"}
"""Without the scope, a page has ids in place of names."""
_PLACE: Final = re.compile(r"definition\.groups\[(\d+)\]\.conditions\[(\d+)\](?:\.(\w+))?")

_MESSAGES: Final[dict[str, str]] = {
    "tag_not_found": "There is no tag with this name.",
    "sequence_not_found": "There is no sequence with this name.",
    "segment_not_found": "There is no segment with this name.",
    "custom_field_not_found": "This custom field is no longer there; remove the condition.",
    "circular_reference": "A segment cannot contain itself, also not through another segment.",
    "operator_not_for_field": "Choose an operator of the list.",
}


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """`definition` and `query` are None if there are problems."""

    definition: Definition | None = None
    query: Query | None = None
    problems: Problems = {}


async def check(
    connection: Connection,
    call: SessionRequest,
    form: SegmentForm,
    fields: Mapping[str, CustomField],
    own_id: int | None,
) -> Checked:
    """`fields`: all custom fields by public id. `own_id`: the integer id of the saved segment."""
    problems = segment_form.incomplete(form)
    public_ids = await _public_ids(connection, call, form)
    try:
        sent = segment_form.to_definition(form, public_ids, fields)
        definition = msgspec.convert(sent, Definition)
    except msgspec.ValidationError:
        return Checked(problems=problems or {"": "The form is not the one of this page; open the page again."})
    workspace = await workspaces.select_own(connection, call.workspace_id)
    references = await segment_query.select_references(
        connection, call.workspace_id, [definition], workspace.time_zone, clock.now()
    )
    found = await asyncio.to_thread(_problems, definition, references, own_id)
    problems = found | problems  # what is not filled in says so in simpler words
    if problems:
        return Checked(problems=problems)
    try:
        query = await asyncio.to_thread(
            segment_query.build_query, call.workspace_id, definition, references, own_id=own_id
        )
        await segment_query.check_possible(connection, query)
    except errors.InvalidRequest as error:
        return Checked(problems=_beside_its_row(error))
    return Checked(definition=definition, query=query)


async def _public_ids(
    connection: Connection, call: SessionRequest, form: SegmentForm
) -> dict[tuple[str, str], str]:
    """(field, name) -> public id. A name that nothing has is missing."""
    public_ids: dict[tuple[str, str], str] = {}
    for resource in NAMED:
        names = {
            value
            for group in form.groups
            for row in group.rows
            if row.field == resource
            for value in row.values
            if ids.decode(resource, value) is None
        }
        if names and call.may(SCOPES[resource]):
            numbers = await naming.select_ids(connection, call.workspace_id, resource, names)
            public_ids |= {(resource, name): ids.encode(resource, number) for name, number in numbers.items()}
    return public_ids


def _problems(definition: Definition, references: References, own_id: int | None) -> Problems:
    """Each condition is compiled alone, so that the page shows all problems at once."""
    problems: Problems = {}
    for place, group in enumerate(definition.groups):
        for number, condition in enumerate(group.conditions):
            compiler = Compiler(references, Bindings(), own_id=own_id, saved=False)
            try:
                compiler.compile_condition(condition, f"definition.groups[{place}].conditions[{number}]")
            except errors.InvalidRequest as error:
                problems |= _beside_its_row(error)
    return problems


def _beside_its_row(error: errors.InvalidRequest) -> Problems:
    match = _PLACE.match(error.details.get("field", ""))
    if match is None:
        return {"": error.message}
    element = "operator" if match[3] == "operator" else "value"
    return {f"{element}-{match[1]}-{match[2]}": _MESSAGES.get(error.details.get("reason", ""), error.message)}
