"""Temporary failures: the job returns to the queue unchanged, and continues when they are over."""

from mailrith_lite import disk, errors


def is_temporary(error: BaseException) -> bool:
    """Whether the disk is full, another program holds a lock, or the process has no file descriptor left."""
    temporary = isinstance(error, errors.StorageFull | errors.DatabaseBusy)
    return temporary or disk.is_full(error) or disk.is_out_of_descriptors(error)
