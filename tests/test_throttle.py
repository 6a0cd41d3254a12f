"""Rates, and limits of what runs at a time."""

from collections.abc import Iterator

import pytest

from mailrith_lite import errors, throttle
from mailrith_lite.throttle import AtOnce, Rate


class Time:
    """Seconds, which a test moves on."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def taken(rate: Rate, owner: int, times: int) -> int:
    """How many of the attempts get a token."""
    return [rate.take(owner) for _ in range(times)].count(None)


@pytest.fixture
def time() -> Iterator[Time]:
    yield Time()


def test_burst_is_allowed_at_once_and_then_the_rate_counts(time: Time) -> None:
    rate = Rate(2, 5, time=time)
    assert taken(rate, 1, 10) == 5
    time.seconds += 1
    assert taken(rate, 1, 10) == 2
    time.seconds += 1_000  # the bucket takes no more than the burst
    assert taken(rate, 1, 10) == 5


def test_refusal_says_when_a_token_is_back(time: Time) -> None:
    rate = Rate(0.1, 1, time=time)
    assert [rate.take(1), rate.take(1)] == [None, 10]
    time.seconds += 4
    assert rate.take(1) == 6
    time.seconds += 6
    assert rate.take(1) is None


def test_refused_attempts_do_not_lengthen_the_wait(time: Time) -> None:
    rate = Rate(1, 1, time=time)
    taken(rate, 1, 100)
    time.seconds += 1
    assert rate.take(1) is None


def test_owners_have_a_bucket_each(time: Time) -> None:
    rate = Rate(1, 2, time=time)
    assert (taken(rate, 1, 5), taken(rate, 2, 5)) == (2, 2)


def test_owner_that_is_idle_for_longest_is_forgotten(time: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "_MAX_OWNERS", 2)
    rate = Rate(1, 1, time=time)
    for owner in (1, 2, 1, 3):
        rate.take(owner)
    assert set(rate._buckets) == {1, 3}
    assert rate.take(1) == 1


def test_what_runs_at_a_time_is_limited_for_each_owner() -> None:
    limit = AtOnce(1, lambda most: errors.RateLimited(f"{most} at a time."))
    with limit.hold(1), limit.hold(2), pytest.raises(errors.RateLimited, match="1 at a time"), limit.hold(1):
        pytest.fail("the second one runs")
    with limit.hold(1):
        pass
    assert not limit._counts


def test_place_is_free_after_a_failure() -> None:
    limit = AtOnce(1, lambda most: errors.RateLimited(f"{most} at a time."))
    for _ in range(2):
        with pytest.raises(ValueError, match="failed"), limit.hold(1):
            raise ValueError("failed")
