"""Who is in: what the cookie is, when a session ends, and how often somebody may try."""

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY, Server

from mailrith_lite import clock
from mailrith_lite.access import key_table, keys
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.console import ended_sessions
from mailrith_lite.console.session import LENGTH, Sessions
from mailrith_lite.console.sign_in_attempts import MAX_ATTEMPTS, WINDOW, Attempts
from mailrith_lite.settings import Settings

from .visitor import SESSION, Visitor, heading, signed_in, text, token_in


def key_of(server: Server, key: str) -> ApiKey:
    async def select() -> ApiKey | None:
        async with server.services.database.read() as connection:
            return await key_table.select_key_by_hash(connection, keys.hash_key(key))

    found: ApiKey | None = server.wait(select())
    assert found is not None
    return found


def change(server: Server, alter: Callable[..., Any], *arguments: Any) -> None:
    async def write() -> None:
        async with server.services.database.write() as connection:
            await alter(connection, *arguments)

    server.wait(write())


def test_a_key_opens_the_console(service: Server) -> None:
    visitor = Visitor(service)
    assert visitor.get("/console").headers["location"] == "/console/sign-in"
    reply = visitor.sign_in()
    assert (reply.status, reply.headers["location"]) == (303, "/console")
    assert heading(visitor.get("/console")) == "Jobs"


def test_the_cookie_is_out_of_reach_and_holds_nothing_of_the_key(service: Server) -> None:
    cookie = signed_in(service).cookies[SESSION]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")
    assert not cookie["path"]  # so it is for the folder of the sign-in, wherever a proxy has put that
    assert (cookie["max-age"], cookie["secure"]) == (str(LENGTH // clock.SECOND), "")
    payload = cookie.value.rpartition(".")[0]
    seen = cookie.value.encode() + base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    assert KEY.encode() not in seen
    assert keys.hash_key(KEY).hex().encode() not in seen
    assert keys.hash_key(KEY) not in seen


@pytest.mark.parametrize(("public_url", "secure"), [("https://mail.example.com", True), (None, "")])
def test_the_cookie_is_secure_where_the_console_is(
    serve: Callable[..., Server], public_url: str | None, secure: object
) -> None:
    cookies = signed_in(serve(public_url=public_url)).cookies
    assert cookies[SESSION]["secure"] == secure


def test_no_page_holds_a_key(service: Server) -> None:
    visitor = Visitor(service)
    assert KEY not in visitor.sign_in("mrk_" + KEY).body.decode()
    visitor.sign_in()
    for path in ("/console", "/console/exports/new", "/console/subscribers", "/console/nothing"):
        assert "mrk_" not in visitor.get(path).body.decode()


def test_what_is_no_active_key_opens_nothing_and_is_never_told_apart(service: Server) -> None:
    expired, revoked = service.new_key(expires_at=2), service.new_key()
    change(service, key_table.update_key_revoked, key_of(service, revoked).id, 5)
    visitor, told = Visitor(service), set()
    for presented in ("", "nothing", "mrk_unknown_example_key", "mrk_ü", expired, revoked):
        reply = visitor.sign_in(presented)
        assert reply.status == 401
        assert SESSION not in visitor.cookies
        told.add(text(reply))
        visitor.sign_in()  # what succeeds is not counted
        visitor.cookies.clear()
    assert len(told) == 1
    assert "This key does not work." in told.pop()


@pytest.mark.parametrize("alter", [key_table.update_key_revoked, key_table.update_key_rotated])
def test_a_session_ends_with_its_key(service: Server, alter: Callable[..., Any]) -> None:
    key = service.new_key()
    visitor = signed_in(service, key)
    assert visitor.get("/console").status == 200
    change(service, alter, key_of(service, key).id, 5)
    assert visitor.get("/console").status == 303


def test_who_signs_out_is_out_with_every_copy_of_the_cookie(service: Server) -> None:
    visitor, other = signed_in(service), signed_in(service)
    copy = dict(visitor.cookies)
    reply = visitor.post("/console/sign-out")
    assert (reply.status, reply.headers["location"]) == (303, "/console/sign-in")
    assert SESSION not in visitor.cookies
    visitor.cookies = copy
    assert visitor.get("/console").status == 303
    assert other.get("/console").status == 200


def test_who_signed_out_is_out_after_a_restart_too(tmp_path: Path) -> None:
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
        change(again, ended_sessions.insert_ended, "another", 10**15, clock.now() + LENGTH + 1)
        assert again.rows("SELECT token FROM ended_sessions") == [("another",)]
        assert later.get("/console").status == 200


@pytest.mark.parametrize("value", ["", "x", "x.y", "ü", "e30.x"])
def test_a_cookie_of_another_make_opens_nothing(service: Server, value: str) -> None:
    visitor = signed_in(service)
    visitor.cookies[SESSION].set(SESSION, value, value)
    assert visitor.get("/console").status == 303


def test_a_changed_cookie_opens_nothing(service: Server) -> None:
    visitor = signed_in(service)
    value = visitor.cookies[SESSION].value
    for place in (3, len(value) // 2, len(value) - 3):
        changed = value[:place] + ("A" if value[place] != "A" else "B") + value[place + 1 :]
        visitor.cookies[SESSION].set(SESSION, changed, changed)
        assert visitor.get("/console").status == 303


def test_a_session_has_its_time_and_no_more_than_its_key(service: Server) -> None:
    sessions, key, now = Sessions(b"secret"), key_of(service, KEY), 1_000_000
    cookie = sessions.to_cookie(sessions.begin(key, now))
    assert sessions.from_cookie(cookie, now + LENGTH - 1) is not None
    assert sessions.from_cookie(cookie, now + LENGTH) is None
    assert Sessions(b"another").from_cookie(cookie, now) is None
    short = key_of(service, service.new_key(expires_at=now + 5))
    assert sessions.begin(short, now).expires_at == now + 5


def test_too_many_attempts_have_to_wait(serve: Callable[..., Server]) -> None:
    visitor = Visitor(serve())
    for _ in range(MAX_ATTEMPTS):
        assert visitor.sign_in("mrk_unknown_example_key").status == 401
    refused = visitor.sign_in()
    assert (refused.status, refused.headers["retry-after"]) == (429, "60")
    assert "Too many attempts" in text(refused)
    assert SESSION not in visitor.cookies


def test_attempts_are_counted_by_address_and_forgotten_after_a_minute() -> None:
    attempts, now = Attempts(), 1_000_000
    assert all(attempts.begin("a", now + place) for place in range(MAX_ATTEMPTS))
    assert not attempts.begin("a", now + MAX_ATTEMPTS)
    assert attempts.begin("b", now + MAX_ATTEMPTS)
    assert attempts.begin("a", now + WINDOW)
    assert not attempts.begin("a", now + WINDOW)
    attempts.succeed("a")
    assert attempts.begin("a", now + WINDOW)


@pytest.mark.parametrize(
    ("target", "gone_to"),
    [
        ("/console/exports/new?status=Active", "/console/exports/new?status=Active"),
        ("/console", "/console"),
        ("https://elsewhere.example/console", "/console"),
        ("//elsewhere.example", "/console"),
        ("/console/../v1", "/console"),
        ("/consoles", "/console"),
        ("/console\r\nX: y", "/console"),
        ("/v1", "/console"),
    ],
)
def test_the_sign_in_leads_to_pages_of_the_console_alone(service: Server, target: str, gone_to: str) -> None:
    assert Visitor(service).sign_in(next=target).headers["location"] == gone_to


def test_a_page_is_found_again_after_the_sign_in(service: Server) -> None:
    visitor = Visitor(service)
    sent = visitor.get("/console/subscribers?search=a%26b").headers["location"]
    page = visitor.get(sent)
    (target,) = re.findall(r'name="next" value="([^"]*)"', page.body.decode())
    reply = visitor.post("/console/sign-in", {"key": KEY, "next": target}, token=token_in(page))
    assert reply.headers["location"] == "/console/subscribers?search=a%26b"
    assert visitor.get(sent).headers["location"] == reply.headers["location"]


def test_a_form_or_a_part_is_refused_without_a_session(service: Server) -> None:
    visitor = Visitor(service)
    reply = visitor.post("/console/exports", token="x")
    assert (reply.status, heading(reply)) == (401, "Signed out")
    assert visitor.get("/console/part", {"Sec-Fetch-Mode": "cors"}).status == 401
    assert service.rows("SELECT count(*) FROM jobs") == [(0,)]
