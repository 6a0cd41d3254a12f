"""Selections, CSV rows and refusals as text."""

from collections.abc import Sequence

from mailrith_lite.audience.selection import Selection

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


def selection(selection: Selection) -> str:
    """`All subscribers`, `Cold and Active subscribers matching “ada”`"""
    kinds = [*(["cold"] if selection.cold_only else []), *filter(None, [selection.status])]
    text = f"{' and '.join(kinds)} subscribers" if kinds else "All subscribers"
    if selection.search is not None:
        text += f" matching “{selection.search}”"
    if selection.import_job_id is not None:
        text += f" of the import {selection.import_job_id}"
    return text[:1].upper() + text[1:]
