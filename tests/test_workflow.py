"""What a fork's CI runs is what `.ci/run` and the Makefile have."""

import configparser
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
WORKFLOW: Any = yaml.safe_load((ROOT / ".github/workflows/check.yml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def commands() -> list[str]:
    return [step["run"] for job in WORKFLOW["jobs"].values() for step in job["steps"] if "run" in step]


def test_workflow_runs_the_script_of_ci_and_targets_of_make() -> None:
    assert ".ci/run" in commands()
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    scripts = [*commands(), (ROOT / ".ci/run").read_text(encoding="utf-8")]
    targets = {target for script in scripts for target in re.findall(r"^make (\S+)$", script, re.MULTILINE)}
    assert targets == {"check", "lowest"}
    for target in targets:
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_check_is_lint_types_and_tests() -> None:
    match = re.search(r"^check: (.*?) ##", MAKEFILE, re.MULTILINE)
    assert match
    assert match[1].split() == ["lint", "types", "test"]


def test_workflow_tests_each_version_of_python_that_the_package_names() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    named = re.findall(r":: Python :: (3\.\d+)", setup["metadata"]["classifiers"])
    assert WORKFLOW["jobs"]["check"]["strategy"]["matrix"]["python"] == named
    lowest = re.search(r"[\d.]+", setup["options"]["python_requires"])
    assert lowest
    assert f":{lowest[0]}-" in WORKFLOW["jobs"]["lowest"]["container"]
