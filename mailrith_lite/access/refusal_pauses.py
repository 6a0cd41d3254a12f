"""Slows down whoever gets many refusals: each costs little, but a client can ask for thousands a second."""

from asyncio import sleep

from mailrith_lite.throttle import Rate

RATE, BURST = 100, 200  # more than a person or a small program gets
_PAUSE = 0.25  # seconds before each further one


class RefusalPauses:
    """Counts in memory the refusals of each owner: the id of a workspace, or an address that sends no valid key."""

    def __init__(self, rate: float, burst: int) -> None:
        """`rate`: refusals a second that are sent at once. `burst`: as many after a time without any."""
        self._rate = Rate(rate, burst)

    async def wait(self, owner: int | str) -> None:
        """Counts a refusal. Call it before the response is sent."""
        if self._rate.take(owner) is not None:
            await sleep(_PAUSE)
