"""Jobs are kept for the time of the setting, and what an undo or a download needs for its own time."""

import time
from collections.abc import Callable

import pytest
import time_machine
from api_records import data_of, hold_jobs, release_jobs
from conftest import MAPPINGS, Server

from mailrith_lite.catalog import job_removal
from mailrith_lite.housekeeping.job_retention import JobRetention
from mailrith_lite.jobs.kinds import EXPORT, IMPORT

DAY = 86_400
CSV = "Email,Name\nada@example.com,Ada\nbroken,Bob\n"


def remove_expired(server: Server, *, days: float) -> None:
    """As the housekeeping, so many days later."""
    services, settings = server.services, server.settings
    retention = JobRetention(
        services.database,
        services.exports_directory,
        ttl=settings.job_ttl,
        undo_ttl=settings.undo_ttl,
        is_running=services.runner.is_running,
    )
    with time_machine.travel(time.time() + days * DAY, tick=True):
        server.wait(retention.remove_expired())


def kept(server: Server) -> list[str]:
    return [kind for (kind,) in server.rows("SELECT kind FROM jobs ORDER BY id")]


def test_jobs_are_deleted_90_days_after_their_end_with_their_refused_rows(server: Server) -> None:
    server.import_csv(CSV)
    server.export_csv()
    remove_expired(server, days=89.9)
    assert kept(server) == ["import", "export"]
    remove_expired(server, days=90.1)
    assert kept(server) == []
    assert server.rows("SELECT count(*) FROM import_row_errors") == [(0,)]
    assert server.rows("SELECT email FROM subscribers") == [("ada@example.com",)]


def test_a_setting_of_0_keeps_jobs_for_ever(serve: Callable[..., Server]) -> None:
    server = serve(job_ttl=0)
    server.import_csv(CSV)
    remove_expired(server, days=9_000)
    assert kept(server) == ["import"]


@pytest.mark.slow
@pytest.mark.parametrize(("days", "left"), [(29, ["import"]), (31, [])])
def test_an_import_that_can_be_undone_stays(serve: Callable[..., Server], days: float, left: list[str]) -> None:
    server = serve(job_ttl=DAY)
    job = server.import_csv(CSV)
    server.import_csv("Email,Name\nbroken,Bob\n")  # has nothing to undo
    server.import_csv(CSV, dry_run=True)
    remove_expired(server, days=days)
    assert [IMPORT.encode(number) for (number,) in server.rows("SELECT id FROM jobs")] == [job["id"]] * len(left)


def test_an_import_stays_as_long_as_its_undo(serve: Callable[..., Server]) -> None:
    server = serve(job_ttl=DAY, undo_ttl=DAY)
    job = server.import_csv(CSV)
    with time_machine.travel(time.time() + 0.5 * DAY, tick=True):
        data_of(server.call("POST", f"{job['self']}/undo"))
        server.drain()
    remove_expired(server, days=1.2)
    assert kept(server) == ["import", "undo"]
    remove_expired(server, days=1.6)
    assert kept(server) == []


def test_an_import_stays_until_the_exports_of_its_people_have_ended(serve: Callable[..., Server]) -> None:
    server = serve(job_ttl=DAY, undo_ttl=DAY, export_ttl=DAY)
    job = server.import_csv(CSV)
    hold_jobs(server)
    data_of(server.call("POST", EXPORT.path, {"import_job_id": job["id"]}))
    remove_expired(server, days=2)
    assert kept(server) == ["import", "export"]
    release_jobs(server)
    remove_expired(server, days=2)
    assert kept(server) == []


def test_an_export_stays_as_long_as_its_link(serve: Callable[..., Server]) -> None:
    server = serve(job_ttl=DAY, export_ttl=3 * DAY)
    job, _ = server.export_csv()
    remove_expired(server, days=2)
    assert server.fetch(job["download_url"]).status == 200
    remove_expired(server, days=4)
    assert kept(server) == []
    assert list(server.services.exports_directory.iterdir()) == []


def test_an_unfinished_job_stays(serve: Callable[..., Server]) -> None:
    server = serve(job_ttl=DAY)
    server.wait(server.services.runner.stop())
    for path, body in ((IMPORT.path, {"csv_text": CSV, "mappings": MAPPINGS}), (EXPORT.path, {})):
        data_of(server.call("POST", path, body))
    remove_expired(server, days=100)
    assert kept(server) == ["import", "export"]


def test_more_jobs_than_a_step_takes_are_deleted(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_removal, "EXPIRED_AT_ONCE", 1)
    for _ in range(3):
        server.import_csv("Email,Name\nbroken,Bob\n")
    remove_expired(server, days=91)
    assert kept(server) == []
