"""The command `import`, against a running service."""

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Server

from cli.command_line import (
    EMAIL_NAME,
    Write,
    assert_fails,
    client_environment,
    csv_file,
    custom_field,
    import_jobs,
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
def test_file_is_imported_with_the_mapping_that_its_header_suggests(
    server: Server, cwd: Path, write: Write, content: bytes
) -> None:
    result = run("import", write(content), env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert "  Email = email\n  Name  = name\n" in result.stderr
    assert "Left out" not in result.stderr
    assert result.stdout == (
        f"{import_jobs(server)[0]['id']}: 2 rows: 2 created, 0 updated, 0 unchanged, 0 refused, 0 warnings\n"
    )
    assert {email: one["name"] for email, one in subscribers(server).items()} == {
        "ann@example.com": "Ann",
        "bob@example.com": "Bob",
    }


def test_custom_fields_are_guessed_by_label_and_other_columns_are_listed_as_left_out(
    server: Server, cwd: Path, write: Write
) -> None:
    field_ids = [custom_field(server, f"Field {number}") for number in range(101)]  # more than a page of the list
    file = write("email,field 0,Shoe\na@example.com,first,44\n")
    result = run("import", file, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert "  email   = email\n  field 0 = custom field Field 0\nLeft out: Shoe\n" in result.stderr
    assert subscribers(server)["a@example.com"]["custom_fields"] == {field_ids[0]: "first"}


def test_key_without_custom_fields_scope_still_imports(server: Server, cwd: Path, write: Write) -> None:
    field_id = custom_field(server)
    key = server.new_key(scopes=("subscribers:import", "live_actions:write"))
    file = write("email,Company\na@example.com,Acme\n")
    result = run("import", file, env=client_environment(server, key), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert f"Company = custom field {field_id}\n" in result.stderr
    assert subscribers(server)["a@example.com"]["custom_fields"] == {field_id: "Acme"}


@pytest.mark.parametrize(
    ("column", "field", "stored"),
    [
        ("Land", "name", {"name": "Germany"}),
        ("Land", "Country", {"country": "DE"}),
        ("Land", "Company", {"custom": "Germany"}),
        ("Land", "cOMPANY", {"custom": "Germany"}),
        ("Land", "{id}", {"custom": "Germany"}),
        ("a=b", "name", {"name": "Germany"}),
        ("a=b", "{id}", {"custom": "Germany"}),
        ("State", "status", {"status": "Blocked"}),
        ("State", "subscriber-status", {"status": "Blocked"}),
        ("State", "Status", {"status": "Blocked"}),
    ],
)
def test_map_option_names_a_column_and_a_field(
    server: Server, cwd: Path, write: Write, column: str, field: str, stored: dict[str, str]
) -> None:
    field_id = custom_field(server)
    file = write(f"Contact,{column}\na@example.com,{'blocked' if column == 'State' else 'Germany'}\n")
    maps = ("--map", f"{column}={field.format(id=field_id)}")
    result = run("import", file, *maps, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    one = subscribers(server)["a@example.com"]
    values = {name: one[name] for name in ("name", "country")} | {"custom": one["custom_fields"].get(field_id)}
    values["status"] = None if one["status"] == "Active" else one["status"]
    assert {name: value for name, value in values.items() if value} == stored


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Fair"], {"Fair"}),
        (["known"], {"Known"}),
        (["Fair", "KNOWN", "Autumn", "fair"], {"Fair", "Known", "Autumn"}),
        (["New", " new"], {"New"}),
    ],
)
def test_tags_are_created_once_and_matched_ignoring_case(
    server: Server, cwd: Path, write: Write, names: list[str], expected: set[str]
) -> None:
    server.call("POST", "/v1/tags", {"name": "Known"})
    options = [part for name in names for part in ("--tag", name)]
    for _ in range(2):
        result = run("import", write(EMAIL_NAME), *options, env=client_environment(server), cwd=cwd)
        assert result.exit_code == 0, result.stderr
    assert "0 created, 0 updated, 2 unchanged" in result.stdout
    assert [{tag["name"] for tag in one["tags"]} for one in subscribers(server).values()] == [expected] * 2
    tags = server.call("GET", "/v1/tags").json["data"]
    assert {tag["name"] for tag in tags} == expected | {"Known"}


@pytest.mark.slow
def test_existing_tags_after_the_first_page_are_reused(server: Server, cwd: Path, write: Write) -> None:
    for number in range(102):
        server.call("POST", "/v1/tags", {"name": f"Tag {number}"})
    options = ("--tag", "tag 0", "--tag", "tag 101")
    result = run("import", write(EMAIL_NAME), *options, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert {tag["name"] for tag in subscribers(server)["ann@example.com"]["tags"]} == {"Tag 0", "Tag 101"}


def test_sequences_are_given_to_every_row(server: Server, cwd: Path, write: Write) -> None:
    body = {"name": "Welcome", "definition": {"emails": []}}
    sequence_id = server.call("POST", "/v1/sequences", body).json["data"]["id"]
    options = ("--sequence", sequence_id)
    result = run("import", write(EMAIL_NAME), *options, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert [one["sequence_ids"] for one in subscribers(server).values()] == [[sequence_id]] * 2


def test_same_idempotency_key_makes_one_job(server: Server, cwd: Path, write: Write) -> None:
    options = ("--tag", "a", "--tag", "b", "--idempotency-key", "nightly 1")
    first, second = (
        run("import", write(EMAIL_NAME), *options, env=client_environment(server), cwd=cwd) for _ in range(2)
    )
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert first.stdout == second.stdout
    assert len(import_jobs(server)) == 1
    other = run("import", write("email\nx@example.com\n"), *options, env=client_environment(server), cwd=cwd)
    assert_fails(other, "idempotency_key_reused")


def test_each_import_without_an_idempotency_key_is_a_job(server: Server, cwd: Path, write: Write) -> None:
    for _ in range(2):
        run("import", write(EMAIL_NAME), env=client_environment(server), cwd=cwd)
    assert len(import_jobs(server)) == 2


def test_refused_rows_are_printed_and_the_command_succeeds(server: Server, cwd: Path, write: Write) -> None:
    file = write("email,name\nx,A\n,B\na@example.com,C\n")
    result = run("import", file, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0
    summary, *rows = result.stdout.splitlines()
    assert summary.endswith("3 rows: 1 created, 0 updated, 0 unchanged, 2 refused, 0 warnings")
    assert rows == [
        '2\temail\t"x"\tis not an email address.',
        "3\temail\t\tThe email is missing.",
    ]
    (job,) = import_jobs(server)
    assert f"mailrith-lite jobs report {job['id']}\n" in result.stderr


def test_only_the_first_twenty_refused_rows_are_printed(server: Server, cwd: Path, write: Write) -> None:
    long = '"' + "x\n" * 40_000 + '"'  # more than one block of the answer
    rows = "".join(f'no{number},"a\n""b""",{long if number < 3 else "short"}\n' for number in range(25))
    result = run("import", write(f"email,name,note\n{rows}"), env=client_environment(server), cwd=cwd)
    lines = result.stdout.splitlines()
    assert [line.split("\t")[3] for line in lines[1:21]] == ["is not an email address."] * 20
    assert lines[1].startswith("2\temail\t")
    assert lines[2].startswith("40004\t")
    assert lines[21] == "and 5 more"
    assert len(lines) == 22


def test_escape_codes_in_column_names_do_not_reach_the_terminal(server: Server, cwd: Path, write: Write) -> None:
    result = run("import", write("email,\x9b2Jname\nx@example.com,\n"), env=client_environment(server), cwd=cwd)
    assert "name" in result.stderr
    assert "\x9b" not in result.stdout + result.stderr


def test_failed_import_exits_with_1(server: Server, cwd: Path, write: Write) -> None:
    result = run("import", write('email,name\na@example.com,"open\n'), env=client_environment(server), cwd=cwd)
    assert result.exit_code == 1
    assert_fails(result, "The file cannot be read: line 2")
    assert result.stdout == ""


def test_dry_run_prints_the_counts_of_an_import_and_changes_nothing(
    server: Server, cwd: Path, write: Write
) -> None:
    file = write("Email,Name\nann@example.com,Ann\nann@example.com,Ann\nnobody,Bob\n")
    options = ("--dry-run", "--tag", "Fair", "--tag", "New")
    result = run("import", file, *options, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    (job,) = import_jobs(server)
    counts = "1 created, 0 updated, 1 unchanged, 1 refused, 0 warnings"
    assert f"{job['id']}: 3 rows; would have been: {counts}\n" in result.stdout
    assert '4\tEmail\t"nobody"\tis not an email address.\n' in result.stdout
    assert job["dry_run"] is True
    assert subscribers(server) == {}
    assert server.sdk().tags.list()["data"] == []
    shown = run("jobs", "show", job["id"], env=client_environment(server), cwd=cwd)
    assert "dry run" in shown.stdout


@pytest.mark.parametrize(
    ("tags", "counts"),
    [
        (("Fair",), "0 updated, 2 unchanged"),
        (("Fair", "New", "Newer"), "2 updated, 0 unchanged"),
    ],
)
def test_dry_run_with_tags_has_the_counts_of_the_import(
    server: Server, cwd: Path, write: Write, tags: tuple[str, ...], counts: str
) -> None:
    server.import_csv(EMAIL_NAME, new_tag_name="Fair")
    options = [option for tag in tags for option in ("--tag", tag)]
    for dry_run in (["--dry-run"], []):
        result = run("import", write(EMAIL_NAME), *options, *dry_run, env=client_environment(server), cwd=cwd)
        assert counts in result.stdout, result.stderr


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress("Email,Name\nann@example.com,Ann Müller\n".encode(), mtime=0),
        "Email;Name\nann@example.com;Ann Müller\n".encode("cp1252"),
    ],
    ids=["gzip", "cp1252"],
)
def test_file_that_is_not_unicode_text_is_sent_as_an_upload(
    server: Server, cwd: Path, write: Write, content: bytes
) -> None:
    result = run("import", write(content), "--tag", "New", env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert "1 created" in result.stdout
    assert subscribers(server)["ann@example.com"]["name"] == "Ann Müller"


def test_file_over_the_limit_of_a_request_is_sent_as_an_upload(
    serve: Callable[..., Server], cwd: Path, write: Write
) -> None:
    server = serve(max_body_bytes=100_000)
    result = run("import", write(csv_file(4_000)), "--dry-run", env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert "4,000 rows" in result.stdout


def test_file_over_the_limit_of_an_upload_is_refused(serve: Callable[..., Server], cwd: Path, write: Write) -> None:
    server = serve(max_body_bytes=100_000, max_upload_bytes=100_000)
    result = run("import", write(csv_file(4_000)), env=client_environment(server), cwd=cwd)
    assert_fails(result, "(request_body_too_large")
    assert import_jobs(server) == []


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        (None, (), "cannot read list.csv: No such file or directory"),
        (b"", (), "The file cannot be read: there is no header row; the first line must name the columns"),
        (b"PK\x03\x04\x00\x00", (), "This is a workbook or an archive, not a CSV file"),
        (b"email\0\n", (), "NUL"),
        (
            b"This is a letter.\n",
            (),
            'no column of list.csv is the email; say which with --map "COLUMN=',
        ),
        (b"email\n", ("--map", "email"), "--map takes COLUMN=FIELD, not email"),
        (b"email\n", ("--map", "mail=email"), "the file has no column mail; it has email"),
        (
            b"email\n",
            ("--map", "email=emial"),
            "there is no field emial; there are email, name, first name",
        ),
        (b"email,n\na@example.com,b\n", ("--map", "email="), "no column of list.csv is the email"),
        (
            b"email\na@example.com\n",
            ("--map", "email=email", "--map", "EMAIL=name"),
            "names the column email twice",
        ),
        (b"email\na\n", ("--like", "import_job_x", "--map", "email=email"), "leave out --map and --answer"),
        (b"email\na@example.com\n", ("--status", "asleep"), '--status: "asleep" is not'),
        (b"a,b\nc,d\n", ("--map", "a=email", "--map", "b=email"), "A field can be mapped once only"),
        (b"email\na\n", ("--sequence", "sequence_x"), "There is no sequence with this id"),
        (b"email\na\n", ("--tag", " "), "new_tag_name takes 1 to 100 characters"),
        (b"email\n", (), "has no row after its header; upload a file with the rows to import (invalid_csv_text, "),
        (b"email\n", ("--idempotency-key", ""), "--idempotency-key takes 1 to 255 printable ASCII characters"),
        (b"email\n", ("--idempotency-key", "schlüssel"), "--idempotency-key takes 1 to 255 printable ASCII"),
    ],
)
def test_import_that_is_refused_makes_no_job(
    server: Server, cwd: Path, write: Write, content: bytes | None, options: tuple[str, ...], message: str
) -> None:
    if content is not None:
        write(content)
    assert_fails(run("import", "list.csv", *options, env=client_environment(server), cwd=cwd), message)
    assert import_jobs(server) == []


def test_directory_is_refused_as_a_file_to_import(server: Server, cwd: Path) -> None:
    result = run("import", ".", env=client_environment(server), cwd=cwd)
    assert_fails(result, "cannot read .: Is a directory")
