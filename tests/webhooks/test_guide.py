"""The receivers of docs/webhooks.md, run as written but for the secret and the port."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from api_records import data_of, subscriber
from conftest import Server

PAGE = Path(__file__).parent.parent.parent / "docs" / "webhooks.md"
needs_node = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="there is no node with npm"
)


def block(language: str) -> str:
    """The program in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.M | re.S)[0]


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        number = int(unused.getsockname()[1])
    yield number


@pytest.fixture
def server(serve: Callable[..., Server]) -> Server:
    return serve(allow_private_webhooks=True)


def subscribed(server: Server, port: int) -> Any:
    """A subscription whose events wait until the receiver runs."""
    body = {"name": "Receiver", "url": f"http://127.0.0.1:{port}/", "event_patterns": ["*"], "status": "disabled"}
    return data_of(server.call("POST", "/v1/webhook-subscriptions", body))


def check(server: Server, created: Any, port: int, command: list[str], folder: Path) -> None:
    """The receiver prints the event that it has verified, and refuses one with another signature."""
    environment = {**os.environ, "WEBHOOK_SECRET": created["signing_secret"], "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ) as process:
        try:
            _wait_for_port(port, process)
            path = created["subscription"]["self"]
            assert server.call("PUT", path, {"status": "active"}).status == 200
            person = subscriber(server)
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "subscriber.created" in line
            while person["id"] not in line:
                line = process.stdout.readline()
                assert line
            server.wait(server.services.dispatcher.drain())
            server.call("POST", f"{path}/rotate-secret")
            server.call("POST", f"{path}/test")
            server.wait(server.services.dispatcher.drain())
            newest, oldest = data_of(server.call("GET", f"{path}/deliveries"))
            assert (newest["answer_status"], oldest["answer_status"]) == (400, 204)
        finally:
            process.kill()


def _wait_for_port(port: int, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError("the receiver has ended")


def test_the_receiver_in_python_verifies_what_it_gets(server: Server, tmp_path: Path, port: int) -> None:
    created = subscribed(server, port)
    program = block("python").replace("whsec_…", created["signing_secret"]).replace("8000", str(port))
    (tmp_path / "receiver.py").write_text(program, encoding="utf-8")
    check(server, created, port, [sys.executable, "receiver.py"], tmp_path)


@needs_node
def test_the_receiver_in_typescript_compiles_and_verifies_what_it_gets(
    server: Server, tmp_path: Path, port: int
) -> None:
    install = ["npm", "install", "--no-audit", "--no-fund", "standardwebhooks", "typescript@5", "@types/node@20"]
    if subprocess.run(install, cwd=tmp_path, capture_output=True, timeout=120).returncode != 0:
        pytest.skip("npm cannot get standardwebhooks and typescript")
    (tmp_path / "receiver.mts").write_text(block("typescript").replace("8000", str(port)), encoding="utf-8")
    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck")
    compiler = ["npx", "tsc", *options, "receiver.mts"]
    compiled = subprocess.run(compiler, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=120)
    assert compiled.returncode == 0, compiled.stdout
    check(server, subscribed(server, port), port, ["node", "receiver.mjs"], tmp_path)
