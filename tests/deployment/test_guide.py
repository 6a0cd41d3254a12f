"""The commands of docs/operating.md, in their order, in an empty home and below a directory that stands for `/`.

The packages that `pip` would download come from this environment, and `systemctl` from the file beside this one.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.command_line import SECONDS, line_with
from proxies.programs import free_port
from uploading import wait_for

SOURCE = Path(__file__).parents[2]
COPIED = ("pyproject.toml", "setup.cfg", "README.md", "LICENSE", "mailrith_lite", "contrib")


SYSTEMCTL = Path(__file__).with_name("systemctl.py")
PYTHON3 = r"""[ "$1 $2" = "-m venv" ]
"$PYTHON" -m venv --without-pip "$3"
echo "$PACKAGES" > "$(echo "$3"/lib/python3*/site-packages)/packages.pth"
ln -s "$(dirname "$PYTHON")/litestream" "$3/bin/"
printf '#!/bin/sh\nexec "$PYTHON" -m pip --python %s "$@"\n' "$3/bin/python" > "$3/bin/pip"
chmod +x "$3/bin/pip"
"""
"""A new environment uses the packages and the pip of this one."""


def blocks() -> list[str]:
    guide = (SOURCE / "docs/operating.md").read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)


def write_program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\nset -eu\n{script}")
    path.chmod(0o755)


class Machine:
    """`root` stands for `/`. One shell runs all blocks, so that an export holds for the blocks after it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = root / "source"
        self.port = free_port()
        self.exports = ""
        programs = root / "programs"
        self.units = root / "etc/systemd/system"
        for folder in (programs, root / "home", self.units, self.source):
            folder.mkdir(parents=True)
        write_program(programs / "systemctl", shlex.join([sys.executable, str(SYSTEMCTL)]) + ' "$@"')
        write_program(programs / "python3", PYTHON3)
        for name in COPIED:
            path = SOURCE / name
            if path.is_dir():
                shutil.copytree(path, self.source / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, self.source)
        configuration = self.source / "contrib" / "litestream.yml"
        configuration.write_text(self.moved(configuration.read_text()))
        self.environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": str(root / "home"),
            "ROOT": str(root),
            "PYTHON": sys.executable,
            "SSL_CERT_FILE": os.devnull,
            "PACKAGES": sysconfig.get_path("purelib"),
            "MAILRITH_LITE_PORT": str(self.port),
            "MAILRITH_API_BASE_URL": f"http://127.0.0.1:{self.port}",
            **dict.fromkeys(("PIP_NO_DEPS", "PIP_NO_INDEX", "PIP_NO_INPUT", "PIP_DISABLE_PIP_VERSION_CHECK"), "1"),
            "PIP_NO_BUILD_ISOLATION": "0",
        }

    def moved(self, text: str) -> str:
        """The text with the paths below `root`."""
        return re.sub(r"(?<![\w.])/(opt|etc|var|mnt|backups)\b", rf"{self.root}/\1", text)

    def command(self, block: str) -> list[str]:
        moved = self.moved(block)
        self.exports += "".join(f"{line}\n" for line in moved.splitlines() if line.startswith("export "))
        return ["sh", "-euc", self.exports + moved]

    def run(self, block: str) -> str:
        finished = self._run(block)
        assert finished.returncode == 0, (block, finished.stdout, finished.stderr)
        return finished.stdout

    def succeeds(self, block: str) -> bool:
        return self._run(block).returncode == 0

    def _run(self, block: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(block), cwd=self.source, env=self.environment, capture_output=True, encoding="utf-8"
        )


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    if (made.units / "mailrith-lite.service").exists():
        made.run("systemctl stop mailrith-lite")


@pytest.mark.long
def test_every_command_of_the_guide_works_in_its_order(machine: Machine) -> None:
    install, first, ask, unit, public, data, keys, copies, *later = blocks()
    replica, recover, restore, upgrade, audit, damaged = later
    machine.run(install)
    with subprocess.Popen(
        machine.command(f"exec {first}"),
        cwd=machine.source,
        env=machine.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    ) as service:
        try:
            line_with(service.stdout, "serving")
            assert machine.run(ask).splitlines()[0] == "ok"
        finally:
            service.send_signal(signal.SIGTERM)
            service.communicate(timeout=SECONDS)
    assert service.returncode == 0

    (machine.root / "etc/mailrith-lite").mkdir()
    (machine.root / "etc/mailrith-lite/environment").write_text(f"MAILRITH_LITE_PORT={machine.port}\n")
    machine.run(unit)
    assert (machine.root / "etc/mailrith-lite/bootstrap-key").stat().st_mode & 0o777 == 0o600
    assert machine.run("mailrith-lite healthz") == "ok\n"
    machine.run(public)
    assert "MAILRITH_LITE_PUBLIC_URL" in (machine.root / "etc/mailrith-lite/environment").read_text()
    assert "good\tdatabase\t\n" in machine.run(data)

    lines = keys.splitlines()
    machine.run(lines[0])
    key_id = re.findall(r"api_key_\w+(?=.*Nightly export)", machine.run(lines[1]))[0]
    for line in lines[2:]:
        if "rotate" in line or "revoke" in line:
            machine.run(line.replace("api_key_…", key_id))
            key_id = re.findall(r"api_key_\w+(?=.*Nightly export)", machine.run(lines[1]))[0]
        else:
            machine.run(line)

    assert machine.run(copies).count("wrote ") == 2
    machine.run(replica)
    wait_for(lambda: machine.succeeds(recover))  # the first snapshot takes a moment
    assert "restored " in machine.run(restore.replace("before-the-move", "from-the-replica"))
    assert "restored " in machine.run(restore)
    machine.run(upgrade)
    assert machine.run("mailrith-lite healthz") == "ok\n"
    assert "\tservice.started\t" in machine.run(audit)
    (machine.root / "var/lib/mailrith-lite/mailrith.db").write_bytes(b"damaged" * 1_000)
    assert "restored " in machine.run(damaged)
    assert machine.run("mailrith-lite healthz") == "ok\n"
    assert "good\tdatabase\t\n" in machine.run("mailrith-lite doctor")
