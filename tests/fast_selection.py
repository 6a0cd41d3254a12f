"""What `make test-fast` runs."""

import fnmatch
from collections.abc import Iterable

import pytest

SLOW_FILES = (
    # a browser
    "console/test_browser_*.py",
    # kill -9
    "crash/test_*.py",
    # a case for each operation of the API
    "access/test_isolation.py",
    "access/test_scopes.py",
    "api/test_conformance.py",
    "api/test_idempotent_posts.py",
    # many jobs, deletions or pages; other files of the same room are quick
    "api/test_download_links.py",
    "api/test_in_use.py",
    "api/test_job_deletion.py",
    "api/test_subscriber_memberships.py",
    "audience/test_listing.py",
    "bulk_changes/test_bulk_changes.py",
    "console/test_live.py",
    "console/test_reference.py",
    "console/test_requests.py",
    "console/test_webhooks.py",
    "housekeeping/test_erasure.py",
    "imports/test_history.py",
    "imports/test_like.py",
    "imports/test_upload_encodings.py",
    # many requests at the same time, a full disk
    "test_concurrency.py",
    "test_full_disk.py",
    # many generated cases, or large ones
    "api/test_fuzz.py",
    "api/test_schemathesis.py",
    "audience/test_segment_limits.py",
    "imports/test_permissiveness.py",
    "imports/test_upload_turns.py",
    "test_model.py",
    "test_own_export.py",
    "test_round_trip.py",
    # slow clients
    "api/test_body_stream.py",
    "api/test_fair_reads.py",
    # files and outputs of whole jobs
    "exports/test_export_pipeline.py",
    "imports/test_spool.py",
    "imports/test_upload_sizes.py",
    "webhooks/test_delivery.py",
    "webhooks/test_events.py",
    "webhooks/test_stop.py",
    # commands, and processes
    "api/test_curl.py",
    "cli/test_client_errors.py",
    "cli/test_demo.py",
    "cli/test_import_*.py",
    "cli/test_jobs_commands.py",
    "cli/test_keys_commands.py",
    "cli/test_openapi.py",
    "cli/test_printing.py",
    "cli/test_processes.py",
    "cli/test_restore.py",
    "cli/test_samples.py",
    "cli/test_serve.py",
    "cli/test_stop.py",
    "cli/test_subscriber_commands.py",
    "cli/test_webhooks_commands.py",
    "deployment/test_*.py",
    "proxies/test_*.py",
    "test_guides.py",
    "webhooks/test_guide.py",
    "webhooks/test_sandbox.py",
    "test_logs.py",
    "test_unread_log.py",
    "test_wheel.py",
    "testing/test_control.py",
    "testing/test_job_gate.py",
    "testing/test_plugin.py",
    "testing/test_recipes.py",
    "testing/test_sandbox_command.py",
    "testing/test_serve.py",
    "testing/test_server_process.py",
    "testing/test_unnoticed_server.py",
)
"""It leaves these out, and the tests with the mark `slow`."""
FAST_CASES = 2
"""How many cases of a table it runs: the first and the last."""


def is_slow_file(path: str) -> bool:
    """`path`: below the directory of the tests."""
    return any(fnmatch.fnmatch(path, pattern) for pattern in SLOW_FILES)


def fast_items(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    tables: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("slow") is None:
            tables.setdefault(item.nodeid.partition("[")[0], []).append(item)
    return {item for cases in tables.values() for item in _some(cases)}


def _some(cases: list[pytest.Item]) -> list[pytest.Item]:
    """Evenly spread."""
    if len(cases) <= FAST_CASES:
        return cases
    return [cases[place * (len(cases) - 1) // (FAST_CASES - 1)] for place in range(FAST_CASES)]
