"""The fixtures, the option and the report of the pytest plugin."""

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mailrith_lite.testing.handle import Mailrith
    from mailrith_lite.testing.server import SeparateServer, Server

_HANDLE = pytest.StashKey["Mailrith"]()
_PROPERTY = "mailrith_report"
_LEFTOVER = "mailrith_leftover"
_LAST_REQUESTS = 5  # that a failing test shows
_MAX_SHOWN = 500  # characters of a body


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
    parser.addini(
        "mailrith_strict",
        type="bool",
        default=False,
        help="fail a test that plans a failure which no request meets, or whose client sends an unknown field",
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
    """Adds to the test's report, which pytest-xdist sends from the worker to the main process."""
    outcome = yield
    report = outcome.get_result()
    handle = item.stash.get(_HANDLE, None)
    if handle is None or call.when != "call" or type(report) is not pytest.TestReport:
        return
    if item.config.getoption("--mailrith-report"):
        for finding in handle.whole_report().findings:
            line = f"{'good' if finding.good else 'bad '} {item.nodeid}: {finding.message}"
            report.user_properties.append((_PROPERTY, line))
    if report.failed:
        report.sections.append(("The last requests to mailrith", _last_requests(handle)))
    elif report.passed:
        _add_leftovers(report, handle.leftovers(), strict=bool(item.config.getini("mailrith_strict")))


def _add_leftovers(report: pytest.TestReport, leftovers: list[str], *, strict: bool) -> None:
    if leftovers and strict:
        report.outcome = "failed"
        report.longrepr = "mailrith_strict: " + "; ".join(leftovers)
    else:
        report.user_properties += [(_LEFTOVER, f"{report.nodeid}: {text}") for text in leftovers]


def _last_requests(handle: "Mailrith") -> str:
    lines = [f"{request} {_shown(request.body)}\n  {_shown(request.answer)}" for request in handle.requests]
    return "\n".join(lines[-_LAST_REQUESTS:]) or "none"


def _shown(body: bytes) -> str:
    text = body[:_MAX_SHOWN].decode(errors="replace")
    return text + ("…" if len(body) > _MAX_SHOWN else "")


def pytest_terminal_summary(terminalreporter: "pytest.TerminalReporter", config: pytest.Config) -> None:
    if config.getoption("--mailrith-report"):
        terminalreporter.section("what the clients of mailrith did well and badly")
        for line in _lines(terminalreporter, _PROPERTY) or ["nothing to report"]:
            terminalreporter.line(line)
    if leftovers := _lines(terminalreporter, _LEFTOVER):
        terminalreporter.section("unused failures and unknown fields in tests of mailrith")
        for line in leftovers:
            terminalreporter.line(line)


def _lines(terminalreporter: "pytest.TerminalReporter", name: str) -> list[str]:
    return [
        str(line)
        for reports in terminalreporter.stats.values()
        for report in reports
        if type(report) is pytest.TestReport and report.when == "call"
        for key, line in report.user_properties
        if key == name
    ]
