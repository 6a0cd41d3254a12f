"""Limits how many wrong API keys an address may send. Right keys are never refused."""

import ipaddress

import msgspec

from mailrith_lite import clock, errors

WINDOW = 60 * clock.SECOND
_MAX_ADDRESSES = 10_000  # beyond that, the address whose window is the oldest is dropped
_IPV6_SITE = 64  # bits of an IPv6 address that one customer of a provider has in common


class _Count(msgspec.Struct):
    began_at: int
    keys: int = 0


class WrongKeys:
    """Counts in memory. `limit`: wrong keys of one address within a minute."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[str, _Count] = {}

    def note(self, address: str, now: int) -> int | None:
        """Counts one wrong key. Returns None, or above the limit the seconds until the address may try again."""
        network = site(address)
        count = self._counts.get(network)
        if count is None or not 0 <= now - count.began_at < WINDOW:
            self._counts.pop(network, None)  # to insert it again at the end: the dictionary is sorted by `began_at`
            count = self._counts[network] = _Count(began_at=now)
            if len(self._counts) > _MAX_ADDRESSES:
                del self._counts[next(iter(self._counts))]
        count.keys += 1
        return -(-(count.began_at + WINDOW - now) // clock.SECOND) if count.keys > self._limit else None


def too_many(retry_after: int) -> errors.RateLimited:
    return errors.RateLimited(
        "Your address has sent too many wrong API keys; check the key, then try again in a minute.",
        reason="wrong_keys",
        retry_after=retry_after,
    )


def site(address: str) -> str:
    """The address, or the network of an IPv6 address, because one client has a whole network of them."""
    try:
        if ipaddress.ip_address(address).version == 4:
            return address
        return str(ipaddress.ip_network((address.partition("%")[0], _IPV6_SITE), strict=False))
    except ValueError:
        return address
