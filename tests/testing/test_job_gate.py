"""Jobs move when a test allows it."""

from typing import Any

import pytest
from jobs.recorder import Recorder, add_jobs
from mailrith_sdk import MailrithApiError, MailrithClient

from mailrith_lite.access import workspaces
from mailrith_lite.database import Database
from mailrith_lite.jobs.kinds import EXPORT
from mailrith_lite.jobs.queue import Job
from mailrith_lite.jobs.runner import Runner
from mailrith_lite.testing import Mailrith
from mailrith_lite.testing.job_gate import JobGate

MAPPINGS = [{"csv_column": "Email", "field": {"type": "email"}}]


class Client:
    """The official SDK on a workspace."""

    def __init__(self, mailrith: Mailrith) -> None:
        self.sdk = MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)

    def submit(self, rows: int = 3) -> str:
        text = "Email\n" + "".join(f"{number}@example.com\n" for number in range(rows))
        return str(self.sdk.jobs.create_import(body={"csv_text": text, "mappings": MAPPINGS})["data"]["id"])

    def submit_export(self) -> str:
        return str(self.sdk.jobs.create_export(body={})["data"]["id"])

    def job(self, job_id: str) -> Any:
        get = self.sdk.jobs.get_import if job_id.startswith("import") else self.sdk.jobs.get_export
        return get(path={"job_id": job_id})["data"]

    def status(self, job_id: str) -> str:
        return str(self.job(job_id)["status"])


@pytest.fixture
def client(mailrith: Mailrith) -> Client:
    return Client(mailrith)


def test_held_jobs_stay_queued_until_release(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.hold()
    jobs = [client.submit(), client.submit_export(), client.submit()]
    other = mailrith.workspace()
    elsewhere = Client(other).submit()
    other.jobs.drain()
    assert Client(other).status(elsewhere) == "Completed"  # the runner has looked at the queue since
    assert [client.status(job) for job in jobs] == ["Queued"] * 3
    mailrith.jobs.release()
    mailrith.jobs.drain()
    assert [client.status(job) for job in jobs] == ["Completed"] * 3


def test_step_is_one_state_or_one_chunk(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.hold(chunk_rows=2)
    job = client.submit(rows=3)
    steps = []
    while (status := mailrith.jobs.step()) != "Completed":
        progress = client.job(job)["progress"]
        assert client.status(job) == status
        steps.append((status, progress["rows_total"], progress["rows_processed"]))
    assert steps == [("Processing", None, 0), ("Processing", 3, 2), ("Processing", 3, 3)]
    assert client.job(job)["imported_count"] == 3


class LateGate(JobGate):
    """What it reads of a job arrives after the job has paused."""

    async def _select(self, job: Job) -> Job:
        current = await super()._select(job)
        while job.id not in self._paused:
            await self._next_move.wait()
        return current


async def test_step_returns_the_job_after_the_step_also_if_it_was_read_before(database: Database) -> None:
    async with database.write() as connection:
        await workspaces.insert_workspace(connection, "A", 1)
    await add_jobs(database, EXPORT)
    gate = LateGate()
    runner = Runner(database, {EXPORT: Recorder(database)}, concurrency=1, gate=gate)
    gate.attach(database, runner)
    gate.hold(1)
    await runner.start()
    job = await gate.advance(1)
    await runner.stop()
    assert job.status == "Processing"


def test_step_moves_the_oldest_job_until_it_is_final(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.hold()
    first, second = client.submit(), client.submit_export()
    assert [mailrith.jobs.step() for _ in range(3)] == ["Processing", "Processing", "Completed"]
    assert (client.status(first), client.status(second)) == ("Completed", "Queued")
    assert mailrith.jobs.step() == "Processing"
    assert client.status(second) == "Processing"


def test_step_moves_an_export(mailrith: Mailrith, client: Client) -> None:
    mailrith.seed(subscribers=5)
    mailrith.jobs.hold()
    job = client.submit_export()
    assert [mailrith.jobs.step() for _ in range(3)] == ["Processing", "Processing", "Completed"]
    assert client.job(job)["exported_count"] == 5


def test_step_ends_a_job_that_fails(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.hold()
    broken = client.sdk.jobs.create_import(body={"csv_text": 'Email\n"open', "mappings": MAPPINGS})["data"]["id"]
    assert [mailrith.jobs.step(), mailrith.jobs.step()] == ["Processing", "Failed"]
    assert "line 2" in client.job(broken)["error_message"]


def test_release_lets_a_paused_job_finish(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.hold(chunk_rows=1)
    job = client.submit(rows=5)
    for _ in range(3):
        mailrith.jobs.step()
    assert client.job(job)["progress"]["rows_processed"] == 2
    mailrith.jobs.release()
    mailrith.jobs.drain()
    assert client.job(job)["progress"]["created_count"] == 5


def test_second_hold_changes_the_chunk_size_of_a_paused_job(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.hold(chunk_rows=1)
    job = client.submit(rows=4)
    mailrith.jobs.step()
    mailrith.jobs.step()
    mailrith.jobs.hold(chunk_rows=2)
    assert mailrith.jobs.step() == "Processing"
    assert client.job(job)["progress"]["rows_processed"] == 3


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_held_job_can_be_canceled(mailrith: Mailrith, client: Client, steps: int) -> None:
    mailrith.jobs.hold(chunk_rows=1)
    job = client.submit(rows=3)
    for _ in range(steps):
        mailrith.jobs.step()
    path = f"/v1/jobs/subscriber-imports/{job}/cancel"
    client.sdk.transport("POST", mailrith.url + path, {"Authorization": f"Bearer {mailrith.api_key}"}, None)
    canceled = client.job(job)
    assert (canceled["status"], canceled["error_message"]) == ("Failed", "Canceled by the client.")
    assert canceled["progress"]["rows_processed"] == max(steps - 1, 0)
    mailrith.jobs.drain()
    with pytest.raises(ValueError, match="no unfinished job"):
        mailrith.jobs.step()


@pytest.mark.parametrize(
    ("polls", "statuses"),
    [
        (1, ["Completed"]),
        (2, ["Queued", "Completed"]),
        (3, ["Queued", "Processing", "Completed"]),
        (5, ["Queued", "Processing", "Processing", "Processing", "Completed"]),
    ],
)
@pytest.mark.parametrize("kind", ["import", "export"])
def test_complete_after_completes_a_job_at_that_poll(
    mailrith: Mailrith, client: Client, kind: str, polls: int, statuses: list[str]
) -> None:
    mailrith.jobs.complete_after(polls=polls)
    for _ in range(2):  # each job counts its own
        job = client.submit() if kind == "import" else client.submit_export()
        assert [client.status(job) for _ in range(polls)] == statuses
        assert client.status(job) == "Completed"


def test_calls_that_do_not_show_the_job_are_no_polls(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.complete_after(polls=2)
    job = client.submit()
    with pytest.raises(MailrithApiError):
        client.status("import_job_0000000000000")
    client.sdk.jobs.list_imports()
    with pytest.raises(MailrithApiError):
        Client(mailrith.workspace()).status(job)
    assert [client.status(job), client.status(job)] == ["Queued", "Completed"]


def test_poll_that_completes_an_import_completes_the_imports_before_it(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.complete_after(polls=2)
    first, second = client.submit(), client.submit()
    assert [client.status(second), client.status(second)] == ["Queued", "Completed"]
    assert client.status(first) == "Completed"


def test_refused_requests_are_no_polls(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.complete_after(polls=2)
    job = client.submit_export()
    mailrith.throttle_next("getSubscriberExportJob")
    with pytest.raises(MailrithApiError):
        client.status(job)
    stranger = MailrithClient(base_url=mailrith.url, api_key=mailrith.create_key(scopes=["tags:read"]))
    with pytest.raises(MailrithApiError):
        stranger.jobs.get_export(path={"job_id": job})
    assert [client.status(job), client.status(job)] == ["Queued", "Completed"]


def test_export_does_not_wait_for_exports_before_it(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.complete_after(polls=3)
    _, second = client.submit_export(), client.submit_export()
    assert [client.status(second) for _ in range(3)] == ["Queued", "Processing", "Completed"]


def test_drain_does_not_wait_for_a_canceled_job(mailrith: Mailrith, client: Client) -> None:
    """Imports run one after another: the second one is canceled while it waits for the first."""
    mailrith.jobs.hold(chunk_rows=1)
    first, second = client.submit(rows=2), client.submit()
    mailrith.jobs.step()
    path = f"/v1/jobs/subscriber-imports/{second}/cancel"
    client.sdk.transport("POST", mailrith.url + path, {"Authorization": f"Bearer {mailrith.api_key}"}, None)
    mailrith.jobs.release()
    mailrith.jobs.drain()
    assert (client.status(first), client.status(second)) == ("Completed", "Failed")


def test_drain_refuses_to_wait_for_a_held_job(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.hold()
    job = client.submit()
    with pytest.raises(ValueError, match=f"{job} is held: call release"):
        mailrith.jobs.drain()


def test_import_stays_queued_while_another_is_before_it(mailrith: Mailrith, client: Client) -> None:
    mailrith.jobs.complete_after(polls=4)
    first, second = client.submit(), client.submit()
    assert [client.status(second) for _ in range(3)] == ["Queued"] * 3
    assert [client.status(first) for _ in range(2)] == ["Queued", "Processing"]
    assert client.status(second) == "Completed"


def test_invalid_call_says_what_to_do(mailrith: Mailrith) -> None:
    with pytest.raises(ValueError, match="call hold"):
        mailrith.jobs.step()
    mailrith.jobs.hold()
    with pytest.raises(ValueError, match="no unfinished job"):
        mailrith.jobs.step()
    with pytest.raises(ValueError, match="1 row or more"):
        mailrith.jobs.hold(chunk_rows=0)
    with pytest.raises(ValueError, match="poll 1 or later"):
        mailrith.jobs.complete_after(polls=0)


def test_held_jobs_do_not_block_other_workspaces(mailrith: Mailrith) -> None:
    others = [mailrith.workspace() for _ in range(10)]
    for other in others:
        other.jobs.hold()
        Client(other).submit_export()
        other.jobs.step()
    job = Client(mailrith).submit()
    mailrith.jobs.drain()
    assert Client(mailrith).status(job) == "Completed"
    for other in others:
        other.close()
