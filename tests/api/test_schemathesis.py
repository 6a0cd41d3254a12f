"""Schemathesis sends requests that the OpenAPI document allows, and many that it does not allow.

They come from the examples and the limits of the document. With MAILRITH_LITE_EXAMPLES, there are as many random
requests for each operation, too, and runs of the state machine.
"""

import itertools
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import schemathesis
from api_calls import OPERATIONS, Workspace
from conftest import KEY, Server
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import CheckContext, load_all_checks
from schemathesis.core.transport import Response
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.specs.openapi.checks import positive_data_acceptance
from wire import running_service

from mailrith_lite.api.documentation.openapi import document
from mailrith_lite.api.routes import SECTIONS

EXAMPLES = os.environ.get("MAILRITH_LITE_EXAMPLES")
CONDITION = r"definition\.groups\[\d+\]\.conditions\[\d+\]"
BEYOND_A_SCHEMA = {
    "starting_after": "a cursor of this list",
    "cursor": "the same cursor as in starting_after",
    rf"{CONDITION}\.(operator|value|customFieldId)": "which operator a field takes, and which value that takes",
    r"settings\.options": "the select types need options, the others take none",
    "label": "no other field's",
    "(current_)?segment_id": "a segment of the workspace",
    r"custom_fields(\..*|\[\d+\]\.custom_field_id)": "a custom field of the workspace, and a value of its type",
    "country": "the name of a country",
    "subscribed_on": "not in the future, nor before 1970",
    r"consent_evidence\.collected_at": "not in the future",
    "csv_text": "has a header row",
    r"mappings(\[\d+\]\..*)?": "the columns of csv_text, one of them the email",
    "url": "a public address without a user name",
    "upload_id": "an upload of the workspace",
    "like|import_job_id": "an import of the workspace",
    "header|delimiter|encoding|file": "what the file has, and only for an upload",
    r"((existing_)?tag_ids|sequence_ids)\[\d+\]": "a tag or sequence of the workspace",
    r"columns\[\d+\]": "a column of every export, or a custom field of the workspace",
    "tag_id|sequence_id|expected_count": "what the action needs",
    r"subscriber_ids(\[\d+\])?|filter": "one of the two, with ids of subscribers",
}
"""Field -> the rule that no schema can express. A 400 may name these fields for a value that the schema allows."""

CONFIG = {
    "auth": {"openapi": {"WorkspaceApiKey": {"bearer": KEY}}},
    "generation": {
        "deterministic": True,
        "database": "none",
        "max-examples": int(EXAMPLES or 1),
        "with-security-parameters": False,  # else most responses are a 401
    },
    "phases": {
        "fuzzing": {"enabled": EXAMPLES is not None},  # test_fuzz sends random requests
        "coverage": {"unexpected-methods": ["OPTIONS"]},  # test_conformance sends the others
    },
    "checks": {
        "positive_data_acceptance": {"enabled": False},  # replaced by accepts_what_the_document_allows
        "ignored_auth": {"enabled": False},  # test_conformance sends no key and a wrong one
    },
    "operations": [
        {
            # their paths match those of one segment or job, too, and Allow has the methods of both
            "include-operation-id": ["previewSegment", "previewSubscriberBulkChange"],
            "checks": {"allow_header_conformance": {"enabled": False}},
        },
        {
            # too many ids can make a line that is too long for a request
            "include-operation-id": "listSubscribers",
            "checks": {"negative_data_rejection": {"expected-statuses": ["400", "405", "431"]}},
        },
    ],
}
WITHOUT_RESOURCE = [operation_id for operation_id, route in OPERATIONS.items() if not route.path_names]
WITH_RESOURCE = [operation_id for operation_id, route in OPERATIONS.items() if route.path_names]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_service(tmp_path_factory, max_queued_jobs=100_000) as server:
        yield server
        server.drain()


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.trust_env = False  # a look into the environment takes longer than a request
        yield opened


@pytest.fixture(scope="module")
def api() -> Any:
    return schemathesis.openapi.from_dict(document(SECTIONS, ["/"]), config=schemathesis.Config.from_dict(CONFIG))


def check(api: Any, operation_id: str, send: Callable[..., Any]) -> None:
    """Generates requests of one operation, and calls `send` with each.

    The plugin of Schemathesis does the same at the collection, for all operations and in each worker.
    """
    load_all_checks()
    operation = api.find_operation_by_id(operation_id)
    build_operation_test(
        config=api.config, operation=operation, test_func=send, given_kwargs={}, feedback=FeedbackSources()
    )()


@pytest.fixture(scope="module")
def workspace(service: Server) -> Workspace:
    return Workspace(service, KEY)


@schemathesis.check
def accepts_what_the_document_allows(ctx: CheckContext, response: Response, case: schemathesis.Case) -> Any:
    """The check of Schemathesis, without the rules that no schema can express."""
    if response.status_code == 400:
        fault = response.json()["error"].get("details", {})
        taken = fault.get("reason") == "name_taken"  # 400 by the contract: another sequence has this name
        field = fault.get("field", "").removeprefix("filter.")
        if taken or any(re.fullmatch(known, field, re.DOTALL) for known in BEYOND_A_SCHEMA):
            return None
    return positive_data_acceptance(ctx, response, case)


@pytest.mark.parametrize("operation_id", WITHOUT_RESOURCE)
def test_every_operation_matches_the_document(
    api: Any, operation_id: str, service: Server, session: requests.Session
) -> None:
    def send(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=service.url, session=session)

    check(api, operation_id, send)


@pytest.mark.parametrize("operation_id", WITH_RESOURCE)
def test_every_operation_on_a_resource_matches_the_document(
    api: Any, operation_id: str, service: Server, session: requests.Session, workspace: Workspace
) -> None:
    """The first request has the generated path, which names nothing; the others name a resource."""
    route = OPERATIONS[operation_id]
    reusable = workspace.create_named(route)
    requests_sent = itertools.count()

    def send(case: schemathesis.Case) -> None:
        if next(requests_sent) == 0:
            case.call_and_validate(base_url=service.url, session=session)
            return
        ends = route.method in ("POST", "DELETE")  # a request may delete the resource, or end the job
        case.path_parameters = workspace.create_named(route) if ends else dict(reusable)
        reply = case.call_and_validate(base_url=service.url, session=session)
        assert reply.status_code != 404

    check(api, operation_id, send)


@pytest.mark.long
def test_a_new_resource_can_be_used_until_it_is_deleted(
    api: Any, service: Server, session: requests.Session
) -> None:
    """Follows the links of the document: later requests use the ids of earlier responses."""
    number = itertools.count()

    class Client(api.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            """Uses a new workspace, because the resources of an earlier run would change the responses."""
            self.key = service.new_key(workspace=f"Client {next(number)}")

        def get_call_kwargs(self, case: schemathesis.Case) -> dict[str, Any]:
            return {"base_url": service.url, "session": session, "headers": {"Authorization": f"Bearer {self.key}"}}

        def after_call(self, response: Response, case: schemathesis.Case) -> None:
            super().after_call(response, case)
            service.drain()  # so that it is certain whether a job is final

    limits = settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=int(EXAMPLES or 8),
        stateful_step_count=8,
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(Client, settings=limits)
