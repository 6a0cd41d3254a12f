"""Requests that the service refuses, each a function that sends it."""

from collections.abc import Callable
from typing import Any

from api_records import data_of, definition, execute, field, sequence, subscriber
from conftest import Reply, Server
from wire import EMAIL, EXPORTS, IMPORTS

TAGS, FIELDS, SEQUENCES, SEGMENTS = "/v1/tags", "/v1/custom-fields", "/v1/sequences", "/v1/segments"
UPLOADS = "/v1/jobs/subscriber-import-uploads"
CSV = "Email,Name\nada@example.com,Ada\n"

Ask = Callable[[Server], Reply]


def named(server: Server, path: str, name: str) -> Any:
    listed = server.call("GET", f"{path}?limit=100").json["data"]
    return next(one for one in listed if name in (one.get("name"), one.get("label"), one.get("email")))


def ask(method: str, path: str, body: Any = None, **more: Any) -> Ask:
    return lambda server: server.call(method, path, body, **more)


def change(path: str, name: str, body: Any, *, method: str = "PUT", below: str = "") -> Ask:
    """A request to the resource of this name in the list at `path`."""
    return lambda server: server.call(method, named(server, path, name)["self"] + below, body)


def delete(path: str, name: str) -> Ask:
    return change(path, name, None, method="DELETE")


def imports(**body: Any) -> Ask:
    return ask("POST", IMPORTS, {"mappings": [EMAIL], **body})


def with_key(**fields: Any) -> Ask:
    """A request with a key that was changed in the database."""

    def call(server: Server) -> Reply:
        key = server.new_key()
        assignments = ", ".join(f"{name} = {value}" for name, value in fields.items())
        execute(server, f"UPDATE api_keys SET {assignments} WHERE id = (SELECT max(id) FROM api_keys)")
        return server.call("GET", TAGS, key=key)

    return call


def reuse_key(server: Server) -> Reply:
    headers = {"Idempotency-Key": "reused"}
    server.call("POST", TAGS, {"name": "First"}, headers=headers)
    return server.call("POST", TAGS, {"name": "Second"}, headers=headers)


def not_ready(server: Server) -> Reply:
    upload = data_of(server.call("POST", UPLOADS))
    return imports(upload_id=upload["id"])(server)


def _uploaded(server: Server, content: bytes) -> Any:
    upload = data_of(server.call("POST", UPLOADS))
    path = upload["upload_url"].removeprefix(server.url)
    assert server.call("PUT", path, content, key=None, headers={"Content-Type": "text/csv"}).status == 200
    return data_of(server.call("GET", upload["self"]))


def without_rows(server: Server) -> Reply:
    upload = _uploaded(server, b"Email\n")
    assert (upload["status"], upload["row_count"]) == ("Ready", 0)
    return imports(upload_id=upload["id"])(server)


def missing_file(server: Server) -> Reply:
    upload = _uploaded(server, CSV.encode())
    for file in (server.services.settings.data_dir / "uploads").glob("*.csv"):
        file.unlink()
    return imports(upload_id=upload["id"])(server)


def used_upload(server: Server) -> Reply:
    upload = _uploaded(server, CSV.encode())
    assert imports(upload_id=upload["id"])(server).status == 202
    return imports(upload_id=upload["id"])(server)


def canceled_job(server: Server) -> Reply:
    job = data_of(server.call("POST", EXPORTS))
    server.call("POST", f"{job['self']}/cancel")
    return server.call("POST", f"{job['self']}/cancel")


def circle(server: Server) -> Reply:
    used, outer = named(server, SEGMENTS, "Used"), named(server, SEGMENTS, "Outer")
    return server.call("PUT", used["self"], {"definition": definition("segment", "is", outer["id"])})


def locked_type(server: Server) -> Reply:
    one = field(server, "Locked")
    subscriber(server, "ada@example.com", custom_fields={one["id"]: "twelve"})
    return server.call("PUT", one["self"], {"type": "Number"})


IN_IMPORT = "held by an import"


def sequence_of_job(server: Server) -> Reply:
    one = sequence(server, IN_IMPORT)
    assert imports(csv_text=CSV, sequence_ids=[one["id"]])(server).status == 202
    return server.call("DELETE", one["self"])


def small_key(server: Server) -> Reply:
    return server.call("GET", TAGS, key=server.new_key(scopes=("subscribers:read",)))
