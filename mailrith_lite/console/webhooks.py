"""/console/webhooks: the subscriptions, and the deliveries of one."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from aiohttp import web

from mailrith_lite import clock, errors, ids
from mailrith_lite.access import audit
from mailrith_lite.console import templating
from mailrith_lite.console.catalog_pages import Refused, problems_of
from mailrith_lite.console.form_problems import Problems
from mailrith_lite.console.forms import Fields
from mailrith_lite.console.live import Part
from mailrith_lite.console.paths import WEBHOOKS_PATH, redirect
from mailrith_lite.console.session_request import SessionRequest
from mailrith_lite.console.webhook_chart import draw_hours, first_hour
from mailrith_lite.database import Connection
from mailrith_lite.webhooks import delivery_table, patterns, signing, subscription_table, subscriptions
from mailrith_lite.webhooks.delivery_table import Delivery
from mailrith_lite.webhooks.subscription_table import Subscription, SubscriptionStatus
from mailrith_lite.webhooks.subscriptions import SubscriptionInput, Terms

PAGE_SIZE = 25
_FOLLOWED: Final = 60 * clock.SECOND
"""The page updates itself while an attempt is due within this time."""
LIVE_SCOPES = ("webhooks:write", "live_actions:write")
_CHOICES = ("*", "subscriber.*", *(pattern for pattern in patterns.JOB_PATTERNS if pattern.endswith("*")))
_SINGLE_EVENTS = (
    patterns.CREATED,
    patterns.UPDATED,
    patterns.STATUS_CHANGED,
    *(pattern for pattern in patterns.JOB_PATTERNS if not pattern.endswith("*")),
)

Action = Callable[[SessionRequest, Connection, Subscription, Fields], Awaitable[Subscription]]


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """The form of a subscription. `choices`, `single`: the patterns that it offers."""

    name: str
    url: str
    chosen: Sequence[str]
    choices: Sequence[str]
    single: Sequence[str]


class DeliveryList(msgspec.Struct, frozen=True, kw_only=True):
    """A page of deliveries. `first`: it starts with the newest one. `moving`: an attempt is due now or soon."""

    entries: list[Delivery]
    first: bool
    more: bool
    moving: bool


async def show_webhooks(call: SessionRequest) -> web.StreamResponse:
    return await _render_list(call, _form(call, name="", url="", chosen=["*"]))


async def create(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """Answers with the page of the new subscription. No other page shows its secret."""
    try:
        async with call.database.write(durable=True, changes="nobody") as connection:
            new = await subscriptions.create(connection, _terms(call), _sent(fields))
            await audit.record(connection, call.actor, "webhook.created", new.public_id)
    except Refused as error:
        return await _render_list(call, _form_of(call, fields), problems_of(error))
    return await _render(call, new, secret=signing.as_text(new.secret))


async def show_webhook(call: SessionRequest) -> web.StreamResponse:
    """Deliveries newest first. The parameter `before` names the last delivery of the page before."""
    async with call.database.read() as connection:
        subscription = await _find(call, connection)
    return await _render(call, subscription)


async def act(call: SessionRequest, fields: Fields) -> web.StreamResponse:
    """Carries out the button of the page that was pressed."""
    name = fields.get("action", "")
    if name not in _ACTIONS:
        raise errors.InvalidRequest("The console has no such button; open the page again.", field="action")
    try:
        async with call.database.write(durable=True, changes="nobody") as connection:
            subscription = await _ACTIONS[name](call, connection, await _find(call, connection), fields)
            if (action := _AUDITED.get(name)) is not None:
                await audit.record(connection, call.actor, action, subscription.public_id)
            call.services.outbox.notify()
    except Refused as error:
        if name != "save":
            raise
        async with call.database.read() as connection:
            subscription = await _find(call, connection)
        return await _render(call, subscription, form=_form_of(call, fields), problems=problems_of(error))
    call.services.dispatcher.reload(subscription.id)
    if name == "rotate":
        return await _render(call, subscription, secret=signing.as_text(subscription.secret))
    own = f"{WEBHOOKS_PATH}/{subscription.public_id}"
    return redirect(call.request, WEBHOOKS_PATH if name == "delete" else own)


async def _save(
    call: SessionRequest, connection: Connection, subscription: Subscription, fields: Fields
) -> Subscription:
    return await subscriptions.change(connection, _terms(call), subscription, _sent(fields))


async def _set_status(
    call: SessionRequest, connection: Connection, subscription: Subscription, fields: Fields
) -> Subscription:
    status: SubscriptionStatus = "active" if fields["action"] == "activate" else "disabled"
    return await subscriptions.change(connection, _terms(call), subscription, SubscriptionInput(status=status))


async def _send_test(
    call: SessionRequest, connection: Connection, subscription: Subscription, fields: Fields
) -> Subscription:
    subscriptions.check_active(subscription)
    await call.services.outbox.record_test(connection, subscription, clock.now())
    return subscription


async def _resend(
    call: SessionRequest, connection: Connection, subscription: Subscription, fields: Fields
) -> Subscription:
    public_id = fields.get("delivery", "")
    number = ids.decode(ids.DELIVERY, public_id) or 0
    delivery = await delivery_table.select_delivery(connection, call.workspace_id, subscription.id, number)
    if delivery is None:
        raise errors.NotFound.of(ids.DELIVERY, public_id)
    await subscriptions.resend(connection, subscription, delivery, clock.now())
    return subscription


async def _rotate(
    call: SessionRequest, connection: Connection, subscription: Subscription, fields: Fields
) -> Subscription:
    return await subscriptions.rotate(connection, subscription, clock.now())


async def _delete(
    call: SessionRequest, connection: Connection, subscription: Subscription, fields: Fields
) -> Subscription:
    await subscription_table.update_deleted(connection, call.workspace_id, subscription.id, clock.now())
    return subscription


_ACTIONS: dict[str, Action] = {
    "save": _save,
    "activate": _set_status,
    "disable": _set_status,
    "test": _send_test,
    "resend": _resend,
    "rotate": _rotate,
    "delete": _delete,
}
_AUDITED: dict[str, audit.Action] = {
    "save": "webhook.updated",
    "activate": "webhook.updated",
    "disable": "webhook.updated",
    "rotate": "webhook.secret_rotated",
    "delete": "webhook.deleted",
}


def _sent(fields: Fields) -> SubscriptionInput:
    return SubscriptionInput(
        name=fields.get("name", ""), url=fields.get("url", ""), event_patterns=fields.getall("pattern", [])
    )


def _form_of(call: SessionRequest, fields: Fields) -> Form:
    """The form as it was sent."""
    return _form(call, name=fields.get("name", ""), url=fields.get("url", ""), chosen=fields.getall("pattern", []))


def _form(call: SessionRequest, *, name: str, url: str, chosen: Sequence[str]) -> Form:
    offered = [one for one in _CHOICES if call.may(*patterns.required_scopes(one))]
    single = [one for one in _SINGLE_EVENTS if call.may(*patterns.required_scopes(one))]
    others = [one for one in chosen if one in patterns.PATTERNS and one not in (*offered, *single)]
    return Form(name=name, url=url, chosen=chosen, choices=offered, single=[*single, *others])


async def _render_list(call: SessionRequest, form: Form, problems: Problems | None = None) -> web.StreamResponse:
    async with call.database.read() as connection:
        listed = await subscription_table.select_subscriptions(connection, call.workspace_id)
    return await templating.render_page(
        call.request,
        "webhooks.html",
        status=400 if problems else 200,
        subscriptions=listed,
        form=form,
        problems=problems or {},
        full=len(listed) >= subscriptions.MAX_SUBSCRIPTIONS,
    )


async def _render(
    call: SessionRequest,
    subscription: Subscription,
    *,
    secret: str = "",
    form: Form | None = None,
    problems: Problems | None = None,
) -> web.StreamResponse:
    """`form`: the content of a form that was refused for the problems."""
    now = clock.now()
    async with call.database.read() as connection:
        deliveries = await _select_deliveries(call, connection, subscription)
        hours = await delivery_table.select_hours(
            connection, call.workspace_id, subscription.id, since=first_hour(now)
        )
    saved = _form(call, name=subscription.name, url=subscription.url or "", chosen=subscription.event_patterns)
    return await templating.render_page(
        call.request,
        "webhook.html",
        status=400 if problems else 200,
        subscription=subscription,
        preview=signing.preview(subscription.secret),
        secret=secret,
        form=form or saved,
        problems=problems or {},
        hours=draw_hours(hours, now),
        deliveries=deliveries,
        query=call.request.query_string,
    )


async def render_deliveries(call: SessionRequest) -> Part:
    async with call.database.read() as connection:
        subscription = await _find(call, connection)
        deliveries = await _select_deliveries(call, connection, subscription)
    text = await templating.render_part(
        call.request, "parts/deliveries.html", subscription=subscription, deliveries=deliveries
    )
    return Part(text=text, final=not deliveries.moving)


async def _select_deliveries(
    call: SessionRequest, connection: Connection, subscription: Subscription
) -> DeliveryList:
    before_id = ids.decode(ids.DELIVERY, call.request.query.get("before", ""))
    selected = await delivery_table.select_deliveries(
        connection, call.workspace_id, subscription.id, before_id=before_id, limit=PAGE_SIZE + 1
    )
    soon = clock.now() + _FOLLOWED
    return DeliveryList(
        entries=selected[:PAGE_SIZE],
        first=before_id is None,
        more=len(selected) > PAGE_SIZE,
        moving=subscription.status == "active"
        and any(one.due_at is not None and one.due_at < soon for one in selected),
    )


async def _find(call: SessionRequest, connection: Connection) -> Subscription:
    public_id = call.request.match_info["webhook_subscription_id"]
    number = ids.decode(ids.WEBHOOK_SUBSCRIPTION, public_id) or 0
    subscription = await subscription_table.select_subscription(connection, call.workspace_id, number)
    if subscription is None:
        raise errors.NotFound.of(ids.WEBHOOK_SUBSCRIPTION, public_id)
    return subscription


def _terms(call: SessionRequest) -> Terms:
    return Terms(
        workspace_id=call.workspace_id,
        key_scopes=call.principal.scopes,
        allow_private=call.services.settings.allow_private_webhooks,
        now=clock.now(),
    )
