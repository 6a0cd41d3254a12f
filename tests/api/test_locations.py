"""The header Location is right below the path of a proxy, too."""

from typing import Any
from urllib.parse import urljoin

import pytest
from api_records import definition
from conftest import MAPPINGS, Server

ACTIVE = definition("subscriber_status", "is", "Active")
OUTSIDE = "https://example.com/mailrith"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/tags", {"name": "a"}),
        ("/v1/custom-fields", {"label": "a", "type": "Text"}),
        ("/v1/segments", {"name": "a", "definition": ACTIVE}),
        ("/v1/sequences", {"name": "a", "definition": {"emails": []}}),
        ("/v1/subscribers", {"email": "a@example.com"}),
        ("/v1/jobs/subscriber-imports", {"csv_text": "Email,Name\na@example.com,a\n", "mappings": MAPPINGS}),
        ("/v1/jobs/subscriber-exports", {}),
        ("/v1/%74ags", {"name": "a"}),
    ],
)
def test_location_leads_to_the_new_resource_below_the_path_of_a_proxy(server: Server, path: str, body: Any) -> None:
    reply = server.call("POST", path, body, headers={"Idempotency-Key": "k"})
    assert urljoin(OUTSIDE + path, reply.headers["location"]) == OUTSIDE + reply.json["data"]["self"]
    again = server.call("POST", path, body, headers={"Idempotency-Key": "k"})
    assert again.headers["location"] == reply.headers["location"]
