"""The command `export`, against a running service."""

import csv
import io
from pathlib import Path

import pytest
from api_records import definition, field, segment, sequence, subscriber, tag
from conftest import MAPPINGS, Server

from cli.command_line import assert_fails, client_environment, run
from mailrith_lite.jobs.kinds import EXPORT


@pytest.fixture
def filled(server: Server) -> Server:
    server.import_csv(
        "Email,Name,Status\nann@example.com,Ann,Active\nbob@example.com,Bob,Blocked\n",
        [*MAPPINGS, {"csv_column": "Status", "field": {"type": "subscriber-status"}}],
    )
    return server


def emails(text: str) -> list[str]:
    return [row["Email"] for row in csv.DictReader(io.StringIO(text, newline=""))]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["ann@example.com", "bob@example.com"]),
        (("--status", "Active"), ["ann@example.com"]),
        (("--status", "blocked"), ["bob@example.com"]),
        (("--query", "BOB"), ["bob@example.com"]),
        (("--cold-only",), []),
    ],
)
def test_export_with_force_replaces_the_file_of_the_output_option(
    filled: Server, cwd: Path, options: tuple[str, ...], expected: list[str]
) -> None:
    target = cwd / "out.csv"
    target.write_text("from yesterday\n")
    result = run("export", *options, "-o", "out.csv", "--force", env=client_environment(filled), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert emails(target.read_text()) == expected
    size = f"{target.stat().st_size:,}"
    assert result.stdout.endswith(f": {len(expected)} exported to out.csv ({size} bytes)\n")
    assert [path.name for path in cwd.iterdir()] == ["out.csv"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--tag", "readers"), "ann"),
        (("--without-tag", "Readers"), "bob cyd"),
        (("--sequence", "Welcome"), "bob"),
        (("--country", "Germany"), "ann bob"),
        (("--segment", "Germans", "--status", "Active"), "ann"),
        (("--field", "city=Bonn"), "ann cyd"),
        (("--import", "JOB"), "cyd"),
    ],
)
def test_export_has_whom_every_option_selects(
    server: Server, cwd: Path, options: tuple[str, ...], expected: str
) -> None:
    city, readers = field(server, "City")["id"], tag(server, "Readers")["id"]
    welcome = sequence(server, "Welcome")["id"]
    bonn = {city: "Bonn"}
    subscriber(
        server, "ann@example.com", status="Active", country="DE", existing_tag_ids=[readers], custom_fields=bonn
    )
    subscriber(server, "bob@example.com", country="DE", sequence_ids=[welcome])
    mapped = {"csv_column": "City", "field": {"type": "custom-field", "custom_field_id": city}}
    job = server.import_csv("Email,City\ncyd@example.com,Bonn\n", [MAPPINGS[0], mapped])
    segment(server, "Germans", definition("country", "is", "DE"))
    named = [job["id"] if option == "JOB" else option for option in options]
    result = run("export", *named, "--column", "email", "-o", "-", env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split() == ["Email", *(f"{name}@example.com" for name in expected.split())]


def test_export_has_the_columns_in_the_order_of_the_options(filled: Server, cwd: Path) -> None:
    field(filled, "City")
    columns = [word for name in ("subscribed at", "CITY", "tags") for word in ("--column", name)]
    result = run("export", *columns, "-o", "-", env=client_environment(filled), cwd=cwd)
    assert result.stdout.splitlines()[0] == "Subscribed At,City,Tags"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tag", "None"), "there is no tag None"),
        (("--segment", "None"), "there is no segment None"),
        (("--column", "None"), "there is no custom field None"),
        (("--field", "None=1"), "there is no custom field None"),
        (("--field", "City"), "--field takes LABEL=VALUE, not City"),
        (("--tag", "a", "--without-tag", "b"), "--tag and --without-tag do not go together"),
        (("--country", "Atlantis"), "is not a country"),
    ],
)
def test_export_with_an_unknown_name_fails_with_one_line(
    filled: Server, cwd: Path, options: tuple[str, ...], message: str
) -> None:
    result = run("export", *options, env=client_environment(filled), cwd=cwd)
    assert result.exit_code != 0
    assert message in result.stderr
    assert list(cwd.iterdir()) == []


def test_export_makes_no_job_for_a_file_that_exists(filled: Server, cwd: Path) -> None:
    (cwd / "out.csv").write_text("from yesterday\n")
    result = run("export", "-o", "out.csv", env=client_environment(filled), cwd=cwd)
    assert_fails(result, "out.csv exists already; give a new name with -o, or replace it with --force")
    assert (cwd / "out.csv").read_text() == "from yesterday\n"
    assert filled.call("GET", EXPORT.path).json["data"] == []


def test_export_to_stdout_prints_the_file_alone(filled: Server, cwd: Path) -> None:
    result = run("export", "-o", "-", env=client_environment(filled), cwd=cwd)
    assert emails(result.stdout) == ["ann@example.com", "bob@example.com"]
    assert "2 exported to stdout" in result.stderr
    assert not list(cwd.iterdir())


def test_export_to_a_symbolic_link_replaces_its_target(filled: Server, cwd: Path) -> None:
    (cwd / "link.csv").symlink_to("real.csv")
    assert run("export", "-o", "link.csv", env=client_environment(filled), cwd=cwd).exit_code == 0
    assert (cwd / "link.csv").is_symlink()
    assert len(emails((cwd / "real.csv").read_text())) == 2


def test_export_without_output_takes_the_name_of_the_job_and_replaces_nothing(filled: Server, cwd: Path) -> None:
    result = run("export", env=client_environment(filled), cwd=cwd)
    (written,) = cwd.iterdir()
    assert f"2 exported to {written.name} " in result.stdout
    short_ids = [EXPORT.encode(number).rpartition("_")[2][:8] for number in (2, 3)]
    assert short_ids[0] in written.name  # the import was job 1
    own = cwd / written.name.replace(*short_ids)
    own.write_text("own file")
    again = run("export", env=client_environment(filled), cwd=cwd)
    assert_fails(again, f"{own.name} exists already; give a new name with -o")
    assert own.read_text() == "own file"
    assert len(list(cwd.iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "."), ". is a directory; name a file"),
        (("-o", "nowhere/out.csv"), "there is no directory nowhere"),
        (("--status", "Asleep"), '--status: "Asleep" is not a status. A status is one of Active, '),
        (("--query", "x" * 300), "query takes at most"),
    ],
)
def test_export_that_is_refused_writes_no_file(
    filled: Server, cwd: Path, options: tuple[str, ...], message: str
) -> None:
    assert_fails(run("export", *options, env=client_environment(filled), cwd=cwd), message)
    assert not list(cwd.iterdir())
