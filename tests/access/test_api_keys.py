"""Which API keys are accepted, and that no file contains a key."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from conftest import KEY, Server
from hypothesis import given
from hypothesis import strategies as st
from plain_sqlite import read_in_use

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


def select_key(server: Server, key: str) -> ApiKey:
    async def select() -> ApiKey | None:
        async with server.services.database.read() as connection:
            return await key_table.select_key_by_hash(connection, keys.hash_key(key))

    stored = server.wait(select())
    assert isinstance(stored, ApiKey)
    return stored


def revoke(server: Server, key: str) -> None:
    async def update(key_id: int) -> None:
        async with server.services.database.write() as connection:
            await key_table.update_key_revoked(connection, key_id, 2)

    server.wait(update(select_key(server, key).id))


def rotate(server: Server, key: str) -> str:
    new = keys.new_key()

    async def replace(old: ApiKey) -> None:
        async with server.services.database.write() as connection:
            await keys.replace(connection, old, new, 2)

    server.wait(replace(select_key(server, key)))
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
    "only the prefix": {"Authorization": "Bearer mrk_"},
    "an unknown key": {"Authorization": "Bearer mrk_0123456789abcdef0123456789abcdef"},
    "two keys": {"Authorization": f"Bearer {KEY} {KEY}"},
    "a key outside ASCII": {"Authorization": "Bearer mrk_é"},
    "another header": {"X-Api-Key": KEY},
    "SQL": {"Authorization": "Bearer mrk_' OR '1'='1"},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_every_invalid_authorization_header_gets_the_same_response(
    service: Server, headers: dict[str, str]
) -> None:
    expected = service.call("GET", "/v1/tags", key=None)
    reply = service.call("GET", "/v1/tags", key=None, headers=headers)
    assert (reply.status, reply.body) == (UNAUTHORIZED, expected.body)
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER {}", "Bearer   {}  "])
def test_the_case_of_the_scheme_makes_no_difference(service: Server, header: str) -> None:
    assert service.call("GET", "/v1/tags", key=None, headers={"Authorization": header.format(KEY)}).status == 200


def test_expired_revoked_and_rotated_keys_are_refused_with_the_reason(service: Server) -> None:
    expired, revoked, rotated = service.new_key(expires_at=5), service.new_key(), service.new_key()
    revoke(service, revoked)
    rotate(service, rotated)
    for key, code in (
        (expired, "expired_api_key"),
        (revoked, "revoked_api_key"),
        (rotated, "revoked_api_key"),
        (keys.new_key(), "invalid_api_key"),
    ):
        reply = service.call("GET", "/v1/tags", key=key)
        assert (reply.status, reply.error["code"]) == (UNAUTHORIZED, code)
        assert reply.headers["www-authenticate"] == "Bearer"


def test_a_key_works_until_it_expires(service: Server) -> None:
    end = int(time.time()) + 90 * 86_400
    key = service.new_key(expires_at=end * 1_000)
    with time_machine.travel(end - 0.01, tick=False):
        assert service.call("GET", "/v1/tags", key=key).status == 200
    with time_machine.travel(end, tick=False):
        assert service.call("GET", "/v1/tags", key=key).status == UNAUTHORIZED


def test_the_new_key_of_a_rotation_has_the_name_scopes_and_expiry_of_the_old_one(service: Server) -> None:
    old = service.new_key(scopes=("tags:read",), expires_at=4_000_000_000_000)
    new = rotate(service, old)
    assert service.call("GET", "/v1/tags", key=new).status == 200
    assert service.call("GET", "/v1/subscribers", key=new).status == 403
    before, after = select_key(service, old), select_key(service, new)
    assert (after.name, after.scopes, after.expires_at) == (before.name, before.scopes, before.expires_at)
    assert (before.status(3), after.status(3)) == ("rotated", "active")


def test_a_revoked_key_stops_working_at_once(service: Server) -> None:
    key = service.new_key()
    assert service.call("GET", "/v1/tags", key=key).status == 200
    revoke(service, key)
    assert service.call("GET", "/v1/tags", key=key).status == UNAUTHORIZED


def test_no_file_contains_a_key(server: Server) -> None:
    other = server.new_key(workspace="Other")
    for key in (KEY, other):
        body = {"name": f"Tag of {key[-4:]}"}
        assert server.call("POST", "/v1/tags", body, key=key, headers={"Idempotency-Key": "k"}).status == 201
        assert server.call("GET", "/v1/tags", key=key + "x").status == UNAUTHORIZED
    server.wait(server.services.key_use.save(server.services.database))
    files = [path for path in server.settings.data_dir.rglob("*") if path.is_file()]
    assert {"mailrith.db", "mailrith.db-wal"} <= {path.name for path in files}
    for path in files:
        content = read_in_use(path)
        assert not [key for key in (KEY, other) if key.encode() in content or key[4:].encode() in content]


def test_a_preview_has_both_ends_of_a_key(service: Server) -> None:
    key = service.new_key()
    assert select_key(service, key).preview == f"{key[:8]}…{key[-4:]}"


def test_save_writes_the_time_of_the_last_use(service: Server) -> None:
    key = service.new_key()
    before = time.time_ns() // 1_000_000
    service.call("GET", "/v1/tags", key=key)
    service.wait(service.services.key_use.save(service.services.database))
    assert before <= (select_key(service, key).last_used_at or 0) <= time.time_ns() // 1_000_000


async def test_save_never_writes_an_earlier_time(database: Database) -> None:
    use = keys.KeyUse()
    async with database.write() as connection:
        owner = await workspaces.insert_workspace(connection, "Default", 1)
        key_id = await keys.insert(connection, workspace_id=owner.id, name="a", key=keys.new_key(), now=1)
    for time_of_use in (50, 20):
        use.note(key_id, time_of_use)
        await use.save(database)
    async with database.read() as connection:
        stored = await key_table.select_key(connection, key_id)
    assert stored is not None
    assert stored.last_used_at == 50


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
def test_key_status_follows_from_its_expiry_rotation_and_revocation(values: dict[str, Any], status: str) -> None:
    unset: dict[str, Any] = {"expires_at": None, "rotated_at": None, "revoked_at": None, "last_used_at": None}
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
        **(unset | values),
    )
    assert key.status(10) == status


def test_new_keys_differ_and_have_256_random_bits() -> None:
    new_keys = {keys.new_key() for _ in range(1_000)}
    assert len(new_keys) == 1_000
    assert {len(key) for key in new_keys} == {len("mrk_") + 43}


@pytest.mark.parametrize("public_id", ["", "api_key_0", "tag_9wdvsq5zmmz0n", "api_key_9wdvsq5zmmz0n"])
async def test_an_unknown_key_id_is_an_error_of_one_line(database: Database, public_id: str) -> None:
    async with database.read() as connection:
        with pytest.raises(errors.StartError, match="there is no key"):
            await keys.find(connection, public_id)


async def test_select_workspace_prefers_an_id_to_a_name(database: Database) -> None:
    async with database.write() as connection:
        first = await workspaces.insert_workspace(connection, "First", 1)
        await workspaces.insert_workspace(connection, first.public_id, 1)
        assert await workspaces.select_workspace(connection, first.public_id) == first
        assert await workspaces.select_workspace(connection, "FIRST") == first
        assert await workspaces.select_workspace(connection, "Third") is None


@given(st.sets(st.sampled_from(scopes.ALL)), st.sets(st.sampled_from(scopes.ALL)))
def test_require_raises_exactly_when_a_scope_is_missing(key_scopes: set[str], required: set[str]) -> None:
    if required <= key_scopes:
        scopes.require(tuple(key_scopes), tuple(required))
        return
    with pytest.raises(errors.InsufficientScope) as error:
        scopes.require(tuple(key_scopes), tuple(required))
    assert set(error.value.missing) == required - key_scopes
    assert set(error.value.replacement) == required | key_scopes
