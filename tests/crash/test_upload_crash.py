"""An upload survives SIGKILL at any moment: its file is complete or absent."""

import random
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from crash.service import IMPORTS, MAPPINGS, ROUNDS, UPLOADS, Service, import_request


def test_an_upload_that_is_killed_during_its_file_accepts_the_file_again(service: Callable[[str], Service]) -> None:
    killed = service("killed").start()
    upload = killed.call("POST", UPLOADS)
    link = urlsplit(upload["upload_url"])
    file = import_request()["csv_text"].encode()
    killed.kill_during_request("PUT", f"{link.path}?{link.query}", file)
    killed.start()
    assert killed.files() == []
    assert killed.call("GET", upload["self"])["status"] == "Pending"
    with killed.put(upload["upload_url"], file) as connection:
        assert connection.getresponse().status == 200
    assert killed.call("GET", upload["self"])["status"] == "Ready"


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_the_file_of_an_upload_that_is_killed_at_any_moment_is_complete_or_absent(
    service: Callable[[str], Service], seed: int
) -> None:
    killed = service("killed").start()
    file = import_request()["csv_text"].encode()
    upload = killed.call("POST", UPLOADS)
    with killed.put(upload["upload_url"], file):
        for _ in range(random.Random(seed).randrange(60)):
            killed.call("GET", upload["self"])
        killed.kill()
    killed.start()
    if killed.call("GET", upload["self"])["status"] == "Pending":
        assert killed.files() == []
        with killed.put(upload["upload_url"], file) as connection:
            assert connection.getresponse().status == 200
    ready = killed.call("GET", upload["self"])
    (path,) = (killed.directory / "uploads").iterdir()
    assert path.read_bytes() == file
    job = killed.finish(killed.call("POST", IMPORTS, {"upload_id": upload["id"], "mappings": MAPPINGS}))
    assert (job["status"], job["progress"]["rows_total"]) == ("Completed", ready["row_count"])
    killed.stop()
    assert killed.files() == []


def test_an_import_of_an_upload_completes_after_a_kill_directly_after_its_202(
    service: Callable[[str], Service],
) -> None:
    killed = service("killed").start()
    upload = killed.call("POST", UPLOADS)
    with killed.put(upload["upload_url"], import_request(2_000)["csv_text"].encode()) as connection:
        assert connection.getresponse().status == 200
    body = {"upload_id": upload["id"], "mappings": MAPPINGS}
    job = killed.call("POST", IMPORTS, body, **{"Idempotency-Key": "once"})
    killed.restart()
    assert killed.call("GET", upload["self"])["import_job_id"] == job["id"]
    assert killed.call("POST", IMPORTS, body, **{"Idempotency-Key": "once"}) == job
    assert killed.finish(killed.call("GET", job["self"]))["status"] == "Completed"
    killed.stop()
    assert len(killed.content().jobs) == 1
    assert killed.files() == []
