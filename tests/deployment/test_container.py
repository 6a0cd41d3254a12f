"""The Containerfile by its steps, without an engine: they run in a directory instead of an image."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.command_line import BOOTSTRAP, SECONDS, address
from proxies.programs import free_port

SOURCE = Path(__file__).parents[2]
USER = 4711  # in no /etc/passwd


def instructions() -> list[tuple[str, str]]:
    """(instruction, arguments), of all stages in order."""
    text = (SOURCE / "Containerfile").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def arguments(name: str) -> list[str]:
    return [text for instruction, text in instructions() if instruction == name]


def interpreter() -> str | None:
    """A Python of this version that every user may run, with the packages of this one on its path later."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for candidate in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        command = ["sh", "-c", f"exec {shlex.quote(candidate)} -c pass"]
        if not subprocess.run(command, capture_output=True, **as_another_user()).returncode:  # type: ignore[call-overload]
            return candidate
    return None


def as_another_user() -> dict[str, object]:
    """Options of a process. Only root can change the user; in a container without a user, the group is 0."""
    return {"user": USER, "group": 0, "extra_groups": []} if os.geteuid() == 0 else {}


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """A directory with what the image has at its root, read-only for everybody but root."""
    python = interpreter()
    if python is None:
        pytest.skip("there is no Python of this version that another user may run")
    with tempfile.TemporaryDirectory(prefix="mailrith-lite-image-") as name:
        root = Path(name)
        root.chmod(0o755)
        shim = root / "bin" / "python"
        shim.parent.mkdir()
        own = shlex.quote(sys.executable)
        shim.write_text(f'#!/bin/sh\n[ "$2" = venv ] && exec {shlex.quote(python)} "$@"\nexec {own} "$@"\n')
        shim.chmod(0o755)
        source = root / "source"
        source.mkdir()
        for instruction, text in instructions():
            if instruction == "COPY" and not text.startswith("--from"):
                *files, target = text.split()
                for file in files:
                    _copy(SOURCE / file, source / target / (file if target == "./" else ""))
            elif instruction == "RUN":
                _run_step(text, root)
        (packages,) = root.glob("opt/mailrith-lite/lib/python3*/site-packages")
        (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        (root / "empty").rename(root / "data")
        yield root


def _copy(file: Path, target: Path) -> None:
    if file.is_dir():
        shutil.copytree(file, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(file, target)


def _run_step(command: str, root: Path) -> None:
    """Runs a line of the Containerfile, with the packages of this environment in the place of downloads."""
    command = re.sub(r"(?<![\w.])/(wheels|opt|empty)\b", rf"{root}/\1", command)
    offline = {"PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INPUT": "1"}
    path = f"{root / 'bin'}:/usr/bin:/bin"
    step = subprocess.run(
        ["sh", "-euc", command],
        cwd=root / "source",
        env={"PATH": path, "HOME": str(root), **offline},
        capture_output=True,
        encoding="utf-8",
    )
    assert step.returncode == 0, (command, step.stdout, step.stderr)


def test_image_serves_as_any_user_on_a_read_only_tree_and_checks_its_health(image: Path) -> None:
    port = free_port()
    environment = dict(text.split("=", 1) for text in arguments("ENV"))
    assert environment["PATH"].startswith("/opt/mailrith-lite/bin:")
    environment |= {
        "PATH": f"{image}{environment['PATH']}",
        "MAILRITH_LITE_DATA_DIR": f"{image}{environment['MAILRITH_LITE_DATA_DIR']}",
        "MAILRITH_API_BASE_URL": environment["MAILRITH_API_BASE_URL"].replace("8787", str(port)),
        "MAILRITH_LITE_PORT": str(port),
        **BOOTSTRAP,
    }
    command = [*json.loads(arguments("ENTRYPOINT")[0]), *json.loads(arguments("CMD")[0])]
    check = json.loads(arguments("HEALTHCHECK")[0].partition("CMD ")[2])
    options = {"env": environment, "cwd": "/", "encoding": "utf-8", **as_another_user()}
    before = _tree(image / "opt")
    program = [str(image / "opt/mailrith-lite/bin" / command[0])]
    assert subprocess.run([*program, *check[1:]], capture_output=True, **options).returncode == 1  # type: ignore[call-overload]
    pipe = subprocess.PIPE
    with subprocess.Popen([*program, *command[1:]], stdout=pipe, stderr=pipe, **options) as process:  # type: ignore[call-overload]
        try:
            assert address(process) == f"http://0.0.0.0:{port}"
            health = subprocess.run([*program, *check[1:]], capture_output=True, **options)  # type: ignore[call-overload]
            assert (health.returncode, health.stdout) == (0, "ok\n"), health.stderr
            process.send_signal(signal.Signals[arguments("STOPSIGNAL")[0]])
            process.communicate(timeout=SECONDS)
            assert process.returncode == 0
        finally:
            process.kill()
    assert _tree(image / "opt") == before
    assert (image / "data" / "mailrith.db").is_file()


def _tree(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def test_image_runs_as_a_user_without_rights() -> None:
    assert re.fullmatch(r"[1-9]\d*:0", arguments("USER")[-1])
    assert arguments("VOLUME") == [dict(text.split("=", 1) for text in arguments("ENV"))["MAILRITH_LITE_DATA_DIR"]]


def test_build_context_has_every_file_that_is_copied() -> None:
    kept = {line[1:] for line in (SOURCE / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copies = [text.split()[:-1] for text in arguments("COPY") if not text.startswith("--from")]
    assert {file for files in copies for file in files} == kept
