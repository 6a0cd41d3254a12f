"""The form that says what becomes of a file: a field for each column, tags, sequences."""

from collections.abc import Mapping, Sequence

import msgspec

from mailrith_lite import ids
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.console.forms import Fields
from mailrith_lite.imports.accept import ImportOrder
from mailrith_lite.imports.fields import OWN
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import MappedField
from mailrith_lite.imports.mapping import Mapping as ColumnMapping
from mailrith_lite.imports.uploads.analysis import guess
from mailrith_lite.imports.uploads.upload_store import Preview
from mailrith_lite.imports.uploads.upload_table import Upload

PLAIN: dict[str, str] = {field.type: field.label for field in OWN}
"""Type -> label of the fields that every subscriber has."""
_DRY = "dry"
_FILE = "file"


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the form. `targets`: one a column, as `option` writes it, "" for a column that is left out."""

    targets: list[str]
    tags: list[str] = []
    sequences: list[str] = []
    new_tag: str = ""

    def order(self, upload: Upload, names: Sequence[str], *, dry_run: bool) -> ImportOrder:
        """`names`: the columns of the file that the upload has."""
        return ImportOrder(
            upload_id=upload.public_id,
            upload_source=upload.source,
            mappings=[
                ColumnMapping(csv_column=name, field=_field(target))
                for name, target in zip(names, self.targets, strict=True)
                if target
            ],
            new_tag_name=self.new_tag.strip() or None,
            existing_tag_ids=self.tags,
            sequence_ids=self.sequences,
            dry_run=dry_run,
        )

    @property
    def fields(self) -> list[tuple[str, str]]:
        """As the fields of a form."""
        columns = [(f"column-{place}", target) for place, target in enumerate(self.targets) if target]
        listed = [*(("tag", tag) for tag in self.tags), *(("sequence", sequence) for sequence in self.sequences)]
        return [*columns, *listed, ("new_tag", self.new_tag)]


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column as the form shows it. `twice`: its name stands twice in the header, so it cannot be mapped."""

    name: str
    cells: list[str]
    target: str
    twice: bool


def guessed(preview: Preview, fields: Sequence[CustomField]) -> Chosen:
    """By the header, and by the cells of the first rows."""
    labels = {field.label: ids.encode(ids.CUSTOM_FIELD, field.id) for field in fields}
    cells = {name: [row[place] for row in preview.rows] for place, name in enumerate(preview.names)}
    found = {one.csv_column: option(one.field) for one in guess(preview.names, labels, cells)}
    return Chosen(targets=[found.get(name, "") for name in preview.names])


def parsed(names: Sequence[str], fields: Fields) -> Chosen:
    return Chosen(
        targets=[fields.get(f"column-{place}", "") for place in range(len(names))],
        tags=fields.getall("tag", []),
        sequences=fields.getall("sequence", []),
        new_tag=fields.get("new_tag", ""),
    )


def of_plan(names: Sequence[str], plan: ImportPlan) -> Chosen:
    """As a job was asked for."""
    targets = {
        column.name: option(MappedField(type=column.type, custom_field_id=_encoded(column.custom_field_id)))
        for column in plan.columns
    }
    return Chosen(
        targets=[targets.get(name, "") for name in names],
        tags=[ids.encode(ids.TAG, number) for number in plan.tag_ids],
        sequences=[ids.encode(ids.SEQUENCE, number) for number in plan.sequence_ids],
        new_tag=plan.new_tag_name or "",
    )


def columns(preview: Preview, chosen: Chosen) -> list[Column]:
    return [
        Column(
            name=name,
            cells=[row[place] for row in preview.rows if row[place].strip()],
            target=target,
            twice=preview.names.count(name) > 1,
        )
        for place, (name, target) in enumerate(zip(preview.names, chosen.targets, strict=True))
    ]


def options(fields: Sequence[CustomField]) -> Mapping[str, str]:
    """Custom field's id -> label."""
    return {ids.encode(ids.CUSTOM_FIELD, field.id): field.label for field in fields}


def option(field: MappedField) -> str:
    return field.custom_field_id or field.type


def file_field(upload: Upload) -> list[tuple[str, str]]:
    """As the field of a form: columns are told by their places, so they are those of one file and of no other."""
    return [(_FILE, upload.source or "")]


def is_of_file(fields: Fields, upload: Upload) -> bool:
    """Was the form made for the file that the upload has now?"""
    return fields.get(_FILE) == upload.source


def wants_dry_run(fields: Fields) -> bool:
    return fields.get("run") == _DRY


def _field(target: str) -> MappedField:
    """A text that is none of ours becomes an id that the workspace does not have."""
    own = next((field for field in OWN if field.type == target), None)
    return MappedField(type=own.type) if own else MappedField.custom(target)


def _encoded(number: int | None) -> str | None:
    return None if number is None else ids.encode(ids.CUSTOM_FIELD, number)
