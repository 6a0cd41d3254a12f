"""The options --json, --quiet and --no-color, which every command has, and the lines of terminals and pipes."""

import json
import re
import sys
import threading
from pathlib import Path
from typing import Any

import click
import pytest
from api_records import definition, field, segment, subscriber
from conftest import Server

from cli.command_line import EMAIL_NAME, Write, client_environment, run, run_on_terminal
from cli.test_help import command_names
from mailrith_lite.cli import progress
from mailrith_lite.cli.main import cli

ESCAPE = "\x1b"
TIME = re.compile(r"\d{4}-\d\d-\d\d")  # the last use of a key, for example, is another one a moment later


def documents(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("names", list(command_names(cli)), ids=" ".join)
def test_every_command_has_the_options_of_output(cwd: Path, names: tuple[str, ...]) -> None:
    command: click.Command = cli
    for name in names:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    if not isinstance(command, click.Group):
        options = run(*names, "--help", cwd=cwd).stdout.partition("Options:")[2]
        assert all(flag in options for flag in ("--json", "-q, --quiet", "--no-color"))


@pytest.mark.parametrize(
    ("arguments", "member", "value"),
    [
        (("keys", "create", "--name", "Second"), "name", "Second"),
        (("workspaces", "create", "Second shop"), "name", "Second shop"),
        (("workspaces", "update", "Default", "--city", "Berlin"), "city", "Berlin"),
        (("backup", "copy.db"), "file", "copy.db"),
        (("compact",), "bytes_before", None),
    ],
)
def test_json_of_a_command_on_the_data_directory_is_one_document(
    data_dir: Path, cwd: Path, arguments: tuple[str, ...], member: str, value: str | None
) -> None:
    result = run(*arguments, "--json", "--data-dir", data_dir, cwd=cwd)
    assert (result.exit_code, result.stderr) == (0, "")
    (document,) = documents(result.stdout)
    assert member in document
    assert value is None or document[member] == value


def test_json_of_a_list_is_a_line_for_each_item(server: Server, data_dir: Path, cwd: Path) -> None:
    imports = [server.import_csv(EMAIL_NAME)["id"] for _ in range(2)]
    jobs = run("jobs", "list", "--json", env=client_environment(server), cwd=cwd)
    assert [job["id"] for job in documents(jobs.stdout)] == imports[::-1]
    assert documents(jobs.stdout)[0]["progress"]["unchanged_count"] == 2
    (key,) = documents(run("keys", "list", "--json", "--data-dir", data_dir, cwd=cwd).stdout)
    assert (key["status"], key["expires_at"]) == ("active", None)
    (workspace,) = documents(run("workspaces", "list", "--json", "--data-dir", data_dir, cwd=cwd).stdout)
    assert (workspace["name"], workspace["time_zone"]) == ("Default", None)


def test_json_of_an_import_is_its_job_and_nothing_else(server: Server, cwd: Path, write: Write) -> None:
    file = write("Email,Name\nann@example.com,Ann\nx,\n")
    result = run("import", file, "--json", env=client_environment(server), cwd=cwd)
    assert (result.exit_code, result.stderr) == (0, "")
    (job,) = documents(result.stdout)
    assert (job["file"], job["status"], job["progress"]["rejected_count"]) == ("list.csv", "Completed", 1)


def test_json_of_jobs_is_what_the_api_answers(server: Server, cwd: Path) -> None:
    job_id = server.import_csv(EMAIL_NAME)["id"]
    answer = server.call("GET", f"/v1/jobs/subscriber-imports/{job_id}").json["data"]
    for command in ("show", "wait"):
        result = run("jobs", command, job_id, "--json", env=client_environment(server), cwd=cwd)
        assert documents(result.stdout) == [answer]
    undo = run("jobs", "undo", job_id, "--json", "--yes", env=client_environment(server), cwd=cwd)
    assert documents(undo.stdout)[0]["progress"]["deleted_count"] == 2


def test_json_of_an_export_names_the_file(server: Server, cwd: Path) -> None:
    server.import_csv(EMAIL_NAME)
    result = run("export", "-o", "out.csv", "--json", env=client_environment(server), cwd=cwd)
    (job,) = documents(result.stdout)
    assert (job["saved_as"], job["bytes"]) == ("out.csv", (cwd / "out.csv").stat().st_size)
    assert job["exported_count"] == 2


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (("jobs", "show", "export_job_0000000000001"), 1, "subscriber_export_job_not_found"),
        (("jobs", "show", "job_1"), 1, "command_failed"),
        (("jobs", "show"), 2, "invalid_usage"),
        (("jobs", "dance"), 2, "invalid_usage"),
        (("export", "-o", "-"), 2, "invalid_usage"),
        (("import", "nothing.csv"), 1, "command_failed"),
    ],
)
def test_json_error_is_a_document_on_stderr(
    server: Server, cwd: Path, arguments: tuple[str, ...], exit_code: int, code: str
) -> None:
    result = run(*arguments, "--json", env=client_environment(server), cwd=cwd)
    assert (result.exit_code, result.stdout) == (exit_code, "")
    (document,) = documents(result.stderr)
    assert document["error"]["code"] == code
    assert document["error"]["message"]


def test_json_error_of_a_setting_has_a_code_of_its_own(cwd: Path) -> None:
    result = run("keys", "list", "--json", env={"MAILRITH_LITE_PORT": "many"}, cwd=cwd)
    assert result.exit_code == 1
    (document,) = documents(result.stderr)
    assert document["error"]["code"] == "invalid_setting"


def test_json_error_of_the_api_has_its_details(server: Server, cwd: Path) -> None:
    arguments = ("export", "--query", "x" * 300, "--json")
    (document,) = documents(run(*arguments, env=client_environment(server), cwd=cwd).stderr)
    assert document["error"]["details"]["field"] == "query"
    assert document["error"]["request_id"].startswith("req_")
    assert "request req_" not in document["error"]["message"]


def test_json_error_of_open_questions_lists_them(server: Server, cwd: Path, write: Write) -> None:
    file = write("Email\nann@example.com\n", "unsubscribed.csv")
    result = run("import", file, "--json", env=client_environment(server), cwd=cwd)
    (document,) = documents(result.stderr)
    assert document["error"]["code"] == "open_questions"
    (question,) = document["error"]["details"]["questions"]
    assert question["key"] == "file_name_status"
    assert "Unsubscribed" in [answer["value"] for answer in question["answers"]]


def test_quiet_command_prints_nothing_when_it_succeeds(
    server: Server, data_dir: Path, cwd: Path, write: Write
) -> None:
    env = client_environment(server)
    job_id = server.import_csv(EMAIL_NAME)["id"]
    for arguments in (
        ("import", write("Email,Name\nann@example.com,Ann\nx,\n"), "--quiet"),
        ("export", "-o", "out.csv", "-q"),
        ("jobs", "wait", job_id, "-q"),
        ("jobs", "undo", job_id, "--yes", "-q"),
        ("backup", "copy.db", "--data-dir", data_dir, "-q"),
    ):
        result = run(*arguments, env=env, cwd=cwd)
        assert (result.exit_code, result.stdout, result.stderr) == (0, "", ""), arguments


def test_quiet_command_prints_what_the_user_asks_for(server: Server, data_dir: Path, cwd: Path) -> None:
    key = run("keys", "create", "--name", "Second", "-q", "--data-dir", data_dir, cwd=cwd).stdout.strip()
    assert server.call("GET", "/v1/tags", key=key).status == 200
    assert len(run("keys", "list", "-q", "--data-dir", data_dir, cwd=cwd).stdout.splitlines()) == 2


# --- terminals ----------------------------------------------------------------------------------------------------


def terminal(columns: int, **changes: str) -> dict[str, str]:
    return {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "40", **changes}


def plain(screen: str) -> list[str]:
    """The lines without escape codes; of a line that was written again, such as a progress bar, the last text."""
    texts = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen).split("\r\n")
    return [text.rpartition("\r")[2] for text in texts]


@pytest.fixture
def filled(server: Server) -> Server:
    """With texts that are too long for 80 columns in most lists."""
    tags = ["Spring fair in the old town hall", "VIP"]
    subscriber(server, "ann.of.green.gables@example.com", name="Ann Shirley Cuthbert", new_tags=tags)
    field(server, "Favourite season", "Single Select", ["Spring", "Summer", "Autumn", "Winter"])
    segment(server, "People who may get an email", definition("subscriber_status", "is", "Active"))
    body = {"url": "https://example.com/hook", "name": "CRM", "event_patterns": ["subscriber.*", "form.submitted"]}
    assert server.call("POST", "/v1/webhook-subscriptions", body).status == 201
    server.import_csv("Email,Name\nx,\n")
    server.new_key(scopes=("subscribers:import", "live_actions:write"))
    return server


LISTS = (
    *(("keys", "list"), ("workspaces", "list"), ("audit",), ("doctor",)),
    *(("tags", "list"), ("fields", "list"), ("segments", "list"), ("webhooks", "list")),
)
SHORTER_LISTS = (("jobs", "list"), ("subscribers", "list"))
"""These have fewer columns on a terminal."""
SEVERAL_COMMANDS = """
import json, sys
from mailrith_lite.cli.main import main
for arguments in json.loads(sys.argv[1]):
    main(arguments)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("columns", "styled"), [(80, True), (200, False)])
def test_every_list_fits_the_terminal_and_keeps_words_whole(
    filled: Server, data_dir: Path, cwd: Path, columns: int, styled: bool
) -> None:
    env = client_environment(filled) | {"MAILRITH_LITE_DATA_DIR": str(data_dir)}
    piped = [run(*names, env=env, cwd=cwd) for names in LISTS]
    flags = [] if styled else ["--no-color"]
    commands = json.dumps([[*names, *flags] for names in (*LISTS, *SHORTER_LISTS)])
    program = (sys.executable, "-c", SEVERAL_COMMANDS)
    screen = run_on_terminal(commands, program=program, env=env | terminal(columns), cwd=cwd)
    lines = plain(screen)
    assert [line for line in lines if len(line.rstrip()) > columns] == []
    assert (ESCAPE in screen) == styled
    words = set(" ".join(lines).split())
    for result in piped:
        assert result.exit_code == 0, result.stderr
        assert {word for word in result.stdout.split() if not TIME.match(word)} <= words
        assert ESCAPE not in result.stdout


def test_import_fits_the_terminal_and_keeps_words_whole(server: Server, cwd: Path, write: Write) -> None:
    file = write(
        "E-mail,Full name,Shoe size,Favourite colour,Birthday of the cat\nbroken,Ann,4,red,\nann@x.com,,,,\n"
    )
    env = client_environment(server) | terminal(80)
    lines = plain(run_on_terminal("import", file, "--no-color", env=env, cwd=cwd))
    assert max(len(line.rstrip()) for line in lines) <= 80, lines
    assert re.search(r'2 +E-mail +"broken" +is not an email address\.', "\n".join(lines))
    words = " ".join(lines).split()
    for sentence in (
        "Left out: Shoe size, Favourite colour, Birthday of the cat",
        "COLUMN=new:Text for a custom field.",
    ):
        assert set(sentence.split()) <= set(words)


def test_no_color_variable_is_respected(data_dir: Path, cwd: Path) -> None:
    for value, styled in (("", True), ("1", False)):
        env = terminal(200, NO_COLOR=value)
        assert (ESCAPE in run_on_terminal("workspaces", "list", "--data-dir", data_dir, env=env, cwd=cwd)) == styled


def test_pipe_gets_cells_between_tabs_and_no_style(data_dir: Path, cwd: Path) -> None:
    result = run("workspaces", "list", "--data-dir", data_dir, env={"FORCE_COLOR": ""}, cwd=cwd)
    (line,) = result.stdout.splitlines()
    assert [cell == cell.strip() for cell in line.split("\t")] == [True] * 3
    assert ESCAPE not in result.stdout


class Log:
    """A stream that is no terminal."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""
        self.written = threading.Event()

    def write(self, text: str) -> None:
        self.text += text
        self.written.set()

    def flush(self) -> None:
        """Every text is in `text` already."""

    def isatty(self) -> bool:
        return False


def test_progress_is_a_line_from_time_to_time_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.001)
    monkeypatch.setattr("sys.stderr", log)
    with progress.progress_bar("list.csv") as show:
        show(1_234, 5_000)
        assert log.written.wait(30)
    assert set(log.text.splitlines()) <= {"list.csv", "list.csv: 1,234 of 5,000"}
    assert log.text
