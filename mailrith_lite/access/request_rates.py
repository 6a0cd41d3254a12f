"""How many requests a second a key, and all keys of a workspace, may send."""

from mailrith_lite import errors
from mailrith_lite.access.keys import Principal
from mailrith_lite.throttle import Rate


class RequestRates:
    def __init__(self, *, key_rate: int, workspace_rate: int, burst: int) -> None:
        """Rates are in requests a second. `burst`: requests that may come at once after a pause."""
        self._key_rate, self._workspace_rate = key_rate, workspace_rate
        self._by_key = Rate(key_rate, burst)
        self._by_workspace = Rate(workspace_rate, burst)

    def check(self, principal: Principal) -> None:
        """Counts a request. A request that exceeds the rate of its key does not count for the workspace.

        Raises:
            RateLimited
        """
        if (seconds := self._by_key.take(principal.key_id)) is not None:
            raise too_many("key", self._key_rate, seconds)
        if (seconds := self._by_workspace.take(principal.workspace_id)) is not None:
            raise too_many("workspace", self._workspace_rate, seconds)


def too_many(owner: str, rate: int, retry_after: int) -> errors.RateLimited:
    """`owner`: key or workspace."""
    senders = "This API key sends" if owner == "key" else "The keys of this workspace send"
    return errors.RateLimited(
        f"{senders} too many requests; send at most {rate:,} a second.",
        reason=f"{owner}_requests",
        retry_after=retry_after,
    )
