"""The sample files in data/ import as data/README.md says."""

import csv
import io
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import Server

from cli.command_line import Result, client_environment, custom_field, run
from mailrith_lite.cli.demo import AUDIENCE_ANSWERS, CUSTOM_FIELDS

SAMPLES = Path(__file__).parents[2] / "data"


def import_sample(server: Server, cwd: Path, name: str) -> Result:
    result = run("import", SAMPLES / name, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.mark.parametrize(
    ("name", "counts", "codes"),
    [
        ("subscribers.csv", "1,000 rows: 1,000 created, 0 updated, 0 unchanged, 0 refused, 0 warnings", set()),
        (
            "messy.csv",
            "18 rows: 6 created, 2 updated, 1 unchanged, 9 refused, 1 warning",
            {
                "missing_email",
                "invalid_email",
                "invalid_status",
                "invalid_country",
                "invalid_custom_field",
                "value_too_long",
                "too_many_columns",
                "status_kept",
            },
        ),
    ],
)
def test_sample_imports_as_its_description_says(
    server: Server, cwd: Path, name: str, counts: str, codes: set[str]
) -> None:
    for field in CUSTOM_FIELDS:
        custom_field(server, **field)
    first, *_ = import_sample(server, cwd, name).stdout.splitlines()
    assert first.endswith(f": {counts}")
    if codes:
        env = client_environment(server)
        report = run("jobs", "report", first.partition(":")[0], "-o", "-", env=env, cwd=cwd).stdout
        assert {row["error_code"] for row in csv.DictReader(io.StringIO(report, newline=""))} == codes
    rows, results = counts.split(": ")
    not_zero = [part for part in results.split(", ") if not part.startswith("0 ")]
    description = (SAMPLES / "README.md").read_text()
    assert f"| `{name}` |" in description
    assert f"| {rows}: {', '.join(not_zero)} |" in description


def test_mailchimp_sample_imports_everybody_with_the_status_of_each_file(server: Server, cwd: Path) -> None:
    answers = [option for one in AUDIENCE_ANSWERS for option in ("--answer", one)]
    result = run("import", SAMPLES / "mailchimp-export.zip", *answers, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.count("it looks like an export of Mailchimp\n") == 3
    exported = run("export", "-o", "-", env=client_environment(server), cwd=cwd)
    people = {one["Email"]: one for one in csv.DictReader(io.StringIO(exported.stdout))}
    assert Counter(one["Status"] for one in people.values()) == {"Active": 940, "Unsubscribed": 44, "Bounced": 16}
    one = people["reader1000@example.org"]
    assert (one["Name"], one["Country"], one["Tags"]) == ("Maeve Ashdown", "GB", "Spring fair")
    assert one["Subscribed At"] == "2019-01-13T07:22:38.000Z"


def test_mailchimp_sample_is_what_its_program_writes(tmp_path: Path) -> None:
    program = SAMPLES.parent / "tools" / "mailchimp_sample.py"
    subprocess.run([sys.executable, program, tmp_path / "sample.zip"], check=True)
    assert (tmp_path / "sample.zip").read_bytes() == (SAMPLES / "mailchimp-export.zip").read_bytes()


def test_messy_sample_is_imported_without_custom_fields(server: Server, cwd: Path) -> None:
    counts = "18 rows: 9 created, 2 updated, 1 unchanged, 6 refused, 1 warning"
    assert counts in import_sample(server, cwd, "messy.csv").stdout
