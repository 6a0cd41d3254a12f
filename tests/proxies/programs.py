"""Runs nginx and Caddy with the files of `contrib`, in front of a service.

A file is used as it is. What its comments tell the reader to change gets the values of the test: the host, the
ports, the certificate, the address of the service.
"""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cli.command_line import line_with
from uploading import wait_for

CONTRIB = Path(__file__).parents[2] / "contrib"
REQUIRED = os.environ.get("MAILRITH_LITE_REQUIRE_PROXIES") == "1"


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """`pids`: of all processes. `trust`: knows the certificate. `bodies`: where it would store request bodies."""

    port: int
    pids: tuple[int, ...]
    trust: ssl.SSLContext
    bodies: Path | None


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextlib.contextmanager
def nginx(folder: Path, port: int, upstream: str) -> Iterator[Proxy]:
    """`upstream`: as in the directive `server`, such as `127.0.0.1:8787`."""
    program = _program("nginx")
    certificate, key, bodies = folder / "certificate.pem", folder / "key.pem", folder / "bodies"
    _make_certificate(certificate, key)
    site = folder / "mailrith-lite.conf"
    changes = {
        "127.0.0.1:8787": upstream,
        "mail.example.com;": "localhost;",
        "listen 80;": f"listen 127.0.0.1:{free_port()};",
        "listen [::]:80;": "",
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "listen [::]:443 ssl http2;": "",
        "/etc/ssl/mailrith-lite/fullchain.pem": str(certificate),
        "/etc/ssl/mailrith-lite/privkey.pem": str(key),
    }
    site.write_text(_replaced((CONTRIB / "nginx.conf").read_text(), changes))
    # As root, the workers of nginx would be another user, who cannot read the folder of a test.
    user = "user root;" if os.geteuid() == 0 else ""
    paths = "".join(f"{kind}_temp_path {folder / kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    main = folder / "nginx.conf"
    main.write_text(
        f"{user} daemon off; worker_processes 1; pid {folder / 'pid'}; error_log stderr notice; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {bodies}; {paths} include {site}; }}\n"
    )
    with running([program, "-e", "stderr", "-p", str(folder), "-c", str(main)], "start worker process ") as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        trust = ssl.create_default_context(cafile=str(certificate))
        yield Proxy(port=port, pids=(process.pid, *map(int, children)), trust=trust, bodies=bodies)


@contextlib.contextmanager
def caddy(folder: Path, port: int, upstream: str) -> Iterator[Proxy]:
    """`upstream`: as in the directive `reverse_proxy`."""
    program = _program("caddy")
    main = folder / "Caddyfile"
    main.write_text(
        f"{{\n admin off\n local_certs\n skip_install_trust\n auto_https disable_redirects\n"
        f" storage file_system {folder}\n}}\nimport {CONTRIB / 'Caddyfile'}\n"
    )
    variables = {
        "HOME": str(folder),
        "MAILRITH_LITE_SITE": f"https://localhost:{port}",
        "MAILRITH_LITE_UPSTREAM": upstream,
    }
    command = [program, "run", "--config", str(main), "--adapter", "caddyfile"]
    with running(command, "certificate obtained successfully", variables) as process:
        trust = ssl.create_default_context(cafile=str(folder / "pki/authorities/local/root.crt"))
        _wait_for_certificate(port, trust)
        yield Proxy(port=port, pids=(process.pid,), trust=trust, bodies=None)


Run = Callable[[Path, int, str], contextlib.AbstractContextManager[Proxy]]
PROGRAMS: Mapping[str, Run] = {"nginx": nginx, "caddy": caddy}


def _program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if path is None:
        if REQUIRED:
            pytest.fail(f"there is no {name}, and MAILRITH_LITE_REQUIRE_PROXIES is set")
        pytest.skip(f"there is no {name}")
    return path


@contextlib.contextmanager
def running(
    command: list[str], ready: str, variables: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """`ready`: part of the line on stderr that the program writes when it serves."""
    environment = {"PATH": os.environ["PATH"], **(variables or {})}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, encoding="utf-8") as process:
        try:
            line_with(process.stderr, ready)
            yield process
        finally:
            process.terminate()


def _wait_for_certificate(port: int, trust: ssl.SSLContext) -> None:
    """Caddy reports a new certificate a moment before it serves it."""

    def served() -> bool:
        with contextlib.suppress(ssl.SSLError), socket.create_connection(("127.0.0.1", port)) as connection:
            trust.wrap_socket(connection, server_hostname="localhost").close()
            return True
        return False

    wait_for(served)


def _replaced(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def _make_certificate(certificate: Path, key: Path) -> None:
    names = (
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=CA:true",
    )
    algorithm = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run(
        [_program("openssl"), "req", "-x509", *algorithm, *names, *files], check=True, capture_output=True
    )
