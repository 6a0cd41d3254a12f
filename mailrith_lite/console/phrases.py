"""Selections, CSV rows and refusals as text."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from mailrith_lite.audience.selection import Selection

_NO_NAMES: Final[Mapping[str, str]] = MappingProxyType({})
_EXPECTED = {
    "missing_email": "an email address",
    "invalid_email": "an email address",
    "invalid_status": "a status",
    "invalid_country": "a country",
    "invalid_date": "a date",
    "invalid_number": "a number",
}
_EXPECTED_BY_TYPE = {
    "Date": "a date",
    "Number": "a number",
    "Checkbox": "yes or no",
    "Select (Dropdown)": "one of the options",
    "Single Select": "one of the options",
    "Multi Select": "a list of the options",
}


def expected(code: str, field_type: str) -> str:
    """What a refused cell should be. `field_type`: of a custom field, else ""."""
    return _EXPECTED.get(code) or _EXPECTED_BY_TYPE.get(field_type) or "a value of this field"


_REASONS = {
    "missing_email": "no email",
    "invalid_status": "not a known status",
    "value_too_long": "too long",
    "too_many_columns": "more cells than the header has columns",
    "status_kept": "the suppressed status stays",
    "unknown_sequence": "no such sequence",
}


def reason(code: str, field_type: str) -> str:
    """Why a row is in the report. `field_type`: of a custom field, else ""."""
    return _REASONS.get(code) or f"not {expected(code, field_type)}"


def row(cells: Sequence[str]) -> str:
    """`ada@example.com │ – │ Ada`. Blank cells at the end are left out."""
    texts = [cell.strip() or "–" for cell in cells]
    while texts and texts[-1] == "–":
        texts.pop()
    return " │ ".join(texts)


def selection(selection: Selection, names: Mapping[str, str] = _NO_NAMES) -> str:
    """`All subscribers`, `Cold and Active subscribers matching “ada” in the segment Readers`

    `names`: public id -> name, as `names.of_selections` selects them.
    """
    kinds = [*(["cold"] if selection.cold_only else []), *filter(None, [selection.status])]
    text = f"{' and '.join(kinds)} subscribers" if kinds else "All subscribers"
    if selection.search is not None:
        text += f" matching “{selection.search}”"
    if selection.email is not None:
        text += f" with the address {selection.email}"
    if selection.country is not None:
        text += f" in {selection.country}"
    if selection.segment_id is not None:
        text += f" in the segment {names.get(selection.segment_id, selection.segment_id)}"
    if selection.tag_ids is not None:
        negation = "out" if selection.tag_operator == "has_none_of" else ""
        text += f" with{negation} the tag {_any(selection.tag_ids, names)}"
    if selection.sequence_ids is not None:
        operator = selection.sequence_operator.removesuffix("_any_of").replace("_", " ")
        text += f"; sequence {operator} {_any(selection.sequence_ids, names)}"
    for test in selection.custom_fields:
        value = " or ".join(test.value) if isinstance(test.value, list) else test.value
        shown = "" if value is None else f" {value}"
        text += (
            f"; {names.get(test.custom_field_id, test.custom_field_id)} {test.operator.replace('_', ' ')}{shown}"
        )
    if selection.import_job_id is not None:
        text += f" of the import {selection.import_job_id}"
    return text[:1].upper() + text[1:]


def _any(public_ids: Sequence[str], names: Mapping[str, str]) -> str:
    return " or ".join(names.get(public_id, public_id) for public_id in public_ids)
