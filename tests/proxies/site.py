"""A service behind a proxy, as a client sees it."""

import contextlib
import http.client
import json
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from conftest import KEY, Reply, Server
from console.visitor import Visitor

from mailrith_lite.settings import Settings

from .programs import PROGRAMS, Proxy, free_port

CLIENT = "127.0.0.2"
"""The address of the client: not the one of the proxy."""


class Site(Visitor):
    """`path`: below which the proxy serves the service; empty at the root."""

    def __init__(self, server: Server, proxy: Proxy, path: str) -> None:
        super().__init__(server)
        self.proxy = proxy
        self.path = path

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.proxy.port}"

    @property
    def url(self) -> str:
        return self.origin + self.path

    def connect(self) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            "localhost", self.proxy.port, context=self.proxy.trust, source_address=(CLIENT, 0), timeout=60
        )

    def connection(self) -> contextlib.AbstractContextManager[http.client.HTTPConnection]:
        return contextlib.closing(self.connect())

    def send(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: Mapping[str, str]
    ) -> Reply:
        """`path`: of the service. `location` of the reply is an absolute address."""
        reply = super().send(method, self.path + path, body, headers)
        if "location" in reply.headers:
            reply.headers["location"] = urljoin(self.url + path, reply.headers["location"])
        return reply

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Reply:
        """A request of the API; `path` may be an address of the site."""
        content = None if body is None else json.dumps(body).encode()
        sent = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json", **(headers or {})}
        return self.send(method, path.removeprefix(self.url), content, sent)


@contextlib.contextmanager
def site(folder: Path, program: str, path: str, **settings: Any) -> Iterator[Site]:
    port = free_port()
    public_url = f"https://localhost:{port}{path}" if path else None
    values = {
        "port": 0,
        "data_dir": folder / "data",
        "bootstrap_key": KEY,
        "trusted_proxies": (ip_network("127.0.0.1"),),
        "public_url": public_url,
        **settings,
    }
    with Server(Settings(**values)).serving() as server:
        upstream = server.url.removeprefix("http://")
        if program == "caddy":
            upstream = upstream.replace("unix:", "unix/")
        with PROGRAMS[program](folder, port, upstream) as proxy:
            yield Site(server, proxy, path)
