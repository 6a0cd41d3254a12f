"""The commands `webhooks …`. They use the HTTP API of a running service."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mailrith_lite.cli.client_command import confirm, run, yes_option

if TYPE_CHECKING:
    from mailrith_lite.cli.http_client import ApiClient, Document


@click.group()
def webhooks() -> None:
    """Send events to your own programs, and see the result of each.

    \b
    Example:
      mailrith-lite webhooks list
    """


@webhooks.command("list")
def list_subscriptions() -> None:
    """List the subscriptions of the workspace.

    \b
    Example:
      mailrith-lite webhooks list --json
    """
    from mailrith_lite.cli.http_client import PAGE
    from mailrith_lite.cli.printing import print_items
    from mailrith_lite.cli.remote_webhooks import PATH

    print_items(
        ("id", "name", "status", "events", "attempts", "last result", "address"),
        run(lambda client: client.list_first(PATH, dict[str, Any], PAGE)),
        _subscription_row,
    )


@webhooks.command("create")
@click.argument("url")
@click.option("--name", metavar="N", help="unique in the workspace  [the address]")
@click.option(
    "--event", "patterns", multiple=True, metavar="PATTERN", help="such as subscriber.*; may be repeated  [*]"
)
def create(url: str, name: str | None, patterns: tuple[str, ...]) -> None:
    """Subscribe an address to events, and print the secret. It signs the events and is shown only once.

    \b
    Example:
      mailrith-lite webhooks create https://example.com/hook --event "subscriber.*" --event "subscriber_import.*"
    """
    from mailrith_lite.cli.http_client import new_idempotency_key
    from mailrith_lite.cli.remote_webhooks import PATH

    body = {"url": url, "name": name or url[:80], "event_patterns": patterns or ["*"]}
    key = new_idempotency_key()
    _print_secret(run(lambda client: client.post(PATH, dict[str, Any], body, key=key)))


@webhooks.command("rotate")
@click.argument("subscription_id", metavar="ID")
def rotate(subscription_id: str) -> None:
    """Replace the secret of a subscription, and print the new one. It is shown only once.

    \b
    Example:
      mailrith-lite webhooks rotate webhook_subscription_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.remote_webhooks import path_of

    path = f"{path_of(subscription_id)}/rotate-secret"
    _print_secret(run(lambda client: client.post(path, dict[str, Any])))


@webhooks.command("delete")
@click.argument("subscription_id", metavar="ID")
@yes_option
def delete(subscription_id: str, yes: bool) -> None:
    """Delete a subscription, with the events that wait for it.

    \b
    Example:
      mailrith-lite webhooks delete webhook_subscription_f5trj0n0jhzfa --yes
    """
    from mailrith_lite.cli.http_client import read_as
    from mailrith_lite.cli.printing import print_result
    from mailrith_lite.cli.remote_webhooks import Subscription, path_of

    path = path_of(subscription_id)
    one = read_as(run(lambda client: client.get(path, dict[str, Any])), Subscription)
    confirm(f"Delete the webhook {one.name} to {one.url}? The events that wait for it are deleted too.", yes=yes)
    run(lambda client: client.delete(path))
    print_result(f"deleted {subscription_id}", {"id": subscription_id, "deleted": True})


@webhooks.command("deliveries")
@click.argument("subscription_id", metavar="ID")
@click.option("--limit", type=click.IntRange(1), default=25, help="how many deliveries  [25]")
def list_deliveries(subscription_id: str, limit: int) -> None:
    """List sent and waiting events of a subscription.

    \b
    Example:
      mailrith-lite webhooks deliveries webhook_subscription_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.remote_webhooks import path_of

    path = f"{path_of(subscription_id)}/deliveries"
    _print_deliveries(run(lambda client: client.list_first(path, dict[str, Any], limit)))


@webhooks.command("resend")
@click.argument("subscription_id", metavar="ID")
@click.argument("delivery_id", metavar="DELIVERY")
def resend(subscription_id: str, delivery_id: str) -> None:
    """Send an event again, and print the result.

    \b
    Example:
      mailrith-lite webhooks resend webhook_subscription_f5trj0n0jhzfa delivery_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.remote_webhooks import delivery_path, path_of

    path = delivery_path(path_of(subscription_id), delivery_id)
    _send(path_of(subscription_id), f"{path}/resend")


@webhooks.command("test")
@click.argument("subscription_id", metavar="ID")
def test(subscription_id: str) -> None:
    """Send an event of the type webhook.test, and print the result.

    The exit code is 1 when the receiver does not accept it.

    \b
    Example:
      mailrith-lite webhooks test webhook_subscription_f5trj0n0jhzfa
    """
    from mailrith_lite.cli.remote_webhooks import path_of

    _send(path_of(subscription_id), f"{path_of(subscription_id)}/test")


@webhooks.command("listen")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="port of this machine  [a free one]")
@click.option("--event", "patterns", multiple=True, metavar="PATTERN", help="may be repeated  [*]")
def listen(port: int, patterns: tuple[str, ...]) -> None:
    """Receive, verify and print events on this machine.

    Each event is a line of JSON, until Ctrl-C. Makes a subscription, and deletes it at the end. The service must
    run on this machine with MAILRITH_LITE_ALLOW_PRIVATE_WEBHOOKS=on, as the sandbox does.

    \b
    Example:
      mailrith-lite webhooks listen --event "subscriber.*"
    """
    from mailrith_lite.cli.listen import print_events

    run(lambda client: print_events(client, port, patterns or ("*",)))


def _send(subscription_path: str, path: str) -> None:
    from mailrith_lite.cli.remote_webhooks import delivery_of, wait_for_try

    async def work(client: "ApiClient") -> "Document":
        return await wait_for_try(client, subscription_path, delivery_of(await client.post(path, dict[str, Any])))

    delivery = run(work)
    _print_deliveries([delivery])
    if delivery_of(delivery).status != "delivered":
        raise SystemExit(1)


def _print_secret(document: "Document") -> None:
    """The id on stderr, so that the secret alone is on stdout."""
    from mailrith_lite.cli.http_client import read_as
    from mailrith_lite.cli.printing import print_note, print_value
    from mailrith_lite.cli.remote_webhooks import NewSecret

    new = read_as(document, NewSecret)
    print_note(f"{new.subscription.id} sends to {new.subscription.url}; its secret, shown only once:")
    print_value(new.signing_secret, document)


def _print_deliveries(deliveries: "Sequence[Document]") -> None:
    from mailrith_lite.cli.printing import print_items

    columns = ("id", "event", "status", "attempts", "answer", "next attempt", "error")
    print_items(columns, deliveries, _delivery_row)


def _subscription_row(document: "Document") -> tuple[str, ...]:
    from mailrith_lite.cli.http_client import read_as
    from mailrith_lite.cli.remote_webhooks import Subscription

    one = read_as(document, Subscription)
    return (
        one.id,
        one.name,
        one.status,
        ", ".join(one.event_patterns),
        f"{one.delivery_attempts:,}",
        one.last_delivery_error or one.last_delivery_status or "",
        one.url,
    )


def _delivery_row(document: "Document") -> tuple[str, ...]:
    from mailrith_lite.cli.remote_webhooks import delivery_of

    one = delivery_of(document)
    return (
        one.id,
        one.event_type,
        one.status,
        str(one.attempts),
        str(one.answer_status or ""),
        one.next_attempt_at or "",
        one.error or "",
    )


COMMANDS = (webhooks,)
