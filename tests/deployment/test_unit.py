"""The unit for systemd, and what the service does for it: a Unix socket, and messages about its state."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from cli.command_line import BOOTSTRAP, SECONDS, assert_fails, line_with, run_process, start_process

CONTRIB = Path(__file__).parents[2] / "contrib"
SERVE = ("serve", "--data-dir", "store", "--socket", "socket")


def ask(path: Path, *headers: str) -> bytes:
    """The response to a request at a Unix socket, with the connection's end."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SECONDS)
        client.connect(str(path))
        lines = ("GET /.well-known/api-catalog HTTP/1.1", *headers, "Connection: close")
        client.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        return b"".join(iter(lambda: client.recv(1 << 16), b""))


def test_service_listens_on_a_unix_socket_and_trusts_the_proxy_there(tmp_path: Path) -> None:
    with start_process(*SERVE, env=BOOTSTRAP, cwd=tmp_path) as process:
        line = line_with(process.stdout, "serving")
        assert "serving unix:socket (data directory: store)" in line
        path = tmp_path / "socket"
        assert path.stat().st_mode & 0o777 == 0o660
        forwarded = ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: mail.example.com")
        assert b'"https://mail.example.com/' in ask(path, "Host: inside", *forwarded)
        assert "address=192.0.2.1" in line_with(process.stderr, "api-catalog")
        assert b'"http://localhost' in ask(path, "Host: localhost")
        assert "address=unix" in line_with(process.stderr, "api-catalog")

        second = run_process("serve", "--data-dir", "other", "--socket", "socket", cwd=tmp_path)
        assert_fails(second, "another process listens on socket; choose another path with --socket")
        process.kill()
        process.wait()
    assert path.exists()  # a killed service leaves it
    with start_process(*SERVE, cwd=tmp_path) as process:
        line_with(process.stdout, "serving")
        assert ask(path, "Host: inside").startswith(b"HTTP/1.1 200")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=SECONDS)
        assert process.returncode == 0
    assert not path.exists()


def test_file_with_the_name_of_the_socket_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "socket").write_text("precious")
    assert_fails(
        run_process(*SERVE, cwd=tmp_path), "cannot listen on socket: Address already in use; choose another path"
    )
    assert (tmp_path / "socket").read_text() == "precious"


@pytest.mark.parametrize("name", ["notify", "@mailrith-lite-test-{pid}"])
def test_systemd_gets_a_message_when_the_service_is_ready_and_when_it_stops(tmp_path: Path, name: str) -> None:
    name = name.format(pid=os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.settimeout(SECONDS)
        systemd.bind(name.replace("@", "\0") if name.startswith("@") else str(tmp_path / name))
        address = name if name.startswith("@") else str(tmp_path / name)
        with start_process(*SERVE, env={**BOOTSTRAP, "NOTIFY_SOCKET": address}, cwd=tmp_path) as process:
            assert systemd.recv(100) == b"READY=1"
            assert ask(tmp_path / "socket", "Host: inside").startswith(b"HTTP/1.1 200")
            process.send_signal(signal.SIGTERM)
            assert systemd.recv(100) == b"STOPPING=1"
            process.communicate(timeout=SECONDS)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_understands_every_line_of_the_units(tmp_path: Path) -> None:
    units = []
    for name, command in (
        ("mailrith-lite.service", "mailrith-lite serve"),
        ("mailrith-lite-replica.service", "litestream replicate -config /etc/mailrith-lite/litestream.yml"),
    ):
        text = (CONTRIB / name).read_text()
        program = f"/opt/mailrith-lite/bin/{command.partition(' ')[0]}"
        assert f"ExecStart=/opt/mailrith-lite/bin/{command}\n" in text
        units.append(tmp_path / name)
        units[-1].write_text(text.replace(program, sys.executable))
    command = ["systemd-analyze", "verify", *map(str, units)]
    verified = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")
