"""The fixtures, the option and the report of the pytest plugin."""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mailrith_lite.testing.handle import Mailrith
    from mailrith_lite.testing.server import SeparateServer, Server

_HANDLE = pytest.StashKey["Mailrith"]()
_PROPERTY = "mailrith_report"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("mailrith").addoption(
        "--mailrith-report",
        action="store_true",
        help="list in the summary what each test's client did well and badly: retries, polls, pages, links",
    )
    parser.addini(
        "mailrith_process",
        type="bool",
        default=False,
        help="run the server of the fixture mailrith in a process of its own",
    )


@pytest.fixture(scope="session")
def mailrith_process(pytestconfig: pytest.Config) -> bool:
    """Whether the server has a process of its own: the ini option. Define a fixture of this name to change it."""
    return bool(pytestconfig.getini("mailrith_process"))


@pytest.fixture(scope="session")
def mailrith_options() -> dict[str, Any]:
    """What `mailrith_lite.testing.serve` takes; define a fixture of this name in your conftest.py to change it."""
    return {}


@pytest.fixture(scope="session")
def mailrith_server(
    mailrith_options: dict[str, Any], mailrith_process: bool
) -> "Iterator[Server | SeparateServer]":
    """The session's server; `mailrith_server.new_workspace()` is for fixtures of a wider scope than a test."""
    from mailrith_lite.testing.server import SeparateServer, Server

    kind: type[Server | SeparateServer] = SeparateServer if mailrith_process else Server
    with kind.running(**mailrith_options) as server:
        yield server


@pytest.fixture
def mailrith(
    request: pytest.FixtureRequest, mailrith_options: dict[str, Any], mailrith_process: bool
) -> "Iterator[Mailrith]":
    """An empty workspace of a real server, with a key of its own; with `seed_ids`, the server is the test's own."""
    if mailrith_options.get("seed_ids"):
        from mailrith_lite.testing.server import serve

        with serve(process=mailrith_process, **mailrith_options) as handle:
            request.node.stash[_HANDLE] = handle
            yield handle
        return
    handle = request.getfixturevalue("mailrith_server").new_workspace()
    request.node.stash[_HANDLE] = handle
    yield handle
    handle.close()
    handle.clock.reset()


@pytest.hookimpl(hookwrapper=True)  # pytest before 7.4 may have no other wrappers
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, None]:
    """Adds the findings to the test's report, which pytest-xdist sends from the worker to the main process."""
    outcome = yield
    report = outcome.get_result()
    handle = item.stash.get(_HANDLE, None)
    if (
        item.config.getoption("--mailrith-report")
        and handle is not None
        and call.when == "call"
        and type(report) is pytest.TestReport
    ):
        for finding in handle.whole_report().findings:
            line = f"{'good' if finding.good else 'bad '} {item.nodeid}: {finding.message}"
            report.user_properties.append((_PROPERTY, line))


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    if not config.getoption("--mailrith-report"):
        return
    lines = [
        line
        for reports in terminalreporter.stats.values()
        for report in reports
        if type(report) is pytest.TestReport and report.when == "call"
        for name, line in report.user_properties
        if name == _PROPERTY
    ]
    terminalreporter.section("what the clients of mailrith did well and badly")
    for line in lines or ["nothing to report"]:
        terminalreporter.line(str(line))
