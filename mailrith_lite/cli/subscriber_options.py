"""The options of `subscribers set`, as the API takes them."""

from typing import Any

import click

from mailrith_lite import clock, ids
from mailrith_lite.cli.client_command import parse_field, parse_status
from mailrith_lite.cli.remote_subscribers import Wish

_TEXTS = ("email", "name", "subscribed_on")


def wish_of(
    subscriber: str,
    *,
    status: str | None,
    country: str | None,
    fields: tuple[str, ...],
    tags: tuple[str, ...],
    removed_tags: tuple[str, ...],
    sequences: tuple[str, ...],
    evidence: str | None,
    lawful_basis: str,
    collected_at: str | None,
    **texts: str | None,
) -> Wish:
    """`texts`: the members of `_TEXTS`.

    Raises:
        UsageError: an option has a form that no API can take, or no option changes anything.
    """
    if texts["email"] is not None and ids.decode(ids.SUBSCRIBER, subscriber) is None:
        raise click.UsageError("--email needs the id of the subscriber; `subscribers show ADDRESS` prints it")
    members: dict[str, Any] = {name: texts[name] for name in _TEXTS if texts[name] is not None}
    if status is not None:
        members["status"] = parse_status(status)
    if country is not None:
        members["country"] = country or None
    if fields:
        members["custom_fields"] = dict(map(parse_field, fields))
    if evidence is not None:
        members["consent_evidence"] = {
            "lawful_basis": lawful_basis,
            "collected_at": collected_at or clock.rfc3339(clock.now()),
            "evidence_reference": evidence,
        }
    wish = Wish(members=members, tags=tags, removed_tags=removed_tags, sequences=sequences)
    if wish == Wish(members={}) and ids.decode(ids.SUBSCRIBER, subscriber) is not None:
        raise click.UsageError("give at least one option; --help lists them")
    return wish
