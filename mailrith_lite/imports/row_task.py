"""What the second pass of an import needs to read the rows of its file, in whichever process it runs."""

import functools

import msgspec

from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.imports import moments
from mailrith_lite.imports.mapping import Column
from mailrith_lite.imports.options import ImportOptions
from mailrith_lite.imports.records import Layout
from mailrith_lite.imports.rows import RowReader


class RowTask(msgspec.Struct, frozen=True, kw_only=True):
    """`time_zone`: of the workspace; an IANA name, None is UTC. `now`: no time in the file is later."""

    layout: Layout
    columns: list[Column]
    fields: list[CustomField]
    formula_guard: bool
    time_zone: str | None
    now: int
    options: ImportOptions

    def reader(self) -> RowReader:
        return RowReader(
            self.columns,
            {field.id: field for field in self.fields},
            width=len(self.layout.names),
            formula_guard=self.formula_guard,
            moments=functools.partial(moments.moment_reader, self.time_zone, self.now),
            options=self.options,
        )
