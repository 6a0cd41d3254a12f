-- One change of many subscribers, as a job.

-- Without this, the rename below refuses triggers that name `jobs`, which does not exist at that moment.
PRAGMA legacy_alter_table = ON;

CREATE TABLE jobs_with_bulk_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    kind TEXT NOT NULL CHECK (kind IN ('import', 'export', 'undo', 'bulk_change')),
    status TEXT NOT NULL CHECK (status IN ('Queued', 'Processing', 'Completed', 'Failed')),
    error_message TEXT,
    request_id TEXT NOT NULL, -- of the request that submitted the job, to find it in the log
    deaths INTEGER NOT NULL DEFAULT 0, -- how often the process died since the last checkpoint
    rows_total INTEGER,
    rows_processed INTEGER NOT NULL DEFAULT 0,
    created_count INTEGER NOT NULL DEFAULT 0,
    updated_count INTEGER NOT NULL DEFAULT 0,
    unchanged_count INTEGER NOT NULL DEFAULT 0,
    rejected_count INTEGER NOT NULL DEFAULT 0,
    warning_count INTEGER NOT NULL DEFAULT 0,
    restored_count INTEGER NOT NULL DEFAULT 0,
    deleted_count INTEGER NOT NULL DEFAULT 0,
    skipped_count INTEGER NOT NULL DEFAULT 0,
    changed_count INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    deleted_at INTEGER, -- hidden from then on; the housekeeping deletes its rows
    dry_run INTEGER NOT NULL DEFAULT 0, -- nothing is applied; the counts say what would be
    parent_job_id INTEGER, -- the import whose mappings, tags and options an import has taken over
    CONSTRAINT one_fate_a_row CHECK (
        kind <> 'import'
        OR rows_processed = created_count + updated_count + unchanged_count + rejected_count
    ),
    CONSTRAINT one_fate_a_person CHECK (CASE kind
        WHEN 'undo' THEN rows_processed = restored_count + deleted_count + skipped_count
        WHEN 'bulk_change' THEN rows_processed = changed_count + unchanged_count + skipped_count
        ELSE true END
    ),
    CONSTRAINT completed_means_every_row CHECK (status <> 'Completed' OR rows_processed IS rows_total),
    CONSTRAINT final_means_completed_at CHECK ((status IN ('Completed', 'Failed')) = (completed_at IS NOT NULL))
);

INSERT INTO jobs_with_bulk_changes (id, workspace_id, kind, status, error_message, request_id, deaths, rows_total,
    rows_processed, created_count, updated_count, unchanged_count, rejected_count, warning_count, restored_count,
    deleted_count, skipped_count, created_at, updated_at, started_at, completed_at, deleted_at, dry_run, parent_job_id)
SELECT id, workspace_id, kind, status, error_message, request_id, deaths, rows_total,
    rows_processed, created_count, updated_count, unchanged_count, rejected_count, warning_count, restored_count,
    deleted_count, skipped_count, created_at, updated_at, started_at, completed_at, deleted_at, dry_run, parent_job_id
FROM jobs;

-- An integer of a deleted job must not be given out again.
DELETE FROM sqlite_sequence WHERE name = 'jobs_with_bulk_changes';
INSERT INTO sqlite_sequence (name, seq) SELECT 'jobs_with_bulk_changes', seq FROM sqlite_sequence WHERE name = 'jobs';
DROP TABLE jobs;
ALTER TABLE jobs_with_bulk_changes RENAME TO jobs;

CREATE INDEX jobs_newest ON jobs (workspace_id, kind, id);
CREATE INDEX jobs_open ON jobs (status, workspace_id, kind, id) WHERE completed_at IS NULL;
CREATE INDEX jobs_deleted ON jobs (id) WHERE deleted_at IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (completed_at) WHERE completed_at IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE changes_with_bulk (
    id INTEGER PRIMARY KEY AUTOINCREMENT, -- in the order of the transactions
    workspace_id INTEGER NOT NULL REFERENCES workspaces (id),
    source TEXT NOT NULL CHECK (source IN ('api', 'console', 'command', 'import', 'undo', 'bulk_change')),
    key_id INTEGER, -- that of the request or of the console session. No reference: the history outlives keys
    job_id INTEGER REFERENCES jobs (id) ON DELETE CASCADE,
    occurred_at INTEGER NOT NULL,
    details TEXT, -- JSON: what happened to each of its subscribers, where it is the same for all
    keeps_values INTEGER NOT NULL DEFAULT 0 -- 1: subscriber_changes has values that end with undo_ttl
);

INSERT INTO changes_with_bulk (id, workspace_id, source, key_id, job_id, occurred_at, details, keeps_values)
SELECT id, workspace_id, source, key_id, job_id, occurred_at, details, keeps_values FROM changes;

DELETE FROM sqlite_sequence WHERE name = 'changes_with_bulk';
INSERT INTO sqlite_sequence (name, seq) SELECT 'changes_with_bulk', seq FROM sqlite_sequence WHERE name = 'changes';
DROP TABLE changes;
ALTER TABLE changes_with_bulk RENAME TO changes;

CREATE INDEX changes_by_job ON changes (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX changes_with_values ON changes (occurred_at) WHERE keeps_values;

PRAGMA legacy_alter_table = OFF;

CREATE TABLE bulk_changes (
    job_id INTEGER PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    action TEXT NOT NULL CHECK (action IN
        ('add_tag', 'remove_tag', 'add_to_sequence', 'remove_from_sequence', 'unsubscribe', 'erase', 'undo_bulk_change')),
    target_id INTEGER, -- the tag or the sequence, or the bulk change that an undo takes back. No reference
    filter TEXT, -- JSON: who is changed. NULL: whom subscriber_ids lists, or whom the undone job has changed
    subscriber_ids TEXT, -- a JSON list of integers, in ascending order
    expected_count INTEGER, -- nobody is changed if the people are not so many at the start
    last_id INTEGER NOT NULL, -- people with a higher id are newer than the job
    after_id INTEGER NOT NULL DEFAULT 0, -- the checkpoint: the last subscriber that was looked at
    undone_by INTEGER, -- the completed undo of this job
    CONSTRAINT target_of_action CHECK ((target_id IS NULL) = (action IN ('unsubscribe', 'erase'))),
    CONSTRAINT one_way_to_say_who CHECK (
        (filter IS NOT NULL) + (subscriber_ids IS NOT NULL) + (action = 'undo_bulk_change') = 1
    )
);

CREATE INDEX bulk_changes_by_undone ON bulk_changes (target_id) WHERE action = 'undo_bulk_change';

-- Whom a bulk change has not looked at, because they do not exist or have been changed since.
CREATE TABLE bulk_skips (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    subscriber_id INTEGER NOT NULL,
    reason TEXT NOT NULL CHECK (reason IN ('not_found', 'changed_since')),
    PRIMARY KEY (job_id, subscriber_id)
) WITHOUT ROWID;
