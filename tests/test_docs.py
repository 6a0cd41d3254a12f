"""What the documentation says is what the code does."""

import re
from pathlib import Path

import msgspec

from mailrith_lite import __version__
from mailrith_lite.api.envelope import STATUSES
from mailrith_lite.api.routes import ROUTES
from mailrith_lite.audience.values import RefusalCode
from mailrith_lite.settings import ENVIRONMENT_PREFIX, SETTINGS, Settings, load

ROOT = Path(__file__).parent.parent


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_setting_stands_in_the_table_with_its_help_and_its_default():
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\| (.+) \|$", read("docs/operating.md"), re.MULTILINE)
    documented = {name: (default, text) for name, default, text in rows}
    assert list(documented) == [ENVIRONMENT_PREFIX + setting.name.upper() for setting in SETTINGS]
    for setting in SETTINGS:
        default, text = documented[ENVIRONMENT_PREFIX + setting.name.upper()]
        assert text == setting.help
        assert load({ENVIRONMENT_PREFIX + setting.name.upper(): default}) == Settings()


def test_every_field_of_the_settings_can_be_set():
    assert [field.name for field in msgspec.structs.fields(Settings)] == [setting.name for setting in SETTINGS]


def test_every_operation_is_documented_with_its_scopes():
    text = read("docs/api.md")
    for route in ROUTES:
        scopes = ", ".join(f"`{scope}`" for scope in route.scopes)
        scopes = scopes or ("none, and no key" if route.public else "any key")
        assert f"| `{route.operation_id}` | `{route.method} {route.path}` | {scopes} |" in text


def test_every_error_code_is_documented():
    text = read("docs/api.md")
    bases = {"invalid_request", "forbidden", "not_found", "conflict"}
    for code in {error.code for error in STATUSES} - bases:
        assert f"`{code}`" in text, code


def test_every_row_error_code_is_documented():
    for code in (*RefusalCode.__args__, "status_kept"):
        assert f"| `{code}` |" in read("docs/imports.md")


def test_links_between_the_pages_lead_somewhere():
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_version_is_the_same_everywhere():
    assert f"version = {__version__}\n" in read("setup.cfg")
    assert f"## {__version__}\n" in read("CHANGELOG.md")
