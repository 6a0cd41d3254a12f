"""The pytest plugin in sessions of their own, as in the tests of an SDK.

A session takes seconds, so one session runs the files of all tests that need the same options.
"""

import subprocess
import sys
from collections.abc import Callable

import pytest
from pytest_session import Session, run_session, run_shared

CLIENT = """
from mailrith_sdk import MailrithApiError, MailrithClient

def client_of(mailrith):
    return MailrithClient(base_url=mailrith.url, api_key=mailrith.api_key)
"""
MANY_TESTS = (
    CLIENT
    + """
import pytest

@pytest.mark.parametrize("number", range(4))
def test_alone(mailrith, number):
    client = client_of(mailrith)
    assert client.subscribers.list()["data"] == []
    assert list(mailrith.requests.to("createTag")) == []
    client.tags.create(body={"name": "VIP"}, idempotency_key="the same for all")
    mailrith.seed(subscribers=["ada@example.com"])
    mailrith.jobs.hold()
    client.jobs.create_export(body={})
    mailrith.jobs.step()
    mailrith.fail_next(times=5)
    mailrith.clock.advance(hours=1)
    assert len(mailrith.requests) == 3
"""
)
ONE_SERVER = """
urls, keys = set(), set()

def note(mailrith):
    urls.add(mailrith.url)
    keys.add(mailrith.api_key)

def test_one(mailrith): note(mailrith)
def test_two(mailrith): note(mailrith)
def test_three(): assert (len(urls), len(keys)) == (1, 2)
"""
ASYNCIO = """
import aiohttp
import pytest

@pytest.mark.asyncio
async def test_alone(mailrith):
    headers = {"Authorization": f"Bearer {mailrith.api_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        async with session.get(f"{mailrith.url}/v1/tags") as answer:
            assert answer.status == 200
"""
AIOHTTP = """
from aiohttp import web

async def test_both(aiohttp_client, mailrith):
    async def ask(request):
        return web.json_response({"url": mailrith.url})

    app = web.Application()
    app.router.add_get("/", ask)
    client = await aiohttp_client(app)
    answer = await client.get("/")
    assert (await answer.json())["url"] == mailrith.url
"""
TWO_CLIENTS = (
    CLIENT
    + """
import pytest

def test_hasty(mailrith):
    client = client_of(mailrith)
    mailrith.jobs.complete_after(polls=3)
    job = client.jobs.create_export(body={})["data"]
    for _ in range(3):
        client.jobs.get_export(path={"job_id": job["id"]})

def test_fine(mailrith):
    client_of(mailrith).tags.list()
"""
)
OTHER_WORKSPACE = (
    CLIENT
    + """
def test_two(mailrith):
    other = mailrith.workspace()
    for one in (other, mailrith):
        one.throttle_next(retry_after=60)
        for _ in range(2):
            try:
                client_of(one).tags.list()
            except MailrithApiError:
                pass
    mailrith.reset()
"""
)
HOLDS = (
    CLIENT
    + """
import pytest

@pytest.mark.parametrize("number", range(3))
def test_alone(mailrith, mailrith_server, number):
    other = mailrith.workspace()
    other.jobs.hold()
    client_of(other).jobs.create_export(body={})
    other.jobs.step()
    other.drop_next(times=10)

def test_last(mailrith_server):
    gate = mailrith_server.sandbox.instruments.gate
    assert not gate._paused and not gate._scripts
"""
)
WIDER_SCOPE = (
    CLIENT
    + """
import pytest

@pytest.fixture(scope="module")
def filled(mailrith_server):
    handle = mailrith_server.new_workspace("For the module")
    handle.seed(subscribers=3)
    yield handle
    handle.close()

def test_one(filled): assert len(client_of(filled).subscribers.list()["data"]) == 3
def test_two(filled, mailrith): assert client_of(mailrith).subscribers.list()["data"] == []
"""
)
LEFT = (
    CLIENT
    + """
def test_fault(mailrith):
    mailrith.fail_next("listTags", times=2)
    try:
        client_of(mailrith).tags.list()
    except MailrithApiError:
        pass

def test_webhook(mailrith):
    mailrith.webhooks.fail_next()

def test_field(mailrith):
    client_of(mailrith).subscribers.upsert(body={"email": "ada@example.com", "colour": "red"})

def test_nothing(mailrith):
    client_of(mailrith).tags.list()
"""
)
LEFTOVERS = [
    "*test_fault: a planned failure for listTags waits for 1 more request",
    "*test_webhook: a planned failure of webhooks waits for 1 more attempt",
    "*test_field: sent the unknown field colour to upsertSubscriber",
]
WRONG = (
    CLIENT
    + """
def test_wrong(mailrith):
    client_of(mailrith).tags.create(body={"name": "Spring"})
    assert not client_of(mailrith).tags.list()["data"]
"""
)
FINDINGS = "*what the clients of mailrith did well and badly*"
SESSIONS = {
    "default": (
        (),
        {
            "test_many": MANY_TESTS,
            "test_one_server": ONE_SERVER,
            "test_asyncio": ASYNCIO,
            "test_clients": TWO_CLIENTS,
            "test_holds": HOLDS,
            "test_wider_scope": WIDER_SCOPE,
            "test_left": LEFT,
        },
    ),
    "xdist": (
        ("-n", "2", "--mailrith-report"),
        {"test_many": MANY_TESTS, "test_clients": TWO_CLIENTS, "test_left": LEFT},
    ),
    "auto": (
        ("-o", "asyncio_mode=auto", "--mailrith-report"),
        {
            "test_asyncio": ASYNCIO,
            "test_aiohttp": AIOHTTP,
            "test_clients": TWO_CLIENTS,
            "test_other_workspace": OTHER_WORKSPACE,
        },
    ),
    "strict": (("-o", "mailrith_strict=true"), {"test_left": LEFT, "test_wrong": WRONG}),
}
"""Name -> options and files."""
ONE_PROCESS_AND_XDIST = pytest.mark.parametrize("session", ["default", "xdist"], indirect=True)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Session]:
    """`run(name)`: the session with this name, which runs once for all tests of the module."""
    ended: dict[str, Session] = {}

    def run_once(name: str) -> Session:
        if name not in ended:
            options, files = SESSIONS[name]
            ended[name] = run_shared(tmp_path_factory.mktemp("session"), files, *options)
        return ended[name]

    return run_once


@pytest.fixture
def session(request: pytest.FixtureRequest, run: Callable[[str], Session]) -> Session:
    """The session in the parameter, by default the one without options. A test that fails shows its output."""
    ended = run(getattr(request, "param", "default"))
    sys.stdout.write(str(ended.stdout))
    return ended


@ONE_PROCESS_AND_XDIST
def test_many_tests_share_nothing(session: Session) -> None:
    assert session.outcomes("test_many") == {"passed": 4}
    assert session.exit_code == 0


def test_session_has_one_server_and_each_test_its_key(session: Session) -> None:
    assert session.outcomes("test_one_server") == {"passed": 3}


@pytest.mark.parametrize("session", ["default", "auto"], ids=["strict", "auto"], indirect=True)
def test_fixture_works_in_both_modes_of_pytest_asyncio(session: Session) -> None:
    assert session.outcomes("test_asyncio") == {"passed": 1}


@pytest.mark.parametrize("session", ["auto"], indirect=True)
def test_fixture_works_with_pytest_aiohttp(session: Session) -> None:
    assert session.outcomes("test_aiohttp") == {"passed": 1}


def test_fixture_mailrith_options_sets_the_options_of_the_server(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def mailrith_options():
            return {"seed_ids": True}
        """
    )
    text = (
        CLIENT
        + """
import pytest

seen = []

@pytest.mark.parametrize("number", range(3))
def test_stable(mailrith, number):
    mailrith.seed(subscribers=["ada@example.com"])
    seen.append(client_of(mailrith).subscribers.list())
    assert seen[number] == seen[0]
    assert seen[0]["data"][0]["created_at"] == "2026-04-11T12:00:00.000Z"
"""
    )
    run_session(pytester, text).assert_outcomes(passed=3)


@pytest.mark.parametrize("session", ["auto", "xdist"], indirect=True)
def test_report_option_lists_findings_in_the_summary(session: Session) -> None:
    assert session.outcomes("test_clients") == {"passed": 2}
    finding = "bad  *::test_hasty: looked at a job again before Retry-After was over"
    session.stdout.fnmatch_lines([FINDINGS, finding])
    session.stdout.no_fnmatch_line("*test_fine:*")


def test_summary_has_no_findings_without_the_option(session: Session) -> None:
    assert session.outcomes("test_clients") == {"passed": 2}
    session.stdout.no_fnmatch_line("*well and badly*")


def test_summary_says_when_there_is_nothing_to_report(pytester: pytest.Pytester) -> None:
    result = run_session(pytester, "def test_nothing(): pass", "--mailrith-report")
    result.stdout.fnmatch_lines([FINDINGS, "nothing to report"])


@pytest.mark.parametrize("session", ["auto"], indirect=True)
def test_summary_includes_other_workspaces_and_requests_before_a_reset(session: Session) -> None:
    assert session.outcomes("test_other_workspace") == {"passed": 1}
    session.stdout.fnmatch_lines(["bad  *::test_two: sent a request again before Retry-After was over"])


def test_holds_on_other_workspaces_end_with_their_test(session: Session) -> None:
    assert session.outcomes("test_holds") == {"passed": 4}


def test_fixture_of_a_wider_scope_can_use_the_server(session: Session) -> None:
    assert session.outcomes("test_wider_scope") == {"passed": 2}


def test_pytest_lists_the_fixtures_with_their_docs(pytester: pytest.Pytester) -> None:
    result = run_session(pytester, "", "--fixtures", "-p", "mailrith_lite.testing.plugin")
    result.stdout.fnmatch_lines(["mailrith_options*", "mailrith -- *", "*An empty workspace of a real server*"])


def test_session_without_the_fixture_imports_only_the_plugin(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
    import sys

    def test_alone():
        ours = {name for name in sys.modules if name.startswith("mailrith_lite")}
        rooms = {"testing", "testing.plugin", "testing.fixtures"}
        assert ours == {"mailrith_lite", *(f"mailrith_lite.{room}" for room in rooms)}
        assert not {"aiohttp", "aiosqlite", "asyncio", "msgspec"} & set(sys.modules)
    """
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile(text)
    result = pytester.runpytest_subprocess("-p", "mailrith_lite.testing.plugin", "-W", "error")
    result.assert_outcomes(passed=1)


def test_entry_point_has_the_name_of_its_module() -> None:
    """With another name, `-p mailrith_lite.testing.plugin` loads it twice."""
    code = """
from importlib.metadata import entry_points
print([(one.name, one.value) for one in entry_points(group="pytest11") if one.name.startswith("mailrith")])
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[('mailrith_lite.testing.plugin', 'mailrith_lite.testing.plugin')]"


@ONE_PROCESS_AND_XDIST
def test_the_summary_lists_unused_failures_and_unknown_fields(session: Session) -> None:
    assert session.outcomes("test_left") == {"passed": 4}
    session.stdout.fnmatch_lines_random(LEFTOVERS)
    session.stdout.no_fnmatch_line("*test_nothing: *")


@pytest.mark.parametrize("session", ["strict"], indirect=True)
def test_strict_fails_a_test_with_unused_failures_or_unknown_fields(session: Session) -> None:
    assert session.outcomes("test_left") == {"passed": 1, "failed": 3}
    session.stdout.fnmatch_lines(["mailrith_strict: a planned failure for listTags waits for 1 more request"])


@pytest.mark.parametrize("session", ["strict"], indirect=True)
def test_a_failing_test_shows_its_last_requests_and_answers(session: Session) -> None:
    assert session.outcomes("test_wrong") == {"failed": 1}
    lines = ["*The last requests to mailrith*", '*createTag*{"name": "Spring"}*', '*"name":"Spring"*']
    session.stdout.fnmatch_lines(lines)
