"""The form of the mapping page: a field for each column, and tags and sequences for everyone in the file."""

from collections.abc import Sequence

import msgspec

from mailrith_lite import ids
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.names import Option
from mailrith_lite.imports.accept import ImportOrder
from mailrith_lite.imports.fields import STANDARD_FIELDS
from mailrith_lite.imports.import_table import ImportPlan
from mailrith_lite.imports.mapping import MappedField, Mapping
from mailrith_lite.imports.uploads.analysis import guess
from mailrith_lite.imports.uploads.preview import Preview
from mailrith_lite.imports.uploads.upload_table import Upload

SUBSCRIBER_FIELDS = tuple(Option(id=field.type, name=field.label) for field in STANDARD_FIELDS)
_FILE = "file"


class MappingForm(msgspec.Struct, frozen=True, kw_only=True):
    """The values of the form.

    `targets`: for each column of the file, the type of a field or the public id of a custom field; "" leaves the
    column out. `tags`, `sequences`: public ids.
    """

    targets: list[str]
    tags: list[str] = []
    sequences: list[str] = []
    new_tag: str = ""

    def order(self, upload: Upload, names: Sequence[str], *, dry_run: bool) -> ImportOrder:
        """`names`: the columns of the upload's file."""
        return ImportOrder(
            upload_id=upload.public_id,
            upload_source=upload.source,
            mappings=[
                Mapping(csv_column=name, field=_mapped_field(target))
                for name, target in zip(names, self.targets, strict=True)
                if target
            ],
            new_tag_name=self.new_tag.strip() or None,
            existing_tag_ids=self.tags,
            sequence_ids=self.sequences,
            dry_run=dry_run,
        )

    def fields(self) -> Fields:
        """The fields that `parse` turns into this form."""
        fields = Fields((f"column-{place}", target) for place, target in enumerate(self.targets) if target)
        fields.extend(("tag", tag) for tag in self.tags)
        fields.extend(("sequence", sequence) for sequence in self.sequences)
        fields.add("new_tag", self.new_tag)
        return fields


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """A column as the page shows it. `cells`: those of the first rows that are not blank.

    `ambiguous`: the header has its name several times, so it cannot be mapped.
    """

    name: str
    cells: list[str]
    target: str
    ambiguous: bool


def guess_form(preview: Preview, custom_fields: Sequence[Option]) -> MappingForm:
    """Guesses from the header and the cells of the first rows."""
    labels = {field.name: field.id for field in custom_fields}
    cells = {name: [row[place] for row in preview.rows] for place, name in enumerate(preview.names)}
    targets = {mapping.csv_column: _target(mapping.field) for mapping in guess(preview.names, labels, cells)}
    return MappingForm(targets=[targets.get(name, "") for name in preview.names])


def parse(names: Sequence[str], fields: Fields) -> MappingForm:
    return MappingForm(
        targets=[fields.get(f"column-{place}", "") for place in range(len(names))],
        tags=fields.getall("tag", []),
        sequences=fields.getall("sequence", []),
        new_tag=fields.get("new_tag", ""),
    )


def from_plan(names: Sequence[str], plan: ImportPlan) -> MappingForm:
    """The form that was sent for this import. A column of the plan that the file does not have is dropped."""
    targets = {
        column.name: column.type
        if column.custom_field_id is None
        else ids.encode(ids.CUSTOM_FIELD, column.custom_field_id)
        for column in plan.columns
    }
    return MappingForm(
        targets=[targets.get(name, "") for name in names],
        tags=[ids.encode(ids.TAG, tag_id) for tag_id in plan.tag_ids],
        sequences=[ids.encode(ids.SEQUENCE, sequence_id) for sequence_id in plan.sequence_ids],
        new_tag=plan.new_tag_name or "",
    )


def columns(preview: Preview, form: MappingForm) -> list[Column]:
    return [
        Column(
            name=name,
            cells=[row[place] for row in preview.rows if row[place].strip()],
            target=target,
            ambiguous=preview.names.count(name) > 1,
        )
        for place, (name, target) in enumerate(zip(preview.names, form.targets, strict=True))
    ]


def file_field(upload: Upload) -> Fields:
    """Names the file in the form: targets belong to places of columns, so they fit one file only."""
    return Fields({_FILE: upload.source or ""})


def is_for_file(fields: Fields, upload: Upload) -> bool:
    """Whether the form was made for the file that the upload has now."""
    return fields.get(_FILE) == upload.source


def wants_dry_run(fields: Fields) -> bool:
    return fields.get("run") == "dry"


def _target(field: MappedField) -> str:
    return field.custom_field_id or field.type


def _mapped_field(target: str) -> MappedField:
    """An unknown target becomes the id of a custom field, which the import then refuses."""
    standard = next((field for field in STANDARD_FIELDS if field.type == target), None)
    return MappedField(type=standard.type) if standard else MappedField.custom(target)
