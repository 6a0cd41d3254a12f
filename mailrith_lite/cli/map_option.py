"""The mapping of columns to fields: as `--map` says, or as the header suggests."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import msgspec

from mailrith_lite import ids
from mailrith_lite.cli.http_client import ApiClient, Refused
from mailrith_lite.cli.printing import one_line
from mailrith_lite.errors import StartError
from mailrith_lite.imports.column_names import ColumnNames
from mailrith_lite.imports.fields import FIELDS, STANDARD_FIELDS, find_standard_field
from mailrith_lite.imports.layout import read_layout
from mailrith_lite.imports.mapping import MappedField
from mailrith_lite.imports.mapping import Mapping as ColumnMapping
from mailrith_lite.imports.uploads.analysis import guess
from mailrith_lite.unicode_forms import fold

_BEGINNING = 1 << 18  # characters; the header ends before


class CustomField(msgspec.Struct, frozen=True):
    id: str
    label: str


def column_names(text: str) -> list[str]:
    """The names in the header row, by the rules of the service.

    Raises:
        BrokenFile: there is no header row that can be read.
    """
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="", suffix=".csv") as file:
        file.write(text[:_BEGINNING])
        file.flush()
        return read_layout(Path(file.name)).names


async def read_mappings(
    client: ApiClient, file: Path, columns: Sequence[str], maps: Sequence[str] = ()
) -> list[ColumnMapping]:
    """`maps`: the values of `--map`. Without any, the guess from the header is printed on stderr.

    Raises:
        Unreachable, Refused
        StartError: a column or field does not exist, or the guess has no email.
    """
    if not maps:
        return await _guess(client, file, columns)
    custom_fields = await _custom_fields(client) if any(map(_may_be_label, maps)) else {}
    return [_parse(text, columns, custom_fields) for text in maps]


async def _guess(client: ApiClient, file: Path, columns: Sequence[str]) -> list[ColumnMapping]:
    custom_fields = await _readable_custom_fields(client)
    mappings = guess(columns, custom_fields)
    if not any(mapping.field.type == "email" for mapping in mappings):
        advice = 'say which with --map "COLUMN=email"'
        raise StartError(f"no column of {file} looks like the email; {advice}: {one_line(', '.join(columns))}")
    guesses = ", ".join(f"{one.csv_column} = {_field_name(one.field, custom_fields)}" for one in mappings)
    click.echo(one_line(f"Guessed from the header: {guesses}"), err=True)
    mapped = {mapping.csv_column for mapping in mappings}
    if rest := [name for name in columns if name not in mapped]:
        click.echo(one_line(f"Left out: {', '.join(rest)}"), err=True)
        click.echo("To keep a column, create a custom field with its name, or use --map COLUMN=FIELD.", err=True)
    return mappings


async def _custom_fields(client: ApiClient) -> dict[str, str]:
    """Label -> id."""
    return {field.label: field.id async for field in client.list_items("/v1/custom-fields", CustomField)}


async def _readable_custom_fields(client: ApiClient) -> dict[str, str]:
    """Empty, with a message, when the key may not read custom fields: it may import all the same."""
    try:
        return await _custom_fields(client)
    except Refused as refusal:
        if refusal.code != "insufficient_scope":
            raise
        click.echo("Custom fields are not guessed: the key lacks the scope custom_fields:read", err=True)
        return {}


def _parse(text: str, columns: Sequence[str], custom_fields: Mapping[str, str]) -> ColumnMapping:
    """`COLUMN=FIELD`; both may contain a `=`.

    Raises:
        StartError: the column or the field does not exist; the message lists those that do.
    """
    splits = [(text[:place], text[place + 1 :].strip()) for place, mark in enumerate(text) if mark == "="]
    if not splits:
        raise StartError(f"--map takes COLUMN=FIELD, not {text}")
    for column, field in reversed(splits):
        if positions := ColumnNames(columns).find(column):
            return ColumnMapping(csv_column=columns[positions[0]], field=_find_field(field, custom_fields))
    raise StartError(f"the file has no column {splits[-1][0].strip()}; it has {one_line(', '.join(columns))}")


def _may_be_label(text: str) -> bool:
    """Whether the field of a `--map` may be the label of a custom field."""
    field = text.rpartition("=")[2].strip()
    return find_standard_field(field) is None and ids.decode(ids.CUSTOM_FIELD, field) is None


def _find_field(text: str, custom_fields: Mapping[str, str]) -> MappedField:
    if standard := find_standard_field(text):
        return MappedField(type=standard.type)
    if ids.decode(ids.CUSTOM_FIELD, text) is not None:
        return MappedField.custom(text)
    for label, public_id in custom_fields.items():
        if fold(label) == fold(" ".join(text.split())):
            return MappedField.custom(public_id)
    known = ", ".join([*(field.label.lower() for field in STANDARD_FIELDS), *custom_fields])
    raise StartError(f"there is no field {text}; there are {known}. POST /v1/custom-fields makes another")


def _field_name(field: MappedField, custom_fields: Mapping[str, str]) -> str:
    if field.custom_field_id is None:
        return FIELDS[field.type].label.lower()
    labels = {public_id: label for label, public_id in custom_fields.items()}
    return f"custom field {labels.get(field.custom_field_id, field.custom_field_id)}"
