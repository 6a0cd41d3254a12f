"""The refusal of a search or count of subscribers, when a workspace has too many of them at the same time."""

from mailrith_lite import errors


def too_many(most: int) -> errors.RateLimited:
    return errors.RateLimited(
        f"{most:,} searches and counts of this workspace run or wait; send the next one when some are done.",
        code="too_many_searches",
    )
