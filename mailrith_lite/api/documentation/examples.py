"""What a request and an answer look like, for the documentation. A request is one that a new workspace accepts."""

from typing import Any

from mailrith_lite import ids

_TIMES = {"created_at": "2026-04-11T12:00:00.000Z", "updated_at": "2026-04-11T12:00:00.000Z"}
_EVIDENCE = {
    "lawful_basis": "consent",
    "collected_at": "2026-04-11T13:59:30+02:00",
    "evidence_reference": "signup-form/2026-04-11/83",
}
_DEFINITION = {
    "match": "all",
    "groups": [
        {
            "id": "group_1",
            "match": "all",
            "conditions": [
                {"id": "condition_1", "field": "subscriber_status", "operator": "is", "value": "Active"},
                {"id": "condition_2", "field": "country", "operator": "has_any_of", "value": ["DE", "FR"]},
            ],
        }
    ],
}
_EMAILS = {"emails": [{"subject": "Welcome", "delay_days": 0}]}
_CSV = "Email,Name,Country\nada@example.com,Ada Lovelace,GB\n"
_MAPPINGS = [
    {"csv_column": "Email", "field": {"type": "email"}},
    {"csv_column": "Name", "field": {"type": "name"}},
    {"csv_column": "Country", "field": {"type": "country"}},
]

REQUESTS: dict[str, Any] = {
    "SubscriberRequest": {
        "email": "ada@example.com",
        "name": "Ada Lovelace",
        "status": "Active",
        "country": "GB",
        "new_tags": ["Newsletter"],
        "consent_evidence": _EVIDENCE,
    },
    "SubscriberChange": {"name": "Ada King", "country": None, "subscribed_on": "2026-04-11"},
    "StatusRequest": {"status": "Active", "consent_evidence": _EVIDENCE},
    "TagRequest": {"name": "Spring", "description": "Came by the spring campaign"},
    "TagChange": {"description": None},
    "CustomFieldRequest": {"label": "Size", "type": "Single Select", "settings": {"options": ["S", "M", "L"]}},
    "CustomFieldChange": {"label": "T-shirt size"},
    "SequenceRequest": {"name": "Welcome", "definition": _EMAILS, "utm_source": "newsletter"},
    "SequenceChange": {"track_opens": False},
    "SequenceStatusRequest": {"status": "running"},
    "SegmentRequest": {"name": "Readers on the continent", "definition": _DEFINITION},
    "SegmentChange": {"definition": _DEFINITION},
    "PreviewRequest": {"definition": _DEFINITION},
    "ImportRequest": {"csv_text": _CSV, "mappings": _MAPPINGS, "new_tag_name": "April import"},
    "ExportRequest": {"query": "example.com", "status": "Active"},
}
"""By the name of the Struct."""


def _resource(prefix: str, path: str, **fields: Any) -> dict[str, Any]:
    public_id = ids.encode(prefix, 1)
    return {"id": public_id, "self": f"/v1/{path}/{public_id}", **fields, **_TIMES}


_SEQUENCE = {"name": "Welcome", "status": "running", "is_updating": False}
_SEQUENCE_COUNTS = {"subscriber_count": 120, "open_rate": 0, "click_rate": 0, "unsubscribed_count": 0}
_SEGMENT = {
    "name": "Readers on the continent",
    "description": None,
    "confirmed_subscriber_count": 80,
    "total_subscriber_count": 80,
}
_RUN = {"started_at": "2026-04-11T12:00:00.100Z", "completed_at": "2026-04-11T12:00:00.900Z"}
_PROGRESS = {
    "rows_total": 1000,
    "rows_processed": 1000,
    "created_count": 900,
    "updated_count": 80,
    "unchanged_count": 18,
    "rejected_count": 2,
    "warning_count": 0,
}
_IMPORT = {"status": "Completed", "imported_count": 998, "dry_run": False, "progress": _PROGRESS, **_RUN}
_EXPORT = {"status": "Completed", "exported_count": 998, "expires_at": "2026-04-12T12:00:00.900Z", **_RUN}
_IMPORT_ID = ids.encode(ids.IMPORT_JOB, 1)
_EXPORT_ID = ids.encode(ids.EXPORT_JOB, 1)
_UPLOAD_ID = ids.encode(ids.UPLOAD, 1)
_DOWNLOADS = f"http://localhost:8787/downloads/{ids.encode(ids.WORKSPACE, 1)}"
_SIGNED = "expires=1776081600&signature=E1xWq8m0pQ0cVb1nJ8s2"

ANSWERS: dict[str, Any] = {
    "SubscriberResource": _resource(
        ids.SUBSCRIBER,
        "subscribers",
        email="ada@example.com",
        name="Ada Lovelace",
        status="Active",
        country="GB",
        subscribed_at="2026-04-11T12:00:00.000Z",
        last_opened_at=None,
        tags=[{"id": ids.encode(ids.TAG, 1), "name": "Newsletter"}],
        sequence_ids=[ids.encode(ids.SEQUENCE, 1)],
        custom_fields={ids.encode(ids.CUSTOM_FIELD, 1): "M"},
    ),
    "TagResource": _resource(
        ids.TAG, "tags", name="Spring", description=None, gdpr_consent_purpose=None, subscriber_count=42
    ),
    "CustomFieldResource": _resource(
        ids.CUSTOM_FIELD,
        "custom-fields",
        label="Size",
        type="Single Select",
        settings={"options": ["S", "M", "L"]},
        personalization_token='[Size, fallback=""]',  # noqa: S106 - a placeholder in an email
    ),
    "SequenceSummaryResource": _resource(ids.SEQUENCE, "sequences", **_SEQUENCE, email_count=1, **_SEQUENCE_COUNTS),
    "SequenceResource": _resource(
        ids.SEQUENCE,
        "sequences",
        **_SEQUENCE,
        **dict.fromkeys(("connection_id", "from_name", "from_email", "reply_to_email")),
        track_opens=True,
        track_clicks=True,
        utm_source="newsletter",
        **dict.fromkeys(("utm_medium", "utm_campaign", "utm_term", "utm_content")),
        definition=_EMAILS,
        **_SEQUENCE_COUNTS,
        bounced_count=0,
        complained_count=0,
    ),
    "SegmentSummary": _resource(ids.SEGMENT, "segments", **_SEGMENT),
    "SegmentResource": _resource(ids.SEGMENT, "segments", **_SEGMENT, definition=_DEFINITION),
    "SegmentPreview": {"confirmed_subscriber_count": 80, "total_subscriber_count": 80},
    "ImportJobSummary": _resource(ids.IMPORT_JOB, "jobs/subscriber-imports", **_IMPORT),
    "ImportJob": _resource(
        ids.IMPORT_JOB,
        "jobs/subscriber-imports",
        **_IMPORT,
        error_message=None,
        error_report_url=f"{_DOWNLOADS}/{_IMPORT_ID}?{_SIGNED}",
    ),
    "ImportUpload": {
        "id": _UPLOAD_ID,
        "self": f"/v1/jobs/subscriber-import-uploads/{_UPLOAD_ID}",
        "status": "Pending",
        "upload_url": f"http://localhost:8787/uploads/{ids.encode(ids.WORKSPACE, 1)}/{_UPLOAD_ID}?{_SIGNED}",
        "file_name": None,
        "size_bytes": None,
        "encoding": None,
        "headers": [],
        "row_count": None,
        "import_job_id": None,
        "expires_at": "2026-04-11T13:00:00.000Z",
        "uploaded_at": None,
        "queued_at": None,
    },
    "ExportJobSummary": _resource(ids.EXPORT_JOB, "jobs/subscriber-exports", **_EXPORT),
    "ExportJob": _resource(
        ids.EXPORT_JOB,
        "jobs/subscriber-exports",
        **_EXPORT,
        selection={"query": None, "status": "Active", "cold_only": False},
        file_name=f"subscribers-2026-04-11-{_EXPORT_ID[-6:]}.csv",
        download_url=f"{_DOWNLOADS}/{_EXPORT_ID}?{_SIGNED}",
        error_message=None,
    ),
    "WorkspaceResource": {
        "id": ids.encode(ids.WORKSPACE, 1),
        "self": "/v1/workspace",
        "name": "Default",
        **dict.fromkeys(("logo", "address", "city", "state", "postal_code", "country", "time_zone")),
        **_TIMES,
    },
}
"""By the name of the Struct; those that say much of the service itself have none."""


def queued(job: dict[str, Any]) -> dict[str, Any]:
    """The job as it is when it has just been accepted."""
    unknown = {
        *_RUN,
        "imported_count",
        "exported_count",
        "expires_at",
        "file_name",
        "download_url",
        "error_report_url",
    }
    begun = job | {"status": "Queued"} | dict.fromkeys(unknown & job.keys())
    if "progress" in job:
        begun["progress"] = dict.fromkeys(_PROGRESS, 0) | {"rows_total": None}
    return begun
