"""What is wrong with the form of an upload, in the words of its page, and where the page shows it."""

from collections.abc import Sequence

from mailrith_lite import errors, ids
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.tags import MAX_NAME
from mailrith_lite.audience.values import has_control
from mailrith_lite.console.column_form import NEW_FIELD, ColumnForm, open_questions, question_field
from mailrith_lite.imports.fields import FIELDS
from mailrith_lite.imports.mapping import Mapping
from mailrith_lite.imports.uploads.analysis import Analysis

Problems = dict[str, str]
"""The id of an element of the page -> what is wrong there. "": the problem belongs to no element."""

_DELETED = {
    "custom_field_not_found": "A custom field that you chose is no longer there. Choose again.",
    "tag_not_found": "A tag that you chose is no longer there. Choose again.",
    "sequence_not_found": "A sequence that you chose is no longer there. Choose again.",
}
_WHOLE_FILE = {
    "new_tag_name": "new_tag",
    "existing_tag_ids": "tags",
    "sequence_ids": "sequences",
    "status": "status",
}


def find_problems(form: ColumnForm, analysis: Analysis, custom_fields: Sequence[CustomField]) -> Problems:
    """Finds what a person can overlook, before the import checks the rest."""
    problems = {
        question_field(question, analysis): f"Choose an answer: {question.text}"
        for question in open_questions(form, analysis)
    }
    problems |= _mapped_twice(form, analysis, custom_fields)
    for place, choice in enumerate(form.columns):
        if choice.target == NEW_FIELD and not choice.label.strip():
            problems[f"label-{place}"] = (
                f"Enter a label for the new custom field of “{analysis.columns[place].name}”."
            )
    if len(form.new_tag.strip()) > MAX_NAME or has_control(form.new_tag.strip()):
        problems["new_tag"] = f"A tag’s name has 1 to {MAX_NAME} characters, and no control characters."
    return problems


def from_error(error: errors.InvalidRequest, mappings: Sequence[Mapping], analysis: Analysis) -> Problems:
    """The problems of the page, from the error that refused the import. `mappings`: those of the refused
    request."""
    text = _DELETED.get(error.details.get("reason", ""), error.message)
    field = error.details.get("field", "")
    places = {column.name: place for place, column in enumerate(analysis.columns)}
    for position, mapping in enumerate(mappings):
        if field.startswith(f"mappings[{position}]") and mapping.csv_column in places:
            kind = next((kind for kind in ("label", "options", "format") if field.endswith(f".{kind}")), "column")
            return {f"{kind}-{places[mapping.csv_column]}": text}
    if field == "mappings":
        return {"columns": "Choose which column is the email."}
    return {_WHOLE_FILE.get(field.partition("[")[0], ""): text}


def _mapped_twice(form: ColumnForm, analysis: Analysis, custom_fields: Sequence[CustomField]) -> Problems:
    labels: dict[str, str] = {field.type: field.label for field in FIELDS.values() if not field.several}
    labels |= {ids.encode(ids.CUSTOM_FIELD, field.id): field.label for field in custom_fields}
    problems: Problems = {}
    for target, label in labels.items():
        places = [place for place, choice in enumerate(form.columns) if choice.target == target]
        if len(places) < 2 or target == NEW_FIELD:
            continue
        for place in places:
            both = [place, *(other for other in places if other != place)]
            listed = " and ".join(f"“{analysis.columns[one].name}”" for one in both)
            problems[f"column-{place}"] = (
                f"{label} can come from one column only, not from {listed}. Leave all but one of them out."
            )
    return problems
