"""An address may send some wrong keys within a minute; right keys are never refused."""

from collections.abc import Callable
from typing import Any

import pytest
from conftest import KEY, Server

from mailrith_lite import clock
from mailrith_lite.access import wrong_keys
from mailrith_lite.access.wrong_keys import WINDOW, WrongKeys

WRONG = "mrk_unknown_example_key"


def test_address_waits_until_its_minute_is_over() -> None:
    counts, now = WrongKeys(2), 1_000_000
    assert [counts.note("192.0.2.1", now), counts.note("192.0.2.1", now)] == [None, None]
    assert counts.note("192.0.2.1", now) == WINDOW // clock.SECOND
    assert counts.note("192.0.2.1", now + WINDOW - 1) == 1
    assert counts.note("192.0.2.2", now) is None
    assert counts.note("192.0.2.1", now + WINDOW) is None


def test_clock_that_is_set_back_does_not_lengthen_the_wait() -> None:
    counts = WrongKeys(1)
    counts.note("192.0.2.1", 10 * WINDOW)
    assert counts.note("192.0.2.1", WINDOW) is None


def test_addresses_of_one_ipv6_network_count_together() -> None:
    counts = WrongKeys(1)
    assert counts.note("2001:db8::1", 0) is None
    assert counts.note("2001:db8::ffff:1", 0) is not None
    assert counts.note("2001:db8:0:1::1", 0) is None


def test_number_of_counted_addresses_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrong_keys, "_MAX_ADDRESSES", 2)
    counts = WrongKeys(1)
    for address in ("a", "b", "c"):
        counts.note(address, 0)
    assert len(counts._counts) == 2


@pytest.fixture
def limited(serve: Callable[..., Server]) -> Server:
    return serve(wrong_key_limit=3)


def outcome(server: Server, key: str | None) -> tuple[int, Any]:
    reply = server.call("GET", "/v1/tags", key=key)
    return reply.status, reply.error["code"] if reply.status != 200 else None


def test_wrong_keys_above_the_limit_get_429_with_retry_after(limited: Server) -> None:
    assert [outcome(limited, WRONG)[0] for _ in range(3)] == [401] * 3
    reply = limited.call("GET", "/v1/tags", key=WRONG)
    assert (reply.status, reply.error["type"], reply.error["code"]) == (429, "invalid_request", "rate_limited")
    assert 0 < int(reply.headers["retry-after"]) <= 60


def test_right_key_and_request_without_a_key_are_not_limited(limited: Server) -> None:
    assert outcome(limited, None)[0] == 401
    for _ in range(5):
        outcome(limited, WRONG)
    assert outcome(limited, KEY) == (200, None)
    assert outcome(limited, None) == (401, "invalid_api_key")
