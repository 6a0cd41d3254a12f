"""Every case through the API: an upload, its analysis, an import."""

from typing import Any

import pytest
from cases import CASES, check_analysis, check_outcome, make_fields, request_of, run, upload
from conftest import Server
from uploading import look


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["file"]))
def test_file_of_another_tool_is_imported_through_the_api(server: Server, case: dict[str, Any]) -> None:
    fields = make_fields(server, case)
    started, reply = upload(server, case)
    if reply.status != 200:
        check_outcome(server, case, reply.error)
        return
    analysis = look(server, started)["analysis"]
    check_analysis(case, analysis)
    if "outcome" in case:
        check_outcome(server, case, run(server, started, request_of(case, fields, analysis)))
