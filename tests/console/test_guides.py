"""The guides: every file of docs/ is a page, and their links work."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from conftest import Server

from mailrith_lite.console.guides import ORDER, names

from .visitor import Visitor, heading, signed_in, text

DOCS = Path(__file__).parents[2] / "docs"
PAGE = "/console/developers/guides"


@pytest.fixture(scope="module")
def visitor(service: Server) -> Visitor:
    """With a key that may do almost nothing: the guides are for everybody."""
    return signed_in(service, service.new_key(scopes=("tags:read",)))


def article(visitor: Visitor, path: str) -> str:
    page = visitor.get(path)
    assert page.status == 200, path
    return page.body.decode().partition("<article")[2].partition("</article>")[0]


@pytest.mark.slow
def test_list_has_every_guide_with_its_title_and_first_sentence(visitor: Visitor) -> None:
    page = visitor.get(PAGE)
    assert set(ORDER) == {path.stem for path in DOCS.glob("*.md")}
    for name in ORDER:
        assert (DOCS / f"{name}.md").read_text().partition("\n")[0].removeprefix("# ") in text(page)
        assert f"guides/{name}" in page.body.decode()
    assert "A webhook subscription sends events to your own program" in text(page)


def test_every_file_is_a_guide() -> None:
    assert names() == {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}


@pytest.mark.parametrize("name", sorted(names()))
def test_guide_has_only_links_that_lead_somewhere_and_nothing_that_the_policy_forbids(
    visitor: Visitor, name: str
) -> None:
    page = f"{PAGE}/{name}"
    html = article(visitor, page)
    for forbidden in ("style=", "<script", "<img"):
        assert forbidden not in html
    for target in set(re.findall(r'href="([^"]+)"', html)):
        if target.startswith("https://"):
            continue
        path, _, anchor = urljoin(page, target).partition("#")
        assert not anchor or f'id="{anchor}"' in article(visitor, path), target
        assert visitor.get(path).status == 200, target


def test_page_shows_the_contents_code_and_tables(visitor: Visitor) -> None:
    page = visitor.get(f"{PAGE}/webhooks")
    assert heading(page) == "Webhooks"
    body = page.body.decode()
    assert '<li><a href="#subscribe">Subscribe</a></li>' in body
    assert '<h2 id="subscribe">Subscribe</h2>' in body
    assert "curl -X POST http://localhost:8787/v1/webhook-subscriptions" in text(page)
    assert '<table class="stacked">' in body
    assert 'data-label="' in body


@pytest.mark.parametrize(
    "name", ["nothing", "api.md", "README", "decisions/nothing", "..%2Fsetup.cfg", "decisions/..%2Fapi"]
)
def test_other_name_is_not_a_guide(visitor: Visitor, name: str) -> None:
    assert visitor.get(f"{PAGE}/{name}").status == 404
