"""The scopes that a key can have, in the order of the contract."""

from mailrith_lite import errors

ALL = (
    "analytics:read",
    "live_actions:write",
    "subscribers:read",
    "subscribers:write",
    "subscribers:import",
    "subscribers:export",
    "segments:read",
    "segments:write",
    "tags:read",
    "tags:write",
    "forms:read",
    "forms:write",
    "form_submissions:read",
    "landing_pages:read",
    "landing_pages:write",
    "landing_page_submissions:read",
    "broadcasts:read",
    "broadcasts:write",
    "sequences:read",
    "sequences:write",
    "magic_links:read",
    "magic_links:write",
    "automations:read",
    "automations:write",
    "workspace:read",
    "email_delivery_connections:read",
    "email_delivery_connections:write",
    "email_templates:read",
    "email_templates:write",
    "custom_fields:read",
    "custom_fields:write",
    "webhooks:read",
    "webhooks:write",
)


def require(key_scopes: tuple[str, ...], required: tuple[str, ...]) -> None:
    """
    Raises:
        InsufficientScope: the key lacks a required scope.
    """
    missing = [scope for scope in required if scope not in key_scopes]
    if missing:
        raise errors.InsufficientScope(required, missing, key_scopes)
