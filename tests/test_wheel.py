"""The wheel is a working service when it is installed without the source."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1]
KEY = "mrk_example_secret_key"
IGNORED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "tests")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    shutil.copytree(SOURCE, directory / "source", ignore=IGNORED)
    offline = ("--no-isolation", "--skip-dependency-check")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", *offline, "--outdir", str(directory)],
        cwd=directory / "source",
        check=True,
        capture_output=True,
    )
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path) -> Path:
    """The interpreter of a new environment, which has the wheel and uses the dependencies of this environment."""
    environment = wheel.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    interpreter = environment / "bin" / "python"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "--python",
            str(interpreter),
            "install",
            "--no-deps",
            "--no-index",
            str(wheel),
        ],
        check=True,
        capture_output=True,
    )
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return interpreter


def call(address: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    request = urllib.request.Request(
        address + path,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.status, json.loads(response.read())


def test_the_wheel_has_the_package_its_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    expected = {str(path.relative_to(SOURCE)) for path in (SOURCE / "mailrith_lite").rglob("*") if path.is_file()}
    expected = {name for name in expected if "__pycache__" not in name}
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert "mailrith_lite/database/migrations/0001_jobs_and_audience.sql" in names
    assert "mailrith_lite/py.typed" in names
    assert "mailrith_lite/api/documentation/viewer/swagger-ui/swagger-ui-bundle.js" in names


def test_the_installed_wheel_serves_from_any_directory(python: Path, tmp_path: Path) -> None:
    location = subprocess.run(
        [python, "-c", "import mailrith_lite; print(mailrith_lite.__file__)"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert Path(location.stdout.strip()).is_relative_to(python.parents[1])
    process = subprocess.Popen(
        [python.with_name("mailrith-lite"), "serve", "--port", "0"],
        cwd=tmp_path,
        env={"MAILRITH_LITE_BOOTSTRAP_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        address = re.search(r"http://\S+", line)
        assert address, line
        assert call(address[0], "GET", "/healthz")[0] == 200
        with urllib.request.urlopen(f"{address[0]}/docs/start.js", timeout=30) as script:
            assert script.status == 200
        mappings = [
            {"csv_column": "Email", "field": {"type": "email"}},
            {"csv_column": "Country", "field": {"type": "country"}},
        ]
        body = {"csv_text": "Email,Country\nada@bücher.example,United Kingdom\n", "mappings": mappings}
        status, answer = call(address[0], "POST", "/v1/jobs/subscriber-imports", body)
        assert status == 202
        while answer["data"]["status"] in ("Queued", "Processing"):
            _, answer = call(address[0], "GET", answer["data"]["self"])
        assert (answer["data"]["status"], answer["data"]["imported_count"]) == ("Completed", 1)
    finally:
        process.terminate()
        with process.stdout:
            assert process.wait(30) == 0
    assert (tmp_path / "data" / "mailrith.db").is_file()
