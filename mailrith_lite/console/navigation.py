"""The pages in the navigation, in groups. A new page of the console adds one line here."""

from collections.abc import Sequence
from typing import Final

import msgspec

from mailrith_lite.access import scopes


class NavigationLink(msgspec.Struct, frozen=True, kw_only=True):
    """`section`: what the templates of the page, and of the pages below it, set as `section`.

    `path`: within the console. `scopes`: the page needs one of these.
    """

    section: str
    label: str
    path: str
    scopes: tuple[str, ...]


class NavigationGroup(msgspec.Struct, frozen=True, kw_only=True):
    """`title`: "" for the first group, which has none."""

    title: str
    links: tuple[NavigationLink, ...]


def _link(section: str, label: str, path: str, *scopes: str) -> NavigationLink:
    return NavigationLink(section=section, label=label, path=path, scopes=scopes)


_GROUPS: Final = (
    NavigationGroup(
        title="",
        links=(_link("overview", "Overview", "", "subscribers:read", "subscribers:import", "subscribers:export"),),
    ),
    NavigationGroup(
        title="People",
        links=(
            _link("subscribers", "Subscribers", "/subscribers", "subscribers:read"),
            _link("segments", "Segments", "/segments", "segments:read"),
            _link("exports", "Exports", "/exports", "subscribers:export"),
            _link("tags", "Tags", "/tags", "tags:read"),
            _link("custom-fields", "Custom fields", "/custom-fields", "custom_fields:read"),
            _link("sequences", "Sequences", "/sequences", "sequences:read"),
        ),
    ),
    NavigationGroup(
        title="Connections",
        links=(
            _link("webhooks", "Webhooks", "/webhooks", "webhooks:read"),
            _link("keys", "Keys", "/keys", "workspace:read"),
            _link("audit", "Audit", "/audit", "workspace:read"),
        ),
    ),
    NavigationGroup(
        title="Developers",
        links=(
            _link("requests", "Requests", "/developers", "workspace:read"),
            _link("guides", "Guides", "/developers/guides", *scopes.ALL),
            _link("reference", "API reference", "/developers/reference", *scopes.ALL),
        ),
    ),
)


def visible_groups(held: Sequence[str]) -> list[NavigationGroup]:
    """The groups with the pages that a key with the scopes `held` may open; no group is empty."""
    groups = []
    for group in _GROUPS:
        links = tuple(link for link in group.links if not set(link.scopes).isdisjoint(held))
        if links:
            groups.append(NavigationGroup(title=group.title, links=links))
    return groups
