"""The unchanged SDK of Mailrith's customers works with this service."""

import pytest
from conftest import KEY, MAPPINGS, Server
from mailrith_sdk import MailrithApiError

CSV = "Email,Name\nada@example.com,Ada Lovelace\nnot an address,Bob\n"


def refusal(error: pytest.ExceptionInfo[MailrithApiError]) -> tuple[int, str | None, str | None]:
    return error.value.status, error.value.type, error.value.code


def test_the_sdk_creates_reads_and_lists_an_import(server: Server) -> None:
    client = server.sdk()
    body = {"csv_text": CSV, "mappings": MAPPINGS, "new_tag_name": "Website Signup"}
    created = client.jobs.create_import(body=body, idempotency_key="import-1")["data"]
    server.drain()
    job = client.jobs.get_import(path={"job_id": created["id"]})["data"]
    listed = client.jobs.list_imports()
    assert created["status"] == "Queued"
    assert (job["status"], job["imported_count"], job["error_message"]) == ("Completed", 1, None)
    assert [summary["id"] for summary in listed["data"]] == [created["id"]]
    assert "error_message" not in listed["data"][0]
    assert listed["pagination"] == {"has_more": False, "next_cursor": None}


def test_the_sdk_creates_reads_and_lists_an_export_and_its_file_downloads(server: Server) -> None:
    server.import_csv(CSV)
    client = server.sdk()
    created = client.jobs.create_export(body={"status": "Active"}, idempotency_key="export-1")["data"]
    server.drain()
    job = client.jobs.get_export(path={"job_id": created["id"]})["data"]
    (summary,) = client.jobs.list_exports()["data"]
    assert (job["status"], job["exported_count"]) == ("Completed", 1)
    assert job["selection"] == {"query": None, "status": "Active", "cold_only": False}
    assert not {"selection", "file_name", "download_url", "error_message"} & set(summary)
    assert (
        server.fetch(job["download_url"]).body.splitlines()[1].startswith(b"ada@example.com,Ada Lovelace,Active,")
    )


def test_an_export_needs_no_body(server: Server) -> None:
    created = server.sdk().jobs.create_export()["data"]
    assert created["selection"] == {"query": None, "status": None, "cold_only": False}


def test_the_sdk_lists_and_reads_subscribers(server: Server) -> None:
    server.import_csv(CSV)
    client = server.sdk()
    (listed,) = client.subscribers.list(query={"search": "LOVELACE", "cold_only": False, "limit": 5})["data"]
    read = client.subscribers.get(path={"subscriber_id": listed["id"]})["data"]
    assert read == listed
    assert read["self"] == f"/v1/subscribers/{read['id']}"
    assert (read["email"], read["name"], read["status"]) == ("ada@example.com", "Ada Lovelace", "Active")


def test_the_sdk_creates_and_lists_tags(server: Server) -> None:
    client = server.sdk()
    created = client.tags.create(body={"name": " Spring ", "description": "Fair"}, idempotency_key="tag-1")["data"]
    assert (created["name"], created["description"], created["subscriber_count"]) == ("Spring", "Fair", 0)
    assert created["gdpr_consent_purpose"] is None
    assert client.tags.list()["data"] == [created]


def test_the_sdk_creates_and_lists_custom_fields(server: Server) -> None:
    client = server.sdk()
    body = {"label": "Shoe size", "type": "Single Select", "settings": {"options": ["S", "L"]}}
    created = client.custom_fields.create(body=body, idempotency_key="field-1")["data"]
    assert created["settings"] == {"options": ["S", "L"]}
    assert created["personalization_token"] == '[Shoe_size, fallback=""]'
    assert client.custom_fields.list()["data"] == [created]


def test_the_sdk_raises_an_invalid_body_with_type_and_code(server: Server) -> None:
    with pytest.raises(MailrithApiError) as error:
        server.sdk().jobs.create_import(body={"csv_text": CSV, "mappings": []})
    assert refusal(error) == (400, "invalid_request", "invalid_mappings")
    assert error.value.response_body["error"]["details"] == {"field": "mappings"}


def test_the_sdk_raises_an_authentication_error_for_a_wrong_key(server: Server) -> None:
    with pytest.raises(MailrithApiError) as error:
        server.sdk(KEY + "x").tags.list()
    assert refusal(error) == (401, "authentication_error", "invalid_api_key")
    assert error.value.credential_recovery is None


def test_the_error_of_a_missing_scope_says_how_to_recover(server: Server) -> None:
    client = server.sdk(server.new_key(scopes=("tags:read", "subscribers:import")))
    with pytest.raises(MailrithApiError) as error:
        client.jobs.create_import(body={"csv_text": CSV, "mappings": MAPPINGS})
    assert refusal(error) == (403, "permission_error", "insufficient_scope")
    recovery = error.value.credential_recovery
    assert recovery is not None
    assert recovery["credential_type"] == "workspace_api_key"
    assert recovery["action"] == "replace_api_key"
    assert recovery["missing_scopes"] == ["live_actions:write"]
    assert recovery["replacement_scopes"] == ["live_actions:write", "subscribers:import", "tags:read"]


@pytest.mark.parametrize(
    ("namespace", "method", "path", "code"),
    [
        ("jobs", "get_import", {"job_id": "import_job_x"}, "subscriber_import_job_not_found"),
        ("jobs", "get_export", {"job_id": "export_job_x"}, "subscriber_export_job_not_found"),
        ("subscribers", "get", {"subscriber_id": "subscriber_x"}, "subscriber_not_found"),
    ],
)
def test_an_unknown_id_is_not_found(
    server: Server, namespace: str, method: str, path: dict[str, str], code: str
) -> None:
    with pytest.raises(MailrithApiError) as error:
        getattr(getattr(server.sdk(), namespace), method)(path=path)
    assert refusal(error) == (404, "not_found", code)


def test_the_sdk_raises_operation_not_supported(server: Server) -> None:
    with pytest.raises(MailrithApiError, match="listBroadcasts") as error:
        server.sdk().broadcasts.list()
    assert refusal(error) == (501, "api_error", "operation_not_supported")
