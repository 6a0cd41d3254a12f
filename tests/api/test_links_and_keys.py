"""A signed link belongs to the API key that it was made for, and ends with it."""

import http.client
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from conftest import KEY, Server
from uploading import CSV, address, files, look, start, wait_for
from wire import EMAIL, envelope

from mailrith_lite import clock
from mailrith_lite.access import key_table, keys

REVOKED = (403, "permission_error", "link_revoked")
Alter = Callable[[Any, int, int], Any]


@pytest.fixture
def job(server: Server) -> Any:
    """An import with a report."""
    return server.import_csv("Email\nada@example.com\nbad address\n", [EMAIL])


def end(server: Server, key: str, alter: Alter = key_table.update_key_revoked) -> None:
    async def write() -> None:
        async with server.services.database.write() as connection:
            found = await keys.select_active(connection, key, clock.now())
            await alter(connection, found.id, clock.now())

    server.wait(write())


def links_of(server: Server, job: Any, key: str) -> Iterator[tuple[str, str, bytes | None]]:
    """Method, path and body for each kind of link, made with the key."""
    export, _ = server.export_csv(key=key)
    shown = server.call("GET", job["self"], key=key).json["data"]
    upload = start(server, key)
    for link in (export["download_url"], shown["error_report_url"]):
        yield "GET", link.removeprefix(server.url), None
    for method, body in (("GET", None), ("PUT", CSV)):
        yield method, address(server, upload), body


@pytest.mark.parametrize("alter", [key_table.update_key_revoked, key_table.update_key_rotated])
def test_links_end_when_their_key_is_revoked_or_rotated(server: Server, job: Any, alter: Alter) -> None:
    key = server.new_key()
    links = list(links_of(server, job, key))
    assert [server.call(*link, key=None).status for link in links] == [200] * 4
    end(server, key, alter)
    for link in links:
        assert envelope(server.call(*link, key=None)) == REVOKED
        assert envelope(server.call(*link, key=KEY)) == REVOKED


def test_links_end_when_their_key_expires(server: Server, job: Any) -> None:
    key = server.new_key(expires_at=clock.now() + 600 * clock.SECOND)
    links = list(links_of(server, job, key))
    with time_machine.travel(time.time() + 601, tick=True):
        for link in links:
            assert envelope(server.call(*link, key=None)) == REVOKED


def test_another_key_of_the_workspace_gets_a_link_of_its_own(server: Server) -> None:
    server.import_csv("Email\nada@example.com\n", [EMAIL])
    key = server.new_key()
    export, text = server.export_csv(key=key)
    other = server.call("GET", export["self"]).json["data"]["download_url"]
    assert other != export["download_url"]
    end(server, key)
    assert server.fetch(other).body.decode() == text


def test_file_whose_transfer_ends_after_its_key_is_not_taken(server: Server) -> None:
    key = server.new_key()
    upload = start(server, key)
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=30)
    connection.putrequest("PUT", address(server, upload))
    connection.putheader("Content-Length", str(len(CSV)))
    connection.endheaders(CSV[:10])
    wait_for(lambda: files(server) != [])
    end(server, key)
    connection.send(CSV[10:])
    assert connection.getresponse().status == 403
    connection.close()
    assert (look(server, upload)["status"], files(server)) == ("Pending", [])


def test_link_is_not_valid_for_another_key_with_the_same_id(server: Server, job: Any) -> None:
    """After a restore, a new key can get the id of a key that the copy does not have."""
    key = server.new_key()
    links = list(links_of(server, job, key))

    async def replace() -> None:
        async with server.services.database.write() as connection:
            await connection.execute(
                "UPDATE api_keys SET key_hash = ? WHERE key_hash = ?",
                (keys.hash_key("mrk_another_secret_key"), keys.hash_key(key)),
            )

    server.wait(replace())
    for link in links:
        assert envelope(server.call(*link, key=None)) == (403, "permission_error", "invalid_signature")
