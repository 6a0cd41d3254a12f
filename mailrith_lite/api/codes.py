"""The codes of invalid requests: the Struct of a body or a query says which code each of its members has."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from mailrith_lite import errors

_FIRST_MEMBER = re.compile(r"(\w+)(?:$|\.|\[\d)")
"""Of a path. The name of an unknown parameter, such as `tag_ids[]`, need not be a path."""


class Codes(msgspec.Struct, frozen=True, kw_only=True):
    """The value of `CODES` in the Struct of a request.

    `own`: for an unknown or missing member, and for every member that is not in `fields`. `fields`: member -> code.
    """

    own: str = errors.Invalid.code
    fields: Mapping[str, str] = {}

    def code(self, field: str | None, *, missing: bool = False) -> str:
        """`field`: a path such as `definition.groups[0].match`; its first member counts."""
        if missing and self.own != errors.Invalid.code and field in self.fields:
            return self.own
        first = _FIRST_MEMBER.match(field or "")
        return self.fields.get(first[1], self.own) if first else self.own


def assign(error: errors.Invalid, form: Any) -> None:
    """Gives the error the code of its field in the form, unless the error has a code of its own."""
    codes = getattr(form, "CODES", None)
    if codes is not None and error.error_code == errors.Invalid.code:
        missing = error.details.get("reason") == "missing"
        error.error_code = codes.code(error.details.get("field"), missing=missing)
