"""How the documentation shows the texts of a request. The rules themselves are the rooms', which trim first.

`extra_json_schema`, because msgspec would enforce anything else, before the rule that names what is wrong.
"""

from msgspec import Meta

_LINE = r"^[^\x00-\x1f\x7f-\x9f]*$"
_NAME = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"


def name(most: int) -> Meta:
    """Not blank, and on one line."""
    return Meta(
        description=f"1 to {most} characters, none a control character",
        extra_json_schema={"minLength": 1, "maxLength": most, "pattern": _NAME},
    )


def line(most: int) -> Meta:
    """May be empty."""
    return Meta(
        description=f"At most {most} characters, none a control character",
        extra_json_schema={"maxLength": most, "pattern": _LINE},
    )


def long(most: int) -> Meta:
    return Meta(description=f"At most {most:,} characters", extra_json_schema={"maxLength": most})


def without_nul(most: int) -> Meta:
    return Meta(
        description=f"At most {most:,} characters, none a NUL",
        extra_json_schema={"maxLength": most, "pattern": r"^[^\x00]*$"},
    )


def of_format(name: str, description: str) -> Meta:
    """`name`: one of JSON Schema's formats."""
    return Meta(description=description, extra_json_schema={"format": name})


def listed(most: int, description: str) -> Meta:
    return Meta(description=description, extra_json_schema={"maxItems": most})
