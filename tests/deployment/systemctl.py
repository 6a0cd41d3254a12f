"""What the guide uses of `systemctl`, for a machine that systemd does not manage.

It reads the units as they were installed below the directory ROOT, starts their commands with their environment and
credentials, waits for READY=1 (Type=notify), and stops them with SIGTERM. A unit that another one wants starts and
stops with it.
"""

import os
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(os.environ["ROOT"])
UNITS = ROOT / "etc/systemd/system"
SECONDS = 60


def main(command: str, *arguments: str) -> None:
    if command == "daemon-reload":
        return
    name = f"{arguments[-1]}.service"
    if command in ("stop", "restart"):
        stop(name)
    if command == "enable":
        assert arguments[0] == "--now"
        enable(name)
    if command in ("start", "restart", "enable"):
        start(name)


def lines(name: str) -> list[tuple[str, str]]:
    """(key, value) of each line of a unit."""
    return re.findall(r"^(\w+)=-?(.*)$", (UNITS / name).read_text(), re.MULTILINE)


def enable(name: str) -> None:
    for target in dict(lines(name))["WantedBy"].split():
        wants = UNITS / f"{target}.wants"
        wants.mkdir(exist_ok=True)
        (wants / name).symlink_to(UNITS / name)


def wanted(name: str) -> list[str]:
    """Units that start before this one, and stop after it because they are a part of it."""
    names = [path.name for path in UNITS.glob(f"{name}.wants/*")]
    for one in names:
        assert ("Before", name) in lines(one)
        assert ("PartOf", name) in lines(one)
    return names


def start(name: str) -> None:
    for one in wanted(name):
        start(one)
    if pid_file(name).exists():
        return
    unit = lines(name)
    credentials, state = ROOT / "credentials", ROOT / "var/lib"
    settings = [
        value.replace("%S", str(state)).replace("%d", str(credentials))
        for key, value in unit
        if key == "Environment"
    ]
    for key, value in unit:
        if key == "EnvironmentFile" and moved(value).exists():
            settings += moved(value).read_text().splitlines()
        elif key == "LoadCredential":
            credentials.mkdir(mode=0o700, exist_ok=True)
            credential, _, source = value.partition(":")
            (credentials / credential).write_bytes(moved(source).read_bytes())
        elif key == "StateDirectory":
            (state / value).mkdir(mode=0o700, parents=True, exist_ok=True)
    environment = dict(line.split("=", 1) for line in settings)
    program, *arguments = shlex.split(dict(unit)["ExecStart"])
    arguments = [str(moved(one)) if one.startswith("/") else one for one in arguments]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
        address = f"mailrith-lite-guide-{os.getpid()}"
        notifications.bind(f"\0{address}")
        notifications.settimeout(SECONDS)
        with (ROOT / "journal").open("ab") as journal:
            process = subprocess.Popen(
                [moved(program), *arguments],
                env={**environment, "NOTIFY_SOCKET": f"@{address}"},
                cwd="/",
                stdout=journal,
                stderr=journal,
                start_new_session=True,
            )
        pid_file(name).write_text(str(process.pid))
        if ("Type", "notify") in unit:
            assert notifications.recv(100) == b"READY=1"


def stop(name: str) -> None:
    """Waits for the end: the process is a child of an earlier `systemctl`."""
    if pid_file(name).exists():
        process = os.pidfd_open(int(pid_file(name).read_text()))
        signal.pidfd_send_signal(process, signal.SIGTERM)
        assert select.select([process], [], [], SECONDS)[0]
        os.close(process)
        pid_file(name).unlink()
    for one in wanted(name):
        stop(one)


def pid_file(name: str) -> Path:
    return ROOT / f"{name}.pid"


def moved(path: str) -> Path:
    return ROOT / path.lstrip("/")


if __name__ == "__main__":
    main(*sys.argv[1:])
