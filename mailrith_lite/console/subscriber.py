"""/console/subscribers/{subscriber_id}: the page of one subscriber, its buttons, and the erasure."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from mailrith_lite import errors, ids
from mailrith_lite.access import scopes, workspaces
from mailrith_lite.audience import (
    added_memberships,
    custom_fields,
    history,
    memberships,
    sequences,
    subscribers,
    tags,
    upsert,
)
from mailrith_lite.audience.added_memberships import AddedMemberships
from mailrith_lite.audience.changes import NO_STATEMENT, Statement
from mailrith_lite.audience.custom_fields import CustomField
from mailrith_lite.audience.subscribers import Subscriber
from mailrith_lite.audience.upsert import SubscriberInput, UpsertContext
from mailrith_lite.audience.values import field_text
from mailrith_lite.audience.vocabulary import STATUSES, SUPPRESSED
from mailrith_lite.catalog import recording, removal
from mailrith_lite.console import names, subscriber_form, subscriber_history, templating
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.names import Option
from mailrith_lite.console.paths import SUBSCRIBERS_PATH, redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.console.subscriber_history import View
from mailrith_lite.database import Connection
from mailrith_lite.http.statuses import status_of

WRITE_SCOPES = ("subscribers:write",)
LIVE_SCOPES = ("subscribers:write", "live_actions:write")
HISTORY_SIZE = 50
_DONE = {
    "save": "Saved.",
    "status": "The status is changed.",
    "unsubscribe": "Unsubscribed.",
    "add-tag": "The tag is added.",
    "remove-tag": "The tag is removed.",
    "add-sequence": "Added to the sequence.",
    "remove-sequence": "Removed from the sequence.",
}


class FieldValue(msgspec.Struct, frozen=True, kw_only=True):
    """`label`: the id of the custom field where the key may not read its label."""

    label: str
    text: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a form asks for. `scopes`: what the key must hold."""

    change: recording.Change
    said: Statement = NO_STATEMENT
    scopes: tuple[str, ...] = LIVE_SCOPES


async def show_subscriber(call: SessionRequest) -> web.StreamResponse:
    return await _render(call, await _find(call))


async def act(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """Carries out the button of the page that was pressed. A form with a problem is shown again."""
    saved = await _find(call)
    name = fields.get("action", "")
    if name not in _ACTIONS:
        raise errors.InvalidRequest("The console has no such button; open the page again.", field="action")
    try:
        async with call.database.write(durable=True, changes=call.workspace_id) as connection:
            saved = await _select(call, connection)
            asked = await _ACTIONS[name](call, connection, saved, fields)
            scopes.require(call.principal.scopes, asked.scopes)
            await recording.change_subscriber(connection, call.door, saved, asked.change, asked.said)
    except (errors.InvalidRequest, errors.Conflict) as error:
        return await _render(
            call, saved, problems=subscriber_form.problem(error), typed=fields, status=status_of(error)
        )
    public_id = ids.encode(ids.SUBSCRIBER, saved.id)
    return redirect(call.request, f"{SUBSCRIBERS_PATH}/{public_id}?done={name}")


async def show_erasure(call: SessionRequest) -> web.StreamResponse:
    subscriber = await _find(call)
    return await templating.render_page(
        call.request,
        "erase-subscriber.html",
        subscriber=subscriber,
        public_id=ids.encode(ids.SUBSCRIBER, subscriber.id),
    )


async def erase(call: SessionRequest, _: Fields) -> web.StreamResponse:
    async with call.database.write(durable=True, changes=call.workspace_id) as connection:
        subscriber = await _select(call, connection)
        await removal.delete_subscriber(connection, call.door, subscriber.id)
    return redirect(call.request, SUBSCRIBERS_PATH)


async def _save(call: SessionRequest, _: Connection, saved: Subscriber, fields: Fields) -> Asked:
    """
    Raises:
        Conflict: somebody else has changed the subscriber since the page was made.
    """
    if fields.get("updated_at") != str(saved.updated_at):
        raise errors.Conflict(
            "Somebody has changed this subscriber meanwhile. Compare with the history below, and save again.",
            code="subscriber_changed",
        )
    sent = subscriber_form.about_change(fields)

    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        return await upsert.change(connection, terms, saved, sent, None)

    return Asked(change=change, scopes=WRITE_SCOPES)


async def _set_status(call: SessionRequest, _: Connection, saved: Subscriber, fields: Fields) -> Asked:
    status, reason = subscriber_form.chosen_status(fields, saved.status)
    evidence = subscriber_form.evidence(fields)

    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        return await upsert.change(connection, terms, saved, SubscriberInput(status=status), evidence)

    return Asked(change=change, said=Statement(status=status, evidence=evidence is not None, reason=reason))


async def _unsubscribe(call: SessionRequest, _: Connection, saved: Subscriber, fields: Fields) -> Asked:
    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        return await upsert.change(connection, terms, saved, SubscriberInput(status="Unsubscribed"), None)

    return Asked(change=change, said=Statement(status="Unsubscribed"))


async def _add_tag(call: SessionRequest, _: Connection, saved: Subscriber, fields: Fields) -> Asked:
    try:
        name = tags.clean_name(fields.get("tag", ""), "tag")
    except errors.InvalidRequest as error:
        raise errors.InvalidRequest("Type the name of a tag: 1 to 100 characters.", field="tag") from error
    return _adding(AddedMemberships(new_tags=[name]))


async def _add_sequence(call: SessionRequest, _: Connection, saved: Subscriber, fields: Fields) -> Asked:
    if not fields.get("sequence"):
        raise errors.InvalidRequest("Choose a sequence.", field="sequence")
    return _adding(AddedMemberships(sequence_ids=[fields["sequence"]]))


def _adding(added: AddedMemberships) -> Asked:
    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        return await added_memberships.add(connection, terms.workspace_id, saved, added, terms.now)

    return Asked(change=change)


async def _remove_tag(call: SessionRequest, connection: Connection, saved: Subscriber, fields: Fields) -> Asked:
    number = ids.decode(ids.TAG, fields.get("tag", "")) or 0
    if await tags.select_tag(connection, call.workspace_id, number) is None:
        raise errors.NotFound.of("tag", fields.get("tag", ""))
    return _removing(memberships.delete_tag, number)


async def _remove_sequence(
    call: SessionRequest, connection: Connection, saved: Subscriber, fields: Fields
) -> Asked:
    number = ids.decode(ids.SEQUENCE, fields.get("sequence", "")) or 0
    if await sequences.select_sequence(connection, call.workspace_id, number) is None:
        raise errors.NotFound.of("sequence", fields.get("sequence", ""))
    return _removing(memberships.update_sequence_removed, number)


def _removing(alter: Callable[[Connection, int, int], Awaitable[bool]], number: int) -> Asked:
    async def change(connection: Connection, saved: Subscriber, terms: UpsertContext) -> Subscriber:
        if not await alter(connection, saved.id, number):
            return saved
        return await upsert.touch(connection, terms.workspace_id, saved.id, terms.now)

    return Asked(change=change)


_ACTIONS: dict[str, Callable[[SessionRequest, Connection, Subscriber, Fields], Awaitable[Asked]]] = {
    "save": _save,
    "status": _set_status,
    "unsubscribe": _unsubscribe,
    "add-tag": _add_tag,
    "remove-tag": _remove_tag,
    "add-sequence": _add_sequence,
    "remove-sequence": _remove_sequence,
}


class _Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the page has besides the subscriber. `fields`: empty without the scope. `history`: one page of it."""

    time_zone: str | None
    fields: list[CustomField]
    sequences: list[Option]
    tag_choices: list[Option]
    sequence_choices: list[Option]
    history: list[View]
    more: bool


async def _load(call: SessionRequest, subscriber: Subscriber, before_id: int | None) -> _Shown:
    """`before_id`: the last change of the page before."""
    async with call.database.read() as connection:
        workspace = await workspaces.select_own(connection, call.workspace_id)
        fields = []
        if call.may("custom_fields:read"):
            fields = await custom_fields.select_all_custom_fields(connection, call.workspace_id)
        entries = await history.select_history(connection, call.workspace_id, subscriber)
        older = [entry for entry in entries if before_id is None or entry.id < before_id]
        sequence_names = await names.sequence_names(connection, call, subscriber.sequence_ids)
        return _Shown(
            time_zone=workspace.time_zone,
            fields=fields,
            sequences=[
                Option(id=ids.encode(ids.SEQUENCE, number), name=name)
                for number, name in zip(subscriber.sequence_ids, sequence_names, strict=True)
            ],
            tag_choices=await names.tag_options(connection, call),
            sequence_choices=await names.sequence_options(connection, call),
            history=await subscriber_history.view(connection, call, older[:HISTORY_SIZE]),
            more=len(older) > HISTORY_SIZE,
        )


async def _render(
    call: SessionRequest,
    subscriber: Subscriber,
    *,
    problems: Problems | None = None,
    typed: Fields | None = None,
    status: int = 200,
) -> web.StreamResponse:
    """`typed`: a form that was refused."""
    before_id = ids.decode(ids.CHANGE, call.request.query.get("before", ""))
    edited = typed if typed is not None and typed.get("action") == "save" else None
    shown = await _load(call, subscriber, before_id)
    return await templating.render_page(
        call.request,
        "subscriber.html",
        status=status,
        subscriber=subscriber,
        public_id=ids.encode(ids.SUBSCRIBER, subscriber.id),
        shown=shown,
        inputs=subscriber_form.about_inputs(subscriber, shown.time_zone, edited),
        field_inputs=subscriber_form.field_inputs(subscriber, shown.fields, edited),
        values=_values(subscriber, {str(field.id): field.label for field in shown.fields}),
        tags=[Option(id=ids.encode(ids.TAG, tag.id), name=tag.name) for tag in subscriber.tags],
        statuses=STATUSES,
        left=subscriber.status in SUPPRESSED,
        evidence=call.services.settings.require_consent_evidence,
        typed=typed or {},
        problems=problems or {},
        done=_DONE.get(call.request.query.get("done", ""), ""),
        first=before_id is None,
    )


def _values(subscriber: Subscriber, labels: dict[str, str]) -> list[FieldValue]:
    """`labels`: the integer id of a custom field, as text -> its label."""
    return [
        FieldValue(label=labels.get(key) or ids.encode(ids.CUSTOM_FIELD, int(key)), text=field_text(value))
        for key, value in subscriber.custom_fields.items()
    ]


async def _find(call: SessionRequest) -> Subscriber:
    async with call.database.read() as connection:
        return await _select(call, connection)


async def _select(call: SessionRequest, connection: Connection) -> Subscriber:
    """
    Raises:
        NotFound: the workspace has no such subscriber.
    """
    public_id = call.request.match_info["subscriber_id"]
    number = ids.decode(ids.SUBSCRIBER, public_id) or 0
    subscriber = await subscribers.select_subscriber(connection, call.workspace_id, number)
    if subscriber is None:
        raise errors.NotFound.of("subscriber", public_id)
    return subscriber
