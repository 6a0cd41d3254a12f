"""The navigation: its groups, the current page, and what a key may open."""

import re

import pytest
from conftest import Server

from mailrith_lite.access.scopes import ALL
from mailrith_lite.console.navigation import NavigationLink, visible_groups

from .visitor import heading, signed_in

LINKS = [link for group in visible_groups(ALL) for link in group.links]


@pytest.mark.slow
@pytest.mark.parametrize("link", LINKS, ids=lambda link: link.section)
def test_navigation_marks_the_current_page(service: Server, link: NavigationLink) -> None:
    page = signed_in(service).get(f"/console{link.path}")
    assert page.status == 200
    current = re.findall(r'<a href="([^"]+)" aria-current="page">([^<]+)</a>', page.body.decode())
    assert [label for _, label in current] == [link.label]
    assert heading(page) == link.label


def test_navigation_has_no_page_and_no_group_that_the_key_may_not_open(service: Server) -> None:
    key = service.new_key(scopes=("tags:read", "webhooks:read"))
    page = signed_in(service, key).get("/console/tags").body.decode()
    sections = page[page.index('<nav id="sections"') : page.index("</nav>")]
    listed = re.findall(r">([A-Z][\w ]+)</(?:a|p)>", sections)
    assert {"People", "Tags", "Webhooks"} <= set(listed)
    assert {"Overview", "Subscribers", "Keys", "Audit"}.isdisjoint(listed)
