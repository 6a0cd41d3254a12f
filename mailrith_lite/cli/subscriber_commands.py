"""The commands `subscribers …`. They use the HTTP API of a running service."""

from typing import TYPE_CHECKING, Any

import click

from mailrith_lite.cli.change_command import change_subscribers
from mailrith_lite.cli.client_command import confirm, parse_status, run, yes_option

if TYPE_CHECKING:
    from mailrith_lite.cli.http_client import ApiClient, Document
    from mailrith_lite.cli.remote_subscribers import Subscriber

_COLUMNS = ("id", "email", "name", "status", "country", "tags", "subscribed")


@click.group()
def subscribers() -> None:
    """List, show, change and erase subscribers.

    \b
    Example:
      mailrith-lite subscribers list --status Active
    """


@subscribers.command("list")
@click.option("--search", metavar="TEXT", help="an id, a status, or a part of the name or email")
@click.option("--status", metavar="STATUS")
@click.option("--cold-only", is_flag=True, help="only who has opened no email for a long time")
@click.option("--tag", "tags", multiple=True, metavar="NAME_OR_ID", help="one of these; may be repeated")
@click.option("--sequence", "sequences", multiple=True, metavar="NAME_OR_ID", help="one of these; may be repeated")
@click.option("--import", "import_job_id", metavar="JOB", help="only whom this import created or changed")
@click.option("--limit", type=click.IntRange(1), default=100, help="how many subscribers  [100]")
def list_subscribers(status: str | None, limit: int, **filters: Any) -> None:
    """List the newest subscribers who match every option.

    \b
    Examples:
      mailrith-lite subscribers list --tag "Spring fair" --status Active
      mailrith-lite subscribers list --search example.com --limit 1000 --json
    """
    from mailrith_lite.cli.printing import print_items, print_note, stdout_is_terminal
    from mailrith_lite.cli.remote_subscribers import PATH, Filter, subscriber_of

    chosen = Filter(status=parse_status(status), **filters)

    async def work(client: "ApiClient") -> "list[Document]":
        return await client.list_first(PATH, dict[str, Any], limit + 1, await chosen.query(client))

    people = run(work)
    first = 1 if stdout_is_terminal() else 0  # without the id, 80 columns are enough
    print_items(_COLUMNS[first:], people[:limit], lambda person: _row(subscriber_of(person))[first:])
    if len(people) > limit:
        print_note(f"There are more: --limit {10 * limit} shows the next; `mailrith-lite export` saves all.")


@subscribers.command("show")
@click.argument("subscriber", metavar="ADDRESS_OR_ID")
def show_subscriber(subscriber: str) -> None:
    """Show all fields of a subscriber.

    \b
    Example:
      mailrith-lite subscribers show ann@example.com
    """
    from mailrith_lite.cli.map_option import custom_field_labels
    from mailrith_lite.cli.printing import print_fields
    from mailrith_lite.cli.remote_subscribers import find_subscriber, subscriber_of

    async def work(client: "ApiClient") -> "tuple[Document, dict[str, str]]":
        return await find_subscriber(client, subscriber), await custom_field_labels(client)

    person, labels = run(work)
    print_fields(_fields(subscriber_of(person), labels), person)


@subscribers.command("set")
@click.argument("subscriber", metavar="ADDRESS_OR_ID")
@click.option("--email", metavar="ADDRESS", help="another address; only with the id")
@click.option("--name", metavar="TEXT")
@click.option("--status", metavar="STATUS")
@click.option("--country", metavar="CODE", help="such as DE, or the English name; empty removes it")
@click.option("--subscribed-on", metavar="DATE", help="such as 2026-04-11")
@click.option("--tag", "tags", multiple=True, metavar="NAME_OR_ID", help="created if missing; may be repeated")
@click.option("--remove-tag", "removed_tags", multiple=True, metavar="NAME_OR_ID", help="may be repeated")
@click.option("--sequence", "sequences", multiple=True, metavar="NAME_OR_ID", help="may be repeated")
@click.option("--field", "fields", multiple=True, metavar="LABEL=VALUE", help="of a custom field; may be repeated")
@click.option("--evidence", metavar="TEXT", help="where the consent is recorded, for --status Active")
@click.option("--lawful-basis", metavar="TEXT", default="consent", help="of the evidence  [consent]")
@click.option("--collected-at", metavar="TIME", help="of the evidence, such as 2026-04-11T09:00:00Z  [now]")
@click.option("--yes", is_flag=True, help="do not ask before somebody who has left becomes Active")
def set_subscriber(subscriber: str, yes: bool, **options: Any) -> None:
    """Change a subscriber, or create one. What no option names stays as it is.

    A new subscriber is Unconfirmed unless --status says something else.

    \b
    Examples:
      mailrith-lite subscribers set ann@example.com --name Ann --status Active --tag "Spring fair"
      mailrith-lite subscribers set ann@example.com --field "Company=Acme" --remove-tag Trial
    """
    from mailrith_lite.audience.vocabulary import SUPPRESSED
    from mailrith_lite.cli.printing import print_result
    from mailrith_lite.cli.remote_subscribers import find_saved, save, subscriber_of
    from mailrith_lite.cli.subscriber_options import wish_of

    wish = wish_of(subscriber, **options)
    status = wish.members.get("status")
    if status is not None and status not in SUPPRESSED and not yes:
        document = run(lambda client: find_saved(client, subscriber))
        saved = None if document is None else subscriber_of(document)
        if saved is not None and saved.status in SUPPRESSED:
            confirm(f"{saved.email} is {saved.status}. Change that to {status}?", yes=False)
    document = run(lambda client: save(client, subscriber, wish))
    person = subscriber_of(document)
    print_result(f"saved {person.email} ({person.id}, {person.status})", document)


@subscribers.command("erase")
@click.argument("subscriber", metavar="ADDRESS_OR_ID")
@yes_option
def erase_subscriber(subscriber: str, yes: bool) -> None:
    """Delete a subscriber, with everything that the service has of them. It cannot be undone.

    Copies of the database and files of exports still have them.

    \b
    Example:
      mailrith-lite subscribers erase ann@example.com --yes
    """
    from mailrith_lite.cli.printing import print_result
    from mailrith_lite.cli.remote_subscribers import PATH, find_subscriber, subscriber_of

    person = subscriber_of(run(lambda client: find_subscriber(client, subscriber)))
    confirm(f"Erase {person.email}?", yes=yes)
    run(lambda client: client.delete(f"{PATH}/{person.id}"))
    print_result(f"erased {person.email} ({person.id})", {"id": person.id, "deleted": True})


subscribers.add_command(change_subscribers)


def _row(person: "Subscriber") -> tuple[str, ...]:
    return (
        person.id,
        person.email,
        person.name,
        person.status,
        person.country or "",
        ", ".join(tag.name for tag in person.tags),
        person.subscribed_at[:10],
    )


def _fields(person: "Subscriber", labels: dict[str, str]) -> list[tuple[str, str]]:
    """(name, value); an empty value where the subscriber has none. `labels`: of custom fields, by id."""
    custom = person.custom_fields.items()
    return [
        ("id", person.id),
        ("email", person.email),
        ("name", person.name),
        ("status", person.status),
        ("country", person.country or ""),
        ("subscribed", person.subscribed_at),
        ("opened", person.last_opened_at or ""),
        ("tags", ", ".join(tag.name for tag in person.tags)),
        ("sequences", ", ".join(person.sequence_ids)),
        *((labels.get(field_id, field_id), _text(value)) for field_id, value in custom),
        ("created", person.created_at),
        ("updated", person.updated_at),
    ]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


COMMANDS = (subscribers,)
