"""`subscribed_on`: a day in the workspace's time zone."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from api_records import LONG_AGO, SUBSCRIBERS, backdate, data_of, details, execute, read, subscriber
from conftest import Reply, Server

NOON = datetime(2026, 4, 11, 11, 0, tzinfo=UTC)


def set_time_zone(server: Server, time_zone: str | None) -> None:
    execute(server, "UPDATE workspaces SET time_zone = ?", time_zone)


def requests(server: Server, day: Any) -> list[Callable[[], Reply]]:
    """With this day: create a subscriber, upsert an existing one, update an existing one."""
    existing = subscriber(server, "there@example.com")
    body = {"subscribed_on": day}
    return [
        lambda: server.call("POST", SUBSCRIBERS, {"email": "new@example.com", **body}),
        lambda: server.call("POST", SUBSCRIBERS, {"email": "there@example.com", **body}),
        lambda: server.call("PATCH", existing["self"], body),
    ]


@pytest.mark.parametrize(
    ("time_zone", "day", "moment"),
    [
        (None, "2025-04-10", "2025-04-10T00:00:00.000Z"),
        ("UTC", "2025-04-10", "2025-04-10T00:00:00.000Z"),
        ("America/New_York", "2025-01-15", "2025-01-15T05:00:00.000Z"),
        ("America/New_York", "2025-07-15", "2025-07-15T04:00:00.000Z"),
        ("America/New_York", "2025-03-09", "2025-03-09T05:00:00.000Z"),  # the offset changes later on this day
        ("Asia/Kolkata", "2025-04-10", "2025-04-09T18:30:00.000Z"),
        ("Asia/Kathmandu", "2025-01-01", "2024-12-31T18:15:00.000Z"),
        ("Pacific/Kiritimati", "2025-04-10", "2025-04-09T10:00:00.000Z"),
        ("America/Havana", "2025-11-02", "2025-11-02T04:00:00.000Z"),  # midnight happens twice
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00.000Z"),  # midnight does not exist
        ("Europe/Amsterdam", "1970-01-02", "1970-01-01T23:00:00.000Z"),
        ("Pacific/Kiritimati", "1970-01-02", "1970-01-02T10:40:00.000Z"),
        (None, " 2024-02-29 ", "2024-02-29T00:00:00.000Z"),
    ],
)
def test_day_starts_at_midnight_in_the_workspace_time_zone(
    server: Server, time_zone: str | None, day: str, moment: str
) -> None:
    set_time_zone(server, time_zone)
    for call in requests(server, day):
        for _ in range(2):
            assert data_of(call())["subscribed_at"] == moment


@pytest.mark.parametrize("change", [{}, {"subscribed_on": "2026-04-11"}])
def test_new_subscriber_of_today_has_the_current_time(server: Server, change: Any) -> None:
    with time_machine.travel(NOON, tick=False):
        assert subscriber(server, **change)["subscribed_at"] == "2026-04-11T11:00:00.000Z"


@pytest.mark.parametrize(
    ("time_zone", "same", "next_day", "moment"),
    [
        (None, "2025-03-12", "2025-03-13", "2025-03-13T00:00:00.000Z"),
        ("America/New_York", "2025-03-11", "2025-03-12", "2025-03-12T04:00:00.000Z"),
        ("Asia/Kolkata", "2025-03-12", "2025-03-11", "2025-03-10T18:30:00.000Z"),
    ],
)
def test_saved_day_keeps_its_time(
    server: Server, time_zone: str | None, same: str, next_day: str, moment: str
) -> None:
    set_time_zone(server, time_zone)
    ada = subscriber(server)
    execute(server, "UPDATE subscribers SET subscribed_at = ?", 1_741_744_800_000)  # 2025-03-12T02:00Z
    backdate(server)
    same_day = data_of(server.call("PATCH", ada["self"], {"subscribed_on": same}))
    assert (same_day["subscribed_at"], same_day["updated_at"]) == ("2025-03-12T02:00:00.000Z", LONG_AGO)
    moved = data_of(server.call("PATCH", ada["self"], {"subscribed_on": next_day}))
    assert moved["subscribed_at"] == moment
    assert moved["updated_at"] > LONG_AGO


@pytest.mark.parametrize(
    ("time_zone", "today", "tomorrow"),
    [
        (None, "2026-04-11", "2026-04-12"),
        ("Pacific/Kiritimati", "2026-04-12", "2026-04-13"),
        ("Pacific/Midway", "2026-04-11", "2026-04-12"),
        ("America/Anchorage", "2026-04-11", "2026-04-12"),
    ],
)
def test_day_after_today_in_the_workspace_time_zone_is_refused(
    server: Server, time_zone: str | None, today: str, tomorrow: str
) -> None:
    set_time_zone(server, time_zone)
    with time_machine.travel(NOON, tick=False):
        for call in requests(server, tomorrow):
            assert details(call()) == (400, "invalid_request", "subscribed_on", "out_of_range")
        for call in requests(server, today):
            assert call().status in (200, 201)


@pytest.mark.parametrize("day", ["1970-01-01", "1969-12-31", "0001-01-01", "9999-12-31"])
def test_day_out_of_range_is_refused(server: Server, day: str) -> None:
    for call in requests(server, day):
        assert details(call()) == (400, "invalid_request", "subscribed_on", "out_of_range")


@pytest.mark.parametrize(
    "day",
    ["", " ", "today", "2026-02-30", "2026-4-1", "20260411", "2026-04-11T25:00:00Z", "11.04.2026", "٢٠٢٦-٠٤-١١"],
)
def test_invalid_day_is_refused(server: Server, day: str) -> None:
    existing = subscriber(server, "there@example.com")
    for call in requests(server, day):
        assert details(call()) == (400, "invalid_request", "subscribed_on", "invalid_date")
    assert read(server, existing) == existing


@pytest.mark.parametrize("day", [None, 20_260_411, ["2026-04-11"], True])
def test_day_of_another_json_type_is_refused(server: Server, day: Any) -> None:
    for call in requests(server, day):
        assert details(call())[:3] == (400, "invalid_request", "subscribed_on")
