"""`make demo`."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from cli.command_line import SECONDS, environment, line_with

ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, "-m", "mailrith_lite.cli.demo")


def run_demo(*arguments: str, temporary: Path) -> subprocess.CompletedProcess[str]:
    # the demonstration must not take over settings of the user's own service
    env = environment({"TMPDIR": str(temporary), "MAILRITH_LITE_PUBLIC_URL": "https://mail.example.com"})
    return subprocess.run(
        [*DEMO, *arguments], cwd=ROOT, env=env, capture_output=True, encoding="utf-8", timeout=SECONDS
    )


def test_demo_prints_the_result_of_every_row(tmp_path: Path) -> None:
    result = run_demo(temporary=tmp_path)
    assert result.returncode == 0, result.stderr
    rest = result.stdout
    patterns = (
        r"serving http://127\.0\.0\.1:\d+ ",
        r"Company \(Text\), Plan ",
        r": 940 rows: 940 created, 0 updated, 0 unchanged, 0 refused, 0 warnings\n",
        r"unsubscribed_members_export_\w+\.csv: \w+: 44 rows: 44 created",
        r"cleaned_members_export_\w+\.csv: \w+: 16 rows: 16 created",
        r": 18 rows: 6 created, 2 updated, 1 unchanged, 9 refused, 1 warning\n",
        r"10\tPlan\t\"Platinum\"\tis not one of the field's options\.\n",
        r"18\tStatus\t\"Active\"\tAn import never changes a suppressed status",
        r"No row is lost: 6 \+ 2 \+ 1 \+ 9 = 18 of 18\.",
        r"the answer is the same job, and nothing is imported twice",
        r": 1,006 exported to .*export\.csv \([\d,]+ bytes\)\n  Email,Name,Status,",
        r"It has stopped, and its directory is gone\.",
    )
    for pattern in patterns:  # in this order
        match = re.search(pattern, rest)
        assert match, (pattern, rest)
        rest = rest[match.end() :]
    assert "\x1b" not in result.stdout + result.stderr
    assert not list(tmp_path.iterdir())


def test_demo_without_its_samples_is_a_one_line_error(tmp_path: Path) -> None:
    result = run_demo("nowhere", temporary=tmp_path)
    assert result.returncode == 1
    assert result.stderr == "Error: cannot read nowhere/mailchimp-export.zip: No such file or directory\n"
    assert not list(tmp_path.iterdir())


def test_interrupted_demo_stops_its_service_and_removes_its_files(tmp_path: Path) -> None:
    """Ctrl-C in a terminal goes to the whole process group."""
    pipe = subprocess.PIPE
    env = environment({"TMPDIR": str(tmp_path)})
    with subprocess.Popen(
        DEMO, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, encoding="utf-8", start_new_session=True
    ) as demo:
        line_with(demo.stdout, "serving http://")
        os.killpg(demo.pid, signal.SIGINT)
        stderr = demo.communicate(timeout=SECONDS)[1]
    assert demo.returncode == 1
    assert "Traceback" not in stderr, stderr
    assert not list(tmp_path.iterdir())
