"""Sessions: the cookie, when a session ends, and the limit of sign-in attempts."""

import base64
import re
import time
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import time_machine
from conftest import KEY, Server

from mailrith_lite import clock
from mailrith_lite.access import key_table, keys
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.console import ended_sessions
from mailrith_lite.console import session as session_module
from mailrith_lite.console.session import MAX_IDLE, MAX_LENGTH, Sessions
from mailrith_lite.console.sign_in import MAX_WRONG_KEYS
from mailrith_lite.settings import Settings

from .visitor import SESSION, Visitor, heading, signed_in, text, token_in


def key_of(server: Server, key: str) -> ApiKey:
    async def select() -> ApiKey | None:
        async with server.services.database.read() as connection:
            return await key_table.select_key_by_hash(connection, keys.hash_key(key))

    api_key: ApiKey | None = server.wait(select())
    assert api_key is not None
    return api_key


def change(server: Server, alter: Callable[..., Any], *arguments: Any) -> None:
    async def write() -> None:
        async with server.services.database.write() as connection:
            await alter(connection, *arguments)

    server.wait(write())


def test_sign_in_with_a_key_opens_the_console(service: Server) -> None:
    visitor = Visitor(service)
    assert visitor.get("/console").headers["location"] == "/console/sign-in"
    reply = visitor.sign_in()
    assert (reply.status, reply.headers["location"]) == (303, "/console")
    assert heading(visitor.get("/console")) == "Overview"


def test_cookie_is_hidden_from_scripts_and_does_not_contain_the_key(service: Server) -> None:
    cookie = signed_in(service).cookies[SESSION]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")
    assert cookie["path"] == "/"  # also when a proxy serves the console below a path
    assert 0 <= MAX_IDLE // clock.SECOND - int(cookie["max-age"]) < 60  # the seconds that are left
    assert cookie["secure"] == ""
    payload = cookie.value.rpartition(".")[0]
    content = cookie.value.encode() + base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    assert KEY.encode() not in content
    assert keys.hash_key(KEY).hex().encode() not in content
    assert keys.hash_key(KEY) not in content


def test_cookies_are_bound_to_tls_and_to_the_host_when_the_public_address_is_https(
    serve: Callable[..., Server],
) -> None:
    visitor = Visitor(serve(public_url="https://mail.example.com/base"))
    assert visitor.sign_in().status == 303
    assert list(visitor.cookies) == [f"__Host-{SESSION}"]
    cookie = visitor.cookies[f"__Host-{SESSION}"]
    assert (cookie["secure"], cookie["path"], cookie["domain"], cookie["httponly"]) == (True, "/", "", True)
    visitor.cookies = {SESSION: cookie}  # a neighboring domain can set a cookie without the prefix
    assert visitor.get("/console").status == 303
    visitor.cookies = {f"__Host-{SESSION}": cookie}
    assert visitor.get("/console").status == 200
    visitor.post("/console/sign-out")
    assert not visitor.cookies


def test_no_page_contains_a_key(service: Server) -> None:
    visitor = Visitor(service)
    assert KEY not in visitor.sign_in("mrk_" + KEY).body.decode()
    visitor.sign_in()
    for path in ("/console", "/console/exports/new", "/console/subscribers", "/console/nothing"):
        assert "mrk_" not in visitor.get(path).body.decode()


def test_every_inactive_key_is_refused_with_the_same_message(serve: Callable[..., Server]) -> None:
    service = serve()
    expired, revoked = service.new_key(expires_at=2), service.new_key()
    change(service, key_table.update_key_revoked, key_of(service, revoked).id, 5)
    visitor, texts = Visitor(service), set()
    for key in ("", "nothing", "mrk_unknown_example_key", "mrk_ü", expired, revoked):
        reply = visitor.sign_in(key)
        assert reply.status == 401
        assert SESSION not in visitor.cookies
        texts.add(text(reply))
        visitor.cookies.clear()
    assert len(texts) == 1
    assert "This key does not work." in texts.pop()


@pytest.mark.parametrize("alter", [key_table.update_key_revoked, key_table.update_key_rotated])
def test_session_ends_when_its_key_is_revoked_or_rotated(service: Server, alter: Callable[..., Any]) -> None:
    key = service.new_key()
    visitor = signed_in(service, key)
    assert visitor.get("/console").status == 200
    change(service, alter, key_of(service, key).id, 5)
    assert visitor.get("/console").status == 303


def test_link_of_the_console_ends_with_the_key_of_its_session(serve: Callable[..., Server]) -> None:
    service = serve()
    key = service.new_key()
    job = service.import_csv("Email,Name\nbad address,x\n")
    location = signed_in(service, key).get(f"/console/imports/{job['id']}/report").headers["location"]
    assert service.fetch(location).status == 200
    change(service, key_table.update_key_revoked, key_of(service, key).id, 5)
    refused = service.fetch(location)
    assert (refused.status, refused.error["code"]) == (403, "link_revoked")


def test_sign_out_ends_every_copy_of_the_cookie_and_no_other_session(service: Server) -> None:
    visitor, other = signed_in(service), signed_in(service)
    copy = dict(visitor.cookies)
    reply = visitor.post("/console/sign-out")
    assert (reply.status, reply.headers["location"]) == (303, "/console/sign-in")
    assert SESSION not in visitor.cookies
    visitor.cookies = copy
    assert visitor.get("/console").status == 303
    assert other.get("/console").status == 200


def test_session_stays_ended_after_a_restart(tmp_path: Path) -> None:
    settings = Settings(port=0, data_dir=tmp_path / "data", bootstrap_key=KEY)
    with Server(settings).serving() as server:
        stays, leaves = signed_in(server), signed_in(server)
        copy = dict(leaves.cookies)
        leaves.post("/console/sign-out")
    with Server(settings).serving() as again:
        leaves.cookies = copy
        stays.server = leaves.server = again
        assert (stays.get("/console").status, leaves.get("/console").status) == (200, 303)
        later = signed_in(again)
        change(again, ended_sessions.insert_ended, "another", 10**15, clock.now() + 2 * MAX_IDLE + 1)
        assert again.rows("SELECT token FROM ended_sessions") == [("another",)]
        assert later.get("/console").status == 200


@pytest.mark.parametrize("value", ["", "x", "x.y", "ü", "e30.x"])
def test_malformed_cookie_is_not_a_session(service: Server, value: str) -> None:
    visitor = signed_in(service)
    visitor.cookies[SESSION].set(SESSION, value, value)
    assert visitor.get("/console").status == 303


def test_changed_cookie_is_not_a_session(service: Server) -> None:
    visitor = signed_in(service)
    value = visitor.cookies[SESSION].value
    changes = [
        value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]
        for place in (3, len(value) // 2, len(value) - 3, len(value) - 1)
    ]
    for changed in (*changes, f"{value}=", value.rpartition(".")[0]):
        visitor.cookies[SESSION].set(SESSION, changed, changed)
        assert visitor.get("/console").status == 303


def test_session_expires_after_twelve_idle_hours_or_with_its_key(service: Server) -> None:
    sessions, key, now = Sessions(b"secret"), key_of(service, KEY), 1_000_000
    session = sessions.begin(key, now)
    cookie = sessions.to_cookie([session])
    assert sessions.from_cookie(cookie) == [session]
    assert Sessions(b"another").from_cookie(cookie) == []
    lookup = service.services.database.lookup
    for moment, valid in ((now + MAX_IDLE - 1, True), (now + MAX_IDLE, False)):
        assert (service.wait(session_module.find_key(lookup, session, moment)) is not None) is valid
    short = key_of(service, service.new_key(expires_at=now + 5))
    assert sessions.begin(short, now).expires_at == now + 5


def test_page_that_somebody_opens_keeps_the_session_alive(service: Server) -> None:
    visitor, began = signed_in(service), time.time()
    for hours in (11, 22, 33):
        with time_machine.travel(began + hours * 3_600, tick=True):
            assert visitor.get("/console").status == 200
    with time_machine.travel(began + 46 * 3_600, tick=True):
        assert visitor.get("/console").status == 303


def test_a_page_in_a_folder_renews_the_cookie_of_the_sign_in(service: Server) -> None:
    """With another path, a browser would keep both cookies, and send the ended one first after a sign-out."""
    visitor, began = signed_in(service), time.time()
    first = visitor.cookies[SESSION]
    with time_machine.travel(began + 3_600, tick=True):
        assert visitor.get("/console/exports/new").status == 200
    renewed = visitor.cookies[SESSION]
    assert renewed.value != first.value
    assert renewed["path"] == first["path"] == "/"


@pytest.mark.parametrize("path", ["/console/part", "/console/nothing"])
def test_part_of_a_page_does_not_keep_the_session_alive(service: Server, path: str) -> None:
    visitor, began = signed_in(service), time.time()
    with time_machine.travel(began + 11 * 3_600, tick=True):
        visitor.get(path, {"Sec-Fetch-Mode": "cors"})
    with time_machine.travel(began + 13 * 3_600, tick=True):
        assert visitor.get("/console").status == 303


def test_session_ends_after_a_week_of_use(service: Server) -> None:
    key, now = key_of(service, KEY), 1_000_000
    session = Sessions(b"secret").begin(key, now)
    assert session_module.renew(session, key, now + 60 * clock.SECOND) is None
    while renewed := session_module.renew(session, key, session.expires_at - 1):
        session = renewed
    assert now + MAX_LENGTH - 300 * clock.SECOND < session.expires_at <= now + MAX_LENGTH


def test_wrong_keys_are_limited_and_the_right_key_still_opens(serve: Callable[..., Server]) -> None:
    server = serve()
    visitor = Visitor(server)
    for _ in range(MAX_WRONG_KEYS):
        assert visitor.sign_in("mrk_unknown_example_key").status == 401
    refused = visitor.sign_in("mrk_unknown_example_key")
    assert refused.status == 429
    assert 0 < int(refused.headers["retry-after"]) <= 60
    assert "has tried too many" in text(refused)
    assert SESSION not in visitor.cookies
    assert visitor.sign_in().status == 303


def test_clients_behind_a_trusted_proxy_have_a_limit_each(serve: Callable[..., Server]) -> None:
    server = serve(trusted_proxies=(ip_network("127.0.0.1"),))
    visitor = Visitor(server)

    def attempt(client: str) -> int:
        wrong = {"key": "mrk_unknown_example_key"}
        return visitor.post("/console/sign-in", wrong, headers={"X-Forwarded-For": client}).status

    assert {attempt("192.0.2.1") for _ in range(MAX_WRONG_KEYS)} == {401}
    assert attempt("192.0.2.1") == 429
    assert attempt("192.0.2.2") == 401


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/console/exports/new?status=Active", "/console/exports/new?status=Active"),
        ("/console", "/console"),
        ("https://elsewhere.example/console", "/console"),
        ("//elsewhere.example", "/console"),
        ("/console/../v1", "/console"),
        ("/console/%2e%2e/v1", "/console"),
        ("/console/%2E./v1", "/console"),
        ("/console/.%2e/v1", "/console"),
        ("/console/./x", "/console"),
        ("/console//elsewhere.example", "/console"),
        ("/console/%2f%2felsewhere.example", "/console"),
        ("/console/imports/import_job_9wdvsq5zmmz0n", "/console/imports/import_job_9wdvsq5zmmz0n"),
        ("/consoles", "/console"),
        ("/console\r\nX: y", "/console"),
        ("/v1", "/console"),
    ],
)
def test_sign_in_redirects_only_to_pages_of_the_console(service: Server, target: str, location: str) -> None:
    assert Visitor(service).sign_in(next=target).headers["location"] == location


def test_sign_in_returns_to_the_page_that_needed_it(service: Server) -> None:
    visitor = Visitor(service)
    sent = visitor.get("/console/subscribers?search=a%26b").headers["location"]
    page = visitor.get(sent)
    (target,) = re.findall(r'name="next" value="([^"]*)"', page.body.decode())
    reply = visitor.post("/console/sign-in", {"key": KEY, "next": target}, token=token_in(page))
    assert reply.headers["location"] == "/console/subscribers?search=a%26b"
    assert visitor.get(sent).headers["location"] == reply.headers["location"]


def test_form_and_live_part_without_a_session_are_401(service: Server) -> None:
    visitor = Visitor(service)
    reply = visitor.post("/console/exports", token="x")
    assert (reply.status, heading(reply)) == (401, "Signed out")
    assert visitor.get("/console/part", {"Sec-Fetch-Mode": "cors"}).status == 401
    assert service.rows("SELECT count(*) FROM jobs") == [(0,)]
