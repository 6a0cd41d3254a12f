"""An HTTP client that keeps cookies and sends forms like a browser without JavaScript."""

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

    @property
    def origin(self) -> str:
        """The scheme, host and port that the browser shows."""
        return self.server.url

    @property
    def host(self) -> str:
        return urlsplit(self.origin).netloc

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.host, timeout=60)

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
        connection = self.connect()
        try:
            connection.request(method, path, body, {**headers, **({"Cookie": cookie} if cookie else {})})
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie", []):
                self._store_cookie(line)
            names = {name.lower(): value for name, value in answer.getheaders()}
            if "location" in names:
                names["location"] = urljoin(path, names["location"])
            return Reply(answer.status, names, answer.read())
        finally:
            connection.close()

    def _store_cookie(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel["max-age"] == "0" or not morsel.value:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel

    def token(self) -> str:
        """The form token of this visitor: of the session, or of the sign-in form without one."""
        if not any(name.endswith(SESSION) for name in self.cookies):
            return token_in(self.get("/console/sign-in"))
        return token_in(self.get("/console/nothing"))  # every page has the form to sign out

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
