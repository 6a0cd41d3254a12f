"""What the documentation says is what the code does."""

import configparser
import re
from pathlib import Path

import msgspec
import pytest

from mailrith_lite import __version__
from mailrith_lite.access.audit import ACTIONS
from mailrith_lite.api.routes import ROUTES
from mailrith_lite.audience.values import RefusalCode
from mailrith_lite.http.statuses import STATUSES
from mailrith_lite.settings import ENVIRONMENT_PREFIX, SETTINGS, Settings, load

ROOT = Path(__file__).parent.parent
FENCED = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
page = pytest.mark.parametrize(
    "name",
    sorted(
        path.relative_to(ROOT).as_posix()
        for pattern in ("*.md", "data/*.md", "docs/**/*.md")
        for path in ROOT.glob(pattern)
    ),
)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name: str) -> str:
    """The page without its code blocks."""
    return FENCED.sub("", read(name))


def test_every_setting_is_in_the_table_with_its_help_and_its_default():
    rows = re.findall(r"^\| `([A-Z_]+)` \| (?:`(.*?)`)? ?\| (.+) \|$", read("docs/operating.md"), re.MULTILINE)
    documented = {name: (default, text) for name, default, text in rows}
    assert list(documented) == [ENVIRONMENT_PREFIX + setting.name.upper() for setting in SETTINGS]
    for setting in SETTINGS:
        default, text = documented[ENVIRONMENT_PREFIX + setting.name.upper()]
        assert text == setting.help
        assert load({ENVIRONMENT_PREFIX + setting.name.upper(): default}) == Settings()


def test_every_action_of_the_audit_is_in_the_guide():
    _, _, guide = read("docs/operating.md").partition("### Audit\n")
    rows = re.findall(r"^\| (`.*?) \|", guide.partition("\n#")[0], re.MULTILINE)
    assert sorted(re.findall(r"`(.+?)`", " ".join(rows))) == sorted(ACTIONS)


def test_every_field_of_the_settings_can_be_set():
    assert [field.name for field in msgspec.structs.fields(Settings)] == [setting.name for setting in SETTINGS]


def test_every_operation_is_documented_with_its_scopes():
    text = read("docs/api.md")
    for route in ROUTES:
        scopes = ", ".join(f"`{scope}`" for scope in route.scopes)
        scopes = scopes or ("none, and no key" if route.public else "any key")
        assert text.count(f"| `{route.operation_id}` | `{route.method} {route.path}` | {scopes} |\n") == 1


def test_every_error_code_is_documented():
    text = read("docs/api.md")
    bases = {"invalid_request", "forbidden", "not_found", "conflict"}
    for code in {error.code for error in STATUSES} - bases:
        assert f"`{code}`" in text, code


def test_every_row_error_code_is_documented():
    for code in (*RefusalCode.__args__, "status_kept", "unknown_sequence"):
        assert f"| `{code}` |" in read("docs/imports.md")


@page
def test_links_between_pages_lead_to_a_file(name: str):
    for target in re.findall(r"\]\(([^)#]+)\)", prose(name)):
        assert target.startswith("https://") or (ROOT / name).parent.joinpath(target).exists(), target


@page
def test_links_lead_to_a_heading_that_exists(name: str):
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", prose(name)):
        text = (ROOT / name).parent.joinpath(target).read_text(encoding="utf-8") if target else read(name)
        headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@page
def test_every_code_block_names_its_language(name: str):
    text = read(name)
    fences = re.findall(r"^ *```(.*)$", text, re.MULTILINE)
    assert all(fences[::2])
    assert not any(fences[1::2])
    assert not re.search(r"^\n {4,}\S", FENCED.sub("", text), re.MULTILINE), "an indented block has no language"


@page
def test_files_named_in_the_text_exist(name: str):
    for path in re.findall(r"`([\w./-]+\.(?:cfg|css|html|js|md|py|sql|toml))`", prose(name)):
        folders = (ROOT, ROOT / "mailrith_lite", (ROOT / name).parent)
        beside = re.findall(rf"`([\w./-]+/)\w+\.py`[^`]*`{re.escape(path)}`", prose(name))  # `a/b.py` and `c.py`
        assert any((folder / path).exists() for folder in (*folders, *map(ROOT.joinpath, beside))), path


@page
def test_make_targets_named_in_the_text_exist(name: str):
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^ *)make ([a-z-]+)", read(name), re.MULTILINE)) <= targets


@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md"])
def test_the_tree_of_the_code_names_every_room(name: str):
    tree = next(
        block for block in re.findall(r"^```text\n(.*?)^```$", read(name), re.M | re.S) if "app.py" in block
    )
    rooms = {path.parent.name + "/" for path in (ROOT / "mailrith_lite").glob("*/__init__.py")}
    assert rooms == set(re.findall(r"^  (\w+/)", tree, re.MULTILINE))
    if name == "docs/architecture.md":
        wings = {path.parent.name + "/" for path in (ROOT / "mailrith_lite").glob("*/*/__init__.py")}
        modules = {path.name for path in (ROOT / "mailrith_lite").glob("*.py")}
        assert wings == set(re.findall(r"^    (\w+/)", tree, re.MULTILINE))
        assert modules - {"__init__.py", "__main__.py"} == set(re.findall(r"^  (\w+\.py)", tree, re.MULTILINE))


def test_the_direction_of_imports_is_the_one_that_is_checked():
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / "setup.cfg", encoding="utf-8")
    layers = contracts["importlinter:contract:direction"]["layers"].strip()
    assert f"```text\n{layers.replace(' | ', ' · ')}\n```" in read("docs/architecture.md")


def test_every_decision_is_listed_by_its_question():
    index = read("docs/decisions/README.md")
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        if path.name != "README.md":
            assert title.endswith("?")
            assert f"| [{title}]({path.name}) |" in index


def test_the_version_is_the_same_everywhere():
    assert f"version = {__version__}\n" in read("setup.cfg")
    assert f"## {__version__}\n" in read("CHANGELOG.md")
