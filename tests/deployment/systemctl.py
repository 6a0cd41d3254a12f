"""What the guide uses of `systemctl`, for a machine that systemd does not manage.

It reads the unit as it was installed below the directory ROOT, starts its command with its environment and
credentials, waits for READY=1 (Type=notify), and stops it with SIGTERM.
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
PID = ROOT / "pid"
SECONDS = 60


def main(command: str, *arguments: str) -> None:
    assert command == "daemon-reload" or arguments[-1] == "mailrith-lite", arguments
    if command in ("stop", "restart"):
        stop()
    if command in ("start", "restart") or (command, *arguments[:-1]) == ("enable", "--now"):
        start()


def start() -> None:
    path = ROOT / "etc/systemd/system/mailrith-lite.service"
    unit = re.findall(r"^(\w+)=-?(.*)$", path.read_text(), re.MULTILINE)
    credentials, state = ROOT / "credentials", ROOT / "var/lib"
    settings = [
        value.replace("%S", str(state)).replace("%d", str(credentials))
        for key, value in unit
        if key == "Environment"
    ]
    for name, value in unit:
        if name == "EnvironmentFile" and moved(value).exists():
            settings += moved(value).read_text().splitlines()
        elif name == "LoadCredential":
            credentials.mkdir(mode=0o700, exist_ok=True)
            credential, _, source = value.partition(":")
            (credentials / credential).write_bytes(moved(source).read_bytes())
        elif name == "StateDirectory":
            (state / value).mkdir(mode=0o700, parents=True, exist_ok=True)
    assert ("Type", "notify") in unit
    (program, *rest) = shlex.split(dict(unit)["ExecStart"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
        notifications.bind(f"\0mailrith-lite-guide-{os.getpid()}")
        notifications.settimeout(SECONDS)
        environment = dict(line.split("=", 1) for line in settings)
        environment["NOTIFY_SOCKET"] = f"@mailrith-lite-guide-{os.getpid()}"
        with (ROOT / "journal").open("ab") as journal:
            process = subprocess.Popen(
                [moved(program), *rest],
                env=environment,
                cwd="/",
                stdout=journal,
                stderr=journal,
                start_new_session=True,
            )
        PID.write_text(str(process.pid))
        assert notifications.recv(100) == b"READY=1"


def stop() -> None:
    """Waits for the end: the process is a child of an earlier `systemctl`."""
    if not PID.exists():
        return
    process = os.pidfd_open(int(PID.read_text()))
    signal.pidfd_send_signal(process, signal.SIGTERM)
    assert select.select([process], [], [], SECONDS)[0]
    os.close(process)
    PID.unlink()


def moved(path: str) -> Path:
    return ROOT / path.lstrip("/")


if __name__ == "__main__":
    main(*sys.argv[1:])
