"""How the command `import` asks what the service cannot know, and how options answer."""

import json
import subprocess
import zipfile
from pathlib import Path

import pytest
from conftest import Server

from cli.command_line import (
    COMMAND,
    EMAIL_NAME,
    SECONDS,
    Result,
    Write,
    assert_fails,
    client_environment,
    environment,
    import_jobs,
    run,
    run_on_terminal,
    subscribers,
)

CONSENT = "Email,Newsletter consent\nann@example.com,ja gerne\nbob@example.com,lieber nicht\n"
DATES = "Email,Joined\nann@example.com,01/05/2024\nbob@example.com,02/05/2024\n"
GONE = "unsubscribed_members_export_4f2a.csv"
EMAILS = "Email\nann@example.com\nbob@example.com\n"


def statuses(server: Server) -> list[str]:
    """In the order of the addresses."""
    return [one["status"] for _, one in sorted(subscribers(server).items())]


def test_question_without_an_answer_names_the_options_and_imports_nothing(
    server: Server, cwd: Path, write: Write
) -> None:
    result = run("import", write(CONSENT), env=client_environment(server), cwd=cwd)
    assert_fails(result, "nothing is imported: 1 question has no answer; answer with the options above")
    assert "list.csv: The column Newsletter consent seems to say who may be written to." in result.stderr
    assert '  --answer "consent_column:Newsletter consent=ja gerne"  Only "ja gerne" may be' in result.stderr
    assert import_jobs(server) == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("consent_column:Newsletter consent=ja gerne", ["Active", "Unsubscribed"]),
        ("CONSENT_COLUMN:newsletter CONSENT=Ja Gerne", ["Active", "Unsubscribed"]),
        ("consent_column=ja gerne", ["Active", "Unsubscribed"]),
        ("consent_column:Newsletter consent=filled", ["Unsubscribed", "Unsubscribed"]),
        ("consent_column:Newsletter consent=ignore", ["Active", "Active"]),
    ],
)
def test_answer_decides_who_may_be_written_to(
    server: Server, cwd: Path, write: Write, answer: str, expected: list[str]
) -> None:
    result = run("import", write(CONSENT), "--answer", answer, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert statuses(server) == expected


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            "consent_column:Newsletter consent=perhaps",
            "consent_column:Newsletter consent cannot be answered with perhaps; answer ja gerne, lieber nicht,",
        ),
        (
            "date_order:Email=day-first",
            "no question fits --answer date_order:Email=day-first; the questions are consent_column:Newsletter",
        ),
        ("nonsense", "no question fits --answer nonsense"),
    ],
)
def test_error_of_an_answer_without_a_question_lists_the_answers(
    server: Server, cwd: Path, write: Write, answer: str, message: str
) -> None:
    assert_fails(
        run("import", write(CONSENT), "--answer", answer, env=client_environment(server), cwd=cwd), message
    )
    assert import_jobs(server) == []


def test_yes_does_not_answer_a_question_about_consent(server: Server, cwd: Path, write: Write) -> None:
    result = run("import", write(CONSENT), "--yes", env=client_environment(server), cwd=cwd)
    assert_fails(result, "1 question has no answer")
    result = run("import", write(EMAILS, GONE), "--yes", env=client_environment(server), cwd=cwd)
    assert_fails(result, "1 question has no answer")
    assert import_jobs(server) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--status", "unsubscribed"), ["Unsubscribed", "Unsubscribed"]),
        (("--status", "Bounced"), ["Bounced", "Bounced"]),
        (("--answer", "file_name_status=Unsubscribed"), ["Unsubscribed", "Unsubscribed"]),
        (("--answer", "file_name_status=ignore"), ["Active", "Active"]),
        # the last answer counts
        (("--answer=file_name_status=ignore", "--answer=file_name_status=Unsubscribed"), ["Unsubscribed"] * 2),
    ],
)
def test_name_of_the_file_says_a_status_that_options_confirm(
    server: Server, cwd: Path, write: Write, options: tuple[str, ...], expected: list[str]
) -> None:
    result = run("import", write(EMAILS, GONE), *options, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert statuses(server) == expected


@pytest.mark.parametrize(
    "option",
    [
        ("--answer", "date_order:Joined=day-first"),
        ("--map", "Joined=subscribed at:day-first"),
    ],
)
def test_command_asks_for_the_order_of_dates_unless_an_option_says_it(
    server: Server, cwd: Path, write: Write, option: tuple[str, ...]
) -> None:
    assert_fails(run("import", write(DATES), env=client_environment(server), cwd=cwd), "1 question has no answer")
    result = run("import", write(DATES), *option, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert subscribers(server)["ann@example.com"]["subscribed_at"].startswith("2024-05-01")


def test_map_of_a_consent_column_answers_its_question(server: Server, cwd: Path, write: Write) -> None:
    options = ("--map", "Newsletter consent=")
    result = run("import", write(CONSENT), *options, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert "Left out: Newsletter consent\n" in result.stderr


def test_question_is_answered_on_a_terminal(server: Server, cwd: Path, write: Write) -> None:
    keys = "7\n1\n"  # there is no answer 7
    screen = run_on_terminal("import", write(CONSENT), keys=keys, env=client_environment(server), cwd=cwd)
    assert "Error: type a number from 1 to 4" in screen
    assert '1  Only "ja gerne" may be written to' in screen
    assert statuses(server) == ["Active", "Unsubscribed"]


def zip_of(cwd: Path, **files: str) -> Path:
    path = cwd / "audience.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.csv", text)
        archive.writestr("__MACOSX/._subscribed.csv", "junk")
        archive.writestr("readme.pdf", "%PDF-")
    return path


def test_each_file_of_a_zip_is_a_job_with_the_status_of_its_name(server: Server, cwd: Path) -> None:
    path = zip_of(cwd, subscribed="Email\nann@example.com\n", unsubscribed="Email\nbob@example.com\n")
    assert_fails(run("import", path, env=client_environment(server), cwd=cwd), "1 question has no answer")
    options = ("--answer", "file_name_status=Unsubscribed")
    result = run("import", path, *options, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert statuses(server) == ["Active", "Unsubscribed"]
    names, _, counts = zip(*(line.split(": ", 2) for line in result.stdout.splitlines()), strict=True)
    assert names == ("subscribed.csv", "unsubscribed.csv")
    assert all(count.startswith("1 row: 1 created") for count in counts)


def test_files_of_a_zip_each_have_their_answer(server: Server, cwd: Path) -> None:
    path = zip_of(cwd, unsubscribed="Email\nann@example.com\n", cleaned="Email\nbob@example.com\n")
    options = ("--answer", "file_name_status=Unsubscribed", "--answer", "file_name_status=Bounced")
    result = run("import", path, *options, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert statuses(server) == ["Unsubscribed", "Bounced"]


def test_broken_zip_is_refused_in_one_line(server: Server, cwd: Path) -> None:
    path = zip_of(cwd, a=EMAILS, b=EMAILS)
    data = bytearray(path.read_bytes())
    data[35:45] = b"\0" * 10
    path.write_bytes(data)
    assert_fails(run("import", path, env=client_environment(server), cwd=cwd), "cannot be opened as a zip")


def piped(server: Server, cwd: Path, text: str, *options: str) -> Result:
    env = environment(client_environment(server))
    done = subprocess.run(
        [*COMMAND, "import", "-", *options],
        input=text,
        env=env,
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=SECONDS,
    )
    return Result(exit_code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def test_standard_input_is_imported(server: Server, cwd: Path) -> None:
    result = piped(server, cwd, EMAIL_NAME, "--json")
    assert result.exit_code == 0, result.stderr
    assert sorted(subscribers(server)) == ["ann@example.com", "bob@example.com"]
    job = json.loads(result.stdout)
    assert (job["file"], job["status"], job["progress"]["created_count"]) == ("stdin.csv", "Completed", 2)


@pytest.mark.parametrize(
    ("options", "exit_code"),
    [
        ((), 0),
        (("--strict",), 1),
        (("--strict", "--leave-out-invalid-cells"), 0),
    ],
)
def test_exit_code_counts_refused_rows_with_strict(
    server: Server, cwd: Path, write: Write, options: tuple[str, ...], exit_code: int
) -> None:
    file = write("Email,Country\nann@example.com,Ireland\nbob@example.com,Atlantis\n")
    result = run("import", file, *options, env=client_environment(server), cwd=cwd)
    assert result.exit_code == exit_code, result.stderr
    if exit_code:
        assert_fails(result, "1 of 2 rows were refused")


def test_import_in_which_every_row_is_refused_exits_with_1(server: Server, cwd: Path, write: Write) -> None:
    file = write("Email,Name\nann at example,Ann\n")
    result = run("import", file, "--map", "Email=email", env=client_environment(server), cwd=cwd)
    assert_fails(result, "every row was refused; nobody was imported")


def test_advice_counts_rows_refused_for_an_optional_cell_and_names_the_option(
    server: Server, cwd: Path, write: Write
) -> None:
    rows = "ann@example.com,Ireland\nbob@example.com,Atlantis\nnobody,Ireland\ncid@example.com,Lemuria\n"
    file = write(f"Email,Country\n{rows}")
    result = run("import", file, env=client_environment(server), cwd=cwd)
    advice = "2 rows were refused for a cell that is optional: --leave-out-invalid-cells imports the row without it"
    assert advice in result.stderr
    result = run("import", file, "--leave-out-invalid-cells", env=client_environment(server), cwd=cwd)
    assert advice not in result.stderr
    assert len(subscribers(server)) == 3


def test_corrected_report_is_imported_like_its_import(server: Server, cwd: Path, write: Write) -> None:
    file = write("Mail,Where,Kind\nann@example.com,Atlantis,VIP\nbob@example.com,Ireland,VIP\n")
    maps = ("--map", "Mail=email", "--map", "Where=country", "--map", "Kind=tags", "--tag", "Fair")
    result = run("import", file, *maps, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    (job,) = import_jobs(server)
    saved = run("jobs", "report", job["id"], "-o", "report.csv", env=client_environment(server), cwd=cwd)
    assert saved.exit_code == 0, saved.stderr
    assert f"mailrith-lite import report.csv --like {job['id']}\n" in saved.stderr
    corrected = write((cwd / "report.csv").read_text().replace("Atlantis", "Greece"), "report.csv")
    result = run("import", corrected, "--like", job["id"], env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    ann = subscribers(server)["ann@example.com"]
    assert ann["country"] == "GR"
    assert {tag["name"] for tag in ann["tags"]} == {"Fair", "VIP"}
    assert_fails(
        run("import", corrected, "--like", "import_job_x", env=client_environment(server), cwd=cwd),
        "no import with this id",
    )


def test_like_is_refused_for_a_file_with_a_question_that_the_import_did_not_have(
    server: Server, cwd: Path, write: Write
) -> None:
    result = run("import", write(EMAILS), env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    (job,) = import_jobs(server)
    more = write("Email,Opted out of offers\nann@example.com,no\ncid@example.com,yes\n")
    known = write("Email,Opted out\nann@example.com,no\ncid@example.com,yes\n", "known.csv")
    for file in (more, known, write("Email\ncid@example.com\n", GONE)):
        result = run("import", file, "--like", job["id"], env=client_environment(server), cwd=cwd)
        assert_fails(result, f"nothing is imported: {job['id']} does not answer this about {file.name}")
    assert statuses(server) == ["Active", "Active"]
    result = run(
        "import",
        cwd / GONE,
        "--like",
        job["id"],
        "--status",
        "Unsubscribed",
        env=client_environment(server),
        cwd=cwd,
    )
    assert result.exit_code == 0, result.stderr
    assert statuses(server) == ["Active", "Active", "Unsubscribed"]


def test_meaning_of_a_yes_and_no_column_is_printed_in_few_words(server: Server, cwd: Path, write: Write) -> None:
    file = write("Email,Newsletter\nann@example.com,ja\n,nein\n")
    result = run("import", file, env=client_environment(server), cwd=cwd)
    meaning = "“nein”, “no”, “n”, … become Unsubscribed; “ja”, “yes”, “y”, … change nothing"
    assert f"  Newsletter = status ({meaning})\n" in result.stderr
    assert "Email: 1 row has no email address\n" in result.stderr


def test_archive_and_folder_can_say_who_has_left(server: Server, cwd: Path) -> None:
    path = cwd / "unsubscribed contacts.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("part 1.csv", "Email\nann@example.com\n")
    result = run("import", path, env=client_environment(server), cwd=cwd)
    assert_fails(result, "nothing is imported: 1 question has no answer; answer with the options above")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("bounced/part 2.csv", "Email\nbob@example.com\n")
    answers = ("--answer", "file_name_status=Unsubscribed", "--answer", "file_name_status=Bounced")
    result = run("import", path, *answers, env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert statuses(server) == ["Unsubscribed", "Bounced"]


def test_lines_on_a_terminal_break_between_words(server: Server, cwd: Path, write: Write) -> None:
    names = [f"Column number {number}" for number in range(20)]
    env = {**client_environment(server), "COLUMNS": "60", "LINES": "24"}
    screen = run_on_terminal("import", write(f"Email,{','.join(names)}\nann@example.com\n"), env=env, cwd=cwd)
    left_out = screen[screen.index("Left out: ") : screen.index("To keep a column")].splitlines()
    assert max(map(len, left_out)) <= 60
    assert " ".join(line.strip() for line in left_out) == f"Left out: {', '.join(names)}"
