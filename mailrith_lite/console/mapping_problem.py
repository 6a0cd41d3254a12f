"""What is wrong with a mapping, in the words of its page, and where the page shows it."""

from collections.abc import Sequence

import msgspec

from mailrith_lite import errors
from mailrith_lite.audience.tags import MAX_NAME
from mailrith_lite.audience.values import has_control
from mailrith_lite.console.mapping_form import SUBSCRIBER_FIELDS, MappingForm
from mailrith_lite.console.names import Option

_DELETED = {
    "custom_field_not_found": "A custom field that you chose is no longer there. Choose again.",
    "tag_not_found": "A tag that you chose is no longer there. Choose again.",
    "sequence_not_found": "A sequence that you chose is no longer there. Choose again.",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """`text`: at the top of the page. `notes`: beside a column, by its place. `new_tag`: beside that field."""

    text: str
    notes: dict[int, str] = {}
    new_tag: str = ""


def find_problem(names: Sequence[str], form: MappingForm, custom_fields: Sequence[Option]) -> Problem | None:
    """Finds what a person can overlook, before the import checks the rest. `names`: the columns of the file."""
    for field in (*SUBSCRIBER_FIELDS, *custom_fields):
        places = [place for place, target in enumerate(form.targets) if target == field.id]
        if len(places) > 1:
            return _mapped_twice(field.name, places, names)
    if "email" not in form.targets:
        return Problem(text="Choose which column is the email.")
    if len(form.new_tag.strip()) > MAX_NAME or has_control(form.new_tag.strip()):
        text = f"A tag’s name has 1 to {MAX_NAME} characters, and no control characters."
        return Problem(text=text, new_tag=text)
    return None


def from_error(error: errors.InvalidRequest, form: MappingForm) -> Problem:
    """A refusal of the import: something was deleted meanwhile, or the form was not made by the page."""
    text = _DELETED.get(error.details.get("reason", ""), error.message)
    field = error.details.get("field", "")
    mapped = [place for place, target in enumerate(form.targets) if target]
    notes = {place: text for position, place in enumerate(mapped) if field.startswith(f"mappings[{position}]")}
    return Problem(text=text, notes=notes)


def _mapped_twice(label: str, places: Sequence[int], names: Sequence[str]) -> Problem:
    listed = " and ".join(f"“{names[place] or '(no name)'}”" for place in places)
    return Problem(
        text=f"{label} can come from one column only, not from {listed}. Leave all but one of them out.",
        notes=dict.fromkeys(places, f"{label} is chosen for another column, too."),
    )
