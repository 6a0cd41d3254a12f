"""pytest's fixture `mailrith`: a real server for the session, an empty workspace for each test."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mailrith_lite.testing.handle import Mailrith
    from mailrith_lite.testing.server import Server

_HANDLES = pytest.StashKey["Mailrith"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("mailrith").addoption(
        "--mailrith-report",
        action="store_true",
        help="say in the summary what each test's client did badly: retries without a key, hasty polls, …",
    )


@pytest.fixture(scope="session")
def mailrith_options() -> dict[str, Any]:
    """What `mailrith_lite.testing.serve` takes; define a fixture of this name in your conftest.py to change it."""
    return {}


@pytest.fixture(scope="session")
def mailrith_server(mailrith_options: dict[str, Any]) -> "Iterator[Server | None]":
    """One for the session. None with `seed_ids`: then every test has its own, so that ids begin anew."""
    from mailrith_lite.testing.server import Server

    if mailrith_options.get("seed_ids"):
        yield None
        return
    with Server.running(**mailrith_options) as server:
        yield server


@pytest.fixture
def mailrith(
    request: pytest.FixtureRequest, mailrith_server: "Server | None", mailrith_options: dict[str, Any]
) -> "Iterator[Mailrith]":
    """An empty workspace of a real server, with a key of its own."""
    from mailrith_lite.testing.server import serve

    if mailrith_server is None:
        with serve(**mailrith_options) as handle:
            yield _watched(request, handle)
        return
    handle = mailrith_server.new_workspace()
    yield _watched(request, handle)
    handle.close()


def _watched(request: pytest.FixtureRequest, handle: "Mailrith") -> "Mailrith":
    if request.config.getoption("--mailrith-report"):
        request.node.stash[_HANDLES] = handle
    return handle


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Behind the test itself, the report goes with its result: to this process, also from a worker of xdist."""
    result = yield
    handle = item.stash.get(_HANDLES, None)
    if handle is not None and call.when == "call":
        result.user_properties.append(("mailrith_report", [one.message for one in handle.report().bad]))
    return result


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("--mailrith-report"):
        return
    lines = [
        f"{result.nodeid}: {message}"
        for results in terminalreporter.stats.values()
        for result in results
        if getattr(result, "when", None) == "call"
        for name, messages in result.user_properties
        if name == "mailrith_report"
        for message in messages
    ]
    terminalreporter.section("what the clients of mailrith did badly")
    for line in lines or ["nothing"]:
        terminalreporter.line(line)
