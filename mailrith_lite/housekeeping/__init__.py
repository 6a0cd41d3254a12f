"""The background tasks: what has expired, people who were deleted, and the indexes."""

from mailrith_lite.housekeeping.tasks import start

__all__ = ["start"]
