"""`make demo`: the whole story, and nothing left behind."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from cli.processes import SECONDS, environment, line_with

ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, "-m", "mailrith_lite.cli.demo")


def tell(*arguments: str, temporary: Path) -> subprocess.CompletedProcess[str]:
    # settings of somebody's own service must not get into it
    env = environment({"TMPDIR": str(temporary), "MAILRITH_LITE_PUBLIC_URL": "https://mail.example.com"})
    return subprocess.run(
        [*DEMO, *arguments], cwd=ROOT, env=env, capture_output=True, encoding="utf-8", timeout=SECONDS
    )


def test_demo_tells_what_became_of_every_row(tmp_path: Path) -> None:
    outcome = tell(temporary=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    told = outcome.stdout
    expected = (
        r"serving http://127\.0\.0\.1:\d+ ",
        r"Company \(Text\), Plan ",
        r": 1,000 rows: 1,000 created, 0 updated, 0 unchanged, 0 refused, 0 warnings\n",
        r"the answer is the same job: nothing is imported twice",
        r": 18 rows: 6 created, 2 updated, 1 unchanged, 9 refused, 1 warning\n",
        r"10\tPlan\tinvalid_custom_field\tThe value is not one of the field's options\.\n",
        r"18\tStatus\tstatus_kept\t",
        r"No row is lost: 6 \+ 2 \+ 1 \+ 9 = 18 of 18\.",
        r": 1,006 exported to .*export\.csv \([\d,]+ bytes\)\n  Email,Name,Status,",
        r"It has stopped, and its directory is gone\.",
    )
    for pattern in expected:  # in this order
        found = re.search(pattern, told)
        assert found, (pattern, told)
        told = told[found.end() :]
    assert "\x1b" not in outcome.stdout + outcome.stderr
    assert not list(tmp_path.iterdir())


def test_demo_without_its_samples_is_one_line(tmp_path: Path) -> None:
    outcome = tell("nowhere", temporary=tmp_path)
    assert outcome.returncode == 1
    assert outcome.stderr == "Error: cannot read nowhere/subscribers.csv: No such file or directory\n"
    assert not list(tmp_path.iterdir())


def test_interrupted_demo_takes_its_service_along(tmp_path: Path) -> None:
    """Ctrl-C in a terminal goes to the whole group of processes."""
    pipe = subprocess.PIPE
    env = environment({"TMPDIR": str(tmp_path)})
    with subprocess.Popen(
        DEMO, cwd=ROOT, env=env, stdout=pipe, stderr=pipe, encoding="utf-8", start_new_session=True
    ) as demo:
        line_with(demo.stdout, "serving http://")
        os.killpg(demo.pid, signal.SIGINT)
        said = demo.communicate(timeout=SECONDS)[1]
    assert demo.returncode == 1
    assert "Traceback" not in said, said
    assert not list(tmp_path.iterdir())
