"""The pages of keys: a key is made with scopes that its maker has, replaced and revoked."""

import asyncio
import re
from time import monotonic

import pytest
from conftest import KEY, Server

from mailrith_lite import clock, ids
from mailrith_lite.access import scopes
from mailrith_lite.jobs.kinds import EXPORT

from .visitor import Visitor, heading, signed_in, text

PAGE = "/console/keys"
NEW = {"name": "Nightly  export", "lifetime": "90d", "scope": "subscribers:export"}
MAY_MAKE = ("workspace:read", "live_actions:write")


@pytest.fixture
def visitor(server: Server) -> Visitor:
    return signed_in(server)


def key_in(page: str) -> str:
    (key,) = re.findall(r"mrk_[\w-]{43}", page)
    return str(key)


def keys(server: Server) -> list[tuple[str, str]]:
    """The name and the scopes of each key but the first."""
    return [
        (name, held) for name, held in server.rows("SELECT name, scopes FROM api_keys WHERE id > 1 ORDER BY id")
    ]


def path_of(number: int) -> str:
    return f"{PAGE}/{ids.encode(ids.API_KEY, number)}"


def path_of_newest(server: Server) -> str:
    (number,) = server.rows("SELECT max(id) FROM api_keys")[0]
    return path_of(int(number))


def status(server: Server, key: str) -> int:
    return server.call("POST", EXPORT.path, {}, key=key).status


def test_new_key_is_shown_once_and_does_what_was_chosen(server: Server, visitor: Visitor) -> None:
    made = visitor.post(PAGE, NEW)
    assert (made.status, heading(made)) == (200, "Nightly export Active")
    key = key_in(made.body.decode())
    assert keys(server) == [("Nightly export", "subscribers:export")]
    assert status(server, key) == 202
    assert server.call("GET", "/v1/tags", key=key).status == 403
    assert key not in visitor.get(path_of_newest(server)).body.decode()
    assert server.rows("SELECT via, action FROM audit_entries WHERE action = 'key.created' AND via = 'console'")


@pytest.mark.parametrize("missing", ["name", "lifetime", "scope"])
def test_form_without_a_part_says_what_is_missing(server: Server, visitor: Visitor, missing: str) -> None:
    refused = visitor.post(PAGE, {name: value for name, value in NEW.items() if name != missing})
    assert refused.status == 400
    assert 'role="alert"' in refused.body.decode()
    assert keys(server) == []


def test_key_cannot_make_a_key_with_a_scope_that_it_lacks(server: Server) -> None:
    maker = signed_in(server, server.new_key(scopes=(*MAY_MAKE, "tags:read")))
    assert "subscribers:export" not in text(maker.get(PAGE)).partition("New key")[2]
    assert maker.post(PAGE, NEW).status == 403
    assert maker.post(PAGE, {**NEW, "scope": "tags:read"}).status == 200
    assert [held for _, held in keys(server)][1:] == ["tags:read"]


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_key_with_a_scope_that_the_session_lacks_stays(server: Server, action: str) -> None:
    server.new_key(scopes=scopes.ALL)
    path = path_of_newest(server)
    maker = signed_in(server, server.new_key(scopes=MAY_MAKE))
    assert "lacks" in text(maker.get(path))
    assert maker.post(f"{path}/{action}").status == 403
    assert server.rows("SELECT count(*) FROM api_keys WHERE revoked_at OR rotated_at") == [(0,)]


def test_replaced_key_stops_working_and_the_new_one_has_its_scopes(server: Server, visitor: Visitor) -> None:
    old = key_in(visitor.post(PAGE, NEW).body.decode())
    new = key_in(visitor.post(f"{path_of_newest(server)}/rotate").body.decode())
    assert (status(server, old), status(server, new)) == (401, 202)
    assert [held for _, held in keys(server)] == ["subscribers:export"] * 2


def test_revoked_key_stops_working(server: Server, visitor: Visitor) -> None:
    key = key_in(visitor.post(PAGE, NEW).body.decode())
    path = path_of_newest(server)
    assert visitor.post(f"{path}/revoke").headers["location"] == PAGE
    assert status(server, key) == 401
    assert "Revoked" in text(visitor.get(PAGE))
    assert visitor.post(f"{path}/rotate").status == 409


def test_session_ends_when_its_own_key_is_replaced(server: Server, visitor: Visitor) -> None:
    new = key_in(visitor.post(f"{path_of(1)}/rotate").body.decode())
    assert visitor.get(PAGE).status == 303
    assert server.call("GET", "/v1/tags", key=KEY).status == 401
    assert signed_in(server, new).get(PAGE).status == 200


@pytest.mark.parametrize("form", ["new", "rotate", "revoke"])
def test_form_that_waits_while_the_key_of_its_session_is_revoked_changes_no_key(server: Server, form: str) -> None:
    server.new_key(scopes=("tags:read",))
    target = PAGE if form == "new" else f"{path_of_newest(server)}/{form}"
    maker = signed_in(server, server.new_key(scopes=(*MAY_MAKE, "subscribers:export", "tags:read")))
    maker.get(PAGE)
    before = keys(server)
    database, began = server.services.database, monotonic()

    async def revoke_meanwhile() -> int:
        async with database.write() as connection:
            sending = asyncio.create_task(asyncio.to_thread(maker.post, target, NEW))
            while not database.contended(monotonic() - began):  # noqa: ASYNC110 - until the form waits
                await asyncio.sleep(0)
            await connection.execute("UPDATE api_keys SET revoked_at = 1 WHERE id = (SELECT max(id) FROM api_keys)")
        return (await sending).status

    assert server.wait(revoke_meanwhile()) == 401
    assert keys(server) == before
    assert server.rows("SELECT count(*) FROM api_keys WHERE revoked_at OR rotated_at") == [(1,)]


def test_key_does_not_outlive_the_key_that_made_it(server: Server) -> None:
    end = clock.now() + 3_600 * clock.SECOND
    maker = signed_in(server, server.new_key(expires_at=end))
    for lifetime in ("never", "90d"):
        assert maker.post(PAGE, {**NEW, "lifetime": lifetime}).status == 200
    assert server.rows("SELECT expires_at FROM api_keys ORDER BY id DESC LIMIT 2") == [(end,), (end,)]
