"""Which subscribers a client selects: the one filter of the list, of exports, of bulk changes and of the console.

`Selection.of` checks what a query, a form or a JSON body has. `check` looks up the ids of a new selection, which a
job then keeps as JSON. `resolve` makes the SQL filter when a list, a count or a job reads.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from mailrith_lite import errors, ids
from mailrith_lite.audience import conditions, listed_ids, sequences, tags, values
from mailrith_lite.audience.conditions import Bindings, SequenceOperator, TagOperator, join_conditions
from mailrith_lite.audience.filters import Fragment, SubscriberFilter
from mailrith_lite.audience.input_checks import read_value
from mailrith_lite.audience.segments import segment_query, segment_table
from mailrith_lite.audience.segments.compiler import Compiler, References
from mailrith_lite.audience.segments.definition import Condition, Definition, Group, Operator
from mailrith_lite.audience.vocabulary import Status
from mailrith_lite.database import Connection

MAX_TEXT: Final = 254
MAX_LISTED: Final = listed_ids.MAX_LISTED
MAX_CUSTOM_FIELDS: Final = 20


class FieldTest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A test of one custom field, with the operators and values of a segment's condition."""

    custom_field_id: str
    operator: Operator
    value: str | int | float | bool | list[str] | None = None


class Selection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Every member that is set must hold. All ids are public. `country`: an ISO 3166-1 alpha-2 code.

    An id that the workspace does not have matches nobody; only that of a custom field is an error.
    """

    search: str | None = None
    email: str | None = None
    status: Status | None = None
    cold_only: bool = False
    tag_ids: tuple[str, ...] | None = None
    tag_operator: TagOperator = "has_any_of"
    sequence_ids: tuple[str, ...] | None = None
    sequence_operator: SequenceOperator = "is_active_in_any_of"
    country: str | None = None
    segment_id: str | None = None
    import_job_id: str | None = None
    custom_fields: tuple[FieldTest, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        search: str | None = None,
        email: str | None = None,
        status: Status | None = None,
        cold_only: bool = False,
        tag_ids: Sequence[str] | None = None,
        tag_operator: TagOperator = "has_any_of",
        sequence_ids: Sequence[str] | None = None,
        sequence_operator: SequenceOperator = "is_active_in_any_of",
        country: str | None = None,
        segment_id: str | None = None,
        import_job_id: str | None = None,
        custom_fields: Sequence[FieldTest] = (),
    ) -> "Selection":
        """Trims the texts; blank ones are no filter. `country`: a code or a name.

        Raises:
            InvalidRequest: a value is too long or there are too many, or there is no such country.
        """
        if len(custom_fields) > MAX_CUSTOM_FIELDS:
            raise errors.InvalidRequest(
                f"custom_fields takes at most {MAX_CUSTOM_FIELDS} tests.", field="custom_fields"
            )
        name = _text(country, "country")
        return cls(
            search=_text(search, "search"),
            email=_text(email, "email"),
            status=status,
            cold_only=cold_only,
            tag_ids=_listed(tag_ids, "tag_ids"),
            tag_operator=tag_operator,
            sequence_ids=_listed(sequence_ids, "sequence_ids"),
            sequence_operator=sequence_operator,
            country=None if name is None else read_value(values.country, name, "country"),
            segment_id=segment_id or None,
            import_job_id=import_job_id or None,
            custom_fields=tuple(custom_fields),
        )


async def resolve(
    connection: Connection, workspace_id: int, selection: Selection, *, time_zone: str | None, now: int
) -> SubscriberFilter:
    """The filter in SQL. `time_zone`: of the workspace, for conditions on days.

    Raises:
        InvalidRequest: a custom field does not exist, or does not take the operator or the value.
    """
    tag_ids = sequence_ids = None
    if selection.tag_ids is not None:
        numbers = _numbers(ids.TAG, selection.tag_ids)
        tag_ids = tuple(sorted(await tags.select_known_tag_ids(connection, workspace_id, numbers)))
    if selection.sequence_ids is not None:
        numbers = _numbers(ids.SEQUENCE, selection.sequence_ids)
        known = await sequences.select_known_sequence_ids(connection, workspace_id, numbers)
        sequence_ids = tuple(sorted(known))
    compiled = None
    if selection.segment_id is not None or selection.custom_fields:
        references = await segment_query.select_references(
            connection, workspace_id, _segment_definitions(selection), time_zone, now
        )
        compiled = await asyncio.to_thread(_compile, workspace_id, selection, references)  # a segment can be large
    return SubscriberFilter(
        search=selection.search,
        email=selection.email,
        status=selection.status,
        cold_only=selection.cold_only,
        tag_ids=tag_ids,
        tag_operator=selection.tag_operator,
        sequence_ids=sequence_ids,
        sequence_operator=selection.sequence_operator,
        country=selection.country,
        import_job_id=_optional_number(ids.IMPORT_JOB, selection.import_job_id),
        compiled=compiled,
    )


async def check(
    connection: Connection, workspace_id: int, selection: Selection, *, time_zone: str | None, now: int
) -> None:
    """Checks a selection before a job keeps it.

    Raises:
        InvalidRequest: an id does not exist in the workspace, a custom field does not take its test, or the filter
            is too complex.
    """
    if selection.tag_ids is not None:
        numbers = listed_ids.decode(ids.TAG, selection.tag_ids, "tag_ids")
        known = await tags.select_known_tag_ids(connection, workspace_id, numbers)
        listed_ids.check(numbers, known, "tag_ids", ids.TAG)
    if selection.sequence_ids is not None:
        numbers = listed_ids.decode(ids.SEQUENCE, selection.sequence_ids, "sequence_ids")
        known = await sequences.select_known_sequence_ids(connection, workspace_id, numbers)
        listed_ids.check(numbers, known, "sequence_ids", ids.SEQUENCE)
    if selection.import_job_id is not None and ids.decode(ids.IMPORT_JOB, selection.import_job_id) is None:
        raise errors.InvalidRequest(
            f"import_job_id takes the id of an import, such as {ids.encode(ids.IMPORT_JOB, 1)}.",
            field="import_job_id",
        )
    resolved = await resolve(connection, workspace_id, selection, time_zone=time_zone, now=now)
    if resolved.compiled is None:
        return
    if selection.segment_id is not None and not await _is_segment(connection, workspace_id, selection.segment_id):
        raise errors.InvalidRequest(
            "There is no segment with this id in the workspace.", field="segment_id", reason="segment_not_found"
        )
    if not await segment_query.is_possible(connection, resolved.query(workspace_id, now)):
        raise errors.InvalidRequest(
            "The filter is too complex; use a simpler segment or fewer custom fields.", reason="too_complex"
        )


async def _is_segment(connection: Connection, workspace_id: int, public_id: str) -> bool:
    number = ids.decode(ids.SEGMENT, public_id) or 0
    return await segment_table.select_segment(connection, workspace_id, number) is not None


def _segment_definitions(selection: Selection) -> list[Definition]:
    """A definition that names the selection's segment, to select what it refers to."""
    if selection.segment_id is None:
        return []
    condition = Condition(id="segment", field="segment", operator="is", value=selection.segment_id)
    return [Definition(match="all", groups=[Group(id="segment", match="all", conditions=[condition])])]


def _compile(workspace_id: int, selection: Selection, references: References) -> Fragment:
    """
    Raises:
        InvalidRequest: with the path of the test that a custom field does not take.
    """
    bindings = Bindings("compiled")
    in_workspace = conditions.in_workspace(bindings, workspace_id)
    parts: list[str] = []
    tables: tuple[str, ...] = ()
    if selection.segment_id is not None:
        number = ids.decode(ids.SEGMENT, selection.segment_id) or 0
        definition = references.segments.get(number)
        compiler = Compiler(references, bindings, own_id=number, saved=True)
        parts.append("false" if definition is None else compiler.compile(definition))
        tables = segment_query.table_definitions(compiler, in_workspace)
    compiler = Compiler(references, bindings, own_id=None, saved=False)
    for position, test in enumerate(selection.custom_fields):
        parts.append(_compile_test(compiler, test, f"custom_fields[{position}]"))
    return Fragment(condition=join_conditions("all", parts), tables=tables, values=bindings.values)


def _compile_test(compiler: Compiler, test: FieldTest, path: str) -> str:
    condition = Condition(
        id=path, field="custom_field", operator=test.operator, value=test.value, customFieldId=test.custom_field_id
    )
    try:
        return compiler.compile_condition(condition, path)
    except errors.InvalidRequest as error:  # it has the names of a segment's condition
        raise errors.InvalidRequest(
            error.message.replace("customFieldId", "custom_field_id"),
            field=error.details.get("field", path).replace("customFieldId", "custom_field_id"),
            reason=error.details.get("reason"),
        ) from None


def _optional_number(prefix: str, public_id: str | None) -> int | None:
    """0 for a text that is no such id."""
    return None if public_id is None else ids.decode(prefix, public_id) or 0


def _numbers(prefix: str, public_ids: Sequence[str]) -> list[int]:
    return [number for public_id in public_ids if (number := ids.decode(prefix, public_id)) is not None]


def _text(text: str | None, field: str) -> str | None:
    trimmed = "" if text is None else text.strip()
    if len(trimmed) > MAX_TEXT or "\0" in trimmed:
        raise errors.InvalidRequest(f"{field} takes at most {MAX_TEXT} characters, without a NUL.", field=field)
    return trimmed or None


def _listed(public_ids: Sequence[str] | None, field: str) -> tuple[str, ...] | None:
    if public_ids is None:
        return None
    if len(public_ids) > MAX_LISTED:
        raise errors.InvalidRequest(f"{field} takes at most {MAX_LISTED} ids.", field=field)
    return tuple(public_ids)
