"""Every case through the command line: the file is imported with one command, or stops at its questions."""

import re
from pathlib import Path
from typing import Any

import pytest
from cases import CASES, DIRECTORY, check_outcome, make_fields
from cli.command_line import Result, client_environment, import_jobs, run
from conftest import Server


def options(case: dict[str, Any], fields: dict[str, str]) -> list[str]:
    """The mappings and members of the case as options."""
    request = {**case.get("request", {}), **case.get("also", {})}
    arguments: list[str] = []
    for mapping in request.pop("mappings", []):
        field = mapping["field"]
        name = fields[field["custom_field_id"].removeprefix("$")] if "custom_field_id" in field else field["type"]
        arguments += ["--map", f"{mapping['csv_column']}={name}"]
    if "status" in request:
        arguments += ["--status", request.pop("status")]
    if request.pop("invalid_cells", None) == "leave_out":
        arguments.append("--leave-out-invalid-cells")
    assert not request, request
    return arguments


def command(server: Server, case: dict[str, Any], cwd: Path) -> Result:
    arguments = options(case, make_fields(server, case))
    return run("import", DIRECTORY / case["file"], *arguments, env=client_environment(server), cwd=cwd)


@pytest.mark.slow
@pytest.mark.parametrize("case", [one for one in CASES if "outcome" in one], ids=lambda case: str(case["file"]))
def test_file_of_another_tool_is_imported_with_one_command(
    server: Server, tmp_path: Path, case: dict[str, Any]
) -> None:
    result = command(server, case, tmp_path)
    jobs = import_jobs(server)
    if jobs:
        job = server.call("GET", jobs[0]["self"]).json["data"]
        check_outcome(server, case, job)
        return
    assert result.exit_code == 1, result.stderr
    check_outcome(server, case, {"message": result.stderr})


@pytest.mark.parametrize("case", [one for one in CASES if "outcome" not in one], ids=lambda case: str(case["file"]))
def test_file_with_an_open_question_is_not_imported(server: Server, tmp_path: Path, case: dict[str, Any]) -> None:
    result = command(server, case, tmp_path)
    assert result.exit_code == 1
    assert re.search(r'--answer "\w+(:[^=]+)?=', result.stderr), result.stderr
    assert import_jobs(server) == []
