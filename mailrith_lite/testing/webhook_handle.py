"""The events of a workspace and their deliveries, for the handle of a test."""

from collections.abc import Callable

from mailrith_lite.testing.controlled_server import ControlledServer
from mailrith_lite.testing.movable_clock import monotonic
from mailrith_lite.testing.sandbox import Sandbox
from mailrith_lite.testing.webhook_box import SentEvent
from mailrith_lite.webhooks.events import Event

_LONGEST_WAIT = 1.0  # seconds that one call waits for an event


class Webhooks:
    """Every thread may call every method.

    The events of the workspace are kept without a subscription, also those of jobs. A subscription that the test
    makes over the API gets its events at once, at addresses of this machine, too.
    """

    def __init__(self, server: ControlledServer, workspace_id: Callable[[], int]) -> None:
        self._server = server
        self._workspace_id = workspace_id

    @property
    def events(self) -> list[Event]:
        """The events since the workspace was made or reset, oldest first: at most the first 1,000."""
        return self._server.ask(Sandbox.select_events, self._workspace_id(), None)

    @property
    def deliveries(self) -> list[SentEvent]:
        """Each event for each subscription, oldest first, with the result of the last attempt."""
        return self._server.ask(Sandbox.select_sent_events, self._workspace_id())

    def wait_for(self, event_type: str | None = None, *, count: int = 1, timeout: float = 5.0) -> list[Event]:
        """Waits for `count` events of the type, or of any, and returns the first ones.

        Raises:
            ValueError: no event has this type.
            TimeoutError: fewer have come within `timeout` seconds.
        """
        deadline = monotonic() + timeout
        while True:
            left = deadline - monotonic()
            wait = max(0.0, min(left, _LONGEST_WAIT))
            events = self._server.ask(Sandbox.wait_for_events, self._workspace_id(), event_type, count, wait)
            if len(events) >= count:
                return events[:count]
            if left <= 0:
                types = ", ".join(event.type for event in self.events) or "none"
                raise TimeoutError(
                    f"{len(events)} of {count} events {event_type or 'of any type'} came within {timeout:g} s;"
                    f" there were: {types}"
                )

    def hold(self) -> None:
        """Sends nothing until `release`. Events are kept meanwhile."""
        self._server.ask(Sandbox.hold_webhooks, self._workspace_id())

    def release(self) -> None:
        """Sends what `hold` has kept."""
        self._server.ask(Sandbox.release_webhooks, self._workspace_id())

    def fail_next(self, status: int = 503, *, times: int = 1) -> None:
        """The next attempts fail as if the receiver answered this status; it gets no request."""
        self._server.ask(Sandbox.fail_next_webhooks, self._workspace_id(), status, times)

    def drain(self) -> None:
        """Waits until no event is due: each was delivered, waits for its next attempt, or is held."""
        self._server.ask(Sandbox.drain_webhooks)
