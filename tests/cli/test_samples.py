"""The sample files in data/ are what their description says."""

from pathlib import Path

import pytest
from conftest import Server

from cli.processes import client, custom_field, run
from mailrith_lite.cli.demo import CUSTOM_FIELDS

SAMPLES = Path(__file__).parents[2] / "data"


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("subscribers.csv", "1,000 rows: 1,000 created, 0 updated, 0 unchanged, 0 refused, 0 warnings"),
        ("messy.csv", "18 rows: 6 created, 2 updated, 1 unchanged, 9 refused, 1 warning"),
        ("exported-elsewhere.csv", "200 rows: 200 created, 0 updated, 0 unchanged, 0 refused, 0 warnings"),
    ],
)
def test_samples_import_as_their_description_says(server: Server, cwd: Path, name: str, counts: str) -> None:
    for field in CUSTOM_FIELDS:
        custom_field(server, **field)
    outcome = run("import", SAMPLES / name, env=client(server), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.splitlines()[0].endswith(f": {counts}")
    rows, fates = counts.split(": ")
    described = [part for part in fates.split(", ") if not part.startswith("0 ")]
    assert f"| `{name}` |" in (description := (SAMPLES / "README.md").read_text())
    assert f"| {rows}: {', '.join(described)} |" in description


def test_messy_sample_has_every_reason_to_refuse_a_row(server: Server, cwd: Path) -> None:
    for field in CUSTOM_FIELDS:
        custom_field(server, **field)
    outcome = run("import", SAMPLES / "messy.csv", env=client(server), cwd=cwd)
    codes = {line.split("\t")[2] for line in outcome.stdout.splitlines() if line.count("\t") == 3}
    assert codes == {
        "missing_email",
        "invalid_email",
        "invalid_status",
        "invalid_country",
        "invalid_custom_field",
        "value_too_long",
        "too_many_columns",
        "status_kept",
    }


def test_messy_sample_without_custom_fields(server: Server, cwd: Path) -> None:
    outcome = run("import", SAMPLES / "messy.csv", env=client(server), cwd=cwd)
    assert "18 rows: 9 created, 2 updated, 1 unchanged, 6 refused, 1 warning" in outcome.stdout
