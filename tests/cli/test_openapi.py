"""`mailrith-lite openapi`: the document without a service."""

import json
from pathlib import Path

import pytest

from cli.processes import run
from mailrith_lite.api.documentation.openapi import document
from mailrith_lite.api.routes import SECTIONS


@pytest.mark.parametrize(
    ("flags", "env", "address"),
    [
        ((), {}, "http://localhost:8787"),
        ((), {"MAILRITH_LITE_PORT": "9000"}, "http://localhost:9000"),
        ((), {"MAILRITH_LITE_PUBLIC_URL": "https://mail.example.com"}, "https://mail.example.com"),
        (("--public-url", "https://mail.example.com"), {}, "https://mail.example.com"),
    ],
)
def test_the_document_is_the_one_of_the_service_with_its_address(
    cwd: Path, flags: tuple[str, ...], env: dict[str, str], address: str
) -> None:
    outcome = run("openapi", *flags, cwd=cwd, env=env)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    assert json.loads(outcome.stdout) == document(SECTIONS, [address])
    assert list(cwd.iterdir()) == []


def test_an_address_that_is_none_is_refused(cwd: Path) -> None:
    outcome = run("openapi", "--public-url", "mail", cwd=cwd)
    assert (outcome.returncode, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith("mailrith-lite: ")
    assert outcome.stderr.count("\n") == 1
