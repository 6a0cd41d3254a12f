"""The start of `mailrith-lite sandbox`: its first data, and a seed file that is not valid."""

import json
import subprocess
from pathlib import Path

import pytest
from cli.command_line import Result, run, run_process
from sandbox_process import sandbox_process

from mailrith_lite.testing.seed import parse, with_quickstart_field

SANDBOX = ("sandbox", "--port", "0", "--seed", "seed.json")
QUICKSTART = """
curl -X POST URL/v1/subscribers \\
  -H "Authorization: Bearer mrk_example_secret_key" \\
  -H "Content-Type: application/json" \\
  -d '{
    "email": "ada@example.com",
    "name": "Ada Lovelace",
    "status": "Active",
    "new_tags": ["Website Signup"],
    "custom_fields": {
      "company": "Analytical Engines"
    }
  }'
"""


def test_quickstart_of_the_hosted_service_works_unchanged(tmp_path: Path) -> None:
    with sandbox_process(tmp_path) as sandbox:
        command = ["sh", "-c", QUICKSTART.replace("URL", sandbox.url)]
        answer = subprocess.run(command, capture_output=True, check=True, timeout=30)
        ada = json.loads(answer.stdout)["data"]
        fields = {one["label"]: one["id"] for one in sandbox.client.custom_fields.list()["data"]}
    assert (ada["status"], [tag["name"] for tag in ada["tags"]]) == ("Active", ["Website Signup"])
    assert ada["custom_fields"] == {fields["Company"]: "Analytical Engines"}


@pytest.mark.parametrize(
    ("fields", "labels"),
    [([], ["Company"]), (["company"], ["company"]), ([{"label": "COMPANY", "type": "Text Area"}], ["COMPANY"])],
)
def test_seed_may_have_a_field_company_of_its_own(fields: list[object], labels: list[str]) -> None:
    seed = with_quickstart_field(parse({"custom_fields": fields}))
    assert [field if isinstance(field, str) else field.label for field in seed.custom_fields] == labels


def test_sandbox_starts_with_the_seed_file(tmp_path: Path) -> None:
    seed = {"subscribers": ["ada@example.com"], "tags": ["VIP"], "custom_fields": ["company"]}
    (tmp_path / "seed.json").write_text(json.dumps(seed))
    with sandbox_process(tmp_path, "--seed", "seed.json", "--seed-ids") as first:
        listed = first.client.subscribers.list()
        assert [one["label"] for one in first.client.custom_fields.list()["data"]] == ["company"]
    with sandbox_process(tmp_path, "--seed", "seed.json", "--seed-ids") as second:
        assert second.client.subscribers.list() == listed
    assert listed["data"][0]["created_at"] == "2026-04-11T12:00:00.000Z"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["seed.json"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot read seed.json"),
        ("{", "seed.json is not a seed"),
        ('{"subscriber": 1}', "unknown field `subscriber`"),
    ],
)
def test_invalid_seed_file_stops_the_start(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "seed.json").write_text(text)
    assert_stops(run(*SANDBOX, cwd=tmp_path), message)


def test_seed_that_breaks_a_rule_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text('{"subscribers": ["nobody"]}')
    message = 'the seed breaks a rule: "nobody" is not an email address.'
    assert_stops(run_process(*SANDBOX, cwd=tmp_path), message)


def assert_stops(outcome: Result, message: str) -> None:
    assert outcome.exit_code == 1
    assert message in outcome.stderr.splitlines()[-1]
    assert outcome.stdout == ""
