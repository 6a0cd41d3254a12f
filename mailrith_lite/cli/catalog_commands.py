"""The commands `tags …`, `fields …` and `segments …`. They use the HTTP API of a running service."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from mailrith_lite.audience.values import FieldType
from mailrith_lite.cli.client_command import confirm, run, yes_option

if TYPE_CHECKING:
    from mailrith_lite.cli.http_client import Document
    from mailrith_lite.cli.remote_catalog import Kind

search_option = click.option("--search", metavar="TEXT", help="only those with this text, in any case")
_FIELD_TYPES = get_args(FieldType)
Cells = Callable[[Any], Sequence[str]]
"""Of a resource in the form of its kind."""


@click.group()
def tags() -> None:
    """List, make, rename and delete tags.

    \b
    Example:
      mailrith-lite tags list
    """


@tags.command("list")
@search_option
def list_tags(search: str | None) -> None:
    """List all tags, with the number of their subscribers.

    \b
    Example:
      mailrith-lite tags list --search spring
    """
    from mailrith_lite.cli.remote_catalog import TAG

    columns = ("id", "name", "subscribers", "description")
    _list(TAG, search, columns, lambda tag: (f"{tag.subscriber_count:,}", tag.description or ""))


@tags.command("make")
@click.argument("name")
@click.option("--description", metavar="TEXT")
def make_tag(name: str, description: str | None) -> None:
    """Make a tag, and print its id.

    \b
    Example:
      mailrith-lite tags make "Spring fair"
    """
    from mailrith_lite.cli.remote_catalog import TAG

    _make(TAG, name, description=description)


@tags.command("rename")
@click.argument("tag", metavar="NAME_OR_ID")
@click.argument("new_name")
def rename_tag(tag: str, new_name: str) -> None:
    """Give a tag another name.

    \b
    Example:
      mailrith-lite tags rename "Spring fair" "Spring fair 2026"
    """
    from mailrith_lite.cli.remote_catalog import TAG

    _rename(TAG, tag, new_name)


@tags.command("delete")
@click.argument("tag", metavar="NAME_OR_ID")
@yes_option
def delete_tag(tag: str, yes: bool) -> None:
    """Delete a tag. Every subscriber loses it.

    \b
    Example:
      mailrith-lite tags delete "Spring fair" --yes
    """
    from mailrith_lite.cli.remote_catalog import TAG

    _delete(TAG, tag, lambda one: f"{one.subscriber_count:,} subscribers lose it.", yes=yes)


@click.group()
def fields() -> None:
    """List, make, rename and delete custom fields.

    \b
    Example:
      mailrith-lite fields list
    """


@fields.command("list")
@search_option
def list_fields(search: str | None) -> None:
    """List all custom fields.

    \b
    Example:
      mailrith-lite fields list
    """
    from mailrith_lite.cli.remote_catalog import FIELD

    columns = ("id", "label", "type", "options")
    _list(FIELD, search, columns, lambda field: (field.type, ", ".join(field.settings.options)))


@fields.command("make")
@click.argument("label")
@click.option(
    "--type",
    "field_type",
    metavar="TYPE",
    type=click.Choice(_FIELD_TYPES, case_sensitive=False),
    default="Text",
    help=f"{', '.join(_FIELD_TYPES)}  [Text]",
)
@click.option("--option", "options", multiple=True, metavar="TEXT", help="of a select type; may be repeated")
def make_field(label: str, field_type: str, options: tuple[str, ...]) -> None:
    """Make a custom field, and print its id.

    \b
    Examples:
      mailrith-lite fields make Company
      mailrith-lite fields make Plan --type "Single Select" --option Free --option Team
    """
    from mailrith_lite.cli.remote_catalog import FIELD

    _make(FIELD, label, type=field_type, settings={"options": options} if options else None)


@fields.command("rename")
@click.argument("field", metavar="LABEL_OR_ID")
@click.argument("new_label")
def rename_field(field: str, new_label: str) -> None:
    """Give a custom field another label.

    \b
    Example:
      mailrith-lite fields rename Company Employer
    """
    from mailrith_lite.cli.remote_catalog import FIELD

    _rename(FIELD, field, new_label)


@fields.command("delete")
@click.argument("field", metavar="LABEL_OR_ID")
@yes_option
def delete_field(field: str, yes: bool) -> None:
    """Delete a custom field, with the values of all subscribers.

    \b
    Example:
      mailrith-lite fields delete Company --yes
    """
    from mailrith_lite.cli.remote_catalog import FIELD

    _delete(FIELD, field, lambda _: "Its values of all subscribers are deleted too.", yes=yes)


@click.group()
def segments() -> None:
    """List, make, rename and delete segments.

    \b
    Example:
      mailrith-lite segments list
    """


@segments.command("list")
@search_option
def list_segments(search: str | None) -> None:
    """List all segments.

    Each has the number of subscribers who match it, and of the Active ones among them.

    \b
    Example:
      mailrith-lite segments list
    """
    from mailrith_lite.cli.remote_catalog import SEGMENT

    columns = ("id", "name", "subscribers", "active")
    _list(
        SEGMENT,
        search,
        columns,
        lambda one: (f"{one.total_subscriber_count:,}", f"{one.confirmed_subscriber_count:,}"),
    )


@segments.command("make")
@click.argument("name")
@click.option("--status", "statuses", multiple=True, metavar="STATUS", help="one of these; may be repeated")
@click.option("--country", "countries", multiple=True, metavar="CODE", help="one of these; may be repeated")
@click.option("--tag", "tag_names", multiple=True, metavar="NAME_OR_ID", help="one of these; may be repeated")
@click.option(
    "--definition",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="a definition of the API, in JSON; - for standard input",
)
@click.option("--description", metavar="TEXT")
def make_segment(name: str, file: Path | None, description: str | None, **conditions: tuple[str, ...]) -> None:
    """Make a segment, and print its id.

    It has the subscribers who match every option, and of one option any value.

    \b
    Examples:
      mailrith-lite segments make "Readers in Germany" --status Active --country DE
      mailrith-lite segments make Fans --definition fans.json
    """
    from mailrith_lite.cli.remote_catalog import SEGMENT
    from mailrith_lite.cli.segment_definition import read_definition, simple_definition

    if (file is None) == (not any(conditions.values())):
        raise click.UsageError("say who is in the segment with --status, --country and --tag, or with --definition")
    if file is not None:
        _make(SEGMENT, name, definition=read_definition(file), description=description)
    else:
        definition = run(lambda client: simple_definition(client, **conditions))
        _make(SEGMENT, name, definition=definition, description=description)


@segments.command("rename")
@click.argument("segment", metavar="NAME_OR_ID")
@click.argument("new_name")
def rename_segment(segment: str, new_name: str) -> None:
    """Give a segment another name.

    \b
    Example:
      mailrith-lite segments rename Fans "Fans of the fair"
    """
    from mailrith_lite.cli.remote_catalog import SEGMENT

    _rename(SEGMENT, segment, new_name)


@segments.command("delete")
@click.argument("segment", metavar="NAME_OR_ID")
@yes_option
def delete_segment(segment: str, yes: bool) -> None:
    """Delete a segment. The subscribers stay as they are.

    \b
    Example:
      mailrith-lite segments delete Fans --yes
    """
    from mailrith_lite.cli.remote_catalog import SEGMENT

    _delete(SEGMENT, segment, lambda _: "The subscribers stay as they are.", yes=yes)


def _list(kind: "Kind", search: str | None, columns: Sequence[str], further_cells: Cells) -> None:
    """`further_cells`: those after the id and the name."""
    from mailrith_lite.cli.printing import print_items
    from mailrith_lite.cli.remote_catalog import list_all

    def row(document: "Document") -> tuple[str, ...]:
        one = kind.read(document)
        return one.id, one.name, *further_cells(one)

    print_items(columns, run(lambda client: list_all(client, kind, search)), row)


def _make(kind: "Kind", name: str, **members: Any) -> None:
    from mailrith_lite.cli.printing import print_value
    from mailrith_lite.cli.remote_catalog import make

    document = run(lambda client: make(client, kind, name, **members))
    print_value(kind.read(document).id, document)


def _rename(kind: "Kind", name_or_id: str, new_name: str) -> None:
    from mailrith_lite.cli.printing import print_result
    from mailrith_lite.cli.remote_catalog import rename

    old_name, document = run(lambda client: rename(client, kind, name_or_id, new_name))
    print_result(f"renamed {old_name} to {kind.read(document).name}", document)


def _delete(kind: "Kind", name_or_id: str, consequence: Callable[[Any], str], *, yes: bool) -> None:
    from mailrith_lite.cli.printing import print_result
    from mailrith_lite.cli.remote_catalog import find

    one = run(lambda client: find(client, kind, name_or_id))
    confirm(f"Delete the {kind.noun} {one.name}? {consequence(one)}", yes=yes)
    run(lambda client: client.delete(kind.path_of(one)))
    print_result(f"deleted {one.name} ({one.id})", {"id": one.id, "deleted": True})


COMMANDS = (tags, fields, segments)
