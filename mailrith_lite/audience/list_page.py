"""A page of a list of tags, custom fields, sequences or segments, newest first."""

from typing import Any

from mailrith_lite.database import MAX_ID
from mailrith_lite.unicode_forms import fold


def parameters(workspace_id: int, search: str | None, before_id: int | None, limit: int) -> dict[str, Any]:
    """Of the page's query: `:workspace_id`, `:search` (folded, or NULL), `:before_id` and `:limit`."""
    return {
        "workspace_id": workspace_id,
        "search": search and fold(search.strip()),
        "before_id": before_id or MAX_ID,
        "limit": limit,
    }
