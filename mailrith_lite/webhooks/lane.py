"""Delivers the due events of one subscription, several at a time, each with retries of its own."""

import asyncio
import random
from asyncio import sleep
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol

import msgspec

from mailrith_lite import clock, logs, metrics
from mailrith_lite.database import Connection, Database
from mailrith_lite.jobs.obstacles import is_temporary
from mailrith_lite.turns import Turns
from mailrith_lite.webhooks import delivery_table, subscription_table
from mailrith_lite.webhooks.delivery_table import Delivery
from mailrith_lite.webhooks.sender import Outcome, Sender, refusal
from mailrith_lite.webhooks.subscription_table import Attempts, Subscription

AT_ONCE: Final = 4
PAGE: Final = 100
"""Deliveries that are read at a time, with one transaction for the results so far."""
_LOW: Final = PAGE // 2
"""With so few deliveries left of a page, one worker fetches the next page while the others send."""
DELAYS: Final = tuple(
    round(seconds * clock.SECOND) for seconds in (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
"""Milliseconds from each failed attempt to the next one. After the last one the delivery has failed."""
JITTER: Final = 0.2
PATIENCE: Final = 5 * clock.DAY
"""A subscription whose every attempt has failed for so long is disabled."""
_SAVE_SECONDS = 1.0  # results are written at least so often
_RETRY_SECONDS = 1.0  # after the database could not be written, or there was no file descriptor

_GONE = "The receiver answered 410, so this subscription is disabled. Make it active to continue."
_DEAD = "Every attempt has failed for 5 days, so this subscription is disabled. Make it active to continue."

_DELIVERED, _FAILED = map(metrics.WEBHOOK_ATTEMPTS.labels, ("delivered", "failed"))

_NO_ATTEMPTS = Attempts(
    count=0,
    status="delivered",
    error=None,
    delivered_at=None,
    failed_at=None,
    failing_since=None,
    disabled=False,
)


class Gate(Protocol):
    """Decides when events are sent, for tests and the sandbox."""

    def holds(self, workspace_id: int) -> bool:
        """Whether the events of the workspace wait. `Dispatcher.wake` makes the dispatcher ask again."""

    def planned_status(self, workspace_id: int) -> int | None:
        """A status that the next attempt gets instead of an answer; the receiver gets no request."""


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """What all lanes share."""

    database: Database
    sender: Sender
    places: Turns
    gate: Gate | None


class Lane:
    """`ended` is called when nothing is due any more, or the subscription is not active."""

    def __init__(self, post: Post, workspace_id: int, subscription_id: int, ended: Callable[[], None]) -> None:
        self._post = post
        self._workspace_id = workspace_id
        self._subscription_id = subscription_id
        self._ended = ended
        self._receiver: Subscription | None = None
        self._reloads = 0
        self._failing_since: int | None = None
        self._queue: deque[Delivery] = deque()
        self._has_more = False
        self._under_way: set[int] = set()
        self._attempted: list[Delivery] = []
        self._attempts: Attempts | None = None
        self._saved_at = monotonic()
        self._lock = asyncio.Lock()
        self._workers: set[asyncio.Task[None]] = set()
        self._stopping = False

    def wake(self) -> None:
        """Call it when events are due."""
        if not self._workers:
            self._add_worker()
        elif not self._queue and len(self._workers) < self._at_once:
            self._add_worker()  # the others may be waiting for a slow receiver

    def reload(self) -> None:
        """Call it after the subscription was changed or deleted: later attempts use its new address and secret."""
        self._reloads += 1
        self._receiver = None
        self._queue.clear()

    async def stop(self, seconds: float) -> None:
        """Lets the attempts that are under way finish for so long, and writes the results."""
        self._stopping = True
        self._queue.clear()
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=seconds)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        async with self._lock:
            await self._save()

    @property
    def _at_once(self) -> int:
        """A receiver that does not work gets one attempt at a time, so that it holds no places of others."""
        return AT_ONCE if self._failing_since is None else 1

    def _add_worker(self) -> None:
        worker = asyncio.create_task(self._work(), name=f"webhook subscription {self._subscription_id}")
        self._workers.add(worker)
        worker.add_done_callback(self._remove_worker)

    def _remove_worker(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not self._workers:
            self._ended()

    async def _work(self) -> None:
        more = True
        while more:
            try:
                more = await self._work_once()
            except Exception as error:
                if not is_temporary(error):
                    logs.service.exception("a webhook could not be sent; trying again")
                await sleep(_RETRY_SECONDS)
                more = not self._stopping

    async def _work_once(self) -> bool:
        """Attempts to deliver one event. False when there is none for this worker."""
        delivery = await self._next()
        if delivery is None:
            return False
        self._under_way.add(delivery.id)
        try:
            await self._try(delivery)
        finally:
            self._under_way.discard(delivery.id)
        return True

    async def _next(self) -> Delivery | None:
        """The next delivery that is due; None ends the worker."""
        if self._is_low and (not self._queue or not self._lock.locked()):
            async with self._lock:
                if self._is_low:  # no other worker has refilled it meanwhile
                    await self._refill()
        elif monotonic() - self._saved_at > _SAVE_SECONDS and not self._lock.locked():
            async with self._lock:
                await self._save()
        if self._stopping or not self._queue or len(self._workers) > self._at_once:
            return None
        delivery = self._queue.popleft()
        if self._queue and len(self._workers) < self._at_once:
            self._add_worker()
        return delivery

    @property
    def _is_low(self) -> bool:
        """Whether it is time to look for the next page: early, if the last page was full."""
        return len(self._queue) <= (_LOW if self._has_more else 0)

    async def _refill(self) -> None:
        """Saves the results, and reads the subscription again and the next page of its due deliveries."""
        gate = self._post.gate
        loaded = False
        while not loaded:
            reloads = self._reloads
            await self._save()
            if self._stopping or (gate is not None and gate.holds(self._workspace_id)):
                return
            async with self._post.database.read() as connection:
                receiver = await subscription_table.select_receiver(connection, self._subscription_id)
                due = [] if receiver is None else await self._select_due(connection)
            loaded = reloads == self._reloads  # else it was read before a change that is committed now
        self._receiver, self._has_more = receiver, len(due) == PAGE
        if receiver is None:
            self._queue.clear()
        elif self._attempts is None:  # else later attempts have told more
            self._failing_since = receiver.failing_since
        self._queue.extend(due)

    async def _select_due(self, connection: Connection) -> list[Delivery]:
        known = {one.id for one in (*self._queue, *self._attempted)}
        return await delivery_table.select_due(
            connection,
            self._subscription_id,
            now=clock.now(),
            except_ids=self._under_way | known,  # an attempt can end while this reads
            limit=PAGE,
        )

    async def _try(self, delivery: Delivery) -> None:
        async with self._post.places.take(self._workspace_id):
            receiver = self._receiver
            if receiver is None:  # changed while the delivery waited for its place
                return
            outcome = await self._send(receiver, delivery)
        (_DELIVERED if outcome.error is None else _FAILED).inc()
        now = clock.now()
        self._attempted.append(_attempted(delivery, outcome, now))
        if outcome.error is None:
            self._failing_since = None
        elif self._failing_since is None:
            self._failing_since = now
        disabled = outcome.gone or (self._failing_since is not None and now - self._failing_since >= PATIENCE)
        self._attempts = _added(self._attempts, outcome, self._failing_since, now, disabled=disabled)
        if disabled:
            logs.service.warning("webhook disabled", extra={"fields": {"subscription": receiver.public_id}})
            self.reload()

    async def _send(self, receiver: Subscription, delivery: Delivery) -> Outcome:
        gate = self._post.gate
        status = None if gate is None else gate.planned_status(self._workspace_id)
        if status is None:
            return await self._post.sender.send(receiver, delivery)
        return Outcome(status=status, answer=None, error=refusal(status), retry_after=0, milliseconds=0)

    async def _save(self) -> None:
        """Writes the results. Waits for as long as the disk is full or the database is locked."""
        while self._attempts is not None:
            attempted, attempts = list(self._attempted), self._attempts
            try:
                async with self._post.database.write(housekeeping=True) as connection:
                    await delivery_table.update_attempted(connection, attempted)
                    await subscription_table.update_attempted(connection, self._subscription_id, attempts)
            except Exception as error:
                if not is_temporary(error) or self._stopping:
                    raise
                await sleep(_RETRY_SECONDS)
            else:
                del self._attempted[: len(attempted)]
                self._attempts = None if self._attempts is attempts else _without(self._attempts, attempts)
        self._saved_at = monotonic()


def _attempted(delivery: Delivery, outcome: Outcome, now: int) -> Delivery:
    """The delivery after an attempt."""
    delivered = outcome.error is None
    due_at = None if delivered else next_attempt(delivery.retries, outcome.retry_after, now)
    return msgspec.structs.replace(
        delivery,
        status="delivered" if delivered else "failed" if due_at is None else "waiting",
        attempts=delivery.attempts + 1,
        retries=delivery.retries + 1,
        due_at=due_at,
        tried_at=now,
        answer_status=outcome.status,
        answer=outcome.answer,
        error=outcome.error,
        milliseconds=outcome.milliseconds,
    )


def next_attempt(retries: int, retry_after: int, now: int) -> int | None:
    """When the delivery is due again after an attempt that failed; None after the last one.

    `retries`: how many attempts came before. `retry_after`: milliseconds that the receiver asks for.
    """
    if retries >= len(DELAYS):
        return None
    delay = round(DELAYS[retries] * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - spreads the load
    return now + max(delay, retry_after)


def _added(
    attempts: Attempts | None, outcome: Outcome, failing_since: int | None, now: int, *, disabled: bool
) -> Attempts:
    before = attempts or _NO_ATTEMPTS
    delivered = outcome.error is None
    return Attempts(
        count=before.count + 1,
        status="delivered" if delivered else "failed",
        error=_GONE if outcome.gone else _DEAD if disabled else outcome.error,
        delivered_at=now if delivered else before.delivered_at,
        failed_at=before.failed_at if delivered else now,
        failing_since=failing_since,
        disabled=disabled or before.disabled,
    )


def _without(attempts: Attempts, saved: Attempts) -> Attempts:
    """What came after the part that is saved."""
    return msgspec.structs.replace(attempts, count=attempts.count - saved.count)
