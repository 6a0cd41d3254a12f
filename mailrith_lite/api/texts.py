"""Schemas of texts in requests, for the documentation.

The rooms check the texts, after trimming. `extra_json_schema`, because msgspec enforces every other constraint, and
its message is less exact than that of the room.
"""

from msgspec import Meta

_LINE = r"^[^\x00-\x1f\x7f-\x9f]*$"
_NAME = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"


def name(most: int) -> Meta:
    """One line that is not blank."""
    return Meta(
        description=f"1 to {most} characters, without control characters",
        extra_json_schema={"minLength": 1, "maxLength": most, "pattern": _NAME},
    )


def line(most: int) -> Meta:
    """One line, which may be empty."""
    return Meta(
        description=f"At most {most} characters, without control characters",
        extra_json_schema={"maxLength": most, "pattern": _LINE},
    )


def long(most: int) -> Meta:
    return Meta(description=f"At most {most:,} characters", extra_json_schema={"maxLength": most})


def without_nul(most: int) -> Meta:
    return Meta(
        description=f"At most {most:,} characters, without a NUL",
        extra_json_schema={"maxLength": most, "pattern": r"^[^\x00]*$"},
    )


def of_format(name: str, description: str) -> Meta:
    """`name`: a format of JSON Schema."""
    return Meta(description=description, extra_json_schema={"format": name})


def listed(most: int, description: str) -> Meta:
    return Meta(description=description, extra_json_schema={"maxItems": most})
