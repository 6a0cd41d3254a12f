"""Commands in a process of their own: a terminal, signals, pipes, and a database that another process writes."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import MAPPINGS, Server

from cli.command_line import (
    COMMAND,
    EMAIL_NAME,
    SECONDS,
    Write,
    assert_fails,
    client_environment,
    csv_file,
    environment,
    import_jobs,
    line_with,
    run_process,
    start_process,
)
from mailrith_lite import __version__


def cancel_imports(server: Server) -> None:
    """The next test would wait for the end of a long import."""
    for job in import_jobs(server):
        if job["status"] in ("Queued", "Processing"):
            server.call("POST", f"{job['self']}/cancel")


def test_installed_command_prints_its_version(cwd: Path) -> None:
    command = [Path(sys.executable).with_name("mailrith-lite"), "--version"]
    result = subprocess.run(
        command, cwd=cwd, env=environment({}), capture_output=True, text=True, check=True, timeout=SECONDS
    )
    assert result.stdout == f"mailrith-lite, version {__version__}\n"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("main", {"aiohttp", "rich", "aiosqlite", "importlib.metadata"}),
        ("remote_jobs", {"aiohttp.web", "rich", "aiosqlite", "prometheus_client"}),
    ],
    ids=["--help", "jobs"],
)
def test_command_imports_nothing_heavy(cwd: Path, module: str, heavy: set[str]) -> None:
    """A command imports what it needs when it runs. One that calls a service needs no server and no database."""
    modules = f"sys, mailrith_lite.cli.main, mailrith_lite.cli.{module}"
    code = f"import {modules}; print(sorted({heavy} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_start_stays_far_below_the_threshold_of_the_garbage_collector() -> None:
    """A run of it would take a twelfth of the start, and would free nothing."""
    code = """
import gc
from mailrith_lite.cli import entry
gc.set_threshold(entry._GC_THRESHOLD)
runs = []
gc.callbacks.append(lambda phase, info: runs.append(phase))
import mailrith_lite.cli.main, mailrith_lite.cli.serve
assert not runs
print(gc.get_count()[0] / entry._GC_THRESHOLD)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(result.stdout) < 0.5


def test_commands_for_the_data_directory_do_not_load_the_server(cwd: Path, stopped_data_dir: Path) -> None:
    directory, copy = ("--data-dir", str(stopped_data_dir)), str(cwd / "copy.db")
    commands = [
        ("keys", "list", *directory),
        ("workspaces", "list", *directory),
        ("audit", *directory),
        ("doctor", *directory),
        ("backup", copy, *directory),
        ("restore", copy, *directory),
    ]
    code = f"""
import sys
from mailrith_lite.cli.main import main
for command in {commands}:
    main(command)
    print("loaded:", sorted({{"aiohttp", "mailrith_lite.app"}} & set(sys.modules)), file=sys.stderr)
"""
    result = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True)
    assert [line for line in result.stderr.splitlines() if "loaded: " in line] == ["loaded: []"] * len(commands)


@pytest.mark.parametrize(
    ("package", "directory", "module", "command"),
    [
        ("aiohttp", "aiohttp-0.1.dist-info", None, "serve"),
        ("prometheus-client", "prometheus_client-0.1.dist-info", None, "serve"),
        ("aiohttp", "aiohttp-0.1-py3.11.egg-info", None, "serve"),
        ("click", "click-0.1.dist-info", "click", "--help"),
    ],
    ids=["older", "with a hyphen", "installed by Debian", "so old that a command cannot be imported"],
)
def test_package_that_is_too_old_is_a_one_line_error(
    cwd: Path, tmp_path: Path, package: str, directory: str, module: str | None, command: str
) -> None:
    old = tmp_path / "old"
    (old / directory).mkdir(parents=True)
    if module is not None:
        (old / f"{module}.py").touch()
    path = os.pathsep.join([str(old), os.environ.get("PYTHONPATH", "")])
    result = run_process(command, env={"PYTHONPATH": path}, cwd=cwd)
    assert_fails(result, f"a package does not fit: {package} 0.1 (needs ")
    assert "; run `make install`" in result.stderr
    assert not list(cwd.iterdir())


def test_argument_that_is_not_text_is_a_one_line_error(cwd: Path) -> None:
    result = run_process("keys", "create", "--name", "\udcff", "--data-dir", "store", cwd=cwd)
    assert_fails(result, "not valid text")


def test_terminal_shows_a_progress_bar_and_a_table(server: Server, cwd: Path, write: Write) -> None:
    command = [*COMMAND, "import", str(write("email,[/name]\nx,\na@example.com,\n")), "--map", "email=email"]
    ours, theirs = os.openpty()
    env = environment({**client_environment(server), "TERM": "xterm", "COLUMNS": "100"})
    with subprocess.Popen(command, cwd=cwd, env=env, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        output = b""
        with contextlib.suppress(OSError):  # reading fails when the process closes its end
            while block := os.read(ours, 4096):
                output += block
        os.close(ours)
    assert process.returncode == 0
    for part in ("list.csv", "2/2", "line", "column", "cell", "reason", "is not an email address"):
        assert part.encode() in output, output


def test_interrupt_leaves_the_job_running_and_names_the_command_that_shows_it(
    server: Server, cwd: Path, write: Write
) -> None:
    server.wait(server.services.runner.stop())  # the import stays queued
    with start_process("import", write(EMAIL_NAME), env=client_environment(server), cwd=cwd) as process:
        job_id = line_with(process.stderr, "Accepted as").split()[-1]
        process.send_signal(signal.SIGINT)
        stderr = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 130
    assert stderr.endswith(
        f"mailrith-lite: stopped; the job continues; to follow it: mailrith-lite jobs wait {job_id}\n"
    )
    assert "Traceback" not in stderr
    assert import_jobs(server)[0]["status"] == "Queued"


def test_export_into_a_closed_pipe_ends_without_a_message(server: Server, cwd: Path) -> None:
    server.import_csv(EMAIL_NAME)
    with start_process("export", "-o", "-", env=client_environment(server), cwd=cwd) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(SECONDS) == 1
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_export_to_a_device_writes_into_it(server: Server, cwd: Path) -> None:
    server.import_csv(EMAIL_NAME)
    result = run_process("export", "-o", "/dev/stdout", env=client_environment(server), cwd=cwd)
    assert result.exit_code == 0, result.stderr
    assert "ann@example.com" in result.stdout


def test_other_processes_create_a_key_and_copy_the_database_while_an_import_writes(
    server: Server, data_dir: Path, cwd: Path
) -> None:
    server.call("POST", "/v1/jobs/subscriber-imports", {"csv_text": csv_file(100_000), "mappings": MAPPINGS})
    with (
        start_process("keys", "create", "--name", "Second", "--data-dir", data_dir, cwd=cwd) as create,
        start_process("backup", "copy.db", "--data-dir", data_dir, cwd=cwd) as backup,
    ):
        key = create.communicate(timeout=SECONDS)[0].strip()
        backup.communicate(timeout=SECONDS)
        assert (create.returncode, backup.returncode) == (0, 0)
    assert server.call("GET", "/v1/tags", key=key).status == 200
    with contextlib.closing(sqlite3.connect(cwd / "copy.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (job,) = connection.execute("SELECT created_count FROM jobs").fetchall()
        assert connection.execute("SELECT count(*) FROM subscribers").fetchone() == job
    cancel_imports(server)
