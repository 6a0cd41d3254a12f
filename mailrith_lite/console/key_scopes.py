"""The scopes in words, in groups, for whoever makes a key."""

from typing import Final

import msgspec

from mailrith_lite.access import scopes


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """`meaning`: what a key with it can do."""

    name: str
    meaning: str


class Group(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    scopes: list[Scope]


_MEANINGS: Final[dict[str, dict[str, str]]] = {
    "Subscribers": {
        "subscribers:read": "see people and their history",
        "subscribers:write": "add, change and erase people",
        "subscribers:import": "import files, and undo imports",
        "subscribers:export": "export files",
    },
    "Tags, fields, sequences, segments": {
        "tags:read": "see tags",
        "tags:write": "make, change and delete tags",
        "custom_fields:read": "see custom fields",
        "custom_fields:write": "make, change and delete custom fields",
        "sequences:read": "see sequences",
        "sequences:write": "make, change and delete sequences",
        "segments:read": "see segments",
        "segments:write": "make, change and delete segments",
    },
    "Workspace": {
        "live_actions:write": "do what takes effect at once, together with another scope: start an import, run a "
        "sequence, change who may be written to",
        "workspace:read": "see the workspace, its keys and the audit",
        "webhooks:read": "see webhooks and what was sent",
        "webhooks:write": "make, change and delete webhooks",
    },
}


def groups(held: tuple[str, ...]) -> list[Group]:
    """The scopes in `held` that this service uses. `held`: the scopes of the session's key."""
    return [
        Group(title=title, scopes=chosen)
        for title, meanings in _MEANINGS.items()
        if (chosen := [Scope(name=name, meaning=text) for name, text in meanings.items() if name in held])
    ]


def others(held: tuple[str, ...]) -> list[str]:
    """The scopes for parts of Mailrith that this service does not have."""
    known = {name for meanings in _MEANINGS.values() for name in meanings}
    return [name for name in scopes.ALL if name in held and name not in known]
