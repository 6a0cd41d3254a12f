"""An HTTP client that keeps cookies and sends forms like a browser without JavaScript."""

import contextlib
import http.client
import re
from collections.abc import Iterable, Mapping, Sequence
from html import unescape
from http.cookies import Morsel, SimpleCookie
from urllib.parse import urlencode, urljoin, urlsplit

from conftest import KEY, Reply, Server

SESSION = "mailrith_console"
TOKEN = re.compile(r'name="form_token" value="([^"]+)"')


class Visitor:
    """`cookies`: by name, with their attributes."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.cookies: dict[str, Morsel[str]] = {}
        self._tokens: dict[str, str] = {}

    @property
    def origin(self) -> str:
        """The scheme, host and port that the browser shows."""
        return self.server.url

    @property
    def host(self) -> str:
        return urlsplit(self.origin).netloc

    def connect(self) -> http.client.HTTPConnection:
        """A new connection, for a response that does not end. The caller closes it."""
        return http.client.HTTPConnection(self.host, timeout=60)

    def connection(self) -> contextlib.AbstractContextManager[http.client.HTTPConnection]:
        """For one request and its whole response."""
        return self.server.connections.take(self.server.url)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self.send("GET", path, None, headers or {})

    def post(
        self,
        path: str,
        fields: Mapping[str, str | list[str]] | Mapping[str, str] | Sequence[tuple[str, str]] = (),
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Sends a form, by default with this visitor's form token. A header with an empty value is left out."""
        form_token = self.token() if token is None else token
        pairs = fields.items() if isinstance(fields, Mapping) else fields
        body = urlencode([("form_token", form_token), *pairs], doseq=True).encode()
        sent = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Origin": self.origin,
            **(headers or {}),
        }
        return self.send("POST", path, body, {name: value for name, value in sent.items() if value})

    def send(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None, headers: Mapping[str, str]
    ) -> Reply:
        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
        with self.connection() as connection:
            connection.request(method, path, body, {**headers, **({"Cookie": cookie} if cookie else {})})
            answer = connection.getresponse()
            reply = Reply.of(answer)
        for line in answer.headers.get_all("Set-Cookie", []):
            self._store_cookie(line)
        if "location" in reply.headers:
            reply.headers["location"] = urljoin(path, reply.headers["location"])
        return reply

    def _store_cookie(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel

    def token(self) -> str:
        """The form token of this visitor: of the session, or of the sign-in form without one."""
        session = next((morsel.value for name, morsel in self.cookies.items() if name.endswith(SESSION)), None)
        if session is None:
            return token_in(self.get("/console/sign-in"))
        if session not in self._tokens:  # it stays the same as long as the session
            self._tokens[session] = token_in(self.get("/console/nothing"))
        return self._tokens[session]

    def sign_in(self, key: str = KEY, **fields: str) -> Reply:
        token = self.token()
        return self.post("/console/sign-in", {"key": key, **fields}, token=token)


def token_in(page: Reply, place: int = 0) -> str:
    """Of the form at this place in the page."""
    return TOKEN.findall(page.body.decode())[place]


def signed_in(server: Server, key: str = KEY) -> Visitor:
    visitor = Visitor(server)
    assert visitor.sign_in(key).status == 303
    return visitor


def text(page: Reply) -> str:
    """The visible text of a page, with single spaces."""
    body = re.sub(r"<head>.*?</head>|<wbr>", "", page.body.decode(), flags=re.DOTALL)
    plain = re.sub(r"<[^>]*>", " ", body)
    return " ".join(unescape(plain).split())


def heading(page: Reply) -> str:
    match = re.search(r"<h1[^>]*>(.*?)</h1>", page.body.decode(), re.DOTALL)
    assert match
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", match[1])).split())
