"""pytest's fixture `mailrith`: a real server for the session, an empty workspace for each test."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mailrith_lite.testing.handle import Mailrith
    from mailrith_lite.testing.server import Server

_HANDLES = pytest.StashKey["Mailrith"]()
_PROPERTY = "mailrith_report"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("mailrith").addoption(
        "--mailrith-report",
        action="store_true",
        help="say in the summary what each test's client did well and badly: retries, polls, pages, links",
    )


@pytest.fixture(scope="session")
def mailrith_options() -> dict[str, Any]:
    """What `mailrith_lite.testing.serve` takes; define a fixture of this name in your conftest.py to change it."""
    return {}


@pytest.fixture(scope="session")
def mailrith_server(mailrith_options: dict[str, Any]) -> "Iterator[Server]":
    """The session's server; `mailrith_server.new_workspace()` is for fixtures of a wider scope than a test."""
    from mailrith_lite.testing.server import Server

    with Server.running(**mailrith_options) as server:
        yield server


@pytest.fixture
def mailrith(request: pytest.FixtureRequest, mailrith_options: dict[str, Any]) -> "Iterator[Mailrith]":
    """An empty workspace of a real server, with a key of its own; with `seed_ids`, of a server of its own."""
    if mailrith_options.get("seed_ids"):
        from mailrith_lite.testing.server import serve

        with serve(**mailrith_options) as handle:
            yield _watched(request, handle)
        return
    handle = request.getfixturevalue("mailrith_server").new_workspace()
    yield _watched(request, handle)
    handle.close()
    handle.clock.reset()


def _watched(request: pytest.FixtureRequest, handle: "Mailrith") -> "Mailrith":
    if request.config.getoption("--mailrith-report"):
        request.node.stash[_HANDLES] = handle
    return handle


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Behind the test itself, the report goes with its result: to this process, also from a worker of xdist."""
    result = yield
    handle = item.stash.get(_HANDLES, None)
    if handle is not None and call.when == "call" and type(result) is pytest.TestReport:
        for one in handle.whole_report().findings:
            result.user_properties.append(
                (_PROPERTY, f"{'good' if one.good else 'bad '} {item.nodeid}: {one.message}")
            )
    return result


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("--mailrith-report"):
        return
    lines = [
        line
        for results in terminalreporter.stats.values()
        for result in results
        if type(result) is pytest.TestReport and result.when == "call"
        for name, line in result.user_properties
        if name == _PROPERTY
    ]
    terminalreporter.section("what the clients of mailrith did well and badly")
    for line in lines or ["nothing to say"]:
        terminalreporter.line(line)
