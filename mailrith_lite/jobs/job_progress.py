"""How far a job is. Nothing here needs the database, so that commands of the command line start quickly."""

import msgspec


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """The counts of all kinds of job; `JobKind.counts` names those of a kind.

    Each row that an import has processed is created, updated, unchanged or rejected; a row with a warning is one of
    these, too. Each person that an undo has processed is restored, deleted or skipped; each of a bulk change is
    changed, unchanged or skipped. `rows_total` is None until the rows are counted.
    """

    rows_total: int | None = None
    rows_processed: int = 0
    created_count: int = 0
    updated_count: int = 0
    unchanged_count: int = 0
    rejected_count: int = 0
    warning_count: int = 0
    restored_count: int = 0
    deleted_count: int = 0
    skipped_count: int = 0
    changed_count: int = 0
