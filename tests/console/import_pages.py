"""The forms of the import pages, as a browser sends them."""

import re
from html import unescape

from conftest import Reply

from .visitor import Visitor

BOUNDARY = "----boundary7MA4YWxkTrZu0gW"
CSV = b"Contact,Name,Plan\nada@example.com,Ada,Free\nbob@example.com,Bob,Team\nbroken,B,Free\n"
NEW_IMPORT = "/console/imports/new"


def upload_file(
    visitor: Visitor,
    file: bytes = CSV,
    *,
    name: str = "list.csv",
    token: str | None = None,
    origin: str | None = None,
    path: str = NEW_IMPORT,
) -> Reply:
    """Sends the form with the file. Token and origin are the visitor's own unless given."""
    form_token = visitor.token() if token is None else token
    fields = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="form_token"\r\n\r\n{form_token}\r\n'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    body = (fields + head).encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()
    headers = {
        "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        "Origin": visitor.server.url if origin is None else origin,
    }
    return visitor.send("POST", path, body, headers)


def mapping_path(visitor: Visitor, file: bytes = CSV, name: str = "list.csv") -> str:
    """Uploads the file, and returns the path of its mapping page."""
    reply = upload_file(visitor, file, name=name)
    assert reply.status == 303
    return reply.headers["location"]


def selected(page: Reply) -> dict[str, str]:
    """What each column becomes, by the name of its select; without the columns that are left out."""
    selects = re.findall(r'<select [^>]*name="(column-\d+)"[^>]*>(.*?)</select>', page.body.decode(), re.DOTALL)
    options = {name: re.findall(r'<option value="([^"]*)"[^>]* selected>', inside) for name, inside in selects}
    return {name: values[0] for name, values in options.items() if values}


def submit(visitor: Visitor, path: str, fields: dict[str, str], page: Reply | None = None) -> Reply:
    """Sends the fields with the hidden ones of the page, by default of the mapping page itself."""
    return visitor.post(path, {**hidden_fields(page or visitor.get(path)), **fields})


def hidden_fields(page: Reply) -> dict[str, str]:
    hidden = re.findall(r'<input type="hidden" name="(\S+)" value="([^"]*)">', page.body.decode())
    return {name: unescape(value) for name, value in hidden}
