"""The command `openapi`. It needs no service."""

import json
from pathlib import Path

import pytest

from cli.command_line import assert_fails, run
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
def test_printed_document_is_the_one_of_the_service_with_its_address(
    cwd: Path, flags: tuple[str, ...], env: dict[str, str], address: str
) -> None:
    result = run("openapi", *flags, cwd=cwd, env=env)
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == document(SECTIONS, [address])
    assert list(cwd.iterdir()) == []


def test_public_url_that_is_not_an_address_is_refused(cwd: Path) -> None:
    result = run("openapi", "--public-url", "mail", cwd=cwd)
    assert_fails(result, "--public-url takes an address")
    assert result.stdout == ""
