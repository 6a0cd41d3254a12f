"""The wheel is a working service when it is installed without the source."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[1]
DOCS = SOURCE / "docs"
KEY = "mrk_example_secret_key"
PROJECT = (
    ".ci",
    ".dockerignore",
    ".editorconfig",
    ".github",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Containerfile",
    "LICENSE",
    "MANIFEST.in",
    "Makefile",
    "README.md",
    "SECURITY.md",
    "benchmarks",
    "compose.yaml",
    "contrib",
    "data/README.md",
    "data/mailchimp-export.zip",
    "data/messy.csv",
    "data/subscribers.csv",
    "docs",
    "mailrith_lite",
    "pyproject.toml",
    "setup.cfg",
    "tests",
    "tools",
)

FILES = ("tests/test_wheel.py", "tests/cli/test_samples.py", "tests/moving_in/test_cases_api.py")
"""Tests that read files of the project and of the tests. The collection of all tests takes ten seconds."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project without what its use adds to the directory."""
    copy = tmp_path_factory.mktemp("source")
    for name in PROJECT:
        (copy / name).parent.mkdir(exist_ok=True)
        if (SOURCE / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(SOURCE / name, copy / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(SOURCE / name, copy / name)
    return copy


def build(source: Path, kind: str, directory: Path) -> Path:
    """`kind`: `wheel` or `sdist`."""
    offline = ("--no-isolation", "--skip-dependency-check")
    subprocess.run(
        [sys.executable, "-m", "build", f"--{kind}", *offline, "--outdir", str(directory)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (built,) = directory.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, "wheel", tmp_path_factory.mktemp("wheel"))


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
    expected = {name for name in expected if "__pycache__" not in name and "/console/guides/" not in name}
    expected |= {f"mailrith_lite/console/guides/{path.relative_to(DOCS)}" for path in DOCS.rglob("*.md")}
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert "mailrith_lite/database/migrations/0001_jobs_and_audience.sql" in names
    assert "mailrith_lite/py.typed" in names
    assert "mailrith_lite/api/documentation/viewer/swagger-ui/swagger-ui-bundle.js" in names


def test_the_wheel_names_its_licenses_and_has_their_texts(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        lines = archive.read(metadata).decode().partition("\n\n")[0].splitlines()
        assert "License-Expression: MIT AND Apache-2.0" in lines
        texts = [line.removeprefix("License-File: ") for line in lines if line.startswith("License-File: ")]
        viewer = "mailrith_lite/api/documentation/viewer/swagger-ui"
        assert {"LICENSE", f"{viewer}/LICENSE", f"{viewer}/NOTICE"} <= set(texts)
        folder = metadata.removesuffix("METADATA")
        for text in texts:
            assert archive.read(f"{folder}licenses/{text}") == (SOURCE / text).read_bytes()


@pytest.mark.long
def test_the_source_distribution_has_the_whole_project_and_its_tests(source: Path, tmp_path: Path) -> None:
    expected = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    expected = {path for path in expected if not {"build", "mailrith_lite.egg-info"} & set(path.parts)}
    with tarfile.open(build(source, "sdist", tmp_path)) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    assert expected <= {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}
    collected = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *FILES],
        cwd=unpacked,
        env={"PYTHONPATH": str(unpacked), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert collected.returncode == 0, collected.stdout[-2_000:]
    assert "tests/test_wheel.py::test_the_installed_wheel_serves" in collected.stdout


def test_the_installed_wheel_has_the_guides(python: Path, tmp_path: Path) -> None:
    code = (
        "from mailrith_lite.console import guides; print(*sorted(guides.names())); print(guides.read('api').title)"
    )
    result = subprocess.run([python, "-c", code], cwd=tmp_path, env={}, check=True, capture_output=True, text=True)
    names = sorted(path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md"))
    assert result.stdout == f"{' '.join(names)}\nThe API\n"


def test_the_installed_wheel_serves_from_any_directory(python: Path, tmp_path: Path) -> None:
    location = subprocess.run(
        [python, "-c", "import mailrith_lite; print(mailrith_lite.__file__)"],
        cwd=tmp_path,
        env={},
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
