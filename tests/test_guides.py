"""The commands and the program of README.md and docs/imports.md, run as written but for the key and the address."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import KEY, Server

ROOT = Path(__file__).parent.parent
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


def block(page: str, language: str, text: str) -> str:
    """The code block of this language that contains the text."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)
    return next(code for code in blocks if text in code)


def run(command: list[str], server: Server, folder: Path, **variables: str) -> str:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    finished = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": programs, "MAILRITH_API_KEY": KEY, "MAILRITH_API_BASE_URL": server.url}
        | variables,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def shell(code: str, server: Server, folder: Path, **variables: str) -> str:
    for written, used in (("http://localhost:8787", server.url), ("mrk_…", KEY), (". .venv/bin/activate", "")):
        code = code.replace(written, used)
    return run(["sh", "-euc", code], server, folder, **variables)


def test_commands_of_the_first_import_import_and_export_the_sample(server: Server, tmp_path: Path) -> None:
    (tmp_path / "samples" / "data").mkdir(parents=True)
    shutil.copy(ROOT / "data" / "mailchimp-export.zip", tmp_path / "samples" / "data")
    output = shell(block("README.md", "sh", "mailrith-lite import"), server, tmp_path / "samples")
    assert all(f"{count} rows: {count} created" in output for count in (940, 44, 16))
    assert (tmp_path / "samples" / "active.csv").read_text(encoding="utf-8").count("\n") == 941


@needs_curl
def test_curl_creates_the_custom_field_of_the_readme(server: Server, tmp_path: Path) -> None:
    answer = json.loads(shell(block("README.md", "sh", "/v1/custom-fields"), server, tmp_path))
    assert answer["data"]["label"] == "Company"


@needs_curl
def test_curl_imports_the_text_of_the_readme(server: Server, tmp_path: Path) -> None:
    answer = json.loads(shell(block("README.md", "sh", "csv_text"), server, tmp_path))
    server.drain()
    job = server.call("GET", answer["data"]["self"]).json["data"]
    assert (job["status"], job["imported_count"]) == ("Completed", 1)


def test_program_with_the_sdk_prints_a_download_link(server: Server, tmp_path: Path) -> None:
    program = block("README.md", "python", "MailrithClient").replace("http://localhost:8787", server.url)
    assert "/downloads/" in run([sys.executable, "-c", program.replace("mrk_…", KEY)], server, tmp_path)


@needs_curl
def test_curl_sends_a_file_to_a_new_upload(server: Server, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("Email\nada@example.com\n", encoding="utf-8")
    start = block("docs/imports.md", "sh", "subscriber-import-uploads")
    upload = json.loads(shell(start, server, tmp_path))["data"]
    shell(block("docs/imports.md", "sh", "curl -T"), server, tmp_path, UPLOAD_URL=upload["upload_url"])
    ready = server.call("GET", upload["self"]).json["data"]
    assert (ready["status"], ready["row_count"], ready["file_name"]) == ("Ready", 1, "list.csv")
