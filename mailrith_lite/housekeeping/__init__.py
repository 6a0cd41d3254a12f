"""The background tasks: what has expired, people who were deleted, and the indexes."""

from mailrith_lite.housekeeping.tasks import delete_expired, erase_deleted, update_indexes

__all__ = ["delete_expired", "erase_deleted", "update_indexes"]
