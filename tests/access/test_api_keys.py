"""Which keys open a workspace, and that a key itself is kept nowhere."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import time_machine
from conftest import KEY, Server
from hypothesis import given
from hypothesis import strategies as st

from mailrith_lite import errors
from mailrith_lite.access import key_table, keys, scopes, workspaces
from mailrith_lite.access.key_table import ApiKey
from mailrith_lite.database import Database
from mailrith_lite.settings import Settings

UNAUTHORIZED = 401


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("keys") / "data"
    with Server(Settings(port=0, data_dir=directory, bootstrap_key=KEY)).serving() as server:
        yield server


def find(server: Server, key: str) -> ApiKey:
    async def select() -> ApiKey | None:
        async with server.services.database.read() as connection:
            return await key_table.select_key_by_hash(connection, keys.hash_key(key))

    found = server.wait(select())
    assert isinstance(found, ApiKey)
    return found


def revoke(server: Server, key: str) -> None:
    async def work(key_id: int) -> None:
        async with server.services.database.write() as connection:
            await key_table.update_key_revoked(connection, key_id, 2)

    server.wait(work(find(server, key).id))


def rotate(server: Server, key: str) -> str:
    new = keys.new_key()

    async def work(old: ApiKey) -> None:
        async with server.services.database.write() as connection:
            await keys.replace(connection, old, new, 2)

    server.wait(work(find(server, key)))
    return new


HEADERS = {
    "none": {},
    "empty": {"Authorization": ""},
    "no scheme": {"Authorization": KEY},
    "no key": {"Authorization": "Bearer"},
    "blank key": {"Authorization": "Bearer   "},
    "another scheme": {"Authorization": f"Basic {KEY}"},
    "another prefix": {"Authorization": f"Bearer sk_{KEY}"},
    "a key cut short": {"Authorization": f"Bearer {KEY[:-1]}"},
    "a key in another case": {"Authorization": f"Bearer {KEY.upper()}"},
    "the prefix alone": {"Authorization": "Bearer mrk_"},
    "an unknown key": {"Authorization": "Bearer mrk_0123456789abcdef0123456789abcdef"},
    "two keys": {"Authorization": f"Bearer {KEY} {KEY}"},
    "a key outside ASCII": {"Authorization": "Bearer mrk_é"},
    "another header": {"X-Api-Key": KEY},
    "SQL": {"Authorization": "Bearer mrk_' OR '1'='1"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_without_a_good_key_every_answer_is_the_same(service: Server, headers: dict[str, str]) -> None:
    expected = service.call("GET", "/v1/tags", key=None)
    reply = service.call("GET", "/v1/tags", key=None, headers=headers)
    assert (reply.status, reply.body) == (UNAUTHORIZED, expected.body)
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer   {}  "])
def test_the_scheme_is_read_in_any_case(service: Server, header: str) -> None:
    assert service.call("GET", "/v1/tags", key=None, headers={"Authorization": header.format(KEY)}).status == 200


def test_a_dead_key_is_answered_like_an_unknown_one(service: Server) -> None:
    expired, revoked, rotated = service.new_key(expires_at=5), service.new_key(), service.new_key()
    revoke(service, revoked)
    rotate(service, rotated)
    unknown = service.call("GET", "/v1/tags", key=keys.new_key())
    for key in (expired, revoked, rotated):
        reply = service.call("GET", "/v1/tags", key=key)
        assert (reply.status, reply.body) == (UNAUTHORIZED, unknown.body)


def test_a_key_works_until_the_moment_it_expires(service: Server) -> None:
    end = int(time.time()) + 90 * 86_400
    key = service.new_key(expires_at=end * 1_000)
    with time_machine.travel(end - 0.01, tick=False):
        assert service.call("GET", "/v1/tags", key=key).status == 200
    with time_machine.travel(end, tick=False):
        assert service.call("GET", "/v1/tags", key=key).status == UNAUTHORIZED


def test_a_rotated_keys_successor_has_its_name_scopes_and_expiry(service: Server) -> None:
    old = service.new_key(scopes=("tags:read",), expires_at=4_000_000_000_000)
    new = rotate(service, old)
    assert service.call("GET", "/v1/tags", key=new).status == 200
    assert service.call("GET", "/v1/subscribers", key=new).status == 403
    before, after = find(service, old), find(service, new)
    assert (after.name, after.scopes, after.expires_at) == (before.name, before.scopes, before.expires_at)
    assert (before.status(3), after.status(3)) == ("rotated", "active")


def test_a_revoked_key_stops_at_once(service: Server) -> None:
    key = service.new_key()
    assert service.call("GET", "/v1/tags", key=key).status == 200
    revoke(service, key)
    assert service.call("GET", "/v1/tags", key=key).status == UNAUTHORIZED


def test_no_file_holds_a_key(tmp_path: Path, server: Server) -> None:
    other = server.new_key(workspace="Other")
    for key in (KEY, other):
        body = {"name": f"Tag of {key[-4:]}"}
        assert server.call("POST", "/v1/tags", body, key=key, headers={"Idempotency-Key": "k"}).status == 201
        assert server.call("GET", "/v1/tags", key=key + "x").status == UNAUTHORIZED
    server.wait(server.services.key_use.save(server.services.database))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"mailrith.db", "mailrith.db-wal"} <= {path.name for path in files}
    for path in files:
        content = path.read_bytes()
        assert not [key for key in (KEY, other) if key.encode() in content or key[4:].encode() in content]


def test_a_preview_shows_both_ends_of_a_key(service: Server) -> None:
    key = service.new_key()
    assert find(service, key).preview == f"{key[:8]}…{key[-4:]}"


def test_when_a_key_was_last_used_is_written_once_it_is_saved(service: Server) -> None:
    key = service.new_key()
    before = time.time_ns() // 1_000_000
    service.call("GET", "/v1/tags", key=key)
    service.wait(service.services.key_use.save(service.services.database))
    assert before <= (find(service, key).last_used_at or 0) <= time.time_ns() // 1_000_000


async def test_saving_never_moves_a_keys_use_back(database: Database) -> None:
    use = keys.KeyUse()
    async with database.write() as connection:
        owner = await workspaces.insert_workspace(connection, "Default", 1)
        key_id = await keys.insert(connection, workspace_id=owner.id, name="a", key=keys.new_key(), now=1)
    for moment in (50, 20):
        use.note(key_id, moment)
        await use.save(database)
    async with database.read() as connection:
        found = await key_table.select_key(connection, key_id)
    assert found is not None
    assert found.last_used_at == 50


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({}, "active"),
        ({"expires_at": 11}, "active"),
        ({"expires_at": 10}, "expired"),
        ({"rotated_at": 5}, "rotated"),
        ({"revoked_at": 5, "rotated_at": 5, "expires_at": 5}, "revoked"),
    ],
)
def test_the_status_of_a_key(values: dict[str, Any], status: str) -> None:
    nothing: dict[str, Any] = {"expires_at": None, "rotated_at": None, "revoked_at": None, "last_used_at": None}
    key = ApiKey(
        id=1,
        workspace_id=1,
        workspace_name="Default",
        name="a",
        key_hash=b"",
        preview="",
        scopes=(),
        created_at=1,
        updated_at=1,
        **(nothing | values),
    )
    assert key.status(10) == status


def test_new_keys_differ_and_carry_256_bits() -> None:
    made = {keys.new_key() for _ in range(1_000)}
    assert len(made) == 1_000
    assert {len(key) for key in made} == {len("mrk_") + 43}


@pytest.mark.parametrize("public_id", ["", "api_key_0", "tag_9wdvsq5zmmz0n", "api_key_9wdvsq5zmmz0n"])
async def test_a_key_that_is_not_there_is_named_in_one_line(database: Database, public_id: str) -> None:
    async with database.read() as connection:
        with pytest.raises(errors.StartError, match="there is no key"):
            await keys.find(connection, public_id)


async def test_a_workspace_is_found_by_its_id_before_a_name_that_looks_like_one(database: Database) -> None:
    async with database.write() as connection:
        first = await workspaces.insert_workspace(connection, "First", 1)
        await workspaces.insert_workspace(connection, first.public_id, 1)
        assert await workspaces.select_workspace(connection, first.public_id) == first
        assert await workspaces.select_workspace(connection, "FIRST") == first
        assert await workspaces.select_workspace(connection, "Third") is None


@given(st.sets(st.sampled_from(scopes.ALL)), st.sets(st.sampled_from(scopes.ALL)))
def test_scopes_are_enough_exactly_when_none_is_missing(held: set[str], required: set[str]) -> None:
    if required <= held:
        scopes.require(tuple(held), tuple(required))
        return
    with pytest.raises(errors.InsufficientScope) as refused:
        scopes.require(tuple(held), tuple(required))
    assert set(refused.value.missing) == required - held
    assert set(refused.value.replacement) == required | held
