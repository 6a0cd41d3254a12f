"""pytest in a process of its own, as a user of the plugin runs it."""

import re
import subprocess
import sys
import textwrap
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

UNUSED_PLUGINS = ("schemathesis", "hypothesispytest", "anyio", "fakefs")
"""Plugins that take longer to import than most sessions take to run."""

INI = "[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n"
WITHOUT_PLUGINS = ("-p", "no:cacheprovider", *(part for name in UNUSED_PLUGINS for part in ("-p", f"no:{name}")))


def run_session(pytester: pytest.Pytester, text: str, *options: str) -> pytest.RunResult:
    """Runs pytest on one file with this text. Every warning is an error."""
    return run_files(pytester, {"test_session": text}, *options)


def run_files(pytester: pytest.Pytester, files: dict[str, str], *options: str) -> pytest.RunResult:
    """Runs pytest on files with these names and texts. Every warning is an error."""
    pytester.makepyfile(**files)
    pytester.makeini(INI)
    return pytester.runpytest_subprocess(*WITHOUT_PLUGINS, *options)


@dataclass(frozen=True, kw_only=True)
class Session:
    """A session that has ended. Several tests may look at it, because a session takes seconds."""

    exit_code: int
    stdout: pytest.LineMatcher

    def outcomes(self, file: str) -> dict[str, int]:
        """Outcome -> number of tests of `file`.py, such as `{"passed": 3}`."""
        pattern = re.compile(rf"(PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) {file}\.py::")
        matches = [match for line in self.stdout.lines if (match := pattern.match(line))]
        return dict(Counter(match[1].lower() for match in matches))


def run_shared(folder: Path, files: dict[str, str], *options: str) -> Session:
    """As `run_files`, in an empty folder that the session has for itself."""
    for name, text in {**files, "pytest": INI}.items():
        path = folder / f"{name}.{'ini' if name == 'pytest' else 'py'}"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", *WITHOUT_PLUGINS, "-rA", *options]
    ended = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return Session(exit_code=ended.returncode, stdout=pytest.LineMatcher(ended.stdout.splitlines()))
