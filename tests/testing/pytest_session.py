"""pytest in a process of its own, as a user of the plugin runs it."""

import pytest

UNUSED_PLUGINS = ("schemathesis", "hypothesispytest", "anyio", "fakefs")
"""Plugins that take longer to import than most sessions take to run."""


def run_session(pytester: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    """Runs pytest on one file with this text. Every warning is an error."""
    return run_files(pytester, {"test_session": text}, *options)


def run_files(pytester: pytest.Pytester, files: dict[str, str], *options: str) -> pytest.RunResult:
    """Runs pytest on files with these names and texts. Every warning is an error."""
    pytester.makepyfile(**files)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n")
    blocked = [part for name in UNUSED_PLUGINS for part in ("-p", f"no:{name}")]
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *blocked, *options)
