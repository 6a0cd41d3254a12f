"""The style sheet and the scripts: one scale of sizes, no rule without a use, and a limit of size."""

import re
from importlib import resources
from pathlib import Path
from typing import get_args

from conftest import Server

from mailrith_lite.audience.vocabulary import STATUSES
from mailrith_lite.console.job_view import Outcome

from .visitor import signed_in

STATIC = Path(str(resources.files("mailrith_lite.pages"))) / "static"
TEMPLATES = [
    Path(str(resources.files(package))) / "templates"
    for package in ("mailrith_lite.pages", "mailrith_lite.console")
]
MAX_BYTES = 60_000
STYLE = re.sub(r"/\*.*?\*/", "", (STATIC / "style.css").read_text(), flags=re.DOTALL)
SCALED = r"(?<![\w-])(?:(?:padding|margin)(?:-\w+)?|gap|font-size|border-radius): ([^;}]+)"
LOOSE = r"\d(?:\.\d+)?(?:px|rem)"
MADE_IN_CODE = {"badge", "created", "updated", "unchanged", "refused", "restored", "deleted", "skipped", "over"}


def test_style_and_scripts_are_below_60_kb() -> None:
    sizes = {path.name: path.stat().st_size for path in STATIC.iterdir() if path.suffix in (".css", ".js")}
    assert sum(sizes.values()) < MAX_BYTES, sizes


def test_sizes_of_type_and_space_come_from_the_scale() -> None:
    values = re.findall(SCALED, STYLE)
    assert len(values) > 100
    assert [value for value in values if re.search(LOOSE, value) and value != "-1px"] == []


def test_custom_properties_are_those_that_are_used() -> None:
    assert set(re.findall(r"(?<![\w-])(--[\w-]+):", STYLE)) == set(re.findall(r"var\((--[\w-]+)\)", STYLE))


def test_every_class_of_the_style_sheet_is_used() -> None:
    markup = "".join(path.read_text() for folder in TEMPLATES for path in folder.rglob("*.html"))
    scripts = "".join(path.read_text() for path in STATIC.glob("*.js"))
    selectors = "".join(re.findall(r"([^{}]+)\{", STYLE))
    classes = set(re.findall(r"\.([a-z][\w-]*)", selectors))
    unused = {name for name in classes if not re.search(rf"(?<![\w-]){name}(?![\w-])", markup + scripts)}
    assert unused - outcome_classes() == set()


def outcome_classes() -> set[str]:
    """The classes that a badge makes of a status or of a job's result, and a bar of its parts."""
    names = [*STATUSES, *get_args(Outcome), "Delivered"]
    return {name.lower().replace(" ", "-") for name in names} | MADE_IN_CODE


def test_style_page_is_for_sandboxes_only(service: Server) -> None:
    assert signed_in(service).get("/console/style").status == 404
