"""`serve` runs a server for as long as its context lasts, and leaves nothing behind."""

import socket
import tempfile
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from mailrith_sdk import MailrithApiError, MailrithClient

from mailrith_lite import testing
from mailrith_lite.errors import StartError
from mailrith_lite.settings import BadSetting
from mailrith_lite.testing import Mailrith, serve


def client_of(mailrith: Mailrith, key: str | None = None) -> MailrithClient:
    return MailrithClient(base_url=mailrith.url, api_key=key or mailrith.api_key)


def emails(client: MailrithClient) -> list[str]:
    return [one["email"] for one in client.subscribers.list()["data"]]


def test_server_leaves_no_thread_file_or_socket_behind(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = threading.active_count()
    with serve() as mailrith:
        assert list(tmp_path.iterdir())
        parts = urlsplit(mailrith.url)
        with urllib.request.urlopen(f"{mailrith.url}/healthz") as answer:
            assert answer.status == 200
    assert threading.active_count() == before
    assert list(tmp_path.iterdir()) == []
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended may linger
        free.bind((parts.hostname, parts.port))


def test_server_stops_when_a_job_is_in_the_middle() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), serve() as mailrith:
        client = client_of(mailrith)
        mailrith.jobs.hold()
        client.jobs.create_export(body={})
        assert mailrith.jobs.step() == "Processing"
        raise ZeroDivisionError
    assert threading.active_count() == before


def test_port_in_use_is_named_in_the_error() -> None:
    with serve() as mailrith:
        port = urlsplit(mailrith.url).port
        with pytest.raises(StartError, match=str(port)), serve(port=port):
            pytest.fail("two servers listen on one port")


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"max_queue": 1}, TypeError, "max_queue"),
        ({"data_dir": "/"}, TypeError, "data_dir"),
        ({"job_concurrency": 2}, TypeError, "job_concurrency"),
        ({"export_ttl": "soon"}, BadSetting, "--export-ttl takes a duration"),
    ],
)
def test_invalid_setting_is_refused(settings: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message), serve(**settings):
        pytest.fail("the setting was accepted")


def test_duration_can_be_a_text(mailrith: Mailrith) -> None:
    with serve(export_ttl="1h") as short:
        client = client_of(short)
        job = client.jobs.create_export(body={})["data"]
        short.jobs.drain()
        short.clock.advance(minutes=61)
        assert client.jobs.get_export(path={"job_id": job["id"]})["data"]["download_url"] is None


def test_handle_refuses_calls_after_its_server_has_stopped() -> None:
    with serve() as mailrith:
        pass
    with pytest.raises(RuntimeError, match="this server has stopped"):
        mailrith.jobs.hold()


def test_error_while_the_server_stops_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OSError, match="the disk"), serve() as mailrith:

        async def fail() -> None:
            raise OSError("the disk")

        monkeypatch.setattr(mailrith._server.sandbox.services.runner, "stop", fail)


def test_settings_of_the_service_apply() -> None:
    with serve(max_queued_jobs=1) as mailrith:
        mailrith.jobs.hold()
        client = client_of(mailrith)
        client.jobs.create_export(body={})
        with pytest.raises(MailrithApiError) as refusal:
            client.jobs.create_export(body={})
        assert (refusal.value.status, refusal.value.code) == (429, "queue_full")


@pytest.mark.slow
def test_servers_of_one_process_are_separate() -> None:
    with serve() as one, serve() as other:
        one.seed(subscribers=["ada@example.com"])
        one.clock.advance(days=400)
        assert emails(client_of(one)) == ["ada@example.com"]
        assert emails(client_of(other)) == []
        assert other.clock.now() < one.clock.now()


def test_workspaces_of_one_server_are_separate(mailrith: Mailrith) -> None:
    other = mailrith.workspace()
    mailrith.seed(subscribers=["ada@example.com"])
    other.fail_next(status=500, times=100)
    other.jobs.hold()
    assert emails(client_of(mailrith)) == ["ada@example.com"]
    client_of(mailrith).jobs.create_export(body={})
    mailrith.jobs.drain()
    with pytest.raises(MailrithApiError):
        emails(client_of(other))
    assert [one.operation_id for one in other.requests] == ["listSubscribers"]
    assert len(mailrith.requests) == 2
    other.close()


def test_key_has_its_scopes_and_expires(mailrith: Mailrith) -> None:
    key = mailrith.create_key(scopes=["tags:read"], expires_in="2h")
    client = client_of(mailrith, key)
    assert client.tags.list()["data"] == []
    with pytest.raises(MailrithApiError) as refusal:
        client.subscribers.list()
    assert refusal.value.code == "insufficient_scope"
    mailrith.clock.advance(hours=2)
    with pytest.raises(MailrithApiError) as refusal:
        client.tags.list()
    assert refusal.value.code == "expired_api_key"
    assert client_of(mailrith).tags.list()["data"] == []


def test_unknown_scope_is_refused(mailrith: Mailrith) -> None:
    with pytest.raises(ValueError, match=r"no scope tags:red"):
        mailrith.create_key(scopes=["tags:red"])


def test_reset_leaves_only_the_keys(mailrith: Mailrith) -> None:
    client = client_of(mailrith)
    mailrith.seed(subscribers=3, tags=["VIP"])
    mailrith.jobs.hold()
    client.jobs.create_export(body={}, idempotency_key="one")
    mailrith.jobs.step()
    mailrith.fail_next()
    start = datetime.fromisoformat(mailrith.clock.now())
    mailrith.clock.advance(days=1)
    mailrith.reset()
    assert len(mailrith.requests) == 0
    assert client.subscribers.list()["data"] == client.tags.list()["data"] == []
    assert client.jobs.list_exports()["data"] == []
    assert datetime.fromisoformat(mailrith.clock.now()) - start < timedelta(hours=1)
    job = client.jobs.create_export(body={}, idempotency_key="one")["data"]
    mailrith.jobs.drain()
    link = client.jobs.get_export(path={"job_id": job["id"]})["data"]["download_url"]
    assert client.transport("GET", link, {}, None)[0] == 200
    requests = mailrith.requests
    mailrith.reset()
    assert client.transport("GET", link, {}, None)[0] == 404
    client.tags.list()
    assert [one.operation_id for one in requests] == ["listTags"]


def test_reset_ends_uploads_whether_a_job_has_taken_them_or_not(mailrith: Mailrith) -> None:
    client = client_of(mailrith)
    uploads = mailrith._server.sandbox.services.settings.data_dir / "uploads"
    of_others = set(uploads.iterdir())  # other tests share the server

    def upload() -> Any:
        started = client.jobs.start_import_upload()["data"]
        assert client.transport("PUT", started["upload_url"], {}, "Email\nada@example.com\n")[0] == 200
        return started

    mappings = [{"csv_column": "Email", "field": {"type": "email"}}]
    pending, ready, taken = client.jobs.start_import_upload()["data"], upload(), upload()
    client.jobs.create_import(body={"upload_id": taken["id"], "mappings": mappings})
    mailrith.jobs.drain()
    dry_run = client.jobs.create_import(body={"upload_id": ready["id"], "mappings": mappings, "dry_run": True})
    assert dry_run["data"]["status"] == "Queued"
    assert set(uploads.iterdir()) - of_others
    mailrith.reset()
    for link in (pending, ready, taken):
        assert client.transport("PUT", link["upload_url"], {}, "Email\nada@example.com\n")[0] == 404
    assert not set(uploads.iterdir()) - of_others
    mailrith.reset()
    assert client.jobs.list_imports()["data"] == client.subscribers.list()["data"] == []


def test_seed_ids_makes_ids_and_times_the_same_in_every_run() -> None:
    def run() -> list[object]:
        with serve(seed_ids=True) as mailrith:
            client = client_of(mailrith)
            seeded = mailrith.seed(subscribers=3, tags=["VIP"], custom_fields=["Plan"])
            mailrith.jobs.complete_after(polls=2)
            job = client.jobs.create_export(body={})["data"]
            client.jobs.get_export(path={"job_id": job["id"]})
            final = client.jobs.get_export(path={"job_id": job["id"]})["data"]
            link = final.pop("download_url").replace(mailrith.url, "")
            mailrith.clock.advance(minutes=1)
            after = client.tags.create(body={"name": "Later"})["data"]
            headers = client.transport("GET", mailrith.url + link, {}, None)[1]
            request_id = [headers["x-mailrith-request-id"], headers["Etag"], headers["Last-Modified"]]
            return [seeded, job, final, link, after, request_id, mailrith.create_key(), client.subscribers.list()]

    first = run()
    assert first == run()
    assert "2026-04-11T12:00:00.000Z" in str(first[1])
    assert "2026-04-11T12:01:00.000Z" in str(first[4])


def test_handle_works_from_any_thread(mailrith: Mailrith) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: mailrith.create_key(), range(16)))
    assert len(set(keys)) == 16


async def test_asyncio_client_works(mailrith: Mailrith) -> None:
    headers = {"Authorization": f"Bearer {mailrith.api_key}"}
    url = f"{mailrith.url}/v1/tags"
    async with aiohttp.ClientSession(headers=headers) as session, session.post(url, json={"name": "VIP"}) as answer:
        assert answer.status == 201
    assert mailrith.requests[0].json == {"name": "VIP"}


def test_package_exports_serve_and_mailrith_only() -> None:
    assert testing.__all__ == ["Mailrith", "serve"]
    with pytest.raises(AttributeError, match="served"):
        testing.served  # noqa: B018 - reading it raises
