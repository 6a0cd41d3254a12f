"""The command `subscribers change`: one change of many subscribers, over the HTTP API of a running service."""

from typing import TYPE_CHECKING, Any

import click

from mailrith_lite.cli.client_command import confirm, parse_status, run, yes_option

if TYPE_CHECKING:
    from mailrith_lite.cli.http_client import ApiClient
    from mailrith_lite.cli.remote_bulk_changes import Change, People

_ACTIONS = ("add_tag", "take_tag", "add_to_sequence", "take_from_sequence", "unsubscribe", "erase")


@click.command("change")
@click.option("--add-tag", metavar="NAME_OR_ID", help="give them this tag")
@click.option("--take-tag", metavar="NAME_OR_ID", help="take this tag from them")
@click.option("--add-to-sequence", metavar="NAME_OR_ID", help="add them to this sequence")
@click.option("--take-from-sequence", metavar="NAME_OR_ID", help="remove them from this sequence")
@click.option("--unsubscribe", is_flag=True, help="make them Unsubscribed")
@click.option("--erase", is_flag=True, help="delete them for good")
@click.option("--all", "everybody", is_flag=True, help="everybody, without another option that says who")
@click.option("--search", metavar="TEXT", help="an id, a status, or a part of the name or email")
@click.option("--status", metavar="STATUS")
@click.option("--cold-only", is_flag=True, help="only who has opened no email for a long time")
@click.option("--tag", "tags", multiple=True, metavar="NAME_OR_ID", help="has one of these; may be repeated")
@click.option("--without-tag", "without_tags", multiple=True, metavar="NAME_OR_ID", help="has none of these")
@click.option("--sequence", "sequences", multiple=True, metavar="NAME_OR_ID", help="is in one of these")
@click.option("--country", metavar="CODE", help="such as DE, or the English name")
@click.option("--segment", metavar="NAME_OR_ID")
@click.option("--import", "import_job_id", metavar="JOB", help="only whom this import created or changed")
@click.option("--id", "subscriber_ids", multiple=True, metavar="ID", help="these people; may be repeated")
@yes_option
def change_subscribers(everybody: bool, status: str | None, yes: bool, **options: Any) -> None:
    """Change all subscribers who match every option.

    Exactly one option says what happens: --add-tag, --take-tag, --add-to-sequence, --take-from-sequence,
    --unsubscribe or --erase. The command says how many people match, asks, and follows the job.
    `mailrith-lite jobs undo ID` takes everything but --erase back.

    \b
    Examples:
      mailrith-lite subscribers change --add-tag VIP --status Active --tag "Spring fair"
      mailrith-lite subscribers change --unsubscribe --cold-only
    """
    from mailrith_lite.cli.follow import follow_bulk_change
    from mailrith_lite.cli.http_client import new_idempotency_key
    from mailrith_lite.cli.remote_bulk_changes import People, body_of, count_people, submit

    change = _change(options)
    people = People(
        status=parse_status(status), **{name: options[name] for name in options if name not in _ACTIONS}
    )
    _check_people(people, everybody=everybody)

    async def count(client: "ApiClient") -> "tuple[dict[str, Any], int]":
        body = await body_of(client, change, people)
        return body, await count_people(client, body)

    body, number = run(count)
    noun = "person" if number == 1 else "people"
    confirm(f"{change.before} {number:,} {noun}{change.after}?", yes=yes)
    if change.action == "erase":
        body["expected_count"] = number

    async def work(client: "ApiClient") -> None:
        await follow_bulk_change(client, await submit(client, body, key=new_idempotency_key()))

    run(work)


def _change(options: dict[str, Any]) -> "Change":
    """
    Raises:
        UsageError: none or several options say what happens.
    """
    from mailrith_lite.cli.remote_bulk_changes import Change
    from mailrith_lite.cli.remote_catalog import SEQUENCE, TAG

    named = [name for name in _ACTIONS if options[name]]
    if len(named) != 1:
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in _ACTIONS[:-1])
        raise click.UsageError(f"give exactly one of {listed} and --{_ACTIONS[-1]}")
    (name,) = named
    target = options[name]
    return {
        "add_tag": Change(action="add_tag", before=f"Add the tag {target} to", target=target, kind=TAG),
        "take_tag": Change(action="remove_tag", before=f"Take the tag {target} from", target=target, kind=TAG),
        "add_to_sequence": Change(
            action="add_to_sequence", before="Add", after=f" to the sequence {target}", target=target, kind=SEQUENCE
        ),
        "take_from_sequence": Change(
            action="remove_from_sequence",
            before="Take",
            after=f" from the sequence {target}",
            target=target,
            kind=SEQUENCE,
        ),
        "unsubscribe": Change(action="unsubscribe", before="Unsubscribe"),
        "erase": Change(action="erase", before="Erase", after=" for good"),
    }[name]


def _check_people(people: "People", *, everybody: bool) -> None:
    """
    Raises:
        UsageError: nothing says who, or two options contradict each other.
    """
    from mailrith_lite.cli.remote_bulk_changes import People

    if everybody == people.any:
        problem = "leave out --all, or the options that say who" if everybody else "say who, or give --all"
        raise click.UsageError(problem)
    if people.tags and people.without_tags:
        raise click.UsageError("--tag and --without-tag do not go together; a segment can have both")
    if people.subscriber_ids and people != People(subscriber_ids=people.subscriber_ids):
        raise click.UsageError("--id goes with no other option that says who")
