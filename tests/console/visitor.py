"""Somebody with a browser that keeps cookies and runs no scripts."""

import http.client
import re
from collections.abc import Mapping
from html import unescape
from http.cookies import Morsel, SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from conftest import KEY, Reply, Server

SESSION = "mailrith_console"
TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


class Visitor:
    """`cookies`: what the console has set, with its attributes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.cookies: dict[str, Morsel[str]] = {}

    @property
    def host(self) -> str:
        return urlsplit(self.server.url).netloc

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.send("GET", path, None, headers or {})

    def post(
        self,
        path: str,
        fields: Mapping[str, str] | None = None,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """As a browser sends a form; with the token of the session's forms unless another is given."""
        chosen = self.token() if token is None else token
        body = urlencode({"form_token": chosen, **(fields or {})}).encode()
        sent = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.server.url,
            **(headers or {}),
        }
        return self.send("POST", path, body, {name: value for name, value in sent.items() if value})

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        connection = http.client.HTTPConnection(self.host, timeout=60)
        try:
            connection.request(method, path, body, {**headers, **({"Cookie": cookie} if cookie else {})})
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie", []):
                self._keep(line)
            names = {name.lower(): value for name, value in answer.getheaders()}
            if "location" in names:
                names["location"] = urljoin(path, names["location"])
            return Reply(answer.status, names, answer.read())
        finally:
            connection.close()

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel

    def token(self) -> str:
        """Of the forms that this visitor sees at the moment."""
        if SESSION not in self.cookies:
            return token_in(self.get("/console/sign-in"))
        return token_in(self.get("/console/nothing"))  # every page has the form that signs out

    def sign_in(self, key: str = KEY, **fields: str) -> Reply:
        token = self.token()
        return self.post("/console/sign-in", {"key": key, **fields}, token=token)


def token_in(page: Reply) -> str:
    return TOKEN.findall(page.body.decode())[0]


def signed_in(server: Server, key: str = KEY) -> Visitor:
    visitor = Visitor(server)
    assert visitor.sign_in(key).status == 303
    return visitor


def text(page: Reply) -> str:
    """What a person reads."""
    plain = re.sub(r"<[^>]*>", " ", re.sub(r"<head>.*?</head>", "", page.body.decode(), flags=re.DOTALL))
    return " ".join(unescape(plain).split())


def heading(page: Reply) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", page.body.decode(), re.DOTALL)
    assert found
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", found[1])).split())
