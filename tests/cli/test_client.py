"""`mailrith-lite import`, as a process of its own against a real service."""

import contextlib
import csv
import io
import os
import signal
import subprocess
from pathlib import Path

import pytest
from conftest import Server

from cli.processes import (
    COMMAND,
    EMAIL_NAME,
    VERY_MANY,
    Write,
    assert_one_line,
    begun,
    client,
    custom_field,
    environment,
    import_jobs,
    line_with,
    run,
    subscribers,
)


@pytest.mark.parametrize(
    "content",
    [
        EMAIL_NAME.encode(),
        b"\xef\xbb\xbf" + EMAIL_NAME.encode(),
        EMAIL_NAME.encode("utf-16"),
        b"\xfe\xff" + EMAIL_NAME.encode("utf-16-be"),
        EMAIL_NAME.replace(",", ";").replace("\n", "\r\n").encode(),
    ],
    ids=["utf-8", "utf-8 with bom", "utf-16 le", "utf-16 be", "semicolons and crlf"],
)
def test_file_is_read_and_the_guess_is_said(server: Server, cwd: Path, write: Write, content: bytes) -> None:
    outcome = run("import", write(content), env=client(server), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert "Guessed from the header: Email = email, Name = name\n" in outcome.stderr
    assert "Left out" not in outcome.stderr
    assert outcome.stdout == (
        f"{import_jobs(server)[0]['id']}: 2 rows: 2 created, 0 updated, 0 unchanged, 0 refused, 0 warnings\n"
    )
    assert {email: one["name"] for email, one in subscribers(server).items()} == {
        "ann@example.com": "Ann",
        "bob@example.com": "Bob",
    }


def test_custom_fields_are_guessed_by_label_and_what_is_left_out_is_said(
    server: Server, cwd: Path, write: Write
) -> None:
    field_id = custom_field(server)
    outcome = run("import", write("email,company,Shoe\na@example.com,Acme,44\n"), env=client(server), cwd=cwd)
    assert "email = email, company = custom field Company\nLeft out: Shoe\n" in outcome.stderr
    assert subscribers(server)["a@example.com"]["custom_fields"] == {field_id: "Acme"}


def test_more_custom_fields_than_a_page_are_known(server: Server, cwd: Path, write: Write) -> None:
    field_ids = [custom_field(server, f"Field {number}") for number in range(101)]
    outcome = run("import", write("email,field 0\na@example.com,first\n"), env=client(server), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert subscribers(server)["a@example.com"]["custom_fields"] == {field_ids[0]: "first"}


def test_key_without_custom_fields_scope_still_imports(server: Server, cwd: Path, write: Write) -> None:
    custom_field(server)
    key = server.new_key(held=("subscribers:import", "live_actions:write"))
    outcome = run("import", write("email,Company\na@example.com,Acme\n"), env=client(server, key), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert "the key lacks the scope custom_fields:read" in outcome.stderr
    assert "Left out: Company" in outcome.stderr


@pytest.mark.parametrize(
    ("field", "stored"),
    [
        ("name", {"name": "Germany"}),
        ("Country", {"country": "DE"}),
        ("Company", {"custom": "Germany"}),
        ("cOMPANY", {"custom": "Germany"}),
        ("{id}", {"custom": "Germany"}),
    ],
)
@pytest.mark.parametrize("column", ["Land", "a=b"])
def test_map_names_column_and_field(
    server: Server, cwd: Path, write: Write, column: str, field: str, stored: dict[str, str]
) -> None:
    field_id = custom_field(server)
    file = write(f"Contact,{column}\na@example.com,Germany\n")
    maps = ("--map", "Contact=email", "--map", f"{column}={field.format(id=field_id)}")
    outcome = run("import", file, *maps, env=client(server), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert "Guessed" not in outcome.stderr
    found = subscribers(server)["a@example.com"]
    shown = {"name": found["name"], "country": found["country"], "custom": found["custom_fields"].get(field_id)}
    assert {name: value for name, value in shown.items() if value} == stored


@pytest.mark.parametrize("field", ["status", "subscriber-status", "Status"])
def test_map_to_the_status(server: Server, cwd: Path, write: Write, field: str) -> None:
    file = write("Mail,State\na@example.com,blocked\n")
    outcome = run("import", file, "--map", "Mail=email", "--map", f"State={field}", env=client(server), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert subscribers(server)["a@example.com"]["status"] == "Blocked"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["Fair"], {"Fair"}),
        (["known"], {"Known"}),
        (["Fair", "KNOWN", "Autumn", "fair"], {"Fair", "Known", "Autumn"}),
        (["New", " new"], {"New"}),
    ],
)
def test_tags_are_made_once_and_found_in_any_case(
    server: Server, cwd: Path, write: Write, given: list[str], expected: set[str]
) -> None:
    server.call("POST", "/v1/tags", {"name": "Known"})
    options = [part for name in given for part in ("--tag", name)]
    for _ in range(2):
        outcome = run("import", write(EMAIL_NAME), *options, env=client(server), cwd=cwd)
        assert outcome.returncode == 0, outcome.stderr
    assert "0 created, 0 updated, 2 unchanged" in outcome.stdout
    assert [{tag["name"] for tag in one["tags"]} for one in subscribers(server).values()] == [expected] * 2
    tags = server.call("GET", "/v1/tags").json["data"]
    assert {tag["name"] for tag in tags} == expected | {"Known"}


def test_several_tags_are_found_behind_the_first_page(server: Server, cwd: Path, write: Write) -> None:
    for number in range(102):
        server.call("POST", "/v1/tags", {"name": f"Tag {number}"})
    options = ("--tag", "tag 0", "--tag", "tag 101")
    outcome = run("import", write(EMAIL_NAME), *options, env=client(server), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert {tag["name"] for tag in subscribers(server)["ann@example.com"]["tags"]} == {"Tag 0", "Tag 101"}


def test_sequences_are_given_to_every_row(server: Server, cwd: Path, write: Write) -> None:
    body = {"name": "Welcome", "definition": {"emails": []}}
    sequence_id = server.call("POST", "/v1/sequences", body).json["data"]["id"]
    outcome = run("import", write(EMAIL_NAME), "--sequence", sequence_id, env=client(server), cwd=cwd)
    assert outcome.returncode == 0, outcome.stderr
    assert [one["sequence_ids"] for one in subscribers(server).values()] == [[sequence_id]] * 2


def test_same_idempotency_key_makes_one_job(server: Server, cwd: Path, write: Write) -> None:
    command = ("import", write(EMAIL_NAME), "--tag", "a", "--tag", "b", "--idempotency-key", "nightly 1")
    outcomes = [run(*command, env=client(server), cwd=cwd) for _ in range(2)]
    assert [outcome.returncode for outcome in outcomes] == [0, 0]
    assert outcomes[0].stdout == outcomes[1].stdout
    assert len(import_jobs(server)) == 1
    other = run(
        "import", write("email\nx@example.com\n"), "--idempotency-key", "nightly 1", env=client(server), cwd=cwd
    )
    assert_one_line(other, "idempotency_key_reused")


def test_without_a_key_each_import_is_a_job(server: Server, cwd: Path, write: Write) -> None:
    for _ in range(2):
        run("import", write(EMAIL_NAME), env=client(server), cwd=cwd)
    assert len(import_jobs(server)) == 2


def test_refused_rows_are_printed_and_the_import_is_completed(server: Server, cwd: Path, write: Write) -> None:
    outcome = run("import", write("email,name\nx,A\n,B\na@example.com,C\n"), env=client(server), cwd=cwd)
    assert outcome.returncode == 0
    summary, *rows, report = outcome.stdout.splitlines()
    assert summary.endswith("3 rows: 1 created, 0 updated, 0 unchanged, 2 refused, 0 warnings")
    assert rows == [
        "2\temail\tinvalid_email\tThis is not an email address.",
        "3\temail\tmissing_email\tThe email is missing.",
    ]
    assert server.fetch(report.rpartition(" ")[2]).body.startswith(b"email,name,error_line")


def test_of_many_refused_rows_twenty_are_printed(server: Server, cwd: Path, write: Write) -> None:
    long = '"' + "x\n" * 40_000 + '"'
    rows = "".join(f'no{number},"a\n""b""",{long}\n' for number in range(25))
    outcome = run("import", write(f"email,name,note\n{rows}"), env=client(server), cwd=cwd)
    lines = outcome.stdout.splitlines()
    assert [line.split("\t")[2] for line in lines[1:21]] == ["invalid_email"] * 20
    assert lines[1].startswith("2\temail\t")
    assert lines[2].startswith("40004\t")
    assert lines[21] == "and 5 more"
    report = server.fetch(lines[22].rpartition(" ")[2]).body.decode()
    assert len(list(csv.reader(io.StringIO(report, newline="")))) == 26


def test_column_names_cannot_steer_the_terminal(server: Server, cwd: Path, write: Write) -> None:
    outcome = run("import", write("email,\x1b[2Jname\nx,\n"), env=client(server), cwd=cwd)
    assert "\x1b" not in outcome.stdout + outcome.stderr


def test_terminal_gets_a_progress_bar_and_a_table(server: Server, cwd: Path, write: Write) -> None:
    command = [*COMMAND, "import", str(write("email,[/name]\nx,\na@example.com,\n")), "--map", "email=email"]
    ours, theirs = os.openpty()
    env = environment({**client(server), "TERM": "xterm", "COLUMNS": "100"})
    with subprocess.Popen(command, cwd=cwd, env=env, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal ends
            while block := os.read(ours, 4096):
                shown += block
        os.close(ours)
    assert process.returncode == 0
    for part in ("list.csv", "2/2", "line", "column", "message", "invalid_email"):
        assert part.encode() in shown, shown


def test_failed_import_exits_with_1(server: Server, cwd: Path, write: Write) -> None:
    outcome = run("import", write('email,name\na@example.com,"open\n'), env=client(server), cwd=cwd)
    assert outcome.returncode == 1
    assert_one_line(outcome, "failed: The file cannot be read: line 2")
    assert outcome.stdout == ""


def test_interrupt_leaves_the_job_running_and_says_how_to_look_after_it(
    server: Server, cwd: Path, write: Write
) -> None:
    with begun("import", write(VERY_MANY), env=client(server), cwd=cwd) as process:
        job_id = line_with(process.stderr, "Accepted as").split()[-1]
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert f"The job goes on; look after it with: mailrith-lite jobs show {job_id}\n" in said
    assert "Traceback" not in said
    assert import_jobs(server)[0]["status"] in ("Queued", "Processing")
    assert run("jobs", "cancel", job_id, env=client(server), cwd=cwd).returncode == 0
