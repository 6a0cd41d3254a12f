"""Requests to an upload link as a browser sends them, and the pages of its responses."""

from html.parser import HTMLParser
from typing import Any

from conftest import Reply, Server
from uploading import address

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
BOUNDARY = "----boundary7MA4YWxkTrZu0gW"


class Elements(HTMLParser):
    """Parses a page: `elements` has tag and attributes of each element, `text` the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(server: Server, upload: Any) -> Elements:
    reply = server.call("GET", address(server, upload), key=None, headers=PAGE)
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    return Elements(reply.body.decode())


def form(file: bytes, name: str = "list.csv", field: str = "file") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n'
    return head.encode() + b"Content-Type: text/csv\r\n\r\n" + file + f"\r\n--{BOUNDARY}--\r\n".encode()


def post(server: Server, upload: Any, body: bytes, *, accept: dict[str, str] = PAGE) -> Reply:
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **accept}
    return server.call("POST", address(server, upload), body, key=None, headers=headers)
