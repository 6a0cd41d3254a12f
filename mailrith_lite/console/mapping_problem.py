"""What is wrong with a mapping, in the words of its page, and beside which columns that is said."""

from collections.abc import Mapping, Sequence

import msgspec

from mailrith_lite import errors
from mailrith_lite.audience.tags import MAX_NAME
from mailrith_lite.audience.values import has_control
from mailrith_lite.console.mapping_form import PLAIN, Chosen

_GONE = {
    "custom_field_not_found": "A custom field that you chose is no longer there. Choose again.",
    "tag_not_found": "A tag that you chose is no longer there. Choose again.",
    "sequence_not_found": "A sequence that you chose is no longer there. Choose again.",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """`notes`: a column's place -> what is said beside it; `new_tag`: what is said of the new tag's name."""

    text: str
    notes: dict[int, str] = {}
    new_tag: str = ""


def found(names: Sequence[str], chosen: Chosen, custom: Mapping[str, str]) -> Problem | None:
    """What a person can overlook. `custom`: custom field's id -> label."""
    for target, label in [*PLAIN.items(), *custom.items()]:
        places = [place for place, other in enumerate(chosen.targets) if other == target]
        if len(places) > 1:
            return _filled_twice(label, [(place, names[place] or "(no name)") for place in places])
    if "email" not in chosen.targets:
        return Problem(text="Choose which column is the email.")
    if len(chosen.new_tag.strip()) > MAX_NAME or has_control(chosen.new_tag.strip()):
        told = f"A tag’s name has 1 to {MAX_NAME} characters, and no control characters."
        return Problem(text=told, new_tag=told)
    return None


def of_error(error: errors.InvalidBody, chosen: Chosen) -> Problem:
    """What only the workspace, or somebody who sends forms of their own, can bring about."""
    text = _GONE.get(error.details.get("reason", ""), error.message)
    wrong = error.details.get("field", "")
    mapped = [place for place, target in enumerate(chosen.targets) if target]
    notes = {place: text for position, place in enumerate(mapped) if wrong.startswith(f"mappings[{position}]")}
    return Problem(text=text, notes=notes)


def _filled_twice(label: str, columns: Sequence[tuple[int, str]]) -> Problem:
    listed = " and ".join(f"“{name}”" for _, name in columns)
    return Problem(
        text=f"{label} can come from one column only, not from {listed}. Leave all but one of them out.",
        notes={place: f"{label} is chosen for another column, too." for place, _ in columns},
    )
