"""A stop during attempts, a full queue, and a start that continues."""

import threading
import time
from pathlib import Path

import pytest
from api_records import data_of, subscriber
from conftest import KEY, Server

from mailrith_lite.settings import Settings
from webhooks.receiver import Planned, Receiver

PATH = "/v1/webhook-subscriptions"


def service(directory: Path) -> Server:
    settings = Settings(port=0, data_dir=directory, bootstrap_key=KEY, allow_private_webhooks=True)
    return Server(settings)


@pytest.mark.slow
def test_a_stop_does_not_wait_for_a_receiver_and_the_next_start_sends_again(tmp_path: Path) -> None:
    blocked = threading.Event()
    with Receiver().running() as receiver:
        receiver.otherwise = Planned(wait=blocked)
        try:
            with service(tmp_path / "data").serving() as first:
                body = {"name": "Receiver", "url": receiver.url, "event_patterns": ["*"]}
                data_of(first.call("POST", PATH, body))
                for number in range(6):
                    subscriber(first, f"person{number}@example.com")
                receiver.wait_for(4)
                began = time.monotonic()
            assert time.monotonic() - began < 10
        finally:
            blocked.set()
        under_way = {one.headers["webhook-id"] for one in receiver.received}
        receiver.received.clear()
        receiver.otherwise = Planned()
        with service(tmp_path / "data").serving() as second:
            second.wait(second.services.dispatcher.drain())
            (one,) = data_of(second.call("GET", PATH))
            rows = second.rows("SELECT status, attempts FROM webhook_deliveries")
        assert rows == [("delivered", 1)] * 6
        assert one["delivery_attempts"] == 6
        assert under_way < {request.headers["webhook-id"] for request in receiver.received}


def test_results_of_the_last_attempts_are_saved_by_a_stop(tmp_path: Path) -> None:
    with Receiver().running() as receiver:
        with service(tmp_path / "data").serving() as first:
            body = {"name": "Receiver", "url": receiver.url, "event_patterns": ["*"]}
            data_of(first.call("POST", PATH, body))
            for number in range(20):
                subscriber(first, f"person{number}@example.com")
            receiver.wait_for(10)
        with service(tmp_path / "data").serving() as second:
            second.wait(second.services.dispatcher.drain())
        ids = [one.headers["webhook-id"] for one in receiver.received]
        assert len(ids) == len(set(ids)) == 20
