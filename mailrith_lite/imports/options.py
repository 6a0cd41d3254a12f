"""The options of an import request: what it has besides mappings, tags and sequences."""

from typing import Literal

import msgspec

from mailrith_lite.audience.vocabulary import Status

InvalidCells = Literal["refuse_row", "leave_out"]
Delimiter = Literal[",", ";", "\t", "|"]


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`status`: of each row without a mapped status. `invalid_cells`: what happens to the row of a cell that cannot
    be read; None means refuse_row.

    `header`: False when the first line is a row. `delimiter`, `encoding`: None when the file decides. `file`: the
    name of a file in an archive.
    """

    status: Status | None = None
    invalid_cells: InvalidCells | None = None
    header: bool | None = None
    delimiter: Delimiter | None = None
    encoding: str | None = None
    file: str | None = None
